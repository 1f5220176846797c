package debug_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/debug"
)

// The plan's page shows budgets, and which are not kept.
func TestBudgets(t *testing.T) {
	h := debug.New(debug.Options{})
	h.Tick(coordinator.Tick{Plan: coordinator.Plan{Budgets: []coordinator.BudgetPlan{
		{Budget: hostile, Resource: "gpus", Limit: 4, Wanted: 9, Used: 5, Held: 5}, {Budget: "all", Limit: 7, Wanted: 6, Used: 6},
	}}})
	var page struct {
		Budgets []struct {
			Budget, Resource          string
			Limit, Wanted, Used, Held int
		}
	}
	read(t, h, "/plan.json", &page)
	require.Len(t, page.Budgets, 2)
	require.Equal(t, []any{hostile, "gpus", 4, 9, 5, 5}, []any{page.Budgets[0].Budget, page.Budgets[0].Resource, page.Budgets[0].Limit, page.Budgets[0].Wanted, page.Budgets[0].Used, page.Budgets[0].Held})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/plan", nil))
	require.Contains(t, w.Body.String(), `<span class="soft">replicas</span>`)
	require.Contains(t, w.Body.String(), `<span class="short">5</span>`, "beyond its limit")
	require.NotContains(t, w.Body.String(), "<script>")
}

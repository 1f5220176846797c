package debug_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/coordinator/debug"
	"github.com/bellows-go/bellows/policy"
)

// The overview shows services, the timeline what changed them, and a form
// freezes them.
func TestServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		planner, err := coordinator.NewPlanner(coordinator.Declarations{Services: []coordinator.Service{
			{Name: hostile, Min: 1, Max: 9, Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 2}}, {Name: "scheduler", Replicas: 1},
		}}, coordinator.PlannerOptions{})
		require.NoError(t, err)
		fleet := coordinatortest.NewFleet(nil, nil, nil, coordinatortest.FleetService{Name: hostile, Replicas: 1, Start: time.Minute}, coordinatortest.FleetService{Name: "scheduler"})
		loop, err := coordinator.New(planner, fleet, fleet, coordinator.Options{})
		require.NoError(t, err)
		r := &rig{t, fleet, loop, debug.New(debug.Options{Authorize: func(*http.Request) error { return nil }})}
		r.pages.Watch(loop)
		fleet.Arrive(hostile, 6)
		r.tick(1)
		fleet.Inject(coordinatortest.Faults{UnreachableServices: []string{"scheduler"}})
		r.tick(1)

		var page struct {
			Services []struct {
				Service                       string
				Was, Desired, Ready, Starting int
				Unseen                        bool
				Reason, Signal, Quality       string
				Load                          float64
				Frozen                        *time.Time
			}
		}
		read(t, r.pages, "/models.json", &page)
		require.Len(t, page.Services, 2)
		one, other := page.Services[0], page.Services[1]
		require.Equal(t, []any{hostile, 3, 3, 1, 2, false, "within tolerance", "in_flight", "ok", 6.0}, []any{one.Service, one.Was, one.Desired, one.Ready, one.Starting, one.Unseen, one.Reason, one.Signal, one.Quality, one.Load})
		require.Equal(t, []any{"scheduler", 1, 0, true, "fixed count", ""}, []any{other.Service, other.Desired, other.Ready, other.Unseen, other.Reason, other.Quality})
		read(t, r.pages, "/models.json?q=sched", &page)
		require.Len(t, page.Services, 1)
		require.Contains(t, lines(t, r.pages), line{1, "service", hostile, 1, 3, "target ratio 1->3", 1})

		html := r.get("/")
		require.Contains(t, html, "<h2>Services</h2>")
		require.NotContains(t, html, "<script>")
		require.Contains(t, html, `<input type="hidden" name="kind" value="service">`)
		require.Contains(t, r.get("/timeline"), `<span class="soft">service</span>`)

		answer := r.do(http.MethodPost, "/freeze", "kind=service&name=scheduler&do=freeze&for=1h")
		require.Equal(t, []any{http.StatusSeeOther, "./"}, []any{answer.Code, answer.Header().Get("Location")})
		read(t, r.pages, "/models.json", &page)
		require.Nil(t, page.Services[0].Frozen)
		require.NotNil(t, page.Services[1].Frozen)
		require.Equal(t, http.StatusNotFound, r.do(http.MethodPost, "/freeze", "kind=model&name=scheduler&do=freeze&for=1h").Code)
	})
}

// Of services that are not declared, only what the plan says is shown.
func TestServicesWithoutDeclarations(t *testing.T) {
	h := debug.New(debug.Options{})
	h.Tick(coordinator.Tick{Plan: coordinator.Plan{Services: []coordinator.ServicePlan{{Service: "a", Desired: 2, Readings: make([]policy.Reading, 1)}}}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.True(t, strings.Contains(w.Body.String(), `rowheader">a</th>`), w.Body.String())
	require.NotContains(t, w.Body.String(), "Freeze")
}

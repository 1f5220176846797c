package debug_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/debug"
	"github.com/bellows-go/bellows/policy"
)

// A model's page shows what its shadows would decide, and how often they differ.
func TestShadows(t *testing.T) {
	r := newRig(t, debug.Options{})
	d := r.loop.Declarations()
	d.Models = slices.Clone(d.Models)
	d.Models[0].Shadows = []coordinator.Shadow{{Name: hostile, Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 1}}}
	require.NoError(t, r.loop.Update(d))
	r.pages.Tick(r.loop.Tick(t.Context()))
	r.fleet.Arrive("llama", 4)
	r.pages.Tick(r.loop.Tick(t.Context()))
	var page struct {
		Desired int
		Shadows []struct {
			Shadow, Reason      string
			Desired, Differs    int
			Asked, Above, Below int
			Readings            []struct {
				Signal string
				Value  float64
			}
		}
	}
	read(t, r.pages, "/model.json?name=llama", &page)
	require.Len(t, page.Shadows, 1)
	x := page.Shadows[0]
	require.Equal(t, []any{2, hostile, 4, 2, "target ratio 1->4"}, []any{page.Desired, x.Shadow, x.Desired, x.Differs, x.Reason})
	require.Equal(t, []int{2, 1, 0}, []int{x.Asked, x.Above, x.Below})
	require.Equal(t, "in_flight", x.Readings[0].Signal)
	html := r.get("/model?name=llama")
	require.Contains(t, html, `<span class="badge up">+2</span>`)
	require.Contains(t, html, "50.0 % more, 0.0 % fewer, of 2")
	require.NotContains(t, html, "<script>")
	require.NotContains(t, r.get("/model?name="+"%3Cscript%3Ealert(1)%3C/script%3E"), "What shadows would decide")
}

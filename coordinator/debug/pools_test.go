package debug_test

import (
	"net/url"
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

// Of a pool the pages show what its policy decided and why, which server retires,
// what is to spare and which copies are extra; of a model, that it is resident.
func TestPools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		track := policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 2}
		d := coordinator.Declarations{Groups: []coordinator.ServerGroup{{
			Name: "pool", Capacity: coordinator.Resources{"gib": 4}, Overcommit: map[string]float64{"gib": 0.5}, Min: 1, Max: 4,
			Pool: &coordinator.Pool{Slots: 2, Policy: track},
		}}}
		behave := []coordinatortest.FleetModel{{Name: hostile, Load: time.Second, Memory: 3}, {Name: "small", Load: time.Second, Memory: 3}}
		for _, m := range behave {
			d.Models = append(d.Models, coordinator.Model{Name: m.Name, Group: "pool", Needs: coordinator.Resources{"gib": 3}, Min: 1, Max: 4, Policy: track})
		}
		planner, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
		require.NoError(t, err)
		fleet := coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{{Name: "pool", Servers: 3, Boot: time.Second, Memory: 4, Overcommit: 0.5}}, behave)
		loop, err := coordinator.New(planner, fleet, fleet, coordinator.Options{})
		require.NoError(t, err)
		r := &rig{t, fleet, loop, debug.New(debug.Options{})}
		r.pages.Watch(loop)
		fleet.Arrive("small", 3)
		r.tick(8)
		tick := r.loop.Tick(t.Context())
		one, other := &tick.Plan.Models[0], &tick.Plan.Models[1]
		require.Equal(t, []int{0, 0}, []int{one.Extra, other.Extra})
		one.Extra, other.Extra, one.Resident = 1, 2, tick.Plan.At
		tick.Plan.Groups[0].Retiring = []string{"pool-0001"}
		r.pages.Tick(tick)

		type pool struct {
			Slots, Desired, Extra int
			Reason                string
			Steps                 []struct{ Reason string }
			Readings              []struct {
				Signal string
				Value  float64
			}
			Retiring, Resident []string
			Room               []struct {
				Resource       string
				Used, Capacity int64
			}
		}
		var page struct {
			Groups []struct {
				Pool  *pool
				Shown []struct {
					Server   string
					Retiring bool
				}
			}
		}
		read(t, r.pages, "/servers.json", &page)
		require.Len(t, page.Groups, 1)
		got := page.Groups[0].Pool
		require.NotNil(t, got)
		require.Equal(t, []any{2, 2, "target ratio"}, []any{got.Slots, got.Desired, got.Reason})
		require.Equal(t, "in_flight", got.Readings[0].Signal)
		require.Equal(t, 3.0, got.Readings[0].Value)
		require.Equal(t, []string{"target ratio"}, []string{got.Steps[0].Reason})
		require.Equal(t, []any{3, []string{"pool-0001"}, []string{hostile}}, []any{got.Extra, got.Retiring, got.Resident})
		require.Len(t, got.Room, 1)
		require.Equal(t, []any{"gib", int64(6), int64(6)}, []any{got.Room[0].Resource, got.Room[0].Used, got.Room[0].Capacity}, "4 overcommitted by half, on the server that stays")
		require.Equal(t, []bool{false, true}, []bool{page.Groups[0].Shown[0].Retiring, page.Groups[0].Shown[1].Retiring})

		html := main(t, r.get("/servers"))
		require.Contains(t, html, `A pool, whose policy wants 2: target ratio; 3 <span class="soft">in_flight</span>`)
		require.Contains(t, html, `<dt>gib to spare</dt><dd>0 <span class="soft">of 6</span></dd>`)
		require.Contains(t, html, `<dt>extra copies</dt><dd>3</dd>`)
		require.Equal(t, 1, strings.Count(html, `<span class="badge down">retiring</span>`))
		require.Contains(t, html, "pool-0001: up, retiring, ")
		require.Contains(t, html, "Given memory of their own")
		require.NotContains(t, html, "<script")
		require.Contains(t, main(t, r.get("/")), `<span class="soft">2 extra</span>`)
		html = main(t, r.get("/model?name="+url.QueryEscape(hostile)))
		require.Contains(t, html, `<span class="badge warn">resident</span> since <time`)
		require.Contains(t, html, `<dt>Extra</dt><dd>1</dd>`)
		var twin struct {
			Extra    int
			Resident *time.Time
		}
		read(t, r.pages, "/model.json?name=small", &twin)
		require.Equal(t, 2, twin.Extra)
		require.Nil(t, twin.Resident)
	})
}

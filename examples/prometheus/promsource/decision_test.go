package promsource_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/prometheus/promsource"
	"github.com/bellows-go/bellows/policy"
)

// A stage is a fleet in memory whose load is known from Prometheus alone: two
// routers count its requests, a real server scrapes both.
type stage struct {
	t       *testing.T
	fleet   *coordinatortest.Fleet
	routers [2]*router
	loop    *coordinator.Coordinator
	kill    func() // ends the server
}

// model is llama, of which each replica serves four requests at once.
func newStage(t *testing.T, query promsource.Query) *stage {
	s := &stage{t: t, routers: [2]*router{newRouter(), newRouter()}}
	for _, r := range s.routers {
		t.Cleanup(r.Close)
	}
	prom := server(t, s.routers[0].address(), s.routers[1].address())
	s.kill = prom.Kill
	source, err := promsource.New(promsource.Options{URL: prom.URL, Queries: []promsource.Query{query}, Stale: 3 * time.Second})
	require.NoError(t, err)
	t.Cleanup(source.Close)
	s.fleet = coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{{Name: "gpu", Servers: 1}}, []coordinatortest.FleetModel{{Name: "llama"}})
	planner, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 8}},
		Models: []coordinator.Model{{
			Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 1, Max: 8,
			Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 4},
		}},
	}, coordinator.PlannerOptions{Stale: 3 * time.Second})
	require.NoError(t, err)
	s.loop, err = coordinator.New(planner, source, s.fleet, coordinator.Options{ReadTimeout: 10 * time.Second})
	require.NoError(t, err)
	return s
}

// load sets what each router has in flight.
func (s *stage) load(a, b float64) {
	for i, v := range []float64{a, b} {
		s.routers[i].level.WithLabelValues("llama").Set(v)
	}
}

// until turns the loop until done says so; it fails the test after half a
// minute. Between turns it waits for time to pass in the server.
func (s *stage) until(what string, done func(coordinator.Tick) bool) coordinator.Tick {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	for {
		tick := s.loop.Tick(ctx)
		if done(tick) {
			return tick
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			s.t.Fatalf("%s: never; now %+v, %v", what, tick.Plan.Models[0], tick.Err())
		}
	}
}

// serving is how many replicas serve, for until.
func serving(n int) func(coordinator.Tick) bool {
	return func(t coordinator.Tick) bool { return t.Plan.Models[0].Ready == n && t.Plan.Models[0].Desired == n }
}

// holds turns the loop a few times and requires that replicas and servers stay.
func (s *stage) holds(replicas int) {
	s.t.Helper()
	before := s.fleet.World()
	for range 5 {
		tick := s.loop.Tick(s.t.Context())
		require.Equal(s.t, replicas, tick.Plan.Models[0].Desired)
		require.Empty(s.t, tick.Plan.Now)
	}
	require.Len(s.t, s.fleet.World().Groups[0].Servers, len(before.Groups[0].Servers))
}

func reads(q policy.Quality) func(coordinator.Tick) bool {
	return func(t coordinator.Tick) bool { return t.Plan.Models[0].Readings[0].Quality == q }
}

// Scrape, query, decision; then the targets die, then the server: nothing shrinks.
func TestDecision(t *testing.T) {
	t.Parallel()
	s := newStage(t, promsource.Query{
		Name: policy.InFlight, Label: "model", Expr: `sum by (model) (requests_in_flight)`,
		Stamp: `min by (model) (timestamp(requests_in_flight))`, Sources: `up{job="bellows"}`,
	})
	s.load(7, 5)
	tick := s.until("three replicas for twelve requests", serving(3))
	require.Equal(t, 12.0, tick.Plan.Models[0].Readings[0].Value)
	s.load(18, 6)
	s.until("six for 24", serving(6))
	s.load(3, 1)
	s.until("one for four: when all are seen it shrinks", serving(1))
	s.load(10, 10)
	s.until("five for twenty", serving(5))

	s.routers[1].Close()
	tick = s.until("one router is dead", reads(policy.Partial))
	r := tick.Plan.Models[0].Readings[0]
	require.Equal(t, [2]int32{1, 2}, [2]int32{r.Answered, r.Of})
	s.until("and its half of the load is out of sight", func(t coordinator.Tick) bool { return t.Plan.Models[0].Readings[0].Value == 10 })
	s.holds(5)

	s.routers[0].Close()
	tick = s.until("both are: an empty vector", reads(policy.Missing))
	require.NoError(t, tick.ReadErr, "which is no error")
	s.holds(5)

	s.kill()
	tick = s.until("the server is", reads(policy.Failed))
	require.ErrorContains(t, tick.ReadErr, "connection refused")
	s.holds(5)
}

// With an origin per router and raw samples a router that dies is noticed by its
// age, and by the planner.
func TestDecisionByOrigin(t *testing.T) {
	t.Parallel()
	s := newStage(t, promsource.Query{Name: policy.InFlight, Label: "model", Origin: "instance", Expr: `requests_in_flight[10s]`})
	s.load(7, 5)
	s.until("three replicas for twelve requests", serving(3))
	s.routers[1].Close()
	tick := s.until("one router is dead", reads(policy.Partial))
	r := tick.Plan.Models[0].Readings[0]
	require.Equal(t, [2]int32{1, 2}, [2]int32{r.Answered, r.Of})
	s.holds(3)
	s.routers[0].level.WithLabelValues("llama").Set(20)
	s.until("what is seen may raise the count: 20, and 5 as last heard", serving(7))
	s.kill()
	s.until("the server is dead", reads(policy.Failed))
	s.holds(7)
}

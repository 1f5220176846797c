package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

func TestUsefulReplicas(t *testing.T) {
	for _, c := range []struct{ things, consumers, partitions, want int }{
		{3, 100, 4, 12},
		{250, 100, 4, 400},
		{250, 0, 4, 1000}, // without limit
		{250, -1, 4, 1000},
		{0, 100, 4, 1},  // nothing to serve yet; 0 would be not known
		{3, 100, 0, 0},  // the partitions are not known
		{3, 100, -1, 0}, //
		{-1, 100, 4, 0}, //
		{math.MaxInt, 0, 2, math.MaxInt},
		{math.MaxInt, 0, 1, math.MaxInt},
		{math.MaxInt/2 + 1, 0, 2, math.MaxInt},
		{math.MaxInt / 2, 0, 2, math.MaxInt - 1},
		{1, 1, math.MaxInt, math.MaxInt},
	} {
		require.Equal(t, c.want, coordinator.UsefulReplicas(c.things, c.consumers, c.partitions), "%+v", c)
	}
}

func ExampleUsefulReplicas() {
	// 40 pipelines, at most 100 consumer groups, 4 partitions of each topic.
	fmt.Println(coordinator.UsefulReplicas(40, 100, 4))
	// Output: 160
}

func TestServiceFaults(t *testing.T) {
	for _, c := range []struct {
		service coordinator.Service
		want    []string
	}{
		{coordinator.Service{Name: "x", Replicas: 1}, nil},
		{coordinator.Service{Name: "x", Replicas: 2, Policy: track}, nil},
		{coordinator.Service{Name: "x", Max: 3, Policy: track}, nil},
		{coordinator.Service{}, []string{"Services[0].Name: must not be empty", "Services[0].Replicas: must be >= 1 where Min and Max are 0, is 0"}},
		{coordinator.Service{Name: "x", Replicas: 2_000_000}, []string{"Services[0].Replicas: must be <= 1000000, is 2000000"}},
		{coordinator.Service{Name: "x", Min: 1, Max: 3, Replicas: 2}, []string{"Services[0].Replicas: must be 0 beside Min and Max, is 2", "Services[0].Policy: must be set"}},
		{coordinator.Service{Name: "x", Min: 4, Max: 3, Policy: track}, []string{"Services[0].Max: must be >= Min 4, is 3"}},
		{coordinator.Service{Name: "x", Min: -1, Policy: track}, []string{"Services[0].Min: must be >= 0, is -1", "Services[0].Max: must be >= 1, is 0"}},
		{
			coordinator.Service{Name: "x", Replicas: 1, Slots: -1, StartTime: -1, Useful: -1, Policy: policy.Track{}},
			[]string{"Services[0].Slots: must be >= 0, is -1", "Services[0].StartTime: must be >= 0, is -1ns", "Services[0].Useful: must be >= 0, is -1", "Services[0].Policy.Value"},
		},
		{
			coordinator.Service{Name: "x", Max: 1, Policy: policy.Track{Signal: policy.Signal{Name: "a", Stat: policy.Mean, Window: 25 * time.Hour}, Value: 1}},
			[]string{"Services[0].Policy: asks for mean(a[25h0m0s]), beyond the longest window 24h0m0s"},
		},
	} {
		err := coordinator.Declarations{Services: []coordinator.Service{c.service}}.Validate()
		if len(c.want) == 0 {
			require.NoError(t, err)
		}
		for _, want := range c.want {
			require.ErrorContains(t, err, want)
		}
	}
	twice := []coordinator.Service{{Name: "x", Replicas: 1}, {Name: "x", Replicas: 1}}
	require.EqualError(t, coordinator.Declarations{Services: twice}.Validate(), `Services[1].Name: "x" stands twice`)
}

var gatewayID = coordinator.TargetID{Kind: coordinator.TargetService, Name: "gateway"}

// gateway is a planner of one service that keeps ten in flight on each replica,
// and a world in which there are n of them.
type gateway struct {
	*coordinator.Planner
	coordinator.Snapshot
}

func newGateway(t testing.TB, n int, change func(*coordinator.Service)) *gateway {
	s := coordinator.Service{Name: "gateway", Min: 1, Max: 9, Policy: perReplica(10), StartTime: 5 * time.Second}
	if change != nil {
		change(&s)
	}
	p, err := coordinator.NewPlanner(coordinator.Declarations{Services: []coordinator.Service{s}}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	g := &gateway{Planner: p, Snapshot: coordinator.Snapshot{Now: epoch}}
	g.World.Services = []coordinator.ServiceState{{Name: "gateway", Desired: n, Ready: n, Generation: 4, Version: "v"}}
	return g
}

// at plans with a load, two seconds later; NaN is none.
func (g *gateway) at(load float64) string {
	g.Now = g.Now.Add(2 * time.Second)
	g.Samples = nil
	if !math.IsNaN(load) {
		g.Samples = []coordinator.Sample{{Series: coordinator.Series{Target: gatewayID, Name: policy.InFlight}, Value: load, At: g.Now, Quality: policy.OK}}
	}
	return tellServices(g.Plan(g.Snapshot))
}

// tellServices renders what a plan has about services.
func tellServices(p coordinator.Plan) (text string) {
	for _, s := range p.Services {
		text += fmt.Sprintf("%s %d->%d ready=%d starting=%d unseen=%v %v", s.Service, s.Was, s.Desired, s.Ready, s.Starting, s.Unseen, s.Decision)
	}
	for _, a := range p.Now {
		text += fmt.Sprintf(" | %v %d/%d if %s: %v", a, a.Epoch, a.Generation, a.IfVersion, a.Why)
	}
	for _, f := range p.Faults {
		text += " | " + f
	}
	return text
}

func TestServiceCounts(t *testing.T) {
	none := math.NaN()
	useful := func(s *coordinator.Service) { s.Useful = 3 }
	for _, c := range []struct {
		name   string
		there  int
		change func(*coordinator.Service)
		loads  []float64 // one a plan; the last one's is told
		want   string
	}{
		{
			"grows", 2, nil,
			[]float64{20, 40},
			"gateway 2->4 ready=2 starting=0 unseen=false 4: target ratio 2->4 | scale service gateway to 4 0/5 if v: count decided (have 2, want 4): target ratio 2->4",
		},
		{
			"shrinks", 4, nil,
			[]float64{40, 20},
			"gateway 4->2 ready=4 starting=0 unseen=false 2: target ratio 4->2 | scale service gateway to 2 0/5 if v: count decided (have 4, want 2): target ratio 4->2",
		},
		{"as it should be", 4, nil, []float64{40, 40}, "gateway 4->4 ready=4 starting=0 unseen=false 4: within tolerance"},
		{"nothing shrinks at first sight", 4, nil, []float64{20}, "gateway 4->4 ready=4 starting=0 unseen=false 4: target ratio 4->2; first sight 2->4"},
		{"silence", 4, nil, []float64{40, none}, "gateway 4->4 ready=4 starting=0 unseen=false 4: signal not ok"},
		{"bounds", 2, nil, []float64{20, 400}, "gateway 2->9 ready=2 starting=0 unseen=false 9: target ratio 2->40; above max 40->9 | scale service gateway to 9 0/5 if v: count decided (have 2, want 9): target ratio 2->40; above max 40->9"},
		{"useful", 2, useful, []float64{20, 60}, "gateway 2->3 ready=2 starting=0 unseen=false 3: target ratio 2->6; beyond useful 6->3 | scale service gateway to 3 0/5 if v: count decided (have 2, want 3): target ratio 2->6; beyond useful 6->3"},
		{"as much as is useful", 2, useful, []float64{20, 30}, "gateway 2->3 ready=2 starting=0 unseen=false 3: target ratio 2->3 | scale service gateway to 3 0/5 if v: count decided (have 2, want 3): target ratio 2->3"},
		{"useful is never below min", 5, func(s *coordinator.Service) { s.Useful, s.Min = 3, 5 }, []float64{50, 60}, "gateway 5->5 ready=5 starting=0 unseen=false 5: target ratio 5->6; beyond useful 6->5"},
		{"useful at first sight", 5, useful, []float64{50}, "gateway 3->3 ready=5 starting=0 unseen=false 3: within tolerance | scale service gateway to 3 0/5 if v: count decided (have 5, want 3): within tolerance"},
		{
			"a singleton", 2, func(s *coordinator.Service) { *s = coordinator.Service{Name: "gateway", Replicas: 1} },
			[]float64{none},
			"gateway 1->1 ready=2 starting=0 unseen=false 1: fixed count | scale service gateway to 1 0/5 if v: count decided (have 2, want 1): fixed count",
		},
		{
			"a fixed count beside a policy", 2, func(s *coordinator.Service) { s.Min, s.Max, s.Replicas = 0, 0, 2 },
			[]float64{20, 40},
			"gateway 2->2 ready=2 starting=0 unseen=false 2: target ratio 2->4; above max 4->2",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t, c.there, c.change)
			var got string
			for _, load := range c.loads {
				got = g.at(load)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// What cannot be seen, or makes no sense, is held and never acted on.
func TestServiceUnseen(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*coordinator.World)
		fault  string
	}{
		{"unseen", func(w *coordinator.World) { w.Services, w.UnseenServices = nil, []string{"gateway"} }, ""},
		{"unseen, yet listed", func(w *coordinator.World) { w.UnseenServices = []string{"gateway"} }, ""},
		{"not in the world", func(w *coordinator.World) { w.Services = nil }, " | service gateway: not in the world, nor among the unseen"},
		{"twice", func(w *coordinator.World) { w.Services = append(w.Services, w.Services[0]) }, " | service gateway: listed twice"},
		{"less than nothing ready", func(w *coordinator.World) { w.Services[0].Ready = -1 }, " | service gateway: ready count -1"},
		{"too many ready", func(w *coordinator.World) { w.Services[0].Ready = 1_000_001 }, " | service gateway: ready count 1000001"},
		{"less than nothing desired", func(w *coordinator.World) { w.Services[0].Desired = -1 }, " | service gateway: desired count -1"},
		{"too many desired", func(w *coordinator.World) { w.Services[0].Desired = 1_000_001 }, " | service gateway: desired count 1000001"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t, 4, nil)
			c.change(&g.World)
			require.Equal(t, "gateway 0->0 ready=0 starting=0 unseen=true 0"+c.fault, g.at(10), "never seen")
			g = newGateway(t, 4, nil)
			g.at(40)
			c.change(&g.World)
			require.Equal(t, "gateway 4->4 ready=4 starting=0 unseen=true 4: count unknown"+c.fault, g.at(10))
		})
	}
	g := newGateway(t, 4, nil)
	g.World.Services = append(g.World.Services, coordinator.ServiceState{Name: "nobody's"})
	require.Equal(t, "gateway 4->4 ready=4 starting=0 unseen=false 4: within tolerance", g.at(40))
}

func TestServiceFreeze(t *testing.T) {
	g := newGateway(t, 2, nil)
	g.at(20)
	require.NoError(t, g.Freeze(gatewayID, g.Now.Add(3*time.Second)))
	require.Equal(t, "gateway 2->2 ready=2 starting=0 unseen=false 2: target ratio 2->4; frozen 4->2", g.at(40))
	require.Equal(t, map[coordinator.TargetID]time.Time{gatewayID: g.Now.Add(time.Second)}, g.Frozen())
	e, err := g.ExplainService("gateway")
	require.NoError(t, err)
	require.Equal(t, g.Now.Add(time.Second), e.Frozen)
	require.Contains(t, g.at(40), "gateway 2->4")
	require.Empty(t, g.Frozen())
	require.EqualError(t, g.Freeze(coordinator.TargetID{Name: "gateway"}, epoch), "coordinator: freeze: no model/gateway is declared")
	require.EqualError(t, g.Freeze(coordinator.TargetID{Kind: coordinator.TargetService, Name: "x"}, epoch), "coordinator: freeze: no service/x is declared")
}

func TestExplainService(t *testing.T) {
	g := newGateway(t, 2, func(s *coordinator.Service) { s.Useful = 4 })
	_, err := g.ExplainService("gateway")
	require.EqualError(t, err, `coordinator: explain: service "gateway" is in no plan yet`)
	_, err = g.ExplainService("x")
	require.EqualError(t, err, `coordinator: explain: no service "x" is declared`)
	g.at(20)
	g.at(60)
	e, err := g.ExplainService("gateway")
	require.NoError(t, err)
	require.Equal(t, []string{"2: within tolerance", "4: target ratio 2->6; beyond useful 6->4"}, texts(e.History))
	require.Equal(t, []string{"6 if useful were 6", "2 if in_flight were 18"}, texts(e.WhatIfs))
	require.Equal(t, []string{"scale service gateway to 4"}, texts(e.Now))
	require.Equal(t, []any{1, 9, 4, 60.0}, []any{e.Min, e.Max, e.Useful, e.Readings[0].Value})
	require.Equal(t, []policy.Signal{{Name: policy.InFlight}}, e.Signals)
	g.World.UnseenServices = []string{"gateway"}
	g.at(60)
	e, err = g.ExplainService("gateway")
	require.NoError(t, err)
	require.Empty(t, e.WhatIfs, "it is not seen")
}

// lookout is a policy that reports what it sees.
type lookout struct{ seen *[]policy.Observation }

func (lookout) Validate() error                    { return nil }
func (lookout) Needs() policy.Needs                { return policy.Needs{} }
func (l lookout) New(time.Time, int) policy.Policy { return l }
func (l lookout) Decide(o policy.Observation) policy.Decision {
	*l.seen = append(*l.seen, o)
	return o.Propose("lookout", 3)
}

// Replicas that are ordered count as starting, for as long as starts usually take;
// how long that is, is learned from the last order or loss.
func TestServiceStarts(t *testing.T) {
	var seen []policy.Observation
	g := newGateway(t, 1, func(s *coordinator.Service) { s.Policy, s.Slots = lookout{&seen}, 7 })
	state := &g.World.Services[0]
	look := func(seconds, desired, ready int) policy.Observation {
		g.Now = epoch.Add(time.Duration(seconds) * time.Second)
		state.Desired, state.Ready = desired, ready
		g.Plan(g.Snapshot)
		return seen[len(seen)-1]
	}
	o := look(2, 1, 1)
	require.Equal(t, []any{1, 1, 0, 7, 5 * time.Second}, []any{o.Current, o.Ready, o.Starting, o.Slots, o.Lead})
	o = look(4, 3, 1)
	require.Equal(t, []int{3, 3, 1, 2}, []int{o.Desired, o.Current, o.Ready, o.Starting})
	require.Equal(t, 2, look(19, 3, 1).Starting, "15 s are not too long")
	o = look(20, 3, 1)
	require.Equal(t, []int{1, 0}, []int{o.Current, o.Starting}, "16 s are more than three times 5 s")
	require.Zero(t, look(22, 3, 3).Starting)
	for i := range 3 { // each loses one and has it back 8 s later
		look(30+20*i, 3, 2)
		look(38+20*i, 3, 3)
	}
	o = look(100, 3, 3)
	require.Greater(t, o.Lead, 8*time.Second)
	require.Less(t, o.Lead, 30*time.Second)
	require.NotEqual(t, 5*time.Second, o.Lead)
}

// A planner without a history waits until all replicas were ready before it
// shrinks anything, but no longer than StartupWait.
func TestServiceFirstSight(t *testing.T) {
	g := newGateway(t, 4, nil)
	g.World.Services[0].Ready = 2
	require.Contains(t, g.at(40), "gateway 4->4 ready=2 starting=2", "those on their way count")
	require.Contains(t, g.at(10), "first sight 1->4")
	g.Now = g.Now.Add(10 * time.Minute)
	require.Contains(t, g.at(10), "1: target ratio 4->1")

	g = newGateway(t, 4, nil)
	g.World.Services[0].Ready = 2
	g.at(40)
	g.World.Services[0].Ready = 4
	g.at(40)
	g.World.Services[0].Ready = 3 // one crashed, which is no restart of ours
	require.Contains(t, g.at(10), "1: target ratio 4->1")
}

// What is declared anew keeps what is remembered.
func TestServiceUpdate(t *testing.T) {
	g := newGateway(t, 2, nil)
	g.at(20)
	g.at(40)
	s := coordinator.Service{Name: "gateway", Min: 1, Max: 3, Policy: perReplica(10)}
	require.Equal(t, []string{"gateway"}, g.Services())
	require.NoError(t, g.Update(coordinator.Declarations{Services: []coordinator.Service{s, {Name: "a", Replicas: 1}}}))
	require.Equal(t, []string{"a", "gateway"}, g.Services())
	require.Contains(t, g.at(40), "gateway 4->3 ready=2 starting=2 unseen=false 3: within tolerance; above max 4->3")
	s.Max, s.Policy = 9, always{N: 1}
	require.NoError(t, g.Update(coordinator.Declarations{Services: []coordinator.Service{s}}))
	require.Contains(t, g.at(40), "gateway 3->3")
	require.NoError(t, g.Update(coordinator.Declarations{}))
	require.Empty(t, g.at(40), "nobody declares it any more")
}

// Services are scaled beside groups, by the loop too, and what cannot be observed
// is unseen.
func TestLoopScalesServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := worlds["one"]
		d.Services = []coordinator.Service{{Name: "gateway", Min: 1, Max: 5, Policy: perReplica(10)}, {Name: "scheduler", Replicas: 1}}
		p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
		require.NoError(t, err)
		fleet := coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{{Name: "gpu"}}, []coordinatortest.FleetModel{{Name: "llama"}},
			coordinatortest.FleetService{Name: "gateway", Replicas: 1, Start: 3 * time.Second}, coordinatortest.FleetService{Name: "scheduler"})
		c, err := coordinator.New(p, fleet, fleet, coordinator.Options{})
		require.NoError(t, err)
		fleet.Arrive("gateway", 30)
		require.NoError(t, c.Tick(t.Context()).Err())
		<-time.After(4 * time.Second)
		w, err := fleet.Observe(t.Context())
		require.NoError(t, err)
		require.Equal(t, [4]int{3, 3, 1, 1}, [4]int{w.Services[0].Desired, w.Services[0].Ready, w.Services[1].Desired, w.Services[1].Ready})
		fleet.Finish("gateway", 25)
		fleet.Inject(coordinatortest.Faults{Observe: coordinatortest.ObserveFaults{Error: 1}})
		tick := c.Tick(t.Context())
		require.Equal(t, []bool{true, true}, []bool{tick.Plan.Services[0].Unseen, tick.Plan.Services[1].Unseen})
		require.Empty(t, tick.Plan.Now)
		require.Empty(t, tick.Plan.Faults)

		// One that fails is left in peace by itself.
		fleet.Inject(coordinatortest.Faults{UnreachableServices: []string{"gateway"}, Apply: coordinatortest.ApplyFaults{}})
		e, err := c.ExplainService("gateway")
		require.NoError(t, err)
		require.Equal(t, 3, e.Desired)
	})
}

// A service whose actions fail holds up no other, and is left in peace alone.
func TestServiceBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := coordinator.Declarations{Services: []coordinator.Service{{Name: "a", Replicas: 1}, {Name: "b", Replicas: 1}}}
		p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
		require.NoError(t, err)
		fleet := &refuses{Fleet: coordinatortest.NewFleet(nil, nil, nil, coordinatortest.FleetService{Name: "a"}, coordinatortest.FleetService{Name: "b"})}
		c, err := coordinator.New(p, fleet, fleet, coordinator.Options{})
		require.NoError(t, err)
		tick := c.Tick(t.Context())
		require.Len(t, tick.ApplyErrs, 2)
		require.ErrorContains(t, tick.ApplyErrs[0], "coordinator: scale service a to 1: no")
		require.NoError(t, tick.ApplyErrs[1])
		<-time.After(time.Second)
		tick = c.Tick(t.Context())
		require.Len(t, tick.ApplyErrs, 1, "b is as it should be")
		require.ErrorIs(t, tick.ApplyErrs[0], coordinator.ErrNotSent)
	})
}

// refuses is a fleet that refuses what is for the service a.
type refuses struct{ *coordinatortest.Fleet }

func (r refuses) Apply(ctx context.Context, a coordinator.Action) error {
	if a.Service == "a" {
		return errors.New("no")
	}
	return r.Fleet.Apply(ctx, a)
}

func TestServiceLint(t *testing.T) {
	d := coordinator.Declarations{Services: []coordinator.Service{
		{Name: "a", Min: 5, Max: 9, Useful: 4, StartTime: 30 * time.Second, Policy: policy.SeldonLag{Min: 1, CoolDown: 20 * time.Second}},
		{Name: "b", Replicas: 2, Policy: perReplica(1)},
		{Name: "c", Min: 4, Max: 9, Useful: 4, Policy: perReplica(1)},
		{Name: "d", Replicas: 2},
	}}
	require.NoError(t, d.Validate())
	require.Equal(t, []string{
		"Services[0].Useful: there are always 5 replicas, of which only 4 have work; lower the minimum",
		"Services[0].Policy.CoolDown: 20s is over before a new replica is ready, which takes 30s: the next step comes too early; make it longer than that",
		"Services[1].Policy: decides nothing: Replicas fixes the count; leave it out, or set Max",
		"Services[2].Policy.Tolerance: 0.1 of fewer than 10 replicas is less than one, and there are 9 at most: steps down by one replica are never held back; wait instead: Stabilize, Cooldown or FlapBudget",
	}, texts(coordinator.Lint(d, 10*time.Second)))
}

func TestServicePolicyPanics(t *testing.T) {
	g := newGateway(t, 2, func(s *coordinator.Service) {
		s.Policy = raw(func(policy.Observation) policy.Decision { panic("out of luck") })
	})
	require.Equal(t, "gateway 2->2 ready=2 starting=0 unseen=false 2: policy panicked | service gateway: policy: panic: out of luck", g.at(20))
}

// Plan.Clone shares nothing of services.
func TestServiceClone(t *testing.T) {
	g := newGateway(t, 2, nil)
	g.at(20)
	g.at(40)
	plan := g.Plan(g.Snapshot)
	kept, text := plan.Clone(), tellServices(plan)
	g.at(10)
	g.at(10)
	require.Equal(t, text, tellServices(kept))
	require.Equal(t, 40.0, kept.Services[0].Readings[0].Value)
}

package coordinator_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// stage is a fleet that does what its planner says, tick by tick.
type stage struct {
	*testing.T
	now     time.Time
	fleet   *coordinatortest.Fleet
	planner *coordinator.Planner
	plan    coordinator.Plan
}

func newStage(t *testing.T, d coordinator.Declarations, servers map[string]int) *stage {
	s := &stage{T: t, now: epoch}
	var groups []coordinatortest.FleetGroup
	for _, g := range d.Groups {
		groups = append(groups, coordinatortest.FleetGroup{Name: g.Name, Servers: servers[g.Name], Boot: 5 * time.Second, Zones: g.Zones, Ordinal: g.Removal == coordinator.Ordinal})
	}
	var models []coordinatortest.FleetModel
	for _, m := range d.Models {
		models = append(models, coordinatortest.FleetModel{Name: m.Name, Load: 3 * time.Second})
	}
	s.fleet = coordinatortest.NewFleet(func() time.Time { return s.now }, groups, models)
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	s.planner = p
	return s
}

// run lets n ticks go by, two seconds apart, and calls each with the world that
// each tick leaves.
func (s *stage) run(n int, each func(coordinator.World)) {
	ctx := context.Background()
	for range n {
		s.now = s.now.Add(2 * time.Second)
		w, _ := s.fleet.Observe(ctx)
		samples, _ := s.fleet.Read(ctx, s.planner.Wants(), nil)
		s.plan = s.planner.Plan(coordinator.Snapshot{Now: s.now, World: w, Samples: samples})
		for _, a := range s.plan.Now {
			require.NoError(s, s.fleet.Apply(ctx, a), "%v", a)
		}
		if w, _ = s.fleet.Observe(ctx); each != nil {
			each(w)
		}
	}
}

// serving lists what serves, as "model@version on server".
func serving(w coordinator.World) (list []string) {
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if r.Phase == coordinator.Serving {
					list = append(list, fmt.Sprintf("%s@%s on %s", r.Model, r.ModelVersion, s.Name))
				}
			}
		}
	}
	return list
}

func (s *stage) serving() []string {
	w, _ := s.fleet.Observe(context.Background())
	return serving(w)
}

func declared(replicas int, servers int, gib int64) coordinator.Declarations {
	return coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: servers}},
		Models: []coordinator.Model{{Name: "llama", Group: "gpu", Version: "v1", Needs: coordinator.Resources{"gib": gib}, Replicas: replicas}},
	}
}

// An old version serves until the new one does: no fewer serve at any time.
func TestRollingUpdate(t *testing.T) {
	d := declared(3, 4, 30)
	s := newStage(t, d, map[string]int{"gpu": 3})
	s.run(5, nil)
	require.Equal(t, []string{"llama@v1 on gpu-0000", "llama@v1 on gpu-0001", "llama@v1 on gpu-0002"}, s.serving())
	d.Models[0].Version = "v2"
	require.NoError(t, s.planner.Update(d))
	both := false
	s.run(10, func(w coordinator.World) {
		n := len(serving(w))
		require.GreaterOrEqual(t, n, 3)
		both = both || n > 3
	})
	require.True(t, both)
	require.Equal(t, []string{"llama@v2 on gpu-0000", "llama@v2 on gpu-0001", "llama@v2 on gpu-0002"}, s.serving())
}

// Without room for two versions nothing is replaced, and the plan says so;
// unless fewer are enough meanwhile.
func TestRollingUpdateWithoutRoom(t *testing.T) {
	d := declared(3, 3, 50)
	s := newStage(t, d, map[string]int{"gpu": 3})
	s.run(5, nil)
	d.Models[0].Version = "v2"
	require.NoError(t, s.planner.Update(d))
	s.run(10, nil)
	require.Equal(t, []string{"llama@v1 on gpu-0000", "llama@v1 on gpu-0001", "llama@v1 on gpu-0002"}, s.serving())
	require.Equal(t, "3 of llama refused: capacity (gpu-0000 lacks 20 of gib)", s.plan.Refused[0].Refusal.String())

	d.Models[0].MinReady = 2
	require.NoError(t, s.planner.Update(d))
	least := 3
	s.run(30, func(w coordinator.World) { least = min(least, len(serving(w))) })
	require.Equal(t, 2, least)
	require.Equal(t, []string{"llama@v2 on gpu-0000", "llama@v2 on gpu-0001", "llama@v2 on gpu-0002"}, s.serving())
	require.Empty(t, s.plan.Refused)
}

// What failed to load as an old version is tried at once as the new one.
func TestNewVersionForgetsFailures(t *testing.T) {
	d := declared(1, 1, 30)
	d.Models[0].RetryInterval = time.Hour
	s := newStage(t, d, map[string]int{"gpu": 1})
	for range 3 {
		s.run(1, nil)
		s.fleet.Break("gpu", "gpu-0000", "llama")
		s.run(1, nil)
	}
	s.run(10, nil)
	require.Empty(t, s.serving())
	d.Models[0].Version = "v2"
	require.NoError(t, s.planner.Update(d))
	s.run(4, nil)
	require.Equal(t, []string{"llama@v2 on gpu-0000"}, s.serving())
}

// A sample of a version that is not declared says nothing about the model.
func TestSamplesOfOldVersions(t *testing.T) {
	d := declared(1, 1, 30)
	d.Models[0].Replicas, d.Models[0].Max, d.Models[0].Policy = 0, 9, perReplica(1)
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	w := coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu", Desired: 1, Servers: []coordinator.ServerState{{Name: "a", Phase: coordinator.Up}}}}}
	for i, of := range []string{"v0", "v1", ""} {
		now := epoch.Add(time.Duration(i+1) * time.Second)
		x := coordinator.Sample{Series: p.Wants()[0], Value: float64(i + 1), Quality: policy.OK}
		x.At, x.ModelVersion = now, of
		plan := p.Plan(coordinator.Snapshot{Now: now, World: w, Samples: []coordinator.Sample{x}})
		if of == "v0" {
			require.Equal(t, policy.Missing, plan.Models[0].Readings[0].Quality)
		} else {
			require.Equal(t, float64(i+1), plan.Models[0].Readings[0].Value)
		}
	}
}

// A model that finds too little room where it lives moves as a whole to a group
// that could hold all of it; it serves all the while, stays there, and a
// restored planner knows.
func TestFallbacks(t *testing.T) {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{
			{Name: "cheap", Capacity: coordinator.Resources{"gib": 80}, Max: 2},
			{Name: "small", Capacity: coordinator.Resources{"gib": 80}, Max: 2},
			{Name: "spare", Capacity: coordinator.Resources{"gib": 80, "slots": 9}, Max: 3},
		},
		Models: []coordinator.Model{{
			Name: "llama", Group: "cheap", Fallbacks: []string{"small", "spare"}, Needs: coordinator.Resources{"gib": 60},
			Min: 1, Max: 3, Policy: perReplica(2),
		}},
	}
	s := newStage(t, d, map[string]int{"cheap": 1})
	s.run(5, nil)
	require.Equal(t, []string{"llama@ on cheap-0000"}, s.serving())
	s.fleet.Arrive("llama", 6)
	s.run(20, func(w coordinator.World) { require.NotEmpty(t, serving(w)) })
	require.Equal(t, []string{"llama@ on spare-0000", "llama@ on spare-0001", "llama@ on spare-0002"}, s.serving())
	require.Equal(t, "spare", s.plan.Models[0].Group)

	restored, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	require.NoError(t, restored.Restore(s.planner.AppendState(nil)))
	s.planner = restored
	require.Equal(t, 6, s.fleet.Finish("llama", 6))
	s.run(20, nil)
	require.Len(t, s.serving(), 1)
	require.Contains(t, s.serving()[0], "spare", "it does not come back by itself")

	fresh, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	s.planner = fresh
	s.run(3, nil)
	require.Contains(t, s.serving()[0], "spare", "it is where it is found")
}

// A dedicated model has its servers to itself; an explainer sits with its model,
// and goes where it goes.
func TestDedicatedAndCompanions(t *testing.T) {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 5, Consolidation: coordinator.Consolidation{Off: true}}},
		Models: []coordinator.Model{
			{Name: "bert", Group: "gpu", Needs: coordinator.Resources{"gib": 10}, Replicas: 2},
			{Name: "explainer", Group: "gpu", With: "llama", Needs: coordinator.Resources{"gib": 10}, Min: 2, Max: 4, Policy: perReplica(1), DrainTimeout: 10 * time.Second},
			{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 40}, Replicas: 2, Dedicated: true},
		},
	}
	s := newStage(t, d, nil)
	s.fleet.Arrive("explainer", 4)
	s.run(20, nil)
	require.ElementsMatch(t, []string{
		"llama@ on gpu-0000", "explainer@ on gpu-0000", "llama@ on gpu-0001", "explainer@ on gpu-0001", "bert@ on gpu-0002", "bert@ on gpu-0003",
	}, s.serving())
	require.Equal(t, 2, s.plan.Models[1].Desired)
	require.Equal(t, "target ratio 2->4; with host 4->2", s.plan.Models[1].Decision.String()[len("2: "):])

	// Its server leaves: first a new model, then a new explainer, then the old ones go.
	s.fleet.Leave("gpu", "gpu-0000")
	s.run(20, func(w coordinator.World) {
		n := map[string]int{}
		for _, x := range serving(w) {
			n[x[:4]]++
		}
		require.GreaterOrEqual(t, n["llam"], 2)
		require.GreaterOrEqual(t, n["expl"], 2)
	})
	list := s.serving()
	require.Contains(t, list, "llama@ on gpu-0004")
	require.Contains(t, list, "explainer@ on gpu-0004")
	require.False(t, slices.Contains(list, "llama@ on gpu-0000"))
}

// Over zones a model spreads as it grows, and shrinks where most of it is.
func TestSpread(t *testing.T) {
	d := declared(0, 6, 30)
	d.Groups[0].Zones = []string{"a", "b", "c"}
	d.Models[0].Max, d.Models[0].Policy, d.Models[0].Spread = 6, perReplica(1), coordinator.Spread{MaxSkew: 1}
	s := newStage(t, d, map[string]int{"gpu": 2})
	zones := func() map[string]int {
		w, _ := s.fleet.Observe(context.Background())
		n := map[string]int{}
		for _, x := range w.Groups[0].Servers {
			n[x.Zone] += len(x.Replicas)
		}
		return n
	}
	s.fleet.Arrive("llama", 5)
	s.run(10, nil)
	require.Equal(t, map[string]int{"a": 2, "b": 2, "c": 1}, zones())
	require.Equal(t, 2, s.fleet.Finish("llama", 2))
	s.run(10, nil)
	require.Equal(t, map[string]int{"a": 1, "b": 1, "c": 1}, zones())
}

// A group whose number of servers is fixed is filled and never resized.
func TestFixedGroup(t *testing.T) {
	d := declared(3, 0, 30)
	d.Groups[0].Fixed = true
	s := newStage(t, d, map[string]int{"gpu": 2})
	s.run(10, nil)
	require.Len(t, s.serving(), 2)
	require.Len(t, s.plan.Refused, 1)
	require.Equal(t, 1, s.plan.Refused[0].Items)
	d.Models[0].Replicas = 1
	require.NoError(t, s.planner.Update(d))
	s.run(10, nil)
	require.Len(t, s.serving(), 1)
	w, _ := s.fleet.Observe(context.Background())
	require.Len(t, w.Groups[0].Servers, 2)
}

// A world that does not date its drains counts each from when it is first seen:
// the second one on a server, too.
func TestUndatedDrains(t *testing.T) {
	d := declared(1, 1, 30)
	d.Models[0].DrainTimeout = 20 * time.Second
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	now := epoch
	tick := func(replicas int, phase coordinator.ReplicaPhase) coordinator.Plan {
		now = now.Add(15 * time.Second)
		w := coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu", Desired: 1, Servers: []coordinator.ServerState{{
			Name: "a", Phase: coordinator.Up, Replicas: []coordinator.ReplicaState{{Model: "llama", ModelVersion: "v1", Phase: phase}},
		}}}}}
		d.Models[0].Replicas = replicas
		require.NoError(t, p.Update(d))
		return p.Plan(coordinator.Snapshot{Now: now, World: w}).Clone()
	}
	tick(1, coordinator.Serving)
	require.Equal(t, coordinator.WaitsDrain, tick(0, coordinator.Draining).Later[0].For)
	require.Equal(t, coordinator.WaitsDrain, tick(0, coordinator.Draining).Later[0].For)
	require.Equal(t, coordinator.DrainTooLong, tick(0, coordinator.Draining).Now[0].Why.Reason)
	tick(0, coordinator.Serving)
	require.Equal(t, coordinator.WaitsDrain, tick(0, coordinator.Draining).Later[0].For)
}

// A new policy in the midst of an update goes on from the count that was decided,
// not from old and new replicas together.
func TestNewPolicyInMidUpdate(t *testing.T) {
	d := declared(0, 4, 30)
	d.Models[0].Min, d.Models[0].Max, d.Models[0].Policy = 3, 9, perReplica(2)
	s := newStage(t, d, nil)
	s.run(10, nil)
	d.Models = slices.Clone(d.Models)
	d.Models[0].Version = "v2"
	require.NoError(t, s.planner.Update(d))
	s.run(3, nil)
	d.Models = slices.Clone(d.Models)
	d.Models[0].Policy = perReplica(3)
	require.NoError(t, s.planner.Update(d))
	restored, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	require.NoError(t, restored.Restore(s.planner.AppendState(nil)))
	s.planner = restored
	s.run(1, nil)
	require.Equal(t, 3, s.plan.Models[0].Desired)
}

// A companion never takes from a budget what its host needs to have as many.
func TestBudgetOfCompanions(t *testing.T) {
	d := declared(0, 9, 10)
	d.Models[0].Max, d.Models[0].Policy = 4, perReplica(1)
	c := d.Models[0]
	c.Name, c.With, c.Priority, c.Weight = "explainer", "llama", 9, 5
	d.Models = append(d.Models, c)
	d.Budgets = []coordinator.Budget{{Name: "all", Limit: 4}}
	s := newStage(t, d, map[string]int{"gpu": 1})
	s.fleet.Arrive("llama", 4)
	s.fleet.Arrive("explainer", 4)
	s.run(3, nil)
	require.Equal(t, 2, s.plan.Models[0].Desired)
	require.Equal(t, 2, s.plan.Models[1].Desired)
	require.EqualValues(t, 4, s.plan.Budgets[0].Used)
}

// Nothing that serves is taken away for a lower maximum, but it is said.
func TestMaximumLowered(t *testing.T) {
	d := declared(3, 3, 50)
	s := newStage(t, d, map[string]int{"gpu": 3})
	s.run(10, nil)
	require.Zero(t, s.plan.Groups[0].OverMax)
	d.Groups = slices.Clone(d.Groups)
	d.Groups[0].Max = 2
	require.NoError(t, s.planner.Update(d))
	s.run(10, nil)
	require.Len(t, s.serving(), 3)
	require.Equal(t, 1, s.plan.Groups[0].OverMax)
}

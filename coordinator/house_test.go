package coordinator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// Two models find too little room at the same time, and one other group could
// hold either of them: one moves, and the other has the room that it leaves.
func TestTwoModelsWithOneFallback(t *testing.T) {
	s := newStage(t, coordinator.Declarations{
		Groups: []coordinator.ServerGroup{
			{Name: "cheap", Capacity: coordinator.Resources{"gib": 80}, Max: 2},
			{Name: "spare", Capacity: coordinator.Resources{"gib": 80}, Max: 2},
		},
		Models: []coordinator.Model{
			{Name: "bert", Group: "cheap", Fallbacks: []string{"spare"}, Needs: coordinator.Resources{"gib": 60}, Replicas: 2},
			{Name: "llama", Group: "cheap", Fallbacks: []string{"spare"}, Needs: coordinator.Resources{"gib": 60}, Replicas: 2},
		},
	}, nil)
	s.run(20, nil)
	require.Equal(t, []string{"llama@ on cheap-0000", "llama@ on cheap-0001", "bert@ on spare-0000", "bert@ on spare-0001"}, s.serving())
	require.Empty(t, s.plan.Refused)
	require.Empty(t, s.plan.Later)
}

// What is declared to sit with a model goes where that lives by now, and so does
// a restored planner that is told of it.
func TestCompanionOfAModelThatHasMoved(t *testing.T) {
	whole := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{
			{Name: "cheap", Capacity: coordinator.Resources{"gib": 80}, Max: 1},
			{Name: "spare", Capacity: coordinator.Resources{"gib": 80}, Max: 2},
		},
		Models: []coordinator.Model{
			{Name: "llama", Group: "cheap", Fallbacks: []string{"spare"}, Needs: coordinator.Resources{"gib": 40}, Replicas: 2},
			{Name: "explainer", Group: "cheap", Fallbacks: []string{"spare"}, With: "llama", Needs: coordinator.Resources{"gib": 10}, Replicas: 1},
		},
	}
	alone := whole
	alone.Models = whole.Models[:1]
	for _, restart := range []bool{false, true} {
		s := newStage(t, whole, nil)
		require.NoError(t, s.planner.Update(alone))
		s.run(20, nil)
		require.Equal(t, []string{"llama@ on spare-0000", "llama@ on spare-0001"}, s.serving())
		if restart {
			restored, err := coordinator.NewPlanner(whole, coordinator.PlannerOptions{})
			require.NoError(t, err)
			require.NoError(t, restored.Restore(s.planner.AppendState(nil)))
			s.planner = restored
		} else {
			require.NoError(t, s.planner.Update(whole))
		}
		s.run(10, nil)
		require.Equal(t, []string{"explainer@ on spare-0000", "llama@ on spare-0000", "llama@ on spare-0001"}, s.serving())
		require.Empty(t, s.plan.Refused)
	}
}

// A planner without a history that cannot see a fallback does not take what may
// be there for gone: nothing is loaded elsewhere instead, and nothing goes when it
// is seen again. But it does not wait for ever.
func TestFallbackUnseenAtFirstSight(t *testing.T) {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{
			{Name: "cheap", Capacity: coordinator.Resources{"gib": 80}, Max: 1},
			{Name: "spare", Capacity: coordinator.Resources{"gib": 80}, Max: 3},
		},
		Models: []coordinator.Model{
			{Name: "explainer", Group: "cheap", Fallbacks: []string{"spare"}, With: "llama", Min: 1, Max: 9, Policy: perReplica(2)},
			{Name: "llama", Group: "cheap", Fallbacks: []string{"spare"}, Needs: coordinator.Resources{"gib": 40}, Min: 1, Max: 9, Policy: perReplica(2)},
		},
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{StartupWait: time.Minute})
	require.NoError(t, err)
	cheap, spare := coordinator.GroupState{Name: "cheap"}, coordinator.GroupState{Name: "spare", Desired: 3}
	for _, name := range []string{"s0", "s1", "s2"} {
		spare.Servers = append(spare.Servers, coordinator.ServerState{Name: name, Phase: coordinator.Up, Replicas: []coordinator.ReplicaState{
			{Model: "explainer", Phase: coordinator.Serving}, {Model: "llama", Phase: coordinator.Serving},
		}})
	}
	blind := coordinator.World{Groups: []coordinator.GroupState{cheap}, Unseen: []string{"spare"}}
	plan := p.Plan(coordinator.Snapshot{Now: sec(1), World: blind})
	require.Empty(t, plan.Now)
	require.True(t, plan.Models[1].Unseen)
	status, err := p.Status("llama")
	require.NoError(t, err)
	require.Equal(t, coordinator.StateUnknown, status.State)
	for now := 2.0; now < 5; now++ {
		plan = p.Plan(coordinator.Snapshot{Now: sec(now), World: coordinator.World{Groups: []coordinator.GroupState{cheap, spare}}})
		require.Empty(t, plan.Now)
		require.Equal(t, "spare", plan.Models[0].Group)
		require.Equal(t, 3, plan.Models[0].Desired)
		require.Equal(t, 3, plan.Models[1].Desired)
	}

	p, err = coordinator.NewPlanner(d, coordinator.PlannerOptions{StartupWait: time.Minute})
	require.NoError(t, err)
	require.Empty(t, p.Plan(coordinator.Snapshot{Now: sec(1), World: blind}).Now)
	require.Len(t, p.Plan(coordinator.Snapshot{Now: sec(61), World: blind}).Now, 1)
}

package coordinator_test

import (
	"testing"

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

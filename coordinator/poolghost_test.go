package coordinator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// Three models of 600 need three servers of 1000, though the sum of what they need
// would fit on two: one that was ordered for the third is not called off before it
// appears.
func TestPoolKeepsWhatItOrdered(t *testing.T) {
	d := coordinator.Declarations{Groups: []coordinator.ServerGroup{{
		Name: "pool", Capacity: coordinator.Resources{"mb": 1000}, Max: 5, Pool: &coordinator.Pool{Slots: 2},
	}}}
	for _, name := range []string{"a", "b", "c"} {
		d.Models = append(d.Models, coordinator.Model{
			Name: name, Group: "pool", Needs: coordinator.Resources{"mb": 600}, Min: 1, Max: 1, Policy: track, LoadTime: time.Second,
		})
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	state := coordinator.GroupState{Name: "pool", Desired: 2}
	for _, m := range []string{"a", "b"} {
		state.Servers = append(state.Servers, coordinator.ServerState{
			Name: "on " + m, Phase: coordinator.Up, Since: epoch, Replicas: []coordinator.ReplicaState{{Model: m, Phase: coordinator.Serving, Since: epoch}},
		})
	}
	for i := range 10 {
		plan := p.Plan(coordinator.Snapshot{Now: epoch.Add(time.Duration(i+1) * 2 * time.Second), World: coordinator.World{Groups: []coordinator.GroupState{state}}})
		require.Equal(t, 3, plan.Groups[0].Desired, "in tick %d", i)
		for _, a := range plan.Now {
			require.Equal(t, coordinator.ScaleGroup, a.Kind)
			require.Zero(t, i, "once is enough: %v", a)
			state.Desired, state.Generation = a.Replicas, a.Generation
		}
	}
}

package coordinator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// What fails on a server is tried again at once, then on another, and there
// again after a while that doubles; what serves again is forgiven. No server is
// ordered for a model that fails on those there are.
func TestFailedLoads(t *testing.T) {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 1}, Min: 2, Max: 9}},
		Models: []coordinator.Model{{Name: "m", Group: "g", Needs: coordinator.Resources{"x": 1}, Max: 1, RetryInterval: 10 * time.Second, Policy: always{N: 1}}},
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	ask := func(now float64, a, b *coordinator.ReplicaState) (all []string) {
		group := coordinator.GroupState{Name: "g", Desired: 2, Servers: []coordinator.ServerState{{Name: "a", Phase: coordinator.Up}, {Name: "b", Phase: coordinator.Up}}}
		for i, r := range []*coordinator.ReplicaState{a, b} {
			if r != nil {
				group.Servers[i].Replicas = []coordinator.ReplicaState{*r}
			}
		}
		// Restored each time: what failed is remembered.
		state := p.AppendState(nil)
		p, err = coordinator.NewPlanner(d, coordinator.PlannerOptions{})
		require.NoError(t, err)
		require.NoError(t, p.Restore(state))
		plan := p.Plan(coordinator.Snapshot{Now: sec(now), World: coordinator.World{Groups: []coordinator.GroupState{group}}})
		for _, a := range plan.Now {
			all = append(all, a.String())
		}
		for _, a := range plan.Later {
			all = append(all, fmt.Sprintf("%v %s until %v", a.Action, a.For, a.Until.Sub(epoch)))
		}
		return all
	}
	broken := func(since float64) *coordinator.ReplicaState {
		return &coordinator.ReplicaState{Model: "m", Phase: coordinator.Broken, Since: sec(since)}
	}
	load := func(on string) []string { return []string{"load m on g/" + on} }
	unload := func(on string) []string { return []string{"unload m on g/" + on} }
	require.Equal(t, load("a"), ask(0, nil, nil))
	require.Contains(t, ask(1, broken(1), nil), unload("a")[0])
	require.Equal(t, load("a"), ask(2, nil, nil), "the first time is tried again at once")
	require.Contains(t, ask(3, broken(3), nil), unload("a")[0])
	require.Equal(t, load("b"), ask(4, nil, nil))
	require.Contains(t, ask(5, nil, broken(5)), unload("b")[0])
	require.Equal(t, load("b"), ask(6, nil, nil))
	require.Contains(t, ask(7, nil, broken(7)), unload("b")[0])
	require.Equal(t, []string{"load m on g/a waits after failed loads until 13s"}, ask(8, nil, nil), "neither for now, and no third server")
	require.Equal(t, load("a"), ask(13, nil, nil))
	require.Contains(t, ask(14, broken(14), nil), unload("a")[0])
	require.Contains(t, ask(14.5, broken(14), nil), unload("a")[0], "the same failure counts once")
	require.Equal(t, load("b"), ask(17, nil, nil), "a is avoided for three times as long")
	require.Empty(t, ask(19, nil, &coordinator.ReplicaState{Model: "m", Phase: coordinator.Serving, Since: sec(18)}))
	require.Contains(t, ask(20, nil, broken(20)), unload("b")[0])
	require.Equal(t, load("b"), ask(21, nil, nil), "forgiven since it served")
}

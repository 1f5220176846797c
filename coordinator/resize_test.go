package coordinator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// Whoever ordered fewer servers than have work, by hand or before the load rose,
// is told of the others before they go; unless the number is frozen.
func TestFewerServersOrderedThanNeeded(t *testing.T) {
	serving := coordinator.ReplicaState{Phase: coordinator.Serving}
	for _, frozen := range []bool{false, true} {
		p := onePlanner(t)
		p.Plan(llamaOn(1, serving, serving))
		if frozen {
			require.NoError(t, p.Freeze(coordinator.TargetID{Kind: coordinator.TargetGroup, Name: "gpu"}, sec(9)))
		}
		s := llamaOn(2, serving, serving)
		s.Samples[0].Value, s.World.Groups[0].Desired = 4, 1
		plan := p.Plan(s)
		require.Equal(t, 2, plan.Groups[0].Desired)
		if frozen {
			require.Empty(t, plan.Now)
			continue
		}
		require.Len(t, plan.Now, 1)
		require.Equal(t, "scale gpu to 2", plan.Now[0].String())
		require.Equal(t, "server needed (have 1, want 2)", plan.Now[0].Why.String())
	}
}

package coordinator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// A host that died is loaded again where its companion was left: that one is in
// the room that is kept for it, and does not stand in the way.
func TestHostComesBackToItsCompanion(t *testing.T) {
	for _, servers := range []int{1, 2} {
		s := newStage(t, coordinator.Declarations{
			Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 50}, Max: servers}},
			Models: []coordinator.Model{
				{Name: "explainer", Group: "gpu", With: "llama", Needs: coordinator.Resources{"gib": 10}, Replicas: 1},
				{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 40}, Replicas: 1},
			},
		}, nil)
		both := []string{"explainer@ on gpu-0000", "llama@ on gpu-0000"}
		s.run(10, nil)
		require.Equal(t, both, s.serving())
		s.fleet.Break("gpu", "gpu-0000", "llama")
		s.run(10, func(w coordinator.World) {
			require.Contains(t, serving(w), both[0])
			require.Len(t, w.Groups[0].Servers, 1, "no other server is needed")
		})
		require.Equal(t, both, s.serving())
	}
}

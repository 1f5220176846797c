package coordinator_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// What serves already gives way in an overcommitted server as what is placed with
// a new model does, as far as it is not pinned.
func TestOvercommitBesideWhatServes(t *testing.T) {
	for _, c := range []struct {
		pinned int64
		want   []string
	}{
		{0, []string{"bert@ on gpu-0000", "llama@ on gpu-0000"}},
		{40, []string{"bert@ on gpu-0000", "llama@ on gpu-0000"}},
		{41, []string{"bert@ on gpu-0000"}},
	} {
		both := coordinator.Declarations{
			Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 100}, Overcommit: map[string]float64{"gib": 0.5}, Max: 1}},
			Models: []coordinator.Model{
				{Name: "bert", Group: "gpu", Needs: coordinator.Resources{"gib": 70}, Pinned: coordinator.Resources{"gib": c.pinned}, Replicas: 1},
				{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Replicas: 1},
			},
		}
		first := both
		first.Models = slices.Clone(both.Models)
		first.Models[1].Replicas = 0
		s := newStage(t, both, nil)
		require.NoError(t, s.planner.Update(first))
		s.run(10, nil)
		require.Equal(t, []string{"bert@ on gpu-0000"}, s.serving())
		require.NoError(t, s.planner.Update(both))
		s.run(10, nil)
		require.Equal(t, c.want, s.serving(), "%d pinned", c.pinned)
	}
}

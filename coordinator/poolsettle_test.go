package coordinator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Servers that copies need though there are to be fewer are told, and cost.
func TestPoolOverMax(t *testing.T) {
	for _, c := range []struct {
		group ServerGroup
		over  int
		cost  float64
	}{
		{ServerGroup{Min: 1, Max: 3, Cost: 2}, 0, 6},
		{ServerGroup{Min: 1, Max: 2, Cost: 2}, 1, 6},
		{ServerGroup{Min: 1, Max: 2, Fixed: true}, 0, 0},
	} {
		y := newYard(t, c.group, "a 4 1 0", "b 4 1 0", "c 4 1 0").settled("a", "b", "c")
		got := y.p.plan.Groups[0]
		require.Equal(t, 3, got.Desired)
		require.Equal(t, c.over, got.OverMax)
		require.InDelta(t, c.cost, got.Cost, 0)
	}
}

package packing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

// An item sits where it is forbidden: it is not moved into another bin like that
// one, though it is the cheaper move.
func TestConsolidateIntoForbidden(t *testing.T) {
	p := &packing.Problem{
		Dimensions: []string{"gib"},
		Bins: []packing.Bin{
			{Name: "a", Capacity: []int64{10}, Capabilities: []string{"fast"}},
			{Name: "b", Capacity: []int64{10}, Capabilities: []string{"fast"}},
		},
		Classes: []packing.Class{
			{Name: "x", Size: []int64{4}, Count: 1, Forbids: []string{"fast"}, At: []int{0}, MoveCost: 1},
			{Name: "y", Size: []int64{4}, Count: 1, At: []int{1}, MoveCost: 5},
		},
	}
	c := packing.Consolidation{}
	a, err := packing.Consolidate(p, c)
	require.NoError(t, err)
	require.NoError(t, packingtest.CheckConsolidated(p, a, c))
	require.Equal(t, []int{0}, a.Bins[0])
}

// In a shortage a soft rule of spread keeps nobody from the place of what comes
// after.
func TestPreemptPastSoftRule(t *testing.T) {
	p := &packing.Problem{
		Dimensions: []string{"gib"},
		Bins: []packing.Bin{
			{Name: "a", Zone: "1", Capacity: []int64{4}},
			{Name: "b", Zone: "1", Capacity: []int64{4}},
			{Name: "c", Zone: "2", Capacity: []int64{1}},
		},
		Classes: []packing.Class{
			{Name: "first", Size: []int64{4}, Count: 2, Priority: 1, Spread: packing.Spread{MaxSkew: 1, Soft: true}, At: []int{0}},
			{Name: "last", Size: []int64{2}, Count: 1, At: []int{1}},
		},
	}
	a, err := packing.Rebalance(p, packing.Options{})
	require.NoError(t, err)
	require.NoError(t, packingtest.CheckRebalanced(p, a))
	require.Equal(t, []int{0, 1}, a.Bins[0])
}

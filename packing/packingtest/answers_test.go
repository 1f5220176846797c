package packingtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

// shrunk is a fleet with surplus, a draining bin and more wanted than there is
// room for.
func shrunk() (*packing.Problem, *packing.Assignment) {
	p := &packing.Problem{
		Dimensions: []string{"memory"},
		Bins: []packing.Bin{
			{Name: "x", Capacity: []int64{10}}, {Name: "y", Capacity: []int64{10}, State: packing.Draining}, {Name: "z", Capacity: []int64{10}},
		},
		Classes: []packing.Class{
			{Name: "spare", Size: []int64{1}, Count: 1, At: []int{0, 2}},
			{Name: "leaver", Size: []int64{2}, Count: 1, At: []int{1}},
			{Name: "first", Size: []int64{6}, Count: 3, Min: 1, Priority: 2},
			{Name: "last", Size: []int64{6}, Count: 2, Min: 2, Priority: 1},
		},
	}
	refusal := func(class string, short int64) packing.Refusal {
		return packing.Refusal{
			Class: class, Items: 1, Reason: packing.Capacity, Bin: "z", Dim: "memory", Short: short,
			Relax: packing.Relaxation{Room: []packing.Room{{Dim: "memory", By: short}}, Bin: "z"},
		}
	}
	// The minimum of last goes before what first has beyond its own.
	a := &packing.Assignment{
		Bins: [][]int{{0}, {2}, {0}, {2}},
		Used: 2, Cost: 2, LowerBound: 2, Moved: 1,
		Refusals: []packing.Refusal{refusal("first", 4), refusal("last", 4)},
	}
	a.Refusals[0].Items = 2
	a.Refusals[1].Bin, a.Refusals[1].Short = "x", 3
	a.Refusals[1].Relax = packing.Relaxation{Room: []packing.Room{{Dim: "memory", By: 3}}, Bin: "x"}
	return p, a
}

func TestCheckRebalancedFindsFaults(t *testing.T) {
	p, a := shrunk()
	require.NoError(t, p.Validate())
	require.NoError(t, packingtest.CheckRebalanced(p, a))
	for _, c := range []struct {
		breaks func(*packing.Problem, *packing.Assignment)
		want   string
	}{
		{func(_ *packing.Problem, a *packing.Assignment) { a.Bins[0] = []int{0, 2} }, "spare: 2 placed, 1 wanted"},
		{func(_ *packing.Problem, a *packing.Assignment) { a.Bins[1] = []int{1} }, "leaver: stays in bin 1, which drains, yet bin x has room"},
		{func(p *packing.Problem, _ *packing.Assignment) { p.Classes[2].Min = 3 }, "first: refused, yet last, which comes after it, has a place in bin 2"},
		{func(p *packing.Problem, _ *packing.Assignment) { p.Classes[3].Min = 0 }, "first: refused, yet last, which comes after it, has a place in bin 2"},
		{func(p *packing.Problem, _ *packing.Assignment) { p.Classes[2].Min = 0 }, "last: refused, yet first, which comes after it, has a place in bin 0"},
		{func(_ *packing.Problem, a *packing.Assignment) { a.Moved = 0 }, "1 items moved, said 0"},
	} {
		p, a := shrunk()
		c.breaks(p, a)
		require.ErrorContains(t, packingtest.CheckRebalanced(p, a), c.want)
	}
}

// emptied is a fleet of which the last bin was emptied into the first.
func emptied() (*packing.Problem, *packing.Assignment, packing.Consolidation) {
	p := &packing.Problem{
		Dimensions: []string{"memory"},
		Bins: []packing.Bin{
			{Name: "x", Capacity: []int64{10}},
			{Name: "y", Capacity: []int64{10}, Ordinal: 1},
			{Name: "hollow", Capacity: []int64{10}, Ordinal: 2},
			{Name: "z", Capacity: []int64{10}, Ordinal: 3, Cost: 2},
		},
		Classes: []packing.Class{
			{Name: "big", Size: []int64{6}, Count: 3, At: []int{0, 1}},
			{Name: "small", Size: []int64{2}, Count: 1, At: []int{3}, MoveCost: 3},
			{Name: "tiny", Size: []int64{1}, Count: 2, At: []int{1, 3}, MoveCost: 1},
		},
		Templates: []packing.Template{{Bin: packing.Bin{Capacity: []int64{10}}, Max: 1}},
	}
	a := &packing.Assignment{
		Bins: [][]int{{0, 1}, {0}, {0, 1}},
		Used: 2, Cost: 2, LowerBound: 2, Proven: true, Moved: 2, MovedCost: 4,
	}
	return p, a, packing.Consolidation{Removal: packing.Ordinal, Quiet: 2, MaxMoves: 2, MaxCost: 4, MaxDisrupted: 1}
}

func TestCheckConsolidatedFindsFaults(t *testing.T) {
	p, a, c := emptied()
	require.NoError(t, p.Validate())
	require.NoError(t, packingtest.CheckConsolidated(p, a, c))
	type (
		problem    = *packing.Problem
		assignment = *packing.Assignment
		terms      = *packing.Consolidation
	)
	for _, c := range []struct {
		breaks func(problem, assignment, terms)
		want   string
	}{
		{func(_ problem, a assignment, _ terms) { a.Opened = []int{0} }, "consolidation opened 1 bins"},
		{func(_ problem, a assignment, _ terms) { a.Bins[0] = []int{0} }, "big: 1 items, were 2"},
		{func(_ problem, a assignment, _ terms) { a.Bins[0] = []int{0, 1, 2} }, "big: 3 items, were 2"},
		{func(p problem, _ assignment, _ terms) { p.Classes[1].Settling = true }, "small: moved while it settles"},
		{func(p problem, _ assignment, _ terms) { p.Bins[3].Settling = true }, "small: moved away from bin 3, which settles or is closed"},
		{func(p problem, _ assignment, _ terms) { p.Bins[3].State = packing.Closed }, "small: moved away from bin 3, which settles or is closed"},
		{func(_ problem, a assignment, c terms) { a.Bins[1], c.Removal = []int{2}, packing.Free }, "small: moved to bin 2, which was empty"},
		{func(_ problem, _ assignment, c terms) { c.MaxMoves = 1 }, "2 moves, 1 allowed"},
		{func(_ problem, _ assignment, c terms) { c.MaxCost = 3 }, "moves cost 4, 3 allowed"},
		{func(_ problem, a assignment, _ terms) { a.Bins[0], a.Bins[2] = []int{2, 3}, []int{0, 1} }, "big: 2 items disrupted, 1 allowed"},
		{func(_ problem, _ assignment, c terms) { c.Quiet = 1 }, "moves cost 4 and save 3 for a time of 1"},
		{func(_ problem, a assignment, c terms) { a.Bins[2] = []int{1, 3} }, "1 moves that save 0"},
		{func(p problem, _ assignment, _ terms) { p.Bins[1].Ordinal = 4 }, "2 moves that save 0"},
	} {
		p, a, how := emptied()
		c.breaks(p, a, &how)
		require.ErrorContains(t, packingtest.CheckConsolidated(p, a, how), c.want)
	}
}

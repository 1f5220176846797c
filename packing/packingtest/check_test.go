package packingtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

// question is a problem with something of everything, answer its answer.
func question() *packing.Problem {
	gpu := []string{"gpu"}
	return &packing.Problem{
		Dimensions: []string{"memory"},
		Bins: []packing.Bin{
			{Name: "x", Capacity: []int64{10}, Capabilities: gpu, Zone: "a", Cost: 3},
			{Name: "y", Capacity: []int64{10}, Zone: "b"},
			{Name: "z", Capacity: []int64{10}, State: packing.Closed, Zone: "a"},
			{Name: "v", Capacity: []int64{10}, Virtual: []int64{20}, Zone: "b"},
		},
		Classes: []packing.Class{
			{Name: "big", Size: []int64{6}, Pinned: []int64{6}, Count: 2, At: []int{0}, MoveCost: 7},
			{Name: "gpu", Size: []int64{4}, Count: 1, Requires: gpu},
			{Name: "huge", Size: []int64{11}, Count: 1},
			{Name: "soft", Size: []int64{8}, Pinned: []int64{1}, Count: 1, Forbids: gpu},
			{Name: "even", Size: []int64{1}, Count: 2, Spread: packing.Spread{MaxSkew: 1}},
		},
		Templates: []packing.Template{{Bin: packing.Bin{Capacity: []int64{10}, Zone: "a", Cost: 2}, Max: 1}},
	}
}

func answer() *packing.Assignment {
	return &packing.Assignment{
		Bins:   [][]int{{0, 1}, {0}, nil, {3}, {3, 4}},
		Opened: []int{0},
		Used:   4, Cost: 7, LowerBound: 2,
		Refusals: []packing.Refusal{{
			Class: "huge", Items: 1, Reason: packing.Capacity, Bin: "y", Dim: "memory", Short: 7,
			Relax: packing.Relaxation{Room: []packing.Room{{Dim: "memory", By: 7}}, Bin: "y"},
		}},
	}
}

// Each broken answer is found out, for the right reason.
func TestCheckFindsFaults(t *testing.T) {
	require.NoError(t, question().Validate())
	require.NoError(t, packingtest.CheckStays(question(), answer()))
	for _, c := range []struct {
		breaks func(*packing.Assignment)
		want   string
	}{
		{func(a *packing.Assignment) { a.Bins = a.Bins[1:] }, "places for 4"},
		{func(a *packing.Assignment) { a.Opened = []int{1} }, "no template 1"},
		{func(a *packing.Assignment) { a.Opened = []int{0, 0} }, "at most 1 allowed"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{0, 5} }, "no bin 5"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{0, 0} }, "big: twice in bin 0"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{1, 0} }, "big: bins not ascending"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{0, 2} }, "big: placed in bin 2, which is closed"},
		{func(a *packing.Assignment) { a.Bins[1] = []int{1} }, "gpu: bin 1 lacks capability gpu"},
		{func(a *packing.Assignment) { a.Bins[3] = []int{0} }, "soft: bin 0 has the forbidden capability gpu"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{1, 4} }, "big: moved away from bin 0"},
		{func(a *packing.Assignment) { a.Bins[1] = []int{0, 1} }, "gpu: 2 placed, 1 wanted"},
		{func(a *packing.Assignment) { a.Bins[2] = []int{1} }, "bin 1: 17 memory, 7 too much"},
		{func(a *packing.Assignment) { a.Bins[0], a.Bins[2] = []int{0, 3}, []int{3} }, "bin 3: 26 memory, 6 too much"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{0, 3} }, "bin 3: 7 memory pinned and 7 being loaded, 4 too much"},
		{func(a *packing.Assignment) { a.Bins[4] = []int{0, 4} }, `even: 2 in zone "a", 0 in zone "b", skew 1 allowed`},
		{func(a *packing.Assignment) { a.Refusals = nil }, "huge: 1 not placed, 0 refused"},
		{func(a *packing.Assignment) { a.Refusals[0].Items = 0 }, "refusal of 0 of huge"},
		{func(a *packing.Assignment) { a.Refusals = append(a.Refusals, a.Refusals[0]) }, "the second one"},
		{func(a *packing.Assignment) { a.Refusals[0].Class = "none" }, "no such class"},
		{func(a *packing.Assignment) { a.Refusals[0].Short = 0 }, "short by 0"},
		{func(a *packing.Assignment) { a.Refusals[0].Short++ }, "not so"},
		{func(a *packing.Assignment) { a.Refusals[0].Bin = "nowhere" }, "not so"},
		{func(a *packing.Assignment) {
			a.Refusals[0] = packing.Refusal{Class: "huge", Items: 1, Reason: packing.Capability, Bin: "x"}
		}, "not so"},
		{func(a *packing.Assignment) {
			a.Refusals[0] = packing.Refusal{Class: "huge", Items: 1, Reason: packing.NoBin}
		}, "not so"},
		{func(a *packing.Assignment) { a.Refusals[0].Relax.Room[0].By-- }, "no place with +6 memory on y"},
		{func(a *packing.Assignment) { a.Refusals[0].Relax = packing.Relaxation{} }, "no place with none"},
		{func(a *packing.Assignment) {
			a.Bins[1] = nil
			a.Refusals = append(a.Refusals, packing.Refusal{Class: "gpu", Items: 1, Reason: packing.NoBin})
		}, "gpu: refused, yet bin x has room"},
		{func(a *packing.Assignment) {
			a.Bins[4], a.Opened = []int{3}, nil
			a.Refusals = append(a.Refusals, packing.Refusal{Class: "even", Items: 1, Reason: packing.NoBin})
		}, "even: refused, yet a bin could be opened"},
		{func(a *packing.Assignment) { a.Used = 3 }, "4 bins in use, said 3"},
		{func(a *packing.Assignment) { a.Cost = 6 }, "bins cost 7, said 6"},
		{func(a *packing.Assignment) { a.Bins[4] = []int{1, 2} }, "bin 4 was opened for nothing"},
		{func(a *packing.Assignment) { a.Moved = 1 }, "0 items moved, said 1"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{1, 4} }, "1 items moved, said 0"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{1, 4} }, "moves cost 7, said 0"},
		{func(a *packing.Assignment) { a.MovedBound = 1 }, "moves cost at least 1, yet these cost 0"},
		{func(a *packing.Assignment) { a.LowerBound = 5 }, "lower bound 5 above the 4 bins"},
		{func(a *packing.Assignment) { a.LowerBound = 1 }, "2 bins are needed"},
		{func(a *packing.Assignment) { a.LowerBound = 4 }, "lower bound 4, yet 3 bins can hold it all"},
		{func(a *packing.Assignment) { a.Proven = true }, "4 bins said to be the minimum, yet 3 can hold it all"},
	} {
		a := answer()
		c.breaks(a)
		require.ErrorContains(t, packingtest.CheckStays(question(), a), c.want)
	}
}

// The smallest item that comes to a full bin is too much.
func TestCheckSeesOneUnit(t *testing.T) {
	p := &packing.Problem{
		Dimensions: []string{"memory"},
		Bins:       []packing.Bin{{Name: "x", Capacity: []int64{5}}},
		Classes:    []packing.Class{{Name: "sits", Size: []int64{5}, Count: 1, At: []int{0}}, {Name: "new", Size: []int64{1}, Count: 1}},
	}
	a := &packing.Assignment{Bins: [][]int{{0}, {0}}, Used: 1, Cost: 1, LowerBound: 1}
	require.EqualError(t, packingtest.Check(p, a), "bin 0: 6 memory, 1 too much")
}

package packingtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

// Each broken answer is found out, for the right reason.
func TestCheckFindsFaults(t *testing.T) {
	problem := func() *packing.Problem {
		return &packing.Problem{
			Dimensions: []string{"memory"},
			Bins: []packing.Bin{
				{Name: "x", Capacity: []int64{10}, Capabilities: []string{"gpu"}},
				{Name: "y", Capacity: []int64{10}},
				{Name: "z", Capacity: []int64{10}, State: packing.Closed},
			},
			Classes: []packing.Class{
				{Name: "big", Size: []int64{6}, Count: 2, At: []int{0}},
				{Name: "gpu", Size: []int64{4}, Count: 1, Requires: []string{"gpu"}},
				{Name: "huge", Size: []int64{11}, Count: 1},
			},
			Templates: []packing.Template{{Bin: packing.Bin{Capacity: []int64{10}}, Max: 1}},
		}
	}
	answer := func(t *testing.T) *packing.Assignment {
		a, err := packing.Pack(problem(), packing.Options{})
		require.NoError(t, err)
		require.NoError(t, packingtest.Check(problem(), a))
		return a
	}
	for _, c := range []struct {
		breaks func(*packing.Assignment)
		want   string
	}{
		{func(a *packing.Assignment) { a.Bins = a.Bins[1:] }, "places for 2"},
		{func(a *packing.Assignment) { a.Opened = []int{0, 0} }, "at most 1 allowed"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{0, 3} }, "no bin 3"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{0, 0} }, "twice in bin 0"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{1, 0} }, "not ascending"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{0, 2} }, "closed bin 2"},
		{func(a *packing.Assignment) { a.Bins[1] = []int{1} }, "lacks capability gpu"},
		{func(a *packing.Assignment) { a.Bins[0] = []int{1} }, "moved away"},
		{func(a *packing.Assignment) { a.Bins[1] = []int{0, 1} }, "2 placed, 1 wanted"},
		{func(a *packing.Assignment) { a.Bins[2] = []int{1} }, "bin 1: 17 of 10 memory"},
		{func(a *packing.Assignment) { a.Refusals = nil }, "1 not placed, 0 refused"},
		{func(a *packing.Assignment) { a.Refusals[0].Short = 0 }, "short by 0"},
		{func(a *packing.Assignment) {
			a.Bins[1] = nil
			a.Refusals = append(a.Refusals, packing.Refusal{Class: "gpu", Items: 1, Reason: packing.NoBin})
		}, "bin 0 has room"},
		{func(a *packing.Assignment) {
			a.Bins[0] = []int{0}
			a.Refusals = append(a.Refusals, packing.Refusal{Class: "big", Items: 1, Reason: packing.NoBin})
		}, "a bin could be opened"},
		{func(a *packing.Assignment) { a.Used = 1 }, "2 bins in use, said 1"},
		{func(a *packing.Assignment) { a.LowerBound = 3 }, "lower bound 3"},
		{func(a *packing.Assignment) { a.LowerBound = 1 }, "2 bins are needed"},
		{func(a *packing.Assignment) { a.Refusals[0].Bin = "nowhere" }, `no bin "nowhere"`},
		{func(a *packing.Assignment) { a.Refusals[0].Short++ }, "not so"},
		{func(a *packing.Assignment) {
			a.Refusals[0] = packing.Refusal{Class: "huge", Items: 1, Reason: packing.Capability, Bin: "x"}
		}, "not so"},
		{func(a *packing.Assignment) {
			a.Refusals[0] = packing.Refusal{Class: "huge", Items: 1, Reason: packing.NoBin}
		}, "there are bins"},
		{func(a *packing.Assignment) { a.Opened = []int{0} }, "opened for nothing"},
	} {
		a := answer(t)
		c.breaks(a)
		require.ErrorContains(t, packingtest.Check(problem(), a), c.want)
	}
}

package packing_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

// Whatever changes, Rebalance's answer is right by the judge's rules.
func TestRebalanceIsRight(t *testing.T) {
	refused := 0
	rapid.Check(t, func(t *rapid.T) {
		p := packingtest.Draw(t)
		for i := range p.Classes { // Draw never asks for fewer than there are
			c := &p.Classes[i]
			c.Count = max(c.Min, c.Count-rapid.IntRange(0, 2).Draw(t, "fewer"))
		}
		a, err := packing.Rebalance(p, packing.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := packingtest.CheckRebalanced(p, a); err != nil {
			t.Fatalf("%+v\n%+v\n%v", p, a, err)
		}
		refused += len(a.Refusals)
	})
	if refused < 5 {
		t.Errorf("only %d refusals", refused)
	}
}

func gib(bins ...int64) *packing.Problem {
	p := &packing.Problem{Dimensions: []string{"gib"}}
	for i, capacity := range bins {
		p.Bins = append(p.Bins, packing.Bin{Name: fmt.Sprintf("server-%d", i), Capacity: []int64{capacity}})
	}
	return p
}

func TestRebalance(t *testing.T) {
	for _, c := range []struct {
		name    string
		p       *packing.Problem
		classes []packing.Class
		want    [][]int
		moved   int
		refused string
	}{
		{
			"the surplus goes from the bin that holds least",
			gib(10, 10),
			[]packing.Class{
				{Name: "a", Size: []int64{4}, Count: 1, At: []int{0, 1}},
				{Name: "b", Size: []int64{4}, Count: 1, At: []int{1}},
			},
			[][]int{{1}, {1}},
			0, "",
		},
		{
			"nothing moves while an open bin has room",
			gib(10, 10),
			[]packing.Class{
				{Name: "a", Size: []int64{4}, Count: 1, At: []int{0}},
				{Name: "b", Size: []int64{8}, Count: 1},
			},
			[][]int{{0}, {1}},
			0, "",
		},
		{
			"one moves to make room",
			gib(10, 10),
			[]packing.Class{
				{Name: "a", Size: []int64{4}, Count: 1, At: []int{0}, MoveCost: 1},
				{Name: "b", Size: []int64{4}, Count: 1, At: []int{1}, MoveCost: 2},
				{Name: "c", Size: []int64{8}, Count: 1},
			},
			[][]int{{1}, {1}, {0}},
			1, "",
		},
		{
			"what drains leaves",
			func() *packing.Problem {
				p := gib(10, 10)
				p.Bins[0].State = packing.Draining
				return p
			}(),
			[]packing.Class{{Name: "a", Size: []int64{4}, Count: 1, At: []int{0}}},
			[][]int{{1}},
			1, "",
		},
		{
			"a minimum takes the place of an extra",
			gib(10, 10),
			[]packing.Class{
				{Name: "a", Size: []int64{8}, Count: 2, Min: 1, At: []int{0, 1}},
				{Name: "b", Size: []int64{8}, Count: 1, Min: 1},
			},
			[][]int{{1}, {0}},
			0, "1 of a refused: capacity (server-0 lacks 6 of gib)",
		},
		{
			"a higher priority goes first, minimum or not",
			gib(10),
			[]packing.Class{
				{Name: "a", Size: []int64{8}, Count: 1, At: []int{0}},
				{Name: "b", Size: []int64{8}, Count: 1, Priority: 1},
			},
			[][]int{nil, {0}},
			0, "1 of a refused: capacity (server-0 lacks 6 of gib)",
		},
		{
			"equal claims: who sits there stays",
			gib(10),
			[]packing.Class{
				{Name: "b", Size: []int64{8}, Count: 1, At: []int{0}},
				{Name: "a", Size: []int64{8}, Count: 1},
			},
			[][]int{{0}, nil},
			0, "1 of a refused: capacity (server-0 lacks 6 of gib)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.p.Classes = c.classes
			a, err := packing.Rebalance(c.p, packing.Options{})
			require.NoError(t, err)
			require.NoError(t, packingtest.CheckRebalanced(c.p, a))
			require.Equal(t, c.want, a.Bins)
			require.Equal(t, c.moved, a.Moved)
			refused := ""
			for _, r := range a.Refusals {
				refused += r.String()
			}
			require.Equal(t, c.refused, refused)
		})
	}
}

// Scarce room is shared by weight, over the resource that each uses most.
func TestShareIsMaxMin(t *testing.T) {
	p := &packing.Problem{Dimensions: []string{"cpu", "gpu"}}
	for i := range 12 {
		p.Bins = append(p.Bins, packing.Bin{Name: fmt.Sprint(i), Capacity: []int64{1, 1}})
	}
	p.Classes = []packing.Class{
		{Name: "cpu", Size: []int64{1, 0}, Count: 12},
		{Name: "gpu", Size: []int64{0, 1}, Count: 12},
		{Name: "heavy", Size: []int64{1, 1}, Count: 12, Weight: 3},
	}
	a, err := packing.Pack(p, packing.Options{})
	require.NoError(t, err)
	require.Equal(t, []int{3, 3, 9}, []int{len(a.Bins[0]), len(a.Bins[1]), len(a.Bins[2])})
}

func ExampleFleet() {
	p := &packing.Problem{
		Dimensions: []string{"memory_gib"},
		Bins: []packing.Bin{
			{Name: "server-0", Capacity: []int64{80}},
			{Name: "server-1", Capacity: []int64{80}},
		},
		Classes: []packing.Class{
			{Name: "llama", Size: []int64{60}, Count: 2, At: []int{0, 1}},
			{Name: "whisper", Size: []int64{16}, Count: 1, At: []int{1}},
		},
	}
	f, err := packing.NewFleet(p)
	if err != nil {
		panic(err)
	}
	if err := f.SetCount("llama", 1); err != nil {
		panic(err)
	}
	t := f.Settle(packing.Options{})
	fmt.Println(t.Changes, "used", t.Used)
	// Output: [{0 0 true}] used 1
}

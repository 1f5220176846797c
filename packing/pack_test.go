package packing_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

func TestPackIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := packingtest.Draw(t)
		o := packing.Options{
			Effort: rapid.SampledFrom([]packing.Effort{packing.Fast, packing.Tick}).Draw(t, "effort"),
			Prefer: rapid.SampledFrom([]packing.Preference{packing.Dense, packing.Even}).Draw(t, "prefer"),
		}
		a, err := packing.Pack(p, o)
		if err != nil {
			t.Fatalf("a drawn problem is not valid: %v", err)
		}
		if err := packingtest.Check(p, a); err != nil {
			t.Fatalf("%+v\n%+v\n%v", p, a, err)
		}
		again, _ := packing.Pack(p, o)
		if fmt.Sprint(again) != fmt.Sprint(a) {
			t.Fatalf("not the same twice: %+v and %+v", a, again)
		}
	})
}

func problem(bins, newBins int, classes ...packing.Class) *packing.Problem {
	p := &packing.Problem{Dimensions: []string{"memory_mib", "gpus"}, Classes: classes}
	for i := range bins {
		p.Bins = append(p.Bins, packing.Bin{Name: fmt.Sprintf("server-%d", i), Capacity: []int64{1000, 2}})
	}
	if newBins > 0 {
		p.Templates = []packing.Template{{Bin: packing.Bin{Capacity: []int64{1000, 2}}, Max: newBins}}
	}
	return p
}

func TestPack(t *testing.T) {
	for _, c := range []struct {
		name string
		p    *packing.Problem
		want packing.Assignment
	}{
		{
			"what sits stays, the rest goes to the first bin with room",
			problem(3, 0, packing.Class{Name: "a", Size: []int64{600, 1}, Count: 2, At: []int{2}}),
			packing.Assignment{Bins: [][]int{{0, 2}}, Used: 2, Cost: 2, LowerBound: 2, Proven: true},
		},
		{
			"open bins before new ones",
			problem(1, 5, packing.Class{Name: "a", Size: []int64{400, 0}, Count: 3}),
			packing.Assignment{Bins: [][]int{{0, 1, 2}}, Opened: []int{0, 0}, Used: 3, Cost: 3, LowerBound: 3, Proven: true},
		},
		{
			"large items first, so that small ones fill up",
			problem(2, 0,
				packing.Class{Name: "small", Size: []int64{400, 0}, Count: 2},
				packing.Class{Name: "large", Size: []int64{600, 0}, Count: 2}),
			packing.Assignment{Bins: [][]int{{0, 1}, {0, 1}}, Used: 2, Cost: 2, LowerBound: 2, Proven: true},
		},
		{
			"an item as large as the bin fits, one unit more does not",
			problem(1, 0,
				packing.Class{Name: "full", Size: []int64{1000, 2}, Count: 1},
				packing.Class{Name: "over", Size: []int64{1001, 2}, Count: 1}),
			packing.Assignment{Bins: [][]int{{0}, nil}, Used: 1, Cost: 1, LowerBound: 1, Proven: true, Refusals: []packing.Refusal{
				{Class: "over", Items: 1, Reason: packing.Capacity, Bin: "server-0", Dim: "memory_mib", Short: 1001, Relax: packing.Relaxation{Room: []packing.Room{{Dim: "memory_mib", By: 1001}, {Dim: "gpus", By: 2}}, Bin: "server-0"}},
			}},
		},
		{
			"an overfull bin refuses, what needs nothing of it fits",
			&packing.Problem{
				Dimensions: []string{"memory_mib", "gpus"},
				Bins:       []packing.Bin{{Name: "b", Capacity: []int64{10, 1}, Used: []int64{12, 0}}},
				Classes: []packing.Class{
					{Name: "memory", Size: []int64{1, 0}, Count: 1},
					{Name: "gpu", Size: []int64{0, 1}, Count: 1},
				},
			},
			packing.Assignment{Bins: [][]int{nil, {0}}, Used: 1, Cost: 1, LowerBound: 1, Proven: true, Refusals: []packing.Refusal{
				{Class: "memory", Items: 1, Reason: packing.Capacity, Bin: "b", Dim: "memory_mib", Short: 3, Relax: packing.Relaxation{Room: []packing.Room{{Dim: "memory_mib", By: 3}}, Bin: "b"}},
			}},
		},
		{
			"one of each",
			problem(1, 0, packing.Class{Name: "a", Size: []int64{1, 0}, Count: 3}),
			packing.Assignment{Bins: [][]int{{0}}, Used: 1, Cost: 1, LowerBound: 1, Proven: true, Refusals: []packing.Refusal{{Class: "a", Items: 2, Reason: packing.OneOfEach, Bin: "server-0", Relax: packing.Relaxation{OneMoreBin: true, Bin: "server-0"}}}},
		},
		{
			"a requirement that no bin meets",
			problem(1, 1, packing.Class{Name: "a", Size: []int64{1, 0}, Count: 1, Requires: []string{"h100"}}),
			packing.Assignment{Bins: [][]int{nil}, Proven: true, Refusals: []packing.Refusal{{Class: "a", Items: 1, Reason: packing.Capability, Bin: "server-0", Relax: packing.Relaxation{Capabilities: []string{"h100"}, Bin: "server-0"}}}},
		},
		{
			"nowhere at all",
			problem(0, 0, packing.Class{Name: "a", Size: []int64{1, 0}, Count: 1}),
			packing.Assignment{Bins: [][]int{nil}, Proven: true, Refusals: []packing.Refusal{{Class: "a", Items: 1, Reason: packing.NoBin}}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := packing.Pack(c.p, packing.Options{Effort: packing.Fast})
			require.NoError(t, err)
			require.Equal(t, c.want, *a)
			require.NoError(t, packingtest.Check(c.p, a))
		})
	}
}

func TestValidateReportsAllAtOnce(t *testing.T) {
	p := &packing.Problem{
		Dimensions: []string{"m"},
		Bins:       []packing.Bin{{Name: "a", Capacity: []int64{1}}, {Name: "a", Capacity: []int64{-1, 2}, Used: []int64{math.MaxInt64}}, {Capacity: []int64{1}}},
		Classes:    []packing.Class{{Name: "c", Count: 1, Size: []int64{1}, At: []int{0, 0, 7}}, {Size: []int64{1}}},
		Templates:  []packing.Template{{Bin: packing.Bin{Capacity: []int64{1}}, Max: -1}},
	}
	_, err := packing.Pack(p, packing.Options{Effort: packing.Fast})
	require.EqualError(t, err, `Bins[1].Name: "a" stands twice
Bins[1].Capacity: has 2 entries for 1 dimensions
Bins[1].Capacity[0]: must be >= 0, is -1
Bins[1].Used[0]: must be <= 2305843009213693951, is 9223372036854775807
Bins[2].Name: must not be empty
Templates[0].Max: must be >= 0, is -1
Classes[0].At[1]: bin 0 stands twice
Classes[0].At[2]: no bin has index 7
Classes[1].Name: must not be empty`)

	_, err = packing.Pack(&packing.Problem{}, packing.Options{})
	require.EqualError(t, err, "Dimensions: must not be empty")

	p = problem(1, 0, packing.Class{Name: "a", Size: []int64{math.MaxInt64 / 4, 0}, Count: 2})
	_, err = packing.Pack(p, packing.Options{Effort: packing.Fast})
	require.ErrorContains(t, err, `the sizes in "memory_mib" add up to more than`)
}

func ExamplePack() {
	p := &packing.Problem{
		Dimensions: []string{"memory_gib"},
		Bins:       []packing.Bin{{Name: "server-0", Capacity: []int64{80}}},
		Classes: []packing.Class{
			{Name: "llama", Size: []int64{60}, Count: 2, At: []int{0}},
			{Name: "whisper", Size: []int64{16}, Count: 2},
		},
		Templates: []packing.Template{{Bin: packing.Bin{Capacity: []int64{80}}, Max: 1}},
	}
	p.Classes = append(p.Classes, packing.Class{Name: "mixtral", Size: []int64{90}, Count: 1})
	a, err := packing.Pack(p, packing.Options{Effort: packing.Fast})
	if err != nil {
		panic(err)
	}
	fmt.Println("llama in", a.Bins[0], "whisper in", a.Bins[1])
	fmt.Printf("%d bins, at least %d needed\n", a.Used, a.LowerBound)
	fmt.Println(a.Refusals[0])
	fmt.Println("least relaxation:", a.Refusals[0].Relax)
	// Output:
	// llama in [0 1] whisper in [0 1]
	// 2 bins, at least 2 needed
	// 1 of mixtral refused: capacity (server-0 lacks 86 of memory_gib)
	// least relaxation: +86 memory_gib on server-0
}

func BenchmarkPack(b *testing.B) {
	for _, items := range []int{100, 1000} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			p := problem(0, items)
			for i := range items / 5 {
				p.Classes = append(p.Classes, packing.Class{
					Name: fmt.Sprint(i), Size: []int64{50 + r.Int64N(400), r.Int64N(2)}, Count: 5,
				})
			}
			var a *packing.Assignment
			b.ReportAllocs()
			for b.Loop() {
				a, _ = packing.Pack(p, packing.Options{Effort: packing.Fast})
			}
			b.ReportMetric(float64(a.Used), "bins/op")
			b.ReportMetric(100*a.Gap(), "gap_%")
		})
	}
}

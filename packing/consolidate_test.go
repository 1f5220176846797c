package packing_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

// Whatever consolidation does is right, moves nothing that is to stay and keeps
// its budgets.
func TestConsolidateIsRight(t *testing.T) {
	emptied := 0
	rapid.Check(t, func(t *rapid.T) {
		p := packingtest.Draw(t)
		easy := rapid.Bool().Draw(t, "easy")
		settles := func(label string) bool { return rapid.IntRange(0, 9).Draw(t, label) == 0 && !easy }
		for i := range p.Classes {
			c := &p.Classes[i]
			c.Settling = settles("class settles")
			if easy {
				c.Requires, c.Forbids, c.Count = nil, nil, max(c.Count, len(c.At))
			}
		}
		for i := range p.Bins {
			b := &p.Bins[i]
			b.Settling = settles("bin settles")
			if easy {
				b.State = packing.Open
			}
			for d := range b.Capacity { // so that there is something to gain
				b.Capacity[d] *= 5
				if b.Virtual != nil {
					b.Virtual[d] *= 5
				}
			}
		}
		limit := func(top int, label string) int {
			return max(0, rapid.IntRange(-4*top, top).Draw(t, label))
		}
		c := packing.Consolidation{
			Options:      packing.Options{Effort: rapid.SampledFrom([]packing.Effort{packing.Fast, packing.Tick}).Draw(t, "effort")},
			Removal:      rapid.SampledFrom([]packing.Removal{packing.Free, packing.Ordinal}).Draw(t, "removal"),
			MaxMoves:     limit(4, "moves"),
			MaxDisrupted: limit(2, "disrupted"),
			Quiet:        int64(limit(3, "quiet")),
			MaxCost:      int64(limit(10, "cost")),
		}
		a, err := packing.Consolidate(p, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := packingtest.CheckConsolidated(p, a, c); err != nil {
			t.Fatalf("%+v\n%+v\n%+v\n%v", p, c, a, err)
		}
		if a.Moved > 0 {
			emptied++
		}
	})
	if emptied < 2 {
		t.Errorf("bins were emptied %d times only", emptied)
	}
}

// rack has servers of capacity 10 that hold items of the given sizes, each a
// class of its own that costs its size to move.
func rack(servers ...[]int64) *packing.Problem {
	p := &packing.Problem{Dimensions: []string{"memory_gib"}}
	for s, sizes := range servers {
		p.Bins = append(p.Bins, packing.Bin{Name: fmt.Sprintf("server-%d", s), Ordinal: s, Capacity: []int64{10}})
		for i, size := range sizes {
			p.Classes = append(p.Classes, packing.Class{
				Name: fmt.Sprintf("model-%d-%d", s, i), Size: []int64{size}, Count: 1, MoveCost: size, At: []int{s},
			})
		}
	}
	return p
}

func TestConsolidate(t *testing.T) {
	for _, c := range []struct {
		name      string
		p         *packing.Problem
		c         packing.Consolidation
		change    func(p *packing.Problem)
		want      [][]int // per class
		moved     int64
		bound     int64
		notProven bool
	}{
		{name: "the lightest goes, into the fullest with room", p: rack([]int64{4}, []int64{3}, []int64{6}), want: [][]int{{0}, {2}, {2}}, moved: 3, bound: 3},
		{
			name: "with ordinal removal the last", p: rack([]int64{4}, []int64{3}, []int64{6}), c: packing.Consolidation{Removal: packing.Ordinal},
			want: [][]int{{0}, {1}, {0}}, moved: 6, bound: 6,
		},
		{
			name: "others make room where nothing else helps", p: rack([]int64{6, 2}, []int64{4, 3}, []int64{5}),
			want: [][]int{{0}, {2}, {0}, {2}, {2}}, moved: 9, bound: 9,
		},
		{
			name: "what costs more than it saves stays", p: rack([]int64{4}, []int64{3}, []int64{6}), c: packing.Consolidation{Quiet: 2},
			want: [][]int{{0}, {1}, {2}}, notProven: true,
		},
		{
			name: "a bin that costs more pays sooner", p: rack([]int64{4}, []int64{3}, []int64{6}), c: packing.Consolidation{Quiet: 2},
			change: func(p *packing.Problem) { p.Bins[0].Cost = 2 },
			want:   [][]int{{2}, {1}, {2}}, moved: 4, bound: 3,
		},
		{
			name: "as many moves as the budget has", p: rack([]int64{1, 1, 1}, []int64{2, 2}, []int64{4}, []int64{6}), c: packing.Consolidation{MaxMoves: 1},
			want: [][]int{{0}, {0}, {0}, {1}, {1}, {3}, {3}}, moved: 4, bound: 3, notProven: true,
		},
		{
			name: "settling and closed bins stay, and settling classes", p: rack([]int64{1}, []int64{1}, []int64{1}, []int64{2}, []int64{3}),
			change: func(p *packing.Problem) {
				p.Bins[0].Settling = true
				p.Bins[1].State = packing.Closed
				p.Classes[2].Settling = true
			},
			want: [][]int{{0}, {1}, {2}, {0}, {0}}, moved: 5, bound: 5, notProven: true,
		},
		{
			name: "a draining bin goes before a lighter one", p: rack([]int64{4}, []int64{3}, []int64{7}),
			change: func(p *packing.Problem) { p.Bins[2].State = packing.Draining },
			want:   [][]int{{0}, {1}, {1}}, moved: 7, bound: 3,
		},
		{
			name: "one of a class at a time", p: rack([]int64{1}, []int64{1}, []int64{6}), c: packing.Consolidation{MaxDisrupted: 1},
			change: func(p *packing.Problem) {
				p.Bins = append(p.Bins, packing.Bin{Name: "server-3", Ordinal: 3, Capacity: []int64{10}})
				p.Classes = []packing.Class{
					{Name: "twice", Size: []int64{1}, MoveCost: 1, Count: 2, At: []int{0, 1}},
					{Name: "large", Size: []int64{6}, MoveCost: 6, Count: 1, At: []int{2}},
					{Name: "larger", Size: []int64{7}, MoveCost: 7, Count: 1, At: []int{3}},
				}
			},
			want: [][]int{{0, 3}, {0}, {3}}, moved: 7, bound: 7,
		},
		{
			name: "nothing leaves what it prefers", p: rack([]int64{4}, []int64{3}, []int64{6}),
			change: func(p *packing.Problem) {
				p.Classes[1].Prefers = []string{"ssd"}
				p.Bins[1].Capabilities = []string{"ssd"}
			},
			want: [][]int{{2}, {1}, {2}}, moved: 4, bound: 4,
		},
		{
			name: "no zone loses its share", p: rack([]int64{1}, []int64{1}, []int64{4}),
			change: func(p *packing.Problem) {
				p.Classes = p.Classes[2:]
				p.Classes = append(p.Classes, packing.Class{
					Name: "spread", Size: []int64{1}, Count: 2, At: []int{0, 1}, Spread: packing.Spread{MaxSkew: 1, Soft: true},
				})
				p.Bins[0].Zone, p.Bins[1].Zone, p.Bins[2].Zone = "a", "b", "b"
			},
			want: [][]int{{2}, {0, 2}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.change != nil {
				c.change(c.p)
			}
			a, err := packing.Consolidate(c.p, c.c)
			require.NoError(t, err)
			require.NoError(t, packingtest.CheckConsolidated(c.p, a, c.c))
			require.Equal(t, c.want, a.Bins)
			require.Equal(t, c.moved, a.MovedCost)
			require.Equal(t, c.bound, a.MovedBound)
			require.Equal(t, !c.notProven, a.Proven)
		})
	}
}

func TestConsolidationReportsAllFaults(t *testing.T) {
	_, err := packing.Consolidate(rack([]int64{-1}), packing.Consolidation{Removal: 7, Quiet: -1, MaxMoves: -1, MaxCost: -1, MaxDisrupted: -1})
	require.EqualError(t, err, `Classes[0].Size[0]: must be >= 0, is -1
Classes[0].MoveCost: must be >= 0, is -1
Consolidation.Removal: must be Free or Ordinal, is 7
Consolidation.Quiet: must be >= 0, is -1
Consolidation.MaxMoves: must be >= 0, is -1
Consolidation.MaxCost: must be >= 0, is -1
Consolidation.MaxDisrupted: must be >= 0, is -1`)
}

// The order of bins and classes in the input changes nothing.
func TestConsolidateKnowsNoOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		p := crowd(r, 12, 60)
		want, err := packing.Consolidate(p, packing.Consolidation{})
		require.NoError(t, err)
		q, bins, classes := shuffled(r, p)
		got, err := packing.Consolidate(q, packing.Consolidation{})
		require.NoError(t, err)
		for i := range p.Classes {
			var at []int
			for _, b := range got.Bins[slices.Index(classes, i)] {
				at = append(at, bins[b])
			}
			slices.Sort(at)
			require.Equal(t, want.Bins[i], at, "class %d", i)
		}
	}
}

// shuffled is p in another order, and which bin and class of p stands where.
func shuffled(r *rand.Rand, p *packing.Problem) (q *packing.Problem, bins, classes []int) {
	bins, classes = r.Perm(len(p.Bins)), r.Perm(len(p.Classes))
	q = &packing.Problem{Dimensions: p.Dimensions, Templates: p.Templates}
	for _, b := range bins {
		q.Bins = append(q.Bins, p.Bins[b])
	}
	for _, i := range classes {
		c := p.Classes[i]
		c.At = nil
		for _, b := range r.Perm(len(p.Classes[i].At)) {
			c.At = append(c.At, slices.Index(bins, p.Classes[i].At[b]))
		}
		q.Classes = append(q.Classes, c)
	}
	return q, bins, classes
}

// crowd is a fleet of equal servers, each holding items of random models, that
// could do with about two thirds of them.
func crowd(r *rand.Rand, servers, models int) *packing.Problem {
	p := &packing.Problem{Dimensions: []string{"memory_mib", "gpu_mib", "slots"}}
	var free [][]int64
	for s := range servers {
		p.Bins = append(p.Bins, packing.Bin{Name: fmt.Sprintf("server-%03d", s), Ordinal: s, Capacity: []int64{32768, 40960, 40}})
		free = append(free, []int64{22000, 26000, 26})
	}
	for m := range models {
		size := []int64{100 + r.Int64N(400)<<r.IntN(5), r.Int64N(500) << r.IntN(5), 1 + r.Int64N(4)}
		c := packing.Class{Name: fmt.Sprintf("model-%04d", m), Size: size, MoveCost: size[0]}
		for range 1 + r.IntN(4) {
			s := r.IntN(servers)
			if slices.Contains(c.At, s) || free[s][0] < size[0] || free[s][1] < size[1] || free[s][2] < size[2] {
				continue
			}
			for d := range size {
				free[s][d] -= size[d]
			}
			c.At = append(c.At, s)
		}
		slices.Sort(c.At)
		c.Count = len(c.At)
		p.Classes = append(p.Classes, c)
	}
	return p
}

func ExampleConsolidate() {
	p := &packing.Problem{
		Dimensions: []string{"memory_gib"},
		Bins: []packing.Bin{
			{Name: "server-0", Ordinal: 0, Capacity: []int64{80}},
			{Name: "server-1", Ordinal: 1, Capacity: []int64{80}},
			{Name: "server-2", Ordinal: 2, Capacity: []int64{80}},
		},
		Classes: []packing.Class{
			{Name: "llama", Size: []int64{40}, MoveCost: 40, Count: 2, At: []int{0, 2}},
			{Name: "mixtral", Size: []int64{30}, MoveCost: 30, Count: 1, At: []int{1}},
			{Name: "whisper", Size: []int64{10}, MoveCost: 10, Count: 3, At: []int{0, 1, 2}},
		},
	}
	a, err := packing.Consolidate(p, packing.Consolidation{Removal: packing.Ordinal})
	if err != nil {
		panic(err)
	}
	fmt.Println(a.Used, "servers needed, at least", a.LowerBound)
	fmt.Println(a.Moved, "moves that cost", a.MovedCost)

	p.Classes[2].Count, p.Classes[2].At = 2, []int{0, 1}
	a, _ = packing.Consolidate(p, packing.Consolidation{Removal: packing.Ordinal})
	fmt.Println(a.Used, "servers needed: llama on", a.Bins[0], "mixtral on", a.Bins[1], "whisper on", a.Bins[2])
	fmt.Println(a.Moved, "moves that cost", a.MovedCost, "of at least", a.MovedBound)
	// Output:
	// 3 servers needed, at least 3
	// 0 moves that cost 0
	// 2 servers needed: llama on [0 1] mixtral on [1] whisper on [0 1]
	// 1 moves that cost 40 of at least 40
}

func BenchmarkConsolidate(b *testing.B) {
	for _, servers := range []int{10, 100, 1000} {
		for _, removal := range []packing.Removal{packing.Free, packing.Ordinal} {
			b.Run(fmt.Sprintf("servers=%d/%v", servers, removal), func(b *testing.B) {
				p := crowd(rand.New(rand.NewPCG(1, 2)), servers, 4*servers)
				var a *packing.Assignment
				b.ReportAllocs()
				for b.Loop() {
					a, _ = packing.Consolidate(p, packing.Consolidation{Removal: removal})
				}
				b.ReportMetric(float64(a.Used), "bins/op")
				b.ReportMetric(100*a.Gap(), "gap_%")
				b.ReportMetric(100*float64(a.MovedCost-a.MovedBound)/float64(max(1, a.MovedBound)), "moved_over_%")
			})
		}
	}
}

package packing_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

// Whatever has been done of a schedule, the state is valid, and all of it leads
// to the assignment but for what is left.
func TestOrderIsRight(t *testing.T) {
	moves, detours, left := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p, a := packingtest.Draw(t), (*packing.Assignment)(nil)
		if rapid.Bool().Draw(t, "rotate") {
			p, a = rotated(t)
		} else {
			a = target(t, p)
		}
		s, err := packing.Order(p, a)
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		if err := followable(r, p, a, s); err != nil {
			t.Fatalf("%+v\n%+v\n%+v\n%v", p, a, s, err)
		}
		moves, detours, left = moves+len(s.Steps), detours+s.Detours, left+len(s.Left)
	})
	if moves < 100 || detours == 0 || left == 0 {
		t.Errorf("only %d steps, %d detours, %d left", moves, detours, left)
	}
}

// target is where p's items could sit instead: consolidated, or scattered
// afterwards, with items that change places.
func target(t *rapid.T, p *packing.Problem) *packing.Assignment {
	if rapid.Bool().Draw(t, "pack") {
		a, err := packing.Pack(p, packing.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	a, err := packing.Consolidate(settled(p), packing.Consolidation{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// rotated is a crowded fleet of equal servers, each of which is to hold what
// another one holds.
func rotated(t *rapid.T) (*packing.Problem, *packing.Assignment) {
	servers := make([][]int64, rapid.IntRange(2, 5).Draw(t, "servers"))
	for s := range servers {
		for free := int64(10); free > 0 && rapid.IntRange(0, 4).Draw(t, "more") > 0; {
			size := rapid.Int64Range(1, free).Draw(t, "size")
			servers[s] = append(servers[s], size)
			free -= size
		}
	}
	p := rack(servers...)
	for b := range p.Bins {
		p.Bins[b].Zone = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone")
	}
	for i := range p.Classes {
		p.Classes[i].Spread.MaxSkew = rapid.IntRange(0, 1).Draw(t, "skew")
	}
	var order []int
	for s := range servers {
		order = append(order, s)
	}
	to := rapid.Permutation(order).Draw(t, "to")
	a := &packing.Assignment{}
	for _, c := range p.Classes {
		a.Bins = append(a.Bins, []int{to[c.At[0]]})
	}
	return p, a
}

// A run is a schedule that is being carried out.
type run struct {
	p     *packing.Problem
	a     *packing.Assignment
	holds []map[int]bool // per class: the bins
}

func newRun(p *packing.Problem, a *packing.Assignment, holds func(class int) []int) *run {
	x := &run{p: p, a: a}
	for i := range p.Classes {
		at := map[int]bool{}
		for _, b := range holds(i) {
			at[b] = true
		}
		x.holds = append(x.holds, at)
	}
	return x
}

// followable carries a schedule out in a random order that it allows, and judges
// each state on the way.
func followable(r *rand.Rand, p *packing.Problem, a *packing.Assignment, s *packing.Schedule) error {
	x := newRun(p, a, func(class int) []int { return p.Classes[class].At })
	done := make([]bool, len(s.Steps))
	for range s.Steps {
		var ready []int
		for i, step := range s.Steps {
			if !done[i] && !slices.ContainsFunc(step.After, func(j int) bool { return !done[j] }) {
				ready = append(ready, i)
			}
		}
		if len(ready) == 0 {
			return fmt.Errorf("what is not done waits for itself")
		}
		i := ready[r.IntN(len(ready))]
		done[i] = true
		if err := x.take(s.Steps[i]); err != nil {
			return fmt.Errorf("after steps %v: %v", done, err)
		}
	}
	for _, step := range s.Left {
		if err := x.apply(step); err != nil {
			return fmt.Errorf("left: %v", err)
		}
	}
	for i := range p.Classes {
		for b := range len(p.Bins) + len(a.Opened) {
			if x.holds[i][b] != slices.Contains(a.Bins[i], b) {
				return fmt.Errorf("ends with class %d in bin %d: %v", i, b, x.holds[i][b])
			}
		}
	}
	return nil
}

func (x *run) apply(s packing.Step) error {
	if at := x.holds[s.Class]; at[s.Bin] == (s.Kind == packing.Load) {
		return fmt.Errorf("%v of class %d at bin %d, which holds one: %v", s.Kind, s.Class, s.Bin, at[s.Bin])
	}
	if s.Kind == packing.Unload {
		delete(x.holds[s.Class], s.Bin)
		return nil
	}
	x.holds[s.Class][s.Bin] = true
	return nil
}

// take is apply, and judges the state that comes of it.
func (x *run) take(s packing.Step) error {
	if err := x.apply(s); err != nil {
		return err
	}
	class := x.p.Classes[s.Class]
	if n := len(x.holds[s.Class]); n < min(len(class.At), len(x.a.Bins[s.Class])) {
		return fmt.Errorf("only %d items of class %d", n, s.Class)
	}
	if s.Kind == packing.Load {
		if err := x.arrived(s.Class, s.Bin); err != nil {
			return err
		}
	}
	return x.even(s.Class)
}

// arrived judges a bin after an item of a class came.
func (x *run) arrived(class, b int) error {
	bin := x.bin(b)
	if bin.State != packing.Open || !x.takes(class, bin) {
		return fmt.Errorf("bin %d does not take class %d", b, class)
	}
	for d, size := range x.p.Classes[class].Size {
		if size == 0 {
			continue
		}
		sum, pinned, largest := int64(0), int64(0), int64(0)
		if bin.Used != nil {
			sum, pinned = bin.Used[d], bin.Used[d]
		}
		for i, c := range x.p.Classes {
			if !x.holds[i][b] {
				continue
			}
			own := int64(0)
			if c.Pinned != nil {
				own = c.Pinned[d]
			}
			sum, pinned, largest = sum+c.Size[d], pinned+own, max(largest, c.Size[d]-own)
		}
		most := bin.Capacity[d]
		if bin.Virtual != nil {
			most = bin.Virtual[d]
		}
		if sum > most || pinned+largest > bin.Capacity[d] {
			return fmt.Errorf("bin %d is overfull in dimension %d", b, d)
		}
	}
	return nil
}

func (x *run) bin(b int) packing.Bin {
	if b < len(x.p.Bins) {
		return x.p.Bins[b]
	}
	bin := x.p.Templates[x.a.Opened[b-len(x.p.Bins)]].Bin
	bin.State = packing.Open // that of a template means nothing
	return bin
}

// even judges a hard rule of spread of a class that keeps its number: without
// the items that are on their way, taken where most are, it holds, or did not
// at the beginning.
func (x *run) even(class int) error {
	c := x.p.Classes[class]
	start := x.zones(class, func(b int) bool { return slices.Contains(c.At, b) })
	if c.Spread.MaxSkew == 0 || c.Spread.Soft || len(c.At) != len(x.a.Bins[class]) || skewOf(start) > c.Spread.MaxSkew {
		return nil
	}
	now := x.zones(class, func(b int) bool { return x.holds[class][b] })
	for range len(x.holds[class]) - len(c.At) {
		now[most(now)]--
	}
	if skewOf(now) > c.Spread.MaxSkew {
		return fmt.Errorf("class %d is spread as %v", class, now)
	}
	return nil
}

func (x *run) zones(class int, holds func(b int) bool) map[string]int {
	n := map[string]int{}
	for _, bin := range x.p.Bins {
		if !x.takes(class, bin) || bin.State != packing.Open {
			continue
		}
		n[bin.Zone] += 0
	}
	for _, t := range x.p.Templates {
		if t.Max > 0 && x.takes(class, t.Bin) {
			n[t.Zone] += 0
		}
	}
	for b, bin := range x.p.Bins {
		if _, counts := n[bin.Zone]; counts && holds(b) {
			n[bin.Zone]++
		}
	}
	for i, t := range x.a.Opened {
		if zone := x.p.Templates[t].Zone; holds(len(x.p.Bins) + i) {
			n[zone]++
		}
	}
	return n
}

func (x *run) takes(class int, b packing.Bin) bool {
	c := x.p.Classes[class]
	has := func(s string) bool { return slices.Contains(b.Capabilities, s) }
	return !slices.ContainsFunc(c.Forbids, has) && !slices.ContainsFunc(c.Requires, func(s string) bool { return !has(s) })
}

func most(zones map[string]int) string {
	best := ""
	for z, n := range zones {
		if _, known := zones[best]; !known || n > zones[best] || n == zones[best] && z < best {
			best = z
		}
	}
	return best
}

func skewOf(zones map[string]int) int {
	if len(zones) == 0 {
		return 0
	}
	least, most := 1<<30, 0
	for _, n := range zones {
		least, most = min(least, n), max(most, n)
	}
	return most - least
}

// story prints a schedule, one step a line.
func story(p *packing.Problem, s *packing.Schedule) string {
	var b strings.Builder
	line := func(step packing.Step) {
		name := "a new bin"
		if step.Bin < len(p.Bins) {
			name = p.Bins[step.Bin].Name
		}
		fmt.Fprintf(&b, "%v %s %s", step.Kind, p.Classes[step.Class].Name, name)
		if len(step.After) > 0 {
			fmt.Fprintf(&b, " after %v", step.After)
		}
		b.WriteString("\n")
	}
	for _, step := range s.Steps {
		line(step)
	}
	for _, step := range s.Left {
		b.WriteString("left: ")
		line(step)
	}
	return b.String()
}

func TestOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		p    *packing.Problem
		bins [][]int
		want string
	}{
		{
			"load before unload", rack([]int64{4}, nil),
			[][]int{{1}},
			"load model-0-0 server-1\nunload model-0-0 server-0 after [0]\n",
		},
		{
			"what has room waits for nothing", rack([]int64{4}, []int64{4}, nil),
			[][]int{{2}, {0}},
			"load model-0-0 server-2\nunload model-0-0 server-0 after [0]\nload model-1-0 server-0\nunload model-1-0 server-1 after [2]\n",
		},
		{
			"what has none waits for room", rack([]int64{7}, []int64{7}, nil),
			[][]int{{2}, {0}},
			"load model-0-0 server-2\nunload model-0-0 server-0 after [0]\nload model-1-0 server-0 after [1]\nunload model-1-0 server-1 after [2]\n",
		},
		{
			"two that change places need a third", rack([]int64{7}, []int64{6}, []int64{3}),
			[][]int{{1}, {0}, {2}},
			`load model-0-0 server-2
unload model-0-0 server-0 after [0]
load model-1-0 server-0 after [1]
unload model-1-0 server-1 after [2]
load model-0-0 server-1 after [0 3]
unload model-0-0 server-2 after [0 4]
`,
		},
		{
			"without a third they stay", rack([]int64{7}, []int64{6}),
			[][]int{{1}, {0}},
			"left: load model-0-0 server-1\nleft: unload model-0-0 server-0\nleft: load model-1-0 server-0\nleft: unload model-1-0 server-1\n",
		},
		{
			// Were model-0-0 to go first, the other two could not change places.
			"a move that would block others waits", rack([]int64{5}, []int64{5}, []int64{5, 5}),
			[][]int{{1}, {2}, {1}, {2}},
			`load model-2-0 server-1
unload model-2-0 server-2 after [0]
load model-1-0 server-2 after [1]
unload model-1-0 server-1 after [2]
load model-0-0 server-1 after [3]
unload model-0-0 server-0 after [4]
`,
		},
		{
			"what is removed makes room", rack([]int64{7}, []int64{6}),
			[][]int{{1}, nil},
			"unload model-1-0 server-1\nload model-0-0 server-1 after [0]\nunload model-0-0 server-0 after [1]\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &packing.Assignment{Bins: c.bins}
			s, err := packing.Order(c.p, a)
			require.NoError(t, err)
			require.NoError(t, followable(rand.New(rand.NewPCG(1, 2)), c.p, a, s))
			require.Equal(t, c.want, story(c.p, s))
		})
	}
}

func TestOrderReportsAllFaults(t *testing.T) {
	_, err := packing.Order(rack([]int64{1, 2}), &packing.Assignment{Bins: [][]int{{0, 0}, {7}, nil}, Opened: []int{0}})
	require.EqualError(t, err, `Assignment.Bins: has 3 entries for 2 classes
Assignment.Opened[0]: no template has index 0
Assignment.Bins[0][1]: must be more than 0, is 0
Assignment.Bins[1][0]: no bin has index 7`)
	_, err = packing.Order(rack([]int64{-1}), &packing.Assignment{})
	require.ErrorContains(t, err, "Size[0]: must be >= 0")
}

func ExampleOrder() {
	p := &packing.Problem{
		Dimensions: []string{"memory_gib"},
		Bins: []packing.Bin{
			{Name: "server-0", Capacity: []int64{80}},
			{Name: "server-1", Capacity: []int64{80}},
			{Name: "server-2", Capacity: []int64{80}},
		},
		Classes: []packing.Class{
			{Name: "llama", Size: []int64{60}, Count: 1, At: []int{0}},
			{Name: "mixtral", Size: []int64{70}, Count: 1, At: []int{1}},
		},
	}
	s, err := packing.Order(p, &packing.Assignment{Bins: [][]int{{1}, {0}}}) // they change places
	if err != nil {
		panic(err)
	}
	for i, step := range s.Steps {
		fmt.Println(i, step.Kind, p.Classes[step.Class].Name, "on", p.Bins[step.Bin].Name, "after", step.After)
	}
	fmt.Println(s.Detours, "detour,", len(s.Left), "left")
	// Output:
	// 0 load llama on server-2 after []
	// 1 unload llama on server-0 after [0]
	// 2 load mixtral on server-0 after [1]
	// 3 unload mixtral on server-1 after [2]
	// 4 load llama on server-1 after [0 3]
	// 5 unload llama on server-2 after [0 4]
	// 1 detour, 0 left
}

func BenchmarkOrder(b *testing.B) {
	for _, servers := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("servers=%d", servers), func(b *testing.B) {
			p := crowd(rand.New(rand.NewPCG(1, 2)), servers, 4*servers)
			a, err := packing.Consolidate(p, packing.Consolidation{})
			require.NoError(b, err)
			var s *packing.Schedule
			b.ReportAllocs()
			for b.Loop() {
				s, _ = packing.Order(p, a)
			}
			b.ReportMetric(float64(len(s.Steps)), "steps/op")
			b.ReportMetric(float64(s.Detours), "detours/op")
			b.ReportMetric(float64(len(s.Left)), "left/op")
		})
	}
}

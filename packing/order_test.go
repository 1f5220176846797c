package packing_test

import (
	"fmt"
	"math/rand/v2"
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
	trial := func(t *rapid.T) {
		var p *packing.Problem
		var a *packing.Assignment
		var err error
		switch rapid.IntRange(0, 2).Draw(t, "target") {
		case 0:
			p = packingtest.Draw(t)
			a, err = packing.Pack(p, packing.Options{})
		case 1:
			p = packingtest.Draw(t)
			a, err = packing.Consolidate(p, packing.Consolidation{})
		case 2:
			p, a = rotated(t)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := packing.Order(p, a)
		if err != nil {
			t.Fatal(err)
		}
		if err := packingtest.CheckSchedule(p, a, s); err != nil {
			t.Fatalf("%+v\n%+v\n%+v\n%v", p, a, s, err)
		}
		moves, detours, left = moves+len(s.Steps), detours+s.Detours, left+len(s.Left)
	}
	for range 5 { // most schedules need no detour
		rapid.Check(t, trial)
	}
	if moves < 500 || detours < 5 || left < 5 {
		t.Errorf("only %d steps, %d detours, %d left", moves, detours, left)
	}
}

// rotated is a crowded fleet of equal servers, each of which is to hold what
// another one holds.
func rotated(t *rapid.T) (*packing.Problem, *packing.Assignment) {
	servers := make([][]int64, rapid.IntRange(2, 5).Draw(t, "servers"))
	var order []int
	for s := range servers {
		order = append(order, s)
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
	to := rapid.Permutation(order).Draw(t, "to")
	a := &packing.Assignment{}
	for _, c := range p.Classes {
		a.Bins = append(a.Bins, []int{to[c.At[0]]})
	}
	return p, a
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
			require.NoError(t, packingtest.CheckSchedule(c.p, a, s))
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

package packingtest_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

// crossing is a fleet in which a and b change places over the spare server, c
// moves beside them, d is new and e goes.
func crossing() (*packing.Problem, *packing.Assignment) {
	bin := func(name, zone string) packing.Bin {
		return packing.Bin{Name: name, Capacity: []int64{10}, Zone: zone}
	}
	p := &packing.Problem{
		Dimensions: []string{"memory"},
		Bins:       []packing.Bin{bin("x", "1"), bin("y", "2"), bin("spare", "1"), bin("shut", "2"), bin("soft", "1")},
		Classes: []packing.Class{
			{Name: "a", Size: []int64{7}, Count: 1, At: []int{0}},
			{Name: "b", Size: []int64{7}, Count: 1, At: []int{1}, Requires: nil},
			{Name: "c", Size: []int64{3}, Count: 2, At: []int{0, 1}, Spread: packing.Spread{MaxSkew: 1}},
			{Name: "d", Size: []int64{7}, Pinned: []int64{2}, Count: 1, Forbids: []string{"gpu"}},
			{Name: "e", Size: []int64{8}, Pinned: []int64{4}, Count: 0, At: []int{4}},
		},
	}
	p.Bins[3].State = packing.Closed
	p.Bins[3].Capabilities = []string{"gpu"}
	p.Bins[4].Virtual = []int64{20}
	return p, &packing.Assignment{Bins: [][]int{{1}, {0}, {1, 2}, {4}, nil}}
}

// way is a right schedule for it.
func way() *packing.Schedule {
	load, unload := packing.Load, packing.Unload
	return &packing.Schedule{
		Steps: []packing.Step{
			{Kind: load, Class: 0, Bin: 2},                    // 0: a makes a detour
			{Kind: unload, Class: 0, Bin: 0, After: []int{0}}, // 1
			{Kind: load, Class: 1, Bin: 0, After: []int{1}},   // 2: b comes
			{Kind: unload, Class: 1, Bin: 1, After: []int{2}}, // 3
			{Kind: load, Class: 0, Bin: 1, After: []int{3}},   // 4: a gets where it belongs
			{Kind: unload, Class: 0, Bin: 2, After: []int{4}}, // 5
			{Kind: load, Class: 2, Bin: 2},                    // 6: c beside a, while it is there
			{Kind: unload, Class: 2, Bin: 0, After: []int{6}}, // 7
			{Kind: unload, Class: 4, Bin: 4},                  // 8: e goes
			{Kind: load, Class: 3, Bin: 4, After: []int{8}},   // 9: d would fit beside what is pinned, not beside e
		},
		Detours: 1,
	}
}

// Each broken schedule is found out, for the right reason.
func TestCheckScheduleFindsFaults(t *testing.T) {
	p, a := crossing()
	require.NoError(t, p.Validate())
	require.NoError(t, packingtest.CheckSchedule(p, a, way()))
	for _, c := range []struct {
		breaks func(*packing.Schedule)
		want   string
	}{
		{func(s *packing.Schedule) { s.Steps[0].Class = 5 }, "step 0: load of class 5 at bin 2 means nothing"},
		{func(s *packing.Schedule) { s.Steps[0].Bin = 5 }, "step 0: load of class 0 at bin 5 means nothing"},
		{func(s *packing.Schedule) { s.Steps[0].Kind = 2 }, "means nothing"},
		{func(s *packing.Schedule) { s.Steps[1].After = []int{1} }, "step 1: waits for [1]"},
		{func(s *packing.Schedule) { s.Steps[5].After = []int{4, 4} }, "step 5: waits for [4 4]"},
		{func(s *packing.Schedule) { s.Steps[0].Bin = 3 }, "step 0 (load a at bin 3): the bin is closed"},
		{func(s *packing.Schedule) { s.Steps[9].Bin = 3 }, "step 9 (load d at bin 3): the bin has the forbidden capability gpu"},
		{func(s *packing.Schedule) { s.Steps[1].After = nil }, "a: down to 0 items of 1"},
		{func(s *packing.Schedule) { s.Steps[2].After = nil }, "bin 0: up to 17 of 10 memory, with step 2 (load b at bin 0)"},
		{func(s *packing.Schedule) { s.Steps[4].After = []int{0} }, "bin 1: up to 17 of 10 memory, with step 4 (load a at bin 1)"},
		{func(s *packing.Schedule) { s.Steps[6].Bin = 1 }, "c: up to 2 in bin 1"},
		{func(s *packing.Schedule) { s.Steps[3].Bin = 2 }, "b: unloaded from bin 2, where none is"},
		{func(s *packing.Schedule) { s.Steps[7].After = nil }, "c: down to 1 items of 2"},
		{func(s *packing.Schedule) {
			s.Steps[9].After = nil
		}, "bin 4: up to 11 of 10 memory pinned and being loaded, with step 9 (load d at bin 4)"},
		{func(s *packing.Schedule) { s.Steps = s.Steps[:9] }, "d: ends in bins [], not [4]"},
		{func(s *packing.Schedule) {
			s.Left = append(s.Left, packing.Step{Kind: packing.Unload, Class: 2, Bin: 1})
		}, "c: ends in bins [2], not [1 2]"},
	} {
		s := way()
		c.breaks(s)
		require.ErrorContains(t, packingtest.CheckSchedule(p, a, s), c.want)
	}

	// A zone that is left for the fuller one, in two steps that are right at last.
	p.Classes[2].At, a.Bins[2] = []int{0, 1}, []int{0, 1}
	s := &packing.Schedule{Steps: []packing.Step{
		{Kind: packing.Load, Class: 2, Bin: 2},
		{Kind: packing.Unload, Class: 2, Bin: 1, After: []int{0}},
		{Kind: packing.Load, Class: 2, Bin: 1, After: []int{1}},
		{Kind: packing.Unload, Class: 2, Bin: 2, After: []int{2}},
	}}
	a.Bins[0], a.Bins[1], a.Bins[3], a.Bins[4] = []int{0}, []int{1}, nil, []int{4}
	require.ErrorContains(t, packingtest.CheckSchedule(p, a, s), "c: spread as map[1:2 2:0] on the way, skew 1 allowed")
}

// The judge finds just those schedules wrong that are wrong in some set of
// steps, tried one by one.
func TestCheckScheduleAgainstAllSets(t *testing.T) {
	right, wrong := 0, 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 3))
		p, a, s := scramble(r)
		want := anySetIsWrong(p, a, s)
		got := packingtest.CheckSchedule(p, a, s)
		if (want != "") != (got != nil && !strings.Contains(got.Error(), "ends in")) {
			t.Fatalf("seed %d: some set is wrong by %q, the judge says %v\n%+v\n%+v", seed, want, got, p, s)
		}
		if want == "" {
			right++
		} else {
			wrong++
		}
	}
	require.Greater(t, right, 400)
	require.Greater(t, wrong, 400)
}

// scramble makes random steps with random waits on a small fleet.
func scramble(r *rand.Rand) (*packing.Problem, *packing.Assignment, *packing.Schedule) {
	p := &packing.Problem{Dimensions: []string{"memory"}}
	for range 2 {
		capacity := 6 + r.Int64N(12)
		b := packing.Bin{Name: string(rune('x' + len(p.Bins))), Capacity: []int64{capacity}}
		if r.IntN(2) == 0 {
			b.Virtual = []int64{capacity + r.Int64N(10)}
		}
		p.Bins = append(p.Bins, b)
	}
	a := &packing.Assignment{}
	for i := range 1 + r.IntN(4) {
		size := 1 + r.Int64N(6)
		c := packing.Class{Name: string(rune('a' + i)), Size: []int64{size}, Pinned: []int64{r.Int64N(size + 1)}, Count: 2}
		for b := range p.Bins {
			if r.IntN(3) == 0 {
				c.At = append(c.At, b)
			}
		}
		p.Classes = append(p.Classes, c)
		a.Bins = append(a.Bins, slices.Clone(c.At))
	}
	s := &packing.Schedule{}
	for i := range r.IntN(8) {
		step := packing.Step{Kind: packing.StepKind(r.IntN(2)), Class: r.IntN(len(p.Classes)), Bin: r.IntN(2)}
		for w := range i {
			if r.IntN(3) == 0 {
				step.After = append(step.After, w)
			}
		}
		s.Steps = append(s.Steps, step)
	}
	return p, a, s
}

// anySetIsWrong simulates every set of steps that may be done and says what is
// wrong with one, "" if nothing is with any.
func anySetIsWrong(p *packing.Problem, a *packing.Assignment, s *packing.Schedule) string {
	for set := range 1 << len(s.Steps) {
		held := make([]map[int]int, len(p.Bins)) // class: how many
		loaded := make([]bool, len(p.Bins))
		for b := range held {
			held[b] = map[int]int{}
			for i, c := range p.Classes {
				if slices.Contains(c.At, b) {
					held[b][i]++
				}
			}
		}
		possible := true
		for i, step := range s.Steps {
			if set>>i&1 == 0 {
				continue
			}
			for _, w := range step.After {
				possible = possible && set>>w&1 != 0
			}
			if step.Kind == packing.Load {
				held[step.Bin][step.Class]++
				loaded[step.Bin] = true
			} else {
				held[step.Bin][step.Class]--
			}
		}
		if !possible {
			continue
		}
		if fault := stateIsWrong(p, a, held, loaded); fault != "" {
			return fault
		}
	}
	return ""
}

func stateIsWrong(p *packing.Problem, a *packing.Assignment, held []map[int]int, loaded []bool) string {
	total := map[int]int{}
	for b, items := range held {
		sum, pinned, top := int64(0), int64(0), int64(0)
		for i, n := range items {
			if n > 1 {
				return "up to 2"
			} else if n < 0 {
				return "where none is"
			} else if n == 0 {
				continue
			}
			total[i]++
			c := p.Classes[i]
			sum += c.Size[0]
			pinned += c.Pinned[0]
			top = max(top, c.Size[0]-c.Pinned[0])
		}
		virtual := p.Bins[b].Capacity[0]
		if p.Bins[b].Virtual != nil {
			virtual = p.Bins[b].Virtual[0]
		}
		if loaded[b] && (sum > virtual || pinned+top > p.Bins[b].Capacity[0]) {
			return "up to"
		}
	}
	for i, c := range p.Classes {
		if total[i] < len(c.At) {
			return "down to"
		}
	}
	return ""
}

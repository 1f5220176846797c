package packing

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawPlain places the items of a small problem with equal bins, each in a bin
// of its own.
func drawPlain(t *rapid.T) *state {
	p := &Problem{Dimensions: []string{"a", "b"}, Templates: []Template{{Bin{Capacity: []int64{10, 10}}, 20}}}
	for i := range rapid.IntRange(2, 7).Draw(t, "classes") {
		size := []int64{rapid.Int64Range(0, 7).Draw(t, "size"), rapid.Int64Range(1, 7).Draw(t, "size")}
		p.Classes = append(p.Classes, Class{Name: string(rune('a' + i)), Size: size, Count: rapid.IntRange(1, 2).Draw(t, "count")})
	}
	s := newState(newLayout(p))
	for c := range s.classIn {
		for s.short(int32(c)) > 0 {
			s.add(int32(c), s.openNew(0))
		}
	}
	s.log = s.log[:0]
	return s
}

// fewestOf is the least number of bins for what s holds, by trying all ways.
func fewestOf(s *state) int {
	counts := make([]int, len(s.at))
	for c, bins := range s.at {
		counts[c] = len(bins)
	}
	q := newCover(s.layout, counts)
	for bins := 1; ; bins++ {
		if !q.impossible(bins, &budget{limit: 1 << 40}) {
			return bins
		}
	}
}

// Diving keeps all items, obeys every rule, tells no bound that is too high, and
// mostly finds the fewest bins.
func TestDive(t *testing.T) {
	fewest, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawPlain(t)
		items, least := count(s), fewestOf(s)
		r := &run{Options: Options{Effort: Second}, s: s}
		bound := r.dive(0)
		if count(r.s) != items {
			t.Fatalf("%d items, before %d", count(r.s), items)
		}
		sound(t, r.s)
		if bound > least || r.s.used < least {
			t.Fatalf("%+v: %d bins, bound %d, yet the fewest is %d", s.p, r.s.used, bound, least)
		}
		all++
		if r.s.used == least {
			fewest++
		}
	})
	if fewest < all*95/100 {
		t.Errorf("fewest in %d of %d", fewest, all)
	}
}

// After bins were filled the programme has the value that one made afresh has.
func TestMasterRepairs(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawPlain(t)
		d := newDiver(s, &budget{limit: 1 << 40})
		if slices.ContainsFunc(d.classes, func(like []int32) bool { return len(like) > 1 }) {
			return // columns keep their numbers when a class of several has no items left
		}
		d.seed(s.items, nil)
		if !d.solve(d.kinds) {
			t.Fatal("not solved")
		}
		before := d.fillings()
		for _, f := range d.pool[:rapid.IntRange(1, min(3, len(d.pool))).Draw(t, "fill")] {
			d.fill(f)
		}
		for _, bin := range d.bins {
			for _, p := range bin {
				c := d.classes[p.row][p.class]
				s.remove(c, s.at[c][0])
			}
		}
		if s.used == 0 {
			return
		}
		if !d.solve(d.kinds) {
			t.Fatal("not solved again")
		}
		fresh := newDiver(s, &budget{limit: 1 << 40})
		fresh.seed(s.items, nil)
		if !fresh.solve(fresh.kinds) {
			t.Fatal("not solved afresh")
		}
		if got, want := d.fillings(), fresh.fillings(); math.Abs(got-want) > 1e-2 {
			t.Fatalf("%v, afresh %v", got, want)
		}
		if d.fillings() < before-0.5 {
			changed++
		}
	})
	if changed < 20 {
		t.Errorf("the value fell %d times", changed)
	}
}

// A tick has no time to dive.
func TestDiveNeedsAnEffort(t *testing.T) {
	for effort, want := range map[Effort]int{Tick: 6, Fast: 6, Second: 3} {
		p := &Problem{Dimensions: []string{"a"}, Templates: []Template{{Bin{Capacity: []int64{10}}, 6}}}
		for i := range 6 {
			p.Classes = append(p.Classes, Class{Name: string(rune('a' + i)), Size: []int64{5}, Count: 1})
		}
		s := newState(newLayout(p))
		for c := range s.classIn {
			s.add(int32(c), s.openNew(0))
		}
		r := &run{Options: Options{Effort: effort}, s: s}
		r.dive(1)
		require.Equal(t, want, r.s.used, effort)
	}
}

// Where bins differ, or hold something to begin with, fillings are not enough to
// go by.
func TestPlain(t *testing.T) {
	base := func() *Problem {
		return &Problem{
			Dimensions: []string{"a"},
			Bins:       []Bin{{Name: "x", Capacity: []int64{10}}, {Name: "y", Capacity: []int64{10}}},
			Classes:    []Class{{Name: "a", Size: []int64{5}, Count: 1}},
			Templates:  []Template{{Bin{Capacity: []int64{10}}, 6}},
		}
	}
	for name, change := range map[string]func(*Problem){
		"room":       func(p *Problem) { p.Bins[1].Capacity[0]++ },
		"used":       func(p *Problem) { p.Bins[1].Used = []int64{1} },
		"cost":       func(p *Problem) { p.Bins[1].Cost = 2 },
		"capability": func(p *Problem) { p.Bins[1].Capabilities = []string{"gpu"} },
		"closed":     func(p *Problem) { p.Bins[1].State = Closed },
		"home":       func(p *Problem) { p.Classes[0].At = []int{1} },
		"zones":      func(p *Problem) { p.Classes[0].Spread.MaxSkew = 1 },
		"virtual":    func(p *Problem) { p.Bins[1].Virtual = []int64{12} },
	} {
		p := base()
		require.True(t, newState(newLayout(p)).plain())
		change(p)
		require.NoError(t, p.Validate(), name)
		require.False(t, newState(newLayout(p)).plain(), name)
	}
}

package packing

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// After an evacuation its books say what a count from the state says, whatever
// came of it.
func TestEvacuationKeepsBooks(t *testing.T) {
	displaced, moves := 0, 0
	trial := func(t *rapid.T) {
		p := drawProblem(t)
		for i := range p.Classes {
			p.Classes[i].Count = max(p.Classes[i].Count, len(p.Classes[i].At))
		}
		// So that there is something to gain.
		if rapid.Bool().Draw(t, "undemanding") {
			for i := range p.Classes {
				p.Classes[i].Requires = nil
			}
		}
		for i := range p.Bins {
			p.Bins[i].State = Open
			for d := range p.Dimensions {
				p.Bins[i].Capacity[d] *= 5
				if p.Bins[i].Virtual != nil {
					p.Bins[i].Virtual[d] *= 5
				}
			}
		}
		l := newLayout(p)
		lv := newLeave(l, &Consolidation{Removal: Removal(rapid.IntRange(0, 1).Draw(t, "removal"))})
		empty := lv.order[:rapid.IntRange(0, len(lv.order)).Draw(t, "empty")]
		e := newEvacuation(lv, empty, newSource(l, 1), &budget{limit: 2000})
		// Slack and weights together stay what they are.
		whole := func(b int32) int64 {
			sum := e.slack[b]
			for _, c := range e.items[b] {
				sum += e.weight[c]
			}
			return sum
		}
		var before []int64
		for b := range int32(len(e.kind)) {
			before = append(before, whole(b))
		}
		e.run(true)

		inPool := map[place]bool{}
		for _, s := range e.pool {
			inPool[place{s.class, s.from}] = true
		}
		for b := range int32(len(e.kind)) {
			require.Equal(t, before[b], whole(b), "bin %d", b)
		}
		for c := range int32(len(l.classIn)) {
			away := int32(0)
			for _, b := range l.home[c] {
				if !e.holds(c, b) {
					away++
				}
			}
			if e.away[c] != away {
				t.Fatalf("%+v\nclass %d: %d away, counted %d", p, c, e.away[c], away)
			}
			moves += int(away)
			for _, b := range e.at[c] {
				if e.kept[b] && !e.isHome(c, b) && len(e.pool) == 0 {
					displaced++
				}
			}
			if r := l.zoned[c]; r >= 0 {
				counts := slices.Clone(e.inZone[r])
				for _, s := range e.pool {
					if s.class == c {
						counts[e.zone(s.from)]++
					}
				}
				require.Equal(t, counts, e.zones.counts[r], "class %d", c)
			}
		}
	}
	for range 5 { // a hundred trials displace nine, or now and then none
		rapid.Check(t, trial)
	}
	if displaced < 10 || moves < 10 {
		t.Errorf("%d items moved, %d homes without theirs: too few", displaced, moves)
	}
}

// A refill fills the first bin and leaves to the second all that it may not
// have.
func TestRefill(t *testing.T) {
	bin := func(name string) Bin { return Bin{Name: name, Capacity: []int64{10}} }
	p := &Problem{Dimensions: []string{"memory"}, Bins: []Bin{bin("a"), bin("b"), bin("gone")}}
	item := func(size int64, at int) {
		p.Classes = append(p.Classes, Class{Name: string(rune('a' + len(p.Classes))), Size: []int64{size}, Count: 1, MoveCost: size, At: []int{at}})
	}
	item(3, 0)
	item(2, 1)
	item(4, 2) // these three are strays
	item(5, 2)
	item(2, 2)
	for _, c := range []struct {
		name string
		at   price
		want [][]int32 // per bin
	}{
		{"what is at home stays", never, [][]int32{{0, 3, 4}, {1, 2}}},
		{"unless room is dear", 0, [][]int32{{0, 1, 3}, {2, 4}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLayout(p)
			e := newEvacuation(newLeave(l, &Consolidation{}), []int32{2}, newSource(l, 1), &budget{limit: 1000})
			e.place(2, 2, 0) // 4 to a
			e.place(3, 2, 1) // 5 and 2 to b
			e.place(4, 2, 1)
			require.True(t, e.refill(0, 1, c.at))
			require.Equal(t, int64(0), e.room(0)[0], "a is full")
			require.Equal(t, int64(4), e.room(1)[0])
			require.False(t, e.refill(0, 1, c.at), "it can not be fuller")
			if c.at == never {
				require.True(t, e.isHome(0, 0) && e.holds(0, 0) && e.holds(1, 1))
			}
		})
	}
}

// An item comes home where it can.
func TestRefillBringsHome(t *testing.T) {
	p := &Problem{Dimensions: []string{"memory"}, Bins: []Bin{
		{Name: "a", Capacity: []int64{10}}, {Name: "b", Capacity: []int64{10}}, {Name: "gone", Capacity: []int64{10}},
	}, Classes: []Class{
		{Name: "home", Size: []int64{3}, Count: 1, MoveCost: 3, At: []int{0}},
		{Name: "stray", Size: []int64{7}, Count: 1, MoveCost: 7, At: []int{2}},
		{Name: "there", Size: []int64{1}, Count: 1, MoveCost: 1, At: []int{1}},
	}}
	l := newLayout(p)
	e := newEvacuation(newLeave(l, &Consolidation{}), []int32{2}, newSource(l, 1), &budget{limit: 1000})
	e.take(0, 0)
	e.place(0, 0, 1)
	e.place(1, 2, 0)
	require.True(t, e.refill(0, 1, never))
	require.True(t, e.holds(0, 0))
}

// What is loading needs room beside what is pinned, in either bin.
func TestRefillMindsLoads(t *testing.T) {
	bin := func(name string) Bin { return Bin{Name: name, Capacity: []int64{10}, Virtual: []int64{30}} }
	for _, c := range []struct {
		name            string
		pinnedA, loadsB int64 // of what is at home in a, and of the stray in b
		want            bool
	}{
		{"beside little", 2, 8, true},
		{"beside too much", 3, 8, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &Problem{Dimensions: []string{"memory"}, Bins: []Bin{bin("a"), bin("b"), bin("gone")}, Classes: []Class{
				{Name: "pinned", Size: []int64{c.pinnedA}, Pinned: []int64{c.pinnedA}, Count: 1, MoveCost: 1, At: []int{0}},
				{Name: "stray", Size: []int64{c.loadsB}, Count: 1, MoveCost: 1, At: []int{2}},
				{Name: "there", Size: []int64{1}, Count: 1, MoveCost: 1, At: []int{1}},
			}}
			l := newLayout(p)
			e := newEvacuation(newLeave(l, &Consolidation{}), []int32{2}, newSource(l, 1), &budget{limit: 1000})
			e.place(1, 2, 1)
			require.Equal(t, c.want, e.refill(0, 1, never))
			require.Equal(t, c.want, e.holds(1, 0))
		})
	}
}

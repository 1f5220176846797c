package packing

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// sound fails unless every item that was added since the beginning obeys every
// rule where it sits, by the slow model.
func sound(t interface{ Fatalf(string, ...any) }, s *state) {
	for b := range s.kind {
		var held []*Class
		for _, c := range s.items[b] {
			held = append(held, s.class(c))
		}
		for i, c := range s.items[b] {
			if s.isHome(c, int32(b)) {
				continue
			}
			others := slices.Delete(slices.Clone(held), i, i+1)
			if !slowRoom(s.kinds[s.kind[b]].bin, others, s.class(c)) {
				t.Fatalf("class %d has no room in bin %d beside %v", c, b, s.items[b])
			}
			if !s.open[b] || !s.takesKind(c, s.kind[b]) || slices.Contains(s.items[b][:i], c) {
				t.Fatalf("class %d may not be in bin %d", c, b)
			}
			if r := s.zoned[c]; r >= 0 && !s.rules[r].soft {
				least, _ := s.zoneRange(r, -1)
				if n := s.inZone[r][s.zone(int32(b))]; n-least > s.rules[r].skew {
					t.Fatalf("class %d: %d in the zone of bin %d, %d in another", c, n, b, least)
				}
			}
		}
	}
}

// Each search keeps the number of items, uses no more bins than before, and
// leaves every rule kept.
func TestSearchesAreSound(t *testing.T) {
	fewer := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		for i := range 3 { // room to do badly in
			p.Templates = append(p.Templates, Template{Bin{Capacity: slices.Repeat([]int64{20}, len(p.Dimensions)), Zone: string(rune('a' + i))}, 4})
		}
		for _, name := range []string{"anneal", "stir", "pool"} {
			s := newState(newLayout(p))
			for c := range s.classIn { // a bin for every item
				for k := int32(len(s.spareNew) - 1); k >= 0; k-- {
					for s.short(int32(c)) > 0 && s.spareNew[k] > 0 && covers(s.kinds[k].room, s.needs(int32(c))) && s.takesKind(int32(c), k) && s.spreads(int32(c), s.kinds[k].zone) {
						s.add(int32(c), s.openNew(k))
					}
				}
			}
			items, used := count(s), s.used
			movable := func(c, b int32) bool { return !s.isHome(c, b) }
			rng := newSource(s.layout, 1)
			switch name {
			case "pool":
				newPool(s, rng, movable).shrink(0, 20000, nil)
			case "anneal":
				newAnnealer(s, rng, movable).shrink(0, 5000, nil)
			case "stir":
				a := newAnnealer(s, rng, movable)
				began := slices.Clone(a.bin)
				a.stir(2000)
				a.settle(began, slices.Clone(a.bin))
			}
			if count(s) != items || s.used > used && name != "stir" {
				t.Fatalf("%s: %d items in %d bins, before %d in %d", name, count(s), s.used, items, used)
			}
			sound(t, s)
			if s.used < used {
				fewer[name]++
			}
		}
	})
	if len(fewer) < 2 {
		t.Errorf("searches that closed bins: %v", fewer)
	}
}

func count(s *state) int {
	n := 0
	for _, bins := range s.at {
		n += len(bins)
	}
	return n
}

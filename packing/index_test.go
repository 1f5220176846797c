package packing

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// The index finds the bin that looking at every one finds, whatever came, went,
// opened or closed since.
func TestIndexFindsFirst(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		p := &Problem{Dimensions: []string{"a", "b", "c", "d", "e"}[:rapid.IntRange(1, 5).Draw(t, "dimensions")]}
		unit := rapid.SampledFrom([]int64{1, 1 << 20, 1 << 50}).Draw(t, "unit") // digests round larger ones
		vector := func(first, most int64, what string) []int64 {
			v := []int64{first * unit}
			for len(v) < len(p.Dimensions) {
				v = append(v, rapid.Int64Range(0, most).Draw(t, what)*unit+rapid.Int64Range(0, unit).Draw(t, what)/2)
			}
			return v
		}
		n := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(fan-2, fan)).Draw(t, "bins") // more may come
		for i := range n {
			p.Bins = append(p.Bins, Bin{
				Name: fmt.Sprintf("%03d", i), Capacity: vector(20, 20, "capacity"),
				Zone: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "zone"),
			})
		}
		p.Templates = []Template{{Bin{Capacity: vector(9, 20, "capacity"), Zone: "y"}, 100}}
		for i := range 5 {
			p.Classes = append(p.Classes, Class{
				Name: fmt.Sprint(i), Count: 1, Spread: Spread{MaxSkew: i % 2},
				Size: vector(rapid.Int64Range(0, 9).Draw(t, "size"), 9, "size"),
			})
		}
		s := newState(newLayout(p))
		x := newIndex(s)
		for range rapid.IntRange(1, 200).Draw(t, "changes") {
			c := int32(rapid.IntRange(0, 4).Draw(t, "class"))
			switch b := int32(rapid.IntRange(0, len(s.kind)).Draw(t, "bin")); {
			case int(b) == len(s.kind):
				s.openNew(0)
			case rapid.IntRange(0, 9).Draw(t, "state") == 0:
				s.open[b] = !s.open[b]
				s.touch(b)
			case s.holds(c, b):
				s.remove(c, b)
			default:
				s.add(c, b)
			}
		}
		checkNodes(t, x)
		for c := range int32(5) {
			for _, load := range []marks{inUse, empty, anyLoad} {
				from := int32(rapid.IntRange(0, len(s.kind)).Draw(t, "from"))
				want := -1
				for b := int(from); b < len(s.kind) && want < 0; b++ {
					loaded := len(s.items[b]) > 0
					if s.open[b] && s.fits(c, int32(b)) && s.spreads(c, s.zone(int32(b))) && (load == anyLoad || loaded == (load == inUse)) {
						want = b
					}
				}
				if got := x.first(from, c, s.wanted(c, load)); int(got) != want {
					t.Fatalf("class %d from %d: %d, want %d", c, from, got, want)
				}
				if want >= 0 {
					found++
				}
			}
		}
	})
	if found < 300 {
		t.Errorf("found only %d", found)
	}
}

// checkNodes compares every node with what its children say: one that says more
// finds the same, later.
func checkNodes(t *rapid.T, x *index) {
	for h := 1; h < len(x.marks); h++ {
		for i := range x.marks[h] {
			for w, levels := range x.rooms {
				if got, want := levels[h][i], gather(levels[h-1], i); got != want {
					t.Fatalf("level %d, node %d, word %d: %#x, want %#x", h, i, w, got, want)
				}
			}
			if got, want := x.marks[h][i], x.gatherMarks(h, i); got != want {
				t.Fatalf("level %d, node %d: marks %#x, want %#x", h, i, got, want)
			}
		}
	}
}

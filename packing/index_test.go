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
		p := &Problem{Dimensions: []string{"a", "b"}}
		n := rapid.IntRange(0, 100).Draw(t, "bins")
		for i := range n {
			p.Bins = append(p.Bins, Bin{
				Name: fmt.Sprintf("%03d", i), Capacity: []int64{20, rapid.Int64Range(0, 20).Draw(t, "capacity")},
				Zone: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "zone"),
			})
		}
		p.Templates = []Template{{Bin{Capacity: []int64{9, 9}, Zone: "y"}, 100}}
		for i := range 5 {
			p.Classes = append(p.Classes, Class{
				Name: fmt.Sprint(i), Count: 1, Spread: Spread{MaxSkew: i % 2},
				Size: []int64{rapid.Int64Range(0, 9).Draw(t, "size"), rapid.Int64Range(0, 9).Draw(t, "size")},
			})
		}
		s := newState(newLayout(p))
		x := newIndex(s)
		for range rapid.IntRange(1, 200).Draw(t, "changes") {
			c := int32(rapid.IntRange(0, 4).Draw(t, "class"))
			switch b := int32(rapid.IntRange(0, len(s.kind)).Draw(t, "bin")); {
			case int(b) == len(s.kind):
				s.openNew(0)
			case s.holds(c, b):
				s.remove(c, b)
			default:
				s.add(c, b)
			}
		}
		for c := range int32(5) {
			for _, load := range []marks{inUse, empty, anyLoad} {
				from := int32(rapid.IntRange(0, len(s.kind)).Draw(t, "from"))
				want := -1
				for b := int(from); b < len(s.kind) && want < 0; b++ {
					loaded := len(s.items[b]) > 0
					if s.fits(c, int32(b)) && s.spreads(c, s.zone(int32(b))) && (load == anyLoad || loaded == (load == inUse)) {
						want = b
					}
				}
				if got := x.first(from, s.needs(c), s.wanted(c, load)); int(got) != want {
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

package packing_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/packing"
)

// Small fleets reach the fewest bins at the least moved cost, and know it.
func TestConsolidateSmallIsExact(t *testing.T) {
	moved, beyond := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		servers := make([][]int64, rapid.IntRange(2, 4).Draw(t, "servers"))
		items := 0
		for s := range servers {
			for free := int64(10); free > 1 && items < 7 && rapid.IntRange(0, 3).Draw(t, "more") > 0; items++ {
				size := rapid.Int64Range(1, free-1).Draw(t, "size")
				servers[s] = append(servers[s], size)
				free -= size
			}
		}
		p := rack(servers...)
		for i := range p.Classes {
			p.Classes[i].MoveCost = rapid.Int64Range(0, 9).Draw(t, "cost")
		}
		c := packing.Consolidation{Options: packing.Options{Effort: packing.Second}}
		a, err := packing.Consolidate(p, c)
		if err != nil {
			t.Fatal(err)
		}
		bins, cost := slowConsolidation(p)
		if a.Used != bins || a.MovedCost != cost || a.MovedBound != cost || !a.Proven {
			t.Fatalf("%+v\n%+v\nwant %d bins, moved %d", p, a, bins, cost)
		}
		if cost > 0 {
			moved++
		}
		if tick, _ := packing.Consolidate(p, packing.Consolidation{}); tick.MovedCost > cost || tick.MovedBound < cost {
			beyond++
		}
	})
	if moved < 2 {
		t.Errorf("anything moved %d times only", moved)
	}
	t.Logf("a tick missed the proof %d times", beyond)
}

// slowConsolidation is the fewest bins and the least moved cost of all ways to
// place p's items, of which each is a class of its own.
func slowConsolidation(p *packing.Problem) (bins int, cost int64) {
	bins, cost = len(p.Bins)+1, 0
	left, held := make([]int64, len(p.Bins)), make([]int, len(p.Bins))
	for b := range left {
		left[b] = p.Bins[b].Capacity[0]
	}
	var try func(i, used int, moved int64)
	try = func(i, used int, moved int64) {
		if i == len(p.Classes) {
			if used < bins || used == bins && moved < cost {
				bins, cost = used, moved
			}
			return
		}
		c := &p.Classes[i]
		for b := range left {
			if left[b] < c.Size[0] {
				continue
			}
			left[b] -= c.Size[0]
			held[b]++
			u, m := used, moved
			if held[b] == 1 {
				u++
			}
			if b != c.At[0] {
				m += c.MoveCost
			}
			try(i+1, u, m)
			held[b]--
			left[b] += c.Size[0]
		}
	}
	try(0, 0, 0)
	return bins, cost
}

package packingtest

import (
	"errors"
	"slices"

	"github.com/bellows-go/bellows/packing"
)

// CheckConsolidated reports everything that is wrong with a as an answer of
// Consolidate: whatever Check finds except that there is room for what is
// refused, for nothing new is placed; items added or dropped, bins opened or
// filled that were empty, what settles or is closed disturbed, budgets passed,
// moves after which no bin can go or that do not pay.
func CheckConsolidated(p *packing.Problem, a *packing.Assignment, c packing.Consolidation) error {
	// Nothing is placed, so nothing that is short is refused needlessly.
	placed := *p
	placed.Classes = slices.Clone(p.Classes)
	for i := range placed.Classes {
		class := &placed.Classes[i]
		class.Count = len(class.At)
		class.Min = min(class.Min, class.Count)
	}
	bare := *a
	bare.Refusals = nil
	j := newJudge(p, a)
	if j.shape() {
		j.load()
		j.still(c)
		j.budgets(c)
	}
	return errors.Join(Check(&placed, &bare), j.err())
}

// still checks what may not change.
func (j *judge) still(c packing.Consolidation) {
	if len(j.a.Opened) > 0 {
		j.fault("consolidation opened %d bins", len(j.a.Opened))
	}
	was := j.held()
	for i, class := range j.p.Classes {
		if n := len(j.a.Bins[i]); n != len(class.At) {
			j.fault("%s: %d items, were %d", class.Name, n, len(class.At))
		}
		for _, b := range class.At {
			bin := j.bin(b)
			if slices.Contains(j.a.Bins[i], b) {
				continue
			}
			switch {
			case class.Settling:
				j.fault("%s: moved while it settles", class.Name)
			case bin.Settling || bin.State == packing.Closed:
				j.fault("%s: moved away from bin %d, which settles or is closed", class.Name, b)
			}
		}
		for _, b := range j.a.Bins[i] {
			if slices.Contains(class.At, b) {
				continue
			}
			if was[b] == 0 && c.Removal == packing.Free {
				j.fault("%s: moved to bin %d, which was empty", class.Name, b)
			}
		}
	}
}

// held is how many items sat in each bin.
func (j *judge) held() []int {
	n := make([]int, j.bins())
	for _, class := range j.p.Classes {
		for _, b := range class.At {
			n[b]++
		}
	}
	return n
}

func (j *judge) budgets(c packing.Consolidation) {
	moves, cost := 0, int64(0)
	for i, class := range j.p.Classes {
		n := 0
		for _, b := range class.At {
			if !slices.Contains(j.a.Bins[i], b) {
				n++
			}
		}
		if c.MaxDisrupted > 0 && n > c.MaxDisrupted {
			j.fault("%s: %d items disrupted, %d allowed", class.Name, n, c.MaxDisrupted)
		}
		moves += n
		cost += int64(n) * class.MoveCost
	}
	if c.MaxMoves > 0 && moves > c.MaxMoves {
		j.fault("%d moves, %d allowed", moves, c.MaxMoves)
	}
	if c.MaxCost > 0 && cost > c.MaxCost {
		j.fault("moves cost %d, %d allowed", cost, c.MaxCost)
	}
	saved := j.saved(c)
	if saved < 0 || saved == 0 && moves > 0 {
		j.fault("%d moves that save %d", moves, saved)
	}
	if c.Quiet > 0 && saved*c.Quiet < cost {
		j.fault("moves cost %d and save %d for a time of %d", cost, saved, c.Quiet)
	}
}

// saved is what the bins cost that are no longer needed, less what those cost
// that were not needed before. With the ordinal rule only bins above all that
// hold something can go, whichever are empty.
func (j *judge) saved(c packing.Consolidation) int64 {
	saved := int64(0)
	was, is := j.needed(c, j.held()), j.needed(c, j.holds)
	for b := range was {
		if price := max(1, j.bin(b).Cost); was[b] && !is[b] {
			saved += price
		} else if is[b] && !was[b] {
			saved -= price
		}
	}
	return saved
}

// needed are the bins that can not be removed, where bins hold so much.
func (j *judge) needed(c packing.Consolidation, holds []int) []bool {
	above := func(a, b packing.Bin) bool {
		return a.Ordinal > b.Ordinal || a.Ordinal == b.Ordinal && a.Name > b.Name
	}
	last := -1
	for b, n := range holds {
		if n > 0 && (last < 0 || above(j.bin(b), j.bin(last))) {
			last = b
		}
	}
	needed := make([]bool, len(holds))
	for b, n := range holds {
		needed[b] = n > 0 || c.Removal == packing.Ordinal && last >= 0 && above(j.bin(last), j.bin(b))
	}
	return needed
}

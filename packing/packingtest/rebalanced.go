package packingtest

import (
	"errors"
	"slices"

	"github.com/bellows-go/bellows/packing"
)

// CheckRebalanced reports everything that is wrong with a as an answer of
// Rebalance: whatever Check finds, surplus that did not go, items that stay in a
// draining bin though there is room elsewhere, and places given to items while
// others that come first are refused and would fit there.
func CheckRebalanced(p *packing.Problem, a *packing.Assignment) error {
	j := newJudge(p, a)
	if j.shape() && !a.Stopped {
		j.load()
		for i, c := range p.Classes {
			if n := len(a.Bins[i]); n > c.Count {
				j.fault("%s: %d placed, %d wanted", c.Name, n, c.Count)
			}
			j.drained(i, c)
			j.turn(i, c)
		}
	}
	return errors.Join(Check(p, a), j.err())
}

// drained checks that no item of a class sits in a draining bin while another
// bin has room. Rules of spread may keep it there.
func (j *judge) drained(i int, c packing.Class) {
	if c.Spread.MaxSkew > 0 && !c.Spread.Soft {
		return
	}
	for _, b := range j.a.Bins[i] {
		if bin := j.bin(b); bin.State == packing.Draining {
			if where := j.place(i, c); where != "" {
				j.fault("%s: stays in bin %d, which drains, yet %s", c.Name, b, where)
			}
		}
	}
}

// turn checks that while class i is short no item that comes after its next one
// was put where that would fit. Classes with a rule of spread may need the place
// to keep it.
func (j *judge) turn(i int, c packing.Class) {
	have := len(j.a.Bins[i])
	if have >= c.Count {
		return
	}
	for other, o := range j.p.Classes {
		if other == i || o.Spread.MaxSkew > 0 && !o.Spread.Soft || !comesFirst(c, have+1, o, len(j.a.Bins[other])) {
			continue
		}
		for _, b := range j.a.Bins[other] {
			if slices.Contains(o.At, b) || slices.Contains(j.a.Bins[i], b) {
				continue
			}
			if bin := j.bin(b); j.takes(i, c, bin, j.without(b, other)) {
				j.fault("%s: refused, yet %s, which comes after it, has a place in bin %d", c.Name, o.Name, b)
				return
			}
		}
	}
}

// comesFirst reports whether the nth item of c comes before the mth of o:
// minimums before what is beyond, then the higher priority.
func comesFirst(c packing.Class, n int, o packing.Class, m int) bool {
	if (n <= c.Min) != (m <= o.Min) {
		return n <= c.Min
	}
	return c.Priority > o.Priority
}

// without is what bin b holds without the item of a class.
func (j *judge) without(b, class int) []load {
	loads := j.empty(j.bin(b))
	for i, c := range j.p.Classes {
		if i != class && slices.Contains(j.a.Bins[i], b) {
			for d := range loads {
				loads[d].add(c, d)
			}
		}
	}
	return loads
}

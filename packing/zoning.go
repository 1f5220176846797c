package packing

import "slices"

// A zoning counts the items of classes with a rule of spread per zone, while
// they move: a rule that holds has to go on holding, and one that is broken may
// get no worse than it was.
type zoning struct {
	*layout
	began  [][]int32 // per rule and zone
	counts [][]int32
}

func newZoning(s *state) *zoning {
	z := &zoning{layout: s.layout}
	for _, n := range s.inZone {
		z.began = append(z.began, slices.Clone(n))
		z.counts = append(z.counts, slices.Clone(n))
	}
	return z
}

// nowhere is the zone that an item comes from when it is new, and where it goes
// when it is removed.
const nowhere int32 = -1

// shift moves an item of a rule's class from one zone to another.
func (z *zoning) shift(r, from, to int32) {
	if from != nowhere {
		z.counts[r][from]--
	}
	if to != nowhere {
		z.counts[r][to]++
	}
}

// evenAfter reports whether a shift leaves the rule kept, or broken no worse
// than at the beginning.
func (z *zoning) evenAfter(r, from, to int32) bool {
	if from == to {
		return true
	}
	z.shift(r, from, to)
	even := true
	for other, counts := range z.rules[r].zones {
		if counts && (z.apart(r, to, int32(other)) || z.apart(r, int32(other), from)) {
			even = false
			break
		}
	}
	z.shift(r, to, from)
	return even
}

// apart reports whether one zone has too many items beside another, and more
// so than at the beginning.
func (z *zoning) apart(r, high, low int32) bool {
	rule, n, was := &z.rules[r], z.counts[r], z.began[r]
	if high == nowhere || low == nowhere || !rule.zones[high] || !rule.zones[low] {
		return false
	}
	return n[high]-n[low] > rule.skew && (n[high] > was[high] || n[low] < was[low])
}

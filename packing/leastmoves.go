package packing

import (
	"cmp"
	"slices"
)

// A mover tries all ways to find places for the strays of an evacuation at less
// than a given cost of further moves.
//
// The heaviest stray goes to each bin in turn. Where it does not fit, each least
// set of items at home there makes room for it and strays: in any solution in
// which it goes there, what left that bin for good includes such a set.
type mover struct {
	*evacuation
	below int64 // the cost of what leaves home has to be
	paid  int64
	found [][]int32 // the best so far: per bin, the classes
	left  map[place]bool
}

// exhaust tries all ways to empty as many bins as the best has emptied, for less
// moved cost, and reports whether it got through them all. It takes half of the
// budget at most.
func (k *consolidator) exhaust() bool {
	const fewBins, fewItems = 12, 60
	items := 0
	for _, homes := range k.start.home {
		items += len(homes)
	}
	c := k.lv.c
	if k.chosen == nil || k.start.used > fewBins && items > fewItems || c.MaxMoves > 0 || c.MaxCost > 0 || !k.lv.plain() {
		return false
	}
	all := k.budget.limit
	k.budget.limit = k.budget.steps + (all-k.budget.steps)/2
	defer func() { k.budget.limit = all }()
	if c.Removal == Ordinal {
		k.tryAll(k.chosen)
		return !k.budget.spent()
	}
	emptied := k.start.used - k.best.used
	var full []int32
	for _, b := range k.lv.order {
		if k.lv.held[b] > 0 {
			full = append(full, b)
		}
	}
	slices.SortFunc(full, func(a, b int32) int { return cmp.Or(cmp.Compare(k.lv.load[a], k.lv.load[b]), cmp.Compare(a, b)) })
	k.eachSet(full, emptied, 0, nil)
	return !k.budget.spent()
}

// plain reports whether the bins that may be emptied differ in nothing but what
// sits there: then the fewest bins are the least cost.
func (lv *leave) plain() bool {
	for _, b := range lv.order {
		if lv.bin(b).cost() != lv.bin(lv.order[0]).cost() || lv.bin(b).State != Open {
			return false
		}
	}
	return true
}

// eachSet tries all sets of so many more of the bins, lightest first, that are
// lighter than what the best has moved.
func (k *consolidator) eachSet(from []int32, more int, load int64, set []int32) {
	if more == 0 {
		k.tryAll(set)
		return
	}
	for i := range len(from) - more + 1 {
		if k.budget.spent() || load+int64(more)*k.lv.load[from[i]] >= k.bestMoved {
			return
		}
		k.eachSet(from[i+1:], more-1, load+k.lv.load[from[i]], append(set, from[i]))
	}
}

// tryAll makes the best of emptying these bins the best if it is.
func (k *consolidator) tryAll(empty []int32) {
	if !k.hopeful(empty) {
		return
	}
	load := int64(0)
	for _, b := range empty {
		load += k.lv.load[b]
	}
	m := &mover{evacuation: newEvacuation(k.lv, empty, k.src, k.budget), below: k.bestMoved - load, left: map[place]bool{}}
	m.sortPool()
	m.try()
	if m.found == nil {
		return
	}
	best := newState(k.lv.layout)
	for b, classes := range m.found {
		for _, c := range slices.Clone(best.items[b]) {
			if !slices.Contains(classes, c) {
				best.remove(c, int32(b))
			}
		}
		for _, c := range classes {
			if !best.holds(c, int32(b)) {
				best.add(c, int32(b))
			}
		}
	}
	k.best, k.bestMoved, k.chosen = best, load+m.below, slices.Clone(empty)
}

// try places all of the pool in all ways.
func (m *mover) try() {
	if m.budget.spent() || m.paid >= m.below {
		return
	}
	m.spend(1)
	if len(m.pool) == 0 {
		m.below, m.found = m.paid, nil
		for _, classes := range m.items {
			m.found = append(m.found, slices.Clone(classes))
		}
		return
	}
	i := m.heaviest()
	s := m.pool[i]
	m.pool = slices.Delete(m.pool, i, i+1)
	for _, b := range m.keep {
		if m.left[place{s.class, b}] || m.holds(s.class, b) || !m.mayMove(s.class, s.from, b) {
			continue
		}
		m.putInto(s, b, 0)
	}
	m.pool = slices.Insert(m.pool, i, s)
}

func (m *mover) heaviest() int {
	best := 0
	for i, s := range m.pool {
		if m.weight[s.class] > m.weight[m.pool[best].class] {
			best = i
		}
	}
	return best
}

// putInto puts a stray into b if it fits, or else makes room for it in every
// way: with each item at home there that comes in the order of classes.
func (m *mover) putInto(s stray, b, from int32) {
	if m.fits(s.class, b) {
		m.place(s.class, s.from, b)
		m.try()
		m.unplace(s.class, s.from, b)
		return
	}
	for _, c := range m.residents(b, from) {
		cost := m.class(c).MoveCost
		if m.paid+cost >= m.below || m.away[c] >= m.leave.perClass {
			continue
		}
		m.take(c, b)
		m.paid += cost
		m.left[place{c, b}] = true
		m.pool = append(m.pool, stray{c, b})
		m.putInto(s, b, c+1)
		m.pool = m.pool[:len(m.pool)-1]
		delete(m.left, place{c, b})
		m.paid -= cost
		m.place(c, b, b)
	}
}

// residents are the classes from one on with an item at home in b that may
// leave, ascending.
func (m *mover) residents(b, from int32) []int32 {
	var list []int32
	for _, c := range m.items[b] {
		if c >= from && m.isHome(c, b) && m.leave.mayLeave(c, b) {
			list = append(list, c)
		}
	}
	slices.Sort(list)
	return list
}

// unplace takes back a place.
func (m *mover) unplace(c, from, b int32) {
	m.take(c, b)
	if r := m.zoned[c]; r >= 0 {
		m.zones.shift(r, m.zone(b), m.zone(from))
	}
}

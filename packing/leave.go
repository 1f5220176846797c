package packing

import (
	"cmp"
	"math/bits"
	"slices"
)

// A leave is what consolidation may disturb: which bins it may empty, in which
// order, and how much may move.
type leave struct {
	*layout
	c        *Consolidation
	perClass int32   // items of a class that may leave their homes
	order    []int32 // bins that may be emptied, the one that pays best first
	held     []int   // per bin: how many items sit there
	load     []int64 // per bin: the cost of moving them all
}

func newLeave(l *layout, c *Consolidation) *leave {
	lv := &leave{layout: l, c: c, perClass: 1 << 30, load: make([]int64, len(l.binIn))}
	if c.MaxDisrupted > 0 {
		lv.perClass = int32(min(c.MaxDisrupted, 1<<30))
	}
	lv.held = make([]int, len(l.binIn))
	fixed := make([]bool, len(l.binIn))
	for cl, homes := range l.home {
		for _, b := range homes {
			lv.held[b]++
			lv.load[b] += l.class(int32(cl)).MoveCost
			fixed[b] = fixed[b] || !lv.mayLeave(int32(cl), b)
		}
	}
	for cl, homes := range l.home {
		for _, b := range homes {
			fixed[b] = fixed[b] || !lv.goesElsewhere(int32(cl), b)
		}
	}
	for b := range lv.held {
		// Ordinal removal passes over empty bins, but never over a fixed one.
		if !fixed[b] && (lv.held[b] > 0 || c.Removal == Ordinal) {
			lv.order = append(lv.order, int32(b))
		}
	}
	if c.Removal == Ordinal {
		lv.suffix()
	} else {
		slices.SortFunc(lv.order, lv.compare)
	}
	return lv
}

// mayLeave reports whether consolidation may take the item of c out of b.
func (lv *leave) mayLeave(c, b int32) bool {
	bin, class := lv.bin(b), lv.class(c)
	return bin.State != Closed && !bin.Settling && !class.Settling && len(class.At) <= class.Count
}

// goesElsewhere reports whether any other bin, were it empty, might take the
// item of c in b.
func (lv *leave) goesElsewhere(c, b int32) bool {
	for other := range int32(len(lv.binIn)) {
		if other != b && lv.receives(other) && lv.suits(c, lv.binKind[b], lv.binKind[other]) &&
			covers(lv.kinds[lv.binKind[other]].room, lv.needs(c)) && !lv.isHome(c, other) {
			return true
		}
	}
	return false
}

// suits reports whether capabilities let an item of c go from one kind of bin to
// another, be it one like that in which it should not have been. Nothing forces a
// move, so it does not go where it likes less.
func (lv *leave) suits(c, from, to int32) bool {
	return lv.takesKind(c, to) && (from == to || lv.liking(c, to) >= lv.liking(c, from))
}

// liking is how many of the capabilities that c prefers a kind has.
func (lv *leave) liking(c, kind int32) int {
	n := 0
	for _, p := range lv.class(c).Prefers {
		if slices.Contains(lv.kinds[kind].bin.Capabilities, p) {
			n++
		}
	}
	return n
}

func (lv *leave) bin(b int32) *Bin { return &lv.p.Bins[lv.binIn[b]] }

// suffix keeps of the order the bins with the highest ordinals, down to the
// first that has to stay.
func (lv *leave) suffix() {
	slices.Reverse(lv.order)
	for i, b := range lv.order {
		if int(b) != len(lv.binIn)-1-i {
			lv.order = lv.order[:i]
			return
		}
	}
}

// compare puts draining bins first, then those that free the most cost for the
// least moved cost.
func (lv *leave) compare(a, b int32) int {
	x, y := lv.bin(a), lv.bin(b)
	if drains := x.State == Draining; drains != (y.State == Draining) {
		if drains {
			return -1
		}
		return 1
	}
	return cmp.Or(compareProducts(lv.load[a], y.cost(), lv.load[b], x.cost()), cmp.Compare(b, a))
}

// compareProducts compares a*b with c*d, all >= 0.
func compareProducts(a, b, c, d int64) int {
	hi1, lo1 := bits.Mul64(uint64(a), uint64(b))
	hi2, lo2 := bits.Mul64(uint64(c), uint64(d))
	return cmp.Or(cmp.Compare(hi1, hi2), cmp.Compare(lo1, lo2))
}

// pools is the number of sets of bins of which only so many can be emptied: pool
// 0 is all bins, pool g+1 those that take the classes of group g. Ordinal
// removal knows only the first.
func (lv *leave) pools() int {
	if lv.c.Removal == Ordinal {
		return 1
	}
	return 1 + lv.groups
}

func (lv *leave) inPool(b int32, pool int) bool {
	return pool == 0 || lv.takes[(pool-1)*lv.profile+int(lv.kinds[lv.binKind[b]].profile)]
}

// poolSize is how many of the bins are in a pool.
func (lv *leave) poolSize(bins []int32, pool int) int {
	n := 0
	for _, b := range bins {
		if lv.inPool(b, pool) {
			n++
		}
	}
	return n
}

// poolOf is the pool of which too many bins were chosen when an item of c found
// no place: those that take c if that is a choice at all.
func (lv *leave) poolOf(c int32, chosen []int32) int {
	pool := int(lv.group[c]) + 1
	if pool >= lv.pools() || lv.poolSize(chosen, pool) == 0 {
		return 0
	}
	return pool
}

// choose picks the bins to empty: in order, as many as the room of the others
// could hold by volume and number, as budgets allow and as pays best, with no
// more of any pool than its quota.
func (lv *leave) choose(s *state, quota []int) []int32 {
	var chosen []int32
	best, bestValue := 0, int64(0)
	t := newTally(lv, s)
	inPool := make([]int, lv.pools())
	for _, b := range lv.order {
		full := false
		for p := range inPool {
			full = full || lv.inPool(b, p) && inPool[p] >= quota[p]
		}
		if full || !t.add(b) {
			if lv.c.Removal == Ordinal {
				break
			}
			continue
		}
		for p := range inPool {
			if lv.inPool(b, p) {
				inPool[p]++
			}
		}
		chosen = append(chosen, b)
		if value := t.value(); value >= bestValue && t.possible() {
			best, bestValue = len(chosen), value
		}
	}
	return chosen[:best]
}

// A tally adds up what emptying bins takes.
type tally struct {
	*leave
	s         *state
	room      []int64 // per column: left in the bins that are kept, less what must go there
	left      []int64 // scratch
	accepting []int   // per group: open bins that are kept
	largest   []int   // per group: the most items of any class outside closed bins
	displaced []int32 // per class
	moves     int
	cost      int64
	saved     int64
}

func newTally(lv *leave, s *state) *tally {
	t := &tally{
		leave: lv, s: s, room: make([]int64, lv.width), accepting: make([]int, lv.groups), largest: make([]int, lv.groups),
		displaced: make([]int32, len(lv.classIn)),
	}
	for b := range lv.binIn {
		if lv.receives(int32(b)) {
			t.keep(int32(b), 1)
		}
	}
	for c, homes := range lv.home {
		n := 0
		for _, b := range homes {
			if s.open[b] || lv.bin(b).State == Draining {
				n++
			}
		}
		g := lv.group[c]
		t.largest[g] = max(t.largest[g], n)
	}
	return t
}

// receives reports whether a bin takes items as long as it is kept. With free
// removal nothing is put into empty bins.
func (lv *leave) receives(b int32) bool {
	return lv.bin(b).State == Open && (lv.c.Removal == Ordinal || lv.held[b] > 0)
}

// keep counts the room of a bin, or with by = -1 no longer.
func (t *tally) keep(b int32, by int) {
	t.left = t.s.linear(t.left[:0], b)
	for k, left := range t.left {
		t.room[k] += max(left, 0) * int64(by)
	}
	for g := range t.accepting {
		if t.takes[g*t.profile+int(t.kinds[t.binKind[b]].profile)] {
			t.accepting[g] += by
		}
	}
}

// add empties one more bin unless that breaks a budget.
func (t *tally) add(b int32) bool {
	items := t.s.items[b]
	if c := t.c; c.MaxMoves > 0 && t.moves+len(items) > c.MaxMoves || c.MaxCost > 0 && t.cost+t.load[b] > c.MaxCost {
		return false
	}
	for _, c := range items {
		if t.displaced[c] >= t.perClass {
			return false
		}
	}
	for _, c := range items {
		t.displaced[c]++
		for k, n := range t.needs(c) {
			t.room[k] -= n
		}
	}
	t.moves += len(items)
	t.cost += t.load[b]
	if len(items) > 0 {
		t.saved += t.bin(b).cost()
	}
	if t.receives(b) {
		t.keep(b, -1)
	}
	return true
}

// value is what the emptied bins save beyond what the moves cost; without a
// horizon, what they save.
func (t *tally) value() int64 { return t.c.value(t.saved, t.cost) }

// possible reports whether volumes and numbers leave any hope.
func (t *tally) possible() bool {
	for _, left := range t.room {
		if left < 0 {
			return false
		}
	}
	for g, n := range t.largest {
		if n > t.accepting[g] {
			return false
		}
	}
	return true
}

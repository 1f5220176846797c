package packing

// A sequence carries transfers out one by one, as an order in which everything
// has room shows: each load at once followed by its unload.
type sequence struct {
	*state
	zones   *zoning
	done    []action
	pending []transfer
	late    []transfer // of the transfers given, those that are pending still or made a detour
	detours int
	whence  map[transfer]transfer // what a transfer that goes on after a detour was
}

// An action is a step in the sequence, and the transfer that it is part of.
type action struct {
	kind       StepKind
	class, bin int32
	transfer   transfer
}

// arrange carries out as many transfers as it can, earlier ones first.
func arrange(l *layout, a *Assignment, transfers []transfer) *sequence {
	q := &sequence{state: newState(l), whence: map[transfer]transfer{}}
	for _, t := range a.Opened {
		q.openNew(int32(t))
	}
	q.zones = newZoning(q.state)
	q.pending = append(q.pending, transfers...)
	for len(q.pending) > 0 {
		if !q.pass() && !q.detour() {
			break
		}
	}
	for _, t := range q.pending {
		if _, detoured := q.whence[t]; !detoured {
			q.late = append(q.late, t)
		}
	}
	return q
}

// pass carries out what can be, and reports whether anything could: above all
// what leaves a bin that others wait for.
func (q *sequence) pass() bool {
	urgent := make([]bool, len(q.kind))
	for _, t := range q.pending {
		if t.to != none && !q.possible(t) {
			urgent[t.to] = true
		}
	}
	return q.carryOutIf(func(t transfer) bool { return t.from != none && urgent[t.from] }) ||
		q.carryOutIf(func(transfer) bool { return true })
}

func (q *sequence) carryOutIf(wanted func(transfer) bool) bool {
	rest := q.pending[:0]
	before := len(q.pending)
	for _, t := range q.pending {
		if wanted(t) && q.possible(t) {
			q.carryOut(t)
		} else {
			rest = append(rest, t)
		}
	}
	q.pending = rest
	return len(rest) < before
}

func (q *sequence) possible(t transfer) bool {
	if t.to != none && (!q.fits(t.class, t.to) || q.holds(t.class, t.to)) {
		return false
	}
	r := q.zoned[t.class]
	return r < 0 || q.rules[r].soft || q.zones.evenAfter(r, q.zoneOf(t.from), q.zoneOf(t.to))
}

func (q *sequence) zoneOf(b int32) int32 {
	if b == none {
		return nowhere
	}
	return q.zone(b)
}

func (q *sequence) carryOut(t transfer) {
	if r := q.zoned[t.class]; r >= 0 {
		q.zones.shift(r, q.zoneOf(t.from), q.zoneOf(t.to))
	}
	if t.to != none {
		q.add(t.class, t.to)
		q.done = append(q.done, action{Load, t.class, t.to, t})
	}
	if t.from != none {
		q.remove(t.class, t.from)
		q.done = append(q.done, action{Unload, t.class, t.from, t})
	}
}

// detour takes an item out of the way of another: out of a bin that a pending
// transfer goes to, into one with room, rather one that no transfer goes to. No
// item does it twice.
func (q *sequence) detour() bool {
	wanted := make([]bool, len(q.kind))
	for _, t := range q.pending {
		if t.to != none {
			wanted[t.to] = true
		}
	}
	for _, avoid := range []bool{true, false} {
		for i, t := range q.pending {
			if _, again := q.whence[t]; again || t.from == none || t.to == none || !wanted[t.from] {
				continue
			}
			for b := range int32(len(q.kind)) {
				aside := transfer{t.class, t.from, b}
				if b == t.from || b == t.to || avoid && wanted[b] || !q.open[b] || !q.takesKind(t.class, q.kind[b]) || !q.possible(aside) {
					continue
				}
				q.carryOut(aside)
				on := transfer{t.class, b, t.to}
				q.whence[on] = t
				q.late = append(q.late, t)
				q.pending[i] = on
				q.detours++
				return true
			}
		}
	}
	return false
}

package packing

import (
	"cmp"
	"slices"
)

// A price is what leaving home weighs against room, in 1/1024 of MoveCost. At
// never nothing leaves its home, while coming back outweighs everything.
type price int64

const (
	never price = -1
	dear  price = 1 << 16
)

// next is the lower price after p; the lowest is 0.
func (p price) next() price {
	if p == never {
		return 1 << 14
	}
	return p / 2
}

// A refill searches how to share the movable items of two bins, a and b, so
// that a is as full as can be and b gets the room: a knapsack in the remaining
// room of a, with the side condition that the rest fits into b.
type refill struct {
	items  []movable // most gain first
	width  int
	need   []int64 // per item
	left   []int64 // of a, beside what was chosen
	rest   []int64 // what b must take
	leftB  []int64
	gains  []int64 // per item: what it and those behind it may gain beyond weight
	weigh  []int64 // and their weight
	chosen uint64  // the best so far
	best   int64
	found  bool
	nodes  int

	over               int     // how many columns, the last, leave room for a largest load
	loads              []int64 // per item and such column
	largestA, largestB []int64 // of what can not move
}

type movable struct {
	class  int32
	inA    bool
	weight int64
	gain   int64 // of being in a
}

const (
	refillItems = 64   // at most
	refillNodes = 1000 // likewise; displacing has more to choose from
)

// refill makes a as full as it finds, with items of both bins, and reports
// whether anything changed.
func (e *evacuation) refill(a, b int32, at price) bool {
	r := &e.fill
	if !e.collect(r, a, b, at) {
		return false
	}
	e.prepare(r, a, b)
	r.nodes = refillNodes
	if at != never {
		r.nodes *= 4
	}
	budget := r.nodes
	r.search(0, e.slackWith(r, a), 0, 0)
	e.spend(1 + (budget-r.nodes)/32)
	if !r.found {
		return false
	}
	for i, m := range r.items {
		if in := r.chosen>>i&1 != 0; in != m.inA {
			e.take(m.class, pick(m.inA, a, b))
		}
	}
	for i, m := range r.items {
		if in := r.chosen>>i&1 != 0; in != m.inA {
			e.place(m.class, pick(m.inA, a, b), pick(m.inA, b, a))
		}
	}
	return true
}

func pick(first bool, a, b int32) int32 {
	if first {
		return a
	}
	return b
}

// collect lists what may change places, and reports whether b has any of it or
// prices let something change anyway.
func (e *evacuation) collect(r *refill, a, b int32, at price) bool {
	r.items = e.append(r.items[:0], a, b, true, at)
	inA := len(r.items)
	r.items = e.append(r.items, b, a, false, at)
	if len(r.items) == 0 || len(r.items) == inA && at == never {
		return false
	}
	slices.SortFunc(r.items, func(x, y movable) int {
		return cmp.Or(cmp.Compare(y.gain, x.gain), cmp.Compare(x.class, y.class))
	})
	// Of too many the light ones serve best.
	r.items = r.items[max(0, len(r.items)-refillItems):]
	return true
}

// append adds the items of bin x that may go to y.
func (e *evacuation) append(list []movable, x, y int32, inA bool, at price) []movable {
	for _, c := range e.items[x] {
		home := e.isHome(c, x)
		if home && (at == never || !e.leave.mayLeave(c, x) || e.away[c] >= e.leave.perClass) {
			continue
		}
		if e.holds(c, y) || !e.mayMove(c, x, y) {
			continue
		}
		m := movable{class: c, inA: inA, weight: e.weight[c]}
		m.gain = m.weight
		if home || e.isHome(c, y) {
			p := e.price[c] * 64
			if at != never {
				p = e.price[c] * int64(at) / 1024
			}
			if home == inA { // a is the home
				m.gain += p
			} else {
				m.gain -= p
			}
		}
		list = append(list, m)
	}
	return list
}

// prepare takes the movable items out of the books.
func (e *evacuation) prepare(r *refill, a, b int32) {
	r.width, r.over = e.width, len(e.over)
	r.need, r.loads = r.need[:0], r.loads[:0]
	r.left = e.linear(r.left[:0], a)
	r.leftB = e.linear(r.leftB[:0], b)
	r.rest = append(r.rest[:0], make([]int64, r.width)...)
	r.best, r.found = 0, false
	for _, m := range r.items {
		need := e.needs(m.class)
		r.need = append(r.need, need...)
		for k, n := range need {
			r.rest[k] += n
			if m.inA {
				r.left[k] += n
			} else {
				r.leftB[k] += n
			}
		}
		if m.inA {
			r.best += m.gain
		}
		for i, d := range e.over {
			size, pinned := e.parts(m.class, i, d)
			r.loads = append(r.loads, size-pinned)
		}
	}
	r.gains = append(r.gains[:0], make([]int64, len(r.items)+1)...)
	r.weigh = append(r.weigh[:0], make([]int64, len(r.items)+1)...)
	for i := len(r.items) - 1; i >= 0; i-- {
		m := &r.items[i]
		r.gains[i] = r.gains[i+1] + max(0, m.gain-m.weight)
		r.weigh[i] = r.weigh[i+1] + max(0, min(m.weight, m.gain))
	}
	if r.over > 0 {
		r.largestA = e.largest(r, r.largestA[:0], a)
		r.largestB = e.largest(r, r.largestB[:0], b)
	}
}

// linear appends what a bin has left where sizes and pinned parts just add up.
func (s *state) linear(v []int64, b int32) []int64 {
	from := len(v)
	v = append(v, s.room(b)...)
	for i, d := range s.over {
		o := &s.loads[int(b)*len(s.over)+i]
		v[from+d], v[from+s.width-len(s.over)+i] = o.virtual, o.physical
	}
	return v
}

// largest are the largest loads in b of what can not move.
func (e *evacuation) largest(r *refill, v []int64, b int32) []int64 {
	v = append(v, make([]int64, len(e.over))...)
	for _, c := range e.items[b] {
		if slices.ContainsFunc(r.items, func(m movable) bool { return m.class == c }) {
			continue
		}
		for i, d := range e.over {
			size, pinned := e.parts(c, i, d)
			v[i] = max(v[i], size-pinned)
		}
	}
	return v
}

// slackWith is the slack of a without its movable items.
func (e *evacuation) slackWith(r *refill, a int32) int64 {
	slack := e.slack[a]
	for _, m := range r.items {
		if m.inA {
			slack += m.weight
		}
	}
	return slack
}

// search chooses among the items from i on. slack is what a has left, value the
// gain of what was chosen.
func (r *refill) search(i int, slack, value int64, chosen uint64) {
	r.nodes--
	if value > r.best && covers(r.leftB, r.rest) && r.loadsFit(chosen) {
		r.best, r.chosen, r.found = value, chosen, true
	}
	for ; i < len(r.items); i++ {
		if r.nodes <= 0 || value+r.gains[i]+min(r.weigh[i], max(slack, 0)) <= r.best {
			return
		}
		need := r.need[i*r.width : (i+1)*r.width]
		if !covers(r.left, need) {
			continue
		}
		for k, n := range need {
			r.left[k] -= n
			r.rest[k] -= n
		}
		m := &r.items[i]
		r.search(i+1, slack-m.weight, value+m.gain, chosen|1<<i)
		for k, n := range need {
			r.left[k] += n
			r.rest[k] += n
		}
	}
}

// loadsFit reports whether in both bins the largest load fits beside what is
// pinned.
func (r *refill) loadsFit(chosen uint64) bool {
	for i := range r.over {
		a, b := r.largestA[i], r.largestB[i]
		for j := range r.items {
			if load := r.loads[j*r.over+i]; chosen>>j&1 != 0 {
				a = max(a, load)
			} else {
				b = max(b, load)
			}
		}
		col := r.width - r.over + i
		if a > r.left[col] || b > r.leftB[col]-r.rest[col] {
			return false
		}
	}
	return true
}

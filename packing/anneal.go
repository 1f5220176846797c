package packing

import (
	"math/bits"
	"slices"
)

// An annealer closes one bin after the other: it scatters the items of one over
// the rest, over capacity, and then shifts and swaps items until no bin is over
// capacity any more; whatever else binds an item holds all the time. A change
// that adds overload is taken with a probability that falls with the amount:
// Kirkpatrick, Gelatt and Vecchi, "Optimization by Simulated Annealing", at one
// low temperature. Only items that may move take part; the others are as good
// as less capacity.
type annealer struct {
	s    *state
	rng  *source
	dims int
	unit []float64 // per dimension: one over the size of a bin

	class []int32   // per item
	bin   []int32   // per item, a number of seats
	pos   []int32   // per item, its place in the list of its bin
	seats []seat    // bins that take part
	over  []float64 // per seat, load beyond capacity, in bins
	left  []int64   // per seat, width raw columns: what sizes, then what pinned parts leave
	held  []uint64  // per seat and class, whether one is there
	words int       // of held, per seat
	bad   []int32   // seats over capacity, in no order
	plain bool      // every class may go into every seat
	moves int64     // trials
}

// A seat is a bin that takes part.
type seat struct {
	bin   int32
	kind  int32
	items []int32 // that may move
	fixed []int32 // classes that sit there and may not
	bad   int32   // its place in bad, plus one
	shut  bool    // closed: takes nothing
	stuck bool    // can not be closed
}

// heat is the temperature, in bins: a change for the worse by so much is taken
// half of the time.
const heat = 0.0005

// maxHeld bounds the memory for held, in words.
const maxHeld = 1 << 24

// newAnnealer takes every bin of s in use; nil if they are too many. movable
// says which items may move.
func newAnnealer(s *state, rng *source, movable func(c, b int32) bool) *annealer {
	a := &annealer{s: s, rng: rng, dims: len(s.p.Dimensions), words: (len(s.classIn) + 63) / 64, plain: len(s.rules) == 0}
	for _, p := range s.peak()[:a.dims] {
		a.unit = append(a.unit, 1/float64(max(p, 1)))
	}
	for _, takes := range s.takes {
		a.plain = a.plain && takes
	}
	if s.used > maxHeld/max(a.words, 1) {
		return nil
	}
	for b := range s.kind {
		if len(s.items[b]) == 0 || !s.open[b] || slices.Min(s.room(int32(b))) < 0 {
			continue
		}
		a.seat(int32(b), movable)
	}
	return a
}

func (a *annealer) seat(b int32, movable func(c, b int32) bool) {
	s, id := a.s, int32(len(a.seats))
	t := seat{bin: b, kind: s.kind[b]}
	a.left = append(a.left, s.room(b)...)
	for i, d := range s.over {
		o := s.loads[int(b)*len(s.over)+i]
		a.left[int(id)*s.width+d], a.left[int(id)*s.width+a.dims+i] = o.virtual, o.physical
	}
	a.held = append(a.held, make([]uint64, a.words)...)
	for _, c := range s.items[b] {
		a.held[int(id)*a.words+int(c>>6)] |= 1 << (c & 63)
		if !movable(c, b) {
			t.fixed = append(t.fixed, c)
			continue
		}
		a.pos = append(a.pos, int32(len(t.items)))
		t.items = append(t.items, int32(len(a.class)))
		a.class = append(a.class, c)
		a.bin = append(a.bin, id)
	}
	a.seats = append(a.seats, t)
	a.over = append(a.over, 0)
}

func (a *annealer) holds(c, t int32) bool {
	return a.held[int(t)*a.words+int(c>>6)]>>(c&63)&1 != 0
}

// may reports whether an item of c may go into seat t, leaving seat from (-1 if
// it has none), whatever the room.
func (a *annealer) may(c, t, from int32) bool {
	if a.holds(c, t) {
		return false
	}
	if a.plain {
		return true
	}
	s := a.s
	if !s.takesKind(c, a.seats[t].kind) {
		return false
	}
	r := s.zoned[c]
	if r < 0 || s.relaxed && s.rules[r].soft {
		return true
	}
	to := s.kinds[a.seats[t].kind].zone
	if from < 0 {
		return s.spreads(c, to)
	}
	was := s.kinds[a.seats[from].kind].zone
	if was == to {
		return true
	}
	counts := s.inZone[r]
	counts[was]--
	counts[to]++
	least, most := s.zoneRange(r, -1)
	counts[was]++
	counts[to]--
	return most-least <= s.rules[r].skew
}

// overload is by how much seat t is over capacity when items of class out left
// and of class in came; -1 is none.
func (a *annealer) overload(t, out, in int32) float64 {
	w := a.s.width
	left := a.left[int(t)*w:][:w]
	var minus, plus []int64
	if out >= 0 {
		minus = a.s.needs(out)
	}
	if in >= 0 {
		plus = a.s.needs(in)
	}
	over := 0.0
	for d, unit := range a.unit {
		x := left[d]
		if minus != nil {
			x += minus[d]
		}
		if plus != nil {
			x -= plus[d]
		}
		if x < 0 {
			over -= float64(float64(x) * unit)
		}
	}
	for i, d := range a.s.over {
		x := left[a.dims+i] - a.largest(t, out, in, i, d)
		if minus != nil {
			x += minus[a.dims+i]
		}
		if plus != nil {
			x -= plus[a.dims+i]
		}
		if x < 0 {
			over -= float64(float64(x) * a.unit[d])
		}
	}
	return over
}

// overloads are the overloads of two seats when an item of c went from one to
// the other, and one of e back.
func (a *annealer) overloads(from, to, c, e int32) (here, there float64) {
	if len(a.s.over) > 0 {
		return a.overload(from, c, e), a.overload(to, e, c)
	}
	w := a.dims
	x, y := a.left[int(from)*w:][:w], a.left[int(to)*w:][:w]
	goes, comes := a.s.needs(c)[:w], a.s.needs(e)[:w]
	for d, unit := range a.unit[:w] {
		more := goes[d] - comes[d]
		if left := x[d] + more; left < 0 {
			here -= float64(float64(left) * unit)
		}
		if left := y[d] - more; left < 0 {
			there -= float64(float64(left) * unit)
		}
	}
	return here, there
}

// largest is the largest part that is not pinned, after the change.
func (a *annealer) largest(t, out, in int32, i, d int) int64 {
	most := int64(0)
	consider := func(c int32) {
		size, pinned := a.s.parts(c, i, d)
		most = max(most, size-pinned)
	}
	if in >= 0 {
		consider(in)
	}
	for _, c := range a.seats[t].fixed {
		consider(c)
	}
	for _, item := range a.seats[t].items {
		if a.class[item] != out {
			consider(a.class[item])
		}
	}
	return most
}

// setOver notes the overload of a seat.
func (a *annealer) setOver(t int32, over float64) {
	s := &a.seats[t]
	a.over[t] = over
	switch {
	case over > 0 && s.bad == 0:
		a.bad = append(a.bad, t)
		s.bad = int32(len(a.bad))
	case over == 0 && s.bad > 0:
		last := a.bad[len(a.bad)-1]
		a.bad[s.bad-1] = last
		a.seats[last].bad = s.bad
		a.bad = a.bad[:len(a.bad)-1]
		s.bad = 0
	}
}

// lift takes an item out of its seat, drop puts it into another. Overloads are
// the caller's to set.
func (a *annealer) lift(item int32) {
	c, t := a.class[item], a.bin[item]
	s := &a.seats[t]
	last := s.items[len(s.items)-1]
	s.items[a.pos[item]] = last
	a.pos[last] = a.pos[item]
	s.items = s.items[:len(s.items)-1]
	a.held[int(t)*a.words+int(c>>6)] &^= 1 << (c & 63)
	left := a.left[int(t)*a.s.width:]
	for k, n := range a.s.needs(c) {
		left[k] += n
	}
	if r := a.s.zoned[c]; r >= 0 {
		a.s.inZone[r][a.s.kinds[s.kind].zone]--
	}
}

func (a *annealer) drop(item, t int32) {
	c := a.class[item]
	s := &a.seats[t]
	a.bin[item], a.pos[item] = t, int32(len(s.items))
	s.items = append(s.items, item)
	a.held[int(t)*a.words+int(c>>6)] |= 1 << (c & 63)
	left := a.left[int(t)*a.s.width:]
	for k, n := range a.s.needs(c) {
		left[k] -= n
	}
	if r := a.s.zoned[c]; r >= 0 {
		a.s.inZone[r][a.s.kinds[s.kind].zone]++
	}
}

// run trials until no seat is over capacity or the budget is spent.
func (a *annealer) run(trials int64) {
	for ; trials > 0 && len(a.bad) > 0; trials-- {
		a.moves++
		r := a.rng.next()
		item := int32(0)
		if r&3 != 0 { // mostly from where there is too much
			t := &a.seats[a.bad[scale(uint32(r>>32), len(a.bad))]]
			if len(t.items) == 0 {
				continue
			}
			item = t.items[scale(uint32(r>>8), len(t.items))]
		} else {
			item = int32(scale(uint32(r>>32), len(a.class)))
		}
		q := a.rng.next()
		if r>>2&3 == 0 {
			a.shift(item, int32(scale(uint32(q>>32), len(a.seats))))
		} else {
			a.swap(item, int32(scale(uint32(q>>32), len(a.class))))
		}
	}
}

// scale maps a random number to [0, n).
func scale(r uint32, n int) int { return int(uint64(r) * uint64(n) >> 32) }

// accepts decides on a change of the overload.
func (a *annealer) accepts(delta float64) bool {
	if delta <= 0 {
		return true
	}
	// Leading zeros are distributed geometrically; the rest of the number makes
	// that an exponential distribution, piecewise linear and exact everywhere.
	r := a.rng.next()
	zeros := bits.LeadingZeros64(r)
	rest := float64(r<<(zeros+1)>>11) / (1 << 53)
	return delta < float64(heat*(float64(zeros)+1-rest))
}

func (a *annealer) shift(item, t int32) {
	c, from := a.class[item], a.bin[item]
	if t == from || a.seats[t].shut || !a.plain && !a.may(c, t, from) {
		return
	}
	less, more := a.overload(from, c, -1), a.overload(t, -1, c)
	// Few changes come as far as held, which is too large for a cache.
	if !a.accepts(less+more-a.over[from]-a.over[t]) || a.holds(c, t) {
		return
	}
	a.lift(item)
	a.drop(item, t)
	a.setOver(from, less)
	a.setOver(t, more)
}

func (a *annealer) swap(item, other int32) {
	c, e, from, t := a.class[item], a.class[other], a.bin[item], a.bin[other]
	if t == from || c == e || !a.plain && !(a.may(c, t, from) && a.may(e, from, t)) {
		return
	}
	here, there := a.overloads(from, t, c, e)
	if !a.accepts(here+there-a.over[from]-a.over[t]) || a.holds(c, t) || a.holds(e, from) {
		return
	}
	a.lift(item)
	a.lift(other)
	a.drop(item, t)
	a.drop(other, from)
	a.setOver(from, here)
	a.setOver(t, there)
}

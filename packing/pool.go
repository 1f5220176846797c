package packing

import (
	"math"
	"slices"
)

// A pool closes one bin after the other: its items wait in a pool, and each in
// turn goes where there is room or where others, one or two, have to leave for
// it and wait. Every time an item finds no room its penalty grows, and those
// leave that have the least: after Nagata and Bräysy, "A Powerful Route
// Minimization Heuristic for the Vehicle Routing Problem with Time Windows",
// with an item's weight as its first penalty. In between items of two bins are
// exchanged at random.
type pool struct {
	s       *state
	rng     *source
	movable func(c, b int32) bool
	weight  []float64 // per class: 1 on average
	penalty []float64 // per class
	waiting []int32   // classes, one entry per item
	bins    []int32   // those that take part
	looks   int64
}

// exchanges is how many are tried between two items.
const exchanges = 10

func newPool(s *state, rng *source, movable func(c, b int32) bool) *pool {
	p := &pool{s: s, rng: rng, movable: movable, weight: make([]float64, len(s.classIn))}
	mean, n := 0.0, 0
	for c := range p.weight {
		for d, unit := range unitsOf(s) {
			p.weight[c] += float64(float64(s.needs(int32(c))[d]) * unit)
		}
		mean += float64(p.weight[c] * float64(len(s.at[c])))
		n += len(s.at[c])
	}
	for c := range p.weight {
		p.weight[c] = max(p.weight[c]*float64(n)/max(mean, 1e-300), 1e-3)
	}
	for b := range s.kind {
		if len(s.items[b]) > 0 && s.open[b] {
			p.bins = append(p.bins, int32(b))
		}
	}
	return p
}

// unitsOf is one over the size of a bin, per dimension.
func unitsOf(s *state) []float64 {
	var units []float64
	for _, p := range s.peak()[:len(s.p.Dimensions)] {
		units = append(units, 1/float64(max(p, 1)))
	}
	return units
}

// shrink closes bins until only least are in use, or so many looks are spent,
// or stop says so.
func (p *pool) shrink(least int, looks int64, stop func() bool) (stopped bool) {
	s := p.s
	for s.used > least && p.looks < looks && !stopped {
		i := p.lightest()
		if i < 0 {
			break
		}
		b := p.bins[i]
		saved := s.save()
		p.bins = slices.Delete(p.bins, i, i+1)
		p.waiting = append(p.waiting[:0], s.items[b]...)
		slices.Sort(p.waiting)
		for _, c := range p.waiting {
			s.remove(c, b)
		}
		s.open[b] = false
		p.penalty = slices.Clone(p.weight)
		for turns := 0; len(p.waiting) > 0 && p.looks < looks && !stopped; turns++ {
			p.place()
			stopped = turns%256 == 255 && stop != nil && stop()
		}
		s.open[b] = true
		if len(p.waiting) > 0 {
			s.restore(saved)
			break
		}
		s.log = s.log[:0]
	}
	s.log = s.log[:0]
	return stopped
}

// lightest is the bin to close, an index into bins: all its items may move, and
// it has the least weight for its cost; -1 if there is none.
func (p *pool) lightest() int {
	best, least := -1, 0.0
	for i, b := range p.bins {
		weight, fixed := 0.0, false
		for _, c := range p.s.items[b] {
			weight += p.weight[c]
			fixed = fixed || !p.movable(c, b)
		}
		weight /= float64(p.s.kinds[p.s.kind[b]].bin.cost())
		if !fixed && (best < 0 || weight < least) {
			best, least = i, weight
		}
	}
	return best
}

// place gives one waiting item a place, if any way leads to one.
func (p *pool) place() {
	s := p.s
	p.looks++
	q := p.rng.below(len(p.waiting))
	if p.rng.next()&1 == 0 {
		for i, c := range p.waiting {
			if p.weight[c] > p.weight[p.waiting[q]] {
				q = i
			}
		}
	}
	c := p.waiting[q]
	out, b := p.cheapest(c)
	if len(out) > 0 || b < 0 {
		p.penalty[c] += p.weight[c]
	}
	if b < 0 {
		return
	}
	mark := s.mark()
	for _, o := range out {
		s.remove(o, b)
	}
	if !s.can(c, b) { // only under overcommit, where room does not add up
		s.undo(mark)
		return
	}
	s.add(c, b)
	p.waiting = slices.Delete(p.waiting, q, q+1)
	p.waiting = append(p.waiting, out...)
	if len(out) > 0 {
		for range exchanges {
			p.exchange()
		}
	}
	s.log = s.log[:0]
}

// cheapest is the bin where an item of c does with the least penalty, and the
// classes that leave it; none if there is room. The bin is -1 if nothing helps.
func (p *pool) cheapest(c int32) (out []int32, bin int32) {
	s := p.s
	need := s.needs(c)[:len(s.p.Dimensions)]
	best, ties := math.Inf(1), 0
	tightest := math.Inf(1)
	bin = -1
	short := make([]int64, len(need)) // what the room lacks, negative where it does not
	consider := func(cost float64, b int32, classes ...int32) {
		if cost > best {
			return
		}
		if cost < best {
			best, ties = cost, 0
		}
		if ties++; p.rng.below(ties) == 0 {
			out, bin = append(out[:0], classes...), b
		}
	}
	for _, b := range p.bins {
		p.looks += int64(len(s.items[b])) + 1
		if !s.may(c, b) {
			continue
		}
		room := s.room(b)
		if covers(room, s.needs(c)) {
			left := 0.0
			for d, n := range need {
				left += float64(room[d]-n) / float64(max(n, 1))
			}
			if best > 0 || left < tightest {
				best, tightest, out, bin = 0, left, nil, b
			}
			continue
		}
		if best == 0 {
			continue
		}
		for d, n := range need {
			short[d] = n - room[d]
			if n == 0 {
				short[d] = math.MinInt64 / 2
			}
		}
		p.leavers(b, short, &best, consider)
	}
	return out, bin
}

// leavers considers all ones and twos of b's items that are as large as what is
// short.
func (p *pool) leavers(b int32, short []int64, best *float64, consider func(cost float64, b int32, classes ...int32)) {
	s := p.s
	for i, x := range s.items[b] {
		cost := p.penalty[x]
		if cost > *best || !p.movable(x, b) || !s.mayLeave(x, b) {
			continue
		}
		if enough(short, s.needs(x), nil) {
			consider(cost, b, x)
			continue
		}
		for _, y := range s.items[b][i+1:] {
			if both := cost + p.penalty[y]; both <= *best && enough(short, s.needs(x), s.needs(y)) && p.movable(y, b) && s.mayLeave(y, b) {
				consider(both, b, x, y)
			}
		}
	}
}

// enough reports whether a and b, if not nil, add up to what is short.
func enough(short, a, b []int64) bool {
	for d, n := range short {
		x := a[d]
		if b != nil {
			x += b[d]
		}
		if x < n {
			return false
		}
	}
	return true
}

// exchange swaps two random items of two bins if that is possible.
func (p *pool) exchange() {
	s := p.s
	a, b := p.bins[p.rng.below(len(p.bins))], p.bins[p.rng.below(len(p.bins))]
	if a == b || len(s.items[a]) == 0 || len(s.items[b]) == 0 {
		return
	}
	x, y := s.items[a][p.rng.below(len(s.items[a]))], s.items[b][p.rng.below(len(s.items[b]))]
	if x == y || !p.movable(x, a) || !p.movable(y, b) {
		return
	}
	for d := range s.p.Dimensions { // most fail here
		gain := s.needs(x)[d] - s.needs(y)[d]
		if s.room(a)[d]+gain < 0 || s.room(b)[d]-gain < 0 {
			return
		}
	}
	mark := s.mark()
	s.remove(x, a)
	s.remove(y, b)
	if s.can(x, b) {
		s.add(x, b)
		if s.can(y, a) && p.sameZones(x, y, a, b) {
			s.add(y, a)
			return
		}
	}
	s.undo(mark)
}

// sameZones reports whether swapping x of bin a with y of bin b is safe for
// rules of spread: no class with a rule changes its zone.
func (p *pool) sameZones(x, y, a, b int32) bool {
	return p.s.zone(a) == p.s.zone(b) || p.s.zoned[x] < 0 && p.s.zoned[y] < 0
}

// save remembers where all items are, and restore puts them back.
func (s *state) save() [][]int32 {
	saved := make([][]int32, len(s.at))
	for c, bins := range s.at {
		saved[c] = slices.Clone(bins)
	}
	return saved
}

func (s *state) restore(saved [][]int32) {
	for c, bins := range saved {
		for _, b := range slices.Clone(s.at[c]) {
			if !slices.Contains(bins, b) {
				s.remove(int32(c), b)
			}
		}
	}
	for c, bins := range saved {
		for _, b := range bins {
			if !slices.Contains(s.at[c], b) {
				s.add(int32(c), b)
			}
		}
	}
}

package packing

import (
	"cmp"
	"slices"
)

// Rebalance follows a change of counts or bins with as few moves as it can.
//
// Surplus goes, from where bins empty by themselves. What is missing goes to
// open bins, then, if none has room, to where a few moves of others make some,
// and only then into new bins. In a shortage items give way, those that sit
// included, to others that come first: minimums, then higher priorities, then
// who has least for its weight. What sits in draining bins moves as far as there
// is room.
//
// The error is p's Validate; refusals are part of the result.
func Rebalance(p *Problem, o Options) (*Assignment, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	s := newState(newLayout(p))
	newIndex(s)
	r := &run{Options: o, s: s}
	r.rebalance(ranked(len(s.classIn), func(i, j int32) int { return cmp.Compare(i, j) }))
	return r.result(), nil
}

// rebalance settles the classes named; no other may be short or have surplus.
func (r *run) rebalance(classes []int32) {
	s := r.s
	for _, c := range classes {
		for len(s.at[c]) > int(s.want[c]) {
			s.remove(c, s.spare(c))
		}
	}
	start := s.mark()
	e := &ejector{s: s, looks: r.Effort.looks(), stop: r.Stop}
	short := slices.DeleteFunc(slices.Clone(classes), func(c int32) bool { return s.short(c) == 0 })
	for _, c := range s.bySize(short) {
		r.supply(c, e)
	}
	if slices.ContainsFunc(short, func(c int32) bool { return s.short(c) > 0 }) {
		s.undo(start)
		s.share(s.preempt)
	}
	s.drain()
	r.steps += e.spent / looksPerStep
	r.stopped = r.stopped || e.stopped
}

// supply places what is missing of c: in open bins, by moving others, in new
// bins.
func (r *run) supply(c int32, e *ejector) {
	s := r.s
	s.fillOpen(c, s.short(c))
	for s.short(c) > 0 && e.place(c, chainLength) {
	}
	s.fill(c, s.short(c))
}

// spare is the bin that gives up an item of c: one that its rule of spread can
// spare, one that drains or is closed before others, then the zone with most of the class, then the bin with least
// in it, then the highest.
func (s *state) spare(c int32) int32 {
	crowd := func(b int32) int32 {
		if r := s.zoned[c]; r >= 0 {
			return s.inZone[r][s.zone(b)]
		}
		return 0
	}
	return slices.MinFunc(s.at[c], func(a, b int32) int {
		return cmp.Or(
			compareBool(!s.mayLeave(c, a), !s.mayLeave(c, b)),
			cmp.Compare(s.leaves(b), s.leaves(a)),
			cmp.Compare(crowd(b), crowd(a)),
			cmp.Compare(len(s.items[a]), len(s.items[b])),
			cmp.Compare(b, a),
		)
	})
}

// leaves is how much a bin is to be empty.
func (s *state) leaves(b int32) BinState {
	if int(b) < len(s.binIn) {
		return s.p.Bins[s.binIn[b]].State
	}
	return Open
}

// drain moves what sits in draining bins to others, as far as these take it.
func (s *state) drain() {
	for b := range s.binIn {
		if s.open[b] || s.leaves(int32(b)) != Draining {
			continue
		}
		for _, c := range slices.Sorted(slices.Values(s.items[b])) {
			mark := s.mark()
			if s.fill(c, 1) == 0 {
				continue
			}
			s.relaxed = true // a soft rule keeps nothing in a bin that drains
			if s.mayLeave(c, int32(b)) {
				s.remove(c, int32(b))
			} else {
				s.undo(mark)
			}
			s.relaxed = false
		}
	}
}

// preempt places an item of c where others that come after it give way, the
// fewest that do; what gave way is short from now on. A soft rule gives way
// where otherwise nothing does.
func (s *state) preempt(c int32) []int32 {
	bin, victims := s.cheapest(c)
	if r := s.zoned[c]; bin < 0 && r >= 0 && s.rules[r].soft {
		s.relaxed = true
		bin, victims = s.cheapest(c)
		defer func() { s.relaxed = false }()
	}
	if bin < 0 {
		return nil
	}
	for _, v := range victims {
		s.remove(v, bin)
	}
	s.add(c, bin)
	return victims
}

// cheapest is the bin in which an item of c takes the place of the fewest that
// come after it, and their classes; -1 if there is none.
func (s *state) cheapest(c int32) (bin int32, victims []int32) {
	whole := s.whole()
	claim := s.turn(c, whole)
	bin = -1
	for b := range s.kind {
		b := int32(b)
		if !s.may(c, b) {
			continue
		}
		if v := s.victims(c, b, claim, whole); v != nil && (bin < 0 || len(v) < len(victims)) {
			bin, victims = b, v
			if len(victims) == 1 {
				break
			}
		}
	}
	return bin, victims
}

// victims are the classes whose items must leave b for one of c, the last to
// come first; nil if even all that come after c would not do.
func (s *state) victims(c, b int32, claim turn, whole []int64) []int32 {
	type loser struct {
		class int32
		turn  turn
	}
	var after []loser
	for _, v := range s.items[b] {
		t := s.turn(v, whole)
		t.has -= t.each // as if it had to ask for its last item again
		t.extra = len(s.at[v]) > s.class(v).Min
		if t.comesAfter(claim) && s.mayLeave(v, b) {
			after = append(after, loser{v, t})
		}
	}
	slices.SortFunc(after, func(x, y loser) int { return y.turn.compare(x.turn) })
	mark := s.mark()
	var victims []int32
	for _, v := range after {
		if s.fits(c, b) {
			break
		}
		s.remove(v.class, b)
		victims = append(victims, v.class)
	}
	if !s.fits(c, b) {
		victims = nil
	}
	s.undo(mark)
	return victims
}

package packing

import (
	"cmp"
	"slices"
)

// An ejector makes room for an item by moving others: one leaves its bin for
// it, another makes room for that one, and so on. The cheapest to move are
// tried first. It looks at a bounded number of items in all.
type ejector struct {
	s       *state
	looks   int64 // left
	spent   int64
	stop    func() bool
	stopped bool
}

// How long a chain may be and how many ways are tried at each of its links.
const (
	chainLength = 3
	chainWays   = 8
)

// looks is how many items an ejector may look at.
func (e Effort) looks() int64 {
	switch e {
	case Fast:
		return 0
	case Second:
		return 200e6
	case HalfMinute:
		return 6e9
	}
	return 200e3
}

// A way is an item that could leave its bin for another.
type way struct {
	bin, class int32
	cost       int64
}

// place adds an item of c, and moves at most so many others for it. If it can
// not, nothing has changed.
func (e *ejector) place(c int32, moves int) bool {
	s := e.s
	if b := s.firstRoom(c); b >= 0 {
		s.add(c, b)
		return true
	}
	if moves == 0 {
		return false
	}
	for _, w := range e.ways(c) {
		mark := s.mark()
		s.remove(w.class, w.bin)
		if s.can(c, w.bin) {
			s.add(c, w.bin)
			if e.place(w.class, moves-1) {
				return true
			}
		}
		s.undo(mark)
	}
	return false
}

// ways are the cheapest items whose leaving makes room for one of c.
func (e *ejector) ways(c int32) []way {
	s := e.s
	var ways []way
	compare := func(a, b way) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.bin, b.bin), cmp.Compare(a.class, b.class))
	}
	for b := range s.kind {
		b := int32(b)
		if e.looks <= 0 || e.stopped {
			break
		}
		e.looks--
		e.spent++
		if len(s.items[b]) == 0 || !s.may(c, b) {
			continue
		}
		for _, v := range s.items[b] {
			e.looks--
			e.spent++
			w := way{b, v, s.class(v).MoveCost}
			if len(ways) == chainWays && compare(w, ways[chainWays-1]) >= 0 || !e.frees(v, b, c) || !s.mayLeave(v, b) {
				continue
			}
			i, _ := slices.BinarySearchFunc(ways, w, compare)
			ways = slices.Insert(ways, i, w)[:min(len(ways)+1, chainWays)]
		}
	}
	if e.stop != nil && e.stop() {
		e.stopped = true
	}
	return ways
}

// frees reports whether b may have room for c without its item of v. In
// overcommitted dimensions that is known only when it has left.
func (e *ejector) frees(v, b, c int32) bool {
	room, out, in := e.s.room(b), e.s.needs(v), e.s.needs(c)
	for d := range e.s.p.Dimensions {
		if in[d] > room[d]+out[d] && in[d] > 0 && !slices.Contains(e.s.over, d) {
			return false
		}
	}
	return true
}

// firstRoom is the first bin that takes an item of c as it is; -1 if none does.
func (s *state) firstRoom(c int32) int32 {
	want := s.wanted(c, anyLoad)
	for b := s.watch.first(0, c, want); b >= 0; b = s.watch.first(b+1, c, want) {
		if s.may(c, b) {
			return b
		}
	}
	return -1
}

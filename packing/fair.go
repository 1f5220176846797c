package packing

import (
	"cmp"
	"container/heap"
	"slices"
)

// share places what is missing when there is not room for all: first what the
// classes lack of their minimums, then the rest by priority, in either always
// an item of the class that has the least: of the resource that it uses most,
// relative to all there is of it, for its weight. That is max-min fairness over
// the dominant resource: Ghodsi and others, "Dominant Resource Fairness".
//
// preempt, if not nil, is asked to place an item that fits nowhere and returns
// the classes that lost one for it. Every time an earlier claim takes the place
// of later ones, so it comes to an end.
func (s *state) share(preempt func(c int32) []int32) {
	for again := true; again; {
		again = s.shareOnce(preempt) && preempt != nil
	}
}

// shareOnce gives every class turns until it is refused, and reports whether
// that placed any item.
func (s *state) shareOnce(preempt func(c int32) []int32) bool {
	whole := s.whole()
	var turns turns
	enter := func(c int32) {
		if s.short(c) > 0 {
			heap.Push(&turns, s.turn(c, whole))
		}
	}
	for _, c := range s.shortOnes() {
		enter(c)
	}
	placed := false
	for len(turns.list) > 0 {
		c := heap.Pop(&turns).(turn).class
		var losers []int32
		if s.fill(c, 1) == 0 {
			if preempt != nil {
				losers = preempt(c)
			}
			if losers == nil {
				continue // refused, for now
			}
		}
		placed = true
		enter(c)
		for _, l := range losers {
			if !slices.ContainsFunc(turns.list, func(t turn) bool { return t.class == l }) {
				enter(l)
			}
		}
	}
	return placed
}

// whole is all that the bins and templates have, per dimension.
func (s *state) whole() []int64 {
	whole := make([]int64, len(s.p.Dimensions))
	for d := range whole {
		for b := range s.kind {
			whole[d] += s.kinds[s.kind[b]].bin.Capacity[d]
		}
		for t, n := range s.spareNew {
			// As far as integers hold: beyond that no share matters.
			if c := s.p.Templates[t].Capacity[d]; n > 0 && c <= (limit-whole[d])/int64(n) {
				whole[d] += c * int64(n)
			}
		}
		whole[d] = max(whole[d], 1)
	}
	return whole
}

// A turn is a class's claim to be next.
type turn struct {
	class    int32
	extra    bool // it has its minimum
	priority int
	has      float64 // dominant share for its weight: orders only
	each     float64 // what one item adds to that
}

func (s *state) turn(c int32, whole []int64) turn {
	class := s.class(c)
	dominant := 0.0
	for d, x := range class.Size {
		dominant = max(dominant, float64(x)/float64(whole[d]))
	}
	each := dominant / float64(class.weight())
	return turn{
		class: c, extra: len(s.at[c]) >= class.Min, priority: class.Priority,
		has: float64(float64(len(s.at[c])) * each), each: each,
	}
}

func (a turn) compare(b turn) int {
	return cmp.Or(
		compareBool(a.extra, b.extra), cmp.Compare(b.priority, a.priority),
		cmp.Compare(a.has, b.has), cmp.Compare(a.class, b.class),
	)
}

// comesAfter reports whether a gives way to b: only by the rules, never by
// name, and only if b is not worse off than a even with one item more.
func (a turn) comesAfter(b turn) bool {
	if a.extra != b.extra {
		return a.extra
	}
	if a.priority != b.priority {
		return a.priority < b.priority
	}
	return a.extra && a.has > b.has+b.each
}

// compareBool has false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// turns is a heap of turns.
type turns struct{ list []turn }

func (t *turns) Len() int           { return len(t.list) }
func (t *turns) Less(i, j int) bool { return t.list[i].compare(t.list[j]) < 0 }
func (t *turns) Swap(i, j int)      { t.list[i], t.list[j] = t.list[j], t.list[i] }
func (t *turns) Push(x any)         { t.list = append(t.list, x.(turn)) }
func (t *turns) Pop() any {
	last := t.list[len(t.list)-1]
	t.list = slices.Delete(t.list, len(t.list)-1, len(t.list))
	return last
}

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
// repair, if not nil, is asked to place an item that fits nowhere.
func (s *state) share(repair func(c int32) bool) {
	newIndex(s)
	var turns turns
	whole := s.whole()
	for c := range s.classIn {
		if s.short(int32(c)) > 0 {
			turns.list = append(turns.list, s.turn(int32(c), whole))
		}
	}
	heap.Init(&turns)
	for len(turns.list) > 0 {
		c := turns.list[0].class
		if s.fill(c, 1) == 0 && (repair == nil || !repair(c)) || s.short(c) == 0 {
			heap.Pop(&turns)
			continue
		}
		turns.list[0] = s.turn(c, whole)
		heap.Fix(&turns, 0)
	}
	s.log = s.log[:0]
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
}

func (s *state) turn(c int32, whole []int64) turn {
	class := s.class(c)
	dominant := 0.0
	for d, x := range class.Size {
		dominant = max(dominant, float64(x)/float64(whole[d]))
	}
	n := float64(len(s.at[c]))
	return turn{
		class: c, extra: len(s.at[c]) >= class.Min, priority: class.Priority,
		has: float64(n*dominant) / float64(class.weight()),
	}
}

func (a turn) compare(b turn) int {
	return cmp.Or(
		compareBool(a.extra, b.extra), cmp.Compare(b.priority, a.priority),
		cmp.Compare(a.has, b.has), cmp.Compare(a.class, b.class),
	)
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

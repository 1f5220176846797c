package packing

import (
	"cmp"
	"slices"
)

// A cover is the question how few bins hold so many items of each class, in
// plain numbers. It forgets zones, what is closed, what sits where and that the
// largest load needs room beside what is pinned, so that whatever is impossible
// here is impossible.
type cover struct {
	width  int // columns, with sizes and pinned parts of their own where overcommitted
	rows   []row
	shapes []shape
	bins   int // that there are
}

// A row is what has to be placed of a class: count items, no two in one bin.
type row struct {
	need  []int64
	count int
	takes []bool // per shape
	class int32
}

// A shape is a number of bins that are equal here.
type shape struct {
	room    []int64
	profile int32
	have    int
}

// newCover asks for so many items of each class.
func newCover(l *layout, counts []int) *cover {
	q := &cover{width: l.width}
	items := 0
	for _, n := range counts {
		items += n
	}
	shapeOf := q.addShapes(l, items)
	for c, n := range counts {
		if n == 0 {
			continue
		}
		r := row{class: int32(c), need: l.needs(int32(c)), count: n, takes: make([]bool, len(q.shapes))}
		for k, s := range shapeOf {
			r.takes[s] = r.takes[s] || l.takesKind(int32(c), int32(k))
		}
		for _, b := range l.home[c] { // allowed or not
			r.takes[shapeOf[l.binKind[b]]] = true
		}
		q.rows = append(q.rows, r)
	}
	q.sortRows()
	return q
}

// addShapes merges kinds that differ in nothing that matters here, and returns
// the shape of each.
func (q *cover) addShapes(l *layout, items int) []int {
	have := make([]int, len(l.kinds))
	for t := range l.p.Templates {
		have[t] = min(l.p.Templates[t].Max, items)
	}
	for _, k := range l.binKind {
		have[k]++
	}
	shapeOf := make([]int, len(l.kinds))
	for k := range l.kinds {
		kind := &l.kinds[k]
		room := slices.Clone(kind.room)
		for _, d := range l.over {
			if kind.bin.Virtual != nil {
				room[d] += kind.bin.Virtual[d] - kind.bin.Capacity[d]
			}
		}
		s := slices.IndexFunc(q.shapes, func(s shape) bool { return s.profile == kind.profile && slices.Equal(s.room, room) })
		if s < 0 {
			s = len(q.shapes)
			q.shapes = append(q.shapes, shape{room: room, profile: kind.profile})
		}
		shapeOf[k] = s
		q.shapes[s].have += have[k]
		q.bins += have[k]
	}
	return shapeOf
}

// sortRows puts what takes the largest share of the largest bin first, and what
// is alike together.
func (q *cover) sortRows() {
	peak := make([]int64, q.width)
	for _, s := range q.shapes {
		for k, x := range s.room {
			peak[k] = max(peak[k], x)
		}
	}
	share := func(r *row) (n, of int64) {
		n, of = 0, 1
		for k, x := range r.need {
			if compareProducts(x, of, n, max(peak[k], 1)) > 0 {
				n, of = x, max(peak[k], 1)
			}
		}
		return n, of
	}
	slices.SortStableFunc(q.rows, func(a, b row) int {
		na, da := share(&a)
		nb, db := share(&b)
		return cmp.Or(compareProducts(nb, da, na, db), slices.Compare(b.need, a.need), cmp.Compare(b.count, a.count))
	})
}

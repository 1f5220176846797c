package packing

import (
	"cmp"
	"math"
	"slices"
)

// A nearest finds the class whose item leaves least of some room, by weighted
// squares, without looking at most of those that do not fit or leave more. It is
// a k-d tree: Bentley, "Multidimensional Binary Search Trees Used for
// Associative Searching". Every node has the least and the most, per column, of
// what items below it need.
type nearest struct {
	digester
	s     *state
	depth int // of the leaves: they are nodes 1<<depth and on; node n has the children 2n and 2n+1

	class  []int32   // leaf by leaf
	needs  []int64   // per place in class, width columns
	digest []uint64  // likewise: the first word of needs
	end    []int32   // per leaf, the place where its classes end
	leaf   []int32   // per class of the state
	low    []uint64  // per node, the first word of the least
	high   []float64 // per node, width columns: the most

	keys  []key
	room  []float64
	stack []visit
	looks int64 // at nodes and classes
}

// A visit is a node to look below, and what any item there leaves at least.
type visit struct {
	node  int
	least float64
}

// A key is what a class is sorted by.
type key struct {
	need  int64
	class int32
}

// leafSize is how many classes a leaf has at most.
const leafSize = 8

// newNearest makes a tree of the classes listed. The weights only shape it:
// those that searches bring may be others.
func newNearest(s *state, d digester, classes []int32, weight []float64) *nearest {
	t := &nearest{
		digester: d, s: s, class: slices.Clone(classes), leaf: make([]int32, len(s.classIn)),
		keys: make([]key, 0, len(classes)), room: make([]float64, s.width),
	}
	for (len(classes)+1<<t.depth-1)>>t.depth > leafSize {
		t.depth++
	}
	t.split(0, 0, weight)
	t.needs, t.digest = make([]int64, 0, len(classes)*s.width), make([]uint64, 0, len(classes))
	for _, c := range t.class {
		t.needs = append(t.needs, s.needs(c)...)
		t.digest = append(t.digest, t.down(s.needs(c), 0))
	}
	leaves := 1 << t.depth
	t.low, t.high = make([]uint64, 2*leaves), make([]float64, 2*leaves*s.width)
	for i := range leaves {
		t.end = append(t.end, int32(t.begin(i+1, t.depth)))
		for _, c := range t.class[t.begin(i, t.depth):t.end[i]] {
			t.leaf[c] = int32(i)
		}
	}
	for node := 2*leaves - 1; node > 0; node-- {
		t.gather(node)
	}
	return t
}

// begin is the first place of the i-th node of a depth.
func (t *nearest) begin(i, depth int) int { return i * len(t.class) >> depth }

// split sorts the classes of the i-th node of a depth into two halves, apart in
// the column in which they differ most, and so on.
func (t *nearest) split(i, depth int, weight []float64) {
	if depth == t.depth {
		return
	}
	classes := t.class[t.begin(i, depth):t.begin(i+1, depth)]
	column, widest := 0, -1.0
	for k, w := range weight {
		least, most := int64(math.MaxInt64), int64(0)
		for _, c := range classes {
			least, most = min(least, t.s.needs(c)[k]), max(most, t.s.needs(c)[k])
		}
		if spread := float64(most-least) * math.Sqrt(w); spread > widest {
			column, widest = k, spread
		}
	}
	keys := t.keys[:0]
	for _, c := range classes {
		keys = append(keys, key{t.s.needs(c)[column], c})
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.need != b.need {
			return cmp.Compare(a.need, b.need)
		}
		return cmp.Compare(a.class, b.class)
	})
	for j, k := range keys {
		classes[j] = k.class
	}
	t.split(2*i, depth+1, weight)
	t.split(2*i+1, depth+1, weight)
}

// gather makes a node what is below it, and reports whether that changes it.
func (t *nearest) gather(node int) bool {
	w := t.s.width
	low, high := ^uint64(guards), make([]float64, 0, 16)
	for range w {
		high = append(high, 0)
	}
	if i := node - 1<<t.depth; i >= 0 {
		for p := t.begin(i, t.depth); p < int(t.end[i]); p++ {
			low = smaller(low, t.digest[p])
			for k, n := range t.needs[p*w:][:w] {
				high[k] = max(high[k], float64(n))
			}
		}
	} else {
		low = smaller(t.low[2*node], t.low[2*node+1])
		for k := range high {
			high[k] = max(t.high[2*node*w+k], t.high[(2*node+1)*w+k])
		}
	}
	if low == t.low[node] && slices.Equal(high, t.high[node*w:][:w]) {
		return false
	}
	t.low[node] = low
	copy(t.high[node*w:], high)
	return true
}

// remove takes a class out.
func (t *nearest) remove(c int32) {
	i, w := int(t.leaf[c]), t.s.width
	first := t.begin(i, t.depth)
	t.end[i]--
	last := int(t.end[i])
	p := first + slices.Index(t.class[first:last+1], c)
	t.class[p], t.digest[p] = t.class[last], t.digest[last]
	copy(t.needs[p*w:][:w], t.needs[last*w:])
	for node := 1<<t.depth + i; node > 0 && t.gather(node); node /= 2 {
	}
}

// find is the class that leaves least of some room, of those that may be
// chosen; -1 if none fits.
func (t *nearest) find(room []int64, weight []float64, may func(c int32) bool) int32 {
	for k, x := range room {
		t.room[k] = float64(x)
	}
	best, least := int32(-1), math.Inf(1)
	glance := t.up(room, 0)
	t.stack = append(t.stack[:0], visit{1, 0})
	for len(t.stack) > 0 {
		v := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		if v.least >= least {
			continue
		}
		if i := v.node - 1<<t.depth; i >= 0 {
			if c, left := t.findIn(i, glance, room, weight, least, may); c >= 0 {
				best, least = c, left
			}
			continue
		}
		a, b := t.visit(2*v.node, glance, weight), t.visit(2*v.node+1, glance, weight)
		if a.least < b.least { // look there first
			a, b = b, a
		}
		for _, next := range [...]visit{a, b} {
			if next.least < least {
				t.stack = append(t.stack, next)
			}
		}
	}
	return best
}

// visit is how to look below a node; what does not fit leaves infinitely much.
func (t *nearest) visit(node int, glance uint64, weight []float64) visit {
	t.looks++
	if !mayFit(glance, t.low[node]) {
		return visit{node, math.Inf(1)}
	}
	least := 0.0
	high := t.high[node*len(t.room):][:len(t.room)]
	for k, x := range t.room {
		x = max(x-high[k], 0)
		least += float64(weight[k] * float64(x*x))
	}
	return visit{node, least}
}

// findIn is what find is, in a leaf, of those that leave less than least.
func (t *nearest) findIn(i int, glance uint64, room []int64, weight []float64, least float64, may func(c int32) bool) (int32, float64) {
	best, w := int32(-1), len(room)
	for p := t.begin(i, t.depth); p < int(t.end[i]); p++ {
		t.looks++
		if !mayFit(glance, t.digest[p]) {
			continue
		}
		left, fits := 0.0, true
		for k, n := range t.needs[p*w:][:w] {
			x := room[k] - n
			fits = fits && (x >= 0 || n == 0)
			left += float64(weight[k] * float64(float64(x)*float64(x)))
		}
		if fits && left < least && may(t.class[p]) {
			best, least = t.class[p], left
		}
	}
	return best, least
}

package packing

import (
	"cmp"
	"math"
	"slices"
)

// A builder fills one bin after the other with what is not placed yet: always
// the item that leaves the least room, by weighted squares over the columns,
// which fills all of them together: Panigrahy, Talwar, Uyeda and Wieder,
// "Heuristics for Vector Bin Packing". The weights are the missing demand, so
// what is scarce counts more. Before that go the items of classes of which as
// many are missing as there will be bins.
type builder struct {
	s *state
	digester
	unit    []float64 // per column: one over the size of a bin
	missing []int32   // per class
	demand  []float64 // per column: of all that is missing, in bins
	weight  []float64 // per column: what a square of room left counts

	active []int32 // classes that were missing when tree was made, the longest first
	dead   int     // of active, how many have nothing missing any more
	front  int     // of active, how many of these come first
	tree   *nearest
	looks  int64 // of trees before

	many  []int32 // classes of which several are missing
	check float64 // when demand is below this, look for classes that must go in

	room []int64
	put  []int32
}

func newBuilder(s *state) *builder {
	f := &builder{s: s, digester: newDigester(s.peak()), unit: make([]float64, s.width), demand: make([]float64, s.width), weight: make([]float64, s.width), missing: make([]int32, len(s.classIn))}
	for k, p := range s.peak() {
		f.unit[k] = 1 / float64(max(p, 1))
	}
	for c := range f.missing {
		n := int32(s.short(int32(c)))
		if n == 0 {
			continue
		}
		f.missing[c] = n
		f.active = append(f.active, int32(c))
		if n > 1 {
			f.many = append(f.many, int32(c))
		}
		for k, x := range s.needs(int32(c)) {
			f.demand[k] += float64(float64(x)*f.unit[k]) * float64(n)
		}
	}
	f.check = math.Inf(1)
	f.weigh()
	f.sort()
	f.plant()
	return f
}

// weigh makes the weights follow the demand.
func (f *builder) weigh() {
	most := slices.Max(f.demand)
	for k, d := range f.demand {
		f.weight[k] = float64(max(d, 0)/max(most, 1e-9)*f.unit[k]) * f.unit[k]
	}
}

// sort orders the active classes by length: the root of the weighted squares.
func (f *builder) sort() {
	length := make([]float64, len(f.missing))
	for _, c := range f.active {
		for k, n := range f.s.needs(c) {
			length[c] += float64(f.weight[k] * float64(float64(n)*float64(n)))
		}
	}
	slices.SortFunc(f.active, func(i, j int32) int {
		return cmp.Or(cmp.Compare(length[j], length[i]), cmp.Compare(i, j))
	})
}

// plant makes the tree of the active classes.
func (f *builder) plant() {
	f.active = slices.DeleteFunc(f.active, func(c int32) bool { return f.missing[c] == 0 })
	f.dead, f.front = 0, 0
	if f.tree != nil {
		f.looks += f.tree.looks
	}
	f.tree = newNearest(f.s, f.digester, f.active, f.weight)
}

// done reports whether nothing is missing.
func (f *builder) done() bool { return f.dead == len(f.active) }

// fill puts into bin b what suits it.
func (f *builder) fill(b int32) {
	f.room = append(f.room[:0], f.s.room(b)...)
	f.put = f.put[:0]
	f.weigh()
	if f.dead > len(f.active)/2 {
		f.plant()
	}
	f.mustHave(b)
	for {
		c := f.tree.find(f.room, f.weight, func(c int32) bool { return f.s.may(c, b) })
		if c < 0 {
			break
		}
		f.take(c, b)
	}
}

// mustHave puts in items of the classes of which more are missing than there
// will be bins; later they would have too few.
func (f *builder) mustHave(b int32) {
	left := slices.Max(f.demand)
	if left > f.check {
		return
	}
	nearest := math.Inf(1)
	for _, c := range f.many {
		slack := left - float64(f.missing[c])
		if slack > 0 {
			nearest = min(nearest, slack)
		} else if covers(f.room, f.s.needs(c)) && f.missing[c] > 0 && f.s.may(c, b) {
			f.take(c, b)
			nearest = 0
		}
	}
	f.check = left - nearest/2 // until then none can become so
}

func (f *builder) take(c, b int32) {
	f.s.add(c, b)
	f.put = append(f.put, c)
	f.missing[c]--
	if f.missing[c] == 0 {
		f.dead++
		f.tree.remove(c)
	}
	for k, n := range f.s.needs(c) {
		f.room[k] -= n
		f.demand[k] -= float64(float64(n) * f.unit[k])
	}
}

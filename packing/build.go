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
	steps   int64

	// The active classes by their length descending, where a length is the root
	// of the weighted squares, with the weights that were current at the sorting.
	active  []int32
	needs   []int64   // width columns each
	length  []float64 // descending
	digest  []uint64  // of needs, for a first glance
	weight0 []float64
	slack   float64 // weight >= slack * weight0
	dead    int     // of active, how many have nothing missing any more

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
	return f
}

// weigh makes the weights follow the demand.
func (f *builder) weigh() {
	most := slices.Max(f.demand)
	f.slack = 1
	for k, d := range f.demand {
		f.weight[k] = float64(max(d, 0)/max(most, 1e-9)*f.unit[k]) * f.unit[k]
		if f.weight0 != nil && f.weight0[k] > 0 {
			f.slack = min(f.slack, f.weight[k]/f.weight0[k])
		}
	}
}

// sort orders the active classes by length under the present weights.
func (f *builder) sort() {
	f.weight0 = slices.Clone(f.weight)
	f.slack, f.dead = 1, 0
	f.active = slices.DeleteFunc(f.active, func(c int32) bool { return f.missing[c] == 0 })
	length := make([]float64, len(f.missing))
	for _, c := range f.active {
		length[c] = math.Sqrt(f.squares(f.s.needs(c)))
	}
	slices.SortFunc(f.active, func(i, j int32) int {
		return cmp.Or(cmp.Compare(length[j], length[i]), cmp.Compare(i, j))
	})
	f.needs, f.length, f.digest = f.needs[:0], f.length[:0], f.digest[:0]
	for _, c := range f.active {
		f.needs = append(f.needs, f.s.needs(c)...)
		f.length = append(f.length, length[c])
		f.digest = append(f.digest, f.down(f.s.needs(c), 0))
	}
}

func (f *builder) squares(v []int64) float64 {
	sum := 0.0
	for k, x := range v {
		sum += float64(f.weight0[k] * float64(float64(x)*float64(x)))
	}
	return sum
}

// done reports whether nothing is missing.
func (f *builder) done() bool { return f.dead == len(f.active) }

// fill puts into bin b what suits it.
func (f *builder) fill(b int32) {
	f.room = append(f.room[:0], f.s.room(b)...)
	f.put = f.put[:0]
	f.weigh()
	if f.slack < 0.8 || f.dead > len(f.active)/8 {
		f.sort()
	}
	f.mustHave(b)
	for {
		c := f.closest(b)
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
	}
	for k, n := range f.s.needs(c) {
		f.room[k] -= n
		f.demand[k] -= float64(float64(n) * f.unit[k])
	}
}

// closest is the class whose item leaves least of the room; -1 if none fits.
// An item that fits is no longer than the room, and leaves at least the
// difference of the lengths.
func (f *builder) closest(b int32) int32 {
	w := f.s.width
	reach := 0.0
	for k, x := range f.room {
		x = max(x, 0)
		reach += float64(f.weight0[k] * float64(float64(x)*float64(x)))
	}
	reach = math.Sqrt(reach)
	from, _ := slices.BinarySearchFunc(f.length, reach*(1+1e-9), func(l, r float64) int { return cmp.Compare(r, l) })
	best, least := int32(-1), math.Inf(1)
	glance := f.up(f.room, 0)
	i := from
	for ; i < len(f.active); i++ {
		if !mayFit(glance, f.digest[i]) {
			continue
		}
		if d := reach - f.length[i]; d > 0 && float64(float64(d*d)*f.slack)*(1-1e-9) > least {
			break
		}
		c := f.active[i]
		if f.missing[c] == 0 {
			continue
		}
		left, fits := 0.0, true
		need := f.needs[i*w:][:w]
		for k, n := range need {
			x := f.room[k] - n
			if x < 0 && n > 0 {
				fits = false
				break
			}
			left += float64(f.weight[k] * float64(float64(x)*float64(x)))
		}
		if fits && left < least && f.s.may(c, b) {
			best, least = c, left
		}
	}
	f.steps += int64(i - from)
	return best
}

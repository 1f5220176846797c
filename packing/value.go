package packing

import (
	"cmp"
	"math"
	"slices"
)

// A valuer fills one bin after the other with the items of the greatest value
// that a bounded search finds, and learns: it raises the value of what ended in
// badly filled bins, so that the next pass takes it earlier. That is the
// sequential value correction of Belov and Scheithauer, "Setup and Open-Stacks
// Minimization in One-Dimensional Stock Cutting", for vectors. It finds exact
// fillings of few items, where filling by squares is at a loss.
type valuer struct {
	s       *state
	rng     *source
	unit    []float64 // per column: one over the size of a bin
	scarce  []float64 // per column: its part in the weight; sums to 1
	weight  []float64 // per class: of an item, in bins
	value   []float64 // per class: of an item
	missing []int32   // per class
	active  []int32   // classes with missing items, the most valuable first
	needs   []int64   // per active class, width columns
	reach   []float64 // per active class: the best value for a weight from here on

	looks  int64 // at a class, in all
	left   int64 // looks that this bin may still take
	bin    int32
	room   []int64
	path   []int32 // into active: what the search holds
	best   []int32 // into active
	bestOf float64 // its value
}

// looksPerBin bounds the search for one filling.
const looksPerBin = 100_000

func newValuer(s *state, rng *source) *valuer {
	v := &valuer{
		s: s, rng: rng, unit: make([]float64, s.width), scarce: make([]float64, s.width),
		weight: make([]float64, len(s.classIn)), value: make([]float64, len(s.classIn)), missing: make([]int32, len(s.classIn)),
	}
	sum := 0.0
	for k, p := range s.peak() {
		v.unit[k] = 1 / float64(max(p, 1))
		for c := range v.missing {
			v.scarce[k] += float64(float64(s.needs(int32(c))[k])*v.unit[k]) * float64(s.short(int32(c)))
		}
		sum += v.scarce[k]
	}
	for k := range v.scarce {
		v.scarce[k] /= max(sum, 1e-300)
	}
	for c := range v.weight {
		for k, n := range s.needs(int32(c)) {
			v.weight[c] += float64(float64(n)*v.unit[k]) * v.scarce[k]
		}
		v.weight[c] = max(v.weight[c], 1e-9)
		v.value[c] = superlinear(v.weight[c])
	}
	return v
}

// superlinear is the first value of a weight: a little more than in proportion,
// so that one large item beats several small ones.
func superlinear(weight float64) float64 { return float64(weight * math.Sqrt(math.Sqrt(weight))) }

// start begins a pass over the bins of s.
func (v *valuer) start(s *state) {
	v.s = s
	v.active = v.active[:0]
	for c := range v.missing {
		if v.missing[c] = int32(s.short(int32(c))); v.missing[c] > 0 {
			v.active = append(v.active, int32(c))
		}
	}
	slices.SortFunc(v.active, func(i, j int32) int {
		return cmp.Or(cmp.Compare(v.value[j], v.value[i]), cmp.Compare(i, j))
	})
	v.arrange()
}

// arrange lays out what the search reads one after the other.
func (v *valuer) arrange() {
	v.needs = v.needs[:0]
	v.reach = slices.Grow(v.reach[:0], len(v.active)+1)[:len(v.active)+1]
	v.reach[len(v.active)] = 0
	for _, c := range v.active {
		v.needs = append(v.needs, v.s.needs(c)...)
	}
	for i := len(v.active) - 1; i >= 0; i-- {
		c := v.active[i]
		v.reach[i] = max(v.value[c]/v.weight[c], v.reach[i+1])
	}
}

func (v *valuer) done() bool { return len(v.active) == 0 }

// template is the one to open for the most valuable class that may have one.
func (v *valuer) template() int32 {
	for _, c := range v.active {
		if t := v.s.template(c); t >= 0 {
			return t
		}
	}
	return -1
}

// fill puts the best items into bin b that the search finds.
func (v *valuer) fill(b int32) {
	v.bin, v.left = b, looksPerBin
	v.room = append(v.room[:0], v.s.room(b)...)
	v.path, v.best, v.bestOf = v.path[:0], v.best[:0], 0
	space := 0.0
	for k, r := range v.room {
		space += float64(float64(max(r, 0))*v.unit[k]) * v.scarce[k]
	}
	v.search(0, 0, space)
	v.looks += looksPerBin - v.left
	full := 0.0
	for _, i := range v.best {
		full += v.weight[v.active[i]]
	}
	gone := false
	for _, i := range v.best {
		c := v.active[i]
		v.s.add(c, b)
		v.missing[c]--
		gone = gone || v.missing[c] == 0
		// Between the old value and what it would be if it had to pay for the waste.
		old := 0.5 + float64(v.rng.below(1024))/1024
		v.value[c] = (float64(old*v.value[c]) + float64(superlinear(v.weight[c])*space)/max(full, 0.05)) / (old + 1)
	}
	if gone {
		v.active = slices.DeleteFunc(v.active, func(c int32) bool { return v.missing[c] == 0 })
		v.arrange()
	}
}

// search tries the active classes from a number on, the first that fit first.
func (v *valuer) search(from int, value, space float64) {
	if value > v.bestOf {
		v.bestOf = value
		v.best = append(v.best[:0], v.path...)
	}
	w := v.s.width
	for i := from; i < len(v.active) && v.left > 0; i++ {
		v.left--
		need := v.needs[i*w:][:w]
		if !covers(v.room, need) {
			continue
		}
		if value+float64(space*v.reach[i]) <= v.bestOf {
			return
		}
		c := v.active[i]
		if !v.s.may(c, v.bin) || len(v.s.over) > 0 && !v.fitsBeside(c) {
			continue
		}
		for k, n := range need {
			v.room[k] -= n
		}
		v.path = append(v.path, int32(i))
		v.search(i+1, value+v.value[c], space-v.weight[c])
		v.path = v.path[:len(v.path)-1]
		for k, n := range need {
			v.room[k] += n
		}
	}
}

// fitsBeside asks the state where room does not add up: under overcommit.
func (v *valuer) fitsBeside(c int32) bool {
	mark := v.s.mark()
	for _, i := range v.path {
		v.s.add(v.active[i], v.bin)
	}
	fits := v.s.fits(c, v.bin)
	v.s.undo(mark)
	return fits
}

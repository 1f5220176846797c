package packing

import "math/bits"

// mix is the finalizer of splitmix64: Steele, Lea and Flood, "Fast Splittable
// Pseudorandom Number Generators".
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// A source is a splitmix64 generator: the same numbers on every machine and in
// every version of Go.
type source struct{ state uint64 }

func (s *source) next() uint64 {
	z := mix(s.state)
	s.state += 0x9e3779b97f4a7c15
	return z
}

// below is a number in [0, n), n > 0; its bias is below n/2^64.
func (s *source) below(n int) int {
	hi, _ := bits.Mul64(s.next(), uint64(n))
	return int(hi)
}

// newSource starts from the seed and everything of the problem that can matter,
// in the layout's order.
func newSource(l *layout, seed uint64) *source {
	h := mix(seed)
	add := func(xs ...int64) {
		for _, x := range xs {
			h = mix(h ^ uint64(x))
		}
	}
	for k := range l.kinds {
		add(l.kinds[k].room...)
		add(int64(l.kinds[k].profile), int64(l.kinds[k].zone), l.kinds[k].bin.cost())
	}
	for b, in := range l.binIn {
		add(int64(l.binKind[b]), int64(l.p.Bins[in].State))
	}
	for c := range l.classIn {
		class := l.class(int32(c))
		add(l.needs(int32(c))...)
		add(int64(l.group[c]), int64(class.Count), int64(class.Min), int64(class.Priority), class.Weight, class.MoveCost)
		for _, b := range l.home[c] {
			add(int64(b))
		}
	}
	return &source{state: h}
}

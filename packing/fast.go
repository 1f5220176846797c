package packing

import (
	"math"
	"slices"
)

// firstFit places every missing item by first fit decreasing: classes by the
// largest share that an item takes of the largest bin, then the greater count,
// each item into the first bin that takes it and only then into a new one. See
// Coffman, Garey and Johnson, "Approximation Algorithms for Bin Packing: A
// Survey". What finds no place is left out.
func (s *state) firstFit() {
	for _, c := range s.bySize(s.shortOnes()) {
		s.fill(c, s.short(c))
		s.log = s.log[:0]
	}
}

// shortOnes are the classes that miss items.
func (s *state) shortOnes() []int32 {
	var short []int32
	for c := range s.classIn {
		if s.short(int32(c)) > 0 {
			short = append(short, int32(c))
		}
	}
	return short
}

// bySize orders classes, which must ascend: the largest first, of equal ones
// that with the greater count.
func (s *state) bySize(classes []int32) []int32 {
	peak := s.peak()
	keys := make([]sortKey, len(classes))
	for i, c := range classes {
		share := 0.0
		for k, n := range s.needs(c) {
			share = max(share, float64(n)/float64(max(peak[k], 1)))
		}
		// The order of floats >= 0 is that of their bits.
		keys[i] = sortKey{math.MaxUint64 - math.Float64bits(share), math.MaxUint32 - uint32(s.want[c]), c}
	}
	for i, k := range radixSort(keys) {
		classes[i] = k.class
	}
	return classes
}

// peak is the largest room of any bin, empty, per column.
func (s *state) peak() []int64 {
	peak := make([]int64, s.width)
	for k := range s.kinds {
		for i, r := range s.kinds[k].room {
			peak[i] = max(peak[i], r)
		}
	}
	return peak
}

// fill adds up to n items of c, wherever there is room, and returns how many.
// Bins that lack a preferred capability and zones that a soft rule would spare
// come after the others, new bins after those.
func (s *state) fill(c int32, n int) int {
	placed := s.fillOpen(c, n)
	for t := none; placed < n; placed++ {
		if t == none || s.spareNew[t] == 0 || s.zoned[c] >= 0 {
			t = s.template(c)
		}
		if t < 0 {
			break
		}
		s.add(c, s.newBin(t))
	}
	if r := s.zoned[c]; placed < n && r >= 0 && s.rules[r].soft && !s.relaxed {
		s.relaxed = true
		placed += s.fill(c, n-placed)
		s.relaxed = false
	}
	return placed
}

// fillOpen adds up to n items of c to the bins that there are, and returns how
// many: those with the preferred capabilities first, and of those the ones in
// use.
func (s *state) fillOpen(c int32, n int) int {
	placed := 0
	if s.prefer && len(s.class(c).Prefers) > 0 {
		placed = s.fillFrom(c, n, anyLoad, true)
	}
	if s.ordinal {
		return placed + s.fillFrom(c, n-placed, anyLoad, false)
	}
	placed += s.fillFrom(c, n-placed, inUse, false)
	if s.zoned[c] < 0 {
		return placed + s.fillFrom(c, n-placed, empty, false)
	}
	return placed + s.fillFrom(c, n-placed, anyLoad, false) // those opened other zones
}

// fillFrom adds up to n items of c to bins with a mark, the lowest first.
func (s *state) fillFrom(c int32, n int, load marks, preferred bool) int {
	placed := 0
	from := int32(0)
	want := s.wanted(c, load)
	for placed < n {
		b := s.watch.first(from, c, want)
		if b < 0 {
			return placed
		}
		from = b + 1
		if !s.may(c, b) || preferred && !s.prefers(c, b) {
			continue
		}
		s.add(c, b)
		placed++
		if s.zoned[c] >= 0 {
			from, want = 0, s.wanted(c, load) // one more here opens other zones
		}
	}
	return placed
}

// prefers reports whether b has every capability that c prefers.
func (s *state) prefers(c, b int32) bool {
	have := s.kinds[s.kind[b]].bin.Capabilities
	return !slices.ContainsFunc(s.class(c).Prefers, func(want string) bool { return !slices.Contains(have, want) })
}

// template is the one to open for an item of c; -1 if none may be. That with
// the preferred capabilities comes first, then the one that costs least for
// what it holds.
func (s *state) template(c int32) int32 {
	best := int32(-1)
	bestPrefers := false
	for t := range s.spareNew {
		k := int32(t)
		if s.spareNew[t] == 0 || !s.takesKind(c, k) || !covers(s.kinds[t].room, s.needs(c)) || !s.spreads(c, s.kinds[t].zone) {
			continue
		}
		prefers := !slices.ContainsFunc(s.class(c).Prefers, func(want string) bool {
			return !slices.Contains(s.kinds[t].bin.Capabilities, want)
		})
		if best < 0 || prefers && !bestPrefers || prefers == bestPrefers && s.price[t] < s.price[best] {
			best, bestPrefers = k, prefers
		}
	}
	return best
}

package lag

import "math"

// ulp bounds the relative error of one operation, with room for the errors of
// the bounds themselves.
const ulp = 0x1p-52

// A silence answers what is left of a total when the silent buckets after the
// last have pushed out as many old ones, whichever number is asked for. It is a
// tree of running sums over the slots in the order in which they leave: groups
// of eight slots, eight groups, and so on. A sum of any number of slots takes a
// term a level, a late value eight.
//
// What it answers is an approximation with a bound, but exact where all values
// are multiples of 2^-20 and small enough that every sum of them is.
type silence struct {
	known bool
	run   [][]float64 // of each level: the sums from the first of a group of eight
	exact bool
	drift float64 // what the total may be off by, in ulps of one
	size  float64 // the sum of all slots, signs apart
}

// grid reports whether x is a multiple of 2^-20; sums of those are exact as long as
// their size stays below gridSize.
func grid(x float64) bool { return x*0x1p20 == math.Trunc(x*0x1p20) }

const gridSize = 0x1p33

// build reads all slots; it knows better than the total how far that is off.
func (s *silence) build(b *buckets) {
	n := len(b.slots) - 1 // the last one never leaves in a silence
	if s.run == nil {
		for ; ; n = (n + 7) / 8 {
			s.run = append(s.run, make([]float64, n))
			if n <= 8 {
				break
			}
		}
	}
	for level := range s.run {
		for at := 0; at < len(s.run[level]); at += 8 {
			s.fill(b, level, at)
		}
	}
	var sum float64
	s.size, s.exact = 0, true
	for _, x := range b.slots {
		sum += x
		s.size += math.Abs(x)
		s.exact = s.exact && grid(x)
	}
	s.exact = s.exact && s.size < gridSize && b.total == sum
	s.drift = math.Abs(b.total-sum)/ulp + float64(len(b.slots))*s.size
	s.known = true
}

// fill sums a group from a place in it on.
func (s *silence) fill(b *buckets, level, at int) {
	run := s.run[level]
	var sum float64
	if at%8 != 0 {
		sum = run[at-1]
	}
	end := min(at&^7+8, len(run))
	if level > 0 {
		below := s.run[level-1]
		for ; at < end; at++ {
			sum += below[min(8*at+7, len(below)-1)]
			run[at] = sum
		}
		return
	}
	slot := b.slot(b.last+1) + at
	for ; at < end; at++ {
		if slot >= len(b.slots) {
			slot -= len(b.slots)
		}
		sum += b.slots[slot]
		run[at] = sum
		slot++
	}
}

// note takes a value that the bucket of index now has besides its old ones.
func (s *silence) note(b *buckets, index int64, v, old float64) {
	x := b.slots[b.slot(index)]
	if at := int(index - b.last + int64(len(b.slots)) - 1); at < len(b.slots)-1 {
		for level := range s.run {
			s.fill(b, level, at)
			at /= 8
		}
	}
	s.size += math.Abs(x) - math.Abs(old)
	s.drift += math.Abs(b.total) + math.Abs(x) + s.size
	s.exact = s.exact && s.size < gridSize && grid(v)
}

// tire makes the next question build again if late values have made the bound so
// wide that it may be what left a question open.
func (s *silence) tire() {
	if s.known && s.drift > 16*float64(len(s.run[0]))*s.size {
		s.known = false
	}
}

// left is what is left of the total after n silent buckets, and by how much it
// may differ from the total less one slot after the other, and from the sum of
// the slots that stay.
func (s *silence) left(total float64, n int64) (v, bound float64) {
	at := int(n - 1)
	gone := s.run[0][at]
	for _, run := range s.run[1:] {
		at /= 8
		if at%8 != 0 {
			gone += run[at-1]
		}
	}
	v = total - gone
	if s.exact {
		return v, 0
	}
	// Each of n subtractions errs by less than an ulp of all there is, and so do
	// the at most 64 additions of the tree that one slot goes through.
	return v, ulp * (s.drift + float64(n+64)*(math.Abs(total)+s.size))
}

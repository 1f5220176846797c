// Package histogram counts values in buckets of relative width, so that a
// quantile read from it is off by a known fraction of the value.
//
// The buckets are those of DDSketch (Masson, Rim and Lee, "DDSketch: A Fast and
// Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019,
// section 2): bucket i holds [Min*Growth^(i-1), Min*Growth^i). Their number is
// fixed, so counts can also be taken back. The bounds are products of the same
// factor in the same order and a value is placed by its bits and one
// comparison, so that it lies in the same bucket on every platform.
package histogram

import (
	"iter"
	"math"
	"sort"
)

const (
	Min    = 1e-9 // the least value told from zero
	Max    = 1e12 // the largest; greater ones count as if in its bucket
	Growth = 1.02 // ratio of the bounds of a bucket

	// RelativeError bounds |returned - true| / true for true values in
	// [Min, Max]: (Growth-1)/(Growth+1), just under 1 %. It leaves out the
	// rounding of a float64.
	RelativeError = (Growth - 1) / (Growth + 1)

	// MaxTotal is the most that may be counted, so that every count and rank is
	// a whole float64.
	MaxTotal = 1 << 53

	logBuckets = 2442           // ceil(log(Max/Min) / log(Growth))
	buckets    = logBuckets + 1 // and one for zero

	// Buckets is how many there are, for those who keep counts of their own.
	Buckets   = buckets
	blockSize = 64
	blocks    = (buckets + blockSize - 1) / blockSize

	// A cell is the float64 that share sign, exponent and the first six bits
	// of the mantissa: at most 1/64 wide, less than a bucket, so that at most
	// one bound lies within.
	cellShift = 52 - 6
)

var (
	bounds    = newBounds() // bounds[i] is the upper bound of bucket i, not in it
	cells     = newCells()  // the bucket of the least value of each cell
	firstCell = math.Float64bits(Min) >> cellShift
)

func newBounds() *[buckets]float64 {
	b := new([buckets]float64)
	b[0] = Min
	for i := 1; i < buckets; i++ {
		b[i] = b[i-1] * Growth
	}
	return b
}

func newCells() []uint16 {
	first, last := math.Float64bits(Min)>>cellShift, math.Float64bits(Max)>>cellShift
	c := make([]uint16, last-first+1)
	for k := range c {
		least := math.Float64frombits((first + uint64(k)) << cellShift)
		c[k] = uint16(sort.Search(logBuckets, func(i int) bool { return least < bounds[i] }))
	}
	return c
}

// bucketOf is the bucket of v, which is >= 0.
func bucketOf(v float64) int {
	switch {
	case v < Min:
		return 0
	case v >= Max:
		return logBuckets
	}
	i := int(cells[math.Float64bits(v)>>cellShift-firstCell])
	for v >= bounds[i] { // once; twice in the first cell, which begins below Min
		i++
	}
	return i
}

// Bucket is the bucket of v, in [0, Buckets), 0 for what is negative or no number.
func Bucket(v float64) int {
	if !(v >= 0) {
		return 0
	}
	return bucketOf(v)
}

// Value stands for the values of a bucket, in [0, Buckets): the one with the least
// relative error to all of them.
func Value(bucket int) float64 { return valueOf(bucket) }

// valueOf is the value with the least relative error to all of bucket i.
func valueOf(i int) float64 {
	if i == 0 {
		return 0
	}
	return 2 * bounds[i] / (1 + Growth)
}

// A Histogram counts values >= 0, in any one unit. Values below Min count as
// zero, those above Max as Max. It takes 20 kB whatever it holds.
//
// The zero value is empty and ready for use. A Histogram is not safe for
// concurrent use.
type Histogram struct {
	counts [buckets]uint64
	blocks [blocks]uint64 // sums of blockSize counts
	total  uint64         // sum of the counts; <= MaxTotal
}

// Add counts v weight times. It reports false, and changes nothing, when v is
// negative, infinite or NaN, or the total would exceed MaxTotal.
func (h *Histogram) Add(v float64, weight uint64) bool {
	if !(v >= 0) || math.IsInf(v, 1) {
		return false
	}
	return h.AddBucket(bucketOf(v), weight)
}

// Remove undoes an Add of the same value and weight exactly. It reports false,
// and changes nothing, when v is no value or its bucket holds less than weight.
func (h *Histogram) Remove(v float64, weight uint64) bool {
	if !(v >= 0) || math.IsInf(v, 1) {
		return false
	}
	i := bucketOf(v)
	if h.counts[i] < weight {
		return false
	}
	h.counts[i] -= weight
	h.blocks[i/blockSize] -= weight
	h.total -= weight
	return true
}

// All yields the buckets that hold values, ascending, and how many each.
func (h *Histogram) All() iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for i, n := range h.counts {
			if n > 0 && !yield(i, n) {
				return
			}
		}
	}
}

// AddBucket counts n values in a bucket that All gave. It reports false, and
// changes nothing, when there is no such bucket or the total would exceed
// MaxTotal.
func (h *Histogram) AddBucket(i int, n uint64) bool {
	if i < 0 || i >= buckets || n > MaxTotal-h.total {
		return false
	}
	h.counts[i] += n
	h.blocks[i/blockSize] += n
	h.total += n
	return true
}

// Total returns how many values are counted, by weight.
func (h *Histogram) Total() uint64 { return h.total }

// Reset forgets all values.
func (h *Histogram) Reset() {
	if h.total > 0 {
		*h = Histogram{}
	}
}

// Quantile returns the value of rank max(1, ceil(q*Total)) in ascending order,
// within RelativeError; one below Min is returned as zero. ok is false when
// there is none or q is not in [0, 1].
func (h *Histogram) Quantile(q float64) (v float64, ok bool) {
	return Quantile(q, []*Histogram{h})
}

// Quantile is that of the values of all of hs together. It takes time in
// proportion to the histograms, not to what they hold.
func Quantile(q float64, hs []*Histogram) (v float64, ok bool) {
	var total uint64
	for _, h := range hs {
		total += h.total
	}
	if total == 0 || !(q >= 0 && q <= 1) {
		return 0, false
	}
	rank := max(1, min(total, uint64(math.Ceil(q*float64(total)))))
	var b int
	for ; ; b++ {
		var n uint64
		for _, h := range hs {
			n += h.blocks[b]
		}
		if n >= rank {
			break
		}
		rank -= n
	}
	for i := b * blockSize; ; i++ {
		var n uint64
		for _, h := range hs {
			n += h.counts[i]
		}
		if n >= rank {
			return valueOf(i), true
		}
		rank -= n
	}
}

package lag

import (
	"fmt"
	"math"
	"time"
)

// MaxBuckets is the most buckets a Window may have: span / grain.
const MaxBuckets = 1 << 16

// A Window holds the samples of its last span, gathered in buckets of one
// grain, and answers questions about them as of a given instant. Values are
// finite, in any one unit.
//
// As of t a Window covers the buckets that begin in (t-span, t]: for samples on
// whole grains exactly those in (t-span, t]. A sample is part of its bucket even
// as of an instant earlier in the same grain. Samples may arrive out of order;
// those older than the span are dropped. Memory is span/grain buckets, whatever
// the rate. Instants are within the years 1678 to 2261.
//
// NewWindow makes one. A Window is not safe for concurrent use.
type Window struct {
	grain   int64    // nanoseconds, > 0
	buckets []bucket // ring: the bucket of index i stands at i mod len
	newest  int64    // highest index seen; meaningless while empty
	any     bool
}

type bucket struct {
	index    int64 // of the grain, counted from the Unix epoch
	count    int64 // samples gathered; 0: the bucket is void
	sum, max float64
	last     float64       // the latest sample, by its time
	at       int64         // when, Unix nanoseconds
	over     time.Duration // time that the sum covers, of samples added by AddOver
}

// NewWindow returns an empty window. grain must be > 0 and divide span, which
// may have up to MaxBuckets grains.
func NewWindow(span, grain time.Duration) (*Window, error) {
	switch {
	case grain <= 0:
		return nil, fmt.Errorf("lag: window: grain must be > 0, is %v", grain)
	case span < grain || span%grain != 0:
		return nil, fmt.Errorf("lag: window: span must be a multiple of the grain %v, is %v", grain, span)
	case span/grain > MaxBuckets:
		return nil, fmt.Errorf("lag: window: span %v has more than %d grains of %v", span, MaxBuckets, grain)
	}
	return &Window{grain: int64(grain), buckets: make([]bucket, span/grain)}, nil
}

// Add records the value v, seen at instant at. It reports false, and changes
// nothing, when v is not finite or older than the span.
func (w *Window) Add(at time.Time, v float64) bool { return w.AddOver(0, at, v) }

// AddOver records that v came to pass during (at-over, at], over >= 0: an
// increment of a counter, say. Only samples with over > 0 have a rate.
func (w *Window) AddOver(over time.Duration, at time.Time, v float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	ns := at.UnixNano()
	i := floorDiv(ns, w.grain)
	if w.any && i <= w.newest-int64(len(w.buckets)) {
		return false
	}
	if !w.any || i > w.newest {
		w.newest, w.any = i, true
	}
	b := &w.buckets[w.slot(i)]
	if b.count == 0 || b.index != i {
		*b = bucket{index: i, max: v, last: v, at: ns}
	}
	b.count++
	b.sum += v
	b.max = max(b.max, v)
	b.over += over
	if ns >= b.at {
		b.last, b.at = v, ns
	}
	return true
}

// MeanAt returns the mean of the samples as of t; ok is false when there is
// none, which is not the same as a mean of zero.
func (w *Window) MeanAt(t time.Time) (v float64, ok bool) {
	var sum float64
	var n int64
	for i := range w.covered(t) {
		if b := &w.buckets[i]; b.count > 0 {
			sum += b.sum
			n += b.count
		}
	}
	if n == 0 || math.IsInf(sum, 0) { // finite samples whose sum is not
		return 0, false
	}
	return sum / float64(n), true
}

// MaxAt returns the largest sample as of t; ok is false when there is none.
func (w *Window) MaxAt(t time.Time) (v float64, ok bool) {
	v = math.Inf(-1)
	for i := range w.covered(t) {
		if b := &w.buckets[i]; b.count > 0 {
			v = max(v, b.max)
		}
	}
	if math.IsInf(v, -1) {
		return 0, false
	}
	return v, true
}

// LastAt returns the latest sample as of t and when it was seen; ok is false
// when there is none.
func (w *Window) LastAt(t time.Time) (v float64, at time.Time, ok bool) {
	var ns int64
	for i := range w.covered(t) {
		if b := &w.buckets[i]; b.count > 0 && (!ok || b.at > ns) {
			v, ns, ok = b.last, b.at, true
		}
	}
	if !ok {
		return 0, time.Time{}, false
	}
	return v, time.Unix(0, ns), true
}

// RateAt returns what was added by AddOver as of t, per second of the time that
// those samples cover: a gap without samples neither adds to it nor dilutes it.
// ok is false when they cover none.
func (w *Window) RateAt(t time.Time) (perSecond float64, ok bool) {
	var sum float64
	var over time.Duration
	for i := range w.covered(t) {
		if b := &w.buckets[i]; b.count > 0 {
			sum += b.sum
			over += b.over
		}
	}
	if over <= 0 || math.IsInf(sum, 0) {
		return 0, false
	}
	return sum / over.Seconds(), true
}

// WeightedAt returns the mean of the samples as of t with weights that fall
// exponentially with the age of their bucket, to a ten-thousandth over the span.
// Buckets without samples have no part in it, so a gap neither lowers it nor
// ages what came before beyond its due. ok is false when there is no sample.
func (w *Window) WeightedAt(t time.Time) (v float64, ok bool) {
	sum, n, _ := w.weighted(t)
	if n == 0 || math.IsInf(sum, 0) {
		return 0, false
	}
	return sum / n, true
}

// WeightedRateAt is RateAt with the weights of WeightedAt.
func (w *Window) WeightedRateAt(t time.Time) (perSecond float64, ok bool) {
	sum, _, over := w.weighted(t)
	if over <= 0 || math.IsInf(sum, 0) {
		return 0, false
	}
	return sum / over, true
}

// weighted adds up samples, their number and the seconds they cover, each
// bucket by its weight relative to the newest one covered.
func (w *Window) weighted(t time.Time) (sum, n, over float64) {
	decay := math.Pow(1e-4, 1/float64(len(w.buckets)))
	var last int64
	for i := range w.covered(t) {
		b := &w.buckets[i]
		if b.count == 0 {
			continue
		}
		if n > 0 {
			older := decay
			if gap := b.index - last; gap > 1 {
				older = math.Pow(decay, float64(gap))
			}
			sum, n, over = sum*older, n*older, over*older
		}
		sum += b.sum
		n += float64(b.count)
		over += b.over.Seconds()
		last = b.index
	}
	return sum, n, over
}

// covered yields the ring slots of the buckets that a question as of t is
// about, oldest first.
func (w *Window) covered(t time.Time) func(func(int) bool) {
	return func(yield func(int) bool) {
		if !w.any {
			return
		}
		to := floorDiv(t.UnixNano(), w.grain)
		from := to - int64(len(w.buckets)) + 1
		to = min(to, w.newest)
		from = max(from, w.newest-int64(len(w.buckets))+1)
		if from > to {
			return
		}
		slot := w.slot(from)
		for i := from; i <= to; i++ {
			if w.buckets[slot].index == i && !yield(slot) {
				return
			}
			if slot++; slot == len(w.buckets) {
				slot = 0
			}
		}
	}
}

func (w *Window) slot(index int64) int {
	n := int64(len(w.buckets))
	return int(((index % n) + n) % n)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if q*b > a { // spares a second division
		q--
	}
	return q
}

func finite(x float64) bool { return x-x == 0 }

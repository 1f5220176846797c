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
// The newest sample decides what is too old, whatever the clock says: one stamped
// ahead of it makes the window deaf to what is a span behind that stamp until the
// clock has caught up. Who cannot trust stamps caps them before.
//
// NewWindow makes one. A Window is not safe for concurrent use.
type Window struct {
	grain   int64    // nanoseconds, > 0
	buckets []bucket // ring: the bucket of index i stands at i mod len
	blocks  []bucket // ring: of each 32 buckets before the newest's 32, all together; none in short windows
	means   means    // of short windows, once one was asked for
	newest  int64    // highest index seen; meaningless while empty
	any     bool
}

type bucket struct {
	index    int64 // of the grain, counted from the Unix epoch
	count    int64 // samples gathered; 0: the bucket is void
	sum, max float64
	last     float64       // the latest sample, by its time
	at       int64         // when, Unix nanoseconds
	rated    float64       // the sum of those samples that cover time
	over     time.Duration // how much
}

// blockSize is how many buckets a block gathers.
const blockSize = 1 << 5

// gather adds the samples of a later bucket that is not void.
func (b *bucket) gather(o *bucket) {
	b.count += o.count
	b.sum += o.sum
	if o.max > b.max {
		b.max = o.max
	}
	b.last, b.at = o.last, o.at
	b.rated += o.rated
	b.over = longer(b.over, o.over)
}

// longer is a + b, both >= 0, or the longest duration.
func longer(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
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
	return blank(int64(grain), int(span/grain)), nil
}

func blank(grain int64, n int) *Window {
	w := &Window{grain: grain, buckets: make([]bucket, n)}
	if n >= 4*blockSize { // shorter ones are asked faster without
		w.blocks = make([]bucket, n/blockSize+1)
	}
	return w
}

// Add records the value v, seen at instant at. It reports false, and changes
// nothing, when v is not finite or older than the span.
func (w *Window) Add(at time.Time, v float64) bool { return w.AddOver(0, at, v) }

// AddOver records that v came to pass during (at-over, at]: an increment of a
// counter, say. Only samples with over > 0 have a part in rates; one with over < 0
// is refused like those that Add refuses.
func (w *Window) AddOver(over time.Duration, at time.Time, v float64) bool {
	if !finite(v) || over < 0 {
		return false
	}
	ns := at.UnixNano()
	i := floorDiv(ns, w.grain)
	if w.any && i <= w.newest-int64(len(w.buckets)) {
		return false
	}
	w.reach(i)
	b := &w.buckets[w.slot(i)]
	if b.count == 0 || b.index != i {
		*b = bucket{index: i, max: v, last: v, at: ns}
	}
	b.count++
	b.sum += v
	b.max = max(b.max, v)
	if over > 0 {
		b.rated += v
		b.over = longer(b.over, over)
	}
	if ns >= b.at {
		b.last, b.at = v, ns
	}
	if w.means.follows {
		w.means.note(b)
	}
	if block := blockOf(i); block < blockOf(w.newest) {
		w.settle(block)
	}
	return true
}

func blockOf(index int64) int64 { return index >> 5 }

// reach makes the newest bucket one of index at least i. The block it leaves is
// complete, but for late samples.
func (w *Window) reach(i int64) {
	if w.any && i <= w.newest {
		return
	}
	if w.any && blockOf(i) > blockOf(w.newest) {
		w.settle(blockOf(w.newest))
	}
	w.newest, w.any = i, true
}

// settle gathers a block from its buckets, so that it is the same whenever it is.
func (w *Window) settle(block int64) {
	if len(w.blocks) == 0 {
		return
	}
	to := &w.blocks[place(block, len(w.blocks))]
	*to = bucket{index: block, max: math.Inf(-1), at: math.MinInt64}
	i := block * blockSize
	slot := w.slot(i)
	for end := i + blockSize; i < end; i++ {
		if b := &w.buckets[slot]; b.count > 0 && b.index == i {
			to.gather(b)
		}
		if slot++; slot == len(w.buckets) {
			slot = 0
		}
	}
}

// MeanAt returns the mean of the samples as of t; ok is false when there is
// none, which is not the same as a mean of zero, and when no float holds their sum.
func (w *Window) MeanAt(t time.Time) (v float64, ok bool) {
	sum, n := w.sum(t)
	if n == 0 || !finite(sum) {
		return 0, false
	}
	return sum / float64(n), true
}

// MaxAt returns the largest sample as of t; ok is false when there is none.
func (w *Window) MaxAt(t time.Time) (v float64, ok bool) {
	for b := range w.covered(t) {
		if !ok || b.max > v {
			v, ok = b.max, true
		}
	}
	return v, ok
}

// LastAt returns the latest sample as of t and when it was seen; ok is false
// when there is none.
func (w *Window) LastAt(t time.Time) (v float64, at time.Time, ok bool) {
	var ns int64
	for b := range w.covered(t) {
		v, ns, ok = b.last, b.at, true
	}
	if !ok {
		return 0, time.Time{}, false
	}
	return v, time.Unix(0, ns), true
}

// RateAt returns what was added by AddOver as of t, per second of the time that
// those samples cover: a gap without samples neither adds to it nor dilutes it.
// ok is false when they cover none, and when no float holds their sum.
func (w *Window) RateAt(t time.Time) (perSecond float64, ok bool) {
	var sum float64
	var over time.Duration
	for b := range w.covered(t) {
		sum += b.rated
		over = longer(over, b.over)
	}
	if over <= 0 || !finite(sum) {
		return 0, false
	}
	return sum / over.Seconds(), true
}

// covered yields what a question as of t is about, oldest first: buckets, and
// blocks in the stead of theirs. None is void.
func (w *Window) covered(t time.Time) func(func(*bucket) bool) {
	return func(yield func(*bucket) bool) {
		from, to := w.indices(t)
		whole := min(to+1, blockOf(w.newest)*blockSize) - blockSize // the last to begin a block
		if len(w.blocks) == 0 {
			whole = math.MinInt64
		}
		slot := w.slot(from)
		for i := from; i <= to; {
			b, index, n := &w.buckets[slot], i, 1
			if i <= whole && i%blockSize == 0 {
				index, n = blockOf(i), blockSize
				b = &w.blocks[place(index, len(w.blocks))]
			}
			if b.count > 0 && b.index == index && !yield(b) {
				return
			}
			i += int64(n)
			if slot += n; slot >= len(w.buckets) {
				slot -= len(w.buckets)
			}
		}
	}
}

// WeightedAt returns the mean of the samples as of t with weights that fall
// exponentially with the age of their bucket, to a ten-thousandth over the span.
// Buckets without samples have no part in it, so a gap neither lowers it nor
// ages what came before beyond its due. ok is false when there is no sample.
func (w *Window) WeightedAt(t time.Time) (v float64, ok bool) {
	sum, _, n, _ := w.weighted(t)
	if n == 0 || !finite(sum) {
		return 0, false
	}
	return sum / n, true
}

// WeightedRateAt is RateAt with the weights of WeightedAt.
func (w *Window) WeightedRateAt(t time.Time) (perSecond float64, ok bool) {
	_, rated, _, over := w.weighted(t)
	if over <= 0 || !finite(rated) {
		return 0, false
	}
	return rated / over, true
}

// weighted adds up samples, those that cover time, their number and the seconds
// they cover, each bucket by its weight relative to the newest one covered.
func (w *Window) weighted(t time.Time) (sum, rated, n, over float64) {
	decay := math.Pow(1e-4, 1/float64(len(w.buckets)))
	var last int64
	from, to := w.indices(t)
	slot := w.slot(from)
	for i := from; i <= to; i++ {
		b := &w.buckets[slot]
		if slot++; slot == len(w.buckets) {
			slot = 0
		}
		if b.index != i || b.count == 0 {
			continue
		}
		if n > 0 {
			older := decay
			if gap := i - last; gap > 1 {
				older = math.Pow(decay, float64(gap))
			}
			sum, rated, n, over = sum*older, rated*older, n*older, over*older
		}
		sum += b.sum
		rated += b.rated
		n += float64(b.count)
		over += b.over.Seconds()
		last = i
	}
	return sum, rated, n, over
}

// indices are the first and the last index of the buckets that a question as of t
// is about; from is past to when there are none.
func (w *Window) indices(t time.Time) (from, to int64) {
	if !w.any {
		return 0, -1
	}
	n := int64(len(w.buckets))
	to = floorDiv(t.UnixNano(), w.grain)
	from = max(to, w.newest) - n + 1
	return from, min(to, w.newest)
}

func (w *Window) slot(index int64) int { return place(index, len(w.buckets)) }

// place is where index stands in a ring.
func place(index int64, ring int) int {
	n := int64(ring)
	i := index % n
	if i < 0 {
		i += n
	}
	return int(i)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if q*b > a { // spares a second division
		q--
	}
	return q
}

func finite(x float64) bool { return x-x == 0 }

package lag

import (
	"fmt"
	"math"
	"time"

	"github.com/bellows-go/bellows/internal/slide"
)

// buckets is what the original windows of Knative share: a ring in which the
// slot of a bucket is its index, the whole grains since the Unix epoch, modulo
// the length. Values of one bucket add up.
//
// The total is added to and subtracted from in the order of the original, so
// that even ties round alike. What errors that leaves is checked against the
// sum of the slots four times a span, and mended before it can be seen.
type buckets struct {
	span, grain int64 // nanoseconds; grain > 0
	slots       []float64
	total       float64 // of the slots
	first, last int64   // indices of buckets
	started     bool    // last is set
	since       bool    // first is set
	checkAt     int64   // index from which the total is checked again

	// What is left of the total when the silent buckets after the last have
	// pushed out as many old ones: asked for again and again in a silence.
	left   float64
	silent int64 // how many; 0: left is not known
}

func newBuckets(span, grain time.Duration) (buckets, error) {
	b := buckets{grain: int64(grain)}
	if grain <= 0 {
		return b, fmt.Errorf("lag: window: granularity must be > 0, is %v", grain)
	}
	return b, b.check(span)
}

// check sets the span, if it is one.
func (b *buckets) check(span time.Duration) error {
	if span <= 0 || (int64(span)-1)/b.grain >= MaxBuckets {
		return fmt.Errorf("lag: window: span must be in (0, %d] grains of %v, is %v", MaxBuckets, time.Duration(b.grain), span)
	}
	b.span = int64(span)
	b.slots = make([]float64, (int64(span)-1)/b.grain+1)
	return nil
}

func (b *buckets) index(t time.Time) int64 { return floorDiv(t.UnixNano(), b.grain) }

func (b *buckets) slot(index int64) int {
	n := int64(len(b.slots))
	i := index % n
	if i < 0 {
		i += n
	}
	return int(i)
}

// Record adds v, finite and in any one unit, to the bucket of instant t. Late
// values are accepted as long as their bucket is less than a span before the
// latest one; older ones are ignored.
func (b *buckets) Record(t time.Time, v float64) {
	i := b.index(t)
	if !b.started || i != b.last {
		if b.started && i < b.last && (b.last-i)*b.grain >= b.span {
			return
		}
		if !b.since || b.first > i {
			b.first, b.since = i, true
		}
		if !b.started || i > b.last {
			b.advance(i)
		}
	}
	b.slots[b.slot(i)] += v
	b.total += v
	b.silent = 0
}

// advance makes i the last bucket and clears those between.
func (b *buckets) advance(i int64) {
	if !b.started || (i-b.last)*b.grain >= b.span {
		b.first, b.since = i, true
		b.total = 0
		clear(b.slots)
	} else {
		s := b.slot(b.last)
		for k := b.last; k < i; k++ {
			if s++; s == len(b.slots) {
				s = 0
			}
			b.total -= b.slots[s]
			b.slots[s] = 0
		}
	}
	b.last, b.started = i, true
	if i >= b.checkAt {
		b.mend()
	}
}

// mend replaces a total that has drifted. Rounding alone stays far below.
func (b *buckets) mend() {
	b.checkAt = b.last + int64(len(b.slots))/4 + 1
	var sum, size float64
	for _, x := range b.slots {
		sum += x
		size += math.Abs(x)
	}
	if math.Abs(b.total-sum) > 1e-11*size {
		b.total = sum
	}
}

// Empty reports whether nothing has been recorded for longer than the span, as
// of t, or ever.
func (b *buckets) Empty(t time.Time) bool {
	return !b.started || (b.index(t)-b.last)*b.grain > b.span
}

// Resize changes the span, as of the present instant. Buckets that fit stay;
// what stays counts as if it had filled the whole span before. The error is that
// of a bad span and changes nothing.
func (b *buckets) Resize(span time.Duration, now time.Time) error {
	if int64(span) == b.span {
		return nil
	}
	old := *b
	if err := b.check(span); err != nil {
		return err
	}
	b.total, b.silent, b.checkAt = 0, 0, 0
	if old.Empty(now) {
		b.since = false
		return nil
	}
	for k := range int64(min(len(old.slots), len(b.slots))) {
		x := old.slots[old.slot(old.last-k)]
		b.slots[b.slot(b.last-k)] = x
		b.total += x
	}
	b.first, b.since = b.last-int64(len(old.slots)-1), true
	return nil
}

// without is the total less the old buckets that n silent ones after the last
// have pushed out, 0 < n < len(slots).
func (b *buckets) without(n int64) float64 {
	if b.silent == 0 || b.silent > n {
		b.left, b.silent = b.total, 0
	}
	s := b.slot(b.last + b.silent)
	for ; b.silent < n; b.silent++ {
		if s++; s == len(b.slots) {
			s = 0
		}
		b.left -= b.slots[s]
	}
	return b.left
}

// A LinearWindow averages over its buckets as Knative's TimedFloat64Buckets do
// (knative.dev/serving, pkg/autoscaler/aggregation): a silence at the end
// shortens the span that is averaged over, a gap in the middle counts as zero.
// For an average in which no data is not zero see Window.
//
// NewLinearWindow makes one. It is not safe for concurrent use.
type LinearWindow struct{ buckets }

// NewLinearWindow returns an empty window of a span, > 0, in buckets of one
// granularity, > 0; it has up to MaxBuckets.
func NewLinearWindow(span, granularity time.Duration) (*LinearWindow, error) {
	b, err := newBuckets(span, granularity)
	if err != nil {
		return nil, err
	}
	return &LinearWindow{b}, nil
}

// Average is the mean per bucket as of t, rounded to six decimals; 0 when there
// is nothing, which Empty tells apart.
func (w *LinearWindow) Average(t time.Time) float64 {
	if !w.started {
		return 0
	}
	n, silent := int64(len(w.slots)), w.index(t)-w.last
	over := n
	if w.since {
		over = min(w.last-w.first+1, n)
	}
	switch {
	case silent <= 0:
		return round6(w.total / float64(over))
	case silent*w.grain < w.span:
		return round6(w.without(silent) / float64(min(over, n-silent)))
	}
	return 0
}

// round6 rounds to six decimals, halves away from zero.
func round6(x float64) float64 { return math.Round(x*1e6) / 1e6 }

// A WeightedWindow averages over its buckets with weights that fall
// exponentially with age, as Knative's WeightedFloat64Buckets do. The weights
// of a short history do not add up to one, so it reads low.
//
// NewWeightedWindow makes one. It is not safe for concurrent use.
type WeightedWindow struct {
	buckets
	coefficient float64 // weight of the newest bucket
}

// NewWeightedWindow returns an empty window of a span, > 0, in buckets of one
// granularity, > 0; it has up to MaxBuckets.
func NewWeightedWindow(span, granularity time.Duration) (*WeightedWindow, error) {
	b, err := newBuckets(span, granularity)
	if err != nil {
		return nil, err
	}
	w := &WeightedWindow{buckets: b}
	w.weigh()
	return w, nil
}

// weigh makes the weights outside of the span less than 1/10,000 together.
func (w *WeightedWindow) weigh() {
	w.coefficient = max(1-math.Pow(1-0.9999, 1/float64(len(w.slots))), 0.2)
}

// Resize changes the span and the weights, see LinearWindow.
func (w *WeightedWindow) Resize(span time.Duration, now time.Time) error {
	err := w.buckets.Resize(span, now)
	w.weigh()
	return err
}

// Average is the weighted sum as of t; 0 when there is nothing, which Empty
// tells apart.
func (w *WeightedWindow) Average(t time.Time) float64 {
	if w.Empty(t) {
		return 0
	}
	weight, n := w.coefficient, int64(len(w.slots))
	if silent := w.index(t) - w.last; silent > 0 {
		weight *= math.Pow(1-w.coefficient, float64(silent))
		n -= silent
	}
	var total float64
	s := w.slot(w.last)
	for range n {
		total += float64(w.slots[s] * weight)
		weight *= 1 - w.coefficient
		if s--; s < 0 {
			s = len(w.slots) - 1
		}
	}
	return total
}

// A MaxWindow is a sliding maximum in slots of one granularity, as Knative's
// scale-down delay window. Current takes no time: nothing expires before the
// next Record, whose times never go back.
//
// NewMaxWindow makes one. It is not safe for concurrent use.
type MaxWindow struct {
	grain int64
	max   slide.Max
}

// NewMaxWindow returns an empty window over a span, > 0, in slots of one
// granularity, > 0; it has up to MaxBuckets.
func NewMaxWindow(span, granularity time.Duration) (*MaxWindow, error) {
	b, err := newBuckets(span, granularity)
	if err != nil {
		return nil, err
	}
	return &MaxWindow{grain: b.grain, max: slide.Max{Slots: int64(len(b.slots))}}, nil
}

// Record notes v at instant t.
func (w *MaxWindow) Record(t time.Time, v float64) {
	w.max.Record(floorDiv(t.UnixNano(), w.grain), v)
}

// Current is the largest value kept, 0 if there has never been one.
func (w *MaxWindow) Current() float64 { return w.max.Current() }

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
// that even ties round alike. A bound on the errors which that leaves is kept
// along: where it passes 1e-11 of the sum of the slots, signs apart, as after a
// value that dwarfed the others, the total becomes the sum of the slots. So no
// answer is further off than that.
type buckets struct {
	span, grain int64     // nanoseconds; grain > 0
	slots       []float64 // finite
	total       float64   // of the slots; infinite while no float holds it
	drift       float64   // what the total may be off by, in ulps of one
	size        float64   // the sum of the slots, signs apart
	first, last int64     // indices of buckets
	started     bool      // last is set
	since       bool      // first is set
	silence     silence   // known from the first question that needs it until last moves
}

// tolerated is how far off a total may be, as a part of the sum of the absolute
// values that it is the total of.
const tolerated = 1e-11

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

// Record adds v, in any one unit, to the bucket of instant t. Late values are
// accepted as long as their bucket is less than a span before the latest one;
// older ones are ignored, and so is what is not finite. The values of a bucket
// stop at the largest float.
//
// An instant ahead of the others makes its bucket the latest one: until the clock
// is there, what is a span before it counts as too old, as in the original.
func (b *buckets) Record(t time.Time, v float64) {
	if !finite(v) {
		return
	}
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
	s := b.slot(i)
	old := b.slots[s]
	x := min(max(old+v, -math.MaxFloat64), math.MaxFloat64)
	b.slots[s] = x
	b.total += v
	b.size += math.Abs(x) - math.Abs(old)
	b.drift += math.Abs(b.total) + math.Abs(x) + b.size
	if b.silence.known {
		b.silence.note(b, i, v, old)
	}
	b.mend()
}

// advance makes i the last bucket and clears those between.
func (b *buckets) advance(i int64) {
	if !b.started || (i-b.last)*b.grain >= b.span {
		b.first, b.since = i, true
		b.total, b.drift, b.size = 0, 0, 0
		clear(b.slots)
	} else {
		s := b.slot(b.last)
		for k := b.last; k < i; k++ {
			if s++; s == len(b.slots) {
				s = 0
			}
			b.total -= b.slots[s]
			b.size -= math.Abs(b.slots[s])
			b.drift += math.Abs(b.total) + b.size
			b.slots[s] = 0
		}
	}
	b.last, b.started = i, true
	b.silence.known = false
	b.mend()
}

// mend sees to a total that may have drifted. Rounding alone stays far below
// what it replaces one for.
func (b *buckets) mend() {
	if b.drift*ulp <= tolerated*b.size && b.size <= math.MaxFloat64 {
		return
	}
	var sum, size float64
	for _, x := range b.slots {
		sum += x
		size += math.Abs(x)
	}
	b.drift, b.size = tolerated/8/ulp*size, size
	if !(math.Abs(b.total-sum) <= tolerated/8*size) {
		b.total, b.drift = sum, 0
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
	b.total, b.drift, b.size, b.silence = 0, 0, 0, silence{}
	if old.Empty(now) {
		b.since = false
		return nil
	}
	for k := range int64(min(len(old.slots), len(b.slots))) {
		x := old.slots[old.slot(old.last-k)]
		b.slots[b.slot(b.last-k)] = x
		b.total += x
		b.size += math.Abs(x)
		b.drift += b.size
	}
	b.first, b.since = b.last-int64(len(old.slots)-1), true
	return nil
}

// few is how many buckets are subtracted one by one rather than looked up.
const few = 16

// without is the total less the old buckets that n silent ones after the last
// have pushed out, 0 < n < len(slots), for an average over so many buckets.
func (b *buckets) without(n, over int64) float64 {
	if n > few {
		if !b.silence.known {
			b.silence.build(b)
		}
		v, bound := b.silence.left(b.total, n)
		if bound == 0 {
			return round6(v / float64(over))
		}
		x, off := v/float64(over)*1e6, bound/float64(over)*1e6
		if r := math.Round(x); math.Abs(x-r)+off+4*ulp*math.Abs(x) < 0.5 {
			return r / 1e6
		}
	}
	// Too near a tie, or nothing worth a tree: in the order of the original.
	b.silence.tire()
	left, size, drift := b.total, b.size, b.drift
	s := b.slot(b.last)
	for range n {
		if s++; s == len(b.slots) {
			s = 0
		}
		left -= b.slots[s]
		size -= math.Abs(b.slots[s])
		drift += math.Abs(left) + size
	}
	if !(drift*ulp <= tolerated*size && size <= math.MaxFloat64) {
		var sum, of float64
		for range int64(len(b.slots)) - n {
			if s++; s == len(b.slots) {
				s = 0
			}
			sum += b.slots[s]
			of += math.Abs(b.slots[s])
		}
		if !(math.Abs(left-sum) <= tolerated*of) {
			left = sum
		}
	}
	return round6(left / float64(over))
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
// is nothing, which Empty tells apart. It is infinite while the sum is beyond
// the floats.
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
		return w.without(silent, min(over, n-silent))
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
// next Record, whose times never go back: one ahead of the clock lets what the
// clock has not left behind yet expire.
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

// Record notes v at instant t, unless v is not finite.
func (w *MaxWindow) Record(t time.Time, v float64) {
	if !finite(v) {
		return
	}
	w.max.Record(floorDiv(t.UnixNano(), w.grain), v)
}

// Current is the largest value kept, 0 if there has never been one.
func (w *MaxWindow) Current() float64 { return w.max.Current() }

package lag

import (
	"fmt"
	"time"

	"github.com/bellows-go/bellows/internal/histogram"
)

// MaxQuantileSlots is the most slots a QuantileWindow may have: span / grain.
const MaxQuantileSlots = 64

// A QuantileWindow answers for quantiles of the samples of its last span.
// Values are finite and >= 0, in any one unit.
//
// In value a quantile is within 1 % (exactly 0.02/2.02) of a true sample that
// lies in [1e-9, 1e12]; smaller ones read as zero, greater ones as 1e12. The
// buckets are those of DDSketch (Masson, Rim and Lee, "DDSketch: A Fast and
// Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019).
// In time it is off by less than one grain: as of t the slots count that begin
// in (t-span, t], whole, so also samples later than t in the same slot.
//
// Samples may arrive out of order; those older than the span are dropped.
// Memory is 20 kB for each of the span/grain slots, whatever the rate: a
// sixteenth of the span is a good grain. NewQuantileWindow makes one. It is not
// safe for concurrent use, not even for questions alone.
type QuantileWindow struct {
	slots   ring[histogram.Histogram]
	covered []*histogram.Histogram // scratch; cap is len(slots)
}

// NewQuantileWindow returns an empty window. grain must be > 0 and divide span,
// which may have up to MaxQuantileSlots grains.
func NewQuantileWindow(span, grain time.Duration) (*QuantileWindow, error) {
	r, err := newRing[histogram.Histogram]("quantile window", span, grain, MaxQuantileSlots)
	if err != nil {
		return nil, err
	}
	return &QuantileWindow{slots: r, covered: make([]*histogram.Histogram, 0, len(r.slots))}, nil
}

// Add records the value v, seen at instant at. It reports false, and changes
// nothing, when v is negative, infinite or NaN, or at is older than the span.
func (w *QuantileWindow) Add(at time.Time, v float64) bool {
	if !count(v) {
		return false
	}
	h, stale := w.slots.at(at)
	if h == nil {
		return false
	}
	if stale {
		h.Reset()
	}
	return h.Add(v, 1)
}

// QuantileAt returns the sample of rank max(1, ceil(p*n)) in ascending order
// among the n as of t, with the error stated at QuantileWindow: p = 0.5 is the
// lower median, p = 1 the largest. ok is false when there is none, which is not
// a quantile of zero, and when p is not in [0, 1].
func (w *QuantileWindow) QuantileAt(t time.Time, p float64) (v float64, ok bool) {
	w.covered = w.covered[:0]
	from, to := w.slots.kept(t)
	for i := from; i <= to; i++ {
		if h := w.slots.get(i); h != nil {
			w.covered = append(w.covered, h)
		}
	}
	return histogram.Quantile(p, w.covered)
}

// A ring keeps a T for each of the last grains of time. Grains are counted from
// the Unix epoch and begin on the instant, end before it.
type ring[T any] struct {
	grain  int64         // nanoseconds, > 0
	slots  []ringSlot[T] // the grain of index i stands at i mod len
	newest int64         // highest index seen; meaningless while empty
	any    bool
}

type ringSlot[T any] struct {
	index int64
	used  bool
	value T
}

func newRing[T any](what string, span, grain time.Duration, most int) (ring[T], error) {
	switch {
	case grain <= 0:
		return ring[T]{}, fmt.Errorf("lag: %s: grain must be > 0, is %v", what, grain)
	case span < grain || span%grain != 0:
		return ring[T]{}, fmt.Errorf("lag: %s: span must be a multiple of the grain %v, is %v", what, grain, span)
	case int64(span/grain) > int64(most):
		return ring[T]{}, fmt.Errorf("lag: %s: span %v has more than %d grains of %v", what, span, most, grain)
	}
	return ring[T]{grain: int64(grain), slots: make([]ringSlot[T], span/grain)}, nil
}

// at returns what is kept of the grain of instant t, nil if that is older than
// the span. It is stale when it is of an older grain, for the caller to reset.
func (r *ring[T]) at(t time.Time) (v *T, stale bool) {
	i := floorDiv(t.UnixNano(), r.grain)
	if r.any && i <= r.newest-int64(len(r.slots)) {
		return nil, false
	}
	if !r.any || i > r.newest {
		r.newest, r.any = i, true
	}
	s := r.slot(i)
	stale = !s.used || s.index != i
	s.index, s.used = i, true
	return &s.value, stale
}

// get returns what is kept of the grain of an index, nil if there is nothing.
func (r *ring[T]) get(i int64) *T {
	if s := r.slot(i); s.used && s.index == i {
		return &s.value
	}
	return nil
}

// kept returns the indices of the grains that begin in (t-span, t] and may
// still be kept; there are none if from > to.
func (r *ring[T]) kept(t time.Time) (from, to int64) {
	if !r.any {
		return 0, -1
	}
	n := int64(len(r.slots))
	to = floorDiv(t.UnixNano(), r.grain)
	return max(to-n, r.newest-n) + 1, min(to, r.newest)
}

func (r *ring[T]) slot(i int64) *ringSlot[T] {
	n := int64(len(r.slots))
	if i %= n; i < 0 {
		i += n
	}
	return &r.slots[i]
}

package lag

import (
	"math"
	"time"
)

// A Trend fits a straight line to the samples of its last span by least
// squares. Values are finite, in any one unit.
//
// It keeps the means and the centred second moments of each grain, with times
// relative to its start and values to its first, and merges them when asked:
// neither late instants nor values far from zero cost precision as sums of
// squares would.
// The formulas are the pairwise ones of Chan, Golub and LeVeque, "Algorithms for
// Computing the Sample Variance", The American Statistician 37(3), 1983, and
// their like for a product. Each sample counts with its own instant and the same
// weight.
//
// As of t the grains count that begin in (t-span, t], whole, as in Window.
// Samples may arrive out of order; those older than the span are dropped. An
// Add takes constant time, a question time in proportion to span/grain, which is
// also the memory. NewTrend makes one. A Trend is not safe for concurrent use.
type Trend struct {
	grains ring[trendGrain]
}

type trendGrain struct {
	first   float64 // the first value added
	moments         // of the values less first, at times since the start
}

// moments of samples (x, v), x in seconds.
type moments struct {
	n      float64 // samples, whole
	x, v   float64 // means
	xx, xv float64 // sums of (x-mean x)^2 and (x-mean x)(v-mean v)
}

// NewTrend returns an empty trend. grain must be > 0 and divide span, which may
// have up to MaxBuckets grains.
func NewTrend(span, grain time.Duration) (*Trend, error) {
	r, err := newRing[trendGrain]("trend", span, grain, MaxBuckets)
	if err != nil {
		return nil, err
	}
	return &Trend{grains: r}, nil
}

// Add records the value v, seen at instant at. It reports false, and changes
// nothing, when v is not finite or older than the span.
func (r *Trend) Add(at time.Time, v float64) bool {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return false
	}
	g, stale := r.grains.at(at)
	if g == nil {
		return false
	}
	if stale {
		*g = trendGrain{first: v}
	}
	ns := at.UnixNano()
	g.merge(moments{n: 1, x: float64(ns-floorDiv(ns, r.grains.grain)*r.grains.grain) / 1e9, v: v - g.first})
	return true
}

// SlopeAt returns by how much the values rise a second as of t, negative when
// they fall. ok is false when the samples have fewer than two distinct
// instants, or are too large for a sum of them.
func (r *Trend) SlopeAt(t time.Time) (perSecond float64, ok bool) {
	m, _, _ := r.fit(t)
	return m.slope()
}

// ProjectAt returns the value of the fitted line at ahead after t, before it if
// ahead is negative. A line knows no bounds: that of a count may be negative.
// ok is as in SlopeAt.
func (r *Trend) ProjectAt(t time.Time, ahead time.Duration) (v float64, ok bool) {
	m, origin, base := r.fit(t)
	slope, ok := m.slope()
	if !ok {
		return 0, false
	}
	x := float64(t.UnixNano()-origin)/1e9 + ahead.Seconds()
	v = base + (m.v + float64(slope*(x-m.x)))
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	return v, true
}

// fit returns the moments as of t, of times since the origin, Unix nanoseconds,
// and values less base.
func (r *Trend) fit(t time.Time) (all moments, origin int64, base float64) {
	from, to := r.grains.kept(t)
	for i := from; i <= to; i++ {
		g := r.grains.get(i)
		if g == nil {
			continue
		}
		if all.n == 0 {
			base = g.first
		}
		m := g.moments
		m.x += float64((i-from)*r.grains.grain) / 1e9
		m.v += g.first - base
		all.merge(m)
	}
	return all, from * r.grains.grain, base
}

// merge makes m the moments of its samples and those of o, which has some.
func (m *moments) merge(o moments) {
	if m.n == 0 {
		*m = o
		return
	}
	n := m.n + o.n
	dx, dv := o.x-m.x, o.v-m.v
	weight := m.n * o.n / n
	m.xx += o.xx + float64(dx*dx)*weight
	m.xv += o.xv + float64(dx*dv)*weight
	m.x += dx * o.n / n
	m.v += dv * o.n / n
	m.n = n
}

func (m *moments) slope() (float64, bool) {
	if !(m.xx > 0) {
		return 0, false
	}
	s := m.xv / m.xx
	return s, !math.IsNaN(s) && !math.IsInf(s, 0)
}

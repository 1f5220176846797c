package lag

import (
	"errors"
	"math"
	"time"
)

// DrainTime returns how long a backlog (requests waiting) takes to drain while
// requests arrive and are served at constant rates (both per second):
// backlog / (serving - arriving), the fluid approximation of a queue (Kleinrock,
// "Queueing Systems", volume 2, 1976, chapter 2). An empty backlog drains in no
// time whatever the rates. What exceeds a time.Duration, 292 years, saturates.
//
// ok is false when the backlog never drains, and when an argument is negative,
// infinite or NaN.
func DrainTime(backlog, arriving, serving float64) (d time.Duration, ok bool) {
	if !count(backlog) || !count(arriving) || !count(serving) {
		return 0, false
	}
	return drain(backlog, serving-arriving)
}

// drain is the time that a backlog takes at a net rate of falling, per second.
func drain(backlog, falling float64) (d time.Duration, ok bool) {
	switch {
	case backlog == 0:
		return 0, true
	case !(falling > 0):
		return 0, false
	}
	ns := backlog / falling * 1e9
	if ns >= math.MaxInt64 {
		return math.MaxInt64, true
	}
	return time.Duration(math.Ceil(ns)), true
}

// A Backlog follows how many requests wait and how fast that changes, from
// samples of the number waiting, finite and >= 0. It needs neither the arrival
// rate nor the service rate: their difference is the slope of the backlog.
//
// Spans, grains, late samples, time and memory are those of Trend. NewBacklog
// makes one. A Backlog is not safe for concurrent use.
type Backlog struct {
	level *Window
	trend *Trend
}

// NewBacklog returns an empty backlog. grain must be > 0 and divide span, which
// may have up to MaxBuckets grains.
func NewBacklog(span, grain time.Duration) (*Backlog, error) {
	trend, err := NewTrend(span, grain)
	level, err2 := NewWindow(span, grain)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	return &Backlog{level: level, trend: trend}, nil
}

// Add records how many requests wait at instant at. It reports false, and
// changes nothing, when that is negative, infinite or NaN, or older than the
// span.
func (b *Backlog) Add(at time.Time, waiting float64) bool {
	return count(waiting) && b.level.Add(at, waiting) && b.trend.Add(at, waiting)
}

// LevelAt returns the latest sample as of t; ok is false when there is none,
// which is not an empty backlog.
func (b *Backlog) LevelAt(t time.Time) (waiting float64, ok bool) {
	waiting, _, ok = b.level.LastAt(t)
	return waiting, ok
}

// RateAt returns by how many requests the backlog grows a second as of t,
// negative when it drains. ok is false as in Trend.SlopeAt.
func (b *Backlog) RateAt(t time.Time) (perSecond float64, ok bool) {
	return b.trend.SlopeAt(t)
}

// DrainAt returns how long the backlog takes to drain as of t: LevelAt at the
// pace of RateAt, see DrainTime. The level counts as that of t, however old its
// sample: what was not seen to leave still waits. ok is false when there is no
// sample, when there is a level but no rate, and when the backlog does not
// shrink.
func (b *Backlog) DrainAt(t time.Time) (d time.Duration, ok bool) {
	waiting, ok := b.LevelAt(t)
	if !ok {
		return 0, false
	}
	rate, _ := b.RateAt(t) // zero when unknown: no pace to drain at
	return drain(waiting, -rate)
}

// count reports whether x is finite and >= 0.
func count(x float64) bool { return x >= 0 && !math.IsInf(x, 1) }

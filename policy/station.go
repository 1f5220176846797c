package policy

import (
	"errors"
	"math"

	"github.com/bellows-go/bellows/internal/queueing"
)

// A station is one queue as queueing sees it. The zero value is none.
type station struct {
	Load    float64 // slots
	Service float64 // mean, seconds; 0: nothing is known yet
	Wait    float64 // that is not too long, seconds
	Spread  float64 // see queueing.Spread
}

func (s *station) valid() error {
	for _, x := range [...]float64{s.Load, s.Service, s.Wait, s.Spread} {
		if !(x >= 0 && x <= 1e18) {
			return errors.New("a queue that cannot be")
		}
	}
	return nil
}

// slots is the fewest with which at most the share miss waits too long.
func (s *station) slots(miss float64) int {
	return queueing.Slots(s.Load, s.Wait/max(s.Service, 1e-9), s.Spread, miss)
}

// inTime is the share that does not wait too long with so many slots.
func (s *station) inTime(slots int) float64 {
	return 1 - queueing.Late(slots, s.Load, s.Wait/max(s.Service, 1e-9), s.Spread)
}

// A hull is the least concave function of a count that is no less than the share
// of requests that do not wait too long, inTime. Erlang's C and an exponential are
// convex in the slots where these exceed the load, so that inTime is concave
// there; below it is zero. So the hull is a line from the origin that touches
// inTime, at touch, and from there on inTime itself. The zero value is ready.
type hull struct {
	of    station // of which the rest is made
	each  int     // slots of a replica
	touch int
	slope float64
}

func (h *hull) value(s *station, each, n int) float64 {
	if s.Load == 0 {
		return 1
	}
	if n <= 0 {
		return 0
	}
	if h.of != *s || h.each != each {
		h.make(s, each)
	}
	if n <= h.touch {
		return min(1, float64(n)*h.slope)
	}
	return s.inTime(times(n, each))
}

// make finds where the line touches: inTime(n)/n rises to there and then falls.
func (h *hull) make(s *station, each int) {
	*h = hull{of: *s, each: each}
	for n := int(s.Load)/each + 1; ; n++ {
		slope := s.inTime(times(n, each)) / float64(n)
		if slope <= h.slope {
			return
		}
		h.touch, h.slope = n, slope
	}
}

// times multiplies counts >= 0, up to where loads are told apart.
func times(n, each int) int { return int(min(float64(n)*float64(each), 2*queueing.MaxLoad)) }

// burstiness follows how much more variable arrivals are than random ones.
type burstiness struct {
	Index float64 // of dispersion of counts, in bins of one service time; 1 while unknown
}

const (
	burstEvery = 20  // seconds
	burstSpan  = 600 // seconds, or
	burstBins  = 40  // as many bins
	mostIndex  = 1000
)

func (b *burstiness) valid() error {
	if !(b.Index >= 0 && b.Index <= mostIndex) {
		return errors.New("arrivals that vary as nothing can")
	}
	return nil
}

// second takes in the newest second of a.
func (b *burstiness) second(a *arrivals, service float64) {
	if a.clock%burstEvery != 0 {
		return
	}
	bin := int(min(max(math.Round(service), 1), 3600))
	b.Index = 1
	if i, ok := a.dispersion(bin, max(burstSpan, burstBins*bin)); ok {
		b.Index = min(i, mostIndex)
	}
}

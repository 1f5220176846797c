package sim

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// LowerBound returns replica-hours that no schedule undercuts under which at
// most the share 1-target of the requests miss, target in (0, 1], and each model
// keeps Options.Min replicas: whatever decides, in whatever order requests are
// served, and however well it knows the future. It is proven, not found by
// search; the cheapest schedule lies between it and Clairvoyant. Options are used
// as by Clairvoyant, but for Servers, which are refused.
//
// # Proof
//
// Let A be the misses allowed. A schedule is, for one model, a number r(t) of
// replicas that could serve at t, with k slots each. It costs the integral of r,
// and L, a start, for each replica beyond those there at the beginning: from the
// order of its load until it can serve a replica is paid for and of no use.
//
// Misses are priced (weak duality): for any price m >= 0, a schedule that misses
// d <= A costs at least cost + m(d-A). So does the sum over models of the least
// that a model's cost + m·d can be, less m·A; that least is bounded from below,
// and m chosen so that the bound is best.
//
// Time is cut into intervals I, one of length D. A schedule's layer l is on where
// r(t) >= l; cost is the sum over layers of the time on and L for each time it
// goes on. Let n be the most replicas at any time in I, and call a layer hit in I
// if it is on at any time in I: layers 1..n are.
//
//   - Misses. Of the requests that come in I and could wait in vain within I, at
//     least late(n) miss, see (*lens).late; late does not grow with n. It is the sum
//     over layers l > n of late(l-1)-late(l), so that each layer not hit pays its own
//     part.
//   - Work. The time on in I is at least hD, with h the layers on throughout, and
//     at least (W-ds)/k: W is the work that must be done in I if its requests do
//     not miss, each that does takes away at most s. So it is at least hD + max(0,
//     W/k-hD) - ds/k. Let g(l) = min(D, max(0, W/k-(l-1)D)): g sums to W/k over all
//     layers, and to max(0, W/k-hD) at most over those above h. So each layer that is
//     not on throughout costs g(l), on or off, and a miss is worth m-s/k (where
//     that is negative, W is left out).
//
// Now every layer stands alone. On or off at the ends of I, it costs beyond g(l),
// with p its part of the misses at their price:
//
//	off, off  min(p, L)      not hit, or on for a moment
//	off, on   L
//	on, off   0
//	on, on    min(D-g, L)    on throughout, or off for a moment
//
// and the least sum over all intervals is found by going through them with two
// states. Layers up to Min are on throughout. What lies before warm-up is left
// out; a start that is partly paid for before it costs less. Any way to cut time,
// and any cap on service times, gives a bound; the best of some is taken for each
// model.
func LowerBound(w Workload, o Options, target float64, progress func(time.Duration)) (replicaHours float64, err error) {
	if err := o.Validate(); err != nil {
		return 0, err
	}
	if o.Servers != nil {
		return 0, errors.New("sim: lower bound: it is of models that stand alone, not of shared servers")
	}
	if !(target > 0 && target <= 1) {
		return 0, fmt.Errorf("sim: lower bound: the share to serve in time must be in (0, 1], is %v", target)
	}
	var c Chunk
	var models []*lenses
	var requests int64
	for {
		err := w.Next(&c)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		for i, s := range c.Streams {
			if i == len(models) {
				models = append(models, newLenses(&o, &s, c.From))
			}
			requests += models[i].take(s.Requests)
		}
		if progress != nil {
			progress(c.To)
		}
	}
	for _, m := range models {
		m.finish()
	}
	// A target that is a quotient of counts is off by its rounding.
	allowed := math.Floor((1-target)*float64(requests) + 1e-6 + float64(requests)*1e-15)
	at := func(price float64) (sum float64) {
		for _, m := range models {
			sum += m.least(price)
		}
		return sum - price*allowed
	}
	// Prices from a millionth of a replica-second on, by factors; then finer.
	best, value := 0.0, math.Inf(-1)
	try := func(price float64) {
		if v := at(price); v > value {
			best, value = price, v
		}
	}
	for price := 1e-6; price < 1e8; price *= 4 {
		try(price)
	}
	for _, step := range []float64{2, math.Sqrt2, 1.19, 1.09} {
		centre := best
		try(centre * step)
		try(centre / step)
	}
	return max(value, 0) / 3600 * (1 - 1e-9), nil // what floats may have lost
}

// lenses look at one model through several intervals and caps.
type lenses struct {
	always float64 // seconds of each replica that is always there
	low    int
	list   []*lens
}

// The lengths of intervals, in waits and at least in seconds, and the caps of
// service times, in means.
var (
	lensWaits   = [...]float64{4, 16, 48}
	lensSeconds = [...]float64{5, 10, 30}
	lensCaps    = [...]float64{1.5, 3}
)

func newLenses(o *Options, s *Stream, entered time.Duration) *lenses {
	from := max(entered, o.Warmup)
	end := time.Duration(seconds(o.Seconds))
	l := &lenses{always: max(end-from, 0).Seconds(), low: o.Min}
	for i := range lensWaits {
		span := max(lensWaits[i]*o.Wait.Seconds(), lensSeconds[i], 2*s.MeanService.Seconds())
		for _, limit := range lensCaps {
			l.list = append(l.list, &lens{
				from: from.Seconds(), end: end.Seconds(), span: span, most: limit * s.MeanService.Seconds(),
				wait: o.Wait.Seconds(), start: o.Start.Seconds(), slots: float64(o.Slots), low: o.Min, stood: entered <= o.Warmup,
			})
		}
	}
	return l
}

// take takes in requests and returns how many count.
func (l *lenses) take(reqs []Request) (counted int64) {
	first, _ := slices.BinarySearchFunc(reqs, l.list[0].from, func(q Request, from float64) int {
		if q.At.Seconds() < from {
			return -1
		}
		return 1
	})
	last := len(reqs)
	for last > first && reqs[last-1].At.Seconds() >= l.list[0].end {
		last--
	}
	for _, x := range l.list {
		x.take(reqs[first:last])
	}
	return int64(last - first)
}

// finish ends the last intervals.
func (l *lenses) finish() {
	for _, x := range l.list {
		x.reach(x.end - x.from)
		if x.end-x.from > x.now {
			x.close(x.end - x.from)
		}
	}
}

// least is the least that cost and misses at a price can be together, in
// replica-seconds.
func (l *lenses) least(price float64) (best float64) {
	for _, x := range l.list {
		best = max(best, x.least(price))
	}
	return float64(l.low)*l.always + best
}

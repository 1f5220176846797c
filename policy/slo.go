package policy

import (
	"math"
	"time"

	"github.com/bellows-go/bellows/internal/queueing"
)

// An SLO keeps the share of requests that wait longer than Wait for their service
// to begin at Miss: "99 % wait less than 300 ms". It asks for the fewest replicas
// whose slots do that as one queue (M/M/c by Erlang's C, stretched for arrivals
// and services of another variability as by Allen and Cunneen), for the load of
// now: the requests of the last minute, or of the last seconds when they have left
// it behind, times the service time that it learns.
//
// It reacts, and knows nothing of how long a start takes: beside it, in a Highest,
// stand Forecast, Envelope and Season for what is to come, and Backlog for what
// waits already.
type SLO struct {
	Wait time.Duration // that is not too long; > 0. An objective of latency less a high quantile of the service time
	Miss float64       // share of requests that may wait longer, in (0, 1); 0 is 0.01
	// Service is what the mean service time is thought to be; it counts as much as
	// ten requests seen, so that it is soon forgotten. 0: nothing is thought.
	Service time.Duration // >= 0
	// Variability of the service times: the variance over the square of the mean,
	// finite, > 0; 0 is 1, as of exponential ones. That of arrivals is measured, over
	// bins of one service time, up to a minute; where services take longer, it is taken
	// for 1.
	Variability float64
}

// Validate reports every fault of c.
func (c SLO) Validate() error {
	var f faults
	f.Require(c.Wait > 0, "Wait", "must be > 0, is %v", c.Wait)
	f.Require(c.Miss >= 0 && c.Miss < 1, "Miss", "must be in [0, 1), is %v", c.Miss)
	f.Require(c.Service >= 0, "Service", "must be >= 0, is %v", c.Service)
	f.Require(c.Variability >= 0 && !math.IsInf(c.Variability, 1), "Variability", "must be finite and >= 0, is %v", c.Variability)
	return f.Err()
}

// Needs asks for the requests in flight and for whole seconds.
func (c SLO) Needs() Needs { return streamNeeds() }

// New makes a policy that knows nothing of its target yet, and holds until it
// does.
func (c SLO) New(time.Time, int) Policy {
	c.Miss, c.Variability = orDefault(c.Miss, 0.01), orDefault(c.Variability, 1)
	return &slo{SLO: c, sloMemory: sloMemory{stream: newStream(sloSpan), Burst: burstiness{Index: 1}}}
}

const (
	sloSpan = 1800 // seconds of arrivals remembered
	sloOver = 60   // of which the rate is taken
)

type slo struct {
	SLO
	sloMemory
	hull hull
}

type sloMemory struct {
	stream
	Burst   burstiness
	Station station
}

func (m *sloMemory) valid() error {
	if err := m.Station.valid(); err != nil {
		return err
	}
	if err := m.Burst.valid(); err != nil {
		return err
	}
	return m.stream.valid()
}

func (p *slo) fits(m *sloMemory) error { return m.Arrivals.spans(sloSpan) }

func (p *slo) Decide(o Observation) Decision {
	fresh := false
	for i := range o.Seconds {
		if p.second(&o, &o.Seconds[i]) {
			fresh = true
			p.Burst.second(&p.Arrivals, p.Station.Service)
		}
	}
	p.Follow.anchor(&o, &o.Readings[0])
	s, ok := p.Served.mean(p.Service.Seconds())
	if !ok {
		return o.Hold(Learning, p.Served.seen())
	}
	rate := p.Arrivals.rate(sloOver)
	if r, jumped := jumped(&p.Arrivals, rate, s); jumped {
		rate = r
	}
	p.Station = station{
		Load: rate * s, Service: s, Wait: p.Wait.Seconds(),
		Spread: queueing.Spread(p.Burst.Index, p.Variability),
	}
	slots := p.Station.slots(p.Miss)
	k, _ := p.Served.slots(&o)
	return settle(&o, fresh, WaitLimit, replicas(float64(slots), k), p.Station.Load, p.Station.Spread)
}

// Value is the share of requests that wait no longer than Wait with n replicas, or
// what mixing that of two counts makes of it where that is more.
func (p *slo) Value(o Observation, n int) float64 {
	if p.Station.Service == 0 {
		return share(n, o.Desired)
	}
	k, _ := p.Served.slots(&o)
	return p.hull.value(&p.Station, k, n)
}

func (p *slo) AppendState(dst []byte) []byte { return appendState(dst, &p.sloMemory) }

func (p *slo) Restore(state []byte) error { return restoreFitting(state, &p.sloMemory, p.fits) }

// WaitLimit: fewer replicas would let too many wait too long. Have: the load in
// slots, Limit: how variable it is (1: as of random arrivals and services).
const WaitLimit Reason = "wait limit"

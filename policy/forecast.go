package policy

import (
	"math"
	"time"
)

// A Forecast asks for replicas enough for the rate of requests one start-up time
// ahead (Observation.Lead), so that they are ready when it comes. The rate is that
// of damped exponential smoothing over bins of ten seconds, and the Quantile of what
// its own forecasts at that lead missed by in the last hour: the smaller of that in
// proportion and in number, less what a Poisson count exceeds its mean by at that
// Quantile (or as much less as the stream is steadier), one to three times the
// forecast in all. It is no less than the mean of the last minute; and what came in
// the last seconds when that has left the forecast behind.
//
// What comes by chance is left to the slots that Utilization keeps free.
//
// Replicas are as many as keep Utilization of their slots busy with that, by the
// service time that it learns.
type Forecast struct {
	Utilization float64       // of slots, in (0, 1]; 0 is 0.7
	Quantile    float64       // of past errors to cover, in (0, 1); 0 is 0.9
	Lead        time.Duration // from order to ready where Observation.Lead is unknown, >= 0; 0 is 60 s
	Service     time.Duration // what the mean service time is thought to be, >= 0, see SLO; 0: nothing
}

// Validate reports every fault of c.
func (c Forecast) Validate() error {
	var f faults
	f.Require(c.Utilization >= 0 && c.Utilization <= 1, "Utilization", "must be in [0, 1], is %v", c.Utilization)
	f.Require(c.Quantile >= 0 && c.Quantile < 1, "Quantile", "must be in [0, 1), is %v", c.Quantile)
	f.Require(c.Lead >= 0, "Lead", "must be >= 0, is %v", c.Lead)
	f.Require(c.Service >= 0, "Service", "must be >= 0, is %v", c.Service)
	return f.Err()
}

// Needs asks for the requests in flight and for whole seconds.
func (c Forecast) Needs() Needs { return streamNeeds() }

// New makes a policy that knows nothing of its target yet, and holds until it
// does.
func (c Forecast) New(time.Time, int) Policy {
	c.Utilization, c.Quantile = orDefault(c.Utilization, 0.7), orDefault(c.Quantile, 0.9)
	c.Lead = orDefault(c.Lead, time.Minute)
	return &forecast{Forecast: c, forecastMemory: forecastMemory{stream: newStream(forecastSpan), Rate: newHolt(forecastBin)}}
}

const (
	forecastSpan = 120 // seconds of arrivals remembered
	forecastBin  = 10  // seconds
	mostMargin   = 3
	// Seconds in which it shows how steady a stream is: few, so that its trend does
	// not count.
	forecastChance = 30
)

type forecast struct {
	Forecast
	forecastMemory
}

type forecastMemory struct {
	stream
	Rate holt
}

func (m *forecastMemory) valid() error {
	if err := m.Rate.valid(); err != nil {
		return err
	}
	return m.stream.valid()
}

func (p *forecast) fits(m *forecastMemory) error {
	if err := m.Rate.fits(forecastBin); err != nil {
		return err
	}
	return m.Arrivals.spans(forecastSpan)
}

func (p *forecast) Decide(o Observation) Decision {
	fresh := false
	lead := int64(leadOf(&o, p.Lead.Seconds()))
	for i := range o.Seconds {
		x := &o.Seconds[i]
		if p.second(&o, x) {
			fresh = true
			p.Rate.second(x.Unix, requests(x.Begun), lead)
		}
	}
	p.Follow.anchor(&o, &o.Readings[0])
	s, ok := p.Served.mean(p.Service.Seconds())
	if !ok {
		return o.Hold(Learning, p.Served.seen())
	}
	now := p.Arrivals.rate(60)
	rate, reason := now, ForecastRate
	f, ok := p.Rate.ahead(lead + p.Follow.age(&o))
	if ok {
		chance := 1.0 // as in a Poisson process, unless it is steadier
		if i, ok := p.Arrivals.dispersion(1, forecastChance); ok {
			chance = min(1, math.Sqrt(i))
		}
		rate = max(rate, min(p.Rate.above(f, p.Quantile, chance), float64(mostMargin*f)))
	}
	if r, yes := jumped(&p.Arrivals, max(f, now), s); yes && r > rate {
		rate, reason = r, Jumped
	}
	k, _ := p.Served.slots(&o)
	return settle(&o, fresh, reason, replicas(rate*s/p.Utilization, k), rate, now)
}

func (p *forecast) AppendState(dst []byte) []byte { return appendState(dst, &p.forecastMemory) }

func (p *forecast) Restore(state []byte) error {
	return restoreFitting(state, &p.forecastMemory, p.fits)
}

// The reasons of Forecast. Have: the rate provided for, requests per second, Limit:
// that of the last minute.
const (
	ForecastRate Reason = "forecast"
	Jumped       Reason = "jump"
)

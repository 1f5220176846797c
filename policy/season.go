package policy

import (
	"errors"
	"fmt"
	"time"
)

// A Season asks for what came one period ago, where that is known to foretell
// what comes: the most of any minute from now to a start-up time ahead and a
// minute on, scaled by how the last quarter of an hour compares with the same one
// then, in [0.3, 1.3]. Each period is used only while it earns its keep: while its
// past forecasts were better than plain smoothing by more than chance.
//
// With Gaps it also learns of a target that times itself: after eight bursts or
// more whose gaps are alike it asks for a burst when the next one is due, from the
// 5th percentile of the gaps to the 95th.
//
// It has no opinion while neither says anything: it is meant to stand in a Highest
// beside something that reacts.
type Season struct {
	// Periods to look for: whole minutes in [15 min, 192 h], at most 8. Empty is a day
	// and a week. Memory is two bytes a minute of the longest.
	Periods     []time.Duration
	Gaps        bool
	Utilization float64       // of slots, in (0, 1]; 0 is 0.7
	Lead        time.Duration // from order to ready where Observation.Lead is unknown, >= 0; 0 is 60 s
	Service     time.Duration // what the mean service time is thought to be, >= 0, see SLO; 0: nothing
}

const mostPeriods = 8

// Validate reports every fault of c.
func (c Season) Validate() error {
	var f faults
	f.Require(len(c.Periods) <= mostPeriods, "Periods", "must be at most %d, are %d", mostPeriods, len(c.Periods))
	for i, p := range c.Periods {
		f.Require(p >= 15*time.Minute && p <= mostPeriod*time.Minute && p%time.Minute == 0, fmt.Sprintf("Periods[%d]", i),
			"must be whole minutes in [15m, %v], is %v", mostPeriod*time.Minute, p)
	}
	f.Require(c.Utilization >= 0 && c.Utilization <= 1, "Utilization", "must be in [0, 1], is %v", c.Utilization)
	f.Require(c.Lead >= 0, "Lead", "must be >= 0, is %v", c.Lead)
	f.Require(c.Service >= 0, "Service", "must be >= 0, is %v", c.Service)
	return f.Err()
}

// Needs asks for the requests in flight and for whole seconds.
func (c Season) Needs() Needs { return streamNeeds() }

// New makes a policy that knows nothing of its target yet.
func (c Season) New(time.Time, int) Policy {
	c.Utilization, c.Lead = orDefault(c.Utilization, 0.7), orDefault(c.Lead, time.Minute)
	p := &season{Season: c}
	p.seasonMemory = p.empty()
	return p
}

type season struct {
	Season
	seasonMemory
}

type seasonMemory struct {
	stream
	Cycle  cycle
	Bursts gaps
}

const seasonSpan = 60 // seconds of arrivals remembered

func (p *season) empty() seasonMemory {
	minutes := []int64{24 * 60, 7 * 24 * 60}
	if len(p.Periods) > 0 {
		minutes = nil
		for _, d := range p.Periods {
			minutes = append(minutes, int64(d/time.Minute))
		}
	}
	return seasonMemory{newStream(seasonSpan), newCycle(minutes), newGaps()}
}

func (m *seasonMemory) valid() error { return errors.Join(m.Bursts.valid(), m.stream.valid()) }

func (p *season) fits(m *seasonMemory) error {
	return errors.Join(m.Cycle.fits(&p.Cycle), m.Arrivals.spans(seasonSpan))
}

func (p *season) Decide(o Observation) Decision {
	fresh := false
	lead := int64(leadOf(&o, p.Lead.Seconds()))
	for i := range o.Seconds {
		x := &o.Seconds[i]
		if !p.second(&o, x) {
			continue
		}
		fresh = true
		n := requests(x.Begun)
		p.Cycle.second(x.Unix, n, lead)
		if p.Gaps {
			p.Bursts.second(x.Unix, n)
		}
	}
	p.Follow.anchor(&o, &o.Readings[0])
	rate, reason, limit, ok := p.expects(o.Now.Unix(), lead)
	if !ok {
		d := o.Hold(NoSeason)
		d.Verdict = NoOpinion
		return d
	}
	s, ok := p.Served.mean(p.Service.Seconds())
	if !ok {
		d := o.Hold(Learning, p.Served.seen())
		d.Verdict = NoOpinion
		return d
	}
	k, _ := p.Served.slots(&o)
	return settle(&o, fresh, reason, replicas(rate*s/p.Utilization, k), rate, limit)
}

// expects is the rate that is to come, and why.
func (p *season) expects(now, lead int64) (rate float64, why Reason, limit float64, ok bool) {
	rate, period, ok := p.Cycle.season(lead)
	why, limit = SameTime, float64(period*60)
	if p.Gaps {
		if r, due := p.Bursts.due(now, lead); due && r > rate {
			return r, BurstDue, p.Bursts.quantile(0.05), true
		}
	}
	return rate, why, limit, ok
}

func (p *season) AppendState(dst []byte) []byte { return appendState(dst, &p.seasonMemory) }

func (p *season) Restore(state []byte) error { return restoreFitting(state, &p.seasonMemory, p.fits) }

// The reasons of Season. Have: the rate to come, requests per second.
const (
	NoSeason Reason = "no season" // nothing earns its keep
	SameTime Reason = "same time" // Limit: how long ago, in seconds
	BurstDue Reason = "burst due" // Limit: the least gap between bursts, in seconds
)

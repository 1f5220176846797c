package policy

import (
	"errors"
	"math"
	"time"
)

// An Envelope asks for what bursts of the past would have needed: for each second
// of Window it reckons
//
//	r = max over T of A_T * S / (T + Wait)
//
// where A_T is what began in the T seconds that ended then and S the service time
// that it learns: the slots with which all of A_T begin within Wait. The Quantile
// of these, and a Margin on top, is what it asks for. It assumes no model of
// arrivals, remembers bursts for as long as the Window, and looks no further ahead
// (arrival envelopes: Le Boudec and Thiran, "Network Calculus", 2001, section 1.2;
// quantiles of a moving window: Rzadca et al., "Autopilot", EuroSys 2020).
//
// T is 1, 2, 5, 10, 20 and 60 s, or from half the service time to eight times that
// where it is long.
type Envelope struct {
	Wait     time.Duration // that is not too long, >= 0, see SLO
	Quantile float64       // of the seconds of Window, in (0, 1); 0 is 0.98
	Window   time.Duration // whole seconds, [10 s, 4 h]; 0 is 15 min
	Margin   float64       // fraction on top, finite, >= 0
	Service  time.Duration // what the mean service time is thought to be, >= 0, see SLO; 0: nothing
}

const mostWindow = 4 * time.Hour

// Validate reports every fault of c.
func (c Envelope) Validate() error {
	var f faults
	f.Require(c.Wait >= 0, "Wait", "must be >= 0, is %v", c.Wait)
	f.Require(c.Quantile >= 0 && c.Quantile < 1, "Quantile", "must be in [0, 1), is %v", c.Quantile)
	f.Require(c.Window == 0 || c.Window >= 10*time.Second && c.Window <= mostWindow && c.Window%time.Second == 0,
		"Window", "must be whole seconds in [10s, %v], is %v", mostWindow, c.Window)
	f.Require(c.Margin >= 0 && !math.IsInf(c.Margin, 1), "Margin", "must be finite and >= 0, is %v", c.Margin)
	f.Require(c.Service >= 0, "Service", "must be >= 0, is %v", c.Service)
	return f.Err()
}

// Needs asks for the requests in flight and for whole seconds.
func (c Envelope) Needs() Needs { return streamNeeds() }

// New makes a policy that knows nothing of its target yet, and holds until it
// does.
func (c Envelope) New(time.Time, int) Policy {
	c.Quantile, c.Window = orDefault(c.Quantile, 0.98), orDefault(c.Window, 15*time.Minute)
	p := &envelope{Envelope: c, window: int(c.Window / time.Second)}
	p.stream = newStream(p.window + longestLength)
	p.peaks = newPeaks(p.window, c.Wait.Seconds())
	return p
}

type envelope struct {
	Envelope
	window int
	stream
	peaks peaks
}

type envelopeMemory struct {
	stream
	Peaks savedPeaks
}

func (m *envelopeMemory) valid() error { return errors.Join(m.Peaks.valid(), m.stream.valid()) }

func (p *envelope) Decide(o Observation) Decision {
	fresh := false
	declared := p.Service.Seconds()
	for i := range o.Seconds {
		if p.second(&o, &o.Seconds[i]) {
			fresh = true
			if s, ok := p.Served.mean(declared); ok {
				p.peaks.second(&p.Arrivals, s)
			}
		}
	}
	p.Follow.anchor(&o, &o.Readings[0])
	s, ok := p.Served.mean(declared)
	if !ok {
		return o.Hold(Learning, p.Served.seen())
	}
	rate, ok := p.peaks.quantile(p.Quantile)
	if !ok {
		return o.Hold(SecondsUnknown)
	}
	k, _ := p.Served.slots(&o)
	slots := rate * s * (1 + p.Margin)
	return settle(&o, fresh, ArrivalEnvelope, replicas(slots, k), slots, p.Quantile)
}

func (p *envelope) AppendState(dst []byte) []byte {
	return appendState(dst, &envelopeMemory{p.stream, p.peaks.save()})
}

func (p *envelope) Restore(state []byte) error {
	var m envelopeMemory
	if err := restoreFitting(state, &m, func(m *envelopeMemory) error { return m.Arrivals.spans(p.window + longestLength) }); err != nil {
		return err
	}
	p.stream = m.stream
	p.peaks.restore(m.Peaks, &p.Arrivals)
	return nil
}

// ArrivalEnvelope: bursts like those of the window need so much. Have: slots,
// Limit: the quantile.
const ArrivalEnvelope Reason = "arrival envelope"

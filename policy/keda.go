package policy

import (
	"errors"
	"math"
	"time"
)

// KEDA decides between zero, Idle and at least one as a ScaledObject does, and
// leaves everything from one up to Of (upstream an HPA), within max(Min, 1) and
// Max. Each trigger that is no resource is a signal of its name; between polls
// the last decision on activity stands.
//
// Its quirks are its own, see KEDADecider: it goes to zero from any count at
// once, and what was never active does so at the first poll.
type KEDA struct {
	KEDASpec
	PollingInterval time.Duration // 0: 30 s
	Of              Config        // decides from one up; nil keeps the count
}

// Validate reports every fault of c and of what it wraps.
func (c KEDA) Validate() error {
	var f faults
	f.Add(c.KEDASpec.Validate())
	f.Require(c.PollingInterval >= 0, "PollingInterval", "must be >= 0, is %v", c.PollingInterval)
	if c.Of != nil {
		f.Under("Of", c.Of.Validate())
	}
	return f.Err()
}

// Needs are the triggers' signals, then those of Of.
func (c KEDA) Needs() (n Needs) {
	for _, t := range c.Triggers {
		if !t.Resource {
			n.Signals = append(n.Signals, Signal{Name: t.Name})
		}
	}
	if c.Of != nil {
		of := c.Of.Needs()
		n.Signals = append(n.Signals, of.Signals...)
		n.Seconds, n.Pods = of.Seconds, of.Pods
	}
	return n
}

// New makes a policy of a ScaledObject created at an instant.
func (c KEDA) New(at time.Time, ready int) Policy {
	p := &keda{KEDA: c, decider: NewKEDADecider(c.KEDASpec, at), samples: make([]KEDASample, len(c.Triggers)), kedaState: kedaState{Beat: beat{Start: at, Next: at}}}
	if c.Of != nil {
		p.of = c.Of.New(at, ready)
	}
	return p
}

type keda struct {
	KEDA
	decider *KEDADecider
	of      Policy // nil: none
	samples []KEDASample
	kedaState
}

type kedaState struct {
	Decider kedaMemory
	Beat    beat
	Set     bool // the last poll wanted a count
	Count   int
}

func (s *kedaState) valid() error {
	if s.Decider.Created.IsZero() {
		return errors.New("an object without a beginning")
	}
	return s.Beat.valid()
}

func (p *keda) Decide(o Observation) Decision {
	inner := o
	n := 0
	for i := range p.samples {
		if p.Triggers[i].Resource {
			continue
		}
		r := o.Readings[n]
		p.samples[i] = KEDASample{Milli: wide64(math.Round(r.Value * 1000)), Failed: !r.Quality.HasValue()}
		n++
	}
	inner.Readings = o.Readings[n:]
	if p.Beat.due(o.Now, orDefault(p.PollingInterval, 30*time.Second)) {
		if p.Set && o.Desired != p.Count {
			p.decider.NotSet()
		}
		out := p.decider.Poll(KEDAInput{Now: o.Now, Current: o.Desired, Ready: o.Ready, ReadFailed: o.ReadyFailed, Triggers: p.samples})
		p.Set, p.Count = out.Set, out.Replicas
		if out.Set {
			reason := ScaleTargetDeactivated
			if out.Replicas > o.Desired {
				reason = ScaleTargetActivated
			}
			return o.Propose(reason, out.Replicas)
		}
	}
	low, high := max(p.Min, 1), orDefault(p.Max, 100)
	if o.Desired == 0 || p.Idle != nil && o.Desired <= *p.Idle || p.of == nil {
		return o.Hold(ScalerState, float64(o.Desired))
	}
	d := p.of.Decide(inner)
	switch {
	case d.Replicas < low:
		d = o.Amend(d, BelowMin, low, float64(d.Replicas), float64(low))
	case d.Replicas > high:
		d = o.Amend(d, AboveMax, high, float64(d.Replicas), float64(high))
	}
	return d
}

func (p *keda) AppendState(dst []byte) []byte {
	s := p.kedaState
	s.Decider = p.decider.kedaMemory
	if p.of == nil {
		return appendState(dst, &s)
	}
	return appendState(dst, &s, p.of)
}

func (p *keda) Restore(state []byte) error {
	var s kedaState
	var err error
	if p.of == nil {
		err = restoreState(state, &s)
	} else {
		err = restoreState(state, &s, p.of)
	}
	if err != nil {
		return err
	}
	if n := len(p.Triggers); len(s.Decider.Failures) != n || len(s.Decider.Stored) != n {
		return errTriggers
	}
	p.kedaState, p.decider.kedaMemory = s, s.Decider
	return nil
}

// The reasons of KEDA, in its own words.
const (
	ScaleTargetActivated   Reason = "KEDAScaleTargetActivated"
	ScaleTargetDeactivated Reason = "KEDAScaleTargetDeactivated"
	ScalerState            Reason = "scaler state" // the last poll stands. Have: the count
)

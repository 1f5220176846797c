package policy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// KEDA decides between zero, Idle and at least one as a ScaledObject does, and
// leaves everything from one up to Of (upstream an HPA), within max(Min, 1) and
// Max. Each trigger that is no resource is a signal of its name. Between polls
// the last decision on activity stands: it is proposed again until it is in
// force, or somebody else has changed the count.
//
// A signal of Of that is the last value of a trigger's name is what KEDA would
// answer the HPA, every 15 s: with the fallback's value after too many failures,
// or what the last poll saw where the trigger is Cached. With a Formula the
// signal [KEDAComposite] is the composite value. Other signals of Of are its own.
//
// Its quirks are its own, see KEDADecider: it goes to zero from any count at
// once, and what was never active does so at the first poll.
type KEDA struct {
	KEDASpec
	PollingInterval time.Duration // 0: 30 s
	Of              Config        // decides from one up; nil keeps the count
}

// KEDAComposite is the name of the composite value of a Formula.
const KEDAComposite = "composite-metric"

// kedaQueryPeriod is how often upstream's HPA asks.
const kedaQueryPeriod = 15 * time.Second

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
	p := &keda{KEDA: c, decider: NewKEDADecider(c.KEDASpec, at), samples: make([]KEDASample, len(c.Triggers))}
	p.Beat, p.Queries = newBeat(at), newBeat(at)
	if c.Of == nil {
		return p
	}
	p.of = c.Of.New(at, ready)
	for _, s := range c.Of.Needs().Signals {
		p.asks = append(p.asks, c.asked(s))
	}
	p.readings, p.Answers = make([]Reading, len(p.asks)), make([]kedaAnswer, len(p.asks))
	return p
}

// asked is the trigger whose value a signal of Of is, or -1. With a formula any
// will do.
func (c *KEDA) asked(s Signal) int {
	if s.Stat != Last {
		return -1
	}
	for i, t := range c.Triggers {
		if !t.Resource && (c.Formula == nil && t.Name == s.Name || c.Formula != nil && s.Name == KEDAComposite) {
			return i
		}
	}
	return -1
}

type keda struct {
	KEDA
	decider  *KEDADecider
	of       Policy // nil: none
	samples  []KEDASample
	asks     []int     // per signal of Of: the trigger that answers it; -1: none
	readings []Reading // scratch: those of Of
	kedaState
}

type kedaState struct {
	Decider kedaMemory
	Beat    beat // polls
	Queries beat
	// The last poll's wish, until it is in force or somebody else has changed the
	// count: from From to Count.
	Set         bool
	From, Count int
	Answers     []kedaAnswer // to the last queries, one per signal of Of
}

// kedaAnswer is what a query got.
type kedaAnswer struct {
	At     time.Time
	Milli  int64
	Failed bool
}

func (s *kedaState) valid() error {
	switch {
	case s.Decider.Created.IsZero():
		return errors.New("an object without a beginning")
	case s.From < 0 || s.From > maxReplicas || s.Count < 0 || s.Count > maxReplicas:
		return fmt.Errorf("a wish from %d to %d", s.From, s.Count)
	}
	return errors.Join(s.Beat.valid(), s.Queries.valid())
}

func (p *keda) Decide(o Observation) Decision {
	if p.Paused {
		return o.Hold(ScaledObjectPaused)
	}
	n := 0
	for i := range p.samples {
		if p.Triggers[i].Resource {
			continue
		}
		r := &o.Readings[n]
		p.samples[i] = KEDASample{Milli: wide64(math.Round(r.Value * 1000)), Failed: !r.usable()}
		n++
	}
	p.poll(&o)
	inner := o
	inner.Readings = p.answered(&o, n)
	var d Decision
	if p.of != nil {
		d = p.of.Decide(inner) // asked whatever comes of it: its memory goes on
	}
	switch {
	case p.Set && p.Count > o.Desired:
		return o.Propose(ScaleTargetActivated, p.Count)
	case p.Set:
		return o.Propose(ScaleTargetDeactivated, p.Count)
	case p.of == nil || o.Desired == 0 || p.Idle != nil && o.Desired <= *p.Idle:
		return o.Hold(ScalerState, float64(o.Desired))
	}
	return p.bound(&o, d)
}

// poll decides on activity, if it is time to.
func (p *keda) poll(o *Observation) {
	if p.Set && o.Desired != p.From {
		p.Set = false // it is in force, or somebody else's count is
	}
	if !p.Beat.due(o.Now, orDefault(p.PollingInterval, 30*time.Second)) {
		return
	}
	if p.Set {
		p.decider.NotSet()
	}
	out := p.decider.Poll(p.input(o))
	p.Set = out.Set && out.Replicas != o.Desired
	p.From, p.Count = 0, 0
	if p.Set {
		p.From, p.Count = o.Desired, out.Replicas
	}
}

func (p *keda) input(o *Observation) KEDAInput {
	return KEDAInput{Now: o.Now, Current: o.Desired, Ready: o.Ready, ReadFailed: o.ReadyFailed, Triggers: p.samples}
}

// answered are the readings of Of: its own, and what the HPA would be answered.
// n is how many are the triggers'.
func (p *keda) answered(o *Observation, n int) []Reading {
	due := len(p.asks) > 0 && p.Queries.due(o.Now, kedaQueryPeriod)
	copy(p.readings, o.Readings[n:])
	for i, trigger := range p.asks {
		if trigger < 0 {
			continue
		}
		a := &p.Answers[i]
		if due {
			milli, err := p.decider.Query(p.input(o), trigger)
			*a = kedaAnswer{o.Now, milli, err != nil}
		}
		r := Reading{At: a.At, Quality: Failed}
		switch {
		case a.At.IsZero():
			r.Quality = Missing // not asked yet
		case !a.Failed:
			r.Value, r.Quality = float64(a.Milli)/1000, OK
			if own := &p.readings[i]; own.Quality == Stale || own.Quality == Partial {
				r.Quality, r.Answered, r.Of = own.Quality, own.Answered, own.Of
			}
		}
		p.readings[i] = r
	}
	return p.readings
}

// bound keeps Of's decision within the object's bounds and pauses.
func (p *keda) bound(o *Observation, d Decision) Decision {
	low, high := max(p.Min, 1), orDefault(p.Max, 100)
	switch {
	case d.Replicas < low:
		d = o.Amend(d, BelowMin, low, float64(d.Replicas), float64(low))
	case d.Replicas > high:
		d = o.Amend(d, AboveMax, high, float64(d.Replicas), float64(high))
	}
	if p.PausedScaleIn && d.Replicas < o.Desired || p.PausedScaleOut && d.Replicas > o.Desired {
		d = o.Amend(d, ScaledObjectPaused, o.Desired, float64(d.Replicas), float64(o.Desired))
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
	var parts []Policy
	if p.of != nil {
		parts = append(parts, p.of)
	}
	fits := func(s *kedaState) error {
		if n := len(p.Triggers); len(s.Decider.Failures) != n || len(s.Decider.Stored) != n || len(s.Answers) != len(p.asks) || slices.ContainsFunc(s.Decider.Failures, func(k int) bool { return k < 0 }) {
			return errTriggers
		}
		return nil
	}
	if err := restoreFitting(state, &s, fits, parts...); err != nil {
		return err
	}
	p.kedaState, p.decider.kedaMemory = s, s.Decider
	return nil
}

// The reasons of KEDA, in its own words.
const (
	ScaleTargetActivated   Reason = "KEDAScaleTargetActivated"
	ScaleTargetDeactivated Reason = "KEDAScaleTargetDeactivated"
	ScaledObjectPaused     Reason = "ScaledObjectPaused"
	ScalerState            Reason = "scaler state" // the last poll stands. Have: the count
)

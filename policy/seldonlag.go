package policy

import (
	"errors"
	"math"
	"time"
)

// SeldonLag scales by one on inference lag, as Seldon Core 2's own model
// autoscaling does (its documentation, "Autoscaling models", and the scheduler
// that implements it): each Period, in-flight requests of a ready replica at or
// above LagThreshold give one replica more, if the newest version is the one
// that serves; otherwise no request begun for Inactive gives one less, unless
// the state changed within CoolDown. It never goes below the larger of Min and
// 1. With Min and Max both unset scaling is off.
//
// Its weakness comes with it: under constant light load it never shrinks; and
// only starts of requests count, so that a long one looks idle. Upstream resets
// its count of requests in flight when it triggers, a defect of the count:
// ResetOnTrigger has that too.
//
// The zero value of the other fields means their default.
type SeldonLag struct {
	Min, Max       int           // replicas; Max 0 with Min > 0: none
	LagThreshold   float64       // in flight per ready replica; default 30
	Inactive       time.Duration // without a request begun; default 600 s
	Period         time.Duration // between decisions; default 20 s
	CoolDown       time.Duration // before a step down, since the count last changed; default 60 s
	ResetOnTrigger bool          // after a step up count only what comes on top
}

// Validate reports every fault of c.
func (c SeldonLag) Validate() error {
	var f faults
	f.Require(c.Min >= 0, "Min", "must be >= 0, is %v", c.Min)
	f.Require(c.Max >= 0 && (c.Max == 0 || c.Max >= c.Min), "Max", "must be 0 or >= Min, is %v", c.Max)
	f.Require(c.LagThreshold >= 0 && !math.IsInf(c.LagThreshold, 1), "LagThreshold", "must be finite and >= 0, is %v", c.LagThreshold)
	f.Require(c.Inactive >= 0, "Inactive", "must be >= 0, is %v", c.Inactive)
	f.Require(c.Period >= 0, "Period", "must be >= 0, is %v", c.Period)
	f.Require(c.CoolDown >= 0, "CoolDown", "must be >= 0, is %v", c.CoolDown)
	return f.Err()
}

func (c SeldonLag) withDefaults() SeldonLag {
	c.LagThreshold = orDefault(c.LagThreshold, 30)
	c.Inactive = orDefault(c.Inactive, 600*time.Second)
	c.Period = orDefault(c.Period, 20*time.Second)
	c.CoolDown = orDefault(c.CoolDown, 60*time.Second)
	return c
}

// SeldonInput is what one decision of SeldonLag is made from.
type SeldonInput struct {
	Now      time.Time // no earlier than LastStart and Changed
	Replicas int       // the count in force, >= 0
	// InFlight is what each ready replica has in flight. Empty: Mean is all that is
	// known of them.
	InFlight  []float64 // finite, >= 0
	Mean      float64   // in flight per ready replica
	LastStart time.Time // of a request
	Changed   time.Time // when the model's state last changed
	Available bool      // the newest version is the one that serves
}

// Decide is the exact core of SeldonLag, one period's decision; c may have unset
// fields. The step says why, and until when a cool-down holds.
func (c SeldonLag) Decide(in SeldonInput) (n int, why Step) {
	c = c.withDefaults()
	n = in.Replicas
	hold := func(r Reason, have, limit float64) (int, Step) {
		return n, Step{Reason: r, From: n, To: n, Have: have, Limit: limit}
	}
	if c.Min == 0 && c.Max == 0 {
		return hold(ScalingOff, 0, 0)
	}
	lag := in.Mean
	for i, x := range in.InFlight {
		if i == 0 || !(x <= lag) { // what is no number keeps the count
			lag = x
		}
		if math.IsNaN(lag) {
			break
		}
	}
	if math.IsNaN(lag) {
		return hold(SignalNotOK, 0, c.LagThreshold)
	}
	if lag >= c.LagThreshold {
		switch {
		case !in.Available:
			return hold(NotAvailable, lag, c.LagThreshold)
		case c.Max > 0 && n >= c.Max || n >= maxReplicas:
			return hold(AboveMax, float64(n), float64(c.Max))
		}
		return n + 1, Step{Reason: LagThreshold, From: n, To: n + 1, Have: lag, Limit: c.LagThreshold}
	}
	idle := in.Now.Sub(in.LastStart)
	switch floor := max(c.Min, 1); {
	case idle < c.Inactive:
		return hold(LagBelow, lag, c.LagThreshold)
	case n <= floor:
		return hold(LeastOne, float64(n), float64(floor))
	case in.Now.Sub(in.Changed) < c.CoolDown:
		n, why = hold(CoolingDown, in.Now.Sub(in.Changed).Seconds(), c.CoolDown.Seconds())
		why.Until = in.Changed.Add(c.CoolDown)
		return n, why
	}
	return n - 1, Step{Reason: Inactive, From: n, To: n - 1, Have: idle.Seconds(), Limit: c.Inactive.Seconds()}
}

// Needs asks for the requests in flight and for whole seconds, which tell when
// a request last began.
func (c SeldonLag) Needs() Needs {
	return Needs{Signals: []Signal{{Name: InFlight, Stat: Last}}, Seconds: true}
}

// New makes a policy that decides as Decide does, every Period, with the mean
// standing for each replica. Idle time, cool-down and periods start at at.
func (c SeldonLag) New(at time.Time, _ int) Policy {
	return &seldonLag{SeldonLag: c.withDefaults(), seldonMemory: seldonMemory{
		Starts: newStarts(at), Changed: at, Beat: newBeat(at),
	}}
}

type seldonLag struct {
	SeldonLag
	seldonMemory
}

type seldonMemory struct {
	Starts  starts
	Changed time.Time // when Desired was last seen to change
	Called  bool      // Desired has been seen
	Desired int       // as last seen
	Reset   float64   // requests in flight that a reset count leaves out
	Beat    beat
}

func (m *seldonMemory) valid() error {
	if m.Changed.IsZero() || !(m.Reset >= 0) || m.Desired < 0 || m.Desired > maxReplicas {
		return errors.New("a lag that cannot be")
	}
	return errors.Join(m.Starts.valid(), m.Beat.valid())
}

func (p *seldonLag) Decide(o Observation) Decision {
	p.Starts.follow(&o)
	if p.Called && p.Desired != o.Desired {
		p.Changed = o.Now
	}
	p.Called, p.Desired = true, o.Desired
	if !p.Beat.due(o.Now, p.Period) {
		return p.Beat.repeat(&o)
	}
	d := p.decide(o)
	p.Beat.keep(&d)
	return d
}

func (p *seldonLag) decide(o Observation) Decision {
	load := o.Readings[0]
	switch {
	case o.ReadyFailed:
		return o.Hold(CountUnknown)
	case !load.usable() || load.Value < 0:
		return o.Hold(SignalNotOK, float64(load.Quality))
	case o.Ready == 0:
		return o.Hold(NoneReady)
	}
	p.Reset = min(p.Reset, load.Value) // the count does not go below zero
	n, why := p.SeldonLag.Decide(SeldonInput{
		Now: o.Now, Replicas: o.Desired, Mean: (load.Value - p.Reset) / float64(o.Ready),
		LastStart: o.Now.Add(-p.Starts.idle(o.Now)), Changed: p.Changed, Available: true,
	})
	if n < o.Desired && load.Quality != OK {
		return o.Hold(SignalNotOK, float64(load.Quality))
	}
	if n > o.Desired && p.ResetOnTrigger {
		p.Reset = load.Value
	}
	d := o.Hold(why.Reason, why.Have, why.Limit)
	if n != o.Desired {
		d = o.Propose(why.Reason, n, why.Have, why.Limit)
	}
	d.Steps[len(d.Steps)-1].Until = why.Until
	return d
}

func (p *seldonLag) AppendState(dst []byte) []byte { return appendState(dst, &p.seldonMemory) }
func (p *seldonLag) Restore(state []byte) error    { return restoreState(state, &p.seldonMemory) }

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// The reasons of SeldonLag alone.
const (
	ScalingOff   Reason = "scaling off"           // neither Min nor Max is set
	NotAvailable Reason = "version not available" // the newest one does not serve yet; numbers as LagThreshold
	NoneReady    Reason = "none ready"            // no ready replica to measure by
)

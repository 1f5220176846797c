package policy

import (
	"errors"
	"math"
	"time"
)

// SeldonLag scales by one on inference lag, as Seldon Core 2's own model
// autoscaling does (its documentation, "Autoscaling models", and the scheduler
// that implements it): each Period, in-flight requests per ready replica at or
// above LagThreshold give one replica more; otherwise no request begun for
// Inactive gives one less, unless the count changed within CoolDown. It never
// goes below the larger of Min and 1.
//
// Its weakness comes with it: under constant light load it never shrinks.
//
// The zero value of a field means its default. With Min and Max both unset
// scaling is off upstream; here Bound or the planner bounds, Max is theirs.
type SeldonLag struct {
	LagThreshold float64       // in flight per ready replica; default 30
	Inactive     time.Duration // without a request begun; default 600 s
	Period       time.Duration // between decisions; default 20 s
	CoolDown     time.Duration // before a step down, since the count last changed; default 60 s
	Min          int           // >= 0
}

// Validate reports every fault of c.
func (c SeldonLag) Validate() error {
	var f faults
	f.Require(c.LagThreshold >= 0 && !math.IsInf(c.LagThreshold, 1), "LagThreshold", "must be finite and >= 0, is %v", c.LagThreshold)
	f.Require(c.Inactive >= 0, "Inactive", "must be >= 0, is %v", c.Inactive)
	f.Require(c.Period >= 0, "Period", "must be >= 0, is %v", c.Period)
	f.Require(c.CoolDown >= 0, "CoolDown", "must be >= 0, is %v", c.CoolDown)
	f.Require(c.Min >= 0, "Min", "must be >= 0, is %v", c.Min)
	return f.Err()
}

// Needs asks for the requests in flight and for whole seconds, which tell when
// a request last began.
func (c SeldonLag) Needs() Needs {
	return Needs{Signals: []Signal{{Name: InFlight, Stat: Last}}, Seconds: true}
}

// New starts idle time, cool-down and periods at at.
func (c SeldonLag) New(at time.Time, ready int) Policy {
	c.LagThreshold = orDefault(c.LagThreshold, 30)
	c.Inactive = orDefault(c.Inactive, 600*time.Second)
	c.Period = orDefault(c.Period, 20*time.Second)
	c.CoolDown = orDefault(c.CoolDown, 60*time.Second)
	return &seldonLag{SeldonLag: c, seldonMemory: seldonMemory{
		LastStart: at, Changed: at, Beat: beat{Start: at, Next: at},
	}}
}

type seldonLag struct {
	SeldonLag
	seldonMemory
}

type seldonMemory struct {
	LastStart time.Time // of a request, at the latest; whole seconds
	Changed   time.Time // when Desired was last seen to change
	Called    bool      // Desired has been seen
	Desired   int       // as last seen
	Beat      beat
}

func (m *seldonMemory) valid() error {
	if m.LastStart.IsZero() || m.Changed.IsZero() {
		return errors.New("a lag without a beginning")
	}
	return m.Beat.valid()
}

func (p *seldonLag) Decide(o Observation) Decision {
	for _, s := range o.Seconds {
		if end := time.Unix(s.Unix+1, 0); (s.Begun > 0 || !s.Known) && end.After(p.LastStart) {
			p.LastStart = end // what was not seen may have been a start
		}
	}
	if p.Called && p.Desired != o.Desired {
		p.Changed = o.Now
	}
	p.Called, p.Desired = true, o.Desired
	if !p.Beat.due(o.Now, p.Period) {
		return p.Beat.repeat(o)
	}
	return p.Beat.keep(p.decide(o))
}

func (p *seldonLag) decide(o Observation) Decision {
	load := o.Readings[0]
	if !load.Quality.HasValue() || o.ReadyFailed || o.Ready == 0 {
		return o.Hold(SignalNotOK, float64(load.Quality))
	}
	// The threshold is per replica; the mean stands for each of them.
	if lag := load.Value / float64(o.Ready); lag >= p.LagThreshold {
		return o.Propose(LagThreshold, o.Desired+1, lag, p.LagThreshold)
	}
	idle := o.Now.Sub(p.LastStart)
	switch floor := max(p.Min, 1); {
	case idle < p.Inactive:
		return o.Hold(LagBelow, load.Value/float64(o.Ready), p.LagThreshold)
	case load.Quality != OK:
		return o.Hold(SignalNotOK, float64(load.Quality))
	case o.Desired <= floor:
		return o.Hold(LeastOne, float64(o.Desired), float64(floor))
	case o.Now.Sub(p.Changed) < p.CoolDown:
		d := o.Hold(CoolingDown)
		d.Steps[len(d.Steps)-1].Until = p.Changed.Add(p.CoolDown)
		return d
	}
	return o.Propose(Inactive, o.Desired-1, idle.Seconds(), p.Inactive.Seconds())
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

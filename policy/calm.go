package policy

import (
	"errors"
	"math"
	"time"
)

// Tolerate ignores what Of decides when it is near the count in force: up to
// the fraction Up above it, or Down below it.
//
// Law: the result is Desired or Of's decision.
type Tolerate struct {
	Up, Down float64 // fractions of Desired, >= 0, Down < 1
	Of       Config
}

// Validate reports every fault of c and of what it wraps.
func (c Tolerate) Validate() error {
	var f faults
	f.Require(c.Up >= 0 && !math.IsInf(c.Up, 1), "Up", "must be finite and >= 0, is %v", c.Up)
	f.Require(c.Down >= 0 && c.Down < 1, "Down", "must be in [0, 1), is %v", c.Down)
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c Tolerate) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of.
func (c Tolerate) New(at time.Time, ready int) Policy { return &tolerate{c, c.Of.New(at, ready)} }

type tolerate struct {
	Tolerate
	of Policy
}

func (p *tolerate) Decide(o Observation) Decision {
	d := p.of.Decide(o)
	from, n := float64(o.Desired), float64(d.Replicas)
	if d.Replicas == o.Desired || n > from*(1+p.Up) || n < from*(1-p.Down) {
		return d
	}
	limit := p.Up
	if n < from {
		limit = p.Down
	}
	return o.Amend(d, WithinTolerance, o.Desired, n/from, limit)
}

func (p *tolerate) AppendState(dst []byte) []byte { return appendState(dst, nil, p.of) }
func (p *tolerate) Restore(state []byte) error    { return restoreState[none](state, nil, p.of) }

// Cooldown holds for a while after the count changed, by whomever: steps up for
// Up, steps down for Down.
//
// Law: the result is Desired or Of's decision; no step of a direction follows a
// change within its time.
type Cooldown struct {
	Up, Down time.Duration // >= 0
	Of       Config
}

// Validate reports every fault of c and of what it wraps.
func (c Cooldown) Validate() error {
	var f faults
	f.Require(c.Up >= 0, "Up", "must be >= 0, is %v", c.Up)
	f.Require(c.Down >= 0, "Down", "must be >= 0, is %v", c.Down)
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c Cooldown) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of; the count has not changed yet.
func (c Cooldown) New(at time.Time, ready int) Policy {
	return &cooldown{Cooldown: c, of: c.Of.New(at, ready)}
}

type cooldown struct {
	Cooldown
	of      Policy
	changes changes
}

func (p *cooldown) Decide(o Observation) Decision {
	p.changes.see(&o)
	return p.changes.decided(p.decide(o))
}

func (p *cooldown) decide(o Observation) Decision {
	d := p.of.Decide(o)
	wait := p.Up
	if d.Replicas < o.Desired {
		wait = p.Down
	}
	last := p.changes.At
	if d.Replicas == o.Desired || last.IsZero() || o.Now.Sub(last) >= wait {
		return d
	}
	d = o.Amend(d, CoolingDown, o.Desired, float64(d.Replicas))
	d.Steps[len(d.Steps)-1].Until = last.Add(wait)
	return d
}

func (p *cooldown) AppendState(dst []byte) []byte { return appendState(dst, &p.changes, p.of) }
func (p *cooldown) Restore(state []byte) error    { return restoreState(state, &p.changes, p.of) }

// changes remembers how Desired changed, by whomever.
type changes struct {
	Called  bool      // Desired has been seen
	Desired int       // as last seen
	Decided int       // what was decided then
	Seen    time.Time // when
	At      time.Time // of the last change, at the latest; zero: none
	Up      bool      // it was a step up
}

// see notes a change and returns by how much. What was decided here counts from
// the decision; what others did from now, for it may just have happened.
func (c *changes) see(o *Observation) (by int, flapped bool) {
	if by = o.Desired - c.Desired; c.Called && by != 0 {
		flapped = by < 0 && c.Up && !c.At.IsZero()
		c.At, c.Up = o.Now, by > 0
		if o.Desired == c.Decided {
			c.At = c.Seen
		}
	} else {
		by = 0
	}
	c.Called, c.Desired, c.Seen = true, o.Desired, o.Now
	return by, flapped
}

// decided notes what was decided on the observation that was seen last.
func (c *changes) decided(d Decision) Decision {
	c.Decided = d.Replicas
	return d
}

func (c *changes) valid() error {
	if c.Called && c.Seen.IsZero() || c.Seen.Before(c.At) {
		return errors.New("changes out of order")
	}
	return nil
}

// FlapBudget allows Reversals steps down that follow a step up in any Per. When
// they are spent no other is taken until one is paid back: the band around the
// count is then as wide as the count itself, and the decision says so. Steps up
// never wait, nor do steps down that follow a step down.
//
// Law: the result is Desired or Of's decision, and never below Of's; at most
// Reversals steps of its own go down after one that went up, in any Per.
type FlapBudget struct {
	Reversals int           // [1, 1000]
	Per       time.Duration // > 0; an hour is usual
	Of        Config
}

// Validate reports every fault of c and of what it wraps.
func (c FlapBudget) Validate() error {
	var f faults
	f.Require(c.Reversals >= 1 && c.Reversals <= 1000, "Reversals", "must be in [1, 1000], is %d", c.Reversals)
	f.Require(c.Per > 0, "Per", "must be > 0, is %v", c.Per)
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c FlapBudget) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of; nothing is spent.
func (c FlapBudget) New(at time.Time, ready int) Policy {
	return &flapBudget{FlapBudget: c, of: c.Of.New(at, ready)}
}

type flapBudget struct {
	FlapBudget
	of Policy
	flapMemory
}

type flapMemory struct {
	Changes changes
	Spent   []time.Time `json:",omitempty"` // steps down after a step up, ascending
}

func (m *flapMemory) valid() error { return m.Changes.valid() }

func (p *flapBudget) Decide(o Observation) Decision {
	if _, flapped := p.Changes.see(&o); flapped {
		p.Spent = append(p.Spent, p.Changes.At)
	}
	return p.Changes.decided(p.decide(o))
}

func (p *flapBudget) decide(o Observation) Decision {
	k := 0
	for k < len(p.Spent) && (o.Now.Sub(p.Spent[k]) >= p.Per || len(p.Spent)-k > 2*p.Reversals+2) {
		k++
	}
	p.Spent = append(p.Spent[:0], p.Spent[k:]...)
	d := p.of.Decide(o)
	if d.Replicas >= o.Desired || len(p.Spent) < p.Reversals || !p.Changes.Up || p.Changes.At.IsZero() {
		return d
	}
	d = o.Amend(d, FlapsSpent, o.Desired, float64(len(p.Spent)), float64(p.Reversals))
	d.Steps[len(d.Steps)-1].Until = p.Spent[len(p.Spent)-p.Reversals].Add(p.Per)
	return d
}

func (p *flapBudget) AppendState(dst []byte) []byte { return appendState(dst, &p.flapMemory, p.of) }
func (p *flapBudget) Restore(state []byte) error    { return restoreState(state, &p.flapMemory, p.of) }

// FlapsSpent: a step down would be one change of direction too many. Have: how
// many there were, Limit: Reversals; Until: when one is paid back.
const FlapsSpent Reason = "flap budget spent"

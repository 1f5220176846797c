package policy

import "time"

// Idle takes a target to zero when no request has begun for After and none is
// in flight, with every reading OK, and brings it back to Wake when one comes.
// In between Of decides, at least one. What was not seen may have been a
// request: only seconds that were seen, and known, count as idle.
//
// Law: zero only when idle, at least one otherwise; silence never empties.
type Idle struct {
	After time.Duration // > 0
	Wake  int           // replicas on waking, >= 0; 0 is 1
	Of    Config
}

// Validate reports every fault of c and of what it wraps.
func (c Idle) Validate() error {
	var f faults
	f.Require(c.After > 0, "After", "must be > 0, is %v", c.After)
	f.Require(c.Wake >= 0 && c.Wake <= maxReplicas, "Wake", "must be in [0, %d], is %d", maxReplicas, c.Wake)
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of, the requests in flight, and whole seconds.
func (c Idle) Needs() Needs {
	n := c.Of.Needs()
	n.Signals = append(append([]Signal{}, n.Signals...), Signal{Name: InFlight})
	n.Seconds = true
	return n
}

// New makes the policy of Of; idle time begins at at.
func (c Idle) New(at time.Time, ready int) Policy {
	return &idle{Idle: c, of: c.Of.New(at, ready), idleMemory: idleMemory{newStarts(at)}}
}

type idle struct {
	Idle
	of Policy
	idleMemory
}

type idleMemory struct{ Starts starts }

func (m *idleMemory) valid() error { return m.Starts.valid() }

func (p *idle) Decide(o Observation) Decision {
	came := p.Starts.follow(&o)
	inner := o
	last := len(o.Readings) - 1
	load := o.Readings[last]
	inner.Readings = o.Readings[:last]
	d := p.of.Decide(inner)
	busy := load.usable() && load.Value > 0
	known := !o.ReadyFailed && load.usable()
	for i := range o.Readings {
		known = known && o.Readings[i].Quality == OK
	}
	since := p.Starts.idle(o.Now)
	switch {
	case o.Desired == 0 && (busy || came):
		return o.Amend(d, Awake, max(d.Replicas, p.Wake, 1), load.Value)
	case o.Desired == 0:
		return o.Amend(d, Asleep, 0, since.Seconds(), p.After.Seconds())
	case !busy && known && since >= p.After:
		return o.Amend(d, IdleToZero, 0, since.Seconds(), p.After.Seconds())
	case d.Replicas < o.Desired && (load.Quality != OK || !load.usable()):
		return o.Amend(d, SignalNotOK, o.Desired, float64(load.Quality))
	case d.Replicas < 1:
		return o.Amend(d, LeastOne, 1, float64(d.Replicas), 1)
	}
	return d
}

func (p *idle) AppendState(dst []byte) []byte { return appendState(dst, &p.idleMemory, p.of) }
func (p *idle) Restore(state []byte) error    { return restoreState(state, &p.idleMemory, p.of) }

// The reasons of Idle.
const (
	Awake      Reason = "awake"        // Have: the requests in flight
	Asleep     Reason = "asleep"       // Have: seconds since the last start, Limit: After
	IdleToZero Reason = "idle to zero" // the same
)

// Fallback decides in place of Of when one of its readings has been missing,
// failed, stale or partial, or Of has had no opinion because counts or pods could
// not be read, for longer than After. It never lowers the count unless MayLower
// is set, and until then keeps Of from doing so on such readings.
//
// Law: Of's decision while the readings are OK; never below Desired in their
// absence, unless MayLower.
type Fallback struct {
	After    time.Duration // >= 0
	Replicas int           // >= 0
	Behavior FallbackBehavior
	MayLower bool
	Of       Config
}

// Validate reports every fault of c and of what it wraps.
func (c Fallback) Validate() error {
	var f faults
	f.Require(c.After >= 0, "After", "must be >= 0, is %v", c.After)
	f.Require(c.Replicas >= 0 && c.Replicas <= maxReplicas, "Replicas", "must be in [0, %d], is %d", maxReplicas, c.Replicas)
	f.Require(c.Behavior <= FallbackCurrentIfLower, "Behavior", "unknown: %d", c.Behavior)
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c Fallback) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of; all is well so far.
func (c Fallback) New(at time.Time, ready int) Policy {
	return &fallback{Fallback: c, of: c.Of.New(at, ready)}
}

type fallback struct {
	Fallback
	of Policy
	fallbackMemory
}

type fallbackMemory struct {
	Since time.Time // since when something has been wrong; zero: nothing is
}

func (p *fallback) Decide(o Observation) Decision {
	d := p.of.Decide(o)
	unread := o.ReadyFailed
	for _, list := range o.Pods {
		unread = unread || list == nil
	}
	wrong := d.Verdict == NoOpinion && unread
	for i := range o.Readings {
		wrong = wrong || o.Readings[i].Quality != OK || !o.Readings[i].usable()
	}
	switch {
	case !wrong:
		p.Since = time.Time{}
		return d
	case p.Since.IsZero():
		p.Since = o.Now
	}
	silent := o.Now.Sub(p.Since)
	if silent < p.After {
		if d.Replicas < o.Desired && !p.MayLower {
			d = o.Amend(d, SignalNotOK, o.Desired)
		}
		return d
	}
	n := p.Replicas
	switch p.Behavior {
	case FallbackCurrent:
		n = o.Desired
	case FallbackCurrentIfHigher:
		n = max(n, o.Desired)
	case FallbackCurrentIfLower:
		n = min(n, o.Desired)
	}
	if !p.MayLower {
		n = max(n, o.Desired)
	}
	return o.Amend(d, FallingBack, n, silent.Seconds(), p.After.Seconds())
}

func (p *fallback) AppendState(dst []byte) []byte { return appendState(dst, &p.fallbackMemory, p.of) }

func (p *fallback) Restore(state []byte) error { return restoreState(state, &p.fallbackMemory, p.of) }

// FallingBack: the readings have been bad for too long. Have: for how many
// seconds, Limit: After.
const FallingBack Reason = "falling back"

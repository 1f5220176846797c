package policy

import (
	"errors"
	"time"
)

// Stabilize remembers what Of decided and lets the count fall only to the
// highest decision of the last Down, and rise only to the lowest of the last
// Up: the stabilization window of the Kubernetes HPA, without its quirk of
// moving the count the other way. The count at creation is the first memory.
//
// Law: the result lies between Desired and Of's decision.
type Stabilize struct {
	Up, Down time.Duration // >= 0; 0 does not wait
	Of       Config
}

// Validate reports every fault of c and of what it wraps.
func (c Stabilize) Validate() error {
	var f faults
	f.Require(c.Up >= 0, "Up", "must be >= 0, is %v", c.Up)
	f.Require(c.Down >= 0, "Down", "must be >= 0, is %v", c.Down)
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c Stabilize) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of and remembers ready.
func (c Stabilize) New(at time.Time, ready int) Policy {
	p := &stabilize{Stabilize: c, of: c.Of.New(at, ready)}
	p.Highest.add(at, ready, 1)
	p.Lowest.add(at, ready, -1)
	return p
}

type stabilize struct {
	Stabilize
	of Policy
	stabilizeMemory
}

type stabilizeMemory struct {
	Highest, Lowest extremes
}

func (m *stabilizeMemory) valid() error {
	if len(m.Highest.Queue) == 0 || len(m.Lowest.Queue) == 0 {
		return errors.New("a stabilization window without a memory")
	}
	return nil
}

func (p *stabilize) Decide(o Observation) Decision {
	d := p.of.Decide(o)
	if d.Verdict == NoOpinion {
		return d
	}
	n := d.Replicas
	p.Highest.expire(o.Now, p.Down)
	p.Lowest.expire(o.Now, p.Up)
	p.Highest.add(o.Now, n, 1)
	p.Lowest.add(o.Now, n, -1)
	window, span := &p.Highest, p.Down
	switch {
	case n == o.Desired:
		return d
	case n > o.Desired:
		window, span = &p.Lowest, p.Up
	}
	extreme := window.front()
	to := between(extreme.N, n, o.Desired)
	if to == n {
		return d
	}
	d = o.Amend(d, Stabilizing, to, float64(n), float64(extreme.N))
	d.Steps[len(d.Steps)-1].Until = extreme.At.Add(span)
	return d
}

func (p *stabilize) AppendState(dst []byte) []byte {
	return appendState(dst, &p.stabilizeMemory, p.of)
}

func (p *stabilize) Restore(state []byte) error {
	return restoreState(state, &p.stabilizeMemory, p.of)
}

// between returns x clamped to the range that a and b span.
func between(x, a, b int) int { return min(max(x, min(a, b)), max(a, b)) }

// extremes is a sliding maximum (or minimum) of counts: a queue in which every
// entry beats those behind it. Of equal ones the latest stays.
type extremes struct {
	Queue []recommendation
}

type recommendation struct {
	At time.Time
	N  int
}

func (e *extremes) front() recommendation { return e.Queue[0] }

// add puts n behind; sign is 1 for a maximum, -1 for a minimum.
func (e *extremes) add(at time.Time, n, sign int) {
	k := len(e.Queue)
	for k > 0 && sign*e.Queue[k-1].N <= sign*n {
		k--
	}
	e.Queue = append(e.Queue[:k], recommendation{at, n})
}

// expire drops what is span old or older. The rest moves to the front, so that
// the queue needs no more room than a window has entries.
func (e *extremes) expire(now time.Time, span time.Duration) {
	k := 0
	for k < len(e.Queue) && now.Sub(e.Queue[k].At) >= span {
		k++
	}
	if k > 0 {
		e.Queue = append(e.Queue[:0], e.Queue[k:]...)
	}
}

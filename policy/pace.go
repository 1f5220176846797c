package policy

import (
	"errors"
	"math"
	"time"
)

// A Limit is how much a count may change within any Period: by Count replicas
// or by Percent of the count at the period's start, whichever is more, rounded
// in favour of the change, and always by one. The zero value is no limit.
type Limit struct {
	Count   int           // >= 0
	Percent float64       // of the count at the start; finite, >= 0; 100 doubles or empties
	Period  time.Duration // > 0 if Count or Percent is set
}

// Validate reports every fault of l.
func (l Limit) Validate() error {
	var f faults
	f.Require(l.Count >= 0 && l.Count <= maxReplicas, "Count", "must be in [0, %d], is %v", maxReplicas, l.Count)
	f.Require(l.Percent >= 0 && !math.IsInf(l.Percent, 1), "Percent", "must be finite and >= 0, is %v", l.Percent)
	set := l.Count != 0 || l.Percent != 0
	f.Require(!set || l.Period > 0, "Period", "must be > 0, is %v", l.Period)
	f.Require(set || l.Period == 0, "Period", "has neither Count nor Percent to limit")
	return f.Err()
}

func (l Limit) set() bool { return l.Period > 0 }

// Pace limits how fast the count changes, as the scaling policies of the
// Kubernetes HPA do: the start of a period is the count in force less what was
// added and plus what was removed since. Changes by whomever count.
//
// Law: the result lies between Desired and Of's decision.
type Pace struct {
	Up, Down Limit // per direction
	Of       Config
}

// Validate reports every fault of c and of what it wraps.
func (c Pace) Validate() error {
	var f faults
	f.Under("Up", c.Up.Validate())
	f.Under("Down", c.Down.Validate())
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c Pace) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of; no change lies behind it.
func (c Pace) New(at time.Time, ready int) Policy {
	return &pace{Pace: c, of: c.Of.New(at, ready)}
}

type pace struct {
	Pace
	of Policy
	paceMemory
}

type paceMemory struct {
	Last    changes
	Changes []change `json:",omitempty"` // within the longer period, ascending
}

type change struct {
	At time.Time
	By int
}

func (m *paceMemory) valid() error {
	for i, c := range m.Changes {
		if i > 0 && c.At.Before(m.Changes[i-1].At) || c.By == 0 || c.By < -maxReplicas || c.By > maxReplicas {
			return errors.New("a pace of changes that cannot be")
		}
	}
	return m.Last.valid()
}

func (p *pace) Decide(o Observation) Decision {
	if by, _ := p.Last.see(&o); by != 0 {
		p.Changes = append(p.Changes, change{p.Last.At, by})
	}
	p.forget(o.Now)
	return p.Last.decided(p.decide(o))
}

func (p *pace) decide(o Observation) Decision {
	d := p.of.Decide(o)
	n, limit := d.Replicas, p.Up
	if n < o.Desired {
		limit = p.Down
	}
	if n == o.Desired || !limit.set() {
		return d
	}
	to := p.allowed(o, limit, n > o.Desired)
	to = between(to, n, o.Desired)
	if to == n {
		return d
	}
	return o.Amend(d, PaceLimit, to, float64(n), float64(to))
}

// allowed is how far the count may go in one direction now.
func (p *pace) allowed(o Observation, l Limit, up bool) int {
	start := o.Desired
	for _, c := range p.Changes {
		if o.Now.Sub(c.At) < l.Period {
			start -= c.By
		}
	}
	share := float64(start) * l.Percent / 100
	if up {
		return start + max(1, l.Count, ceil(share))
	}
	return start - max(1, l.Count, ceil(share))
}

func (p *pace) forget(now time.Time) {
	longest, k := max(p.Up.Period, p.Down.Period), 0
	for k < len(p.Changes) && now.Sub(p.Changes[k].At) >= longest {
		k++
	}
	if k > 0 {
		p.Changes = append(p.Changes[:0], p.Changes[k:]...)
	}
}

func (p *pace) AppendState(dst []byte) []byte { return appendState(dst, &p.paceMemory, p.of) }
func (p *pace) Restore(state []byte) error    { return restoreState(state, &p.paceMemory, p.of) }

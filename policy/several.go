package policy

import (
	"fmt"
	"time"
)

// Highest takes the highest count of its parts. A part that holds stands for
// the count in force; one without an opinion is passed over.
//
// Law: no lower than any part that has an opinion; equal to one of them.
type Highest []Config

// Lowest takes the lowest count of its parts, as Highest takes the highest.
//
// Law: no higher than any part that has an opinion; equal to one of them.
type Lowest []Config

// First takes the count of its first part that has an opinion.
//
// Law: later parts decide nothing while an earlier one has an opinion.
type First []Config

// Validate reports every fault of the parts.
func (c Highest) Validate() error { return validateParts(c) }

// Validate reports every fault of the parts.
func (c Lowest) Validate() error { return validateParts(c) }

// Validate reports every fault of the parts.
func (c First) Validate() error { return validateParts(c) }

// Needs are those of the parts, one after the other.
func (c Highest) Needs() Needs { return needsOf(c) }

// Needs are those of the parts, one after the other.
func (c Lowest) Needs() Needs { return needsOf(c) }

// Needs are those of the parts, one after the other.
func (c First) Needs() Needs { return needsOf(c) }

// New makes the policies of all parts.
func (c Highest) New(at time.Time, ready int) Policy {
	return newSeveral(c, at, ready, HighestOf, func(n, best int) bool { return n > best })
}

// New makes the policies of all parts.
func (c Lowest) New(at time.Time, ready int) Policy {
	return newSeveral(c, at, ready, LowestOf, func(n, best int) bool { return n < best })
}

// New makes the policies of all parts.
func (c First) New(at time.Time, ready int) Policy {
	return newSeveral(c, at, ready, FirstOf, func(int, int) bool { return false })
}

func validateParts(parts []Config) error {
	var f faults
	f.Require(len(parts) > 0, "Parts", "must not be empty")
	for i, c := range parts {
		field := fmt.Sprintf("Parts[%d]", i)
		if c == nil {
			f.Require(false, field, "must be set")
			continue
		}
		f.Under(field, c.Validate())
	}
	return f.Err()
}

func needsOf(parts []Config) (all Needs) {
	for _, c := range parts {
		n := c.Needs()
		all.Signals = append(all.Signals, n.Signals...)
		all.Seconds = all.Seconds || n.Seconds
		all.Pods = append(all.Pods, n.Pods...)
	}
	return all
}

// several asks its parts in order; better tells whether a count beats the best
// so far.
type several struct {
	parts  []Policy
	reads  []int // readings of each part
	lists  []int // of pods
	reason Reason
	better func(n, best int) bool
}

func newSeveral(parts []Config, at time.Time, ready int, reason Reason, better func(n, best int) bool) Policy {
	p := &several{reason: reason, better: better}
	for _, c := range parts {
		p.parts = append(p.parts, c.New(at, ready))
		n := c.Needs()
		p.reads, p.lists = append(p.reads, len(n.Signals)), append(p.lists, len(n.Pods))
	}
	return p
}

func (p *several) Decide(o Observation) Decision {
	var best Decision
	chosen := -1
	readings, pods, free := o.Readings, o.Pods, o.steps
	for i, part := range p.parts {
		o.Readings, readings = readings[:p.reads[i]], readings[p.reads[i]:]
		o.Pods, pods = pods[:p.lists[i]], pods[p.lists[i]:]
		d := part.Decide(o.Lend(free))
		// Each part writes beyond what the one that is best so far has written.
		if d.Verdict == NoOpinion && chosen >= 0 || d.Verdict != NoOpinion && chosen >= 0 && best.Verdict != NoOpinion && !p.better(d.Replicas, best.Replicas) {
			continue
		}
		best, chosen = d, i
		free = best.Steps[len(best.Steps):]
	}
	verdict := best.Verdict
	best = o.Amend(best, p.reason, best.Replicas, float64(chosen), float64(len(p.parts)))
	best.Verdict = verdict
	return best
}

func (p *several) AppendState(dst []byte) []byte { return appendState(dst, nil, p.parts...) }
func (p *several) Restore(state []byte) error    { return restoreState[none](state, nil, p.parts...) }

// The reasons of combinators of several parts. Have: which part, from 0; Limit:
// of how many.
const (
	HighestOf Reason = "highest"
	LowestOf  Reason = "lowest"
	FirstOf   Reason = "first"
)

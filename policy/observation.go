package policy

import (
	"math"
	"time"
)

// A Second is what passed in one whole second of a target's life.
type Second struct {
	Unix                 int64   // the second [Unix, Unix+1)
	Begun, Ended, Failed int64   // requests; Failed are among Ended; >= 0
	Busy                 float64 // seconds of service given, summed over slots
	Known                bool    // false: nothing was measured, the counts are no zeros
}

// sound is s without numbers that are none: of such a second nothing is known.
func (s Second) sound() Second {
	if math.IsNaN(s.Busy) || math.IsInf(s.Busy, 0) {
		s.Busy, s.Known = 0, false
	}
	return s
}

// An Observation is what a policy sees of its target at one instant. It is
// borrowed: a policy keeps none of its slices.
type Observation struct {
	Now     time.Time // never goes back
	Desired int       // the wanted count in force
	Current int       // the observed count: Ready + Starting

	Ready    int // take requests now
	Starting int // ordered, not ready yet
	Draining int // take no new requests, finish the old ones

	ReadyFailed bool          // the counts could not be read; they are the last known ones
	Slots       int           // requests one replica serves at once; 0 unknown
	Lead        time.Duration // from order to ready; 0 unknown
	Readings    []Reading     // one per Needs.Signals, in that order
	Seconds     []Second      // if asked for: whole seconds since the last call, ascending
	Pods        [][]Pod       // one list per Needs.Pods, in that order; nil: it could not be read

	steps []Step // lent by Lend; without it steps are allocated
}

// Lend returns o with a buffer for the steps of its decision, so that deciding
// allocates nothing while they fit its capacity. The decision's Steps lie in
// buf; what buf held is overwritten.
func (o Observation) Lend(buf []Step) Observation {
	o.steps = buf[:0]
	return o
}

// Hold decides to keep Desired, for the reason r. numbers are what the rule
// compared: Have, then Limit; more are ignored.
func (o *Observation) Hold(r Reason, numbers ...float64) (d Decision) {
	d.Replicas, d.Verdict, d.Steps = o.Desired, Hold, o.steps
	d.step(r, o.Desired, o.Desired, numbers)
	return
}

// Propose decides for n replicas, for the reason r; numbers are as in Hold.
func (o *Observation) Propose(r Reason, n int, numbers ...float64) (d Decision) {
	d.Replicas, d.Verdict, d.Steps = n, Propose, o.steps
	d.step(r, o.Desired, n, numbers)
	return
}

// Amend appends a rule's effect to a decision on o: it goes on with n replicas
// for the reason r; numbers are as in Hold. A decision amended back to Desired
// is a hold.
func (o *Observation) Amend(d Decision, r Reason, n int, numbers ...float64) Decision {
	d.step(r, d.Replicas, n, numbers)
	d.Replicas, d.Verdict = n, Propose
	if n == o.Desired {
		d.Verdict = Hold
	}
	return d
}

// step appends a step. It is filled in where it lies: a copy of one costs as
// much as most decisions.
func (d *Decision) step(r Reason, from, to int, numbers []float64) {
	n := len(d.Steps)
	if n < cap(d.Steps) {
		d.Steps = d.Steps[:n+1]
	} else {
		d.Steps = append(d.Steps, Step{})
	}
	s := &d.Steps[n]
	s.Reason, s.From, s.To = r, from, to
	s.Have, s.Limit, s.Until = 0, 0, time.Time{}
	if len(numbers) > 0 {
		s.Have = numbers[0]
	}
	if len(numbers) > 1 {
		s.Limit = numbers[1]
	}
}

package main

import (
	"fmt"
	"math"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// ray scales as Ray Serve does (python/ray/serve/autoscaling_policy.py,
// replica_queue_length_autoscaling_policy): requests ongoing and queued, averaged
// over a look-back, should be target for each running replica. What that asks for
// is done when every decision of a delay asked for the same direction; then the
// last one counts, not the largest.
//
// It lives here and not in package policy: it is a rule to compare with, from its
// published description, not held to runs of the original.
type ray struct {
	Target   float64       // requests ongoing per replica, > 0
	LookBack time.Duration // > 0
	Up, Down time.Duration // delays, >= 0
	Min, Max int
}

func (c ray) Validate() error {
	if !(c.Target > 0) || c.LookBack <= 0 || c.Up < 0 || c.Down < 0 {
		return fmt.Errorf("ray: %+v", c)
	}
	return nil
}

func (c ray) Needs() policy.Needs {
	return policy.Needs{Signals: []policy.Signal{{Name: policy.InFlight, Stat: policy.Mean, Window: c.LookBack}}}
}

func (c ray) New(time.Time, int) policy.Policy { return &raying{ray: c} }

type raying struct {
	ray
	direction int       // of the decisions since
	since     time.Time // when the first of them was made
}

// The reasons of ray and apa.
const (
	rayRatio   policy.Reason = "ongoing requests ratio"
	rayDelay   policy.Reason = "delay"
	apaRatio   policy.Reason = "pod autoscaler ratio"
	apaRate    policy.Reason = "scale rate"
	apaPending policy.Reason = "pods pending"
	apaLookout policy.Reason = "stabilization minimum"
)

func (p *raying) Decide(o policy.Observation) policy.Decision {
	load := o.Readings[0]
	if !load.Quality.HasValue() {
		return o.Hold(policy.SignalNotOK, float64(load.Quality))
	}
	n := o.Desired
	switch {
	case o.Ready > 0:
		ratio := load.Value / (p.Target * float64(o.Ready))
		n = int(min(math.Ceil(float64(float64(o.Ready)*ratio)-1e-9), 1e6))
	case load.Value > 0 && o.Desired == 0:
		return o.Propose(rayRatio, max(1, p.Min), load.Value, p.Target) // from zero at once
	}
	n = min(max(n, p.Min), p.Max)
	if n == 0 && o.Desired > 1 {
		n = 1 // to zero only from one
	}
	direction, delay := 0, time.Duration(0)
	switch {
	case n > o.Desired:
		direction, delay = 1, p.Up
	case n < o.Desired:
		direction, delay = -1, p.Down
	}
	if direction != p.direction {
		p.direction, p.since = direction, o.Now
	}
	if direction == 0 {
		return o.Hold(policy.WithinTolerance, load.Value, p.Target)
	}
	if o.Now.Sub(p.since) < delay {
		d := o.Hold(rayDelay, float64(n), float64(o.Desired))
		d.Steps[len(d.Steps)-1].Until = p.since.Add(delay)
		return d
	}
	p.direction = 0 // the next step waits anew
	return o.Propose(rayRatio, n, load.Value, p.Target)
}

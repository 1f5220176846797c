package policy

import (
	"math"
	"time"
)

// A Track keeps Signal, summed over replicas, near Value per ready replica:
// ceil(sum/Value), as in "Algorithm details" of the Kubernetes Horizontal Pod
// Autoscaling documentation. It goes both ways on the one signal: a model under
// constant light load shrinks although it is never idle.
//
// The tolerance is judged per ready replica; above it replicas still starting
// count too, so that nothing is ordered twice. With no replica there is no
// ratio to tolerate, and any load wakes one.
//
// A reading that is Stale or Partial may raise the count, never lower it;
// Missing and Failed hold.
type Track struct {
	Signal    Signal  // a level or a rate, in any unit; >= 0
	Value     float64 // per replica, in Signal's unit; finite, > 0
	Tolerance float64 // fraction of Value to ignore either way; [0, 1)
}

// Validate reports every fault of c.
func (c Track) Validate() error {
	var f faults
	f.Under("Signal", c.Signal.Validate())
	f.Require(c.Value > 0 && !math.IsInf(c.Value, 1), "Value", "must be finite and > 0, is %v", c.Value)
	f.Require(c.Tolerance >= 0 && c.Tolerance < 1, "Tolerance", "must be in [0, 1), is %v", c.Tolerance)
	return f.Err()
}

// Needs asks for the one signal.
func (c Track) Needs() Needs { return Needs{Signals: []Signal{c.Signal}} }

// New returns a policy without memory.
func (c Track) New(time.Time, int) Policy { return &track{c} }

type track struct{ Track }

func (p *track) Decide(o Observation) Decision {
	load := o.Readings[0]
	if !load.usable() || load.Value < 0 {
		return o.Hold(SignalNotOK, float64(load.Quality))
	}
	n := ceil(load.Value / p.Value)
	if o.Ready > 0 {
		r := load.Value / (p.Value * float64(o.Ready))
		if r > 1 && o.Starting > 0 {
			// What is starting will take its share; it cannot turn up into down.
			r = max(1, load.Value/(p.Value*float64(o.Ready+o.Starting)))
		}
		if 1-p.Tolerance <= r && r <= 1+p.Tolerance {
			return o.Hold(WithinTolerance, r, p.Tolerance)
		}
	}
	if n < o.Desired {
		switch {
		case load.Quality != OK:
			return o.Hold(SignalNotOK, float64(load.Quality))
		case o.ReadyFailed:
			return o.Hold(CountUnknown)
		}
	}
	return o.Propose(TargetRatio, n, load.Value, p.Value)
}

func (p *track) AppendState(dst []byte) []byte { return appendState(dst, nil) }
func (p *track) Restore(state []byte) error    { return restoreState[none](state, nil) }

// maxReplicas is where float counts saturate; any real bound is far below.
const maxReplicas = math.MaxInt32

// ceil rounds up to a count in [0, maxReplicas].
func ceil(x float64) int {
	switch {
	case !(x > 0):
		return 0
	case x >= maxReplicas:
		return maxReplicas
	}
	return int(math.Ceil(x))
}

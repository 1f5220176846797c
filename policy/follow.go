package policy

import (
	"errors"
	"math"
)

// A follower takes in the whole seconds of a target's observations, each once,
// and says what was in flight meanwhile: from begun and ended, set right by the
// reading whenever it is of the instant up to which seconds are known.
type follower struct {
	Last    int64   // the newest second seen, known or not; meaningless unless Started
	Started bool    // a second has been seen
	Flight  float64 // requests in flight at its end, >= 0
	Sure    bool    // Flight is known
}

func (f *follower) valid() error {
	if !(f.Flight >= 0 && f.Flight <= 1e18) {
		return errors.New("requests in flight that cannot be")
	}
	return nil
}

// next takes in a second. ok is false when it is none of those that passed since
// the last one, or nothing is known of it. occupied is how many requests were in
// flight in its mean, and sure whether that is known.
func (f *follower) next(o *Observation, s *Second) (ok, sure bool, occupied float64) {
	if s.Unix >= o.Now.Unix() || f.Started && s.Unix <= f.Last {
		return false, false, 0
	}
	whole := f.Started && s.Unix == f.Last+1
	f.Last, f.Started = s.Unix, true
	f.Sure = f.Sure && whole && s.Known
	if !s.Known {
		return false, false, 0
	}
	if !f.Sure {
		return true, false, 0
	}
	before := f.Flight
	f.Flight = max(0, before+requests(s.Begun)-requests(s.Ended))
	return true, true, (before + f.Flight) / 2
}

// anchor sets right what is in flight, by a reading of the end of the last second.
func (f *follower) anchor(o *Observation, flight *Reading) {
	at := flight.At
	if at.IsZero() {
		at = o.Now
	}
	if flight.Quality == OK && flight.usable() && flight.Value >= 0 && f.Started && f.Last == at.Unix()-1 {
		f.Flight, f.Sure = min(flight.Value, maxCount), true
	}
}

// age is how many seconds behind now the newest second ends, in [0, 3600].
func (f *follower) age(o *Observation) int64 {
	if !f.Started {
		return 0
	}
	return min(max(o.Now.Unix()-f.Last-1, 0), 3600)
}

// requests is a number of them in one second, in [0, maxCount].
func requests(n int64) float64 { return float64(whole(n)) }

func whole(n int64) int64 { return min(max(n, 0), maxCount) }

// slotsOf is how many slots a replica has; unknown, one.
func slotsOf(o *Observation) int { return min(max(o.Slots, 1), maxReplicas) }

// slotsServing are the slots that may be serving, draining ones included.
func slotsServing(o *Observation) float64 {
	return float64(max(o.Ready, 0)+max(o.Draining, 0)) * float64(slotsOf(o))
}

// leadOf is the time from order to ready in seconds, in (0, 3600]; unknown, it is
// what is given.
func leadOf(o *Observation, unknown float64) float64 {
	if o.Lead <= 0 {
		return unknown
	}
	return min(o.Lead.Seconds(), 3600)
}

// finite is x within [0, most]; no number is 0.
func finite(x, most float64) float64 {
	if math.IsNaN(x) {
		return 0
	}
	return min(max(x, 0), most)
}

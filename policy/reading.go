package policy

import (
	"fmt"
	"math"
	"time"
)

// Quality says what a Reading is worth. Switch on it before reading Value.
type Quality uint8

// The qualities. The zero value is Missing: nobody answered.
const (
	Missing Quality = iota
	OK              // a current value
	Stale           // a value, older than it should be
	Failed          // the source answered with an error; Value means nothing
	Partial         // the sum of Answered sources out of Of; the rest are unknown
)

// HasValue reports whether Value carries a number: OK, Stale or Partial.
func (q Quality) HasValue() bool { return q == OK || q == Stale || q == Partial }

// A Reading is one number as of an instant. The zero value is Missing.
type Reading struct {
	Value        float64   // in the signal's unit, summed over the target; finite unless Missing or Failed
	At           time.Time // when it was true; zero if Missing
	Quality      Quality
	Answered, Of int32 // when Partial: how many sources of how many
}

// usable reports whether Value carries a number that can be reckoned with. A
// source that divides zero by zero has said nothing, whatever Quality it gives.
func (r *Reading) usable() bool {
	return r.Quality.HasValue() && !math.IsNaN(r.Value) && !math.IsInf(r.Value, 0)
}

// The names of the signals that package coordinator and its simulator know of
// every target. All but InFlight are cumulative counts since some start. A
// source may offer any others.
const (
	InFlight    = "in_flight"    // requests begun and not ended, waiting ones included
	Begun       = "begun"        // requests that came in
	Ended       = "ended"        // requests that went out, failed or not
	Errors      = "failed"       // of those ended, the failed ones
	BusySeconds = "busy_seconds" // seconds of service given, summed over slots
)

// Stat says which statistic of a signal's window is read.
type Stat uint8

// The statistics. Window is ignored by Last and must be > 0 for the others.
const (
	Last     Stat = iota // the newest sample
	Mean                 // the mean of the samples
	Weighted             // their exponentially weighted mean
	Max                  // the largest
	Rate                 // increase per second; for cumulative signals
	Quantile             // the P-quantile
)

// A Signal names a statistic of something measured about a target. It is
// comparable: equal signals of one target share one window.
type Signal struct {
	Name   string        // as the metric source knows it; not empty
	Stat   Stat          // of the samples in Window
	Window time.Duration // > 0 unless Stat is Last
	P      float64       // Quantile only, in (0, 1)
}

// Validate reports every fault of s.
func (s Signal) Validate() error {
	var f faults
	f.Require(s.Name != "", "Name", "must not be empty")
	f.Require(int(s.Stat) < len(statNames.List), "Stat", "unknown: %v", s.Stat)
	f.Require(s.Stat == Last || s.Window > 0, "Window", "must be > 0 for %v, is %v", s.Stat, s.Window)
	f.Require(s.Stat != Quantile || s.P > 0 && s.P < 1, "P", "must be in (0, 1), is %v", s.P)
	return f.Err()
}

func (s Signal) String() string {
	switch s.Stat {
	case Last:
		return s.Name
	case Quantile:
		return fmt.Sprintf("p%g(%s[%v])", 100*s.P, s.Name, s.Window)
	}
	return fmt.Sprintf("%v(%s[%v])", s.Stat, s.Name, s.Window)
}

// Needs says what a policy wants to see in each Observation.
type Needs struct {
	Signals []Signal // one Reading each, in this order
	Seconds bool     // Observation.Seconds
	// Pods asks for lists of pods, one each in Observation.Pods. Each list shows the
	// requests and the usage of one resource, or one pods metric.
	Pods []PodSignal
}

// A PodSignal names what is known of each pod.
type PodSignal struct {
	Resource  string // cpu, memory, ...; "" for a pods metric
	Container string // of Resource: its usage in this container alone; "" is all
	Metric    string // a pods metric; "" for a resource
}

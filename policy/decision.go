package policy

import (
	"slices"
	"strconv"
	"time"
)

// A Config is plain data that makes policies; it serves any number of targets
// and goroutines. Validate reports every fault with its field path. Needs and
// New may be called only on a Config whose Validate returns nil.
type Config interface {
	Validate() error
	Needs() Needs
	// New makes the policy of one target that has ready replicas at instant at.
	New(at time.Time, ready int) Policy
}

// A Policy proposes how many replicas one target should have.
//
// Decide is deterministic: from the same state, the same observations give the
// same decisions. It does no I/O, and its only clock is Observation.Now, which
// never goes back. A Policy serves one target and one goroutine.
type Policy interface {
	Decide(Observation) Decision
}

// A Saver is a Policy whose memory can be carried elsewhere. AppendState
// appends it to dst, as versioned JSON; Restore replaces the memory of a policy
// made from an equal Config, or returns an error and leaves it as it was.
type Saver interface {
	AppendState(dst []byte) []byte
	Restore(state []byte) error
}

// Verdict is the kind of a Decision.
type Verdict uint8

// The verdicts.
const (
	Propose   Verdict = iota // Replicas is what the policy wants
	Hold                     // nothing should change
	NoOpinion                // the policy cannot tell; others may
)

// A Decision is a count and how it came about.
type Decision struct {
	Replicas int // == Observation.Desired unless Verdict is Propose
	Verdict  Verdict
	// Steps lead from Observation.Desired to Replicas: each starts where the one
	// before it ended. They lie in the lent buffer; Clone to keep them.
	Steps []Step
}

// Clone returns d with steps of its own.
func (d Decision) Clone() Decision {
	d.Steps = slices.Clone(d.Steps)
	return d
}

// String reads like "6: target ratio 4->9; above max 9->6".
func (d Decision) String() string {
	b := strconv.AppendInt(nil, int64(d.Replicas), 10)
	for i, s := range d.Steps {
		if i == 0 {
			b = append(b, ": "...)
		} else {
			b = append(b, "; "...)
		}
		b = s.append(b)
	}
	return string(b)
}

// A Step is one rule's effect. From equals To when the rule chose to hold.
type Step struct {
	Reason      Reason
	From, To    int
	Have, Limit float64   // the numbers the rule compared; 0 where it compared none
	Until       time.Time // when a hold ends; zero if it has no known end
}

// String reads like "target ratio 4->9"; a hold names only its reason.
func (s Step) String() string { return string(s.append(nil)) }

func (s Step) append(b []byte) []byte {
	b = append(b, s.Reason...)
	if s.From != s.To {
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(s.From), 10)
		b = append(b, "->"...)
		b = strconv.AppendInt(b, int64(s.To), 10)
	}
	return b
}

// Detail is String with the numbers that the rule compared, if any: "target
// ratio 4->9 (have 450, limit 50)".
func (s Step) Detail() string {
	b := s.append(nil)
	if s.Have != 0 || s.Limit != 0 {
		b = append(b, " (have "...)
		b = strconv.AppendFloat(b, s.Have, 'g', 5, 64)
		b = append(b, ", limit "...)
		b = strconv.AppendFloat(b, s.Limit, 'g', 5, 64)
		b = append(b, ')')
	}
	return string(b)
}

// A Reason names the rule behind a step. Users add their own.
type Reason string

// The reasons of this package, with what Have and Limit mean in their steps.
const (
	SignalNotOK     Reason = "signal not ok"    // a reading says too little; Have: its Quality
	CountUnknown    Reason = "count unknown"    // the replicas could not be counted
	TargetRatio     Reason = "target ratio"     // Have: the load, Limit: Value
	WithinTolerance Reason = "within tolerance" // Have: load per replica over Value, Limit: Tolerance
	LagThreshold    Reason = "lag threshold"    // Have: in flight per ready replica, Limit: LagThreshold
	Inactive        Reason = "idle"             // Have: seconds since the last start, at least; Limit: how many are enough
	LagBelow        Reason = "lag below"        // neither lag nor idleness; numbers as LagThreshold
	CoolingDown     Reason = "cooling down"     // Until: when a step down is allowed
	LeastOne        Reason = "never below one"  // Limit: the floor
	BelowMin        Reason = "below min"        // Limit: Min
	AboveMax        Reason = "above max"        // Limit: Max
	Stabilizing     Reason = "stabilizing"      // Have: the proposal, Limit: the extreme that the window remembers
	PaceLimit       Reason = "pace limit"       // Have: the proposal, Limit: what the pace allows
	BetweenPeriods  Reason = "between periods"  // the last decision stands; Until: the next one
)

package policy

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// KEDASpec configures activation as a ScaledObject does. The zero value of a
// field means the documented default.
type KEDASpec struct {
	CooldownPeriod        *time.Duration // inactive for so long before going to Idle or Min; nil: 300 s
	InitialCooldownPeriod time.Duration  // the same for what was never active, since its creation
	Min, Max              int            // Max is the HPA's business only; 0: 100
	Idle                  *int           // count while inactive, < Min; nil: none

	Paused          bool // decides nothing
	PausedScaleIn   bool // never to Idle or zero
	PausedScaleOut  bool // never up from there
	ForceActivation bool // always active

	Fallback *KEDAFallback // nil: none
	Formula  *KEDAFormula  // nil: each trigger speaks for itself
	Triggers []KEDATrigger // at least one
}

// KEDATrigger is one source of a ScaledObject.
type KEDATrigger struct {
	Name            string // as formulas and signals know it
	Resource        bool   // cpu or memory: it has no value of its own
	Value           bool   // TargetMilli is of the whole (metric type Value), not per replica
	TargetMilli     int64  // in thousandths, > 0 unless Resource
	ActivationMilli int64  // active above it
	Cached          bool   // the HPA's queries are answered with what the last poll saw
}

// KEDAFallback says what to want when a trigger fails again and again.
type KEDAFallback struct {
	FailureThreshold int // failures in a row that are borne
	Replicas         int // >= 0, or the fallback does nothing
	Behavior         FallbackBehavior
}

// FallbackBehavior says what a KEDAFallback wants.
type FallbackBehavior uint8

// The behaviors of a fallback.
const (
	FallbackUnset              FallbackBehavior = iota // as Static, but a failed read of the count is an error
	FallbackStatic                                     // Replicas
	FallbackCurrent                                    // the present count
	FallbackCurrentIfHigher                            // the larger of both
	FallbackCurrentIfLower                             // the smaller of both
	FallbackToScalingModifiers                         // the failed trigger is nil in the formula
)

// KEDAFormula makes one value of all triggers, as scalingModifiers do.
type KEDAFormula struct {
	// Eval computes the formula. It returns FormulaNil when the result is nil, and
	// FormulaFails when nil met an operator that cannot take it.
	Eval func(FormulaValues) (float64, FormulaResult)
	// Target is the composite value per replica, > 0. A fraction switches the
	// fallback off, as upstream does.
	Target     float64
	Value      bool    // Target is of the whole, not per replica
	Activation float64 // active above it
	// Coalesces: the formula has a nil-coalescing operator somewhere, so that a nil
	// result stands for the fallback's replicas.
	Coalesces bool
}

// FormulaResult tells a number from what is none.
type FormulaResult uint8

// The results of a formula.
const (
	FormulaNumber FormulaResult = iota
	FormulaNil
	FormulaFails
)

// FormulaValues are the values of the triggers, by name; ok is false for nil and
// for a name that no trigger has.
type FormulaValues func(name string) (value float64, ok bool)

// Validate reports every fault of s.
func (s *KEDASpec) Validate() error {
	var f faults
	f.Require(s.CooldownPeriod == nil || *s.CooldownPeriod >= 0, "CooldownPeriod", "must be >= 0")
	f.Require(s.InitialCooldownPeriod >= 0, "InitialCooldownPeriod", "must be >= 0, is %v", s.InitialCooldownPeriod)
	f.Require(s.Min >= 0, "Min", "must be >= 0, is %d", s.Min)
	f.Require(s.Max >= 0, "Max", "must be >= 0, is %d", s.Max)
	f.Require(s.Min <= orDefault(s.Max, 100), "Min", "must be <= Max %d, is %d", orDefault(s.Max, 100), s.Min)
	f.Require(s.Idle == nil || *s.Idle >= 0 && *s.Idle < max(s.Min, 1), "Idle", "must be in [0, Min)")
	f.Require(len(s.Triggers) > 0, "Triggers", "must not be empty")
	if s.Fallback != nil {
		f.Require(s.Fallback.Behavior <= FallbackToScalingModifiers, "Fallback.Behavior", "unknown: %d", s.Fallback.Behavior)
	}
	for i, t := range s.Triggers {
		field := fmt.Sprintf("Triggers[%d]", i)
		f.Require(t.Resource || t.TargetMilli > 0, field+".TargetMilli", "must be > 0, is %d", t.TargetMilli)
	}
	if s.Formula != nil {
		f.Require(s.Formula.Eval != nil, "Formula.Eval", "must be set")
		f.Require(s.Formula.Target > 0 && !math.IsInf(s.Formula.Target, 1), "Formula.Target", "must be finite and > 0, is %v", s.Formula.Target)
	}
	return f.Err()
}

// usable reports whether the fallback acts at all.
func (s *KEDASpec) usable() bool {
	return s.Fallback != nil && s.Fallback.FailureThreshold >= 0 && s.Fallback.Replicas >= 0 &&
		(s.Formula == nil || s.Formula.Target == math.Trunc(s.Formula.Target))
}

// hpaMode is when every query of the HPA is remembered for the polls.
func (s *KEDASpec) hpaMode() bool {
	return s.Min > 0 && s.Idle == nil && s.Formula == nil &&
		!slices.ContainsFunc(s.Triggers, func(t KEDATrigger) bool { return t.Cached })
}

// KEDADecider is the exact core of a ScaledObject's loops (github.com/kedacore/keda
// v2.21, pkg/scaling): Poll decides between zero, idle and at least one; Query
// answers the HPA, which decides everything from one up. NewKEDADecider makes
// one; it serves one goroutine.
type KEDADecider struct {
	spec KEDASpec
	kedaMemory

	all   []kedaObserved // scratch: what each trigger says now
	lost  []bool         // scratch: a stored fallback has lost its trigger's name
	named FormulaValues  // value, bound once
}

type kedaMemory struct {
	Created    time.Time
	LastActive time.Time      // whole seconds; zero: never
	Before     time.Time      // LastActive before the last poll
	Failures   []int          // in a row, per trigger
	Stored     []kedaObserved // per trigger
}

// kedaObserved is what a trigger was seen to say.
type kedaObserved struct {
	Seen             bool // false: nothing, of those that are stored
	Milli            int64
	Active, Fallback bool
	Error            bool
}

// NewKEDADecider returns a decider of a ScaledObject created at an instant. spec
// must be valid.
func NewKEDADecider(spec KEDASpec, created time.Time) *KEDADecider {
	d := &KEDADecider{}
	d.Created = created
	d.Failures = make([]int, len(spec.Triggers))
	d.Update(spec)
	return d
}

// Update replaces the configuration, of the same triggers. Counters and the last
// activity stay; what was stored of triggers is forgotten.
func (d *KEDADecider) Update(spec KEDASpec) {
	d.spec = spec
	n := len(spec.Triggers)
	d.Stored = make([]kedaObserved, n)
	d.all, d.lost = make([]kedaObserved, n), make([]bool, n)
	d.named = d.value
	if len(d.Failures) != len(spec.Triggers) {
		d.Failures = make([]int, len(spec.Triggers))
	}
}

// KEDAInput is what a poll or a query is made from.
type KEDAInput struct {
	Now        time.Time    // never goes back
	Current    int          // the wanted count found on the target
	Ready      int          // pods that run and are ready
	ReadFailed bool         // neither count could be read
	HPAActive  bool         // the HPA reports that it scales
	Triggers   []KEDASample // what each source would say now, in order
}

// KEDASample is what a trigger's source says.
type KEDASample struct {
	Milli  int64 // in thousandths
	Failed bool  // it answered with an error
}

// KEDAState is what a poll found.
type KEDAState uint8

// The states of a poll.
const (
	KEDAStopped  KEDAState = iota // paused, or the count could not be read
	KEDAActive                    //
	KEDAInactive                  //
	KEDACooling                   // inactive, but not for long enough
)

// KEDADecision is a poll's answer.
type KEDADecision struct {
	Set      bool // set the count to Replicas; else leave it
	Replicas int  // >= 0, if Set
	State    KEDAState
}

// ErrNoValue: neither the trigger nor the fallback gives the HPA a value.
var ErrNoValue = errors.New("policy: keda: no value")

// errTriggers refuses a state of another number of triggers.
var errTriggers = errors.New("state of other triggers")

// observe makes an observation of a raw answer.
func (d *KEDADecider) observe(i int, raw kedaObserved, in *KEDAInput) kedaObserved {
	t, fb := &d.spec.Triggers[i], d.spec.Fallback
	if !raw.Error {
		if d.spec.usable() {
			d.Failures[i] = 0
		}
		return raw
	}
	if !d.spec.usable() {
		return raw
	}
	d.Failures[i]++
	if d.Failures[i] <= fb.FailureThreshold {
		return raw
	}
	replicas := float64(fb.Replicas)
	switch fb.Behavior {
	case FallbackToScalingModifiers:
		return kedaObserved{Milli: -1000}
	case FallbackCurrent:
		replicas = float64(in.Current)
	case FallbackCurrentIfHigher:
		replicas = max(replicas, float64(in.Current))
	case FallbackCurrentIfLower:
		replicas = min(replicas, float64(in.Current))
	}
	if in.ReadFailed && fb.Behavior != FallbackStatic {
		return kedaObserved{Error: true}
	}
	target, whole := float64(t.TargetMilli)*0.001, t.Value
	if f := d.spec.Formula; f != nil {
		target, whole = f.Target, f.Value
	}
	if whole {
		if in.Ready == 0 {
			return kedaObserved{Error: true}
		}
		replicas /= float64(in.Ready)
	}
	return kedaObserved{Milli: wide64(float64(target*1000) * replicas), Fallback: true}
}

// live is the raw answer of a trigger's source.
func (d *KEDADecider) live(i int, in *KEDAInput) kedaObserved {
	s := in.Triggers[i]
	if s.Failed {
		return kedaObserved{Error: true}
	}
	return kedaObserved{Milli: s.Milli, Active: s.Milli > d.spec.Triggers[i].ActivationMilli}
}

// Query answers the HPA's question for trigger number ask, in thousandths; with
// a formula for the composite value, whatever ask. The error is ErrNoValue.
func (d *KEDADecider) Query(in KEDAInput, ask int) (milli int64, err error) {
	if d.spec.Formula == nil {
		got := d.query(ask, &in)
		if d.spec.hpaMode() {
			d.store(ask, got)
		}
		if got.Error {
			return 0, ErrNoValue
		}
		return got.Milli, nil
	}
	for i := range d.all {
		d.lost[i] = false
		if d.spec.Triggers[i].Resource {
			continue
		}
		o := d.query(i, &in)
		if s := &d.Stored[i]; d.spec.Triggers[i].Cached && s.Seen && s.Fallback && !o.Error {
			d.lost[i], o.Fallback = true, false
		}
		d.all[i] = o
	}
	return d.compose()
}

// query observes one trigger for the HPA.
func (d *KEDADecider) query(i int, in *KEDAInput) kedaObserved {
	if s := d.Stored[i]; d.spec.Triggers[i].Cached && s.Seen {
		return d.observe(i, s, in)
	}
	return d.observe(i, d.live(i, in), in)
}

// store keeps what trigger i was seen to say.
func (d *KEDADecider) store(i int, o kedaObserved) {
	o.Seen = true
	d.Stored[i] = o
}

// compose is the composite value of a formula, over d.all and d.lost.
func (d *KEDADecider) compose() (int64, error) {
	failed := false
	for i, o := range d.all {
		if d.spec.Triggers[i].Resource {
			continue
		}
		if o.Fallback && !o.Error {
			return o.Milli, nil
		}
		failed = failed || o.Error
	}
	if failed {
		return 0, ErrNoValue
	}
	f, fb := d.spec.Formula, d.spec.Fallback
	x, result := f.Eval(d.named)
	switch {
	case result == FormulaNumber:
	case result == FormulaNil && f.Coalesces && fb != nil:
		x = float64(fb.Replicas) * f.Target
	default:
		return 0, ErrNoValue
	}
	return wide64(x * 1000), nil
}

// value is what a formula sees of a trigger; ok is false for nil.
func (d *KEDADecider) value(name string) (x float64, ok bool) {
	fb := d.spec.Fallback
	for i := range d.all {
		t := &d.spec.Triggers[i]
		if t.Resource || t.Name != name {
			continue
		}
		nilled := fb != nil && fb.Behavior == FallbackToScalingModifiers && d.Failures[i] > fb.FailureThreshold
		if nilled || d.lost[i] {
			return 0, false
		}
		return float64(d.all[i].Milli) * 0.001, true
	}
	return 0, false
}

// Poll makes one turn of the loop that decides between zero, idle and at least
// one. When the count then cannot be set, call NotSet.
func (d *KEDADecider) Poll(in KEDAInput) KEDADecision {
	s := &d.spec
	d.Before = d.LastActive
	clear(d.lost)
	failed, active, sources := false, false, 0
	for i := range d.all {
		if s.Triggers[i].Resource {
			continue
		}
		sources++
		o := d.Stored[i]
		if !s.hpaMode() || !in.HPAActive || !o.Seen {
			o = d.observe(i, d.live(i, &in), &in)
		}
		if s.Triggers[i].Cached {
			d.store(i, o)
		}
		d.all[i] = o
		failed = failed || o.Error
		active = active || !o.Error && (o.Active || o.Fallback)
	}
	if f := s.Formula; f != nil {
		active = false
		if !failed {
			if milli, err := d.compose(); err == nil {
				active = float64(milli)*0.001 > f.Activation
			}
		}
	}
	if sources == 0 && !failed {
		active = true
	}
	if in.ReadFailed || s.Paused {
		return KEDADecision{}
	}
	if active || s.ForceActivation {
		return d.activate(&in, failed)
	}
	return d.deactivate(&in, failed)
}

// activate wakes a target, or renews its activity.
func (d *KEDADecider) activate(in *KEDAInput, failed bool) KEDADecision {
	s := &d.spec
	out := KEDADecision{State: KEDAActive}
	switch c := in.Current; {
	case s.Idle != nil && c < s.Min || c == 0:
		if !s.PausedScaleOut {
			out.Set, out.Replicas = true, max(s.Min, 1)
			d.LastActive = in.Now.Truncate(time.Second)
		}
	case !failed:
		d.LastActive = in.Now.Truncate(time.Second)
	}
	return out
}

// deactivate takes an inactive target down once it has cooled.
func (d *KEDADecider) deactivate(in *KEDAInput, failed bool) KEDADecision {
	s := &d.spec
	out := KEDADecision{State: KEDAInactive}
	switch c := in.Current; {
	case failed && (s.Fallback == nil || s.Fallback.Replicas != 0):
	case s.Idle != nil && c > *s.Idle || c > 0 && s.Min == 0:
		switch {
		case s.PausedScaleIn:
		case !d.cooled(in.Now):
			out.State = KEDACooling
		default:
			out.Set, out.Replicas = true, s.Min
			if s.Idle != nil {
				out.Replicas = *s.Idle
			}
		}
	case s.Idle == nil && c < s.Min:
		out.Set, out.Replicas = true, s.Min
	}
	return out
}

// cooled reports whether the target has been inactive for long enough.
func (d *KEDADecider) cooled(now time.Time) bool {
	if d.LastActive.IsZero() {
		return d.Created.Add(d.spec.InitialCooldownPeriod).Before(now)
	}
	cooldown := 300 * time.Second
	if d.spec.CooldownPeriod != nil {
		cooldown = *d.spec.CooldownPeriod
	}
	return d.LastActive.Add(cooldown).Before(now)
}

// NotSet tells that the count of the last poll could not be set: a target that
// was not woken has not become active.
func (d *KEDADecider) NotSet() { d.LastActive = d.Before }

// Failed are the failures in a row of trigger i.
func (d *KEDADecider) Failed(i int) int { return d.Failures[i] }

// Active is when the target was last active; ok is false for never.
func (d *KEDADecider) Active() (at time.Time, ok bool) { return d.LastActive, !d.LastActive.IsZero() }

package policy

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bellows-go/bellows/internal/slide"
)

// ScalingMetric says what a KPA scales on.
type ScalingMetric uint8

// The metrics of a KPA.
const (
	Concurrency ScalingMetric = iota // requests in flight
	RPS                              // requests per second
)

// Aggregation says how a KPA's windows average.
type Aggregation uint8

// The aggregations of a KPA.
const (
	Linear              Aggregation = iota // every bucket weighs the same
	WeightedExponential                    // newer ones weigh more
)

// KPA decides as Knative's pod autoscaler does (knative.dev/serving v0.51,
// pkg/autoscaler/scaling): the larger of what a stable window and a short panic
// window ask for while the latter is far above what is ready, within rates up
// and down, with a delay on the way down.
//
// Its quirks are its own: born with more than one ready it starts in panic and
// keeps that count for a stable window; ActivationScale overrides the rate up;
// the delay counts whole slots of 2 s; queued requests count, so that a slow
// start orders far too much.
//
// The zero value of a field means the documented default, but for
// TargetBurstCapacity, whose default upstream is 211. Bounds and scale to zero
// are not part of the decision, upstream neither: see Bound.
type KPA struct {
	ScalingMetric       ScalingMetric // what the values below are in
	TargetValue         float64       // what one replica should carry, > 0; default 70, RPS 140
	TotalValue          float64       // what one replica can carry at most, > 0; default 100, RPS 200
	MaxScaleUpRate      float64       // most times the ready count, > 1; default 1000
	MaxScaleDownRate    float64       // least the ready count over it, > 1; default 2
	PanicThreshold      float64       // times the ready count at which panic begins, > 0; default 2
	TargetBurstCapacity float64       // wanted head-room, >= 0, or -1 for all; only for ExcessBurst
	StableWindow        time.Duration // default 60 s
	PanicWindow         time.Duration // default a tenth of StableWindow, at least 1 s
	ScaleDownDelay      time.Duration // >= 0; fixed when the decider comes into being
	ActivationScale     int           // least count above zero, >= 0; acts if > 1
	Unreachable         bool          // no route points here: no rate down, no delay
	Aggregation         Aggregation   // of both windows
	AllowNoData         bool          // an empty stable window counts as zero (upstream: requireData false)
}

// Validate reports every fault of c.
func (c KPA) Validate() error {
	var f faults
	finite := func(field string, x float64, ok bool, what string) {
		f.Require(ok && !math.IsInf(x, 0), field, "must be finite and %s, is %v", what, x)
	}
	f.Require(c.ScalingMetric <= RPS, "ScalingMetric", "unknown: %d", c.ScalingMetric)
	f.Require(c.Aggregation <= WeightedExponential, "Aggregation", "unknown: %d", c.Aggregation)
	finite("TargetValue", c.TargetValue, c.TargetValue >= 0, "> 0, or 0 for the default")
	finite("TotalValue", c.TotalValue, c.TotalValue >= 0, "> 0, or 0 for the default")
	finite("MaxScaleUpRate", c.MaxScaleUpRate, c.MaxScaleUpRate == 0 || c.MaxScaleUpRate > 1, "> 1, or 0 for the default")
	finite("MaxScaleDownRate", c.MaxScaleDownRate, c.MaxScaleDownRate == 0 || c.MaxScaleDownRate > 1, "> 1, or 0 for the default")
	finite("PanicThreshold", c.PanicThreshold, c.PanicThreshold >= 0, "> 0, or 0 for the default")
	finite("TargetBurstCapacity", c.TargetBurstCapacity, c.TargetBurstCapacity >= 0 || c.TargetBurstCapacity == -1, ">= 0 or -1")
	f.Require(c.StableWindow >= 0, "StableWindow", "must be >= 0, is %v", c.StableWindow)
	f.Require(c.PanicWindow >= 0, "PanicWindow", "must be >= 0, is %v", c.PanicWindow)
	f.Require(c.ScaleDownDelay >= 0 && c.ScaleDownDelay <= maxDelay, "ScaleDownDelay", "must be in [0, %v], is %v", maxDelay, c.ScaleDownDelay)
	f.Require(c.ActivationScale >= 0 && c.ActivationScale <= maxReplicas, "ActivationScale", "must be in [0, %d], is %d", maxReplicas, c.ActivationScale)
	return f.Err()
}

const (
	maxDelay  = 24 * time.Hour
	delayGrid = 2 * time.Second // upstream's tick
)

// withDefaults fills in what is not set.
func (c KPA) withDefaults() KPA {
	carry := 100.0
	if c.ScalingMetric == RPS {
		carry = 200
	}
	c.TargetValue = orDefault(c.TargetValue, 0.7*carry)
	c.TotalValue = orDefault(c.TotalValue, carry)
	c.MaxScaleUpRate = orDefault(c.MaxScaleUpRate, 1000)
	c.MaxScaleDownRate = orDefault(c.MaxScaleDownRate, 2)
	c.PanicThreshold = orDefault(c.PanicThreshold, 2)
	c.StableWindow = orDefault(c.StableWindow, time.Minute)
	c.PanicWindow = orDefault(c.PanicWindow, max(time.Second, (c.StableWindow/10).Round(time.Second)))
	return c
}

// KPAInput is what one decision of a KPADecider is made from.
type KPAInput struct {
	Now           time.Time // never goes back
	Ready         int       // >= 0
	ReadyFailed   bool      // the count could not be read
	NoData        bool      // the windows are empty, and that matters
	Stable, Panic float64   // averages over the windows, in the metric's unit; >= 0
}

// KPADecision is a KPADecider's answer. Without Valid nothing was decided.
type KPADecision struct {
	Valid       bool // false: the other fields are zero
	Desired     int  // in [0, math.MaxInt32], before bounds
	ExcessBurst int  // spare capacity over TargetBurstCapacity; < 0: keep the buffer in the path
	Panicking   bool // the panic rule was in force

	WantStable, WantPanic int // what the windows ask for, before any limit
	Stable, Panic         int // after rates and ActivationScale
	Undelayed             int // Desired before the delay
}

// KPADecider is the exact core of KPA. NewKPADecider makes one; it serves one
// goroutine.
type KPADecider struct {
	config KPA
	kpaMemory
}

type kpaMemory struct {
	PanicSince time.Time  // zero: calm
	PanicFloor int        // the largest count of this panic
	Delay      *slide.Max `json:",omitempty"` // nil: no delay
}

func (m *kpaMemory) valid() error {
	if m.PanicFloor < 0 || m.PanicFloor > maxReplicas {
		return fmt.Errorf("a panic of %d", m.PanicFloor)
	}
	if m.Delay != nil {
		return m.Delay.Valid(maxReplicas)
	}
	return nil
}

// NewKPADecider returns a decider for a target with ready replicas at an
// instant. c must be valid.
func NewKPADecider(c KPA, at time.Time, ready int) *KPADecider {
	d := &KPADecider{config: c.withDefaults()}
	d.PanicFloor = ready
	if ready > 1 {
		d.PanicSince = at // so that a restart does not scale down at once
	}
	if c.ScaleDownDelay > 0 {
		d.Delay = &slide.Max{Slots: int64((c.ScaleDownDelay + delayGrid - 1) / delayGrid)}
	}
	return d
}

// Update replaces the configuration, which must be valid. What is remembered
// stays; the delay is that of the decider's creation.
func (d *KPADecider) Update(c KPA) { d.config = c.withDefaults() }

// Decide makes one decision. Now never goes back.
func (d *KPADecider) Decide(in KPAInput) (out KPADecision) {
	d.decide(&in, &out)
	return out
}

// decide fills in out, which is zero.
func (d *KPADecider) decide(in *KPAInput, out *KPADecision) {
	if in.ReadyFailed || in.NoData {
		return
	}
	c := &d.config
	r := float64(max(1, in.Ready))
	up, down := math.Ceil(c.MaxScaleUpRate*r), math.Floor(r/c.MaxScaleDownRate)
	if c.Unreachable {
		down = 0
	}
	wantStable, wantPanic := math.Ceil(in.Stable/c.TargetValue), math.Ceil(in.Panic/c.TargetValue)
	out.Valid = true
	out.WantStable, out.WantPanic = count(wantStable), count(wantPanic)
	out.Stable, out.Panic = count(min(max(wantStable, down), up)), count(min(max(wantPanic, down), up))
	if c.ActivationScale > 1 {
		if wantStable > 0 {
			out.Stable = max(out.Stable, c.ActivationScale)
		}
		if wantPanic > 0 {
			out.Panic = max(out.Panic, c.ActivationScale)
		}
	}

	switch {
	case wantPanic/r >= c.PanicThreshold:
		d.PanicSince = in.Now
	case !d.PanicSince.IsZero() && d.PanicSince.Add(c.StableWindow).Before(in.Now):
		d.PanicSince, d.PanicFloor = time.Time{}, 0
	}
	out.Panicking = !d.PanicSince.IsZero()
	out.Desired = out.Stable
	if out.Panicking {
		d.PanicFloor = max(d.PanicFloor, out.Stable, out.Panic)
		out.Desired = d.PanicFloor
	}
	out.Undelayed = out.Desired
	if d.Delay != nil && !c.Unreachable {
		d.Delay.Record(floorDiv(in.Now.UnixNano(), int64(delayGrid)), float64(out.Desired))
		out.Desired = int(d.Delay.Current())
	}
	switch tbc := c.TargetBurstCapacity; {
	case tbc < 0:
		out.ExcessBurst = -1
	case tbc > 0:
		out.ExcessBurst = signed(math.Floor(float64(in.Ready)*c.TotalValue - tbc - in.Panic))
	}
}

// count converts a whole number to a count in [0, maxReplicas].
func count(x float64) int { return ceil(x) }

// signed converts a whole number, within what 32 bits hold.
func signed(x float64) int {
	return int(min(max(x, math.MinInt32), math.MaxInt32))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Needs asks for the metric over both windows.
func (c KPA) Needs() Needs {
	c = c.withDefaults()
	name, stat := InFlight, Mean
	if c.ScalingMetric == RPS {
		name = Begun
		stat = Rate
	}
	if c.Aggregation == WeightedExponential {
		stat = Weighted
	}
	return Needs{Signals: []Signal{{Name: name, Stat: stat, Window: c.StableWindow}, {Name: name, Stat: stat, Window: c.PanicWindow}}}
}

// New makes a policy that decides as a KPADecider does, every 2 s.
func (c KPA) New(at time.Time, ready int) Policy {
	return &kpa{config: c, decider: NewKPADecider(c, at, ready), beat: newBeat(at)}
}

// kpaPeriod is upstream's tick.
const kpaPeriod = 2 * time.Second

type kpa struct {
	config  KPA
	decider *KPADecider
	beat    beat
}

func (p *kpa) Decide(o Observation) (d Decision) {
	if !p.beat.due(o.Now, kpaPeriod) {
		return p.beat.repeat(&o)
	}
	p.decide(&o, &d)
	p.beat.keep(&d)
	return d
}

func (p *kpa) decide(o *Observation, d *Decision) {
	in := KPAInput{Now: o.Now, Ready: o.Ready, ReadyFailed: o.ReadyFailed}
	stable, panicked := &o.Readings[0], &o.Readings[1]
	if stable.usable() {
		in.Stable = stable.Value
	} else {
		in.NoData = !p.config.AllowNoData || stable.Quality != Missing
	}
	if panicked.usable() { // an empty panic window counts as zero
		in.Panic = panicked.Value
	}
	var out KPADecision
	p.decider.decide(&in, &out)
	if !out.Valid {
		*d = o.Hold(SignalNotOK, float64(stable.Quality))
		if o.ReadyFailed {
			*d = o.Hold(CountUnknown)
		}
		d.Verdict = NoOpinion
		return
	}
	c := &p.decider.config
	*d = o.Propose(StableWindow, out.WantStable, in.Stable, c.TargetValue)
	if out.Stable != out.WantStable {
		reason := MaxScaleDownRate
		switch {
		case out.Stable < out.WantStable:
			reason = MaxScaleUpRate
		case out.Stable == c.ActivationScale:
			reason = ActivationScale
		}
		*d = o.Amend(*d, reason, out.Stable, float64(out.WantStable), float64(out.Stable))
	}
	if out.Undelayed != out.Stable {
		*d = o.Amend(*d, Panicking, out.Undelayed, float64(out.WantPanic), float64(o.Ready))
		d.Steps[len(d.Steps)-1].Until = p.decider.PanicSince.Add(c.StableWindow)
	}
	if out.Desired != out.Undelayed {
		*d = o.Amend(*d, ScaleDownDelay, out.Desired, float64(out.Undelayed), float64(out.Desired))
	}
}

type kpaState struct {
	Decider kpaMemory
	Beat    beat
}

func (s *kpaState) valid() error { return errors.Join(s.Decider.valid(), s.Beat.valid()) }

func (p *kpa) AppendState(dst []byte) []byte {
	return appendState(dst, &kpaState{p.decider.kpaMemory, p.beat})
}

func (p *kpa) Restore(state []byte) error {
	var s kpaState
	if err := restoreState(state, &s); err != nil {
		return err
	}
	p.decider.kpaMemory, p.beat = s.Decider, s.Beat
	return nil
}

// The reasons of KPA, in its own words.
const (
	StableWindow     Reason = "stable window"       // Have: its average, Limit: TargetValue
	MaxScaleUpRate   Reason = "max scale up rate"   // Have: what is wanted, Limit: what the rate allows
	MaxScaleDownRate Reason = "max scale down rate" // the same
	ActivationScale  Reason = "activation scale"    // the same
	Panicking        Reason = "panic"               // Have: what the panic window wants, Limit: the ready count; Until: when calm returns
	ScaleDownDelay   Reason = "scale down delay"    // Have: what is wanted, Limit: the largest within the delay
)

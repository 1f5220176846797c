package policy

import (
	"fmt"
	"math"
	"time"
)

// HPA decides as the Kubernetes Horizontal Pod Autoscaler does (autoscaling/v2,
// k8s.io/kubernetes v1.37): each metric proposes a count (see HPAInput), the
// largest counts, one that fails blocks the way down, and stabilization, scaling
// policies and bounds follow (see HPADecider). ParseHPA reads one from JSON.
//
// Its quirks are its own, see HPADecider; and the multiplier of a ratio is the
// number of ready pods, so that an overloaded target of which few are ready may
// be asked to shrink.
//
// Nil and zero fields mean the documented defaults.
type HPA struct {
	MinReplicas *int         // >= 0; nil: 1. 0 needs an object or external metric
	MaxReplicas int          // >= 1 and >= MinReplicas
	Metrics     []HPAMetric  // at least one
	Behavior    *HPABehavior // nil: the path without behavior, whose rules are those of HPADecider

	Tolerance               *float64       // fraction, >= 0; nil: 0.1
	DownscaleStabilization  *time.Duration // nil: 5 min
	CPUInitializationPeriod *time.Duration // nil: 5 min
	InitialReadinessDelay   *time.Duration // nil: 30 s
	Period                  time.Duration  // between decisions; 0: 15 s
}

// HPAMetric is one metric of an HPA.
type HPAMetric struct {
	Kind      HPAMetricKind
	Name      string // the resource, or the metric
	Container string // of a resource: this container alone
	Target    int64  // percent for ResourceUtilization, else milli; > 0
}

// ofPods reports whether the metric is one of each pod.
func (m *HPAMetric) ofPods() bool { return m.Kind <= PodsMetric }

// Validate reports every fault of c.
func (c HPA) Validate() error {
	var f faults
	low := pointed(c.MinReplicas, 1)
	f.Require(low >= 0, "MinReplicas", "must be >= 0, is %d", low)
	f.Require(c.MaxReplicas >= 1 && c.MaxReplicas <= maxReplicas, "MaxReplicas", "must be in [1, %d], is %d", maxReplicas, c.MaxReplicas)
	f.Require(c.MaxReplicas >= low, "MaxReplicas", "must be >= MinReplicas %d, is %d", low, c.MaxReplicas)
	f.Require(len(c.Metrics) > 0, "Metrics", "must not be empty")
	zero := false
	for i := range c.Metrics {
		m, field := &c.Metrics[i], fmt.Sprintf("Metrics[%d]", i)
		f.Require(m.Kind <= ExternalAverage, field+".Kind", "unknown: %d", m.Kind)
		f.Require(m.Name != "", field+".Name", "must not be empty")
		f.Require(m.Container == "" || m.Kind <= ResourceValue, field+".Container", "is for resources only")
		f.Require(m.Target > 0, field+".Target", "must be > 0, is %d", m.Target)
		f.Require(m.Kind != ResourceUtilization || m.Target <= math.MaxInt32, field+".Target", "must be <= %d percent, is %d", math.MaxInt32, m.Target)
		zero = zero || !m.ofPods()
	}
	f.Require(low > 0 || zero || len(c.Metrics) == 0, "MinReplicas", "0 needs a metric of an object or an external one")
	tolerance := pointed(c.Tolerance, 0.1)
	f.Require(tolerance >= 0 && !math.IsInf(tolerance, 1), "Tolerance", "must be finite and >= 0, is %v", tolerance)
	for _, x := range []struct {
		field string
		d     *time.Duration
	}{
		{"DownscaleStabilization", c.DownscaleStabilization},
		{"CPUInitializationPeriod", c.CPUInitializationPeriod},
		{"InitialReadinessDelay", c.InitialReadinessDelay},
	} {
		f.Require(pointed(x.d, 0) >= 0, x.field, "must be >= 0, is %v", pointed(x.d, 0))
	}
	f.Require(c.Period >= 0, "Period", "must be >= 0, is %v", c.Period)
	if b := c.Behavior; b != nil {
		f.Under("Behavior.ScaleUp", b.ScaleUp.validate())
		f.Under("Behavior.ScaleDown", b.ScaleDown.validate())
	}
	return f.Err()
}

func (r *HPARules) validate() error {
	if r == nil {
		return nil
	}
	var f faults
	window := pointed(r.StabilizationWindow, 0)
	f.Require(window >= 0 && window <= time.Hour, "StabilizationWindow", "must be in [0, 1h], is %v", window)
	f.Require(r.SelectPolicy <= SelectDisabled, "SelectPolicy", "unknown: %d", r.SelectPolicy)
	tolerance := pointed(r.Tolerance, 0)
	f.Require(tolerance >= 0 && !math.IsInf(tolerance, 1), "Tolerance", "must be finite and >= 0, is %v", tolerance)
	for i, p := range r.Policies {
		field := fmt.Sprintf("Policies[%d]", i)
		f.Require(p.Value > 0 && p.Value <= maxReplicas, field+".Value", "must be in [1, %d], is %d", maxReplicas, p.Value)
		f.Require(p.Period > 0 && p.Period <= 30*time.Minute, field+".Period", "must be in (0, 30m], is %v", p.Period)
	}
	return f.Err()
}

// pointed is what p points to, or def.
func pointed[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// Needs asks for the pods of resources and pods metrics, and for a signal of
// the metric's name for the others.
func (c HPA) Needs() (n Needs) {
	for i := range c.Metrics {
		switch m := &c.Metrics[i]; {
		case m.Kind == PodsMetric:
			n.Pods = append(n.Pods, PodSignal{Metric: m.Name})
		case m.ofPods():
			n.Pods = append(n.Pods, PodSignal{Resource: m.Name, Container: m.Container})
		default:
			n.Signals = append(n.Signals, Signal{Name: m.Name})
		}
	}
	return n
}

// New makes a policy that decides as an HPADecider does, every Period.
func (c HPA) New(at time.Time, _ int) Policy {
	return &hpa{
		HPA: c, decider: NewHPADecider(c.limits()), proposals: make([]Proposed, len(c.Metrics)), external: make([]int64, 1),
		up: c.tolerance(true), down: c.tolerance(false), beat: newBeat(at),
	}
}

func (c *HPA) limits() HPALimits {
	return HPALimits{
		Min: pointed(c.MinReplicas, 1), Max: c.MaxReplicas,
		DownscaleStabilization: pointed(c.DownscaleStabilization, 5*time.Minute), Behavior: c.Behavior,
	}
}

// tolerance is that of a direction.
func (c *HPA) tolerance(up bool) float64 {
	all := pointed(c.Tolerance, 0.1)
	if c.Behavior == nil {
		return all
	}
	r := c.Behavior.ScaleDown
	if up {
		r = c.Behavior.ScaleUp
	}
	if r == nil {
		return all
	}
	return pointed(r.Tolerance, all)
}

type hpa struct {
	HPA
	decider   *HPADecider
	proposals []Proposed
	external  []int64
	up, down  float64
	beat      beat
}

func (p *hpa) Decide(o Observation) Decision {
	if !p.beat.due(o.Now, orDefault(p.Period, 15*time.Second)) {
		return p.beat.repeat(&o)
	}
	d := p.decide(o)
	p.beat.keep(&d)
	return d
}

func (p *hpa) decide(o Observation) Decision {
	best, have, limit := 0, 0.0, 0.0
	readings, pods := o.Readings, o.Pods
	for i := range p.Metrics {
		m := &p.Metrics[i]
		in := HPAInput{
			Now: o.Now, Kind: m.Kind, Target: m.Target, Resource: m.Name, Container: m.Container,
			ToleranceUp: p.up, ToleranceDown: p.down, Current: o.Desired,
			CPUInitialization:     pointed(p.CPUInitializationPeriod, 5*time.Minute),
			InitialReadinessDelay: pointed(p.InitialReadinessDelay, 30*time.Second),
		}
		if m.ofPods() {
			in.Pods, in.MetricsFailed = pods[0], pods[0] == nil
			pods = pods[1:]
		} else {
			p.ofReading(&in, readings[0], o)
			readings = readings[1:]
		}
		got, err := in.Propose()
		p.proposals[i] = Proposed{Replicas: got.Replicas, OK: err == nil && !o.ReadyFailed}
		if p.proposals[i].OK && got.Replicas >= best {
			best, have, limit = got.Replicas, float64(got.UsageMilli)/1000, float64(m.Target)/1000
			if m.Kind == ResourceUtilization {
				have, limit = float64(got.Utilization), float64(m.Target)
			}
		}
	}
	out := p.decider.Decide(o.Now, o.Desired, p.proposals)
	switch out.Result {
	case HPADisabled:
		d := o.Hold(ScalingDisabled)
		d.Verdict = NoOpinion
		return d
	case HPAFailed:
		d := o.Hold(FailedGetMetrics)
		d.Verdict = NoOpinion
		return d
	}
	d := o.Propose(TargetRatio, out.Proposal, have, limit)
	if out.Stabilized != out.Proposal {
		d = o.Amend(d, Stabilizing, out.Stabilized, float64(out.Proposal), float64(out.Stabilized))
	}
	if out.Desired != out.Stabilized || out.Limit != DesiredWithinRange {
		reason := out.Limit
		if reason == "" { // the bounds had their say before the metrics
			reason = TooFewReplicas
			if out.Desired < o.Desired {
				reason = TooManyReplicas
			}
		}
		d = o.Amend(d, reason, out.Desired, float64(out.Stabilized), float64(out.Desired))
	}
	if d.Replicas == o.Desired {
		d.Verdict = Hold
	}
	return d
}

// ofReading fills in a metric of an object or an external one.
func (p *hpa) ofReading(in *HPAInput, r Reading, o Observation) {
	in.MetricsFailed = !r.usable()
	milli := wide64(math.Round(r.Value * 1000))
	in.ObjectMilli = milli
	p.external[0] = milli
	in.ExternalMilli = p.external
	if in.Kind == ObjectAverage || in.Kind == ExternalAverage {
		in.Current = o.Current
		return
	}
	// The ready pods are counted, not looked at.
	if in.Current > 0 {
		in.ready, in.counted = o.Ready, true
	}
}

type hpaState struct {
	Decider hpaMemory
	Beat    beat
}

func (s *hpaState) valid() error { return s.Beat.valid() }

func (p *hpa) AppendState(dst []byte) []byte {
	return appendState(dst, &hpaState{p.decider.hpaMemory, p.beat})
}

func (p *hpa) Restore(state []byte) error {
	var s hpaState
	if err := restoreState(state, &s); err != nil {
		return err
	}
	p.decider.hpaMemory, p.beat = s.Decider, s.Beat
	return nil
}

// The reasons of an HPA without a decision, in its own words.
const (
	ScalingDisabled  Reason = "ScalingDisabled"  // the count was set to zero by hand
	FailedGetMetrics Reason = "FailedGetMetrics" // metrics failed that the decision would need
)

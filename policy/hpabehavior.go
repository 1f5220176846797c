package policy

import (
	"math"
	"time"
)

// HPABehavior configures how fast an HPA scales, as spec.behavior of
// autoscaling/v2. A direction that is nil has its defaults: up at once, by four
// or a doubling every 15 s; down after the downscale stabilization, all at once.
type HPABehavior struct {
	ScaleUp, ScaleDown *HPARules
}

// HPARules are the rules of one direction. A zero field means its default.
type HPARules struct {
	StabilizationWindow *time.Duration // nil: up 0, down the downscale stabilization; >= 0
	SelectPolicy        HPASelect      // zero: the most change that a policy allows
	Policies            []HPAPolicy    // empty: the default list
	Tolerance           *float64       // nil: HPA's; >= 0
}

// HPASelect chooses among the policies of a direction.
type HPASelect uint8

// The choices: by the amount of change.
const (
	SelectMax HPASelect = iota
	SelectMin
	SelectDisabled // no change in this direction
)

// HPAPolicy allows a change within any Period.
type HPAPolicy struct {
	Percent bool          // Value is percent of the count at the start, not pods
	Value   int           // > 0
	Period  time.Duration // in (0, 30 min]
}

// An HPAResult is what came of one reconcile.
type HPAResult uint8

// The results.
const (
	HPAUnchanged HPAResult = iota
	HPAScaled
	HPAFailed   // the metrics allowed no decision
	HPAPartial  // some metrics failed; decided by the others
	HPADisabled // the count was set to zero by hand
)

// HPALimits are the bounds and the behavior of an HPADecider.
type HPALimits struct {
	Min, Max               int           // 0 <= Min <= Max
	DownscaleStabilization time.Duration // >= 0; upstream 5 min
	Behavior               *HPABehavior  // nil: the path without behavior
}

// A Proposed count is what one metric asks for, if it could be computed.
type Proposed struct {
	Replicas int  // >= 0
	OK       bool // false: the metric failed
}

// HPADecision is an HPADecider's answer.
type HPADecision struct {
	Desired      int // the count to set; the present one where nothing was decided
	Result       HPAResult
	Limit        Reason // which limit decided, in the original's words; "" if none was looked at
	ScaledToZero bool   // the controller itself took the count to zero, and may wake it
	Proposal     int    // the largest of the metrics', before stabilization
	Stabilized   int    // after it
}

// HPADecider is the exact core of the Kubernetes HPA's reconcile step after the
// metrics (k8s.io/kubernetes v1.37, pkg/controller/podautoscaler): stabilization,
// scaling policies and bounds. NewHPADecider makes one; it serves one goroutine.
//
// Among its quirks: it remembers proposals before they are stabilized; the down
// window may hold the count above the present one; scale events reuse slots by
// their own direction's longest period, so that the other direction's longer
// periods may lose some.
type HPADecider struct {
	limits HPALimits
	hpaMemory
}

type hpaMemory struct {
	Begun        bool
	Recent       []recommendation `json:",omitempty"` // unordered: old entries are overwritten
	Ups, Downs   []hpaEvent       `json:",omitempty"`
	ScaledToZero bool
}

type hpaEvent struct {
	At       time.Time
	Size     int
	Outdated bool
}

// NewHPADecider returns a decider without a history. l must be valid.
func NewHPADecider(l HPALimits) *HPADecider { return &HPADecider{limits: l} }

// Update replaces the limits and keeps the history.
func (d *HPADecider) Update(l HPALimits) { d.limits = l }

// Decide makes one reconcile. current is the wanted count found on the target;
// now never goes back.
func (d *HPADecider) Decide(now time.Time, current int, proposals []Proposed) HPADecision {
	l := &d.limits
	if !d.Begun {
		d.Begun = true
		d.Recent = append(d.Recent, recommendation{now, current})
	}
	out := HPADecision{Desired: current, ScaledToZero: d.ScaledToZero, Proposal: current, Stabilized: current}
	switch {
	case current == 0 && !d.ScaledToZero:
		out.Result = HPADisabled
		return out
	case current > l.Max:
		out.Desired = l.Max
	case 0 < current && current < l.Min:
		out.Desired = l.Min
	default:
		best, failed, any := 0, 0, false
		for _, p := range proposals {
			switch {
			case !p.OK:
				failed++
			case !any || p.Replicas > best:
				best, any = p.Replicas, true
			}
		}
		if !any || failed > 0 && best < current {
			out.Result = HPAFailed
			return out
		}
		out.Proposal = max(best, 0)
		if failed > 0 {
			out.Result = HPAPartial
		}
		if l.Behavior == nil {
			d.plain(now, current, &out)
		} else {
			d.behave(now, current, &out)
		}
		if current == 0 && l.Min > 0 && out.Desired < l.Min {
			out.Desired = l.Min // woken by a raised minimum
		}
	}
	if out.Desired == current {
		return out
	}
	if out.Result == HPAUnchanged {
		out.Result = HPAScaled
	}
	if l.Behavior != nil {
		if by := out.Desired - current; by > 0 {
			d.Ups = note(d.Ups, now, by, longest(l.up().policies))
		} else {
			d.Downs = note(d.Downs, now, -by, longest(l.down().policies))
		}
	}
	d.ScaledToZero = current > 0 && out.Desired == 0 && l.Min == 0
	out.ScaledToZero = d.ScaledToZero
	return out
}

// plain is the path without behavior.
func (d *HPADecider) plain(now time.Time, current int, out *HPADecision) {
	l := &d.limits
	x := out.Proposal
	old := -1
	for i, r := range d.Recent {
		if now.Sub(r.At) > l.DownscaleStabilization {
			old = i
		} else {
			x = max(x, r.N)
		}
	}
	d.remember(now, out.Proposal, old)
	out.Stabilized = x
	limit := max(2*current, 4)
	switch high := min(l.Max, limit); {
	case x < l.Min:
		out.Desired, out.Limit = l.Min, TooFewReplicas
	case x > high:
		out.Desired, out.Limit = high, TooManyReplicas
		if l.Max > limit {
			out.Limit = ScaleUpLimit
		}
	default:
		out.Desired, out.Limit = x, DesiredWithinRange
	}
}

// behave is the path with behavior.
func (d *HPADecider) behave(now time.Time, current int, out *HPADecision) {
	l := &d.limits
	up, down := l.up(), l.down()
	low, high, old := out.Proposal, out.Proposal, -1
	for i, r := range d.Recent {
		age := now.Sub(r.At)
		if age < up.window {
			low = min(low, r.N)
		}
		if age < down.window {
			high = max(high, r.N)
		}
		if age > up.window && age > down.window {
			old = i
		}
	}
	x := min(max(current, low), high)
	d.remember(now, out.Proposal, old)
	out.Stabilized, out.Desired, out.Limit = x, x, DesiredWithinRange
	switch {
	case x > current:
		limit := max(d.limit(now, current, up, true), current)
		m, reason := min(l.Max, limit), TooManyReplicas
		if l.Max > limit {
			reason = ScaleUpLimit
		}
		if x > m {
			out.Desired, out.Limit = m, reason
		}
	case x < current:
		limit := min(d.limit(now, current, down, false), current)
		m, reason := max(l.Min, limit), TooFewReplicas
		if l.Min < limit {
			reason = ScaleDownLimit
		}
		if x < m {
			out.Desired, out.Limit = m, reason
		}
	}
}

// remember notes a proposal in place of the old entry of the highest position.
func (d *HPADecider) remember(now time.Time, n, old int) {
	if old >= 0 {
		d.Recent[old] = recommendation{now, n}
		return
	}
	d.Recent = append(d.Recent, recommendation{now, n})
}

// start is the count at the beginning of a period: what happened within it,
// either way, is taken back.
func (d *HPADecider) start(now time.Time, current int, period time.Duration) int {
	for _, e := range d.Ups {
		if now.Sub(e.At) < period {
			current -= e.Size
		}
	}
	for _, e := range d.Downs {
		if now.Sub(e.At) < period {
			current += e.Size
		}
	}
	return current
}

// limit is how far the policies of a direction allow the count to go. Max picks
// the policy that allows the largest change, Min the smallest.
func (d *HPADecider) limit(now time.Time, current int, r hpaRules, up bool) int {
	if r.pick == SelectDisabled {
		return current
	}
	highest := up == (r.pick == SelectMax)
	limit := math.MaxInt
	if highest {
		limit = math.MinInt
	}
	sign := -1
	if up {
		sign = 1
	}
	for _, p := range r.policies {
		n := d.start(now, current, p.Period)
		switch {
		case !p.Percent:
			n += sign * p.Value
		case up:
			n = wide(math.Ceil(float64(n) * (1 + float64(p.Value)/100)))
		default:
			n = wide(math.Trunc(float64(n) * (1 - float64(p.Value)/100)))
		}
		if highest {
			limit = max(limit, n)
		} else {
			limit = min(limit, n)
		}
	}
	return limit
}

// note stores an event in place of the outdated one of the highest position.
func note(events []hpaEvent, now time.Time, size int, longest time.Duration) []hpaEvent {
	slot := -1
	for i := range events {
		if now.Sub(events[i].At) > longest {
			events[i].Outdated = true
		}
		if events[i].Outdated {
			slot = i
		}
	}
	if slot < 0 {
		return append(events, hpaEvent{At: now, Size: size})
	}
	events[slot] = hpaEvent{At: now, Size: size}
	return events
}

func longest(policies []HPAPolicy) (d time.Duration) {
	for _, p := range policies {
		d = max(d, p.Period)
	}
	return d
}

// hpaRules are HPARules with their defaults.
type hpaRules struct {
	window   time.Duration
	pick     HPASelect
	policies []HPAPolicy
}

var (
	defaultUpPolicies   = []HPAPolicy{{Value: 4, Period: 15 * time.Second}, {Percent: true, Value: 100, Period: 15 * time.Second}}
	defaultDownPolicies = []HPAPolicy{{Percent: true, Value: 100, Period: 15 * time.Second}}
)

func (l *HPALimits) up() hpaRules {
	return l.Behavior.ScaleUp.withDefaults(0, defaultUpPolicies)
}

func (l *HPALimits) down() hpaRules {
	return l.Behavior.ScaleDown.withDefaults(l.DownscaleStabilization, defaultDownPolicies)
}

func (r *HPARules) withDefaults(window time.Duration, policies []HPAPolicy) hpaRules {
	out := hpaRules{window: window, policies: policies}
	if r == nil {
		return out
	}
	out.pick = r.SelectPolicy
	if r.StabilizationWindow != nil {
		out.window = *r.StabilizationWindow
	}
	if len(r.Policies) > 0 {
		out.policies = r.Policies
	}
	return out
}

// The reasons of the HPA, in its own words.
const (
	DesiredWithinRange Reason = "DesiredWithinRange"
	TooFewReplicas     Reason = "TooFewReplicas"
	TooManyReplicas    Reason = "TooManyReplicas"
	ScaleUpLimit       Reason = "ScaleUpLimit"
	ScaleDownLimit     Reason = "ScaleDownLimit"
)

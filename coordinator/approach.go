package coordinator

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/internal/check"
	"github.com/bellows-go/bellows/policy"
)

// An Approach is a way to scale models and the servers that host them, as plain
// data. There are four; see [Recommend] for which to choose:
//
//   - [ByLag]: requests in flight scale the models, as Seldon Core 2 does itself,
//     and servers follow. Choose it to keep what Seldon's users are used to.
//   - [ByMetric]: a metric of your choice scales the models, as the Kubernetes HPA
//     does, and servers follow. Choose it when load is better told by something
//     other than requests, and a metric store has it.
//   - [OneToOne]: each server is there for one replica of one model. One decision
//     scales both. Choose it when models share no servers.
//   - [BothWays]: requests in flight, and whatever else you add, scale the models
//     up at once and down with care; half empty servers are emptied. Choose it
//     when nothing speaks against it.
//
// In all of them servers follow by packing: there are as many as the replicas
// need, in every resource.
type Approach interface {
	// Validate reports every fault of the approach, each with its field path.
	Validate() error
	// Declare returns d with a policy on each model that has none; models that have
	// one, or a fixed count, keep it. The slices of d are not changed. The error names every fault of
	// the approach and of the declarations that come out.
	Declare(d Declarations) (Declarations, error)
	String() string
}

// ByLag scales models by one replica at a time on what is in flight, as
// [policy.SeldonLag] does, within the bounds of each. Up when the ready replicas
// have LagThreshold each; down when no request has begun for Inactive, so never
// under constant light load; and never below one.
//
// The zero value of a field is the default of policy.SeldonLag.
type ByLag struct {
	LagThreshold float64       // in flight per ready replica; finite, >= 0; 0 is 30
	Inactive     time.Duration // without a request begun; >= 0; 0 is 600 s
	Period       time.Duration // between decisions; >= 0; 0 is 20 s
	CoolDown     time.Duration // before a step down, since the last change; >= 0; 0 is 60 s
}

func (a ByLag) String() string { return "lag scales models, servers follow" }

// Validate reports every fault of a.
func (a ByLag) Validate() error { return a.policy(&Model{Min: 1}).Validate() }

func (a ByLag) policy(m *Model) policy.Config {
	return policy.SeldonLag{Min: m.Min, Max: m.Max, LagThreshold: a.LagThreshold, Inactive: a.Inactive, Period: a.Period, CoolDown: a.CoolDown}
}

// Declare implements [Approach].
func (a ByLag) Declare(d Declarations) (Declarations, error) {
	return declare("ByLag", d, a.Validate(), a.policy)
}

// ByMetric scales models as the Kubernetes HPA does on one metric, within the
// bounds of each: the metric, summed over the model, divided by Target. That is
// an average value on purpose: a target for the sum is multiplied by the
// replicas there are, which goes wrong where not all of them are ready.
//
// Target is what one replica carries when it is saturated, less a margin. Let
// Behavior add no faster than replicas become ready.
type ByMetric struct {
	// Metric is the name of the series, as the MetricSource knows it: a level or a
	// rate, not a count since some start. Not empty.
	Metric   string
	Target   float64             // per replica, in the metric's unit, rounded to thousandths; [0.001, 1e12]
	Behavior *policy.HPABehavior // nil: that of an HPA without one: up at once, down after 5 min
}

func (a ByMetric) String() string { return "a custom metric scales models, servers follow" }

// Validate reports every fault of a.
func (a ByMetric) Validate() error {
	var f check.Faults
	f.Require(a.Metric != "", "Metric", "must not be empty")
	f.Require(a.Target >= 0.001 && a.Target <= 1e12, "Target", "must be in [0.001, 1e12], is %v", a.Target)
	probe := policy.HPA{MaxReplicas: 1, Behavior: a.Behavior, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "any", Target: 1}}}
	f.Add(probe.Validate())
	return f.Err()
}

func (a ByMetric) policy(m *Model) policy.Config {
	low := m.Min
	return policy.HPA{
		MinReplicas: &low, MaxReplicas: m.Max, Behavior: a.Behavior,
		Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: a.Metric, Target: int64(math.Round(a.Target * 1000))}},
	}
}

// Declare implements [Approach].
func (a ByMetric) Declare(d Declarations) (Declarations, error) {
	return declare("ByMetric", d, a.Validate(), a.policy)
}

// OneToOne scales each model and its server group by one decision, that of the
// approach Of: see [ServerGroup].OneToOne. Nothing else sizes the group, so the
// two never drift apart, and there is nothing to keep equal but the bounds,
// which Declare refuses when they differ. A group without bounds (Max 0) gets
// its model's, a model without needs gets a whole server.
type OneToOne struct {
	Of Approach // must be set, and no OneToOne
}

func (a OneToOne) String() string {
	if a.Of == nil {
		return "one model per server, both scaled on one decision"
	}
	return "one model per server, both scaled on one decision: " + a.Of.String()
}

// Validate reports every fault of a.
func (a OneToOne) Validate() error {
	var f check.Faults
	if _, again := a.Of.(OneToOne); a.Of == nil || again {
		f.Require(false, "Of", "must be another approach")
	} else {
		f.Under("Of", a.Of.Validate())
	}
	return f.Err()
}

// Declare implements [Approach].
func (a OneToOne) Declare(d Declarations) (Declarations, error) {
	d.Models, d.Groups = slices.Clone(d.Models), slices.Clone(d.Groups)
	for i := range d.Groups {
		g := &d.Groups[i]
		g.OneToOne = true
		for j := range d.Models {
			m := &d.Models[j]
			if m.Group != g.Name {
				continue
			}
			if m.Needs == nil {
				m.Needs = maps.Clone(g.Capacity)
			}
			if g.Max == 0 && g.Min == 0 {
				g.Min, g.Max = m.bounds()
			}
		}
	}
	if err := a.Validate(); err != nil {
		return declare("OneToOne", d, err, nil)
	}
	return a.Of.Declare(d)
}

// BothWays scales models on what is in flight, up at once and down with care,
// on one signal in both directions: a model under constant light load shrinks
// although it is never idle. Servers that are half empty when demand has fallen
// are emptied, see [Consolidation].
//
// The zero value is ready for use where every model says its Slots.
type BothWays struct {
	// InFlight is how many requests each replica should have in flight, waiting ones
	// included; finite, >= 0. 0 is four fifths of the model's Slots, which must be
	// known then.
	InFlight  float64
	Tolerance float64 // fraction of InFlight to ignore either way; [0, 1); 0 is 0.1
	// Window is over how long requests in flight are averaged; >= 0. 0 takes the
	// last reading as it is, which is the quickest, and takes a stall of a moment for
	// load.
	Window time.Duration
	// Calm is for how long the load must have been low before replicas go; >= 0. 0
	// is 2 min.
	Calm time.Duration
	// Reversals is how many steps down may follow a step up in any hour; [0, 1000].
	// 0 is 12.
	Reversals int
	// Sleep, if > 0, is for how long no request must have come before a model whose
	// Min is 0 has none; until then it keeps one. 0: it falls to zero as the load
	// does.
	Sleep time.Duration
	// With are further opinions on every model: the highest count is taken, and then
	// calmed. A forecast, or a policy that keeps a latency, belongs here.
	With []policy.Config
}

func (a BothWays) String() string {
	return "requests in flight scale models both ways, servers follow and are emptied"
}

// Validate reports every fault of a.
func (a BothWays) Validate() error {
	var f check.Faults
	f.Require(a.InFlight >= 0 && !math.IsInf(a.InFlight, 1), "InFlight", "must be finite and >= 0, is %v", a.InFlight)
	f.Require(a.Tolerance >= 0 && a.Tolerance < 1, "Tolerance", "must be in [0, 1), is %v", a.Tolerance)
	f.Require(a.Window >= 0, "Window", "must be >= 0, is %v", a.Window)
	f.Require(a.Calm >= 0, "Calm", "must be >= 0, is %v", a.Calm)
	f.Require(a.Reversals >= 0 && a.Reversals <= 1000, "Reversals", "must be in [0, 1000], is %d", a.Reversals)
	f.Require(a.Sleep >= 0, "Sleep", "must be >= 0, is %v", a.Sleep)
	for i, c := range a.With {
		if c == nil {
			f.Require(false, path("With", i), "must be set")
			continue
		}
		f.Under(path("With", i), c.Validate())
	}
	return f.Err()
}

// slotsUsed is the part of a model's slots that BothWays aims at by itself.
const slotsUsed = 0.8

func (a BothWays) policy(m *Model) policy.Config {
	value := a.InFlight
	if value == 0 {
		value = slotsUsed * float64(m.Slots)
	}
	if !(value > 0) {
		return nil // there is nothing to go by
	}
	load := policy.Signal{Name: policy.InFlight}
	if a.Window > 0 {
		load.Stat, load.Window = policy.Mean, a.Window
	}
	var c policy.Config = policy.Track{Signal: load, Value: value, Tolerance: orElse(a.Tolerance, 0.1)}
	if len(a.With) > 0 {
		c = append(policy.Highest{c}, a.With...)
	}
	c = policy.Stabilize{Down: orElse(a.Calm, 2*time.Minute), Of: c}
	c = policy.FlapBudget{Reversals: orElse(a.Reversals, 12), Per: time.Hour, Of: c}
	if a.Sleep > 0 && m.Min == 0 {
		c = policy.Idle{After: a.Sleep, Of: c}
	}
	return c
}

// Declare implements [Approach].
func (a BothWays) Declare(d Declarations) (Declarations, error) {
	return declare("BothWays", d, a.Validate(), a.policy)
}

// declare gives the models of d their policies. bad are the faults of the
// approach itself; it then makes no policies, and d is checked with others.
func declare(name string, d Declarations, bad error, policyOf func(*Model) policy.Config) (Declarations, error) {
	var f check.Faults
	f.Under(name, bad)
	d.Models, d.Groups = slices.Clone(d.Models), slices.Clone(d.Groups)
	for i := range d.Models {
		m := &d.Models[i]
		if m.Policy != nil || m.Max == 0 {
			continue // it has its own, or a fixed count
		}
		if stand := (policy.SeldonLag{Min: 1}); bad != nil || m.Min < 0 || m.Max < m.Min {
			m.Policy = stand // what is wrong is told below its own path
		} else if m.Policy = policyOf(m); m.Policy == nil {
			f.Require(false, path("Models", i)+".Slots", "must be known where BothWays.InFlight is 0")
			m.Policy = stand
		}
	}
	f.Add(d.Validate())
	if err := f.Err(); err != nil {
		return Declarations{}, fmt.Errorf("coordinator: approach: %w", err)
	}
	return d, nil
}

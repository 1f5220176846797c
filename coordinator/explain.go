package coordinator

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// A Decided is one decision about a model that changed something: its count, or
// the rule that has the last word.
type Decided struct {
	At           time.Time
	Was, Desired int
	Readings     []policy.Reading // as the policy saw them, in the order of its Needs
	Steps        []policy.Step
}

// String reads like "6: target ratio 4->9; above max 9->6".
func (d Decided) String() string {
	return policy.Decision{Replicas: d.Desired, Steps: d.Steps}.String()
}

// A WhatIf is what would change a model's count.
type WhatIf struct {
	// Signal, if it has a name, is the one that would have to read Reading or
	// beyond for For, all else as it is. Bound is "min", "max" or "useful"
	// otherwise, and would have to be Reading.
	Signal  policy.Signal
	Bound   string
	Reading float64
	For     time.Duration // until the count changes; 0 at the next tick
	Desired int           // what it would then be
}

// String reads like "7 if mean(in_flight[1m0s]) were 61.2 for 20s", or "9 if max
// were 9".
func (w WhatIf) String() string {
	what := w.Bound
	if w.Signal.Name != "" {
		what = w.Signal.String()
	}
	s := fmt.Sprintf("%d if %s were %s", w.Desired, what, strconv.FormatFloat(w.Reading, 'g', 4, 64))
	if w.For > 0 {
		s += " for " + w.For.String()
	}
	return s
}

// An Explained is everything that is known of why a model has the count it has.
type Explained struct {
	ModelPlan // of the last plan; a copy
	Status    Status
	Signals   []policy.Signal // of ModelPlan.Readings
	// ShadowSignals are those of the readings of each of ModelPlan.Shadows.
	ShadowSignals [][]policy.Signal
	Min, Max      int
	Frozen        time.Time // the count stands until then; zero: it does not
	Now           []Action  // on the model, of the last plan
	Later         []Waiting
	Refused       []Refusal
	Budgets       []BudgetPlan // that cover the model
	History       []Decided    // oldest first
	WhatIfs       []WhatIf     // ups before downs; of a count that a budget cut, no ups
}

// Explain tells all about a model as of the last plan. It changes nothing, and
// takes some milliseconds: what would change the count is found by asking a copy
// of the policy, where it is a policy.Saver. The error says that nobody declared
// the model, or that no plan has been made.
func (p *Planner) Explain(model string) (Explained, error) {
	m := p.byName[model]
	if m == nil {
		return Explained{}, fmt.Errorf("coordinator: explain: no model %q is declared", model)
	}
	i := slices.IndexFunc(p.plan.Models, func(mp ModelPlan) bool { return mp.Model == model })
	if i < 0 {
		return Explained{}, fmt.Errorf("coordinator: explain: model %q is in no plan yet", model)
	}
	plan := p.plan.Clone()
	e := Explained{
		ModelPlan: plan.Models[i], Signals: slices.Clone(m.needs.Signals), Min: m.low, Max: m.high,
		History: slices.Clone(m.history), ShadowSignals: m.shadowSignals(),
	}
	e.Status, _ = p.Status(model) // it is declared
	if p.last.Before(m.frozen) {
		e.Frozen = m.frozen
	}
	for _, a := range plan.Now {
		if a.Model == model {
			e.Now = append(e.Now, a)
		}
	}
	for _, a := range plan.Later {
		if a.Model == model {
			e.Later = append(e.Later, a)
		}
	}
	for _, r := range plan.Refused {
		if r.Class == model {
			e.Refused = append(e.Refused, r)
		}
	}
	e.Budgets = p.budgetsOf(m, plan.Budgets)
	e.WhatIfs = m.whatIfs(p.observation(m, p.last))
	if steps := e.Decision.Steps; len(steps) > 0 {
		last := steps[len(steps)-1].Reason
		if slices.ContainsFunc(e.Budgets, func(b BudgetPlan) bool { return last == BudgetReason(b.Budget) }) {
			// More load would not be given more.
			e.WhatIfs = slices.DeleteFunc(e.WhatIfs, func(w WhatIf) bool { return w.Desired > m.desired })
		}
	}
	return e, nil
}

// record keeps a decision that changed something.
func (t *scaled) record(at time.Time, d policy.Decision, keep int) {
	last := d.Steps[len(d.Steps)-1].Reason
	if len(t.history) > 0 && d.Replicas == t.desired && last == t.said {
		return
	}
	t.said = last
	if len(t.history) >= keep {
		t.history = append(t.history[:0], t.history[1:]...)
	}
	t.history = append(t.history, Decided{At: at, Was: t.desired, Desired: d.Replicas, Readings: slices.Clone(t.readings), Steps: slices.Clone(d.Steps)})
}

// How far and how finely a WhatIf is looked for.
const (
	whatIfTicks     = 150 // of whatIfTick each
	whatIfTick      = 2 * time.Second
	whatIfDoublings = 30
	whatIfHalvings  = 24
)

// whatIfs asks copies of the target's policy what would change its count; o is
// what is seen of it.
func (t *scaled) whatIfs(o policy.Observation) (found []WhatIf) {
	saver, ok := t.policy.(policy.Saver)
	if !ok || o.ReadyFailed {
		return nil
	}
	state := saver.AppendState(nil)
	for _, up := range []bool{true, false} {
		for i, r := range t.readings {
			if r.Quality != policy.OK {
				continue
			}
			if w, ok := t.whatIf(o, state, i, up); ok {
				w.Signal = t.needs.Signals[i]
				found = append(found, w)
			}
		}
		if w, ok := t.otherBound(up); ok {
			found = append(found, w)
		}
	}
	return found
}

// otherBound is the bound that had the last word, as far as the policy would go.
func (t *scaled) otherBound(up bool) (WhatIf, bool) {
	if len(t.history) == 0 {
		return WhatIf{}, false
	}
	steps := t.history[len(t.history)-1].Steps
	last := steps[len(steps)-1]
	switch {
	case up && last.Reason == BeyondUseful && t.desired == t.most():
		return WhatIf{Bound: "useful", Reading: float64(last.From), Desired: last.From}, true
	case up && last.Reason == policy.AboveMax && t.desired == t.high:
		return WhatIf{Bound: "max", Reading: float64(last.From), Desired: last.From}, true
	case !up && last.Reason == policy.BelowMin && t.desired == t.low:
		return WhatIf{Bound: "min", Reading: float64(last.From), Desired: last.From}, true
	}
	return WhatIf{}, false
}

// whatIf looks for the reading number i nearest to the present one that moves
// the count up or down.
func (t *scaled) whatIf(o policy.Observation, state []byte, i int, up bool) (w WhatIf, ok bool) {
	at := t.readings[i].Value
	moves := func(v float64) bool {
		n, after, ok := t.probe(o, state, i, v)
		if !ok || up && n <= t.desired || !up && n >= t.desired {
			return false
		}
		w.Reading, w.For, w.Desired = v, after, n
		return true
	}
	if up {
		step := max(math.Abs(at), 1) / 64
		near, far := at, at+step
		for k := 0; !moves(far); k++ {
			if k == whatIfDoublings {
				return w, false
			}
			step *= 2
			near, far = far, at+step
		}
		narrow(near, far, moves)
		return w, true
	}
	if at <= 0 || !moves(0) {
		return w, false
	}
	narrow(at, 0, moves)
	return w, true
}

// narrow halves the gap between a value that does not move the count and one
// that does; the last call of moves that was true tells what was found.
func narrow(still, moving float64, moves func(float64) bool) {
	for range whatIfHalvings {
		middle := still + (moving-still)/2
		if moves(middle) {
			moving = middle
		} else {
			still = middle
		}
	}
	moves(moving)
}

// probe asks a copy of the policy tick by tick, with reading i held at v and all
// else as in the last plan, until the count would change. Bounds hold.
func (t *scaled) probe(o policy.Observation, state []byte, i int, v float64) (n int, after time.Duration, ok bool) {
	now := o.Now
	twin := t.newPolicy(now, o.Ready)
	saver, isSaver := twin.(policy.Saver)
	if !isSaver || restorePolicy(saver, state) != nil {
		return 0, 0, false
	}
	readings := slices.Clone(t.readings)
	readings[i].Value = v
	o.Readings, o.Pods = readings, t.pods
	steps := make([]policy.Step, 0, 16)
	for tick := 1; tick <= whatIfTicks; tick++ {
		o.Now = now.Add(time.Duration(tick) * whatIfTick)
		for j := range readings {
			readings[j].At = o.Now
		}
		d, err := ask(twin, o.Lend(steps))
		if err != nil {
			return 0, 0, false
		}
		if d.Verdict != policy.Propose {
			continue
		}
		if n = t.clamp(d.Replicas); n != t.desired {
			return n, time.Duration(tick-1) * whatIfTick, true
		}
	}
	return t.desired, 0, true
}

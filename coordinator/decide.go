package coordinator

import (
	"fmt"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// Freeze keeps the desired count of a model, or the number of servers of a
// group, as it is until an instant, whatever its policy says; bounds still hold.
// An instant that has passed, the zero time for one, ends a freeze. The error
// says that nobody declared the target.
func (p *Planner) Freeze(target TargetID, until time.Time) error {
	if target.Kind == TargetModel {
		if m := p.byName[target.Name]; m != nil {
			m.frozen = until
			return nil
		}
	}
	for _, g := range p.groups {
		if target.Kind == TargetGroup && g.Name == target.Name {
			g.frozen = until
			return nil
		}
	}
	return fmt.Errorf("coordinator: freeze: no %v is declared", target)
}

// decide asks the model's policy and keeps the laws around it.
func (p *Planner) decide(m *model, s *Snapshot) {
	seen := m.group.state != nil
	ordered := m.loading + m.loaded
	first := m.policy == nil
	if first {
		if !seen {
			p.plan.Models = append(p.plan.Models, ModelPlan{Model: m.Name, Group: m.group.Name, Was: m.desired, Desired: m.desired, Unseen: true})
			return // no history and nothing seen: nothing is known of it
		}
		// What comes in place of others is not wanted besides them.
		m.desired = min(max(m.desired, m.serving, m.serving-m.leaving+ordered, m.Min), m.Max)
		m.policy = m.newPolicy(s.Now)
		m.steps = make([]policy.Step, 0, 8)
	}
	ordered = max(ordered, m.desired-m.refused-m.serving)
	// What is beyond the desired count goes, or comes in place of what goes: while
	// replicas are replaced it is no capacity to count on.
	ready := min(m.serving, m.desired)
	starting := min(ordered, m.desired-ready)
	o := policy.Observation{
		Now: s.Now, Desired: m.desired, Current: ready + starting,
		Ready: ready, Starting: starting, Draining: m.draining, ReadyFailed: !seen,
		Slots: m.Slots, Lead: m.lead(), Readings: m.readings, Pods: m.pods,
	}
	silent := m.seePods()
	for i, f := range m.feeds {
		m.readings[i] = f.reading(m.indexes[i], s.Now, p.tick, p.options.Stale, s.ReadFailed)
		if m.readings[i].Quality != policy.OK {
			silent++
		}
	}
	if m.seconds != nil {
		o.Seconds = m.seconds.ready(s.Now, m.begun.until(), p.options.Stale)
	}
	o = o.Lend(m.steps)
	d, err := ask(m.policy, o)
	if err != nil {
		p.fault("model %s: policy: %v", m.Name, err)
	}
	if m.seconds != nil {
		m.seconds.drop(len(o.Seconds))
	}
	d = m.guard(o, d, silent, seen, first)
	if n := cap(d.Steps); n > cap(m.steps) {
		m.steps = make([]policy.Step, 0, n) // so that the next decision fits
	}
	p.plan.Models = append(p.plan.Models, ModelPlan{
		Model: m.Name, Group: m.group.Name, Was: m.desired, Desired: d.Replicas, Ready: m.serving, Starting: ordered, Draining: m.draining,
		Unseen: !seen, Decision: d, Readings: m.readings,
	})
	m.record(s.Now, d, p.options.History)
	if d.Replicas != m.desired {
		m.group.changed = s.Now // even where as many serve already
	}
	m.desired = d.Replicas
}

// guard keeps the laws around a policy's decision: silence is not idleness,
// nothing shrinks at first sight, a freeze holds, and bounds do above all.
func (m *model) guard(o policy.Observation, d policy.Decision, silent int, seen, first bool) policy.Decision {
	if d.Verdict != policy.Propose {
		d.Replicas = m.desired // whatever it says
	}
	if m.host != nil && d.Replicas > m.host.desired {
		d = o.Amend(d, WithHost, m.host.desired, float64(d.Replicas), float64(m.host.desired))
	}
	if d.Replicas < m.desired && (silent > 0 || !seen) {
		d = o.Amend(d, Silence, m.desired, float64(silent))
	}
	if d.Replicas < m.desired && (first || !m.group.complete && seen) {
		d = o.Amend(d, FirstSight, m.desired)
	}
	if o.Now.Before(m.frozen) && d.Replicas != m.desired {
		d = o.Amend(d, policy.Frozen, m.desired, float64(d.Replicas), float64(m.desired))
		d.Steps[len(d.Steps)-1].Until = m.frozen
	}
	if d.Replicas > m.Max {
		d = o.Amend(d, policy.AboveMax, m.Max, float64(d.Replicas), float64(m.Max))
	} else if d.Replicas < m.Min {
		d = o.Amend(d, policy.BelowMin, m.Min, float64(d.Replicas), float64(m.Min))
	}
	return d
}

// newPolicy makes the model's policy; one that panics is replaced by one that holds
// and says so.
func (m *model) newPolicy(at time.Time) (made policy.Policy) {
	defer func() {
		if v := recover(); v != nil {
			made = panicked{fmt.Sprint(v)}
		}
	}()
	return m.Policy.New(at, m.serving)
}

// panicked is what stands for a policy whose New panicked.
type panicked struct{ with string }

func (p panicked) Decide(policy.Observation) policy.Decision { panic("in New: " + p.with) }

// ask asks a policy, which may be a user's. A panic is contained: the target is
// held, and the error says why. A decision without steps is no explanation.
func ask(p policy.Policy, o policy.Observation) (d policy.Decision, err error) {
	defer func() {
		if v := recover(); v != nil {
			d, err = o.Hold(PolicyPanicked), fmt.Errorf("panic: %v", v)
		}
	}()
	d = p.Decide(o)
	if len(d.Steps) == 0 {
		return o.Hold(Unexplained), fmt.Errorf("a decision for %d without a step", d.Replicas)
	}
	return d, nil
}

package coordinator

import (
	"fmt"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// Freeze keeps the desired count of a model or service, or the number of servers
// of a group, as it is until an instant, whatever its policy says; bounds still
// hold. An instant that has passed, the zero time for one, ends a freeze. A group
// that hosts its model one to one freezes with the model. The error says that
// nobody declared the target.
func (p *Planner) Freeze(target TargetID, until time.Time) error {
	if target.Kind == TargetModel {
		if m := p.byName[target.Name]; m != nil {
			m.frozen = until
			return nil
		}
	}
	if target.Kind == TargetService {
		if s := p.service(target.Name); s != nil {
			s.frozen = until
			return nil
		}
	}
	for _, g := range p.groups {
		if target.Kind == TargetGroup && g.Name == target.Name {
			if g.OneToOne { // the group itself is never frozen: its servers follow
				g.models[0].frozen = until
				return nil
			}
			g.frozen = until
			return nil
		}
	}
	return fmt.Errorf("coordinator: freeze: no %v is declared", target)
}

// decide asks the model's policy and keeps the laws around it.
func (p *Planner) decide(m *model, s *Snapshot) {
	seen := m.group.state != nil
	m.before = m.desired
	if m.seen = seen; seen {
		m.current = m.serves()
		if n := m.current; m.hears != nil && n >= m.desired {
			m.wishes.observe(m.desired, m.desired, m.desired) // more than that fill room
		} else {
			m.wishes.observe(m.serving, n, m.desired)
		}
	}
	first := m.policy == nil
	if first {
		if !seen || m.hidden(s.Now, p.options.StartupWait) {
			m.seen = false
			p.plan.Models = append(p.plan.Models, ModelPlan{Model: m.Name, Group: m.group.Name, Was: m.desired, Desired: m.desired, Unseen: true})
			return // no history and nothing seen: nothing is known of it
		}
		// What comes in place of others is not wanted besides them.
		m.begin(s.Now, max(m.serving, m.serving-m.leaving+m.loading+m.loaded), m.serving)
	}
	o := p.observation(m, s.Now)
	if h := m.use.inFlight; m.hears != nil {
		m.use.read(h.feed.reading(h.index, s.Now, p.tick, p.options.Stale, s.ReadFailed), s.Now)
	}
	d := p.consult(&m.scaled, o, s, first || !m.group.complete && seen)
	if m.hears != nil {
		d = m.warm(o, d)
		m.use.seen = o
		m.use.seen.Readings, m.use.seen.Pods = m.readings, m.pods
	}
	p.plan.Models = append(p.plan.Models, ModelPlan{
		Model: m.Name, Group: m.group.Name, Was: m.desired, Desired: d.Replicas, Ready: m.serving, Starting: m.ordered(), Draining: m.draining,
		Unseen: !seen, Decision: d, Readings: m.readings, Shadows: m.shown,
	})
}

// ordered is how many replicas are on their way, those included that nothing is
// seen of yet.
func (m *model) ordered() int {
	return max(m.loading+m.loaded, m.desired-m.refused-m.serving)
}

// observation is what is seen of the model, for its policy. What is beyond the
// desired count goes, or comes in place of what goes: while replicas are replaced
// it is no capacity to count on.
func (p *Planner) observation(m *model, now time.Time) policy.Observation {
	ready := min(m.serving, m.desired)
	starting := min(m.ordered(), m.desired-ready)
	return policy.Observation{
		Now: now, Desired: m.desired, Current: ready + starting,
		Ready: ready, Starting: starting, Draining: m.draining, ReadyFailed: m.group.state == nil,
		Slots: m.slots(), Lead: p.lead(m),
	}
}

// slots is how many requests one replica serves at once.
func (m *model) slots() int {
	if q := m.group.pool; q != nil {
		return q.slots
	}
	return m.Slots
}

// guard keeps the laws around a policy's decision: silence is not idleness,
// nothing shrinks at first sight, a freeze holds, and bounds do above all.
func (t *scaled) guard(o policy.Observation, d policy.Decision, silent int, young bool) policy.Decision {
	if d.Verdict != policy.Propose {
		d.Replicas = t.desired // whatever it says
	}
	if d.Replicas < t.desired && (silent > 0 || o.ReadyFailed) {
		d = o.Amend(d, Silence, t.desired, float64(silent))
	}
	if d.Replicas < t.desired && young {
		d = o.Amend(d, FirstSight, t.desired)
	}
	if o.Now.Before(t.frozen) && d.Replicas != t.desired {
		d = o.Amend(d, policy.Frozen, t.desired, float64(d.Replicas), float64(t.desired))
		d.Steps[len(d.Steps)-1].Until = t.frozen
	}
	if d.Replicas > t.high {
		d = o.Amend(d, policy.AboveMax, t.high, float64(d.Replicas), float64(t.high))
	} else if d.Replicas < t.low {
		d = o.Amend(d, policy.BelowMin, t.low, float64(d.Replicas), float64(t.low))
	}
	if most := t.most(); d.Replicas > most {
		d = o.Amend(d, BeyondUseful, most, float64(d.Replicas), float64(most))
	}
	return d
}

// newPolicy makes a policy of a target with ready replicas; one that panics is
// replaced by one that holds and says so.
func (a *asker) newPolicy(at time.Time, ready int) (made policy.Policy) {
	defer func() {
		if v := recover(); v != nil {
			made = panicked{fmt.Sprint(v)}
		}
	}()
	return a.config.New(at, ready)
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

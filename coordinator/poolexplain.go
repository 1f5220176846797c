package coordinator

import (
	"fmt"
	"slices"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// An ExplainedPool is everything that is known of why a pool has the servers and
// copies it has.
type ExplainedPool struct {
	GroupPlan                 // of the last plan; a copy
	Signals   []policy.Signal // of GroupPlan.Readings
	Slots     int             // of one server
	Min, Max  int
	Frozen    time.Time // the number of servers stands until then; zero: it does not
	Extra     int       // copies beyond those desired, of all its models
	Resident  []string  // models of which no memory is overcommitted, see ModelPlan; sorted
	// Room is what is free on servers that are up and stay, with what is overcommitted
	// and without what the last plan puts there.
	Room    Resources
	Now     []Action  // on the number of servers, of the last plan
	Refused []Refusal // of its models
	History []Decided // of its policy's decisions, oldest first
	WhatIfs []WhatIf  // of its policy; ups before downs
}

// ExplainPool is Explain of a group that is a pool. Its copies are explained with
// their models. The error says that nobody declared a pool of that name, or that no
// plan has been made.
func (p *Planner) ExplainPool(name string) (ExplainedPool, error) {
	i := slices.IndexFunc(p.groups, func(x *group) bool { return x.Name == name && x.pool != nil })
	if i < 0 {
		return ExplainedPool{}, fmt.Errorf("coordinator: explain: no pool %q is declared", name)
	}
	g := p.groups[i]
	plan := p.plan.Clone()
	i = slices.IndexFunc(plan.Groups, func(gp GroupPlan) bool { return gp.Group == name })
	if i < 0 {
		return ExplainedPool{}, fmt.Errorf("coordinator: explain: pool %q is in no plan yet", name)
	}
	q := g.pool
	e := ExplainedPool{
		GroupPlan: plan.Groups[i], Signals: slices.Clone(q.needs.Signals), Slots: q.slots, Min: g.Min, Max: g.Max, Room: g.room(),
		History: slices.Clone(q.history),
	}
	if q.policy != nil {
		e.WhatIfs = q.whatIfs(q.seen)
	}
	if p.last.Before(g.frozen) {
		e.Frozen = g.frozen
	}
	for i := range plan.Models {
		if m := &plan.Models[i]; m.Group == name {
			if e.Extra += m.Extra; !m.Resident.IsZero() {
				e.Resident = append(e.Resident, m.Model)
			}
		}
	}
	for _, a := range plan.Now {
		if a.Group == name && a.Kind == ScaleGroup {
			e.Now = append(e.Now, a)
		}
	}
	for _, r := range plan.Refused {
		if r.Group == name {
			e.Refused = append(e.Refused, r)
		}
	}
	return e, nil
}

// room is what is free on the servers that are up and stay; never nil.
func (g *group) room() Resources {
	free := Resources{}
	for d, name := range g.dims {
		if name == dedication {
			continue
		}
		free[name] = 0
		for i := range g.views {
			if v := &g.views[i]; v.phase == Up && g.open(i) {
				free[name] += max(0, g.limit[d]-v.used[d])
			}
		}
	}
	return free
}

// ExplainPool is Planner.ExplainPool, while the loop runs.
func (c *Coordinator) ExplainPool(name string) (ExplainedPool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planner.ExplainPool(name)
}

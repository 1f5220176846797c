package coordinator

import (
	"fmt"
	"slices"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// An ExplainedService is everything that is known of why a service has the count
// it has.
type ExplainedService struct {
	ServicePlan                 // of the last plan; a copy
	Signals     []policy.Signal // of ServicePlan.Readings
	Min, Max    int             // both Service.Replicas where that is fixed
	Useful      int             // 0: not known
	Frozen      time.Time       // the count stands until then; zero: it does not
	Now         []Action        // on the service, of the last plan
	History     []Decided       // oldest first
	WhatIfs     []WhatIf        // ups before downs
}

// ExplainService is Explain of a service.
func (p *Planner) ExplainService(name string) (ExplainedService, error) {
	s := p.service(name)
	if s == nil {
		return ExplainedService{}, fmt.Errorf("coordinator: explain: no service %q is declared", name)
	}
	plan := p.plan.Clone()
	i := slices.IndexFunc(plan.Services, func(sp ServicePlan) bool { return sp.Service == name })
	if i < 0 {
		return ExplainedService{}, fmt.Errorf("coordinator: explain: service %q is in no plan yet", name)
	}
	e := ExplainedService{
		ServicePlan: plan.Services[i], Signals: slices.Clone(s.needs.Signals), Min: s.low, Max: s.high, Useful: s.Useful,
		History: slices.Clone(s.history), WhatIfs: s.whatIfs(s.observation(p.last)),
	}
	if p.last.Before(s.frozen) {
		e.Frozen = s.frozen
	}
	for _, a := range plan.Now {
		if a.Kind == ScaleService && a.Service == name {
			e.Now = append(e.Now, a)
		}
	}
	return e, nil
}

// ExplainService is Planner.ExplainService, while the loop runs.
func (c *Coordinator) ExplainService(name string) (ExplainedService, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planner.ExplainService(name)
}

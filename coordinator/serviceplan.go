package coordinator

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// A ServiceState is one observed service. Epoch and Generation are those of the
// last action on it that was accepted, 0 for none.
type ServiceState struct {
	Name       string
	Desired    int // the wanted number of replicas in force; >= 0
	Ready      int // replicas that take requests now; >= 0
	Generation uint64
	Epoch      uint64
	Version    string
}

// A ServicePlan is what was decided about one service.
type ServicePlan struct {
	Service  string
	Was      int // desired before
	Desired  int // desired now
	Ready    int
	Starting int  // ordered, not ready yet
	Unseen   bool // the counts are the last known
	Decision policy.Decision
	Readings []policy.Reading // as the policy saw them
}

// CountDecided is the reason of ScaleService: the service does not have the
// count that was decided for it.
const CountDecided Reason = "count decided"

// service is a declared service and what the planner remembers of it.
type service struct {
	Service
	scaled
	ready    int       // as last seen
	ordered  int       // ServiceState.Desired as last seen
	starting time.Time // since when fewer are ready than ordered; zero: none is missing
	starts   durations // from order to ready
	found    time.Time // when it was first seen
	complete bool      // as many were ready as ordered, or were waited for long enough

	state *ServiceState // nil: not seen
}

// Services are the names of the declared services, sorted.
func (p *Planner) Services() []string {
	names := make([]string, len(p.services))
	for i, s := range p.services {
		names[i] = s.Name
	}
	return names
}

// blind is a world of which nothing could be seen.
func (p *Planner) blind() World { return World{Unseen: p.Groups(), UnseenServices: p.Services()} }

func (p *Planner) service(name string) *service {
	i, found := slices.BinarySearchFunc(p.services, name, func(s *service, name string) int { return cmp.Compare(s.Name, name) })
	if !found {
		return nil
	}
	return p.services[i]
}

// updateServices makes the services of declarations, with what is remembered of
// those there were.
func (p *Planner) updateServices(list []Service) {
	services := make([]*service, len(list))
	for i, decl := range list {
		low, high := decl.bounds()
		s := &service{Service: decl, scaled: scaled{id: TargetID{TargetService, decl.Name}, low: low, high: high, useful: decl.Useful}}
		s.asker.config = decl.config()
		if old := p.service(s.Name); old != nil {
			s.inherit(&old.scaled)
			s.ready, s.ordered, s.starting, s.starts = old.ready, old.ordered, old.starting, old.starts
			s.found, s.complete = old.found, old.complete
		}
		services[i] = s
	}
	slices.SortFunc(services, func(a, b *service) int { return cmp.Compare(a.Name, b.Name) })
	p.services = services
}

// lookServices takes in the observed services.
func (p *Planner) lookServices(w *World) {
	for _, s := range p.services {
		s.state = nil
	}
	twice := map[string]bool(nil)
	for i := range w.Services {
		state := &w.Services[i]
		s := p.service(state.Name)
		if s == nil {
			continue // nobody declared it
		}
		if s.state != nil {
			if twice == nil {
				twice = map[string]bool{}
			}
			twice[s.Name] = true
		}
		s.state = state
	}
	for _, s := range p.services {
		fault := ""
		switch {
		case slices.Contains(w.UnseenServices, s.Name):
			s.state = nil
		case s.state == nil:
			fault = "not in the world, nor among the unseen"
		case twice[s.Name]:
			fault = "listed twice"
		case s.state.Desired < 0 || s.state.Desired > maxCount:
			fault = "desired count " + strconv.Itoa(s.state.Desired)
		case s.state.Ready < 0 || s.state.Ready > maxCount:
			fault = "ready count " + strconv.Itoa(s.state.Ready)
		}
		if fault != "" {
			p.fault("service %s: %s", s.Name, fault)
			s.state = nil
		}
		if s.state != nil {
			s.look(p.last, p.options.StartupWait)
		}
	}
}

// look notes what the service has and how long its starts take: from the last
// order, or loss, to all of them being ready.
func (s *service) look(now time.Time, wait time.Duration) {
	state := s.state
	switch {
	case state.Ready >= state.Desired:
		if !s.starting.IsZero() {
			s.starts.add(now.Sub(s.starting))
			s.starting = time.Time{}
		}
	case s.starting.IsZero() || state.Desired > s.ordered:
		s.starting = now
	}
	s.ready, s.ordered = state.Ready, state.Desired
	if s.found.IsZero() {
		s.found = now
	}
	s.complete = s.complete || s.ready >= s.ordered || now.Sub(s.found) >= wait
}

// lead is how long a new replica takes from order to ready, and nine in ten of
// them at most.
func (s *service) lead() time.Duration { return s.starts.orElse(0.9, s.StartTime) }

// observation is what is seen of the service, for its policy. Replicas that are
// on their way for too long do not count as starting.
func (s *service) observation(now time.Time) policy.Observation {
	starting, lead := max(0, s.desired-s.ready), s.lead()
	if !s.starting.IsZero() && lead > 0 && now.Sub(s.starting) > overdueFactor*lead {
		starting = 0
	}
	return policy.Observation{
		Now: now, Desired: s.desired, Current: s.ready + starting,
		Ready: s.ready, Starting: starting, ReadyFailed: s.state == nil, Slots: s.Slots, Lead: lead,
	}
}

// decideService asks the service's policy and keeps the laws around it.
func (p *Planner) decideService(s *service, snapshot *Snapshot) {
	first := s.policy == nil
	if first {
		if s.state == nil {
			p.plan.Services = append(p.plan.Services, ServicePlan{Service: s.Name, Was: s.desired, Desired: s.desired, Unseen: true})
			return // no history and nothing seen: nothing is known of it
		}
		s.begin(snapshot.Now, max(s.ordered, s.ready), s.ready)
	}
	o := s.observation(snapshot.Now)
	d := p.consult(&s.scaled, o, snapshot, first || !s.complete)
	p.plan.Services = append(p.plan.Services, ServicePlan{
		Service: s.Name, Was: s.desired, Desired: d.Replicas, Ready: s.ready, Starting: o.Starting,
		Unseen: s.state == nil, Decision: d, Readings: s.readings,
	})
}

// scaleServices orders the counts that were decided.
func (p *Planner) scaleServices() {
	for i, s := range p.services {
		if s.state == nil || s.state.Desired == s.desired {
			continue
		}
		a := Action{
			Kind: ScaleService, Service: s.Name, Replicas: s.desired,
			Epoch: p.options.Epoch, Generation: s.state.Generation + 1, IfVersion: s.state.Version,
			Why: Explanation{Reason: CountDecided, Have: s.state.Desired, Want: s.desired, Steps: p.plan.Services[i].Decision.Steps},
		}
		a.ID = a.String() + " #" + strconv.FormatUint(a.Generation, 10)
		p.plan.Now = append(p.plan.Now, a)
	}
}

package coordinator

import (
	"fmt"
	"time"
)

// savedService is the memory of one service.
type savedService struct {
	savedScaled
	Ready, Ordered int
	Starting       time.Time
	Starts         durations
	Found          time.Time
	Complete       bool
}

// saveServices is the group without a name, which holds all services.
func (p *Planner) saveServices() (g savedGroup) {
	for _, s := range p.services {
		g.Services = append(g.Services, savedService{s.scaled.save(), s.ready, s.ordered, s.starting, s.starts, s.found, s.complete})
	}
	g.Series = p.saveSeries(func(id TargetID) bool { return id.Kind == TargetService })
	return g
}

// checkServices refuses what no planner has saved.
func checkServices(list []savedService) error {
	names := map[string]bool{}
	for _, s := range list {
		if names[s.Name] {
			return fmt.Errorf("service %q stands twice", s.Name)
		}
		names[s.Name] = true
		for _, n := range []int{s.Desired, s.Ready, s.Ordered} {
			if n < 0 || n > maxCount {
				return fmt.Errorf("service %q: a count of %d", s.Name, n)
			}
		}
		if err := s.Starts.check(); err != nil {
			return fmt.Errorf("service %q: %w", s.Name, err)
		}
		if err := s.Seconds.check(); err != nil {
			return fmt.Errorf("service %q: %w", s.Name, err)
		}
	}
	return nil
}

// restoreServices takes over what was saved of services, if anything.
func (p *Planner) restoreServices(g *savedGroup, at time.Time) {
	saved := map[string]*savedService{}
	if g != nil {
		for i := range g.Services {
			saved[g.Services[i].Name] = &g.Services[i]
		}
	}
	for _, s := range p.services {
		var err error
		s.ready, s.ordered, s.starting, s.starts, s.found, s.complete = 0, 0, time.Time{}, durations{}, time.Time{}, false
		if was := saved[s.Name]; was != nil {
			s.ready, s.ordered, s.starting, s.starts, s.found, s.complete = was.Ready, was.Ordered, was.Starting, was.Starts, was.Found, was.Complete
			err = s.scaled.restore(&was.savedScaled, at, s.ready)
		} else {
			err = s.scaled.restore(nil, at, 0)
		}
		if err != nil {
			p.lost = append(p.lost, fmt.Sprintf("service %s: its policy's memory is lost: %v", s.Name, err))
		}
	}
}

package laws

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// policies are those that are declared, by their target.
func (j *Judge) policies() map[coordinator.TargetID]policy.Config {
	all := map[coordinator.TargetID]policy.Config{}
	for name, m := range j.models {
		if m.Policy != nil {
			all[coordinator.TargetID{Kind: coordinator.TargetModel, Name: name}] = m.Policy
		}
	}
	for name, s := range j.services {
		if s.Policy != nil {
			all[coordinator.TargetID{Kind: coordinator.TargetService, Name: name}] = s.Policy
		}
	}
	return all
}

// most is the upper bound of a service.
func most(s coordinator.Service) (low, high int) {
	low, high = s.Min, s.Max
	if high == 0 {
		low, high = s.Replicas, s.Replicas
	}
	if s.Useful > 0 && high > s.Useful {
		high = s.Useful
	}
	return low, max(low, high)
}

// planServices checks what a plan says of services, and remembers its wishes.
func (j *Judge) planServices(s coordinator.Snapshot, p coordinator.Plan, silence map[coordinator.TargetID]bool) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	j.wished = map[string]int{}
	for _, sp := range p.Services {
		j.wished[sp.Service] = sp.Desired
		if sp.Decision.Steps == nil && sp.Unseen {
			continue // never seen: nothing is known, nothing decided
		}
		low, high := most(j.services[sp.Service])
		if sp.Desired < low || sp.Desired > high {
			fail("law 1: service %s: desired %d outside [%d, %d]", sp.Service, sp.Desired, low, high)
		}
		if sp.Was == low || sp.Was == high {
			j.Tempted["1 bounds"]++
		}
		if sp.Unseen || silence[coordinator.TargetID{Kind: coordinator.TargetService, Name: sp.Service}] {
			if slices.ContainsFunc(sp.Decision.Steps, func(step policy.Step) bool { return step.To < sp.Was }) {
				j.Tempted["4 silence"]++
			}
			if sp.Desired < sp.Was && sp.Was <= high {
				fail("law 4: service %s: %d to %d on %+v", sp.Service, sp.Was, sp.Desired, sp.Readings)
			}
		}
		if len(sp.Decision.Steps) == 0 {
			fail("law 13: service %s: a decision without a step", sp.Service)
		}
	}
	for _, a := range p.Now {
		if a.Kind == coordinator.ScaleService && slices.Contains(s.World.UnseenServices, a.Service) {
			fail("law 4: %v, which is not seen", a)
		}
	}
	return errors.Join(errs...)
}

// scaleService checks an action on a service.
func (j *Judge) scaleService(w coordinator.World, a coordinator.Action) error {
	i := slices.IndexFunc(w.Services, func(s coordinator.ServiceState) bool { return s.Name == a.Service })
	switch wish, known := j.wished[a.Service]; {
	case i < 0 || !known:
		return fmt.Errorf("%v: no such service", a)
	case a.Replicas != wish:
		return fmt.Errorf("%v, though %d are desired", a, wish)
	case a.Generation <= w.Services[i].Generation && a.Epoch <= w.Services[i].Epoch:
		return fmt.Errorf("law 12: %v of generation %d, the service is at %d", a, a.Generation, w.Services[i].Generation)
	case a.Group != "" || a.Server != "" || a.Model != "":
		return fmt.Errorf("%v names more than a service", a)
	}
	return nil
}

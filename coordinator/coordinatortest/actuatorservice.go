package coordinatortest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bellows-go/bellows/coordinator"
)

// Services keep the contracts that groups keep; what follows is the part of each
// check that is about them.

// seeService returns an observed service.
func (r *actuatorRig) seeService(name string) coordinator.ServiceState {
	w := r.observe()
	for _, s := range w.Services {
		if s.Name == name {
			return s
		}
	}
	r.broken("Observe: no service %s in\n%s", name, tell(w))
	return coordinator.ServiceState{}
}

// scaleService makes an action that scales a service, of its next generation.
func (r *actuatorRig) scaleService(name string, n int) coordinator.Action {
	s := r.seeService(name)
	return r.action(coordinator.Action{
		Kind: coordinator.ScaleService, Service: name, Replicas: n, Generation: s.Generation + 1, IfVersion: s.Version,
	})
}

// replicas requires that a service has as many replicas as an action asked for,
// and all ready.
func (r *actuatorRig) replicas(a coordinator.Action) coordinator.ServiceState {
	s := r.seeService(a.Service)
	r.require(s.Desired == a.Replicas && s.Ready == a.Replicas, "after %v: %d ready, Desired %d", a, s.Ready, s.Desired)
	return s
}

func (r *actuatorRig) liveServices() {
	for _, name := range r.Services {
		for _, n := range []int{2, 3, 1, 0, 1} {
			a := r.scaleService(name, n)
			r.accept(a)
			now := r.replicas(a)
			r.require(now.Epoch == a.Epoch && now.Generation == a.Generation,
				"after %v of epoch %d, generation %d the service shows %d, %d", a, a.Epoch, a.Generation, now.Epoch, now.Generation)
			r.require(now.Version != a.IfVersion, "%v left the service's Version as it was", a)
		}
	}
}

func (r *actuatorRig) repeatServices() {
	for _, name := range r.Services {
		first := r.scaleService(name, 2)
		r.accept(first)
		r.again(first, "at once")
		other := r.scaleService(name, 3)
		other.Generation = first.Generation
		r.accept(other)
		r.again(first, "after another of its generation")
		r.accept(r.scaleService(name, 1))
		before := r.observe()
		err := r.apply(other)
		r.require(err == nil || errors.Is(err, coordinator.ErrFenced), "%v, delivered again a generation later: %v", other, err)
		r.settle()
		r.unchanged(before, other.String()+", delivered again a generation later")
	}
}

func (r *actuatorRig) fenceServices() {
	for i, name := range r.Services {
		a := r.scaleService(name, 2)
		a.Generation += 5
		r.accept(a)
		late := r.scaleService(name, 3)
		late.Generation = a.Generation - 1
		r.refuse(late, coordinator.ErrFenced, "of an older generation")
		late.Generation, late.Epoch = a.Generation+5, a.Epoch-1
		r.refuse(late, coordinator.ErrFenced, "of an older epoch")
		lead := r.scaleService(name, 1)
		lead.Epoch, lead.Generation = a.Epoch+1, 1
		r.accept(lead)
		late = r.scaleService(name, 3)
		late.Epoch, late.Generation = a.Epoch, a.Generation+9
		r.refuse(late, coordinator.ErrFenced, "of an epoch that is over")
		if i > 0 {
			continue
		}
		for _, other := range r.Services[1:] {
			free := r.scaleService(other, 2)
			r.accept(free) // of the old epoch: another service's is no matter
			r.replicas(free)
		}
	}
}

func (r *actuatorRig) conflictServices() {
	for _, name := range r.Services {
		stale := r.scaleService(name, 3)
		r.accept(r.scaleService(name, 2))
		stale.Generation += 5
		r.refuse(stale, coordinator.ErrConflict, "for a version that is over")
		stale.IfVersion = ""
		r.accept(stale)
		r.replicas(stale)
	}
}

func (r *actuatorRig) unknownService() {
	if len(r.Services) == 0 {
		return
	}
	a := r.scaleService(r.Services[0], 2)
	a.Service, a.IfVersion = "no-such-thing", ""
	before := r.observe()
	err := r.apply(a)
	r.require(err != nil, "%v was accepted, although there is no such thing", a)
	r.settle()
	r.unchanged(before, a.String()+", which there is not")
}

// cutService is PartialFailure of one service.
func (r *actuatorRig) cutService() {
	if r.CutService == nil || len(r.Services) == 0 {
		return
	}
	lost := r.Services[0]
	a := r.scaleService(lost, 2)
	mend := r.CutService(lost)
	defer func() { mend() }()
	ctx, cancel := context.WithTimeout(context.Background(), r.Timeout)
	defer cancel()
	w, err := r.look(ctx)
	r.require(err == nil, "Observe, with service %s out of reach, fails as a whole: %v", lost, err)
	what := r.wrong(w)
	r.require(what == "", "Observe, with service %s out of reach: %s", lost, what)
	r.require(slices.Contains(w.UnseenServices, lost), "Observe: service %s, out of reach, is not listed in UnseenServices but shown as\n%s", lost, tell(w))
	hurried, stop := context.WithTimeout(context.Background(), r.Timeout)
	defer stop()
	r.unknown(a, r.send(hurried, a), "while its service was out of reach")
	mend()
	mend = func() {}
	r.settle()
	err = r.apply(a)
	r.require(err == nil, "%v, again when its service is back: %v", a, err)
	r.settle()
	r.replicas(a)
}

// acceptServices lets an action on every service be accepted.
func (r *actuatorRig) acceptServices() (accepted []coordinator.Action) {
	for _, name := range r.Services {
		a := r.scaleService(name, 2)
		a.Generation += 5
		r.accept(a)
		accepted = append(accepted, a)
	}
	return accepted
}

// recallServices sends to the next actuator what the one before has accepted, and
// what is older.
func (r *actuatorRig) recallServices(accepted []coordinator.Action) {
	for _, a := range accepted {
		r.again(a, "to the next actuator")
		late := r.scaleService(a.Service, 3)
		late.Generation = a.Generation - 1
		r.refuse(late, coordinator.ErrFenced, "of an older generation, by the next actuator")
	}
}

// wrongServices says what is inconsistent in a world's services, or "".
func (r *actuatorRig) wrongServices(w coordinator.World) string {
	names := map[string]bool{}
	for i, s := range w.Services {
		switch {
		case i > 0 && s.Name <= w.Services[i-1].Name:
			return "services are not sorted by name: " + s.Name
		case slices.Contains(w.UnseenServices, s.Name):
			return "service " + s.Name + " is both seen and unseen"
		case s.Desired < 0 || s.Ready < 0:
			return "service " + s.Name + " has less than nothing"
		case s.Version == "":
			return "service " + s.Name + " has no Version"
		}
		names[s.Name] = true
	}
	for _, name := range r.Services {
		if !names[name] && !slices.Contains(w.UnseenServices, name) {
			return "service " + name + " is neither seen nor listed in UnseenServices"
		}
	}
	return ""
}

func tellServices(b *strings.Builder, w coordinator.World) {
	for _, s := range w.Services {
		fmt.Fprintf(b, "  service %s: desired %d, ready %d, epoch %d, generation %d\n", s.Name, s.Desired, s.Ready, s.Epoch, s.Generation)
	}
	if len(w.UnseenServices) > 0 {
		fmt.Fprintf(b, "  unseen services: %s\n", strings.Join(w.UnseenServices, " "))
	}
}

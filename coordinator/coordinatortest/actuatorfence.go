package coordinatortest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/bellows-go/bellows/coordinator"
)

// again delivers an accepted action once more, which must change nothing.
func (r *actuatorRig) again(a coordinator.Action, when string) {
	before := r.observe()
	err := r.apply(a)
	r.require(err == nil, "%v, delivered again %s: %v", a, when, err)
	r.settle()
	r.unchanged(before, fmt.Sprintf("%v, delivered again %s", a, when))
}

// Idempotent: an action is carried out once per epoch, generation and ID,
// however often it is delivered and whatever was done since.
func tryIdempotent(r *actuatorRig) {
	for _, g := range r.Groups {
		s, m := r.servers(g.Name, 1)[0].Name, r.Models[0]
		twice := func(a coordinator.Action) {
			r.accept(a)
			r.again(a, "at once")
		}
		for _, k := range []coordinator.Kind{coordinator.Load, coordinator.Route, coordinator.Unroute, coordinator.Unload} {
			twice(r.on(k, g.Name, s, m))
		}
		twice(r.scale(g.Name, 3))
		victims := []string(nil)
		if g.Removal == coordinator.Free {
			victims = []string{s}
		}
		twice(r.scale(g.Name, 2, victims...))

		// Echoes, after others of the same generation.
		more := r.scale(g.Name, 3)
		r.accept(more)
		most := r.scale(g.Name, 4)
		most.Generation = more.Generation
		r.accept(most)
		r.again(more, "after another of its generation")
		s = r.see(g.Name).Servers[0].Name
		load := r.on(coordinator.Load, g.Name, s, m)
		r.accept(load)
		unload := r.on(coordinator.Unload, g.Name, s, m)
		unload.Generation = load.Generation
		r.accept(unload)
		r.again(load, "after the unload of its generation")

		// An echo of an older generation may be called old, and is never done.
		r.accept(r.scale(g.Name, 5))
		before := r.observe()
		err := r.apply(more)
		r.require(err == nil || errors.Is(err, coordinator.ErrFenced), "%v, delivered again a generation later: %v", more, err)
		r.settle()
		r.unchanged(before, more.String()+", delivered again a generation later")
	}
	r.repeatServices()
}

// Fenced: what is older than its subject is refused; subjects are independent.
func tryFenced(r *actuatorRig) {
	for _, g := range r.Groups {
		servers := r.servers(g.Name, 2)
		s, other := servers[0].Name, servers[1].Name
		for _, subject := range []struct {
			first, next func() coordinator.Action
		}{
			{func() coordinator.Action { return r.scale(g.Name, 3) }, func() coordinator.Action { return r.scale(g.Name, 4) }},
			{
				func() coordinator.Action { return r.on(coordinator.Load, g.Name, s, r.Models[0]) },
				func() coordinator.Action { return r.on(coordinator.Route, g.Name, s, r.Models[0]) },
			},
		} {
			a := subject.first()
			a.Generation += 5
			r.accept(a)
			late := subject.next()
			late.Generation = a.Generation - 1
			r.refuse(late, coordinator.ErrFenced, "of an older generation")
			late.Generation, late.Epoch = a.Generation+5, a.Epoch-1
			r.refuse(late, coordinator.ErrFenced, "of an older epoch")

			same := subject.next()
			same.Generation = a.Generation
			r.accept(same)
			lead := subject.first() // once more, which changes nothing now or grows
			if lead.Kind == coordinator.Load {
				lead = r.on(coordinator.Unroute, g.Name, s, r.Models[0])
			}
			lead.Epoch, lead.Generation = a.Epoch+1, 1
			err := r.apply(lead)
			r.require(err == nil, "%v of a later epoch, which starts at generation 1: %v", lead, err)
			r.settle()
			late = subject.next()
			late.Epoch, late.Generation = a.Epoch, a.Generation+9
			r.refuse(late, coordinator.ErrFenced, "of an epoch that is over")
		}
		free := r.on(coordinator.Load, g.Name, other, r.Models[0])
		free.Epoch++
		r.accept(free) // generation 1 of its server: the other server's is no matter
		r.phase(coordinator.Loaded, free)
	}
	r.fenceServices()
}

// Conflicts: an action for another version of its subject is refused, and may
// come again for the right one.
func tryConflicts(r *actuatorRig) {
	for _, g := range r.Groups {
		s := r.servers(g.Name, 1)[0].Name
		stale := r.scale(g.Name, 3)
		r.accept(r.scale(g.Name, 2))
		stale.Generation += 5
		r.refuse(stale, coordinator.ErrConflict, "for a version that is over")
		stale.IfVersion = r.see(g.Name).Version
		r.accept(stale)
		r.require(r.see(g.Name).Desired == 3, "%v was accepted without effect, after it was refused once", stale)

		load := r.on(coordinator.Load, g.Name, s, r.Models[0])
		r.accept(load)
		stale = r.on(coordinator.Unload, g.Name, s, r.Models[0])
		r.accept(r.on(coordinator.Route, g.Name, s, r.Models[0]))
		stale.Generation += 5
		r.refuse(stale, coordinator.ErrConflict, "for a version that is over")
		whatever := r.on(coordinator.Unroute, g.Name, s, r.Models[0])
		whatever.IfVersion = ""
		r.accept(whatever)
		r.phase(coordinator.Draining, whatever)
	}
	r.conflictServices()
}

// Remembered: what was accepted is known to the next actuator on the same world.
func tryRemembered(r *actuatorRig) {
	group := r.Groups[0].Name
	s := r.servers(group, 2)[0].Name
	scale := r.scale(group, 3)
	scale.Generation += 5
	r.accept(scale)
	load := r.on(coordinator.Load, group, s, r.Models[0])
	load.Generation += 5
	r.accept(load)
	unload := r.on(coordinator.Unload, group, s, r.Models[0])
	unload.Generation = load.Generation
	r.accept(unload)

	services := r.acceptServices()
	before := r.observe()
	next, err := r.Reopen()
	r.require(err == nil && next != nil, "Reopen: %v", err)
	r.Actuator = next
	r.settle()
	r.unchanged(before, "observed by the next actuator")
	r.again(scale, "to the next actuator")
	r.again(load, "to the next actuator")
	late := r.scale(group, 4)
	late.Generation = scale.Generation - 1
	r.refuse(late, coordinator.ErrFenced, "of an older generation, by the next actuator")
	late.Epoch, late.Generation = scale.Epoch-1, scale.Generation+5
	r.refuse(late, coordinator.ErrFenced, "of an older epoch, by the next actuator")
	r.recallServices(services)
}

// together calls do n times at once and returns the errors.
func (r *actuatorRig) together(n int, do func(i int) error) []error {
	errs := make([]error, n)
	err := r.within(4*r.Patience, fmt.Sprintf("%d calls at once", n), func() error {
		var all sync.WaitGroup
		start := make(chan struct{})
		for i := range n {
			all.Go(func() {
				<-start
				if caught := r.guarded(func() { errs[i] = do(i) }); caught != nil {
					errs[i] = caught
				}
			})
		}
		close(start)
		all.Wait()
		return nil
	})
	r.require(err == nil, "%v", err)
	return errs
}

// Concurrent: calls at once do what they would do one after another.
func tryConcurrent(r *actuatorRig) {
	const callers = 6
	group := r.Groups[0].Name
	servers := r.servers(group, 2)

	one := r.scale(group, 3)
	for _, err := range r.together(callers, func(int) error { return r.apply(one) }) {
		r.require(err == nil, "%v, delivered %d times at once: %v", one, callers, err)
	}
	r.settle()
	n := len(r.see(group).Servers)
	r.require(n == 3, "%v, delivered %d times at once, made %d servers", one, callers, n)

	for range 5 {
		r.rivals(group, callers)
	}

	var loads []coordinator.Action
	for _, s := range servers {
		for _, m := range r.Models[:2] {
			a := r.on(coordinator.Load, group, s.Name, m)
			a.IfVersion = "" // a server's, which another load changes
			loads = append(loads, a)
		}
	}
	for i, err := range r.together(2*len(loads), func(i int) error {
		if i < len(loads) {
			return r.apply(loads[i])
		}
		r.observe()
		return nil
	}) {
		r.require(err == nil, "call %d of %d at once: %v", i, 2*len(loads), err)
	}
	r.settle()
	for _, a := range loads {
		r.phase(coordinator.Loaded, a)
	}
}

// rivals sends n actions for one version of a group at once.
func (r *actuatorRig) rivals(group string, n int) {
	rivals := make([]coordinator.Action, n)
	for i := range rivals {
		rivals[i] = r.scale(group, 3)
	}
	accepted := 0
	for i, err := range r.together(n, func(i int) error { return r.apply(rivals[i]) }) {
		if err == nil {
			accepted++
		} else {
			r.require(errors.Is(err, coordinator.ErrConflict), "%v, with rivals for one version: %v", rivals[i], err)
		}
	}
	r.require(accepted == 1, "of %d actions for the same version of %s, sent at once, %d were accepted", n, group, accepted)
	r.settle()
}

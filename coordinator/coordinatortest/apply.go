package coordinatortest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/bellows-go/bellows/coordinator"
)

// errRefused is what the fleet says to an action that makes no sense.
var errRefused = errors.New("coordinatortest: not possible")

// A fence is what a subject remembers of the actions it accepted.
type fence struct {
	epoch, generation uint64
	done              map[string]bool // IDs accepted in this generation
}

// refuses reports whether an action comes too late, or was accepted before.
func (x *fence) refuses(a coordinator.Action) (done bool, err error) {
	if a.Epoch < x.epoch || a.Epoch == x.epoch && a.Generation < x.generation {
		return false, coordinator.ErrFenced
	}
	return a.Epoch == x.epoch && a.Generation == x.generation && x.done[a.ID], nil
}

// raise notes an accepted action.
func (x *fence) raise(a coordinator.Action) {
	if x.done == nil || a.Epoch != x.epoch || a.Generation != x.generation {
		x.done = map[string]bool{}
	}
	x.done[a.ID] = true
	x.epoch, x.generation = a.Epoch, a.Generation
}

func version(n uint64) string { return strconv.FormatUint(n, 10) }

func changed(a coordinator.Action, n uint64) bool {
	return a.IfVersion != "" && a.IfVersion != version(n)
}

// Apply carries out an action, once.
func (f *Fleet) Apply(ctx context.Context, a coordinator.Action) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	hang, err := f.deliver(a)
	if hang {
		return wait(ctx)
	}
	return err
}

// deliver is Apply up to the time-outs.
func (f *Fleet) deliver(a coordinator.Action) (hang bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.newest = max(f.newest, a.Epoch)
	fate := f.chance.apply(a)
	if fate.deposed {
		f.lead()
	}
	if fate.unreachable {
		return false, fmt.Errorf("%w: %v", errUnreachable, a)
	}
	if fate.errorBefore || fate.hangBefore {
		return fate.hangBefore, errInjected
	}
	err = f.apply(a)
	if err == nil && fate.twice {
		f.echoes = append(f.echoes, a)
		f.echoed++
		err = f.apply(a)
	}
	if err == nil && (fate.errorAfter || fate.hangAfter) {
		return fate.hangAfter, errInjected
	}
	return false, err
}

// echo delivers again what is to be delivered twice.
func (f *Fleet) echo() {
	for _, a := range f.echoes {
		f.echoed++
		_ = f.apply(a) // nobody waits for the answer
	}
	f.echoes = nil
}

func (f *Fleet) apply(a coordinator.Action) error {
	if a.Epoch < f.epoch {
		return coordinator.ErrFenced
	}
	if a.Kind == coordinator.ScaleService {
		if s := f.service(a.Service); s != nil {
			return s.apply(f, a)
		}
		return fmt.Errorf("%w: no service %s", errRefused, a.Service)
	}
	g, s := f.find(a.Group, a.Server)
	switch {
	case g == nil:
		return fmt.Errorf("%w: no group %s", errRefused, a.Group)
	case a.Kind == coordinator.ScaleGroup:
		return f.scale(g, a)
	case s == nil:
		return fmt.Errorf("%w: no server %s in %s", errRefused, a.Server, a.Group)
	}
	if done, err := s.refuses(a); done || err != nil {
		return err
	}
	i, r := s.find(a.Model, a.ModelVersion)
	switch {
	case a.Kind == coordinator.Load:
		return f.load(s, i, r, a)
	case r == nil && a.Kind == coordinator.Unload:
		return nil // gone already
	case r == nil:
		return fmt.Errorf("%w: no %s on %s", errRefused, a.Model, a.Server)
	case !r.may(a.Kind):
		return fmt.Errorf("%w: %v a %v replica", errRefused, a.Kind, r.phase)
	case changed(a, r.version):
		return coordinator.ErrConflict
	}
	s.raise(a)
	r.version++
	switch {
	case a.Kind == coordinator.Route && r.phase != coordinator.Serving:
		r.phase, r.since = coordinator.Serving, f.now()
		f.dispatch(r.model)
	case a.Kind == coordinator.Unroute && r.phase == coordinator.Serving:
		r.phase, r.since = coordinator.Draining, f.now()
	case a.Kind == coordinator.Unload:
		r.model.ended += uint64(r.inFlight) // cut off by a drain's deadline
		s.replicas = slices.Delete(s.replicas, i, i+1)
		s.version++
	}
	return nil
}

// may reports whether a replica's phase allows an action on it.
func (r *replica) may(k coordinator.Kind) bool {
	switch k {
	case coordinator.Unload:
		return true
	case coordinator.Route:
		return r.phase != coordinator.Loading && r.phase != coordinator.Broken
	case coordinator.Unroute:
		return r.phase == coordinator.Serving || r.phase == coordinator.Draining
	}
	return false
}

func (f *Fleet) load(s *server, i int, r *replica, a coordinator.Action) error {
	m := f.models[a.Model]
	now := f.now()
	switch {
	case m == nil || f.service(a.Model) != nil:
		return fmt.Errorf("%w: no model %s", errRefused, a.Model)
	case r != nil:
		return fmt.Errorf("%w: %s is on %s already", coordinator.ErrConflict, a.Model, a.Server)
	case s.booting(now):
		return fmt.Errorf("%w: %s is booting", errRefused, a.Server)
	case changed(a, s.version):
		return coordinator.ErrConflict
	case !s.admits(m):
		return fmt.Errorf("%w: %s has no room for %s", errRefused, a.Server, a.Model)
	}
	s.raise(a)
	s.version++
	m.loads++
	fate := f.chance.load(m)
	if fate.lost {
		return nil
	}
	r = &replica{model: m, of: a.ModelVersion, on: s, since: now, loadedAt: now.Add(m.Load + fate.late), fails: fate.fails}
	if fate.life > 0 {
		r.dies = r.loadedAt.Add(fate.life)
	}
	f.uses++
	r.used = f.uses
	r.onDisk = !s.makeRoom(r)
	s.replicas = slices.Insert(s.replicas, i, r)
	return nil
}

func (f *Fleet) scale(g *fleetGroup, a coordinator.Action) error {
	if done, err := g.refuses(a); done || err != nil {
		return err
	}
	if changed(a, g.version) {
		return coordinator.ErrConflict
	}
	g.raise(a)
	g.version++
	g.lost = nil // ordered anew
	for _, name := range a.Victims {
		if _, s := f.find(g.Name, name); s != nil {
			g.remove(s)
		}
	}
	for g.Ordinal && g.staying() > a.Replicas {
		highest := -1
		for i, s := range g.servers {
			if !s.leaving && (highest < 0 || s.ordinal > g.servers[highest].ordinal) {
				highest = i
			}
		}
		g.remove(g.servers[highest])
	}
	f.grow(g, a.Replicas, f.now())
	return nil
}

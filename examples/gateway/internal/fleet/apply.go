package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// Apply implements [coordinator.Actuator].
func (f *Fleet) Apply(ctx context.Context, a coordinator.Action) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g := f.group(a.Group)
	if g == nil || a.Kind == coordinator.ScaleService {
		return fmt.Errorf("%w: no group %q, %v", errImpossible, a.Group, a)
	}
	err := g.change(ctx, func(r *record) error {
		if a.Kind == coordinator.ScaleGroup {
			return f.scale(g, r, a)
		}
		return f.turn(ctx, g, r, a)
	})
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}

// scale makes a group have as many servers as wanted. It is accepted when it is
// written down: what cannot be started now is Tend's to start.
func (f *Fleet) scale(g *group, r *record, a coordinator.Action) error {
	if done, err := r.Fence.admits(a); done || err != nil {
		return err
	}
	if err := conflict(a, r.Rev); err != nil {
		return err
	}
	if a.Replicas < 0 {
		return fmt.Errorf("%w: %v", errImpossible, a)
	}
	now := time.Now()
	r.Desired = a.Replicas
	r.shrink(g.Removal, a.Victims, now)
	r.grow(g.Removal, now)
	r.Fence.raise(a)
	r.revise(&r.Rev)
	if err := g.write(r); err != nil {
		return err
	}
	f.end(r)
	f.start(g, r)
	return nil
}

// turn carries out an action on a replica.
func (f *Fleet) turn(ctx context.Context, g *group, r *record, a coordinator.Action) error {
	s := r.server(a.Server)
	if s == nil || s.Port == 0 {
		return fmt.Errorf("%w: no server %q in %s", errImpossible, a.Server, a.Group)
	}
	if done, err := s.Fence.admits(a); done || err != nil {
		return err
	}
	if a.Kind == coordinator.Load {
		return f.load(ctx, r, s, a)
	}
	state := f.ask(ctx, []*server{s})[s.Token]
	if state == nil {
		return fmt.Errorf("server %s does not answer", s.Name)
	}
	x := s.replica(a.Model, a.ModelVersion)
	phase := ""
	if i := slices.IndexFunc(state.Replicas, func(x wire.ReplicaState) bool { return x.Model == a.Model && x.ModelVersion == a.ModelVersion }); i >= 0 {
		phase = state.Replicas[i].Phase
		if x == nil { // its load was not noted
			x = &replica{Model: a.Model, ModelVersion: a.ModelVersion}
			s.Replicas = append(s.Replicas, x)
		}
	}
	if x != nil {
		if err := conflict(a, x.Rev); err != nil {
			return err
		}
	}
	switch {
	case a.Kind == coordinator.Unload && phase == wire.Loaded && x.Routing == routed:
		// The proxy had forgotten its route when the world was observed, and is told
		// again by Tend, maybe just now: requests may be in flight.
		return fmt.Errorf("%w: requests are sent to %s on %s", coordinator.ErrConflict, a.Model, a.Server)
	case a.Kind == coordinator.Unload:
		return f.unload(ctx, g, r, s, x, a)
	case x == nil || phase != wire.Loaded:
		return fmt.Errorf("%w: no %s is loaded on %s", errImpossible, a.Model, a.Server)
	case a.Kind == coordinator.Unroute && x.Routing == "":
		return fmt.Errorf("%w: no requests are sent to %s on %s", errImpossible, a.Model, a.Server)
	}
	want := routed
	if a.Kind == coordinator.Unroute {
		want = draining
	}
	if x.Routing != want {
		x.Routing, x.Since = want, time.Now()
		r.reroute(x.Since)
	}
	r.revise(&x.Rev)
	s.Fence.raise(a)
	if err := g.write(r); err != nil {
		return err
	}
	if r.rerouted {
		if err := f.push(ctx, r); err != nil {
			f.Log("%v", err) // it is wished: Tend says it again
		}
	}
	return nil
}

func (f *Fleet) load(ctx context.Context, r *record, s *server, a coordinator.Action) error {
	order, known := f.Orders[a.Model]
	if !known {
		return fmt.Errorf("%w: no model %s", errImpossible, a.Model)
	}
	if err := conflict(a, s.Rev); err != nil {
		return err
	}
	order.Model, order.ModelVersion = a.Model, a.ModelVersion
	if err := wire.Call(ctx, f.client, http.MethodPost, "http://"+s.addr()+"/load", order, nil); err != nil {
		return err
	}
	if s.replica(a.Model, a.ModelVersion) == nil {
		x := &replica{Model: a.Model, ModelVersion: a.ModelVersion, Since: time.Now()}
		r.revise(&x.Rev)
		s.Replicas = append(s.Replicas, x)
	}
	r.revise(&s.Rev)
	s.Fence.raise(a)
	return nil
}

// unload takes a replica away: first its route, then itself. x may be nil: then it
// is gone already, or its load was never heard of.
func (f *Fleet) unload(ctx context.Context, g *group, r *record, s *server, x *replica, a coordinator.Action) error {
	if x != nil && x.Routing != "" {
		x.Routing = ""
		r.reroute(time.Now())
		if err := errors.Join(g.write(r), f.push(ctx, r)); err != nil {
			return err
		}
	}
	order := wire.LoadOrder{Model: a.Model, ModelVersion: a.ModelVersion}
	if err := wire.Call(ctx, f.client, http.MethodPost, "http://"+s.addr()+"/unload", order, nil); err != nil {
		return err
	}
	s.Replicas = slices.DeleteFunc(s.Replicas, func(y *replica) bool { return y == x })
	r.revise(&s.Rev)
	s.Fence.raise(a)
	return nil
}

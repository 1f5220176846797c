package fleet

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
	"github.com/bellows-go/bellows/policy"
)

// Observe implements [coordinator.Actuator]. A group whose record cannot be read
// is unseen. Without the proxy nobody knows where requests go: that is an error.
// A server that does not answer is as its record and the proxy say, until Tend has
// killed it.
func (f *Fleet) Observe(ctx context.Context) (coordinator.World, error) {
	var routes wire.Routes
	if err := wire.Call(ctx, f.client, http.MethodGet, f.Proxy+"/routes", nil, &routes); err != nil {
		return coordinator.World{}, fmt.Errorf("fleet: routes: %w", err)
	}
	var w coordinator.World
	var records []*record
	var servers []*server
	for _, g := range f.groups {
		r := new(record)
		if err := g.record.Read(r); err != nil {
			w.Unseen = append(w.Unseen, g.Name)
			continue
		}
		records = append(records, r)
		servers = append(servers, r.Servers...)
	}
	states := f.ask(ctx, servers)
	for _, r := range records {
		w.Groups = append(w.Groups, f.see(r, states, &routes))
	}
	return w, ctx.Err()
}

// see is a group as it stands.
func (f *Fleet) see(r *record, states map[string]*wire.ServerState, routes *wire.Routes) coordinator.GroupState {
	g := coordinator.GroupState{
		Name: r.Group, Desired: r.Desired, Generation: r.Fence.Generation, Epoch: r.Fence.Epoch, Version: version(r.Rev),
	}
	for _, s := range r.Servers {
		if s.Process.Pid != 0 && !s.Process.Alive() {
			continue // Tend will find out
		}
		g.Servers = append(g.Servers, seeServer(r.Group, s, states[s.Token], routes))
	}
	slices.SortFunc(g.Servers, func(a, b coordinator.ServerState) int { return cmp.Compare(a.Name, b.Name) })
	return g
}

// seeServer is a server as it stands; state is nil when it does not answer.
func seeServer(group string, s *server, state *wire.ServerState, routes *wire.Routes) coordinator.ServerState {
	seen := coordinator.ServerState{
		Name: s.Name, Ordinal: s.Ordinal, Phase: coordinator.Booting, Since: s.Ordered, Leaving: !s.stays(),
		Generation: s.Fence.Generation, Epoch: s.Fence.Epoch, Version: version(s.Rev),
	}
	var replicas []wire.ReplicaState
	switch {
	case state != nil:
		seen.Leaving = seen.Leaving || state.Leaving
		if state.Up {
			seen.Phase, seen.Since = coordinator.Up, state.Since
		}
		replicas = state.Replicas
	case !s.Up.IsZero():
		seen.Phase, seen.Since = coordinator.Up, s.Up
		for _, x := range s.Replicas {
			phase := wire.Loading
			if x.Routing != "" {
				phase = wire.Loaded
			}
			replicas = append(replicas, wire.ReplicaState{Model: x.Model, ModelVersion: x.ModelVersion, Phase: phase, Since: x.Since})
		}
	}
	for _, x := range replicas {
		seen.Replicas = append(seen.Replicas, seeReplica(group, s, x, state != nil, routes))
	}
	slices.SortFunc(seen.Replicas, func(a, b coordinator.ReplicaState) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.ModelVersion, b.ModelVersion))
	})
	return seen
}

// seeReplica is a replica as its server, if that answered, and the proxy see it.
// Requests in flight are those that the proxy counts, from before they are sent,
// or the server, if these are more: a proxy that has ended may have sent them.
func seeReplica(group string, s *server, x wire.ReplicaState, known bool, routes *wire.Routes) coordinator.ReplicaState {
	seen := coordinator.ReplicaState{Model: x.Model, ModelVersion: x.ModelVersion, Since: x.Since}
	if y := s.replica(x.Model, x.ModelVersion); y != nil {
		seen.Version = version(y.Rev)
	} else {
		seen.Version = version(0)
	}
	switch x.Phase {
	case wire.Loading:
		seen.Phase = coordinator.Loading
	case wire.Loaded:
		seen.Phase = coordinator.Loaded
	default:
		seen.Phase = coordinator.Broken
	}
	route := routeTo(routes, group, s, x)
	if known || route != nil {
		seen.InFlight = policy.Reading{Value: float64(x.InFlight), At: routes.At, Quality: policy.OK}
	}
	if route == nil {
		return seen
	}
	seen.InFlight.Value = float64(max(x.InFlight, route.InFlight))
	if x.Phase == wire.Loaded {
		seen.Phase, seen.Since = coordinator.Serving, route.Since
		if route.Draining {
			seen.Phase = coordinator.Draining
		}
	}
	return seen
}

// routeTo is the proxy's route to a replica, nil if there is none.
func routeTo(routes *wire.Routes, group string, s *server, x wire.ReplicaState) *wire.Route {
	for i := range routes.Groups {
		if routes.Groups[i].Group != group {
			continue
		}
		for j := range routes.Groups[i].Routes {
			r := &routes.Groups[i].Routes[j]
			if r.Server == s.Name && r.Addr == s.addr() && r.Model == x.Model && r.ModelVersion == x.ModelVersion {
				return r
			}
		}
	}
	return nil
}

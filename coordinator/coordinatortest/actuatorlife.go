package coordinatortest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bellows-go/bellows/coordinator"
)

// Observed: a world is sorted, consistent and stays as it is while nobody acts.
func tryObserved(r *actuatorRig) {
	for _, g := range r.Groups {
		servers := r.servers(g.Name, 2)
		for _, s := range servers {
			for _, m := range slices.Backward(r.Models) {
				r.accept(r.on(coordinator.Load, g.Name, s.Name, m))
			}
		}
	}
	before := r.observe()
	r.settle()
	r.unchanged(before, "observed again without an action")
}

// LifeCycle: each action shows in the world, and nothing else does.
func tryLifeCycle(r *actuatorRig) {
	for _, g := range r.Groups {
		s, m := r.servers(g.Name, 1)[0].Name, r.Models[0]
		does := func(k coordinator.Kind, want coordinator.ReplicaPhase) {
			a := r.on(k, g.Name, s, m)
			version := a.IfVersion
			r.accept(a)
			r.phase(want, a)
			now := r.seeServer(g.Name, s)
			r.require(now.Epoch == a.Epoch && now.Generation == a.Generation,
				"after %v of epoch %d, generation %d the server shows %d, %d", a, a.Epoch, a.Generation, now.Epoch, now.Generation)
			if k != coordinator.Load {
				r.require(r.seeReplica(g.Name, s, m).Version != version, "%v left the replica's Version as it was", a)
			}
		}
		gone := func() {
			a := r.on(coordinator.Unload, g.Name, s, m)
			r.accept(a)
			r.require(r.seeReplica(g.Name, s, m) == nil, "after %v the server still holds %s", a, m)
		}
		does(coordinator.Load, coordinator.Loaded)
		does(coordinator.Route, coordinator.Serving)
		does(coordinator.Unroute, coordinator.Draining)
		does(coordinator.Route, coordinator.Serving)
		does(coordinator.Unroute, coordinator.Draining)
		gone()
		does(coordinator.Load, coordinator.Loaded)
		gone()

		a := r.scale(g.Name, 2)
		r.accept(a)
		now := r.see(g.Name)
		r.require(now.Epoch == a.Epoch && now.Generation == a.Generation,
			"after %v of epoch %d, generation %d the group shows %d, %d", a, a.Epoch, a.Generation, now.Epoch, now.Generation)
		r.require(now.Version != a.IfVersion, "%v left the group's Version as it was", a)
		r.require(now.Desired == 2 && len(now.Servers) == 2, "after %v: %d servers, Desired %d", a, len(now.Servers), now.Desired)
	}
	r.liveServices()
}

// FreeRemoval: exactly the victims go, whatever they are.
func tryFreeRemoval(r *actuatorRig) {
	group := r.group(coordinator.Free)
	servers := r.servers(group, 4)
	first, last := servers[0].Name, servers[3].Name
	a := r.scale(group, 2, servers[1].Name, servers[2].Name)
	r.accept(a)
	r.remain(a, first, last)

	// A server that is ordered and called off: none of those that are up may go.
	err := r.apply(r.scale(group, 3))
	r.require(err == nil, "ordering one more server: %v", err)
	a = r.scale(group, 2)
	for _, s := range r.see(group).Servers {
		if s.Name != first && s.Name != last {
			a.Victims = append(a.Victims, s.Name)
		}
	}
	r.accept(a)
	r.remain(a, first, last)

	a = r.scale(group, 1, first)
	r.accept(a)
	r.remain(a, last)
}

// OrdinalRemoval: the highest go, and the lowest free ones come.
func tryOrdinalRemoval(r *actuatorRig) {
	group := r.group(coordinator.Ordinal)
	byOrdinal := func(g []coordinator.ServerState) (names []string) {
		sorted := slices.Clone(g)
		slices.SortFunc(sorted, func(a, b coordinator.ServerState) int { return a.Ordinal - b.Ordinal })
		for _, s := range sorted {
			names = append(names, s.Name)
		}
		return names
	}
	names := byOrdinal(r.servers(group, 4))
	for _, n := range []int{3, 1} {
		a := r.scale(group, n)
		r.accept(a)
		r.remain(a, names[:n]...)
	}
	r.servers(group, 2)
	r.require(byOrdinal(r.see(group).Servers)[0] == names[0], "growing again gave an ordinal below that of %s", names[0])
	a := r.scale(group, 0)
	r.accept(a)
	r.remain(a)
}

// remain requires that a group holds exactly these servers, in any order.
func (r *actuatorRig) remain(after coordinator.Action, want ...string) {
	var have []string
	for _, s := range r.see(after.Group).Servers {
		have = append(have, s.Name)
	}
	slices.Sort(have)
	want = slices.Sorted(slices.Values(want))
	r.require(slices.Equal(have, want), "after %v the group holds %q, not %q", after, have, want)
}

// Unknown: an action on what there is not is an error and makes nothing.
func tryUnknown(r *actuatorRig) {
	const nobody = "no-such-thing"
	group := r.Groups[0].Name
	server := r.servers(group, 1)[0].Name
	scale := r.scale(group, 2)
	scale.Group, scale.IfVersion = nobody, ""
	load := r.on(coordinator.Load, group, server, r.Models[0])
	load.Server, load.IfVersion = nobody, ""
	lost := r.on(coordinator.Load, group, server, r.Models[0])
	lost.Group, lost.IfVersion = nobody, ""
	route := r.on(coordinator.Route, group, server, r.Models[0])
	route.IfVersion = "" // nothing is loaded
	for _, a := range []coordinator.Action{scale, load, lost, route} {
		before := r.observe()
		err := r.apply(a)
		r.require(err != nil, "%v was accepted, although there is no such thing", a)
		r.settle()
		r.unchanged(before, a.String()+", which there is not")
	}
	r.unknownService()
}

// AnyOrder: the actions of one plan are independent, so their order is free.
func tryAnyOrder(r *actuatorRig) {
	plan := func(order func([]coordinator.Action)) string {
		var actions []coordinator.Action
		for _, g := range r.Groups {
			s := r.servers(g.Name, 2)
			r.accept(r.on(coordinator.Load, g.Name, s[1].Name, r.Models[1]))
			actions = append(actions,
				r.on(coordinator.Load, g.Name, s[0].Name, r.Models[0]),
				r.on(coordinator.Load, g.Name, s[0].Name, r.Models[1]),
				r.on(coordinator.Load, g.Name, s[1].Name, r.Models[0]),
				r.on(coordinator.Route, g.Name, s[1].Name, r.Models[1]),
				r.scale(g.Name, 3))
		}
		order(actions)
		for _, a := range actions {
			if a.Kind == coordinator.Load {
				a.IfVersion = "" // a server's, which another load changes
			}
			err := r.apply(a)
			r.require(err == nil, "%v, which depends on no other action of its plan: %v", a, err)
		}
		r.settle()
		return shape(r.observe())
	}
	one := plan(func([]coordinator.Action) {})
	if r.Close != nil {
		r.Close()
	}
	if _, err := r.open(); err != nil {
		panic(breach{fmt.Errorf("coordinatortest: contract %q: no fresh world: %w", r.contract, err)})
	}
	other := plan(slices.Reverse[[]coordinator.Action])
	r.require(one == other, "a plan in order makes\n%s and in reverse\n%s", one, other)
}

// shape renders a world without what may differ from one fresh world to another.
func shape(w coordinator.World) string {
	var b strings.Builder
	for _, g := range w.Groups {
		fmt.Fprintf(&b, "  group %s: desired %d\n", g.Name, g.Desired)
		var servers []string
		for _, s := range g.Servers {
			line := fmt.Sprintf("    server in phase %d:", s.Phase)
			for _, x := range s.Replicas {
				line += fmt.Sprintf(" %s %v", x.Model, x.Phase)
			}
			servers = append(servers, line+"\n")
		}
		slices.Sort(servers)
		b.WriteString(strings.Join(servers, ""))
	}
	return b.String()
}

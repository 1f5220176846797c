package coordinatortest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// An actuatorRig is a world on trial, and what the checks do with it.
type actuatorRig struct {
	rig
	ActuatorWorld
	fresh func() (ActuatorWorld, error)
	epoch uint64
	sent  int // actions, for their IDs
}

// open makes the world.
func (r *actuatorRig) open() (closing func(), err error) {
	w, err := r.fresh()
	if err == nil && (w.Actuator == nil || len(w.Groups) == 0 || len(w.Models) < 2) {
		err = errors.New("it needs an Actuator, a group and two models")
	}
	if err != nil {
		return nil, err
	}
	if w.Now == nil {
		w.Now = time.Now
	}
	r.ActuatorWorld = w
	r.epoch = 0
	return func() { // whichever world is open then
		if r.Close != nil {
			r.Close()
		}
	}, nil
}

// removal is how a group removes.
func (r *actuatorRig) removal(group string) coordinator.Removal {
	for _, g := range r.Groups {
		if g.Name == group {
			return g.Removal
		}
	}
	return coordinator.Free
}

func (r *actuatorRig) settle() {
	if r.Settle != nil {
		r.Settle()
	}
}

// observe observes the world, which must be consistent.
func (r *actuatorRig) observe() coordinator.World {
	ctx, cancel := context.WithTimeout(context.Background(), r.Patience)
	defer cancel()
	w, err := r.look(ctx)
	r.require(err == nil, "Observe: %v", err)
	if what := r.wrong(w); what != "" {
		r.broken("Observe: %s in\n%s", what, tell(w))
	}
	if r.epoch == 0 { // later than whatever was there before
		for _, g := range w.Groups {
			r.epoch = max(r.epoch, g.Epoch)
			for _, s := range g.Servers {
				r.epoch = max(r.epoch, s.Epoch)
			}
		}
		for _, s := range w.Services {
			r.epoch = max(r.epoch, s.Epoch)
		}
		r.epoch++
	}
	return w
}

// look observes with a context that may end; see send.
func (r *actuatorRig) look(ctx context.Context) (w coordinator.World, err error) {
	err = r.within(2*r.Patience, "Observe", func() (err error) {
		seen, err := r.Actuator.Observe(ctx)
		if err == nil {
			w = seen
		}
		return err
	})
	return w, err
}

// see returns an observed group.
func (r *actuatorRig) see(group string) coordinator.GroupState {
	w := r.observe()
	for _, g := range w.Groups {
		if g.Name == group {
			return g
		}
	}
	r.broken("Observe: no group %s in\n%s", group, tell(w))
	return coordinator.GroupState{}
}

// seeServer returns an observed server.
func (r *actuatorRig) seeServer(group, name string) coordinator.ServerState {
	g := r.see(group)
	for _, s := range g.Servers {
		if s.Name == name {
			return s
		}
	}
	r.broken("Observe: server %s of group %s is gone", name, group)
	return coordinator.ServerState{}
}

// seeReplica returns an observed replica, nil if there is none.
func (r *actuatorRig) seeReplica(group, server, model string) *coordinator.ReplicaState {
	s := r.seeServer(group, server)
	for i := range s.Replicas {
		if s.Replicas[i].Model == model {
			return &s.Replicas[i]
		}
	}
	return nil
}

// phase requires that a replica is in a phase.
func (r *actuatorRig) phase(want coordinator.ReplicaPhase, a coordinator.Action) {
	x := r.seeReplica(a.Group, a.Server, a.Model)
	r.require(x != nil, "%v was accepted, but the server holds no %s", a, a.Model)
	r.require(x.Phase == want, "after %v the replica is %v, not %v", a, x.Phase, want)
}

// scale makes an action that scales a group, of its next generation.
func (r *actuatorRig) scale(group string, n int, victims ...string) coordinator.Action {
	g := r.see(group)
	return r.action(coordinator.Action{
		Kind: coordinator.ScaleGroup, Group: group, Replicas: n, Victims: victims,
		Generation: g.Generation + 1, IfVersion: g.Version,
	})
}

// on makes an action on a replica, of its server's next generation.
func (r *actuatorRig) on(k coordinator.Kind, group, server, model string) coordinator.Action {
	s := r.seeServer(group, server)
	a := coordinator.Action{Kind: k, Group: group, Server: server, Model: model, Generation: s.Generation + 1, IfVersion: s.Version}
	for _, x := range s.Replicas {
		if x.Model == model {
			a.IfVersion = x.Version
		}
	}
	if k == coordinator.Unroute {
		a.Deadline = r.Now().Add(time.Hour)
	}
	return r.action(a)
}

func (r *actuatorRig) action(a coordinator.Action) coordinator.Action {
	r.sent++
	a.ID, a.Epoch = a.String()+" #"+strconv.Itoa(r.sent), r.epoch
	a.Why.Reason = "conformance test"
	return a
}

// send applies an action and returns its error; it must return within twice the
// patience.
func (r *actuatorRig) send(ctx context.Context, a coordinator.Action) error {
	return r.within(2*r.Patience, a.String(), func() error { return r.Actuator.Apply(ctx, a) })
}

func (r *actuatorRig) apply(a coordinator.Action) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.Patience)
	defer cancel()
	return r.send(ctx, a)
}

// accept applies an action that must be accepted, and lets it be done.
func (r *actuatorRig) accept(a coordinator.Action) {
	err := r.apply(a)
	r.require(err == nil, "%v: %v", a, err)
	r.settle()
}

// refuse applies an action that must be refused and change nothing.
func (r *actuatorRig) refuse(a coordinator.Action, want error, because string) {
	before := r.observe()
	err := r.apply(a)
	r.require(errors.Is(err, want), "%v %s: the error should be %q, is %v", a, because, want, err)
	r.settle()
	r.unchanged(before, fmt.Sprintf("%v, refused, %s", a, because))
}

// unchanged requires that the world is still as it was, up to versions and
// requests in flight.
func (r *actuatorRig) unchanged(before coordinator.World, what string) {
	if was, is := tell(before), tell(r.observe()); was != is {
		r.broken("%s: the world changed from\n%sto\n%s", what, was, is)
	}
}

// servers scales a group to n servers, which must then be there and up.
func (r *actuatorRig) servers(group string, n int) []coordinator.ServerState {
	g := r.see(group)
	var victims []string
	if r.removal(group) == coordinator.Free {
		for _, s := range g.Servers[min(n, len(g.Servers)):] {
			victims = append(victims, s.Name)
		}
	}
	a := r.scale(group, n, victims...)
	r.accept(a)
	g = r.see(group)
	r.require(g.Desired == n && len(g.Servers) == n, "after %v: %d servers, Desired %d", a, len(g.Servers), g.Desired)
	for _, s := range g.Servers {
		r.require(s.Phase == coordinator.Up, "after %v the server %s is not up", a, s.Name)
	}
	return g.Servers
}

// wrong says what is inconsistent in a world, or "".
func (r *actuatorRig) wrong(w coordinator.World) string {
	names := map[string]bool{}
	for i, g := range w.Groups {
		switch {
		case i > 0 && g.Name <= w.Groups[i-1].Name:
			return "groups are not sorted by name: " + g.Name
		case slices.Contains(w.Unseen, g.Name):
			return "group " + g.Name + " is both seen and unseen"
		case g.Desired < 0:
			return "group " + g.Name + " desires less than nothing"
		case g.Version == "":
			return "group " + g.Name + " has no Version"
		}
		names[g.Name] = true
		if what := r.wrongServers(g); what != "" {
			return "group " + g.Name + ": " + what
		}
	}
	for _, g := range r.Groups {
		if !names[g.Name] && !slices.Contains(w.Unseen, g.Name) {
			return "group " + g.Name + " is neither seen nor listed in Unseen"
		}
	}
	return r.wrongServices(w)
}

func (r *actuatorRig) wrongServers(g coordinator.GroupState) string {
	ordinals := map[int]string{}
	for i, s := range g.Servers {
		switch {
		case i > 0 && s.Name <= g.Servers[i-1].Name:
			return "servers are not sorted by name: " + s.Name
		case s.Ordinal < 0:
			return "server " + s.Name + " has a negative ordinal"
		case ordinals[s.Ordinal] != "" && r.removal(g.Name) == coordinator.Ordinal:
			return "servers " + ordinals[s.Ordinal] + " and " + s.Name + " have one ordinal"
		case s.Phase > coordinator.Up:
			return "server " + s.Name + " has an unknown phase"
		case s.Version == "":
			return "server " + s.Name + " has no Version"
		case s.Since.After(r.Now()):
			return "server " + s.Name + " is in its phase since a time to come"
		case s.Phase == coordinator.Booting && len(s.Replicas) > 0:
			return "server " + s.Name + " boots and holds replicas"
		}
		ordinals[s.Ordinal] = s.Name
		for j, x := range s.Replicas {
			on := x.Model + " on " + s.Name
			switch {
			case j > 0 && x.Model <= s.Replicas[j-1].Model:
				return "replicas are not sorted by model, or one stands twice: " + on
			case x.Phase > coordinator.Broken:
				return on + " has an unknown phase"
			case x.Version == "":
				return on + " has no Version"
			case x.Since.After(r.Now()):
				return on + " is in its phase since a time to come"
			case x.InFlight.Quality.HasValue() && !(x.InFlight.Value >= 0 && x.InFlight.Value <= math.MaxInt32):
				return fmt.Sprintf("%s has %v in flight", on, x.InFlight.Value)
			case x.InFlight.Quality.HasValue() && x.InFlight.At.After(r.Now()):
				return on + " has requests in flight as of a time to come"
			}
		}
	}
	return ""
}

// tell renders all of a world that must not change by itself.
func tell(w coordinator.World) string {
	var b strings.Builder
	for _, g := range w.Groups {
		fmt.Fprintf(&b, "  group %s: desired %d, epoch %d, generation %d\n", g.Name, g.Desired, g.Epoch, g.Generation)
		for _, s := range g.Servers {
			fmt.Fprintf(&b, "    server %s: ordinal %d, phase %d since %v, leaving %v, epoch %d, generation %d\n",
				s.Name, s.Ordinal, s.Phase, stamp(s.Since), s.Leaving, s.Epoch, s.Generation)
			for _, x := range s.Replicas {
				fmt.Fprintf(&b, "      replica %s: %v since %v\n", x.Model, x.Phase, stamp(x.Since))
			}
		}
	}
	if len(w.Unseen) > 0 {
		fmt.Fprintf(&b, "  unseen: %s\n", strings.Join(w.Unseen, " "))
	}
	tellServices(&b, w)
	return b.String()
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	return t.UTC().Format("15:04:05.999999999")
}

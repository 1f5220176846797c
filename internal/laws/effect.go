package laws

import (
	"errors"
	"reflect"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// Effect checks what one delivery of an action did: before and after are the
// world as it was around it, err is what the actuator said.
func (j *Judge) Effect(before, after coordinator.World, a coordinator.Action, err error) error {
	var v verdict
	j.fenced(&v, before, after, a, err)
	had, has := count(before, a.Model), count(after, a.Model)
	want := min(j.should[a.Model], had)
	// 2. What something else took meanwhile is not the action's doing.
	if had >= j.expect[a.Model] && has < want {
		v.broken(2, "%v left %d serving of %d; wanted: %d", a, has, had, j.should[a.Model])
	}
	if a.Kind != coordinator.ScaleGroup {
		j.expect[a.Model] += has - had
	}
	for i := range before.Groups {
		g := &before.Groups[i]
		for k := range g.Servers {
			j.kept(&v, after, g, &g.Servers[k], a)
		}
	}
	v.add(j.World(after))
	return v.err()
}

// kept checks that of one server nothing went but what an action may take.
func (j *Judge) kept(v *verdict, after coordinator.World, g *coordinator.GroupState, s *coordinator.ServerState, a coordinator.Action) {
	now := find(after, g.Name)
	var is *coordinator.ServerState
	if now != nil {
		is = findServer(now, s.Name)
	}
	if is == nil {
		if len(s.Replicas) > 0 || a.Kind != coordinator.ScaleGroup {
			v.broken(3, "%v took %s with its %d replicas", a, s.Name, len(s.Replicas))
		}
		return
	}
	if len(is.Replicas) >= len(s.Replicas) {
		return
	}
	for _, r := range s.Replicas {
		switch {
		case findReplica(after, coordinator.Action{Group: g.Name, Server: s.Name, Model: r.Model, ModelVersion: r.ModelVersion}) != nil:
		case a.Kind != coordinator.Unload || a.Server != s.Name || a.Model != r.Model || a.ModelVersion != r.ModelVersion:
			v.broken(2, "%v took %s from %s", a, r.Model, s.Name)
		case r.Phase == coordinator.Serving:
			v.broken(2, "%v while it served", a)
		case r.Phase == coordinator.Draining && !(r.InFlight.Quality == policy.OK && r.InFlight.Value == 0) && a.Why.Reason != coordinator.DrainTooLong:
			v.broken(3, "%v with %v in flight", a, r.InFlight.Value)
		}
	}
}

// A mark is what a subject has accepted last.
type mark struct{ epoch, generation uint64 }

func (m mark) before(a coordinator.Action) bool {
	return m.epoch < a.Epoch || m.epoch == a.Epoch && m.generation <= a.Generation
}

// Leads tells that the leader of an epoch has taken over: actions of older ones
// are to be refused.
func (j *Judge) Leads(epoch uint64) { j.leader = max(j.leader, epoch) }

// accepted is what the subject of an action has accepted last, as observed.
func accepted(w coordinator.World, a coordinator.Action) mark {
	g := find(w, a.Group)
	if g == nil {
		return mark{}
	}
	if a.Kind == coordinator.ScaleGroup {
		return mark{g.Epoch, g.Generation}
	}
	if s := findServer(g, a.Server); s != nil {
		return mark{s.Epoch, s.Generation}
	}
	return mark{}
}

// stamped checks that an action is of the leader's epoch, and of a later
// generation than its subject. 12.
func (j *Judge) stamped(v *verdict, w coordinator.World, a coordinator.Action) {
	seen := accepted(w, a)
	if a.Epoch < j.leader || a.Epoch == seen.epoch && a.Generation <= seen.generation {
		v.broken(12, "%v is of epoch %d, generation %d; the leader's is %d, its subject's %d, %d", a, a.Epoch, a.Generation, j.leader, seen.epoch, seen.generation)
	}
}

// fenced checks that what is old is refused and changes nothing, and that what
// is the leader's own and new is not called fenced. 12.
func (j *Judge) fenced(v *verdict, before, after coordinator.World, a coordinator.Action, err error) {
	last := accepted(before, a)
	if old := a.Epoch < j.leader || !last.before(a); old {
		j.Tempted["12 fencing"]++
		if err == nil {
			v.broken(12, "%v of epoch %d, generation %d was accepted after %d, %d by the leader of %d", a, a.Epoch, a.Generation, last.epoch, last.generation, j.leader)
		}
		if !Same(before, after) {
			v.broken(12, "%v of epoch %d, generation %d had an effect", a, a.Epoch, a.Generation)
		}
		return
	}
	if errors.Is(err, coordinator.ErrFenced) {
		v.broken(12, "%v, which is the leader's: %v", a, err)
	}
}

// Same reports whether two looks at one fleet saw one world.
func Same(a, b coordinator.World) bool { return reflect.DeepEqual(a, b) }

package laws

import (
	"slices"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/packing"
)

// 13. Explained.

var leaves = []coordinator.Reason{
	coordinator.ReplicaSpare, coordinator.ServerLeaving, coordinator.VersionOld, coordinator.GroupLeft, coordinator.HostLeaves,
	coordinator.RoomWanted, coordinator.ServerRetires,
}

var reasons = map[coordinator.Kind][]coordinator.Reason{
	coordinator.ScaleGroup: {coordinator.NoRoom, coordinator.BelowMinimum, coordinator.ServerNeeded, coordinator.ServerEmpty, coordinator.PoolShort},
	coordinator.Load:       {coordinator.ReplicaShort, coordinator.Consolidating, coordinator.FillsRoom, coordinator.Relieves, coordinator.MakesWay, coordinator.Separates},
	coordinator.Route:      {coordinator.ReplicaLoaded, coordinator.Revived},
	coordinator.Unroute:    leaves,
	coordinator.Unload:     append([]coordinator.Reason{coordinator.Drained, coordinator.DrainTooLong, coordinator.LoadFailed}, leaves...),
}

// decision checks that steps lead from the count in force to the decided one.
func (j *Judge) decision(v *verdict, mp *coordinator.ModelPlan) {
	steps := mp.Decision.Steps
	j.Tempted["13 decisions"]++
	if len(steps) == 0 {
		v.broken(13, "%s: a decision without a step", mp.Model)
		return
	}
	at := mp.Was
	for _, s := range steps {
		if s.Reason == "" || s.From != at {
			v.broken(13, "%s: a step from %d for %q, after %d: %v", mp.Model, s.From, s.Reason, at, mp.Decision)
			return
		}
		at = s.To
	}
	if at != mp.Desired || mp.Decision.Replicas != mp.Desired {
		v.broken(13, "%s: the steps lead to %d, the decision is %d, the plan's count %d: %v", mp.Model, at, mp.Decision.Replicas, mp.Desired, mp.Decision)
	}
}

func (j *Judge) explained(v *verdict, s *coordinator.Snapshot, p *coordinator.Plan) {
	if len(p.Models) != len(j.models) || len(p.Groups) != len(j.groups) {
		v.broken(13, "%d models and %d groups in the plan, of %d and %d", len(p.Models), len(p.Groups), len(j.models), len(j.groups))
	}
	for _, a := range p.Now {
		j.action(v, s, p, &a, true)
	}
	for i := range p.Later {
		j.Tempted["13 holds"]++
		j.action(v, s, p, &p.Later[i].Action, false)
		if p.Later[i].For == "" {
			v.broken(13, "%v waits for nothing", p.Later[i].Action)
		}
	}
	for _, r := range p.Refused {
		j.Tempted["13 refusals"]++
		if r.Reason == "" || r.Items <= 0 || r.Reason == packing.Capacity && (r.Dim == "" || r.Short <= 0) {
			v.broken(13, "a refusal without reason or numbers: %+v", r)
		}
	}
	if len(p.Faults) > 0 {
		return // what is at fault is held, and named there
	}
	for i := range p.Models {
		if mp := &p.Models[i]; !mp.Unseen {
			j.open(v, s, p, mp)
		}
	}
}

// action checks that an action has a reason of its kind, and the numbers.
func (j *Judge) action(v *verdict, s *coordinator.Snapshot, p *coordinator.Plan, a *coordinator.Action, now bool) {
	if a.Kind == coordinator.ScaleService {
		if a.ID == "" || a.Why.Reason == "" {
			v.broken(13, "%v: ID %q, reason %q", a, a.ID, a.Why.Reason)
		}
		return
	}
	if a.ID == "" || !slices.Contains(reasons[a.Kind], a.Why.Reason) {
		v.broken(13, "%v: ID %q, reason %q", a, a.ID, a.Why.Reason)
	}
	if a.Kind == coordinator.ScaleGroup {
		if a.Why.Want != a.Replicas || a.Why.Have == a.Why.Want {
			v.broken(13, "%v: have %d, want %d", a, a.Why.Have, a.Why.Want)
		}
		return
	}
	if have := count(s.World, a.Model); a.Why.Have != have || a.Why.Want != j.wanted[a.Model] || len(a.Why.Steps) == 0 {
		v.broken(13, "%v says have %d, want %d; there are %d, wanted %d; steps %v", a, a.Why.Have, a.Why.Want, have, j.wanted[a.Model], a.Why.Steps)
	}
}

// open checks that what is not as it should be is in the plan: every replica on
// its way, every one too many or too few.
func (j *Judge) open(v *verdict, s *coordinator.Snapshot, p *coordinator.Plan, mp *coordinator.ModelPlan) {
	named, loads, stops := map[string]bool{}, 0, 0
	note := func(a *coordinator.Action) {
		if a.Model != mp.Model {
			return
		}
		named[a.Server] = true
		switch {
		case a.Kind == coordinator.Load || a.Why.Reason == coordinator.Revived:
			loads++
		case a.Kind == coordinator.Unroute:
			stops++
		}
	}
	for i := range p.Now {
		note(&p.Now[i])
	}
	for i := range p.Later {
		note(&p.Later[i].Action)
	}
	for _, r := range p.Refused {
		if r.Class == mp.Model {
			loads += r.Items
		}
	}
	serving, active := 0, 0
	for _, g := range s.World.Groups {
		for _, server := range g.Servers {
			for _, r := range server.Replicas {
				switch {
				case r.Model != mp.Model:
					continue
				case r.Phase == coordinator.Serving:
					serving++
				case !named[server.Name]:
					v.broken(13, "%s on %s is in phase %d, of which the plan says nothing", r.Model, server.Name, r.Phase)
				}
				if !server.Leaving && r.Phase <= coordinator.Serving {
					active++
				}
			}
		}
	}
	if short := mp.Desired - active; short > 0 {
		j.Tempted["13 short"]++
		if loads < short {
			v.broken(13, "%s lacks %d of %d, of which the plan explains %d", mp.Model, short, mp.Desired, loads)
		}
	}
	if over := serving - mp.Desired - mp.Extra; over > 0 && stops < over {
		v.broken(13, "%d of %s serve, %d wanted, and the plan explains %d", serving, mp.Model, mp.Desired, stops)
	}
}

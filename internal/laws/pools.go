package laws

import (
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// resident is for how long a copy serves at least before another takes its room.
const resident = 30 * time.Second

// planPools checks what a plan says of pools.
func (j *Judge) planPools(v *verdict, s *coordinator.Snapshot, p *coordinator.Plan, silence map[coordinator.TargetID]bool) {
	for i := range p.Groups {
		gp := &p.Groups[i]
		decl := j.groups[gp.Group]
		if decl.Pool == nil {
			if len(gp.Retiring) > 0 || len(gp.Decision.Steps) > 0 {
				v.broken(13, "group %s is no pool: %+v", gp.Group, gp)
			}
			continue
		}
		j.size(v, gp, decl, silence)
		if g := find(s.World, gp.Group); g != nil && !gp.Unseen {
			j.copies(v, s.Now, g, p, gp)
		}
	}
	for i := range p.Models {
		if mp := &p.Models[i]; !mp.Resident.IsZero() {
			j.Tempted["pool resident"]++
			if decl := j.groups[mp.Group]; decl.Pool == nil || decl.Overcommit == nil || mp.Resident.After(s.Now) {
				v.broken(13, "%s: resident since %v", mp.Model, mp.Resident)
			}
		}
		if mp := &p.Models[i]; mp.Extra != 0 && (j.groups[mp.Group].Pool == nil || mp.Extra < 0) {
			v.broken(13, "%s: %d extra copies", mp.Model, mp.Extra)
		}
	}
}

// size checks the decision on a number of servers: within bounds, not lower for
// want of data, and explained.
func (j *Judge) size(v *verdict, gp *coordinator.GroupPlan, decl coordinator.ServerGroup, silence map[coordinator.TargetID]bool) {
	if decl.Pool.Policy == nil || len(gp.Decision.Steps) == 0 {
		return // nothing decides, or nothing is known of it yet
	}
	n := gp.Decision.Replicas
	if n < decl.Min || n > decl.Max {
		v.broken(1, "pool %s: %d servers outside [%d, %d]", gp.Group, n, decl.Min, decl.Max)
	}
	was := gp.Decision.Steps[0].From
	for at, k := was, 0; k < len(gp.Decision.Steps); k++ {
		step := gp.Decision.Steps[k]
		if step.From != at || step.Reason == "" {
			v.broken(13, "pool %s: a step from %d for %q, after %d", gp.Group, step.From, step.Reason, at)
		}
		if at = step.To; k == len(gp.Decision.Steps)-1 && at != n {
			v.broken(13, "pool %s: the steps lead to %d, not %d", gp.Group, at, n)
		}
	}
	dim := gp.Unseen || silence[coordinator.TargetID{Kind: coordinator.TargetGroup, Name: gp.Group}] || slices.ContainsFunc(gp.Readings, func(r policy.Reading) bool { return r.Quality != policy.OK })
	if dim {
		if slices.ContainsFunc(gp.Decision.Steps, func(step policy.Step) bool { return step.To < was }) {
			j.Tempted["4 silence of pools"]++
		}
		if n < was && was <= decl.Max {
			v.broken(4, "pool %s: %d to %d on %+v", gp.Group, was, n, gp.Readings)
		}
	}
}

// copies checks what happens to the copies of a pool: nothing new where a server
// retires, nobody's room taken who has just come, and no model left with less than
// is desired by what makes room.
func (j *Judge) copies(v *verdict, now time.Time, g *coordinator.GroupState, p *coordinator.Plan, gp *coordinator.GroupPlan) {
	stops := map[string]int{}
	for i := range p.Later {
		if a := &p.Later[i].Action; a.Group == g.Name && a.Why.Reason == coordinator.Separates {
			j.Tempted["pool separates"]++
		}
	}
	for i := range p.Now {
		a := &p.Now[i]
		if a.Group != g.Name || a.Server == "" {
			continue
		}
		_, retires := slices.BinarySearch(gp.Retiring, a.Server)
		switch {
		case a.Kind == coordinator.Load && retires:
			v.broken(9, "%v, which retires", a)
		case a.Why.Reason == coordinator.ServerRetires && !retires:
			v.broken(13, "%v, which does not", a)
		case a.Why.Reason == coordinator.ServerRetires:
			j.Tempted["pool retires"]++
		case a.Why.Reason == coordinator.Separates:
			j.Tempted["pool separates"]++
		case a.Kind == coordinator.Load && a.Why.Reason != coordinator.ReplicaShort:
			j.Tempted["pool fills"]++
		case a.Why.Reason == coordinator.RoomWanted && a.Kind == coordinator.Unroute:
			j.Tempted["pool makes room"]++
			stops[a.Model]++
			if r := findReplica(coordinator.World{Groups: []coordinator.GroupState{*g}}, *a); r != nil && now.Sub(r.Since) < resident {
				v.broken(9, "%v, which serves for %v only", a, now.Sub(r.Since))
			}
		}
	}
	for name, n := range stops {
		left := -n
		for k := range g.Servers {
			s := &g.Servers[k]
			if _, retires := slices.BinarySearch(gp.Retiring, s.Name); retires || s.Leaving {
				continue
			}
			for _, r := range s.Replicas {
				if r.Model == name && r.Phase == coordinator.Serving && r.ModelVersion == j.models[name].Version {
					left++
				}
			}
		}
		if left < j.wanted[name] {
			v.broken(2, "%s makes room and is left with %d copies that stay, of %d", name, left, j.wanted[name])
		}
	}
}

package laws

import (
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// 9. No thrash.

// A pace is what went on in a group lately.
type pace struct {
	changed time.Time // when a wanted count last changed, a model came, or the group grew
	grown   time.Time // when one was last raised, a model came, or the group grew

	moving bool
	moves  map[string]bool      // of the consolidation under way: model on server
	died   map[string]bool      // meanwhile; to load one again where it was is no move
	left   map[string]time.Time // when a replica that moved stopped: model on server

	// Of the last consolidation that went to its end:
	ended time.Time      // zero: none, or something else has happened since
	then  map[string]int // the counts that were wanted
	had   int            // servers that are left, at least
}

// The documented defaults.
const (
	defaultSettle   = 5 * time.Minute
	defaultMaxMoves = 16
)

// thrash checks what is consolidated and what grows. What a model wants counts
// in the group that it lives on, on a fallback as at home.
func (j *Judge) thrash(v *verdict, s *coordinator.Snapshot, p *coordinator.Plan) {
	for i := range p.Groups {
		gp := &p.Groups[i]
		if g := find(s.World, gp.Group); g != nil && !gp.Unseen {
			j.steady(v, s.Now, g, p, gp)
		}
	}
}

func (j *Judge) steady(v *verdict, now time.Time, g *coordinator.GroupState, p *coordinator.Plan, gp *coordinator.GroupPlan) {
	x := j.pace[g.Name]
	if x == nil {
		x = &pace{changed: now, grown: now, left: map[string]time.Time{}}
		j.pace[g.Name] = x
	}
	decl := j.groups[g.Name].Consolidation
	settle := decl.Settle
	if settle == 0 {
		settle = defaultSettle
	}
	for _, mp := range p.Models {
		was := mp.Was
		if at, known := j.lived[mp.Model]; known && at != mp.Group {
			was = 0 // here
		}
		if mp.Group == g.Name && mp.Desired != was {
			x.changed = now
			if mp.Desired > was {
				x.grown = now
			}
		}
	}
	for _, server := range g.Servers {
		for _, r := range server.Replicas {
			if key := r.Model + " on " + server.Name; x.moving && r.Phase == coordinator.Broken && !x.moves[key] {
				x.died[key] = true
			}
		}
	}
	for _, a := range p.Now {
		if a.Group != g.Name {
			continue
		}
		switch {
		case a.Kind == coordinator.ScaleGroup && a.Why.Want > a.Why.Have:
			j.regrow(v, now, settle, g, x, a)
			x.changed, x.grown = now, now
		case a.Why.Reason == coordinator.Consolidating:
			j.move(v, now, settle, decl, x, a)
		case a.Kind == coordinator.Unroute && x.moving && a.Why.Reason == coordinator.ReplicaSpare:
			x.left[a.Model+" on "+a.Server] = now
		}
	}
	j.episode(now, g, gp, x)
}

// move checks one move of a consolidation.
func (j *Judge) move(v *verdict, now time.Time, settle time.Duration, decl coordinator.Consolidation, x *pace, a coordinator.Action) {
	j.Tempted["9 moves"]++
	key := a.Model + " on " + a.Server
	if !x.moving {
		x.moving, x.moves, x.died = true, map[string]bool{}, map[string]bool{}
		if now.Sub(x.changed) < settle {
			v.broken(9, "%v begins to consolidate %v after a change, settle time %v", a, now.Sub(x.changed), settle)
		}
	}
	if now.Sub(x.grown) < settle {
		v.broken(9, "%v consolidates %v after the group grew, settle time %v", a, now.Sub(x.grown), settle)
	}
	if at, known := x.left[key]; known && now.Sub(at) < settle {
		v.broken(9, "%v goes back %v after it moved away, settle time %v", a, now.Sub(at), settle)
	}
	if x.died[key] {
		return
	}
	x.moves[key] = true
	limit := decl.MaxMoves
	if limit == 0 {
		limit = defaultMaxMoves
	}
	if len(x.moves) == limit {
		j.Tempted["9 budget"]++
	}
	if decl.Off || len(x.moves) > limit {
		v.broken(9, "%v is move %d of at most %d", a, len(x.moves), limit)
	}
}

// episode notes how a consolidation goes on.
func (j *Judge) episode(now time.Time, g *coordinator.GroupState, gp *coordinator.GroupPlan, x *pace) {
	if x.moving && len(gp.Emptying) == 0 {
		x.moving = false
		x.ended, x.then, x.had = now, map[string]int{}, 0
		for name, n := range j.wanted {
			if j.lives[name] == g.Name {
				x.then[name] = n
			}
		}
	}
	if x.ended.IsZero() {
		return
	}
	if !j.calm(g, x) {
		x.ended = time.Time{}
		return
	}
	x.had = gp.Desired
	j.Tempted["9 rest"]++
}

// calm reports whether, since a consolidation, no more is wanted than then and
// no server or replica got lost: none is being replaced.
func (j *Judge) calm(g *coordinator.GroupState, x *pace) bool {
	for name, n := range j.wanted {
		if j.lives[name] == g.Name && n > x.then[name] {
			return false
		}
	}
	staying := 0
	for _, s := range g.Servers {
		if s.Leaving || slices.ContainsFunc(s.Replicas, j.unsettled) {
			return false
		}
		staying++
	}
	return staying >= x.had && staying >= g.Desired
}

// unsettled reports whether a replica is on its way, or one that another
// comes in place of: it died, or its version is declared no more.
func (j *Judge) unsettled(r coordinator.ReplicaState) bool {
	return r.Phase < coordinator.Serving || r.Phase == coordinator.Broken || r.ModelVersion != j.models[r.Model].Version
}

// regrow checks that a group does not grow again just after servers were emptied
// for nothing that is wanted in addition.
func (j *Judge) regrow(v *verdict, now time.Time, settle time.Duration, g *coordinator.GroupState, x *pace, a coordinator.Action) {
	if !x.ended.IsZero() && now.Sub(x.ended) < settle && j.calm(g, x) {
		v.broken(9, "%v undoes a consolidation %v after its end, settle time %v", a, now.Sub(x.ended), settle)
	}
}

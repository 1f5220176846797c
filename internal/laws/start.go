package laws

import (
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// A meeting is what a planner without a history has seen of a group.
type meeting struct {
	since time.Time // zero: nothing yet
	whole bool      // all of its servers were up at once, or waited for long enough
}

// Forget tells that the planner has lost its memory.
func (j *Judge) Forget() {
	j.answered = map[coordinator.Series]map[string]*source{}
	j.met = map[string]*meeting{}
}

// start checks that a planner without a history removes nothing at first sight,
// nor before its group is whole. 11.
func (j *Judge) start(v *verdict, s *coordinator.Snapshot, p *coordinator.Plan) {
	shy, first := map[string]bool{}, map[string]bool{}
	for i := range s.World.Groups {
		g := &s.World.Groups[i]
		m := j.met[g.Name]
		if m == nil {
			m = &meeting{since: s.Now}
			j.met[g.Name] = m
			shy[g.Name], first[g.Name] = true, true
		}
		m.whole = m.whole || whole(g) || s.Now.Sub(m.since) >= j.Startup
		if !m.whole {
			shy[g.Name] = true
		}
	}
	for _, a := range p.Now {
		if g := find(s.World, a.Group); shy[a.Group] && a.Kind == coordinator.ScaleGroup && a.Replicas < g.Desired {
			v.broken(11, "%v at first sight", a)
		}
	}
	for i := range p.Models {
		mp := &p.Models[i]
		if !shy[mp.Group] {
			continue
		}
		if mp.Ready > 0 {
			j.Tempted["11 first sight"]++
		}
		floor := mp.Was
		if first[mp.Group] { // what it had is what serves, whatever was wanted before
			floor = max(floor, count(s.World, mp.Model))
		}
		if _, high := bounds(j.models[mp.Model]); mp.Desired < min(floor, high) {
			v.broken(11, "%s: %d serve, %d were wanted, now %d, at first sight", mp.Model, mp.Ready, mp.Was, mp.Desired)
		}
	}
}

func whole(g *coordinator.GroupState) bool {
	staying := 0
	for _, s := range g.Servers {
		if s.Phase == coordinator.Booting {
			return false
		}
		if !s.Leaving {
			staying++
		}
	}
	return staying >= g.Desired
}

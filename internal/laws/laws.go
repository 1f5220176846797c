// Package laws checks what every action of a planner must keep, by looking at
// nothing but the world before, the plan, and each action in turn. It is
// written without the planner's own arithmetic.
package laws

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// A Judge checks plans made from one set of declarations. Make one with For;
// it serves one goroutine.
type Judge struct {
	models   map[string]coordinator.Model
	groups   map[string]coordinator.ServerGroup
	services map[string]coordinator.Service
	// Patience is for how long a source that no longer answers is waited for.
	Patience time.Duration
	// Stale is the age from which a sample is no longer current.
	Stale    time.Duration
	answered map[coordinator.Series]map[string]*source // by origin
	// Tempted counts how often each law had something to forbid.
	Tempted map[string]int

	should     map[string]int
	wished     map[string]int // of services
	budgets    []coordinator.Budget
	met        map[string]bool      // models that were decided before
	groupSince map[string]time.Time // when a group was first seen
	whole      map[string]bool      // groups of which all servers were up at once
}

// source is one that counts for a series: when it last answered, and of when its
// newest value is.
type source struct{ answered, newest time.Time }

// For returns a judge of planners of d.
func For(d coordinator.Declarations) *Judge {
	j := &Judge{models: map[string]coordinator.Model{}, groups: map[string]coordinator.ServerGroup{}, Tempted: map[string]int{}, answered: map[coordinator.Series]map[string]*source{}}
	j.Stale, j.Patience = 30*time.Second, 300*time.Second
	for _, m := range d.Models {
		j.models[m.Name] = m
	}
	for _, g := range d.Groups {
		j.groups[g.Name] = g
	}
	j.budgets, j.met, j.groupSince, j.whole = d.Budgets, map[string]bool{}, map[string]time.Time{}, map[string]bool{}
	j.services = map[string]coordinator.Service{}
	for _, s := range d.Services {
		j.services[s.Name] = s
	}
	return j
}

// Plan checks what a plan says of the world it was made from, and remembers the
// wishes that its actions are to be judged by.
func (j *Judge) Plan(s coordinator.Snapshot, p coordinator.Plan) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	j.should = map[string]int{}
	silence := j.listen(s)
	for _, mp := range p.Models {
		m := j.models[mp.Model]
		j.should[mp.Model] = mp.Desired
		if mp.Decision.Steps == nil && mp.Unseen {
			continue // never seen: nothing is known, nothing decided
		}
		// 1. Bounds.
		if mp.Desired < m.Min || mp.Desired > m.Max {
			fail("law 1: %s: desired %d outside [%d, %d]", mp.Model, mp.Desired, m.Min, m.Max)
		}
		if mp.Was == m.Min || mp.Was == m.Max {
			j.Tempted["1 bounds"]++
		}
		// 4. Silence is not idleness.
		silent := mp.Unseen || silence[coordinator.TargetID{Name: mp.Model}]
		if silent {
			for _, step := range mp.Decision.Steps {
				if step.To < mp.Was {
					j.Tempted["4 silence"]++
					break
				}
			}
			if mp.Desired < mp.Was && mp.Was <= m.Max {
				fail("law 4: %s: %d to %d on %+v", mp.Model, mp.Was, mp.Desired, mp.Readings)
			}
		}
		if len(mp.Decision.Steps) == 0 {
			fail("law 13: %s: a decision without a step", mp.Model)
		}
	}
	errs = append(errs, j.planServices(s, p, silence), j.planBudgets(s, p, silence))
	unseen := map[string]bool{}
	for _, g := range s.World.Unseen {
		unseen[g] = true
	}
	for _, a := range p.Now {
		if a.Kind != coordinator.ScaleService && unseen[a.Group] {
			fail("law 4: %v in a group that is not seen", a)
		}
		if a.Why.Reason == "" || a.ID == "" {
			fail("law 13: %v without a reason or an ID", a)
		}
	}
	return errors.Join(errs...)
}

// listen finds the targets of which some wanted signal is not wholly known: a
// source that answered before did not answer now, or not with a current value.
func (j *Judge) listen(s coordinator.Snapshot) map[coordinator.TargetID]bool {
	good := map[coordinator.Series]map[string]bool{}
	for _, x := range s.Samples {
		if j.answered[x.Series] == nil {
			j.answered[x.Series] = map[string]*source{}
		}
		from := j.answered[x.Series][x.Origin]
		if from == nil {
			from = &source{}
			j.answered[x.Series][x.Origin] = from
		}
		from.answered = s.Now
		if x.Quality.HasValue() && x.At.After(from.newest) {
			from.newest = x.At
		}
		if good[x.Series] == nil {
			good[x.Series] = map[string]bool{}
		}
		good[x.Series][x.Origin] = x.Quality == policy.OK && s.Now.Sub(from.newest) <= j.Stale
	}
	silence := map[coordinator.TargetID]bool{}
	for target, c := range j.policies() {
		for _, sig := range c.Needs().Signals {
			id := coordinator.Series{Target: target, Name: sig.Name}
			if len(good[id]) == 0 {
				silence[target] = true
			}
			for origin, from := range j.answered[id] {
				if s.Now.Sub(from.answered) <= j.Patience && !good[id][origin] {
					silence[target] = true
				}
			}
		}
	}
	return silence
}

// Action checks one action of the plan against the world as it is just before
// it is applied.
func (j *Judge) Action(w coordinator.World, a coordinator.Action) error {
	if a.Kind == coordinator.ScaleService {
		return j.scaleService(w, a)
	}
	g := find(w, a.Group)
	if g == nil {
		return fmt.Errorf("%v: no such group", a)
	}
	if a.Kind == coordinator.ScaleGroup {
		return j.scale(g, a)
	}
	var server *coordinator.ServerState
	for i := range g.Servers {
		if g.Servers[i].Name == a.Server {
			server = &g.Servers[i]
		}
	}
	if server == nil {
		return fmt.Errorf("%v: no such server", a)
	}
	switch a.Kind {
	case coordinator.Load:
		return j.load(server, a)
	case coordinator.Unroute:
		// 2. Make before break.
		serving := j.count(w, a.Model)
		j.Tempted["2 make before break"]++
		if serving-1 < j.should[a.Model] {
			return fmt.Errorf("law 2: %v leaves %d serving of %d", a, serving-1, j.should[a.Model])
		}
	case coordinator.Unload:
		return j.unload(server, a)
	}
	return nil
}

// World checks a world: no server beyond capacity, one of each.
func (j *Judge) World(w coordinator.World) error {
	var errs []error
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			used := map[string]int64{}
			seen := map[string]bool{}
			for _, r := range s.Replicas {
				if seen[r.Model] {
					errs = append(errs, fmt.Errorf("law 6: %s twice on %s", r.Model, s.Name))
				}
				seen[r.Model] = true
				for name, n := range j.models[r.Model].Needs {
					used[name] += n
				}
			}
			for name, n := range used {
				if limit := j.groups[g.Name].Capacity[name]; n > limit {
					errs = append(errs, fmt.Errorf("law 5: %s: %d of %d %s", s.Name, n, limit, name))
				}
			}
		}
	}
	return errors.Join(errs...)
}

func (j *Judge) load(s *coordinator.ServerState, a coordinator.Action) error {
	j.Tempted["6 one of each"] += len(s.Replicas)
	switch {
	case s.Phase != coordinator.Up:
		return fmt.Errorf("%v: the server is not up", a)
	case s.Leaving:
		return fmt.Errorf("%v: the server leaves", a)
	}
	m := j.models[a.Model]
	for _, need := range m.Requires {
		if !slices.Contains(j.groups[a.Group].Capabilities, need) {
			return fmt.Errorf("%v: the server lacks %s", a, need)
		}
	}
	for _, r := range s.Replicas {
		if r.Model == a.Model {
			return fmt.Errorf("law 6: %v: it is there", a)
		}
	}
	for name, need := range m.Needs {
		total := need
		for _, r := range s.Replicas {
			total += j.models[r.Model].Needs[name]
		}
		limit := j.groups[a.Group].Capacity[name]
		if total == limit {
			j.Tempted["5 capacity"]++
		}
		if total > limit {
			return fmt.Errorf("law 5: %v: %d of %d %s", a, total, limit, name)
		}
	}
	return nil
}

func (j *Judge) unload(s *coordinator.ServerState, a coordinator.Action) error {
	for _, r := range s.Replicas {
		if r.Model != a.Model {
			continue
		}
		switch {
		case r.Phase == coordinator.Serving:
			return fmt.Errorf("law 2: %v while it serves", a)
		case r.Phase == coordinator.Draining && (r.InFlight.Quality != policy.OK || r.InFlight.Value != 0 || r.InFlight.At.Before(r.Since)):
			j.Tempted["3 drain"]++
			if a.Why.Reason != coordinator.DrainTooLong {
				return fmt.Errorf("law 3: %v with %v in flight", a, r.InFlight)
			}
		}
	}
	return nil
}

func (j *Judge) scale(g *coordinator.GroupState, a coordinator.Action) error {
	decl := j.groups[g.Name]
	if a.Replicas < 0 || a.Replicas > decl.Max && a.Replicas > g.Desired {
		return fmt.Errorf("law 1: %v beyond [%d, %d]", a, decl.Min, decl.Max)
	}
	gone := map[string]bool{}
	for _, v := range a.Victims {
		gone[v] = true
	}
	if decl.Removal == coordinator.Ordinal {
		if len(a.Victims) > 0 {
			return fmt.Errorf("%v: victims under ordinal removal", a)
		}
		gone = highest(g, a.Replicas)
	}
	for _, s := range g.Servers {
		if !gone[s.Name] {
			continue
		}
		// 3. No live removal.
		j.Tempted["3 no live removal"]++
		if len(s.Replicas) > 0 {
			return fmt.Errorf("law 3: %v removes %s, which holds %d replicas", a, s.Name, len(s.Replicas))
		}
	}
	return nil
}

// highest names the servers beyond the n lowest ordinals.
func highest(g *coordinator.GroupState, n int) map[string]bool {
	gone := map[string]bool{}
	for _, s := range g.Servers {
		lower := 0
		for _, t := range g.Servers {
			if !t.Leaving && t.Ordinal < s.Ordinal {
				lower++
			}
		}
		if !s.Leaving && lower >= n {
			gone[s.Name] = true
		}
	}
	return gone
}

func (j *Judge) count(w coordinator.World, model string) int {
	n := 0
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if r.Model == model && r.Phase == coordinator.Serving {
					n++
				}
			}
		}
	}
	return n
}

func find(w coordinator.World, name string) *coordinator.GroupState {
	for i := range w.Groups {
		if w.Groups[i].Name == name {
			return &w.Groups[i]
		}
	}
	return nil
}

// Package laws judges what planners do by DESIGN's thirteen laws, looking at
// nothing but snapshots, plans, and the world before and after each action. It is
// written without the planner's own arithmetic: where it counts, it counts what
// is there.
//
// One file per law or two; every error begins with the law's number, and every
// law counts how often it had something to forbid.
package laws

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// A Judge checks plans made from one set of declarations. Make one with For;
// it serves one goroutine.
//
// Plan judges a plan by the snapshot that it was made from, its actions one by
// one and in any order; Effect what one delivery of an action did to the world;
// World a world by itself.
type Judge struct {
	models   map[string]coordinator.Model
	groups   map[string]coordinator.ServerGroup
	services map[string]coordinator.Service
	// Patience is for how long a source that no longer answers is waited for.
	Patience time.Duration
	// Stale is the age from which a sample is no longer current, Ahead how far one
	// may lie in the future.
	Stale, Ahead time.Duration
	// Startup is for how long a planner without a history waits for all servers.
	Startup time.Duration
	// Tempted counts how often each law had something to forbid.
	Tempted map[string]int

	answered map[coordinator.Series]map[string]*source // by origin
	should   map[string]int                            // what the last plan wants, by model
	wanted   map[string]int                            // what is desired; should is less where MinReady is enough
	lives    map[string]string                         // the group that each model lives on
	lived    map[string]string                         // on which it lived one plan before
	wished   map[string]int                            // of services
	expect   map[string]int                            // serving, as seen and after our own actions
	met      map[string]*meeting                       // groups that a planner without a history has seen
	pace     map[string]*pace                          // by group
	leader   uint64                                    // its epoch; older ones have lost

	budgets    []coordinator.Budget
	decided    map[string]bool      // models that were decided before
	groupSince map[string]time.Time // when a group was first seen
	whole      map[string]bool      // groups of which all servers were up at once
}

// For returns a judge of planners of d.
func For(d coordinator.Declarations) *Judge {
	j := &Judge{
		Stale: 30 * time.Second, Patience: 300 * time.Second, Ahead: time.Second, Startup: 10 * time.Minute,
		Tempted: map[string]int{}, pace: map[string]*pace{},
	}
	j.Declare(d)
	j.Forget()
	return j
}

// Declare replaces the declarations.
func (j *Judge) Declare(d coordinator.Declarations) {
	j.models, j.groups = map[string]coordinator.Model{}, map[string]coordinator.ServerGroup{}
	for _, m := range d.Models {
		j.models[m.Name] = m
	}
	for _, g := range d.Groups {
		j.groups[g.Name] = g
	}
	j.budgets, j.decided, j.groupSince, j.whole = d.Budgets, map[string]bool{}, map[string]time.Time{}, map[string]bool{}
	j.services = map[string]coordinator.Service{}
	for _, s := range d.Services {
		j.services[s.Name] = s
	}
}

// verdict collects what breaks a law.
type verdict struct{ errs []error }

func (v *verdict) broken(law int, format string, args ...any) {
	v.errs = append(v.errs, fmt.Errorf("law %d: "+format, append([]any{law}, args...)...))
}

func (v *verdict) add(err error) { v.errs = append(v.errs, err) }

func (v *verdict) err() error { return errors.Join(v.errs...) }

// Breaks reports whether an error of a Judge names a law.
func Breaks(err error, law int) bool {
	return err != nil && strings.Contains(err.Error(), fmt.Sprintf("law %d:", law))
}

// Plan checks what a plan says of the world it was made from, and each of its
// actions: none may need another one to be carried out. It remembers the wishes
// that the actions' effects are to be judged by.
func (j *Judge) Plan(s coordinator.Snapshot, p coordinator.Plan) error {
	var v verdict
	j.should, j.wanted, j.expect = map[string]int{}, map[string]int{}, map[string]int{}
	j.lives, j.lived = map[string]string{}, j.lives
	silence := j.listen(s)
	for i := range p.Models {
		mp := &p.Models[i]
		j.should[mp.Model], j.wanted[mp.Model], j.lives[mp.Model] = mp.Desired, mp.Desired, mp.Group
		if enough := j.models[mp.Model].MinReady; enough > 0 {
			j.should[mp.Model] = min(mp.Desired, enough)
		}
		j.expect[mp.Model] = count(s.World, mp.Model)
		if mp.Decision.Steps == nil && mp.Unseen {
			continue // never seen: nothing is known, nothing decided
		}
		j.bounds(&v, mp)
		j.silent(&v, mp, silence[coordinator.TargetID{Name: mp.Model}])
		j.decision(&v, mp)
	}
	j.start(&v, &s, &p)
	j.explained(&v, &s, &p)
	j.thrash(&v, &s, &p)
	j.planPools(&v, &s, &p, silence)
	v.add(j.planServices(s, p, silence))
	v.add(j.planBudgets(s, p, silence))
	unseen := map[string]bool{}
	for _, g := range s.World.Unseen {
		unseen[g] = true
	}
	// Whatever is refused or lost on the way: what others of the plan would mend
	// does not count, what they would take does.
	w := imagine(s.World)
	for _, a := range p.Now {
		if a.Kind != coordinator.ScaleService && unseen[a.Group] {
			v.broken(4, "%v in a group that is not seen", a)
			continue
		}
		j.stamped(&v, w, a)
		if err := j.Action(w, a); err != nil {
			v.add(err)
			continue
		}
		imagined(w, a)
	}
	return v.err()
}

// 1. Bounds.
func (j *Judge) bounds(v *verdict, mp *coordinator.ModelPlan) {
	m := j.models[mp.Model]
	low, high := bounds(m)
	if mp.Desired < low || mp.Desired > high {
		v.broken(1, "%s: desired %d outside [%d, %d]", mp.Model, mp.Desired, low, high)
	}
	if mp.Was == low || mp.Was == high {
		j.Tempted["1 bounds"]++
	}
}

// 4. Silence is not idleness.
func (j *Judge) silent(v *verdict, mp *coordinator.ModelPlan, silence bool) {
	if !mp.Unseen && !silence {
		return
	}
	for _, step := range mp.Decision.Steps {
		if step.To < mp.Was {
			j.Tempted["4 silence"]++
			break
		}
	}
	if _, high := bounds(j.models[mp.Model]); mp.Desired < mp.Was && mp.Was <= high {
		v.broken(4, "%s: %d to %d on %+v", mp.Model, mp.Was, mp.Desired, mp.Readings)
	}
}

// bounds are those of a model's count.
func bounds(m coordinator.Model) (low, high int) {
	if m.Policy == nil {
		return m.Replicas, m.Replicas
	}
	return m.Min, m.Max
}

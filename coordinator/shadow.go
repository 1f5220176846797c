package coordinator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellows-go/bellows/internal/check"
	"github.com/bellows-go/bellows/policy"
)

// A Shadow is a policy that is asked beside the one that decides, about the same
// target at the same instants, and never acts: to see what it would do before it
// may. Its signals are wanted as any other's are. It sees the count that is in
// force, not the one that it would have reached by itself.
type Shadow struct {
	Name   string // unique within its target, not empty
	Policy policy.Config
}

// A ShadowPlan is what a shadow would have decided, kept within the same laws and
// bounds as the decision that was taken, budgets aside.
type ShadowPlan struct {
	Shadow   string
	Desired  int
	Differs  int // Desired less what was decided, before budgets
	Decision policy.Decision
	Readings []policy.Reading // as the shadow saw them
	// Since the shadow was declared: in how many plans it was asked, wanted more
	// than was decided, and less.
	Asked, Above, Below int64
}

// shadow is a declared shadow and what the planner remembers of it.
type shadow struct {
	asker
	name                string
	asked, above, below int64
}

func newShadows(list []Shadow) []*shadow {
	shadows := make([]*shadow, len(list))
	for i, decl := range list {
		shadows[i] = &shadow{name: decl.Name, asker: asker{config: decl.Policy}}
	}
	return shadows
}

// shadow finds one by its name, nil if there is none.
func (t *scaled) shadow(name string) *shadow {
	for _, x := range t.shadows {
		if x.name == name {
			return x
		}
	}
	return nil
}

// inherit takes over what is remembered of the same shadow under older
// declarations, unless its policy has changed.
func (x *shadow) inherit(old *shadow) {
	x.asker.inherit(&old.asker)
	if x.policy != nil {
		x.asked, x.above, x.below = old.asked, old.above, old.below
	}
}

// wantsSeconds reports whether the target's policy or a shadow asks for seconds.
func (t *scaled) wantsSeconds() bool {
	return t.hears != nil || t.needs.Seconds || slices.ContainsFunc(t.shadows, func(x *shadow) bool { return x.needs.Seconds })
}

// askShadows asks the shadows what they would have decided instead of d.
func (p *Planner) askShadows(t *scaled, o policy.Observation, s *Snapshot, seconds []policy.Second, young bool, d policy.Decision) {
	t.shown = t.shown[:0]
	for _, x := range t.shadows {
		if x.policy == nil {
			x.policy = x.newPolicy(s.Now, o.Ready)
			x.steps = make([]policy.Step, 0, 8)
		}
		silent := p.read(&x.asker, s)
		own := o
		would, err := x.ask(&own, seconds)
		if err != nil {
			p.fault("%v %s: shadow %s: policy: %v", t.id.Kind, t.id.Name, x.name, err)
		}
		would = t.guard(own, would, silent, young)
		if n := cap(would.Steps); n > cap(x.steps) {
			x.steps = make([]policy.Step, 0, n) // so that the next decision fits
		}
		x.asked++
		differs := would.Replicas - d.Replicas
		switch {
		case differs > 0:
			x.above++
		case differs < 0:
			x.below++
		}
		t.shown = append(t.shown, ShadowPlan{x.name, would.Replicas, differs, would, x.readings, x.asked, x.above, x.below})
	}
}

// cloneShadows shares nothing with a list of them.
func cloneShadows(list []ShadowPlan) []ShadowPlan {
	list = slices.Clone(list)
	for i := range list {
		list[i].Decision = list[i].Decision.Clone()
		list[i].Readings = slices.Clone(list[i].Readings)
	}
	return list
}

// shadowSignals are those of the shadows' readings.
func (t *scaled) shadowSignals() (all [][]policy.Signal) {
	for _, x := range t.shadows {
		all = append(all, slices.Clone(x.needs.Signals))
	}
	return all
}

func validateShadows(f *check.Faults, field string, list []Shadow) {
	names := map[string]bool{}
	for i, x := range list {
		at := path(field, i)
		f.Require(x.Name != "", at+".Name", "must not be empty")
		f.Require(!names[x.Name], at+".Name", "%q stands twice", x.Name)
		names[x.Name] = true
		if x.Policy == nil {
			f.Require(false, at+".Policy", "must be set")
			continue
		}
		validatePolicy(f, at+".Policy", x.Policy)
	}
}

// shadows looks at the policies of shadows.
func (l *linter) shadows(field string, list []Shadow) {
	for i, x := range list {
		l.config(path(field, i)+".Policy", x.Policy)
	}
}

// savedShadow is the memory of one shadow.
type savedShadow struct {
	Name                string
	Known               bool            // its policy has been made
	Policy              json.RawMessage // of a policy.Saver; empty: none
	Asked, Above, Below int64
}

func (t *scaled) saveShadows() (list []savedShadow) {
	for _, x := range t.shadows {
		s := savedShadow{Name: x.name, Known: x.policy != nil, Asked: x.asked, Above: x.above, Below: x.below}
		if saver, ok := x.policy.(policy.Saver); ok {
			s.Policy = saver.AppendState(nil)
		}
		list = append(list, s)
	}
	return list
}

// checkShadows refuses what no planner has saved.
func checkShadows(list []savedShadow) error {
	names := map[string]bool{}
	for _, s := range list {
		if names[s.Name] {
			return fmt.Errorf("shadow %q stands twice", s.Name)
		}
		names[s.Name] = true
		if s.Above < 0 || s.Below < 0 || s.Above > s.Asked || s.Below > s.Asked-s.Above {
			return fmt.Errorf("shadow %q: %d above and %d below of %d", s.Name, s.Above, s.Below, s.Asked)
		}
	}
	return nil
}

// restoreShadows takes over what was saved of shadows, if anything. The error is
// of policies that refuse their memory and start anew.
func (t *scaled) restoreShadows(list []savedShadow, at time.Time, ready int) error {
	for _, x := range t.shadows {
		x.policy, x.asked, x.above, x.below = nil, 0, 0, 0
	}
	var errs []error
	for i := range list {
		s := &list[i]
		x := t.shadow(s.Name)
		if x == nil || !s.Known {
			continue
		}
		x.asked, x.above, x.below = s.Asked, s.Above, s.Below
		if err := x.asker.restore(s.Policy, at, ready); err != nil {
			errs = append(errs, fmt.Errorf("shadow %s: %w", x.name, err))
		}
	}
	return errors.Join(errs...)
}

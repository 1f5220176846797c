package laws

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// share is a model under budgets.
type share struct {
	plan     coordinator.ModelPlan
	declared coordinator.Model
	wanted   int // before budgets
	floor    int // below which no budget may go
}

// need is what one replica takes of a budget, 0 if that does not cover it.
func (x *share) need(b coordinator.Budget) int64 {
	all := len(b.Models)+len(b.Groups) == 0
	if !all && !slices.Contains(b.Models, x.declared.Name) && !slices.Contains(b.Groups, x.declared.Group) {
		return 0
	}
	if b.Resource == "" {
		return 1
	}
	return x.declared.Needs[b.Resource]
}

// planBudgets checks how a plan shares out budgets. Models that are frozen are
// not known to the judge unless a step says so.
func (j *Judge) planBudgets(s coordinator.Snapshot, p coordinator.Plan, silence map[coordinator.TargetID]bool) error {
	j.assemble(s)
	var shares []share
	for _, mp := range p.Models {
		m := j.models[mp.Model]
		low, _ := bounds(m)
		x := share{plan: mp, declared: m, wanted: mp.Desired, floor: low}
		frozen := false
		for _, step := range mp.Decision.Steps {
			frozen = frozen || step.Reason == policy.Frozen
			if slices.ContainsFunc(j.budgets, func(b coordinator.Budget) bool { return step.Reason == coordinator.BudgetReason(b.Name) }) {
				x.wanted = step.From
			}
		}
		// A statistic may be missing although its samples came: they are too few yet.
		dim := slices.ContainsFunc(mp.Readings, func(r policy.Reading) bool { return r.Quality != policy.OK })
		if mp.Unseen || dim || silence[coordinator.TargetID{Name: mp.Model}] || !j.decided[mp.Model] || !j.whole[mp.Group] || frozen {
			x.floor = max(low, mp.Was)
		}
		if len(mp.Decision.Steps) > 0 {
			j.decided[mp.Model] = true
		}
		x.floor = min(x.floor, x.wanted)
		shares = append(shares, x)
	}
	errs := []error{nil}
	if len(p.Budgets) != len(j.budgets) {
		errs = append(errs, fmt.Errorf("law 13: %d budgets are planned of %d", len(p.Budgets), len(j.budgets)))
	}
	for _, bp := range p.Budgets {
		errs = append(errs, j.budget(bp, shares))
	}
	for i := range shares {
		if shares[i].plan.Desired < shares[i].wanted {
			errs = append(errs, j.cut(&shares[i], shares))
		}
	}
	return errors.Join(errs...)
}

// budget checks what is said of one budget, and that it is kept.
func (j *Judge) budget(bp coordinator.BudgetPlan, shares []share) error {
	i := slices.IndexFunc(j.budgets, func(b coordinator.Budget) bool { return b.Name == bp.Budget })
	if i < 0 {
		return fmt.Errorf("law 13: no budget %s is declared", bp.Budget)
	}
	b := j.budgets[i]
	used := j.sum(b, shares, func(x share) int { return x.plan.Desired })
	wanted := j.sum(b, shares, func(x share) int { return x.wanted })
	floors := j.sum(b, shares, func(x share) int { return x.floor })
	if wanted > b.Limit {
		j.Tempted["budget"]++
		if floors > b.Limit {
			j.Tempted["budget that cannot be kept"]++
		}
	}
	switch {
	case bp.Used != used || bp.Wanted != wanted || bp.Limit != b.Limit:
		return fmt.Errorf("law 13: budget %s: %+v, but %d are used of %d wanted", b.Name, bp, used, wanted)
	case used > max(b.Limit, floors):
		return fmt.Errorf("law 1: budget %s: %d used of %d, though %d would do", b.Name, used, b.Limit, floors)
	case used > b.Limit && bp.Held != used:
		return fmt.Errorf("law 13: budget %s: %d used of %d, of which %d are held", b.Name, used, b.Limit, bp.Held)
	}
	return nil
}

func (j *Judge) sum(b coordinator.Budget, shares []share, count func(share) int) (n int64) {
	for i := range shares {
		n += shares[i].need(b) * int64(count(shares[i]))
	}
	return n
}

// cut checks a model that a budget has cut: not below what it must keep, not
// while there is room, not to nothing while others have two, and with a reason.
func (j *Judge) cut(x *share, shares []share) error {
	name := x.plan.Model
	if x.plan.Desired < x.floor {
		return fmt.Errorf("law 4: %s: a budget cuts it to %d, below %d", name, x.plan.Desired, x.floor)
	}
	room, starved := true, false
	for _, b := range j.budgets {
		need := x.need(b)
		if need == 0 {
			continue
		}
		if j.sum(b, shares, func(x share) int { return x.plan.Desired })+need > b.Limit {
			room = false
		}
		if j.sum(b, shares, func(x share) int { return max(x.floor, min(1, x.wanted)) }) > b.Limit {
			starved = true
		}
	}
	last := x.plan.Decision.Steps[len(x.plan.Decision.Steps)-1]
	switch {
	case room:
		return fmt.Errorf("budgets: %s: cut to %d of %d, though there is room for one more", name, x.plan.Desired, x.wanted)
	case x.plan.Desired == 0 && !starved:
		return fmt.Errorf("budgets: %s: gets nothing, though there is room for one of each", name)
	case last.To != x.plan.Desired || last.Limit == 0 && last.Have == 0:
		return fmt.Errorf("law 13: %s: cut to %d without numbers: %v", name, x.plan.Desired, x.plan.Decision)
	}
	return nil
}

// assemble notes which groups were seen whole, or for long enough.
func (j *Judge) assemble(s coordinator.Snapshot) {
	for _, g := range s.World.Groups {
		if slices.Contains(s.World.Unseen, g.Name) {
			continue
		}
		if _, known := j.groupSince[g.Name]; !known {
			j.groupSince[g.Name] = s.Now
		}
		up, staying := true, 0
		for _, x := range g.Servers {
			up = up && x.Phase == coordinator.Up
			if !x.Leaving {
				staying++
			}
		}
		if up && staying >= g.Desired || s.Now.Sub(j.groupSince[g.Name]) >= j.Startup {
			j.whole[g.Name] = true
		}
	}
}

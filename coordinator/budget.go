package coordinator

import (
	"math"
	"slices"

	"github.com/bellows-go/bellows/internal/check"
	"github.com/bellows-go/bellows/policy"
)

// A Budget limits what several models want together. Where they want more, it is
// shared out in this order: the minimums of all; what is held, see below; one
// replica for each model that wants any; then, from the highest Model.Priority
// down, the next replica goes to the model that has the fewest per Model.Weight,
// and of equal ones to the first by name, until it wants no more or the limit is
// reached; or, with Share ByValue, to the model for which it is worth most. Models under several budgets need room in all of them. Services are
// under none.
//
// A budget never lowers a model below Min, nor below its present count while
// that is held: it is frozen, seen for the first time, not seen at all, or a
// reading of it is not OK. What then lies beyond the limit is in BudgetPlan.
type Budget struct {
	Name     string   // unique among budgets, not empty
	Resource string   // what of Model.Needs counts, once for each replica; "" counts replicas
	Limit    int64    // of the sum, in the resource's unit; in [0, math.MaxInt64/2]
	Models   []string // whom it covers, and
	Groups   []string // those whose Group is one of these, on whatever fallback they live; both empty: all models
	// Share is how it is shared out among equal priorities. A model under several
	// budgets that are not enough is given by value what any of them gives so, after
	// those that are not.
	Share Share
}

// A BudgetPlan is how a budget was shared out.
type BudgetPlan struct {
	Budget   string
	Resource string
	Limit    int64
	Wanted   int64 // by the models' own decisions; math.MaxInt64 if more
	Used     int64 // by what is desired now
	// Held is what of Used no budget may take away, where Wanted is beyond Limit; 0
	// otherwise. Used is more than Limit only where Held is, and then equals it.
	Held int64
}

// BudgetReason is the reason of the step by which a budget cuts a model's count.
// Have is BudgetPlan.Wanted, Limit is Budget.Limit.
func BudgetReason(budget string) policy.Reason { return policy.Reason("budget " + budget) }

// maxWeight is the greatest Model.Weight.
const maxWeight = 1000

// covers reports whether the budget is one of the model's.
func (b *Budget) covers(m *Model) bool {
	return len(b.Models)+len(b.Groups) == 0 || slices.Contains(b.Models, m.Name) || slices.Contains(b.Groups, m.Group)
}

// need is what one replica of a model takes.
func (b *Budget) need(m *Model) int64 {
	if b.Resource == "" {
		return 1
	}
	return m.Needs[b.Resource]
}

// validateBudgets reports every fault of the budgets.
func (d *Declarations) validateBudgets(f *check.Faults) {
	models, groups, resources, names := map[string]bool{}, map[string]bool{}, map[string]bool{"": true}, map[string]bool{}
	for i := range d.Models {
		models[d.Models[i].Name] = true
	}
	for i := range d.Groups {
		groups[d.Groups[i].Name] = true
		for name := range d.Groups[i].Capacity {
			resources[name] = true
		}
	}
	for i := range d.Budgets {
		b := &d.Budgets[i]
		field := path("Budgets", i)
		f.Require(b.Name != "", field+".Name", "must not be empty")
		f.Require(!names[b.Name], field+".Name", "%q stands twice", b.Name)
		names[b.Name] = true
		f.Require(resources[b.Resource], field+".Resource", "no group has a resource %q", b.Resource)
		f.Require(b.Share <= ByValue, field+".Share", "unknown: %d", b.Share)
		f.Require(b.Limit >= 0, field+".Limit", "must be >= 0, is %d", b.Limit)
		f.Require(b.Limit <= math.MaxInt64/2, field+".Limit", "must be <= %d, is %d", int64(math.MaxInt64/2), b.Limit)
		for j, name := range b.Models {
			f.Require(models[name], path(field+".Models", j), "no model is named %q", name)
		}
		for j, name := range b.Groups {
			f.Require(groups[name], path(field+".Groups", j), "no group is named %q", name)
		}
	}
}

// budgets warns of budgets that cannot be kept.
func (l *linter) budgets(d Declarations) {
	for i := range d.Budgets {
		b := &d.Budgets[i]
		var least int64
		for j := range d.Models {
			m := &d.Models[j]
			if low, _ := m.bounds(); b.covers(m) {
				least = plus(least, times(b.need(m), low))
			}
		}
		if least > b.Limit {
			l.warn(path("Budgets", i)+".Limit", "raise it, or lower minimums", "%d is less than the %d that the minimums of its models take", b.Limit, least)
		}
	}
}

// plus is a+b, and times need*n, of numbers >= 0; math.MaxInt64 if more.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func times(need int64, n int) int64 {
	if need > 0 && int64(n) > math.MaxInt64/need {
		return math.MaxInt64
	}
	return need * int64(n)
}

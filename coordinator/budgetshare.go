package coordinator

import (
	"cmp"
	"slices"

	"github.com/bellows-go/bellows/policy"
)

// budget is a declared budget and how it stands in the present plan.
type budget struct {
	Budget
	reason policy.Reason
	wanted int64
	over   bool  // wanted is beyond Limit
	used   int64 // of an over budget: by what was given so far
	held   int64 // of that, what cannot be taken away
	extra  int64 // and what giving more would add
}

// A stake is what one replica of a model takes of a budget.
type stake struct {
	of   *budget
	need int64 // > 0
}

// A claim is a model under a budget that is not enough.
type claim struct {
	model     int // index in Planner.models
	priority  int
	weight    int
	want, got int
	stakes    []stake
	stopped   *budget // that has no room for its next replica; nil: none

	byValue     bool
	worth, next float64 // by value: of what it got, and of one more
}

// updateBudgets makes the budgets of declarations.
func (p *Planner) updateBudgets(list []Budget) {
	p.budgets = make([]*budget, len(list))
	for i, decl := range list {
		p.budgets[i] = &budget{Budget: decl, reason: BudgetReason(decl.Name)}
	}
	slices.SortFunc(p.budgets, func(a, b *budget) int { return cmp.Compare(a.Name, b.Name) })
	p.stakes = make([][]stake, len(p.models))
	for i, m := range p.models {
		for _, b := range p.budgets {
			if need := b.need(&m.Model); need > 0 && b.covers(&m.Model) {
				p.stakes[i] = append(p.stakes[i], stake{b, need})
			}
		}
	}
}

// keepBudgets cuts what models want together down to the budgets.
func (p *Planner) keepBudgets() {
	if len(p.budgets) == 0 {
		return
	}
	for _, b := range p.budgets {
		b.wanted, b.used, b.held = 0, 0, 0
	}
	for i, stakes := range p.stakes {
		for _, s := range stakes {
			s.of.wanted = plus(s.of.wanted, times(s.need, p.plan.Models[i].Desired))
		}
	}
	over := false
	for _, b := range p.budgets {
		b.over = b.wanted > b.Limit
		over = over || b.over
	}
	if over {
		p.share()
	}
	for _, b := range p.budgets {
		bp := BudgetPlan{Budget: b.Name, Resource: b.Resource, Limit: b.Limit, Wanted: b.wanted, Used: b.wanted, Held: b.held}
		if b.over {
			bp.Used = b.used
		} else if over {
			bp.Used = p.used(b) // other budgets may have cut its models
		}
		p.plan.Budgets = append(p.plan.Budgets, bp)
	}
}

// recountBudgets says what is used after counts were lowered once more.
func (p *Planner) recountBudgets() {
	for i, b := range p.budgets {
		p.plan.Budgets[i].Used = p.used(b)
	}
}

// budgetsOf are the budgets of a plan that cover a model.
func (p *Planner) budgetsOf(m *model, list []BudgetPlan) (of []BudgetPlan) {
	for _, bp := range list {
		if slices.ContainsFunc(p.budgets, func(b *budget) bool { return b.Name == bp.Budget && b.covers(&m.Model) }) {
			of = append(of, bp)
		}
	}
	return of
}

// used is what the present counts take of a budget.
func (p *Planner) used(b *budget) (n int64) {
	for i, stakes := range p.stakes {
		for _, s := range stakes {
			if s.of == b {
				n = plus(n, times(s.need, p.plan.Models[i].Desired))
			}
		}
	}
	return n
}

// share shares out the budgets that are not enough, and cuts the counts of models
// that get less than they want.
func (p *Planner) share() {
	p.claims = p.claims[:0]
	for i, m := range p.models {
		if !slices.ContainsFunc(p.stakes[i], func(s stake) bool { return s.of.over }) {
			continue
		}
		c := claim{model: i, priority: m.Priority, weight: max(1, m.Weight), want: p.plan.Models[i].Desired, stakes: p.stakes[i]}
		if m.host != nil { // more than of its host would be of no use
			c.priority, c.weight = min(c.priority, m.host.Priority), min(c.weight, max(1, m.host.Weight))
		}
		c.byValue = slices.ContainsFunc(p.stakes[i], func(s stake) bool { return s.of.over && s.of.Share == ByValue })
		c.give(m.least(&p.plan.Models[i]))
		p.claims = append(p.claims, c)
	}
	for _, b := range p.budgets {
		b.held = b.used
	}
	claims := p.claims
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(b.weight, a.weight), cmp.Compare(a.model, b.model))
	})
	for i := range claims {
		if c := &claims[i]; c.got == 0 && c.want > 0 && c.fits() {
			c.give(1)
		}
	}
	for len(claims) > 0 {
		n := 1
		for n < len(claims) && claims[n].priority == claims[0].priority {
			n++
		}
		fill(claims[:n])
		p.fillByValue(claims[:n])
		claims = claims[n:]
	}
	for i := range p.claims {
		if c := &p.claims[i]; c.got < c.want {
			p.cut(c)
		}
	}
}

// least is the count below which no budget goes.
func (m *model) least(mp *ModelPlan) int {
	n := m.low
	if m.held {
		n = max(n, mp.Was)
	}
	if len(mp.Decision.Steps) == 0 {
		n = mp.Desired // nothing is known of it
	}
	return min(n, mp.Desired)
}

// cut makes a model's count what it was given.
func (p *Planner) cut(c *claim) {
	mp := &p.plan.Models[c.model]
	o := policy.Observation{Desired: mp.Was}
	mp.Decision = o.Amend(mp.Decision, c.stopped.reason, c.got, float64(c.stopped.wanted), float64(c.stopped.Limit))
	mp.Desired = c.got
}

// give gives n replicas more.
func (c *claim) give(n int) {
	c.got += n
	for _, s := range c.stakes {
		s.of.used = plus(s.of.used, times(s.need, n))
	}
}

// fits reports whether there is room for one more; if not, the claim is stopped.
func (c *claim) fits() bool {
	for _, s := range c.stakes {
		if s.of.over && s.need > s.of.Limit-s.of.used {
			c.stopped = s.of
			return false
		}
	}
	return true
}

// at is what a claim has when everybody has level replicas per weight of
// maxWeight, as far as wanted.
func (c *claim) at(level int64) int {
	return min(max(c.got, int(min(level*int64(c.weight)/maxWeight, maxCount))), c.want)
}

// open reports whether a claim may get more.
func (c *claim) open() bool { return c.stopped == nil && c.got < c.want }

// even reports whether it may, and evenly.
func (c *claim) even() bool { return c.open() && !c.byValue }

// fill gives claims of one priority, sorted by weight, those by value aside, one
// replica after another
// to the one with the fewest per weight. It does so in leaps: up to the highest
// level that fits all of them, and singly beyond, until somebody is stopped.
func fill(claims []claim) {
	for slices.ContainsFunc(claims, func(c claim) bool { return c.even() }) {
		low, high := int64(0), int64(0)
		for i := range claims {
			if c := &claims[i]; c.even() {
				high = max(high, (int64(c.want)*maxWeight+int64(c.weight)-1)/int64(c.weight))
			}
		}
		// All want more than fits by now, or high fits.
		if fitAt(claims, high) {
			low = high
		}
		for high-low > 1 {
			if middle := low + (high-low)/2; fitAt(claims, middle) {
				low = middle
			} else {
				high = middle
			}
		}
		for i := range claims {
			if c := &claims[i]; c.even() {
				c.give(c.at(low) - c.got)
			}
		}
		one(claims, low+1)
	}
}

// fitAt reports whether there is room for what everybody has at a level.
func fitAt(claims []claim, level int64) bool {
	for i := range claims {
		for _, s := range claims[i].stakes {
			s.of.extra = 0
		}
	}
	for i := range claims {
		c := &claims[i]
		if !c.even() {
			continue
		}
		more := c.at(level) - c.got
		if more == 0 {
			continue
		}
		for _, s := range c.stakes {
			s.of.extra = plus(s.of.extra, times(s.need, more))
			if s.of.over && s.of.extra > s.of.Limit-s.of.used {
				return false
			}
		}
	}
	return true
}

// one gives one replica to each that has one more at the next level, as far as
// there is room, in the order of what they then have per weight.
func one(claims []claim, next int64) {
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(cmp.Compare(int64(a.got+1)*int64(b.weight), int64(b.got+1)*int64(a.weight)), cmp.Compare(a.model, b.model))
	})
	for i := range claims {
		if c := &claims[i]; c.even() && c.at(next) > c.got && c.fits() {
			c.give(1)
		}
	}
}

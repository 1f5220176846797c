package coordinator

import (
	"cmp"
	"container/heap"
	"math"

	"github.com/bellows-go/bellows/policy"
)

// Share says how a Budget is shared out beyond what everybody gets.
type Share uint8

// The ways to share. The zero value is Evenly.
const (
	// Evenly gives the next replica to the model that has the fewest per weight.
	Evenly Share = iota
	// ByValue gives it to the model for which it is worth most: by policy.Value, which
	// a policy that is a policy.Valuer knows, times Model.Weight and divided by what it
	// takes of the budget. As values are concave, the sum of values that comes of it is
	// the greatest there is (Fox, "Discrete optimization via marginal analysis", 1966).
	// What a model has already counts for a fifth more than what it would get: a
	// replica that changes hands serves nobody while it loads.
	ByValue
)

// keptValue is how much more a replica is worth where it is.
const keptValue = 1.2

// A bid is what the next replica is worth to a claim.
type bid struct {
	claim *claim
	worth float64
}

// bids is a heap, the best bid first. Of bids that are worth the same, that of the
// model with fewest replicas per weight is better.
type bids []bid

func (b bids) Len() int      { return len(b) }
func (b bids) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b *bids) Push(any)     { panic("coordinator: bids do not grow") }
func (b *bids) Pop() any     { *b = (*b)[:len(*b)-1]; return nil }
func (b bids) Less(i, j int) bool {
	x, y := b[i].claim, b[j].claim
	return cmp.Or(cmp.Compare(b[j].worth, b[i].worth),
		cmp.Compare(int64(x.got+1)*int64(y.weight), int64(y.got+1)*int64(x.weight)), cmp.Compare(x.model, y.model)) < 0
}

// fillByValue gives claims of one priority one replica after another, each to the
// one for which it is worth most.
func (p *Planner) fillByValue(claims []claim) {
	p.bids = p.bids[:0]
	for i := range claims {
		if c := &claims[i]; c.byValue && c.open() {
			c.worth = p.worthOf(c, c.got)
			p.bids = append(p.bids, bid{c, p.nextWorth(c)})
		}
	}
	heap.Init(&p.bids)
	for len(p.bids) > 0 {
		c := p.bids[0].claim
		if !c.fits() {
			heap.Pop(&p.bids)
			continue
		}
		c.give(1)
		if !c.open() {
			heap.Pop(&p.bids)
			continue
		}
		c.worth = c.next
		p.bids[0].worth = p.nextWorth(c)
		heap.Fix(&p.bids, 0)
	}
}

// nextWorth is what one more replica than a claim has is worth, for each share of
// a budget that it takes.
func (p *Planner) nextWorth(c *claim) float64 {
	c.next = max(c.worth, p.worthOf(c, c.got+1))
	gain := float64((c.next - c.worth) * float64(c.weight))
	if c.got < p.plan.Models[c.model].Was {
		gain = float64(gain * keptValue)
	}
	takes := 0.0
	for _, s := range c.stakes {
		if s.of.over && s.of.Share == ByValue {
			takes = max(takes, float64(s.need)/float64(max(1, s.of.Limit)))
		}
	}
	return gain / takes
}

// worthOf is what n replicas are worth to the claim's model. A policy that panics,
// or says what is no value, is taken for one that says nothing.
func (p *Planner) worthOf(c *claim, n int) (v float64) {
	m, want := p.models[c.model], max(1, c.want)
	defer func() {
		if recover() != nil || !(v >= 0 && v <= 1) || math.IsNaN(v) {
			v = min(1, float64(n)/float64(want))
		}
	}()
	if m.policy == nil {
		return min(1, float64(n)/float64(want))
	}
	o := p.observation(m, p.last)
	o.Readings, o.Pods = m.readings, m.pods
	return policy.Value(m.policy, o, want, n)
}

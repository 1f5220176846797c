package packing

import (
	"cmp"
	"math"
	"slices"
)

// A consolidator looks for the bins to empty. Which can be emptied together is
// not known before it is tried, nor does a set that can be emptied promise that
// its parts can.
type consolidator struct {
	lv     *leave
	src    *source
	budget *budget
	start  *state
	quota  []int // per pool: how many bins of it may be emptied
	failed []int // per pool: so many were too many
	done   []int // per pool: so many were emptied in the best

	best      *state
	bestMoved int64
	chosen    []int32 // the bins that the best has emptied
	exact     bool    // it is known that no less need move
}

func newConsolidator(l *layout, c *Consolidation) *consolidator {
	k := &consolidator{lv: newLeave(l, c), src: newSource(l, c.Seed), start: newState(l)}
	items := 0
	for _, homes := range l.home {
		items += len(homes)
	}
	k.budget = &budget{limit: c.Effort.steps(items), stop: c.Stop}
	k.best = k.start
	k.done = make([]int, k.lv.pools())
	for range k.done {
		k.quota = append(k.quota, math.MaxInt)
		k.failed = append(k.failed, math.MaxInt)
	}
	return k
}

// search first asks for as much as volumes allow and for less until it works
// while all others keep what they have, then for more again if they do not, then
// whether less need move.
func (k *consolidator) search() {
	ceiling := slices.Clone(k.failed) // per pool: one more than was ever asked for
	// Without steps to spend this still ends soon: each failure asks for less.
	for chosen := k.start.binIn; len(chosen) > 0; {
		chosen = k.lv.choose(k.start, k.quota)
		short := k.try(chosen, false)
		if short < 0 {
			break
		}
		pool := k.lv.poolOf(short, chosen)
		ceiling[pool] = min(ceiling[pool], k.lv.poolSize(chosen, pool)+1)
		k.lower(pool, chosen)
	}
	copy(k.failed, ceiling)
	for !k.budget.spent() && k.raise() {
		chosen := k.lv.choose(k.start, k.quota)
		if short := k.try(chosen, true); short >= 0 {
			pool := k.lv.poolOf(short, chosen)
			k.failed[pool] = min(k.failed[pool], k.lv.poolSize(chosen, pool))
			k.quota[pool] = k.done[pool]
		}
	}
	k.again()
	k.extend()
	k.exact = k.exhaust()
	for !k.exact && k.bestMoved > k.lv.movedBound(k.best) && !k.budget.spent() {
		k.try(k.chosen, true)
		if other := k.exchange(); other != nil {
			k.try(other, true)
		}
	}
}

// again tries what failed by a single bin a few times more: chance may help.
func (k *consolidator) again() {
	const patience = 2
	for p := range k.quota {
		for tries := 0; k.failed[p] < math.MaxInt && tries < patience && !k.budget.spent(); tries++ {
			k.quota[p] = k.done[p] + 1
			chosen := k.lv.choose(k.start, k.quota)
			if k.lv.poolSize(chosen, p) <= k.done[p] {
				break
			}
			if k.try(chosen, true) < 0 {
				tries = -1
			}
		}
		if k.failed[p] < math.MaxInt {
			k.quota[p] = k.done[p]
		}
	}
}

// extend tries one by one what the order and the quotas passed over. Where bins
// differ one that can not be emptied says little of the next.
func (k *consolidator) extend() {
	if k.lv.c.Removal == Ordinal || k.lv.plain() && k.lv.groups == 1 && len(k.lv.rules) == 0 {
		return
	}
	const patience = 16
	failures := 0
	for _, b := range k.lv.order {
		if failures == patience || k.budget.spent() || k.best.used <= k.best.bound() {
			return
		}
		if k.lv.c.value(k.lv.bin(b).cost(), k.lv.load[b]) < 0 {
			continue // it would not pay by itself
		}
		if more := append(slices.Clone(k.chosen), b); !slices.Contains(k.chosen, b) && k.hopeful(more) && k.try(more, true) >= 0 {
			failures++
		}
	}
}

// hopeful reports whether volumes and budgets leave any hope of emptying bins.
func (k *consolidator) hopeful(bins []int32) bool {
	k.budget.spend(1)
	t := newTally(k.lv, k.start)
	for _, b := range bins {
		if !t.add(b) {
			return false
		}
	}
	return t.possible()
}

// exchange is what was emptied with one bin of it kept for another that was
// not, where that could save moved cost; nil if chance finds none.
func (k *consolidator) exchange() []int32 {
	k.budget.spend(1)
	if k.lv.c.Removal == Ordinal || len(k.chosen) == 0 {
		return nil
	}
	i := k.src.below(len(k.chosen))
	in := k.lv.order[k.src.below(len(k.lv.order))]
	if slices.Contains(k.chosen, in) || k.lv.bin(k.chosen[i]).State == Draining {
		return nil
	}
	other := slices.Clone(k.chosen)
	other[i] = in
	load := int64(0)
	for _, b := range other {
		load += k.lv.load[b]
	}
	if load >= k.bestMoved || !k.hopeful(other) {
		return nil
	}
	return other
}

// try empties the bins and keeps the result if it can and that is better than
// the best. Otherwise it returns a class that found no place; -1 is none.
func (k *consolidator) try(chosen []int32, displacing bool) int32 {
	e := newEvacuation(k.lv, chosen, k.src, k.budget)
	if !e.run(displacing) {
		e.sortPool()
		return e.pool[0].class
	}
	moves, cost := 0, int64(0)
	for c := range k.lv.classIn {
		n, of := e.moved(int32(c))
		moves, cost = moves+n, cost+of
	}
	if !k.lv.c.allows(k.start.cost-e.cost, moves, cost) {
		return k.lastOf(chosen)
	}
	for p := range k.done {
		k.done[p] = max(k.done[p], k.lv.poolSize(chosen, p))
	}
	if cmp.Or(cmp.Compare(e.cost, k.best.cost), cmp.Compare(cost, k.bestMoved)) < 0 {
		k.best, k.bestMoved, k.chosen = e.state, cost, chosen
	}
	return -1
}

// lastOf is a class of the last bin with items; there is one.
func (k *consolidator) lastOf(chosen []int32) int32 {
	i := len(chosen) - 1
	for len(k.start.items[chosen[i]]) == 0 {
		i--
	}
	return k.start.items[chosen[i]][0]
}

// lower sets a pool's quota below what was chosen, by more after each failure.
func (k *consolidator) lower(pool int, chosen []int32) {
	was := k.lv.poolSize(chosen, pool)
	step := 1
	if k.failed[pool] < math.MaxInt {
		step = 2 * max(1, k.failed[pool]-was)
	}
	k.failed[pool] = was
	k.quota[pool] = max(0, was-step)
	if was > k.done[pool] { // but not below what is known to be possible
		k.quota[pool] = max(k.quota[pool], k.done[pool])
	}
}

// raise sets the quota of a pool between what could be emptied and what could
// not; false if nothing is left between.
func (k *consolidator) raise() bool {
	for p := range k.quota {
		for k.failed[p] < math.MaxInt && k.failed[p]-k.done[p] > 1 {
			middle := k.done[p] + (k.failed[p]-k.done[p])/2
			if k.quota[p] != middle {
				k.quota[p] = middle
				return true
			}
			k.failed[p] = middle // so many were allowed, but other limits kept it below
		}
	}
	return false
}

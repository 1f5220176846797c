package packing

import (
	"cmp"
	"slices"
)

// An evacuation finds places for the items of the bins that are to be emptied
// in the bins that are kept.
//
// What sits in a kept bin since the beginning is at home there and costs
// nothing; an item in any other bin has moved and may move on for nothing. So
// the strays are moved about until the room that is left comes together where
// it is needed; only where that is not enough do others leave their homes.
type evacuation struct {
	*state
	*source
	*budget
	leave *leave

	weight []int64 // per class: what an item takes of an average bin, scarce dimensions before others
	price  []int64 // per class: MoveCost in the unit of weight
	slack  []int64 // per bin: the weight of what it has left
	kept   []bool  // per bin: may be filled
	keep   []int32 // those bins
	away   []int32 // per class: how many homes are without their item
	zones  *zoning // counts those in the pool where they were
	pool   []stray
	tabu   []int // per bin, the round from which it may be a target again
	fill   refill
}

// A stray is an item that has no place.
type stray struct{ class, from int32 }

// newEvacuation starts from the state of the beginning and takes out what sits
// in the bins to empty.
func newEvacuation(lv *leave, empty []int32, src *source, b *budget) *evacuation {
	e := &evacuation{state: newState(lv.layout), source: src, budget: b, leave: lv}
	emptied := make([]bool, len(e.kind))
	for _, b := range empty {
		emptied[b] = true
	}
	e.kept = make([]bool, len(e.kind))
	for b := range e.kind {
		if !emptied[b] && lv.receives(int32(b)) {
			e.kept[b] = true
			e.keep = append(e.keep, int32(b))
		}
	}
	e.away = make([]int32, len(e.classIn))
	e.tabu = make([]int, len(e.kind))
	e.zones = newZoning(e.state)
	e.weigh()
	for _, b := range empty {
		for _, c := range slices.Clone(e.items[b]) {
			e.take(c, b)
			e.pool = append(e.pool, stray{c, b})
		}
	}
	return e
}

// weigh sets the weights. A dimension counts by the sixth power of how full the
// kept bins will be: the fullest decides, the others break ties.
func (e *evacuation) weigh() {
	scale := e.scarcity()
	e.weight = make([]int64, len(e.classIn))
	e.price = make([]int64, len(e.classIn))
	e.slack = make([]int64, len(e.kind))
	var weights, costs float64
	for c := range e.weight {
		e.weight[c] = e.weightOf(e.needs(int32(c)), scale)
		weights += float64(float64(e.weight[c]) * float64(len(e.at[c])))
		costs += float64(float64(e.class(int32(c)).MoveCost) * float64(len(e.at[c])))
	}
	for c := range e.price {
		if costs > 0 {
			e.price[c] = int64(min(float64(float64(e.class(int32(c)).MoveCost)*weights)/costs, maxWeight))
		}
	}
	for b := range e.slack {
		e.slack[b] = e.weightOf(e.room(int32(b)), scale)
	}
}

// maxWeight keeps sums of weights within an int64.
const maxWeight = 1 << 40

func (e *evacuation) weightOf(v []int64, scale []float64) int64 {
	sum := 0.0
	for d, x := range scale {
		sum += float64(float64(v[d]) * x)
	}
	return int64(min(max(sum, -maxWeight), maxWeight))
}

// scarcity is what a unit of each dimension weighs.
func (e *evacuation) scarcity() []float64 {
	scale := make([]float64, len(e.p.Dimensions))
	for d := range scale {
		demand, room := 0.0, 0.0
		for c := range e.classIn {
			demand += float64(float64(e.needs(int32(c))[d]) * float64(len(e.at[c])))
		}
		for _, b := range e.keep {
			room += float64(max(e.kinds[e.kind[b]].room[d], 0))
		}
		if room > 0 && demand > 0 {
			use := min(demand/room, 1)
			cube := float64(float64(use*use) * use)
			scale[d] = float64(float64(cube*cube)*(1<<32)) * float64(len(e.keep)) / room
		}
	}
	return scale
}

// take removes the item of c from b, and leaves it counted in b's zone.
func (e *evacuation) take(c, b int32) {
	e.remove(c, b)
	e.slack[b] += e.weight[c]
	if e.isHome(c, b) {
		e.away[c]++
	}
}

// place puts an item of c, last of bin from, into b.
func (e *evacuation) place(c, from, b int32) {
	e.add(c, b)
	e.slack[b] -= e.weight[c]
	if e.isHome(c, b) {
		e.away[c]--
	}
	if r := e.zoned[c]; r >= 0 {
		e.zones.shift(r, e.zone(from), e.zone(b))
	}
}

// mayMove reports whether an item of c may go from one bin to another, whatever
// the room and whether it holds one. Soft rules bind here too.
func (e *evacuation) mayMove(c, from, to int32) bool {
	if !e.leave.suits(c, e.kind[from], e.kind[to]) {
		return false
	}
	r := e.zoned[c]
	return r < 0 || e.zones.evenAfter(r, e.zone(from), e.zone(to))
}

// takesStray reports whether b, which is kept, may take a stray now.
func (e *evacuation) takesStray(s stray, b int32) bool {
	return e.fits(s.class, b) && e.mayMove(s.class, s.from, b) && !e.holds(s.class, b)
}

// run reports whether every stray found a place. Without displacing nothing
// leaves its home but what must. It takes a quarter of the budget at most.
func (e *evacuation) run(displacing bool) bool {
	all := e.limit
	e.limit = e.steps + (all-e.steps)/4
	defer func() { e.limit = all }()
	e.bestFit()
	e.insert(displacing)
	if len(e.pool) > 0 {
		return false
	}
	e.returnHome()
	return true
}

// bestFit places the pool, the most urgent first, into the fullest bins that take
// it, as far as a few looks find one.
func (e *evacuation) bestFit() {
	e.sortPool()
	e.spend(len(e.pool))
	order := slices.Clone(e.keep)
	slices.SortFunc(order, e.fuller)
	rest := e.pool[:0]
	for _, s := range e.pool {
		i := e.look(order, s)
		if i < 0 {
			rest = append(rest, s)
			continue
		}
		b := order[i]
		order = slices.Delete(order, i, i+1)
		e.place(s.class, s.from, b)
		i, _ = slices.BinarySearchFunc(order, b, e.fuller)
		order = slices.Insert(order, i, b)
	}
	e.pool = rest
}

func (e *evacuation) fuller(a, b int32) int {
	return cmp.Or(cmp.Compare(e.slack[a], e.slack[b]), cmp.Compare(a, b))
}

// look finds a bin for a stray among those whose slack is just enough, or else
// among the emptiest; -1 is none.
func (e *evacuation) look(order []int32, s stray) int {
	const looks = 100
	first, _ := slices.BinarySearchFunc(order, e.weight[s.class], func(b int32, w int64) int { return cmp.Compare(e.slack[b], w) })
	for i := first; i < min(first+looks, len(order)); i++ {
		if e.takesStray(s, order[i]) {
			return i
		}
	}
	for i := max(first+looks, len(order)-looks); i < len(order); i++ {
		if e.takesStray(s, order[i]) {
			return i
		}
	}
	return -1
}

// sortPool puts first what is heavy and what has few bins to choose from.
func (e *evacuation) sortPool() {
	strays, urgency := make([]int64, len(e.weight)), make([]int64, len(e.weight))
	for _, s := range e.pool {
		strays[s.class]++
	}
	for c, n := range strays {
		if n > 0 {
			urgency[c] = e.weight[c] + e.weight[c]*8*n/e.without(int32(c))
		}
	}
	slices.SortFunc(e.pool, func(x, y stray) int {
		return cmp.Or(cmp.Compare(urgency[y.class], urgency[x.class]), cmp.Compare(x.class, y.class), cmp.Compare(x.from, y.from))
	})
}

// without is how many of the kept bins hold no item of c, at least 1.
func (e *evacuation) without(c int32) int64 {
	n := len(e.keep)
	for _, b := range e.at[c] {
		if e.kept[b] {
			n--
		}
	}
	return int64(max(n, 1))
}

package packing

import (
	"cmp"
	"slices"
)

// insert gathers room for what is left in the pool: for a stray at random, in
// the bin that could have the most. Where that no longer helps, displacing lets
// other items leave their homes, at prices that fall from round to round.
func (e *evacuation) insert(displacing bool) {
	const patience, rest = 5, 10
	stall, price := 0, never
	clear(e.tabu)
	for round := 1; len(e.pool) > 0 && !e.spent(); round++ {
		before := len(e.pool)
		if t := e.target(e.pool[e.below(before)], round); t >= 0 {
			e.tabu[t] = round + rest
			e.gather(t, price, func() bool { e.settle(t); return len(e.pool) == 0 })
		}
		e.spend(len(e.keep) / 8)
		if stall++; len(e.pool) < before {
			stall = 0
		}
		if stall > patience {
			if !displacing || price == 0 {
				return
			}
			stall = 0
			price = price.next()
		}
	}
}

// settle places whatever of the pool fits into b.
func (e *evacuation) settle(b int32) {
	rest := e.pool[:0]
	for _, s := range e.pool {
		if e.takesStray(s, b) {
			e.place(s.class, s.from, b)
		} else {
			rest = append(rest, s)
		}
	}
	e.pool = rest
}

// target is the bin that would have the most room for a stray if all others of
// its strays left it; -1 if there is none.
func (e *evacuation) target(s stray, round int) int32 {
	best, most := int32(-1), int64(0)
	for _, b := range e.keep {
		if e.tabu[b] > round || e.holds(s.class, b) || !e.mayMove(s.class, s.from, b) {
			continue
		}
		room := e.slack[b]
		for _, c := range e.items[b] {
			if !e.isHome(c, b) {
				room += e.weight[c]
			}
		}
		if best < 0 || room > most {
			best, most = b, room
		}
	}
	return best
}

// gather moves room from the other bins to t, until done says so.
func (e *evacuation) gather(t int32, at price, done func() bool) bool {
	if done() {
		return true
	}
	from := e.below(len(e.keep))
	for i := range e.keep {
		b := e.keep[(from+i)%len(e.keep)]
		if b == t {
			continue
		}
		if e.refill(b, t, at) && done() {
			return true
		}
		if e.spent() {
			return false
		}
	}
	return false
}

// A vacancy is a home without its item.
type vacancy struct{ class, bin int32 }

// returnHome brings items back that left their homes, the costliest first: as
// long as room for them can be gathered there, then also by letting cheaper ones
// leave theirs.
func (e *evacuation) returnHome() {
	for at := price(never); ; at = dear {
		for back := true; back && !e.spent(); {
			was := e.movedCost()
			for _, v := range e.vacancies() {
				e.gather(v.bin, at, func() bool { return e.holds(v.class, v.bin) || e.fits(v.class, v.bin) && e.fetch(v) })
				if at == dear {
					e.spread(v.bin, at)
				}
			}
			back = e.movedCost() < was
		}
		if at == dear {
			return
		}
	}
}

// spread refills bin a from each of the others.
func (e *evacuation) spread(a int32, at price) {
	from := e.below(len(e.keep))
	for i := range e.keep {
		if b := e.keep[(from+i)%len(e.keep)]; b != a && !e.spent() {
			e.refill(a, b, at)
		}
	}
}

func (e *evacuation) movedCost() int64 {
	cost := int64(0)
	for c, n := range e.away {
		cost += int64(n) * e.class(int32(c)).MoveCost
	}
	return cost
}

func (e *evacuation) vacancies() []vacancy {
	var list []vacancy
	for c, homes := range e.home {
		if e.away[c] == 0 || e.class(int32(c)).MoveCost == 0 {
			continue
		}
		for _, b := range homes {
			if e.kept[b] && !e.holds(int32(c), b) {
				list = append(list, vacancy{int32(c), b})
			}
		}
	}
	slices.SortFunc(list, func(x, y vacancy) int {
		return cmp.Or(cmp.Compare(e.class(y.class).MoveCost, e.class(x.class).MoveCost),
			cmp.Compare(x.class, y.class), cmp.Compare(x.bin, y.bin))
	})
	return list
}

// fetch brings an item of the class from the fullest bin that is not its home.
func (e *evacuation) fetch(v vacancy) bool {
	from := int32(-1)
	for _, b := range e.at[v.class] {
		if !e.isHome(v.class, b) && e.mayMove(v.class, b, v.bin) &&
			(from < 0 || cmp.Or(cmp.Compare(e.slack[b], e.slack[from]), cmp.Compare(b, from)) < 0) {
			from = b
		}
	}
	if from < 0 {
		return false
	}
	e.take(v.class, from)
	e.place(v.class, from, v.bin)
	return true
}

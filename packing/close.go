package packing

import "slices"

// close shuts the seat that holds least for its cost and scatters its items. It
// reports whether there was one whose items may all go elsewhere.
func (a *annealer) close() bool {
	best, bestLoad := int32(-1), 0.0
	for i := range a.seats {
		t := &a.seats[i]
		if t.shut || len(t.fixed) > 0 || t.stuck {
			continue
		}
		load := 0.0
		for d, unit := range a.unit {
			load += float64(float64(a.s.kinds[t.kind].room[d]-a.left[i*a.s.width+d]) * unit)
		}
		load /= float64(a.s.kinds[t.kind].bin.cost())
		if best < 0 || load < bestLoad {
			best, bestLoad = int32(i), load
		}
	}
	return best >= 0 && a.scatter(best)
}

// scatter moves the items of seat t to any others that may have them. If one
// has nowhere to go everything stays.
func (a *annealer) scatter(t int32) bool {
	s := &a.seats[t]
	s.shut = true
	items := slices.Clone(s.items)
	for i, item := range items {
		to := a.anywhere(a.class[item], t)
		if to < 0 {
			for _, back := range items[:i] {
				a.move(back, t)
			}
			s.shut, s.stuck = false, true
			return false
		}
		a.move(item, to)
	}
	return true
}

// anywhere is a random seat that an item of c may go to from seat t.
func (a *annealer) anywhere(c, t int32) int32 {
	n := len(a.seats)
	first := a.rng.below(n)
	for i := range n {
		to := int32((first + i) % n)
		if to != t && !a.seats[to].shut && a.may(c, to, t) {
			return to
		}
	}
	return -1
}

// shrink closes seats until only least are left, or so many trials are spent,
// or Stop says so, and gives the state what it has then.
func (a *annealer) shrink(least int, trials int64, stop func() bool) (stopped bool) {
	began := slices.Clone(a.bin)
	good := slices.Clone(a.bin)
	used := len(a.seats)
	if trials >= stirTrials*int64(len(a.class)) {
		a.stir(trials / 2)
		copy(good, a.bin)
	}
	for used > least && a.moves < trials && !stopped {
		if !a.close() {
			if slices.ContainsFunc(a.seats, func(t seat) bool { return !t.shut && !t.stuck && len(t.fixed) == 0 }) {
				continue // that one was stuck, there are others
			}
			break
		}
		for len(a.bad) > 0 && a.moves < trials && !stopped {
			a.run(min(1<<14, trials-a.moves))
			stopped = stop != nil && stop()
		}
		if len(a.bad) > 0 {
			break
		}
		used--
		copy(good, a.bin)
	}
	a.settle(began, good)
	return stopped
}

// stirTrials is from how many trials an item a fresh start pays.
const stirTrials = 100

// stir scatters all items, and puts them back where they were if that does not
// come right: a tight but lopsided filling is a bad start.
func (a *annealer) stir(trials int64) {
	was := slices.Clone(a.bin)
	for item, c := range a.class {
		if to := a.anywhere(c, a.bin[item]); to >= 0 {
			a.move(int32(item), to)
		}
	}
	a.run(trials)
	if len(a.bad) == 0 {
		return
	}
	// All out before any goes in: two of a class may be in each other's seats.
	for item := range was {
		a.lift(int32(item))
	}
	for item, t := range was {
		a.drop(int32(item), t)
	}
	for t := range a.seats {
		a.setOver(int32(t), a.overload(int32(t), -1, -1))
	}
}

// move moves an item, whatever that does to either seat.
func (a *annealer) move(item, t int32) {
	from := a.bin[item]
	a.lift(item)
	a.drop(item, t)
	a.setOver(from, a.overload(from, -1, -1))
	a.setOver(t, a.overload(t, -1, -1))
}

// settle moves the items in the state, from the seats where they were at first.
func (a *annealer) settle(began, good []int32) {
	s := a.s
	for i, c := range a.class {
		if r := s.zoned[c]; r >= 0 { // the state counts by itself
			s.inZone[r][s.kinds[a.seats[a.bin[i]].kind].zone]--
			s.inZone[r][s.kinds[a.seats[began[i]].kind].zone]++
		}
	}
	for i, c := range a.class {
		if good[i] != began[i] {
			s.remove(c, a.seats[began[i]].bin)
		}
	}
	for i, c := range a.class {
		if good[i] != began[i] {
			s.add(c, a.seats[good[i]].bin)
		}
	}
}

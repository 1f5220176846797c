package coordinator

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// How much more a copy must add than the one it replaces, how long is waited
// between such exchanges, and until one that does not come about is given up.
const (
	swapGain = 2
	// leastGain is which part of what a copy adds must be left of it, beyond what is
	// lost by it: more than sums of floats can err. Where both are the same, which
	// loads in round numbers make often, it would be chance that moves copies.
	leastGain   = 1e-9
	swapPause   = 10 * time.Second
	passageTime = 2 * time.Minute
	// leastPassage is what a server must lack of what is fair, that copies move for it.
	leastPassage = 0.1
	// passageTries is how many exchanges are weighed in one plan until one is found
	// that adds to the worth of the whole.
	passageTries = 3
)

// An exchange is a copy that could come on a server, and the copies that make room
// for it: victims on that server, and, if another that is needed moves away from
// there first, those where that one goes.
type exchange struct {
	m       *model
	server  int
	victims []int
	gain    float64 // beyond what is lost

	moves  *model // none: nothing moves
	to     int
	yields []int // victims there
}

// A passage is an exchange on its way: room is made on a server for a copy of one
// model. If Model is not empty, a copy of it that is needed moves away from there:
// loaded elsewhere first, then stopped here. Until it has come about, nothing else
// is given the room: else what is lost by it would be lost for something else than
// what it was weighed for, and the next plan could find the way back as good.
type passage struct {
	Model, From, To string    // Model and To empty: the room is made already
	For             string    // is to come at From
	Since           time.Time // of its latest step
}

// better lets the copies that are missed least make room for the one that adds
// most, if that is clearly more. Where every copy on a server is needed, the
// least used one first moves elsewhere. Each exchange adds to the worth of the
// whole, see improves, and goes through as it was weighed; so with loads that stay
// as they are there is an end to them.
func (a *allotment) better() {
	q := a.g.pool
	if len(q.passages) > 0 {
		return
	}
	for i := range a.desks {
		if a.desks[i].loading || a.desks[i].draining != nil {
			return // one after the other
		}
	}
	if a.last.Sub(q.swapped) < swapPause {
		return
	}
	var vain []exchange
	for range passageTries {
		best, blocked := a.exchanges(vain)
		if blocked.gain > best.gain {
			if way, ok := a.unblock(blocked); ok && way.gain > best.gain {
				best = way
			} else if !ok && best.m == nil {
				best = blocked // and look for another
			}
		}
		if best.m == nil {
			return
		}
		if (len(best.victims) > 0 || best.moves != nil) && a.improves(&best) {
			a.begin(&best)
			return
		}
		vain = append(vain, best)
	}
}

// begin makes the first step of an exchange.
func (a *allotment) begin(x *exchange) {
	servers := a.g.state.Servers
	w := passage{For: x.m.Name, From: servers[x.server].Name, Since: a.last}
	if x.moves != nil {
		w.Model, w.To = x.moves.Name, servers[x.to].Name
	}
	a.g.pool.passages = append(a.g.pool.passages, w)
	a.g.pool.swapped = a.last
	a.reserve()
	if x.moves == nil {
		for _, k := range x.victims {
			a.stop(k)
		}
		return
	}
	for _, k := range x.yields {
		a.stop(k)
	}
	if len(x.yields) == 0 {
		a.put(x.moves, x.to, nil, MakesWay)
	}
}

// exchanges finds the copy that adds most beyond what is lost where it comes, and
// the one that adds most where nothing may go; none that was found in vain.
func (a *allotment) exchanges(vain []exchange) (direct, blocked exchange) {
	a.appraise()
	cheapest := make([]float64, len(a.desks)) // of what may go from each server
	for i := range cheapest {
		cheapest[i] = math.Inf(1)
		for _, k := range a.desks[i].copies {
			if c := &a.copies[k]; !c.busy && c.loss < cheapest[i] && a.mayGo(c) {
				cheapest[i] = c.loss
			}
		}
	}
	for _, m := range a.g.packed {
		if !a.wantsMore(m) {
			continue
		}
		for i := range a.desks {
			if !a.idle(m, i) || a.takes(i, m, nil) {
				continue // where there is room it is filled
			}
			if slices.ContainsFunc(vain, func(x exchange) bool { return x.m == m && x.server == i }) {
				continue
			}
			gain := a.gain(m, i)
			far := gain > blocked.gain && a.brings(m, i)*a.g.pool.total > float64(leastPassage*a.fair)
			if !far && gain-float64(swapGain*cheapest[i]) <= direct.gain {
				continue // whatever makes room
			}
			victims, lost, ok := a.evictable(i, m, none, false)
			switch net := beyond(gain, float64(swapGain*lost)); {
			case !ok && far:
				blocked = exchange{m: m, server: i, gain: gain}
			case ok && net > direct.gain:
				direct = exchange{m: m, server: i, victims: victims, gain: net}
			}
		}
	}
	return direct, blocked
}

// unblock finds which copy that is needed on a server could move elsewhere, so
// that there is room for x: the least used that leaves enough.
func (a *allotment) unblock(x exchange) (way exchange, ok bool) {
	var list []int
	for _, k := range a.desks[x.server].copies {
		if c := &a.copies[k]; c.m.use.active <= c.m.desired && c.m != x.m && !c.m.held { // others may go soon
			list = append(list, k)
		}
	}
	slices.SortStableFunc(list, func(j, k int) int { return cmp.Compare(a.copies[j].m.use.load(), a.copies[k].m.use.load()) })
	for _, moves := range list {
		m := a.copies[moves].m
		leaves := a.takesAway(m, x.server)
		for i := range a.desks {
			if i == x.server || !a.idle(m, i) {
				continue
			}
			yields, lost, can := a.evictable(i, m, none, false)
			if !can || x.gain-float64(swapGain*(lost+leaves)) <= way.gain {
				continue
			}
			a.suppose(yields, true)
			victims, more, enough := a.evictable(x.server, x.m, moves, false)
			a.suppose(yields, false)
			if gain := beyond(x.gain, float64(swapGain*(lost+leaves+more))); enough && gain > way.gain {
				way, ok = exchange{x.m, x.server, victims, gain, m, i, yields}, true
			}
		}
		if ok {
			return way, true
		}
	}
	return way, false
}

// beyond is by how much what a copy adds is more than what is lost by it; 0 unless
// that is clear.
func beyond(gain, lost float64) float64 {
	if net := gain - lost; net > float64(leastGain*gain) {
		return net
	}
	return 0
}

// suppose takes copies for gone, or no more.
func (a *allotment) suppose(copies []int, gone bool) {
	for _, k := range copies {
		c := &a.copies[k]
		if c.goes = gone; gone {
			c.m.use.gone++
		} else {
			c.m.use.gone--
		}
	}
}

package coordinator

import (
	"math"
	"time"
)

// How much more a copy must add than the one it replaces, how long is waited
// between such exchanges, and until one that does not come about is given up.
const (
	swapGain    = 2
	swapPause   = 10 * time.Second
	passageTime = 2 * time.Minute
	// leastPassage is what a server must lack of what is fair, that copies move for it.
	leastPassage = 0.1
)

// An exchange is a copy that could come on a server, and the copies that make room
// for it.
type exchange struct {
	m       *model
	server  int
	victims []int
	gain    float64 // beyond what is lost
}

// A passage is a copy that is needed and moves from one server to another, so that
// where it was another finds room: loaded there first, then stopped here.
type passage struct {
	Model, From, To string // none: there is no passage
	Since           time.Time
}

// better lets the copies that are missed least make room for the one that adds
// most, if that is clearly more. Where every copy on a server is needed, the
// least used one first moves elsewhere. With loads that stay as they are, each
// exchange adds something, so that there is an end to them.
func (a *allotment) better() {
	q := a.g.pool
	if q.passage.Model != "" {
		a.pass()
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
	direct, blocked := a.exchanges()
	if blocked.gain > direct.gain {
		if way, ok := a.unblock(&blocked); ok && way.gain > direct.gain {
			q.passage = passage{way.m.Name, a.g.state.Servers[blocked.server].Name, a.g.state.Servers[way.server].Name, a.last}
			direct = way
			if len(way.victims) == 0 {
				a.put(way.m, way.server, nil, MakesWay)
			}
		}
	}
	if direct.m != nil {
		q.swapped = a.last
	}
	for _, k := range direct.victims {
		a.stop(k)
	}
}

// exchanges finds the copy that adds most beyond what is lost where it comes, and
// the one that adds most where nothing may go.
func (a *allotment) exchanges() (direct, blocked exchange) {
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
			if !a.idle(m, i) || a.takes(i, m.size, nil) {
				continue // where there is room it is filled
			}
			gain := a.gain(m, i)
			far := gain > blocked.gain && a.brings(m, i)*a.g.pool.total > float64(leastPassage*a.fair)
			if !far && gain-float64(swapGain*cheapest[i]) <= direct.gain {
				continue // whatever makes room
			}
			victims, lost, ok := a.evictable(i, m, false)
			switch {
			case !ok && far:
				blocked = exchange{m: m, server: i, gain: gain}
			case ok && gain-float64(swapGain*lost) > direct.gain:
				direct = exchange{m, i, victims, gain - float64(swapGain*lost)}
			}
		}
	}
	return direct, blocked
}

// unblock finds where the least used copy of a server could be loaded too, so that
// it is not needed there any more.
func (a *allotment) unblock(x *exchange) (to exchange, ok bool) {
	var least *model
	for _, k := range a.desks[x.server].copies {
		c := &a.copies[k]
		if c.m.use.active > c.m.desired || c.m == x.m {
			continue // it may go soon, or makes no way for itself
		}
		if least == nil || c.m.use.load() < least.use.load() {
			least = c.m
		}
	}
	if least == nil {
		return to, false
	}
	leaves := a.takesAway(least, x.server)
	for i := range a.desks {
		if i == x.server || !a.idle(least, i) {
			continue
		}
		victims, lost, can := a.evictable(i, least, false)
		if gain := x.gain - float64(swapGain*(lost+leaves)); can && gain > to.gain {
			to, ok = exchange{least, i, victims, gain}, true
		}
	}
	return to, ok
}

// pass goes on with a passage.
func (a *allotment) pass() {
	w := &a.g.pool.passage
	from, found := a.g.serverIndex(w.From)
	to, there := a.g.serverIndex(w.To)
	m := a.byName[w.Model]
	if m == nil || m.group != a.g || !found || !there || a.last.Sub(w.Since) > passageTime || !m.has(from) || !a.desks[to].usable {
		*w = passage{}
		return
	}
	if !m.has(to) {
		if a.idle(m, to) && a.takes(to, m.size, nil) {
			a.put(m, to, nil, MakesWay)
		}
		return
	}
	for _, k := range a.desks[from].copies {
		if c := &a.copies[k]; c.m == m && a.mayGo(c) {
			*w = passage{}
			a.g.pool.swapped = a.last
			a.stop(k)
			return
		}
	}
}

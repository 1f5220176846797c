package coordinator

import (
	"cmp"
	"slices"
)

// separate gives models that cannot be in one server's memory beside one another
// room elsewhere: those that have become resident, or were declared to pin more.
// What is beyond what is desired stops; else one copy is loaded where there is
// room for it, on a new server if need be, and stops here once it serves there. As
// what is desired does, it takes room that is kept for an exchange.
func (a *allotment) separate() {
	if a.g.Overcommit == nil {
		return
	}
	for i := range a.desks {
		t := &a.desks[i]
		if over := a.over(i, t.draining); over == 0 || a.parts(i, over) {
			continue
		}
		for _, m := range a.movable(i) {
			if m.use.loading+m.use.more+m.use.back > 0 || m.use.active > m.desired {
				break // a copy is on its way already, or has just come
			}
			if a.elsewhere(m, i) {
				break
			}
		}
	}
}

// over is by how much a server's memory is too small for what is there, once free
// has gone, each dimension as a part of its capacity in millionths; 0 is not at all.
func (a *allotment) over(server int, free *freed) (sum int64) {
	list := a.staying(server, free)
	for d, c := range a.g.capacity {
		if lacks := a.g.lacksOf(list, d); lacks > 0 && a.g.limit[d] > c {
			sum += 1 + int64(float64(lacks)/float64(max(c, 1))*1e6)
		}
	}
	return sum
}

// parts stops a copy that is beyond what is desired where it is one too many for
// the server's memory: that which leaves least too much, then that which is
// missed least.
func (a *allotment) parts(server int, over int64) bool {
	a.appraise()
	best, least := none, over
	for _, k := range a.desks[server].copies {
		c := &a.copies[k]
		if !a.mayGo(c) {
			continue
		}
		left := a.without(server, k)
		if left < least || left == least && best != none && c.loss < a.copies[best].loss {
			best, least = k, left
		}
	}
	if best != none {
		a.stop(best)
	}
	return best != none
}

// without is over, if one more copy goes.
func (a *allotment) without(server, k int) int64 {
	c := &a.copies[k]
	free := a.desks[server].draining.copy(len(a.g.dims))
	free.leave(c.m.places[c.place], c.m.size)
	return a.over(server, &free)
}

// movable lists the models whose going helps a server's memory: those that help
// most first, of these the least used.
func (a *allotment) movable(server int) []*model {
	type move struct {
		m    *model
		left int64
	}
	var list []move
	over := a.over(server, a.desks[server].draining)
	for _, k := range a.desks[server].copies {
		c := &a.copies[k]
		if left := a.without(server, k); left < over && !c.goes && !c.m.held {
			list = append(list, move{c.m, left})
		}
	}
	slices.SortStableFunc(list, func(x, y move) int {
		return cmp.Or(cmp.Compare(x.left, y.left), cmp.Compare(x.m.use.load(), y.m.use.load()))
	})
	models := make([]*model, len(list))
	for i := range list {
		models[i] = list[i].m
	}
	return models
}

// elsewhere finds another server for a copy of m: one with room where the least
// load is expected, else one that is to come. It reports whether there is one.
func (a *allotment) elsewhere(m *model, from int) bool {
	best := none
	for i := range a.desks {
		if t := &a.desks[i]; i != from && a.idle(m, i) && a.takes(i, m, nil) && (best == none || t.expected < a.desks[best].expected) {
			best = i
		}
	}
	if best != none {
		a.put(m, best, nil, Separates)
		return true
	}
	for i := range a.desks { // in a moment
		t := &a.desks[i]
		_, avoided := m.avoids(a.g.state.Servers[i].Name, a.last)
		if i != from && t.usable && !avoided && !m.has(i) && a.takes(i, m, t.draining) {
			a.put(m, i, nil, Separates)
			return true
		}
	}
	var victims []int
	least := 0.0
	for i := range a.desks {
		if i == from || !a.idle(m, i) {
			continue
		}
		if goes, lost, ok := a.evictable(i, m, none, false); ok && (best == none || lost < least) {
			best, least, victims = i, lost, goes
		}
	}
	if best != none {
		a.put(m, best, victims, Separates)
		return true
	}
	if a.onComing(m, Separates) {
		return true
	}
	if len(a.g.pool.retiring) > 0 {
		a.takeBackLate()
		return true
	}
	return a.onOpened(m, Separates)
}

package coordinator

import (
	"math"
	"slices"
)

// mayGo reports whether a copy is beyond what its model is to have, and has been
// there for long enough.
func (a *allotment) mayGo(c *copyOf) bool {
	u := &c.m.use
	for i := range a.g.pool.passages {
		if w := &a.g.pool.passages[i]; w.Model == c.m.Name && w.From != a.g.state.Servers[c.server].Name {
			return false // it has just come, so that another may go
		}
	}
	return !c.goes && !c.m.held && u.active-u.gone > c.m.desired && u.serving-u.gone > c.m.desired &&
		!(c.m.desired == 0 && u.InFlight > 0 && u.serving-u.gone <= 1) &&
		a.last.Sub(c.since) >= keepAtLeast
}

// none is no copy.
const none = -1

// evictable finds copies on a server whose going makes room for m: those that are
// missed least, beside one that goes in any case, if it is not none. Unless it is
// urgent, only those without requests go. lost is what they are worth.
func (a *allotment) evictable(server int, m *model, also int, urgent bool) (victims []int, lost float64, ok bool) {
	if also == none && !a.takes(server, m, nil) && !slices.ContainsFunc(a.desks[server].copies, func(k int) bool { return a.mayGo(&a.copies[k]) }) {
		return nil, 0, false
	}
	free := a.desks[server].draining.copy(len(a.g.dims))
	if also != none {
		free.leave(a.copies[also].m.places[a.copies[also].place], a.copies[also].m.size)
	}
	for !a.takes(server, m, &free) {
		best, least := -1, 0.0
		for _, k := range a.desks[server].copies {
			c := &a.copies[k]
			if c.m == m || k == also || slices.Contains(victims, k) || !a.mayGo(c) || !urgent && c.busy {
				continue
			}
			loss := c.loss
			if c.busy {
				loss += 1
			}
			if best < 0 || loss < least {
				best, least = k, loss
			}
		}
		if best < 0 {
			return nil, 0, false
		}
		victims = append(victims, best)
		lost += least
		free.leave(a.copies[best].m.places[a.copies[best].place], a.copies[best].m.size)
	}
	return victims, lost, true
}

// gain is what one more copy of m adds on a server.
func (a *allotment) gain(m *model, server int) float64 {
	n := m.use.copies() + 1
	return m.marginal(n, a.levels(server, m.use.load()/float64(n)))
}

// appraise finds out what each copy adds where it is.
func (a *allotment) appraise() {
	for k := range a.copies {
		a.copies[k].loss = a.loss(&a.copies[k])
	}
}

// loss is what a copy adds where it is.
func (a *allotment) loss(c *copyOf) float64 {
	n := max(1, c.m.use.active-c.m.use.gone)
	return c.m.marginal(n, a.levels(c.server, -c.m.use.load()/float64(n)))
}

// levels is by which share of the pool's load a server comes nearer to what is
// fair, or away from it, when load is added or taken.
func (a *allotment) levels(server int, load float64) float64 {
	if a.g.pool.total <= 0 {
		return 0
	}
	e := a.desks[server].expected
	return math.Abs(max(0, a.fair-e)-max(0, a.fair-e-load)) / a.g.pool.total
}

package coordinator

import (
	"cmp"
	"slices"
)

// A flow is the load of a model on one server.
type flow struct {
	server int
	load   float64
}

// at is the model's load on a server.
func (u *usage) at(server int) (load float64) {
	for _, f := range u.flows {
		if f.server == server {
			load += f.load
		}
	}
	return load
}

// levelRounds is how often each model's load is spread anew over its servers, given
// that of the others. It comes near enough to level.
const levelRounds = 6

// spread finds what load each server is to expect when requests go to the server
// with most free slots: each model levels the servers that it is on.
func (a *allotment) spread() {
	flows := make([][]flow, len(a.g.packed))
	for i, m := range a.g.packed {
		flows[i] = m.use.flows
	}
	for i, level := range a.levelled(flows) {
		a.desks[i].level = level
	}
}

// levelled spreads the loads of all models, by which they begin, and returns what
// each server has then.
func (a *allotment) levelled(flows [][]flow) (levels []float64) {
	levels = make([]float64, len(a.desks))
	for _, list := range flows {
		for _, f := range list {
			levels[f.server] += f.load
		}
	}
	for range levelRounds {
		for i, list := range flows {
			if len(list) > 1 && a.g.packed[i].use.load() > 0 {
				levelOut(list, levels)
			}
		}
	}
	return levels
}

// levelOut spreads one model's load so that the servers that get some of it have
// the same, and the others more.
func levelOut(flows []flow, levels []float64) {
	rest := 0.0
	for _, f := range flows {
		rest += f.load
		levels[f.server] -= f.load
	}
	slices.SortFunc(flows, func(x, y flow) int {
		return cmp.Or(cmp.Compare(levels[x.server], levels[y.server]), cmp.Compare(x.server, y.server))
	})
	height, n := 0.0, 0 // of the first n
	for n < len(flows) {
		least := levels[flows[n].server]
		if n > 0 && float64(height+rest)/float64(n) <= least {
			break
		}
		height += least
		n++
	}
	height = (height + rest) / float64(n)
	for i := range flows {
		f := &flows[i]
		f.load = 0
		if i < n {
			f.load = max(0, height-levels[f.server])
			levels[f.server] += f.load
		}
	}
}

// brings is the share of the pool's load that a copy of m would bring to a server
// with less than is fair, from those with more than that one.
func (a *allotment) brings(m *model, server int) float64 {
	if a.g.pool.total <= 0 {
		return 0
	}
	lacks := a.fair - a.desks[server].level
	if lacks <= 0 {
		return 0
	}
	more := 0.0
	for _, f := range m.use.flows {
		if over := a.desks[f.server].level - a.desks[server].level; over > 0 {
			more += min(f.load, over)
		}
	}
	return min(lacks, more) / a.g.pool.total
}

// takesAway is the share of the pool's load by which a server would have less than
// is fair without its copy of m.
func (a *allotment) takesAway(m *model, server int) float64 {
	if a.g.pool.total <= 0 {
		return 0
	}
	e := a.desks[server].level
	return (max(0, a.fair-e+m.use.at(server)) - max(0, a.fair-e)) / a.g.pool.total
}

package coordinator

import (
	"cmp"
	"slices"
	"time"
)

// markRetiring lets the views know which servers are to go, and forgets those
// that have gone or that something else ends.
func (g *group) markRetiring() {
	if g.pool == nil || g.state == nil {
		return
	}
	for i := range g.views {
		g.views[i].retiring, g.views[i].spared = false, false
	}
	g.pool.retiring = slices.DeleteFunc(g.pool.retiring, func(r retiree) bool {
		i, found := g.serverIndex(r.Server)
		if !found || g.views[i].leaving {
			return true
		}
		g.views[i].retiring = true
		return false
	})
}

// retired is how many servers are to go.
func (g *group) retired() int {
	if g.pool == nil {
		return 0
	}
	return len(g.pool.retiring)
}

// retryRetiring is how long after it was tried in vain a server is looked for
// again that can do without its copies' places.
const retryRetiring = 30 * time.Second

// sizePool decides how many servers a pool is to have, and which of those there
// are retire or are taken back. It returns the number, and how many that were
// ordered and have not appeared need not come.
func (p *Planner) sizePool(g *group) (want, cancelled int) {
	q := g.pool
	servers, ghosts := g.current()
	active := servers - len(q.retiring)
	want = max(g.Min, g.bound())
	if q.policy != nil {
		want = max(want, q.desired)
	}
	want = min(want, g.most(p.last))
	if g.Fixed || p.last.Before(g.frozen) {
		want = max(want, servers)
	}
	for active < want && len(q.retiring) > 0 {
		p.takeBack(g)
		active++
	}
	if active <= want || !g.complete || !g.met {
		return want, 0 // nothing is removed at first sight
	}
	cancelled = min(active-want, ghosts)
	if g.Removal == Ordinal && cancelled < ghosts {
		return want, cancelled // servers that have not appeared stand above all others
	}
	active -= cancelled
	for active > want && p.last.Sub(q.tried) >= retryRetiring {
		if !p.retireOne(g) {
			q.tried = p.last
		} else {
			active--
		}
	}
	return max(want, active), cancelled
}

// takeBack lets the server stay that was to go last.
func (p *Planner) takeBack(g *group) {
	q := g.pool
	last := 0
	for i, r := range q.retiring {
		better := r.Since.After(q.retiring[last].Since)
		if g.Removal == Ordinal {
			better = g.lower(r.Server, q.retiring[last].Server)
		}
		if better {
			last = i
		}
	}
	i, _ := g.serverIndex(q.retiring[last].Server) // markRetiring has found it
	q.retiring = slices.Delete(q.retiring, last, last+1)
	g.views[i].retiring = false
	p.recount(g, i)
}

// lower reports whether of two servers the first stands lower in the order of
// removal.
func (g *group) lower(a, b string) bool {
	i, _ := g.serverIndex(a)
	j, _ := g.serverIndex(b)
	return g.state.Servers[i].Ordinal < g.state.Servers[j].Ordinal
}

// recount counts the models on a server anew, which stays or goes now.
func (p *Planner) recount(g *group, server int) {
	for _, h := range g.views[server].holds {
		if h.m != nil {
			h.m.still = false
			h.m.count(p.last)
		}
	}
	g.countCopies(p.last)
}

// retireOne makes the server retire that is missed least, if what is desired has
// places without it: one that is not up, else the one with fewest copies that are
// needed, else with fewest requests; under ordinal removal the highest.
func (p *Planner) retireOne(g *group) bool {
	best, least := -1, [3]int{}
	for i := range g.views {
		v, s := &g.views[i], &g.state.Servers[i]
		if v.leaving || v.retiring || v.foreign {
			continue
		}
		cost := [3]int{}
		if v.phase == Up {
			cost[0] = 1
		}
		for j := range v.holds {
			if m := v.holds[j].m; m != nil && m.group == g && m.has(i) && m.use.active <= m.desired {
				cost[0] += 1
			}
			if r := &s.Replicas[j]; r.InFlight.Quality.HasValue() {
				cost[1] += int(min(max(r.InFlight.Value, 0), maxCount))
			}
		}
		cost[2] = -s.Ordinal
		if g.Removal == Ordinal {
			cost[0], cost[1] = 0, 0
		}
		if best < 0 || slices.Compare(cost[:], least[:]) < 0 {
			best, least = i, cost
		}
	}
	if best < 0 || !g.doesWithout(best, p.last) {
		return false
	}
	q := g.pool
	name := g.state.Servers[best].Name
	at, _ := slices.BinarySearchFunc(q.retiring, name, func(r retiree, name string) int { return cmp.Compare(r.Server, name) })
	q.retiring = slices.Insert(q.retiring, at, retiree{name, p.last})
	g.views[best].retiring = true
	p.recount(g, best)
	return true
}

// doesWithout reports whether what is desired has places when a server goes: each
// copy that is needed there goes to another that has room for it beside what is
// needed there.
func (g *group) doesWithout(server int, now time.Time) bool {
	type need struct {
		m *model
		n int
	}
	var needs []need
	for _, m := range g.packed {
		active := m.use.active
		if m.has(server) && m.stays(place{group: g, server: server}) {
			active--
		}
		if n := m.desired - active; n > 0 {
			needs = append(needs, need{m, n})
		}
	}
	if len(needs) == 0 && g.Overcommit == nil {
		return true
	}
	slices.SortStableFunc(needs, func(a, b need) int { return cmp.Compare(b.m.share(), a.m.share()) })
	used := g.needed(server)
	for _, r := range used {
		if r != nil && g.Overcommit != nil && !g.loadable(r.models) {
			return false // some are to go elsewhere
		}
	}
	for _, x := range needs {
		for i := range g.views {
			if x.n == 0 {
				break
			}
			if i == server || used[i] == nil || x.m.has(i) {
				continue
			}
			if _, avoided := x.m.avoids(g.state.Servers[i].Name, now); avoided || !g.admits(used[i], x.m) {
				continue
			}
			used[i].add(x.m)
			x.n--
		}
		if x.n > 0 {
			return false
		}
	}
	return true
}

// needed is what is used of each server by copies that are desired, those on one
// server not counted; nil of servers that take nothing. Which copies of a model
// are beyond what is desired is as good as any choice: the first.
func (g *group) needed(without int) []*roster {
	used := make([]*roster, len(g.views))
	for i := range g.views {
		if i != without && g.open(i) {
			used[i] = &roster{used: slices.Clone(g.views[i].load)}
			for _, h := range g.views[i].holds {
				if g.Overcommit != nil && h.m != nil {
					used[i].models = append(used[i].models, h.m)
				}
			}
		}
	}
	for _, m := range g.packed {
		extra := m.use.active - m.desired
		if m.has(without) {
			extra--
		}
		for _, at := range m.places {
			if extra <= 0 {
				break
			}
			if at.phase == Serving && m.owns(at) && used[at.server] != nil {
				used[at.server].remove(m)
				extra--
			}
		}
	}
	return used
}

// resizePool plans the number of servers of a pool and returns it: so many that
// want stay, those included that the placement opened; those that retired go as
// soon as they hold nothing.
func (p *Planner) resizePool(g *group, want, cancelled int) int {
	q := g.pool
	servers, ghosts := g.current()
	first := !g.met
	g.met = true
	if g.Fixed {
		return g.state.Desired
	}
	if missing := want - (servers - len(q.retiring)); missing > 0 {
		reason := PoolShort
		if servers+missing <= g.Min {
			reason = BelowMinimum
		}
		p.scale(g, servers, servers+missing, nil, reason)
		return servers + missing
	}
	var victims []string
	for _, r := range q.retiring {
		if i, _ := g.serverIndex(r.Server); !first && g.views[i].replicas+g.views[i].planned == 0 {
			victims = append(victims, r.Server)
		}
	}
	to := servers - cancelled - len(victims)
	if g.Removal == Ordinal {
		to, victims = servers-cancelled, nil
		if cancelled == ghosts {
			to -= g.highestGone()
		}
		to = max(to, min(servers, g.reach(ghosts)))
	}
	switch {
	case to < servers:
		p.scale(g, servers, to, victims, ServerEmpty)
	case g.state.Desired < servers && !p.last.Before(g.frozen):
		p.scale(g, g.state.Desired, servers, nil, ServerNeeded)
	}
	return to
}

// highestGone counts the servers above all that stay or still hold something.
func (g *group) highestGone() (n int) {
	top := -1 // the highest ordinal that has to stay
	for i := range g.views {
		v := &g.views[i]
		if !v.leaving && (!v.retiring || v.replicas+v.planned > 0) {
			top = max(top, g.state.Servers[i].Ordinal)
		}
	}
	for i := range g.views {
		if !g.views[i].leaving && g.state.Servers[i].Ordinal > top {
			n++
		}
	}
	return n
}

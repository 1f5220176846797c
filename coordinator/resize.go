package coordinator

import (
	"cmp"
	"slices"
	"strconv"
)

// resize plans the number of servers and returns it. used is how many of the
// ghosts and opened how many new ones the placement takes.
func (p *Planner) resize(g *group, servers, ghosts, used, opened int) int {
	kept := 0
	for i := range g.views {
		if !g.views[i].leaving && g.views[i].replicas+g.views[i].planned > 0 {
			kept++
		}
	}
	want := max(g.Min, kept+used)
	if opened > 0 {
		want = max(g.Min, servers+opened) // what is empty is of no use: in another zone
	}
	first := !g.met
	g.met = true
	if g.Fixed {
		return g.state.Desired
	}
	if p.last.Before(g.frozen) {
		want, opened = max(g.Min, servers), 0
	}
	switch {
	case want > servers:
		reason := NoRoom
		if opened == 0 {
			reason = BelowMinimum
		}
		p.scale(g, servers, want, nil, reason)
		return want
	case want == servers:
		if g.state.Desired < want && !p.last.Before(g.frozen) {
			p.scale(g, g.state.Desired, want, nil, ServerNeeded)
		}
		return want
	}
	if first || !g.complete {
		return servers // nothing is removed at first sight
	}
	excess := servers - want
	cancelled := min(excess, ghosts-used)
	victims := g.empties(excess - cancelled)
	if g.Removal == Ordinal && cancelled < ghosts {
		victims = nil // servers that have not appeared stand above all others
	}
	to := servers - cancelled - len(victims)
	if g.Removal == Ordinal {
		victims, to = nil, max(to, min(servers, g.reach(ghosts)))
	}
	if to < servers {
		p.scale(g, servers, to, victims, ServerEmpty)
	}
	return to
}

// reach is how many servers there must be under ordinal removal, so that none goes
// that holds something or is to: one that is missing among the others may come
// back at any time, and the highest goes for it. Ordinals begin with the lowest that
// is seen, or, where one may be missing below it, with 0.
func (g *group) reach(ghosts int) int {
	first, most := 0, 0
	for i := range g.views {
		ordinal := g.state.Servers[i].Ordinal
		if ghosts == 0 && (i == 0 || ordinal < first) {
			first = ordinal
		}
		if v := &g.views[i]; !v.leaving && v.replicas+v.planned > 0 {
			most = max(most, ordinal+1)
		}
	}
	return most - first
}

// empties names up to n servers that may go: those that hold nothing and get
// nothing, booting ones first, then from the highest down. Under ordinal
// removal the highest alone may go, one after the other.
func (g *group) empties(n int) []string {
	if n == 0 {
		return nil
	}
	goesFirst := func(i, j int) int {
		x, y := &g.state.Servers[i], &g.state.Servers[j]
		booting := cmp.Compare(x.Phase, y.Phase)
		if g.Removal == Ordinal {
			booting = 0
		}
		return cmp.Or(booting, cmp.Compare(y.Ordinal, x.Ordinal), cmp.Compare(y.Name, x.Name))
	}
	var order []int
	stays := -1 // under ordinal removal: the first that would go, but holds something
	for i := range g.views {
		switch v := &g.views[i]; {
		case v.leaving:
		case v.replicas+v.planned == 0:
			order = append(order, i)
		case g.Removal == Ordinal && (stays < 0 || goesFirst(i, stays) < 0):
			stays = i
		}
	}
	slices.SortFunc(order, goesFirst)
	var victims []string
	for _, i := range order[:min(n, len(order))] {
		if stays >= 0 && goesFirst(stays, i) < 0 {
			break
		}
		victims = append(victims, g.state.Servers[i].Name)
	}
	slices.Sort(victims)
	return victims
}

// above reports whether a server of a one-to-one group stands above as many as are
// wanted. Where the highest alone may go, a copy that came back there would keep
// those below it, which may be empty.
func (g *group) above(server, wanted int) bool {
	if !g.OneToOne || g.Removal != Ordinal {
		return false
	}
	below := 0
	for i := range g.views {
		if !g.views[i].leaving && g.state.Servers[i].Ordinal < g.state.Servers[server].Ordinal {
			below++
		}
	}
	return below >= wanted
}

// scale plans a number of servers.
func (p *Planner) scale(g *group, from, to int, victims []string, reason Reason) {
	a := Action{
		Kind: ScaleGroup, Group: g.Name, Replicas: to, Victims: victims,
		Epoch: p.options.Epoch, Generation: g.state.Generation + 1, IfVersion: g.state.Version,
		Why: Explanation{Reason: reason, Have: from, Want: to},
	}
	a.ID = a.String() + " #" + strconv.FormatUint(a.Generation, 10)
	p.plan.Now = append(p.plan.Now, a)
}

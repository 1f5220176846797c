package coordinator

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/packing"
)

// placeNow loads missing replicas wherever there is room at this instant.
func (p *Planner) placeNow(g *group) {
	p.rejoin(g)
	open := func(i int) bool { return g.views[i].phase == Up && g.open(i) }
	few := g.few()
	problem, order := g.problem(p.last, open, false, few)
	a, err := packing.Pack(problem, packing.Options{Effort: packing.Fast})
	if err == nil && few > 0 && len(a.Refusals) > 0 {
		problem, order = g.problem(p.last, open, false, 0)
		a, err = packing.Pack(problem, packing.Options{Effort: packing.Fast})
	}
	if err != nil {
		p.fault("group %s: packing: %v", g.Name, err)
		return
	}
	for c, m := range g.short() {
		bins := added(a.Bins[c], problem.Classes[c].At)
		for _, bin := range bins {
			p.load(g, m, order[bin], ReplicaShort)
		}
		m.missing -= len(bins)
	}
}

// load plans a replica on a server for now.
func (p *Planner) load(g *group, m *model, server int, why Reason) {
	p.act(m, place{group: g, server: server}, Load, why)
	m.planned = append(m.planned, server)
	g.scribble(server)
	g.views[server].planned++
	add(g.views[server].used, m.size)
}

// placeLater finds places for what is still missing on servers that boot, that
// are ordered, that make room, or that must be ordered. It returns how many of
// the ordered ones it used and how many more it takes.
func (p *Planner) placeLater(g *group, servers, ghosts int) (used, opened int) {
	if !slices.ContainsFunc(g.packed, func(m *model) bool { return m.missing > 0 || m.excess > 0 }) {
		return 0, 0 // there was room for all
	}
	problem, order := g.problem(p.last, g.open, true, 0)
	seen := len(problem.Bins)
	needed := 0
	for _, m := range g.short() {
		needed += m.missing
	}
	bins := min(ghosts, needed)
	for i, zone := range g.zonesOf(problem, bins) {
		b := g.bin()
		b.Name, b.Zone, b.Ordinal = "ordered "+strconv.Itoa(i), zone, seen+i
		problem.Bins = append(problem.Bins, b)
	}
	problem.Templates = g.templates(problem, g.most(p.last)-servers)
	a, err := packing.Pack(problem, packing.Options{Effort: packing.Fast})
	if err != nil {
		p.fault("group %s: packing: %v", g.Name, err)
		return ghosts, 0
	}
	taken := make([]bool, bins)
	for c, m := range g.short() {
		for _, bin := range added(a.Bins[c], problem.Classes[c].At) {
			if bin >= seen {
				if bin < seen+bins {
					taken[bin-seen] = true
				}
				m.coming++
				p.wait(p.action(m, place{group: g, server: -1}, Load, ReplicaShort), WaitsServer, time.Time{})
				continue
			}
			p.loadLater(g, m, order[bin])
		}
	}
	refusals := make(map[string]packing.Refusal, len(a.Refusals))
	for _, r := range a.Refusals {
		refusals[r.Class] = r
	}
	for _, m := range g.packed {
		refusal, refused := refusals[m.Name]
		if !refused {
			refusal = packing.Refusal{Class: m.Name, Reason: packing.OneOfEach}
		}
		refusal.Items += m.excess
		p.refuse(g, m, refusal)
	}
	for _, t := range taken {
		if t {
			used++
		}
	}
	return used, len(a.Opened)
}

func (p *Planner) refuse(g *group, m *model, r packing.Refusal) {
	if m.refused = r.Items; m.refused > 0 {
		p.plan.Refused = append(p.plan.Refused, Refusal{g.Name, r})
	}
}

// loadLater shows a replica that is to come on a server, and what it waits for.
func (p *Planner) loadLater(g *group, m *model, server int) {
	g.scribble(server)
	g.views[server].planned++
	m.coming++
	a := p.action(m, place{group: g, server: server}, Load, ReplicaShort)
	until, avoided := m.avoids(g.state.Servers[server].Name, p.last)
	if s := &g.state.Servers[server]; avoided {
		p.wait(a, WaitsRetry, until)
	} else if s.Phase == Booting {
		p.wait(a, WaitsBoot, ends(s.Since, g.boots.orElse(0.9, g.BootTime)))
	} else {
		p.wait(a, WaitsRoom, time.Time{})
	}
}

// zonesOf are the zones of n servers that are ordered and have not appeared.
func (g *group) zonesOf(problem *packing.Problem, n int) []string {
	zones := make([]string, 0, n)
	if len(g.Zones) > 0 {
		for i, more := range evenly(g.inZones(problem), n) {
			for range more {
				zones = append(zones, g.Zones[i])
			}
		}
	}
	return append(zones, make([]string, n-len(zones))...)
}

// bin is an empty server of the group.
func (g *group) bin() packing.Bin {
	b := packing.Bin{Capacity: g.capacity, Capabilities: g.Capabilities}
	if g.Overcommit != nil {
		b.Virtual = g.limit
	}
	return b
}

// class is m as far as packing on g needs to know, without a count and places.
func (m *model) class(g *group) packing.Class {
	return packing.Class{
		Name: m.Name, Size: m.sizeOn(g), Pinned: m.pinnedOn(g), Requires: m.Requires,
		Priority: m.Priority, Weight: int64(m.Weight), Spread: packing.Spread(m.Spread),
	}
}

// few is a number of servers among which the missing replicas find their places
// if each has room for any of them; 0 if they are to be looked for among all.
// Then the first of the group's servers do for most ticks.
func (g *group) few() int {
	if g.Overcommit != nil {
		return 0 // what rests is among the classes, wherever it is
	}
	n, most := 64, 0
	for _, m := range g.short() {
		if m.Spread.MaxSkew > 0 {
			return 0 // it counts what is anywhere
		}
		n += m.missing
		most = max(most, len(m.places))
	}
	if n += most; 2*n > len(g.views) {
		return 0
	}
	return n
}

// bins are the group's servers in the order in which they fill: the fullest
// first, or the lowest, so that others empty; with few, that many at most, those
// that take no replica of any missing model left out. order maps bins to servers.
// With later, what is about to leave no longer counts. The problem is valid until
// the next one: the bins lie in the group's buffers.
func (g *group) bins(open func(int) bool, later bool, few int) (p *packing.Problem, order []int) {
	p = &packing.Problem{Dimensions: g.dims, Zones: g.Zones}
	if few > 0 {
		order = g.fillOrder(few, g.takers(open))
	} else {
		order = g.fillOrder(len(g.views), func(int) bool { return true })
	}
	p.Bins = slices.Grow(g.binsBuf[:0], len(order)+1)
	g.usedBuf = slices.Grow(g.usedBuf[:0], len(order)*len(g.dims))
	used := g.usedBuf[:len(order)*len(g.dims)]
	for bin, server := range order {
		v, s := &g.views[server], &g.state.Servers[server]
		b := g.bin()
		b.Name, b.Zone, b.Ordinal = s.Name, s.Zone, bin
		if !open(server) {
			b.State = packing.Closed
		}
		b.Used, used = used[:len(g.dims):len(g.dims)], used[len(g.dims):]
		copy(b.Used, v.used)
		if later {
			for d := range b.Used {
				b.Used[d] -= v.going[d]
			}
		}
		p.Bins = append(p.Bins, b)
	}
	g.binsBuf = p.Bins[:0]
	return p, order
}

// takers tells which servers may have room for a replica of some missing model.
func (g *group) takers(open func(int) bool) func(int) bool {
	least := make([]int64, len(g.dims))
	for i, m := range g.short() {
		for d, x := range m.size {
			if i == 0 || x < least[d] {
				least[d] = x
			}
		}
	}
	return func(i int) bool { return open(i) && g.fits(i, least) }
}

// fillOrder is the order in which servers fill, the first n of those that may.
func (g *group) fillOrder(n int, may func(int) bool) []int {
	type rank struct{ replicas, ordinal, server int }
	ranks := make([]rank, 0, len(g.views))
	var holding [256]int // servers by how many replicas they hold
	key := func(i int) int {
		if g.Removal == Ordinal {
			return 0
		}
		return g.views[i].replicas + g.views[i].planned
	}
	for i := range g.views {
		if may(i) {
			ranks = append(ranks, rank{key(i), g.state.Servers[i].Ordinal, i})
			holding[min(key(i), len(holding)-1)]++
		}
	}
	// Those that hold less than the first n do not count.
	least, first := len(holding)-1, holding[len(holding)-1]
	for ; least > 0 && first < n; first += holding[least] {
		least--
	}
	ranks = slices.DeleteFunc(ranks, func(r rank) bool { return r.replicas < least })
	slices.SortFunc(ranks, func(a, b rank) int {
		switch { // servers are sorted by name
		case a.replicas != b.replicas:
			return b.replicas - a.replicas
		case a.ordinal != b.ordinal:
			return cmp.Compare(a.ordinal, b.ordinal)
		}
		return a.server - b.server
	})
	order := make([]int, min(n, len(ranks)))
	for i := range order {
		order[i] = ranks[i].server
	}
	return order
}

// problem is the packing of the group's missing replicas, on few servers or all.
func (g *group) problem(now time.Time, open func(int) bool, later bool, few int) (p *packing.Problem, order []int) {
	p, order = g.bins(open, later, few)
	binOf := make([]int, len(g.views))
	for i := range binOf {
		binOf[i] = -1
	}
	for bin, server := range order {
		binOf[server] = bin
	}
	for _, m := range g.short() {
		c := m.class(g)
		// While one server alone has failed it, another is had; after that the
		// model itself may be to blame.
		if !later || len(m.failed) == 1 && g.most(now) > 1 {
			c.Forbids = g.avoided(p.Bins, m, now)
		}
		elsewhere := 0
		at := func(server int) {
			if binOf[server] < 0 {
				elsewhere++
			} else {
				c.At = append(c.At, binOf[server])
			}
		}
		for _, place := range m.places {
			// What is broken leaves: its server may have the model again, later.
			if m.owns(place) && (!later || place.phase != Broken) {
				at(place.server)
			}
		}
		for _, server := range m.planned {
			at(server)
		}
		c.Count = len(c.At) + m.missing
		c.Min = min(max(0, m.low-elsewhere), c.Count)
		// Pack counts what sits by itself.
		for _, b := range c.At {
			for d, x := range m.size {
				p.Bins[b].Used[d] = max(0, p.Bins[b].Used[d]-x)
			}
		}
		p.Classes = append(p.Classes, c)
	}
	if g.Overcommit != nil {
		g.addResting(p, binOf)
	}
	return p, order
}

// addResting adds the models of the group that miss nothing, after those that
// do: of what is merely used, packing can not tell what is pinned.
func (g *group) addResting(p *packing.Problem, binOf []int) {
	for _, m := range g.packed {
		if m.missing > 0 {
			continue
		}
		c := m.class(g)
		for i, at := range m.places {
			if at.phase != Serving || !m.stays(at) || slices.Contains(m.spare, i) {
				continue // on its way, or about to go: it takes all that it needs
			}
			b := binOf[at.server]
			c.At = append(c.At, b)
			for d, x := range m.size {
				p.Bins[b].Used[d] = max(0, p.Bins[b].Used[d]-x)
			}
		}
		c.Count, c.Min, c.Spread = len(c.At), len(c.At), packing.Spread{}
		p.Classes = append(p.Classes, c)
	}
}

// avoided marks the bins on which a model is not to be loaded for now, and
// returns what it forbids.
func (g *group) avoided(bins []packing.Bin, m *model, now time.Time) (forbids []string) {
	if len(m.failed) == 0 {
		return nil
	}
	for i := range bins {
		if _, avoid := m.avoids(bins[i].Name, now); avoid {
			mark := avoiding(m.Name)
			bins[i].Capabilities = append(slices.Clip(bins[i].Capabilities), mark)
			forbids = []string{mark}
		}
	}
	return forbids
}

// short yields the models that miss replicas, numbered.
func (g *group) short() func(func(int, *model) bool) {
	return func(yield func(int, *model) bool) {
		i := 0
		for _, m := range g.packed {
			if m.missing > 0 {
				if !yield(i, m) {
					return
				}
				i++
			}
		}
	}
}

// added are the entries of bins that are not in at, both of one class.
func added(bins, at []int) []int {
	return slices.DeleteFunc(slices.Clone(bins), func(b int) bool { return slices.Contains(at, b) })
}

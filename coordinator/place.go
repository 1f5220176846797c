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
	problem, order := g.problem(p.last, func(i int) bool { return g.state.Servers[i].Phase == Up && g.open(i) }, false)
	a, err := packing.Pack(problem, packing.Options{Effort: packing.Fast})
	if err != nil {
		p.fault("group %s: packing: %v", g.Name, err)
		return
	}
	for c, m := range g.short() {
		for _, bin := range added(a.Bins[c], problem.Classes[c].At) {
			server := order[bin]
			p.act(g, m, place{server: server}, Load, ReplicaShort)
			m.planned = append(m.planned, server)
			g.views[server].planned++
			add(g.views[server].used, m.size)
		}
	}
	for _, m := range g.models {
		m.missing -= len(m.planned)
	}
}

// placeLater finds places for what is still missing on servers that boot, that
// are ordered, that make room, or that must be ordered. It returns how many of
// the ordered ones it used and how many more it takes.
func (p *Planner) placeLater(g *group, servers, ghosts int) (used, opened int) {
	problem, order := g.problem(p.last, g.open, true)
	seen := len(problem.Bins)
	needed := 0
	for _, m := range g.short() {
		needed += m.missing
	}
	bins := min(ghosts, needed)
	for i := range bins {
		problem.Bins = append(problem.Bins, packing.Bin{Name: "ordered " + strconv.Itoa(i), Capacity: g.capacity, Capabilities: g.Capabilities, Ordinal: seen + i})
	}
	problem.Templates = []packing.Template{{
		Bin: packing.Bin{Capacity: g.capacity, Capabilities: g.Capabilities},
		Max: max(0, g.Max-servers),
	}}
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
				p.wait(p.action(g, m, place{server: -1}, Load, ReplicaShort), WaitsServer, time.Time{})
				continue
			}
			server := order[bin]
			g.views[server].planned++
			a := p.action(g, m, place{server: server}, Load, ReplicaShort)
			until, avoided := m.avoids(g.state.Servers[server].Name, p.last)
			if s := &g.state.Servers[server]; avoided {
				p.wait(a, WaitsRetry, until)
			} else if s.Phase == Booting {
				p.wait(a, WaitsBoot, ends(s.Since, g.boots.orElse(0.9, g.BootTime)))
			} else {
				p.wait(a, WaitsRoom, time.Time{})
			}
		}
	}
	for _, m := range g.models {
		refusal := packing.Refusal{Class: m.Name, Reason: packing.OneOfEach}
		for _, r := range a.Refusals {
			if r.Class == m.Name {
				refusal = r
			}
		}
		refusal.Items += m.excess
		if m.refused = refusal.Items; m.refused > 0 {
			p.plan.Refused = append(p.plan.Refused, Refusal{g.Name, refusal})
		}
	}
	for _, t := range taken {
		if t {
			used++
		}
	}
	return used, len(a.Opened)
}

// problem is the packing of the group's missing replicas. order maps bins to
// servers. With later, what is about to leave no longer counts.
func (g *group) problem(now time.Time, open func(int) bool, later bool) (p *packing.Problem, order []int) {
	p = &packing.Problem{Dimensions: g.dims}
	order = make([]int, len(g.views))
	for i := range order {
		order[i] = i
	}
	// The first fit is the fullest server, or the lowest: so that others empty.
	slices.SortFunc(order, func(i, j int) int {
		fullest := cmp.Compare(g.views[j].replicas+g.views[j].planned, g.views[i].replicas+g.views[i].planned)
		if g.Removal == Ordinal {
			fullest = 0
		}
		x, y := &g.state.Servers[i], &g.state.Servers[j]
		return cmp.Or(fullest, cmp.Compare(x.Ordinal, y.Ordinal), cmp.Compare(x.Name, y.Name))
	})
	binOf := make([]int, len(order))
	for bin, server := range order {
		binOf[server] = bin
		v := &g.views[server]
		b := packing.Bin{Name: g.state.Servers[server].Name, Capacity: g.capacity, Capabilities: g.Capabilities, Ordinal: bin}
		if !open(server) {
			b.State = packing.Closed
		}
		b.Used = slices.Clone(v.used)
		if later {
			for d := range b.Used {
				b.Used[d] -= v.going[d]
			}
		}
		p.Bins = append(p.Bins, b)
	}
	for _, m := range g.short() {
		c := packing.Class{Name: m.Name, Size: m.size, Requires: m.Requires}
		if !later {
			c.Forbids = g.avoided(p.Bins, m, now)
		}
		for _, at := range m.places {
			// What is broken leaves: its server may have the model again, later.
			if !later || at.replica.Phase != Broken {
				c.At = append(c.At, binOf[at.server])
			}
		}
		for _, server := range m.planned {
			c.At = append(c.At, binOf[server])
		}
		c.Count = len(c.At) + m.missing
		// Pack counts what sits by itself.
		for _, b := range c.At {
			for d, x := range m.size {
				p.Bins[b].Used[d] = max(0, p.Bins[b].Used[d]-x)
			}
		}
		p.Classes = append(p.Classes, c)
	}
	return p, order
}

// avoided marks the bins on which a model is not to be loaded for now, and
// returns what it forbids.
func (g *group) avoided(bins []packing.Bin, m *model, now time.Time) (forbids []string) {
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
		for _, m := range g.models {
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

package coordinator

import (
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/packing"
)

// house decides on which of its groups each model lives.
func (p *Planner) house() {
	for _, m := range p.movers {
		switch {
		case m.policy == nil:
			m.moveTo(m.mostPlaces())
		case m.refused > 0 && m.group.state != nil:
			for _, g := range m.homes {
				if g != m.group && g.state != nil && p.holds(g, m) {
					m.moveTo(g)
					break
				}
			}
		}
	}
}

// mostPlaces is the home that has the most replicas of m, the first of equals.
func (m *model) mostPlaces() *group {
	best, most := m.homes[0], 0
	for _, g := range m.homes {
		n := 0
		for _, at := range m.places {
			if at.group == g {
				n++
			}
		}
		if n > most {
			best, most = g, n
		}
	}
	return best
}

// hidden reports whether all that a model has may be on a group that could not be
// seen since the planner began without a history: it is not taken for gone, but
// not waited for longer than a group's servers are either.
func (m *model) hidden(now time.Time, wait time.Duration) bool {
	if m.host != nil {
		m = m.host
	}
	unseen := func(g *group) bool { return g.state == nil }
	return len(m.places) == 0 && slices.ContainsFunc(m.homes, unseen) && now.Sub(m.group.found) < wait
}

// holds reports whether g has room for all of m's replicas, on the servers that
// it has or may have, beside what the models that live there want.
func (p *Planner) holds(g *group, m *model) bool {
	problem, order := g.bins(g.open, false, 0)
	class := m.class(g)
	class.Count = m.desired
	problem.Classes = append(g.wanting(problem, order), class)
	servers, _ := g.current()
	problem.Templates = g.templates(problem, g.most(p.last)-servers)
	a, err := packing.Pack(problem, packing.Options{Effort: packing.Fast})
	return err == nil && !slices.ContainsFunc(a.Refusals, func(r packing.Refusal) bool { return r.Class == m.Name })
}

// wanting are the models of the group that have fewer replicas than desired, as
// classes of a problem whose bins are its servers in an order. That of one that
// has just moved here is seen nowhere else.
func (g *group) wanting(problem *packing.Problem, order []int) (classes []packing.Class) {
	var binOf []int
	for _, m := range g.packed {
		if m.serves() >= m.desired {
			continue
		}
		if binOf == nil {
			binOf = make([]int, len(order))
			for bin, server := range order {
				binOf[server] = bin
			}
		}
		c := m.class(g)
		for _, at := range m.places {
			if m.owns(at) {
				b := binOf[at.server]
				c.At = append(c.At, b)
				for d, x := range m.size {
					problem.Bins[b].Used[d] = max(0, problem.Bins[b].Used[d]-x)
				}
			}
		}
		c.Count = max(len(c.At), m.desired)
		c.Min = min(m.low, c.Count)
		classes = append(classes, c)
	}
	return classes
}

// moveTo makes g the group that m and what sits with it live on.
func (m *model) moveTo(g *group) {
	if g == m.group {
		return
	}
	for _, x := range append([]*model{m}, m.with...) {
		x.settleOn(g)
		x.starting, x.failed = nil, nil // they name servers of the other group
	}
}

// rehouse lets a model live on one of its groups again.
func (p *Planner) rehouse(model, group string) {
	m := p.byName[model]
	if m == nil {
		return
	}
	for _, g := range m.homes {
		if g.Name == group {
			m.settleOn(g)
		}
	}
}

// most is how many servers the group may have now.
func (g *group) most(now time.Time) int {
	servers, _ := g.current()
	switch {
	case g.Fixed:
		return servers
	case now.Before(g.frozen):
		return max(g.Min, servers)
	}
	return max(g.Max, 0)
}

// templates are up to n servers yet to be ordered, beyond those that problem has.
func (g *group) templates(problem *packing.Problem, n int) []packing.Template {
	bin := g.bin()
	n = max(0, n)
	if len(g.Zones) == 0 {
		return []packing.Template{{Bin: bin, Max: n}}
	}
	var list []packing.Template
	for i, more := range evenly(g.inZones(problem), n) {
		bin.Zone = g.Zones[i]
		list = append(list, packing.Template{Bin: bin, Max: more})
	}
	return list
}

// inZones counts the bins in each zone of the group, closed ones too.
func (g *group) inZones(problem *packing.Problem) []int {
	n := make([]int, len(g.Zones))
	for i := range problem.Bins {
		if z := slices.Index(g.Zones, problem.Bins[i].Zone); z >= 0 {
			n[z]++
		}
	}
	return n
}

// evenly is how many of n more go where there are counts, if each goes where
// there are fewest, the first of equals.
func evenly(counts []int, n int) []int {
	total := slices.Clone(counts)
	for n > 0 {
		low, next, at := slices.Min(total), math.MaxInt, 0
		for _, x := range total {
			if x == low {
				at++
			} else {
				next = min(next, x)
			}
		}
		step := min(n/at, next-low)
		for i, x := range total {
			if x == low && (step > 0 || n > 0) {
				total[i] += max(step, 1)
				n -= max(step, 1)
			}
		}
	}
	for i := range total {
		total[i] -= counts[i]
	}
	return total
}

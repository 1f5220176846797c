package coordinator

import (
	"maps"
	"slices"
	"time"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/policy"
)

// companions are the models of the group among which those are that sit with
// another; nil if there are none.
func (g *group) companions() []*model {
	if len(g.packed) == len(g.models) {
		return nil
	}
	return g.models
}

// keeps reports whether a model has a replica on a server of its group that it
// does not mean to give up.
func (m *model) keeps(server int) bool {
	for i, at := range m.places {
		if at.group != m.group || at.server != server || !m.stays(at) || slices.Contains(m.spare, i) {
			continue
		}
		switch at.phase {
		case Loading, Loaded, Serving:
			return true
		}
	}
	return false
}

// has reports whether a replica of m's own version is on a server of its group, or is
// to be.
func (m *model) has(server int) bool {
	return slices.ContainsFunc(m.places, func(at place) bool { return at.server == server && m.owns(at) }) || slices.Contains(m.planned, server)
}

// accompanied reports whether a companion of m is on the server of one of its
// replicas: then that one stays until the companion has gone. Where another
// replica of m stays on, of its new version, the companion needs not go.
func (m *model) accompanied(at place) bool {
	for _, c := range m.with {
		if c.on(at.group, at.server) && !(at.group == m.group && m.keeps(at.server)) {
			return true
		}
	}
	return false
}

// placeWith loads companions beside their hosts, where room is kept for one
// replica of each.
func (p *Planner) placeWith(g *group, m *model) {
	for _, at := range m.host.places {
		if m.missing == 0 {
			break
		}
		if at.group != g || !m.host.keeps(at.server) || m.has(at.server) {
			continue
		}
		if m.on(g, at.server) { // another version, beside which no room is kept
			needs := m.needsOn(g)
			if !g.fits(at.server, needs) {
				continue
			}
			add(g.views[at.server].used, needs)
		}
		if _, avoided := m.avoids(at.name(), p.last); avoided {
			p.loadLater(g, m, at.server)
		} else {
			p.load(g, m, at.server, ReplicaShort)
		}
		m.missing--
	}
	for range min(m.missing, len(m.host.planned)+m.host.coming) {
		p.wait(p.action(m, place{group: g, server: -1}, Load, ReplicaShort), WaitsHost, time.Time{})
		m.missing--
	}
	p.refuse(g, m, packing.Refusal{Class: m.Name, Items: m.missing + m.excess, Reason: packing.OneOfEach})
}

// keepWithHosts keeps companions from becoming more than what they sit with.
// What is held is not lowered; then the host's replica waits for it. It reports
// whether it lowered any.
func (p *Planner) keepWithHosts() (lowered bool) {
	for i, m := range p.models {
		if m.host == nil {
			continue
		}
		mp := &p.plan.Models[i]
		most := p.plan.Models[p.indexOf(m.host)].Desired
		if m.held {
			most = max(most, mp.Was)
		}
		if mp.Desired <= most || len(mp.Decision.Steps) == 0 {
			continue
		}
		o := policy.Observation{Desired: mp.Was}
		mp.Decision = o.Amend(mp.Decision, WithHost, most, float64(mp.Desired), float64(most))
		mp.Desired, lowered = most, true
	}
	return lowered
}

// indexOf is the place of a model among p.models.
func (p *Planner) indexOf(m *model) int {
	i, _ := slices.BinarySearchFunc(p.models, m, byModelName)
	return i
}

// rejoin loads hosts where companions of theirs were left alone, as when the host
// died: what those take is in the room that is kept for them beside it. So such a
// server may have room for the host where packing, which counts them, finds none.
func (p *Planner) rejoin(g *group) {
	for _, m := range g.packed {
		if m.missing == 0 || len(m.with) == 0 || m.Spread.MaxSkew > 0 {
			continue
		}
		alone := m.leftAlone(g)
		for _, i := range slices.Sorted(maps.Keys(alone)) {
			if g.state.Servers[i].Phase != Up || !g.open(i) || !g.fitsWithout(i, m.size, alone[i]) {
				continue
			}
			if _, avoided := m.avoids(g.state.Servers[i].Name, p.last); avoided || m.missing == 0 {
				continue
			}
			g.scribble(i)
			for d, x := range alone[i] {
				g.views[i].used[d] -= x
			}
			p.load(g, m, i, ReplicaShort)
			m.missing--
		}
	}
}

// leftAlone is what companions of m, one of each, take of the servers of g that
// have them and not m.
func (m *model) leftAlone(g *group) map[int][]int64 {
	alone := map[int][]int64{}
	for _, c := range m.with {
		for k, at := range c.places {
			if at.group != g || k > 0 && c.places[k-1].group == g && c.places[k-1].server == at.server {
				continue // elsewhere, or a second version
			}
			if alone[at.server] == nil {
				alone[at.server] = make([]int64, len(g.dims))
			}
			add(alone[at.server], c.strayOn(g))
		}
	}
	for _, at := range m.places {
		if at.group == g {
			delete(alone, at.server)
		}
	}
	return alone
}

// fitsWithout reports whether a server has room for a size more once less is
// gone, without overcommitting.
func (g *group) fitsWithout(server int, size, less []int64) bool {
	for d, x := range size {
		if g.views[server].used[d]-less[d]+x > g.capacity[d] {
			return false
		}
	}
	return true
}

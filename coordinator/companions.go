package coordinator

import (
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

// has reports whether a replica of m's own version is on a server of its group.
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
// What is held is not lowered; then the host's replica waits for it.
func (p *Planner) keepWithHosts() {
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
		mp.Desired = most
	}
}

// indexOf is the place of a model among p.models.
func (p *Planner) indexOf(m *model) int {
	i, _ := slices.BinarySearchFunc(p.models, m, byModelName)
	return i
}

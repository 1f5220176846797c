package coordinator

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// look takes in the world: which servers there are, what they hold, and what
// the replicas of each model do.
func (p *Planner) look(w *World) {
	for _, m := range p.models {
		m.planned = m.planned[:0]
	}
	told := w.Base != 0 && w.Base == p.world
	p.world = w.Seq
	for _, g := range p.groups {
		g.state, g.fault, g.guests = nil, nil, 0
	}
	next := 0
	for i := range w.Groups {
		state := &w.Groups[i]
		g := p.group(state.Name, &next)
		if g == nil {
			continue // nobody declared it
		}
		if g.state != nil {
			g.fault = errors.New("listed twice")
			continue
		}
		g.state = state
	}
	for _, g := range p.groups {
		switch {
		case slices.Contains(w.Unseen, g.Name):
			g.state = nil
		case g.fault == nil && g.state == nil:
			g.fault = errors.New("not in the world, nor among the unseen")
		case g.fault == nil:
			g.fault = p.see(g, told)
		}
		if g.fault != nil {
			p.fault("group %s: %v", g.Name, g.fault)
			g.state, g.known = nil, false
		}
		if g.state == nil {
			p.lose(g)
		}
	}
	p.house()
	for _, g := range p.groups {
		g.markRetiring()
	}
	for _, g := range p.groups {
		if g.state == nil {
			continue
		}
		g.assemble(p.last, p.options.StartupWait)
		g.learnTimes(&p.boots)
		for _, m := range g.models {
			m.learnTimes(&p.loads)
			if !m.still {
				m.count(p.last)
			}
		}
	}
}

// group finds a declared group; hint is where to look first.
func (p *Planner) group(name string, hint *int) *group {
	if *hint < len(p.groups) && p.groups[*hint].Name == name {
		*hint++
		return p.groups[*hint-1]
	}
	i, found := slices.BinarySearchFunc(p.groups, name, func(g *group, name string) int { return cmp.Compare(g.Name, name) })
	if !found {
		return nil
	}
	*hint = i + 1
	return p.groups[i]
}

// addStrays counts the companions on a server for which no room is kept there:
// those without a host, and those of a second version.
func (g *group) addStrays(server int, byName map[string]*model) {
	replicas := g.state.Servers[server].Replicas
	for j := range replicas {
		m := byName[replicas[j].Model]
		if m == nil || m.host == nil {
			continue
		}
		second := slices.ContainsFunc(replicas[:j], func(r ReplicaState) bool { return r.Model == m.Name })
		if second || !m.host.on(g, server) {
			add(g.views[server].load, m.strayOn(g))
		}
	}
}

// owns reports whether a replica is one that the model is to have: in its group
// and of its version.
func (m *model) owns(at place) bool {
	return at.group == m.group && !at.old
}

// stays reports whether a replica can be one that the model keeps.
func (m *model) stays(at place) bool {
	v := &at.group.views[at.server]
	return m.owns(at) && !v.leaving && !v.retiring && (m.host == nil || m.host.keeps(at.server))
}

// count sorts the model's places by what they do.
func (m *model) count(now time.Time) {
	m.counts = counts{}
	for _, at := range m.places {
		if at.group != m.group {
			at.group.guests++
		}
		switch at.phase {
		case Serving:
			m.serving++
			if !m.stays(at) {
				m.leaving++
			}
		case Draining:
			m.draining++
		case Broken:
			m.broken++
		case Loaded:
			if m.owns(at) {
				m.loaded++
			} else {
				m.old++
			}
		default:
			switch {
			case !m.owns(at):
				m.old++
			case m.overdue(at.replica(), now):
				m.tardy++
			default:
				m.loading++
			}
		}
	}
	m.still = m.host == nil && m.counts == counts{serving: len(m.places)}
}

// on reports whether a replica of m is on a server, in whatever phase.
func (m *model) on(g *group, server int) bool {
	for _, at := range m.places {
		if at.group == g && at.server == server {
			return true
		}
	}
	return g == m.group && slices.Contains(m.planned, server)
}

package coordinator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// look takes in the world: which servers there are, what they hold, and what
// the replicas of each model do.
func (p *Planner) look(w *World) {
	for _, m := range p.models {
		m.places, m.planned = m.places[:0], m.planned[:0]
	}
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
			g.fault = g.look(p.byName)
		}
		if g.fault != nil {
			p.fault("group %s: %v", g.Name, g.fault)
			g.state = nil
			for _, m := range p.models {
				m.places = slices.DeleteFunc(m.places, func(at place) bool { return at.group == g })
			}
		}
	}
	p.house()
	for _, g := range p.groups {
		if g.state == nil {
			continue
		}
		g.assemble(p.last, p.options.StartupWait)
		g.learnTimes()
		for _, m := range g.models {
			m.count(p.last)
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

// look takes in the observed servers and tells the models where they are.
func (g *group) look(byName map[string]*model) error {
	byServerName := func(a, b ServerState) int { return cmp.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(g.state.Servers, byServerName) {
		sorted := *g.state
		sorted.Servers = slices.Clone(sorted.Servers)
		slices.SortFunc(sorted.Servers, byServerName)
		g.state = &sorted
	}
	if g.state.Desired < 0 || g.state.Desired > maxCount {
		return fmt.Errorf("desired count %d", g.state.Desired)
	}
	servers := g.state.Servers
	if len(servers) > 0 && servers[0].Name == "" {
		return errors.New("a server without a name")
	}
	g.views = slices.Grow(g.views[:0], len(servers))[:len(servers)]
	for i := range servers {
		if i > 0 && servers[i].Name == servers[i-1].Name {
			return fmt.Errorf("server %s listed twice", servers[i].Name)
		}
		v := &g.views[i]
		*v = view{used: zeroed(v.used, len(g.dims)), going: zeroed(v.going, len(g.dims))}
		companions := false
		for j := range servers[i].Replicas {
			r := &servers[i].Replicas[j]
			v.replicas++
			m := byName[r.Model]
			if m == nil {
				v.foreign = true
				continue
			}
			at := place{g, i, r}
			if m.twice(at) {
				return fmt.Errorf("server %s holds %s twice", servers[i].Name, r.Model)
			}
			m.places = append(m.places, at)
			companions = companions || m.host != nil
			add(v.used, m.sizeOn(g))
		}
		if companions {
			g.addStrays(i, byName)
		}
	}
	return nil
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
			add(g.views[server].used, m.strayOn(g))
		}
	}
}

// twice reports whether the model's version is on a server already. Places come
// server after server.
func (m *model) twice(at place) bool {
	for i := len(m.places) - 1; i >= 0; i-- {
		was := &m.places[i]
		if was.group != at.group || was.server != at.server {
			return false
		}
		if was.replica.ModelVersion == at.replica.ModelVersion {
			return true
		}
	}
	return false
}

// owns reports whether a replica is one that the model is to have: in its group
// and of its version.
func (m *model) owns(at place) bool {
	return at.group == m.group && at.replica.ModelVersion == m.Version
}

// stays reports whether a replica can be one that the model keeps.
func (m *model) stays(at place) bool {
	return m.owns(at) && !at.group.state.Servers[at.server].Leaving && (m.host == nil || m.host.keeps(at.server))
}

// count sorts the model's places by what they do.
func (m *model) count(now time.Time) {
	m.counts = counts{}
	for _, at := range m.places {
		if at.group != m.group {
			at.group.guests++
		}
		switch at.replica.Phase {
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
			case m.overdue(at.replica, now):
				m.tardy++
			default:
				m.loading++
			}
		}
	}
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

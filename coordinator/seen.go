package coordinator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// seen is what a view is made of: while a server shows the same, its view and
// the places on it hold.
type seen struct {
	name       string
	version    string
	generation uint64
	phase      ServerPhase
	leaving    bool
	holds      []held // as Replicas
}

// held is one replica on a server.
type held struct {
	m       *model // nil: nobody declared it
	model   string
	version string
	phase   ReplicaPhase
}

// tally counts views.
type tally struct{ booting, leaving, foreign int }

func (t *tally) add(v *view, n int) {
	if v.phase != Up {
		t.booting += n
	}
	if v.leaving {
		t.leaving += n
	}
	if v.foreign {
		t.foreign += n
	}
}

// see takes in the observed servers of a group and tells the models where they
// are. With told, servers that are not among Changed are as they were.
func (p *Planner) see(g *group, told bool) error {
	g.wipe()
	if g.state.Desired < 0 || g.state.Desired > maxCount {
		return fmt.Errorf("desired count %d", g.state.Desired)
	}
	if !g.known || !g.sameServers() {
		g.sortServers()
	}
	if len(g.state.Servers) > 0 && g.state.Servers[0].Name == "" {
		return errors.New("a server without a name")
	}
	if !g.known || !g.sameServers() {
		p.forget(g)
		if err := g.begin(); err != nil {
			return err
		}
		told = false
	}
	servers, changed := g.state.Servers, g.state.Changed
	if !slices.IsSorted(changed) {
		changed = slices.Sorted(slices.Values(changed))
	}
	for i := range servers {
		s, v := &servers[i], &g.views[i]
		for len(changed) > 0 && changed[0] < s.Name {
			changed = changed[1:]
		}
		named := len(changed) > 0 && changed[0] == s.Name
		switch {
		case !told && v.shows(s), told && !named && v.seems(s):
			continue
		case told && !named:
			p.fault("group %s: server %s differs, but is not among the changed", g.Name, s.Name)
		case v.holdsLike(s):
			g.follow(i)
			continue
		}
		if err := g.look(i, p.byName); err != nil {
			return err
		}
	}
	g.known = true
	return nil
}

// sameServers reports whether the names of the servers are those of the views.
func (g *group) sameServers() bool {
	if len(g.views) != len(g.state.Servers) {
		return false
	}
	for i := range g.views {
		if g.views[i].name != g.state.Servers[i].Name {
			return false
		}
	}
	return true
}

// sortServers makes the order of the servers that of their names.
func (g *group) sortServers() {
	byName := func(a, b ServerState) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(g.state.Servers, byName) {
		sorted := *g.state
		sorted.Servers = slices.Clone(sorted.Servers)
		slices.SortFunc(sorted.Servers, byName)
		g.state = &sorted
	}
}

// begin makes views that have seen nothing but the names of their servers.
func (g *group) begin() error {
	servers, dims := g.state.Servers, len(g.dims)
	old := g.views
	g.views = slices.Grow(g.views[:0], len(servers))[:len(servers)]
	amounts := make([]int64, 3*dims*len(servers))
	next := func() (v []int64) {
		v, amounts = amounts[:dims:dims], amounts[dims:]
		return v
	}
	for i := range servers {
		if i > 0 && servers[i].Name == servers[i-1].Name {
			return fmt.Errorf("server %s listed twice", servers[i].Name)
		}
		var holds []held
		if i < len(old) {
			holds = old[i].holds[:0]
		}
		g.views[i] = view{seen: seen{name: servers[i].Name, phase: Up, holds: holds}, load: next(), used: next(), going: next()}
	}
	return nil
}

// shows reports whether a server is as it was seen last.
func (v *seen) shows(s *ServerState) bool {
	if v.phase != s.Phase || v.leaving != s.Leaving || !v.holdsLike(s) {
		return false
	}
	for j := range v.holds {
		if v.holds[j].phase != s.Replicas[j].Phase {
			return false
		}
	}
	v.generation, v.version = s.Generation, s.Version
	return true
}

// seems is shows as far as the replicas themselves are not looked at.
func (v *seen) seems(s *ServerState) bool {
	return v.phase == s.Phase && v.leaving == s.Leaving && len(v.holds) == len(s.Replicas) && v.generation == s.Generation && v.version == s.Version
}

// holdsLike reports whether a server stays, and holds replicas of the same
// models and versions as when it was seen last.
func (v *seen) holdsLike(s *ServerState) bool {
	if v.phase != s.Phase || v.leaving != s.Leaving || len(v.holds) != len(s.Replicas) {
		return false
	}
	for j := range v.holds {
		if h, r := &v.holds[j], &s.Replicas[j]; h.model != r.Model || h.version != r.ModelVersion {
			return false
		}
	}
	return true
}

// follow notes the phases of the replicas on a server that holds the same ones.
func (g *group) follow(server int) {
	s, v := &g.state.Servers[server], &g.views[server]
	v.generation, v.version = s.Generation, s.Version
	for j := range v.holds {
		h, phase := &v.holds[j], s.Replicas[j].Phase
		if h.phase == phase {
			continue
		}
		h.phase = phase
		if h.m != nil {
			i, _ := h.m.placeAt(g, server, int32(j))
			h.m.places[i].phase, h.m.still = phase, false
		}
	}
}

// look takes in a server anew.
func (g *group) look(server int, byName map[string]*model) error {
	s, v := &g.state.Servers[server], &g.views[server]
	g.tally.add(v, -1)
	g.leave(server)
	v.seen = seen{name: s.Name, version: s.Version, generation: s.Generation, phase: s.Phase, leaving: s.Leaving, holds: v.holds[:0]}
	v.replicas, v.foreign = len(s.Replicas), false
	clear(v.load)
	companions := false
	for j := range s.Replicas {
		r := &s.Replicas[j]
		m := byName[r.Model]
		v.holds = append(v.holds, held{m, r.Model, r.ModelVersion, r.Phase})
		if m == nil {
			v.foreign = true
			continue
		}
		if !m.put(place{group: g, server: server, index: int32(j), phase: r.Phase, old: r.ModelVersion != m.Version, seen: true}, v.holds[:j]) {
			return fmt.Errorf("server %s holds %s twice", s.Name, r.Model)
		}
		companions = companions || m.host != nil
		add(v.load, m.sizeOn(g))
	}
	if companions {
		g.addStrays(server, byName)
	}
	copy(v.used, v.load)
	g.tally.add(v, 1)
	return nil
}

// leave takes a server's replicas out of the places of their models.
func (g *group) leave(server int) {
	holds := g.views[server].holds
	for j := len(holds) - 1; j >= 0; j-- {
		if m := holds[j].m; m != nil {
			if i, found := m.placeAt(g, server, int32(j)); found {
				m.places, m.still = slices.Delete(m.places, i, i+1), false
			}
		}
	}
}

// put adds a place, beside the replicas that the server holds before it. It
// reports false if one of them is of the same model and version.
func (m *model) put(at place, before []held) bool {
	i, _ := m.placeAt(at.group, at.server, at.index)
	for k := i - 1; k >= 0 && m.places[k].group == at.group && m.places[k].server == at.server; k-- {
		if before[m.places[k].index].version == at.replica().ModelVersion {
			return false
		}
	}
	if i == len(m.places) {
		m.places = append(m.places, at)
	} else {
		m.places = slices.Insert(m.places, i, at)
	}
	m.still = false
	return true
}

// placeAt finds the place of a replica among the model's, or where it belongs.
func (m *model) placeAt(g *group, server int, index int32) (i int, found bool) {
	if n := len(m.places); n > 0 {
		if last := &m.places[n-1]; last.group == g && last.server < server {
			return n, false // servers come in order
		}
	}
	return slices.BinarySearchFunc(m.places, index, func(at place, index int32) int {
		if at.group != g {
			return cmp.Compare(at.group.rank, g.rank)
		}
		return cmp.Or(cmp.Compare(at.server, server), cmp.Compare(at.index, index))
	})
}

// scribble is called before the plan writes to a view.
func (g *group) scribble(server int) {
	if v := &g.views[server]; !v.marked {
		v.marked = true
		g.marked = append(g.marked, server)
	}
}

// wipe takes back what the last plan wrote to the views.
func (g *group) wipe() {
	for _, server := range g.marked {
		v := &g.views[server]
		copy(v.used, v.load)
		clear(v.going)
		v.planned, v.marked = 0, false
	}
	g.marked = g.marked[:0]
}

// lose forgets a group that cannot be seen.
func (p *Planner) lose(g *group) {
	g.wipe()
	if len(g.views) > 0 || g.known {
		p.forget(g)
	}
	g.views, g.known = g.views[:0], false
}

// forget takes a group's replicas out of the places of all models.
func (p *Planner) forget(g *group) {
	g.tally, g.known = tally{}, false
	for _, m := range p.models {
		n := len(m.places)
		m.places = slices.DeleteFunc(m.places, func(at place) bool { return at.group == g })
		m.still = m.still && len(m.places) == n
	}
}

// forgetWorld makes the planner look at all of the next World.
func (p *Planner) forgetWorld() {
	p.world = 0
	for _, g := range p.groups {
		p.lose(g)
	}
	for _, m := range p.models {
		m.still = false
	}
}

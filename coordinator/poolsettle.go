package coordinator

import "slices"

// settleCopies plans what happens to the copies that a model of a pool has; those
// that make room are spare already.
func (p *Planner) settleCopies(m *model) {
	if m.still && len(m.spare) == 0 {
		clear(m.drains)
		return // as it should be
	}
	m.revived = m.revived[:0]
	for i, at := range m.places {
		if m.stays(at) && at.phase == Draining {
			m.revived = append(m.revived, i)
		}
	}
	m.revived = m.revived[:min(len(m.revived), m.use.back)]
	p.carryOut(m, m.allowance(m.use.stuck))
}

// replace counts among what drains the copies of an old version that this plan
// stops in any case: their room is had without another copy's going.
func (a *allotment) replace(m *model) {
	may := m.allowance(m.use.stuck)
	for _, at := range m.places {
		if m.stays(at) || at.group.views[at.server].spared {
			continue
		}
		reason := m.whyNot(at)
		switch {
		case at.phase == Serving && (may.leaving <= 0 || reason == ServerRetires && !at.group.emptied(at.server)), at.phase > Serving:
			continue
		case at.phase == Serving:
			may.leaving--
		}
		if reason == VersionOld && a.desks[at.server].usable {
			a.desks[at.server].leave(at, m.size)
		}
	}
}

// spared counts the copies on servers that stay after all.
func (m *model) spared() (n int) {
	for _, at := range m.places {
		if at.group.views[at.server].spared && m.owns(at) && at.phase <= Serving {
			n++
		}
	}
	return n
}

// emptied reports whether a server that retires may be drained: all that is
// desired of what it has serves elsewhere.
func (g *group) emptied(server int) bool {
	return !slices.ContainsFunc(g.views[server].holds, func(h held) bool {
		return h.m != nil && h.m.group == g && h.phase == Serving && h.m.use.serving-h.m.use.gone < h.m.desired
	})
}

// fillPool reports what was planned of a pool, and plans its number of servers.
func (p *Planner) fillPool(g *group) GroupPlan {
	q := g.pool
	gp := GroupPlan{Group: g.Name, Decision: q.decision, Readings: q.readings}
	if g.state == nil {
		gp.Unseen = true
		return gp
	}
	gp.Servers, gp.Was, gp.LowerBound = len(g.state.Servers), g.state.Desired, g.bound()
	gp.Desired = p.resizePool(g, q.want, q.cancelled)
	if !g.Fixed {
		gp.OverMax = max(0, gp.Desired-g.Max)
	}
	gp.Cost = float64(gp.Desired) * g.Cost
	for _, r := range q.retiring {
		gp.Retiring = append(gp.Retiring, r.Server)
	}
	for _, m := range g.packed {
		u := &m.use
		p.plan.Models[m.rank].Extra = max(0, u.copies()+m.spared()-m.desired)
		p.plan.Models[m.rank].Resident = u.Resident
	}
	return gp
}

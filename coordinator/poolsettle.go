package coordinator

import "slices"

// settleCopies plans what happens to the copies that a model of a pool has; those
// that make room are spare already.
func (p *Planner) settleCopies(m *model) {
	if m.still && len(m.spare) == 0 {
		clear(m.drains)
		return // as it should be
	}
	m.revived, m.late = m.revived[:0], m.late[:0]
	for i, at := range m.places {
		switch {
		case !m.stays(at):
		case at.phase == Draining:
			m.revived = append(m.revived, i)
		case at.phase == Loading && m.overdue(at.replica(), p.last):
			m.late = append(m.late, i)
		}
	}
	back := min(len(m.revived), max(0, m.desired-m.use.active))
	m.revived = m.revived[:back]
	// What loads for too long may still make it, until others serve in its place.
	if m.use.serving >= m.desired {
		m.spare = append(m.spare, m.late...)
	}
	free := max(0, m.serving-m.desired)
	may := allowance{leaving: min(free, m.leaving)}
	may.spare = free - may.leaving
	if m.use.stuck && m.MinReady > 0 {
		may.leaving = max(may.leaving, min(m.leaving, m.serving-m.MinReady))
	}
	p.carryOut(m, may)
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
		p.plan.Models[m.rank].Extra = max(0, u.active+u.more-u.gone-m.desired)
	}
	return gp
}

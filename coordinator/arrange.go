package coordinator

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// arrange turns the desired counts of a group's models into actions: what to do
// with the replicas there are, where the missing ones go, and how many servers
// that takes.
func (p *Planner) arrange(g *group) {
	gp := GroupPlan{Group: g.Name}
	if g.state == nil {
		gp.Unseen = true
		p.plan.Groups = append(p.plan.Groups, gp)
		return
	}
	p.consolidate(g)
	missing := false
	for _, m := range g.models {
		m.refused, m.missing, m.excess = 0, 0, 0
		if m.broken > 0 || len(m.failed) > 0 {
			m.noteFailures(p.last)
		}
		if m.counts == (counts{serving: m.desired}) {
			continue // as it should be
		}
		p.settle(g, m)
		// One on each server: what is beyond their number finds no place.
		m.excess = max(0, m.missing-g.Max)
		m.missing -= m.excess
		missing = missing || m.missing > 0
	}
	servers, ghosts := g.current()
	used, opened := 0, 0
	if missing {
		p.placeNow(g)
		used, opened = p.placeLater(g, servers, ghosts)
	} else if g.moving != nil {
		p.moveNow(g)
	}
	if g.moving != nil {
		gp.Emptying = g.moving.Empty
	}
	gp.Servers, gp.Was, gp.LowerBound = len(g.state.Servers), g.state.Desired, g.bound()
	gp.Desired = p.resize(g, servers, ghosts, used, opened)
	p.plan.Groups = append(p.plan.Groups, gp)
}

// settle plans what happens to the replicas that a model has.
func (p *Planner) settle(g *group, m *model) {
	stays := func(at place) bool { return !g.state.Servers[at.server].Leaving }
	m.spare = m.spare[:0]
	m.revived = m.revived[:0]
	active := 0
	late := m.late[:0]
	for i, at := range m.places {
		switch at.replica.Phase {
		case Loading, Loaded, Serving:
			switch {
			case !stays(at):
			case m.overdue(at.replica, p.last):
				late = append(late, i)
			default:
				active++
				m.spare = append(m.spare, i)
			}
		case Draining:
			if stays(at) {
				m.revived = append(m.revived, i)
			}
		}
	}
	m.spare = g.worstFirst(m, m.spare)[:max(0, active-m.desired)]
	m.revived = g.worstFirst(m, m.revived)
	// Of what drains, the best placed come back.
	m.revived = m.revived[max(0, len(m.revived)-max(0, m.desired-active)):]
	m.missing = max(0, m.desired-active-len(m.revived))
	// What loads for too long may still make it, until others serve in its place.
	if m.serving-m.leaving >= m.desired {
		m.spare = append(m.spare, late...)
	}
	m.late = late

	// Serving replicas may stop only while as many as desired keep serving. The
	// ones whose server leaves go first.
	budget := max(0, m.serving-m.desired)
	fromLeaving := min(budget, m.leaving)
	fromSpare := budget - fromLeaving
	for i, at := range m.places {
		spare := slices.Contains(m.spare, i)
		reason := ReplicaSpare
		if !stays(at) {
			reason = ServerLeaving
		}
		goes := spare || !stays(at)
		switch at.replica.Phase {
		case Broken:
			p.act(g, m, at, Unload, LoadFailed)
		case Draining:
			if goes = !slices.Contains(m.revived, i); goes {
				p.drain(g, m, at)
			} else {
				p.act(g, m, at, Route, Revived)
			}
		case Loading:
			if goes {
				p.act(g, m, at, Unload, reason)
			} else {
				p.wait(p.action(g, m, at, Route, ReplicaLoaded), WaitsLoad, ends(at.replica.Since, m.loads.orElse(0.9, m.LoadTime)))
			}
		case Loaded:
			if goes {
				p.act(g, m, at, Unload, reason)
			} else {
				p.act(g, m, at, Route, ReplicaLoaded)
			}
		case Serving:
			left := &fromSpare
			if reason == ServerLeaving {
				left = &fromLeaving
			}
			if goes && *left > 0 {
				*left--
				p.act(g, m, at, Unroute, reason)
			} else if goes {
				p.wait(p.action(g, m, at, Unroute, reason), WaitsReplacement, time.Time{})
			}
		}
		if goes || at.replica.Phase == Broken {
			add(g.views[at.server].going, m.size)
		}
	}
}

// drain unloads a draining replica as soon as it may.
func (p *Planner) drain(g *group, m *model, at place) {
	r := at.replica
	since := r.Since
	if since.IsZero() { // the world does not say: since it was first seen
		server := g.state.Servers[at.server].Name
		if m.drains == nil {
			m.drains = map[string]time.Time{}
		}
		if m.drains[server].IsZero() {
			m.drains[server] = p.last
		}
		since = m.drains[server]
	}
	deadline := since.Add(m.DrainTimeout)
	switch {
	case r.InFlight.Quality == policy.OK && r.InFlight.Value <= 0 && !r.InFlight.At.Before(since):
		p.act(g, m, at, Unload, Drained)
	case !p.last.Before(deadline):
		p.act(g, m, at, Unload, DrainTooLong)
	default:
		p.wait(p.action(g, m, at, Unload, Drained), WaitsDrain, deadline)
	}
}

// worstFirst sorts places (indices into m.places) by how gladly they are given
// up: what moves elsewhere, what is not ready before what serves, then the
// server most worth emptying: under ordinal removal the highest, else the one with fewest
// replicas.
func (g *group) worstFirst(m *model, places []int) []int {
	to := g.moving.to(m.Name)
	moves := func(server *ServerState) int {
		if _, found := slices.BinarySearch(to, server.Name); to == nil || found {
			return 1
		}
		return 0
	}
	slices.SortFunc(places, func(i, j int) int {
		a, b := m.places[i], m.places[j]
		x, y := &g.state.Servers[a.server], &g.state.Servers[b.server]
		highest := cmp.Or(cmp.Compare(y.Ordinal, x.Ordinal), cmp.Compare(y.Name, x.Name))
		fewest := cmp.Compare(g.views[a.server].replicas, g.views[b.server].replicas)
		if g.Removal == Ordinal {
			fewest = 0
		}
		return cmp.Or(cmp.Compare(moves(x), moves(y)), cmp.Compare(a.replica.Phase, b.replica.Phase), fewest, highest)
	})
	return places
}

// act plans an action for now.
func (p *Planner) act(g *group, m *model, at place, k Kind, r Reason) {
	p.plan.Now = append(p.plan.Now, p.action(g, m, at, k, r))
}

func (p *Planner) wait(a Action, why Reason, until time.Time) {
	p.plan.Later = append(p.plan.Later, Waiting{Action: a, For: why, Until: until})
}

// action makes an action on the replica of m at a place; a place without a
// replica is where one is to be.
func (p *Planner) action(g *group, m *model, at place, k Kind, r Reason) Action {
	a := Action{
		Kind: k, Group: g.Name, Model: m.Name, Epoch: p.options.Epoch,
		Why: Explanation{Reason: r, Have: m.serving, Want: m.desired, Steps: p.stepsOf(m)},
	}
	if at.server >= 0 {
		s := &g.state.Servers[at.server]
		// No version: several loads on one server are independent of one another.
		a.Server, a.Generation = s.Name, s.Generation+1
	}
	if at.replica != nil {
		a.IfVersion = at.replica.Version
	}
	if k == Unroute {
		a.Deadline = p.last.Add(m.DrainTimeout)
	}
	a.ID = a.String() + " #" + strconv.FormatUint(a.Generation, 10)
	return a
}

// stepsOf are the steps of a model's decision in this plan.
func (p *Planner) stepsOf(m *model) []policy.Step {
	i, found := slices.BinarySearchFunc(p.plan.Models, m.Name, func(mp ModelPlan, name string) int { return cmp.Compare(mp.Model, name) })
	if !found {
		return nil
	}
	return p.plan.Models[i].Decision.Steps
}

// ends is when something that began at since and takes d is over; zero if d is
// not known.
func ends(since time.Time, d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return since.Add(d)
}

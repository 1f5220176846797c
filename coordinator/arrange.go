package coordinator

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// arrange turns the desired counts into actions: what to do with the replicas
// there are, where the missing ones go, and how many servers that takes.
func (p *Planner) arrange() {
	for _, g := range p.groups {
		if g.state != nil && g.pool == nil {
			p.consolidate(g)
		}
	}
	// What a model leaves behind in one group is room there for others.
	for _, g := range p.groups {
		if g.state == nil {
			continue
		}
		if g.pool != nil {
			p.allot(g)
			continue
		}
		g.lacks = false
		for _, m := range g.packed {
			p.settle(m)
			g.lacks = g.lacks || m.missing > 0 || m.excess > 0
		}
		for _, m := range g.companions() {
			if m.host != nil {
				m.count(p.last) // now that its host has settled
				p.settle(m)
			}
		}
	}
	for _, g := range p.groups {
		p.plan.Groups = append(p.plan.Groups, p.fill(g))
	}
}

// fill places what a group's models miss, and plans its number of servers.
func (p *Planner) fill(g *group) GroupPlan {
	if g.pool != nil {
		return p.fillPool(g)
	}
	gp := GroupPlan{Group: g.Name}
	if g.state == nil {
		gp.Unseen = true
		return gp
	}
	servers, ghosts := g.current()
	used, opened := 0, 0
	if g.lacks {
		p.placeNow(g)
		used, opened = p.placeLater(g, servers, ghosts)
	} else if g.moving != nil {
		p.moveNow(g)
	}
	for _, m := range g.companions() {
		if m.host != nil && m.missing+m.excess > 0 {
			p.placeWith(g, m)
		}
	}
	if g.moving != nil {
		gp.Emptying = g.moving.Empty
	}
	gp.Servers, gp.Was, gp.LowerBound = len(g.state.Servers), g.state.Desired, g.bound()
	gp.Desired = p.resize(g, servers, ghosts, used, opened)
	if !g.Fixed {
		gp.OverMax = max(0, gp.Desired-g.Max)
	}
	gp.Cost = float64(gp.Desired) * g.Cost
	return gp
}

// settle plans what happens to the replicas that a model has, and how many it
// misses.
func (p *Planner) settle(m *model) {
	stuck := m.refused > 0
	m.refused, m.missing, m.excess, m.coming = 0, 0, 0, 0
	if m.broken > 0 || len(m.failed) > 0 {
		m.noteFailures(p.last)
	}
	if m.counts == (counts{serving: m.desired}) {
		m.spare = m.spare[:0]
		clear(m.drains)
		return // as it should be
	}
	p.choose(m)
	p.carryOut(m, m.allowance(stuck))
	// One on each server: what is beyond their number finds no place.
	m.excess = max(0, m.missing-m.group.most(p.last))
	m.missing -= m.excess
}

// carryOut takes each replica of a model to where it is to be, as far as it may go
// now.
func (p *Planner) carryOut(m *model, may allowance) {
	for i, at := range m.places {
		goes := slices.Contains(m.spare, i)
		reason := ReplicaSpare
		if goes && m.group.pool != nil {
			reason = RoomWanted
		}
		if !m.stays(at) {
			goes, reason = !at.group.views[at.server].spared, m.whyNot(at)
		}
		switch at.phase {
		case Broken:
			p.act(m, at, Unload, LoadFailed)
		case Draining:
			if goes = !slices.Contains(m.revived, i); goes {
				p.drain(m, at)
			} else {
				p.act(m, at, Route, Revived)
			}
		case Serving:
			if goes {
				goes = p.unroute(m, at, reason, &may)
			}
		default:
			goes = p.bring(m, at, goes, reason)
		}
		if goes || at.phase == Broken {
			at.group.scribble(at.server)
			add(at.group.views[at.server].going, m.sizeOn(at.group))
		}
	}
	m.forgetDrains()
}

// choose finds which replicas are spare, which come back from draining, and how
// many are missing.
func (p *Planner) choose(m *model) {
	m.spare = m.spare[:0]
	m.revived = m.revived[:0]
	active := 0
	late := m.late[:0]
	for i, at := range m.places {
		switch at.phase {
		case Loading, Loaded, Serving:
			switch {
			case !m.stays(at):
			case at.phase == Loading && m.overdue(at.replica(), p.last):
				late = append(late, i)
			default:
				active++
				m.spare = append(m.spare, i)
			}
		case Draining:
			if m.stays(at) && !m.group.above(at.server, m.desired) {
				m.revived = append(m.revived, i)
			}
		}
	}
	m.spare = m.group.worstFirst(m, m.spare, max(0, active-m.desired))
	// Of what drains, the best placed come back.
	back := min(len(m.revived), max(0, m.desired-active))
	m.revived = m.group.worstFirst(m, m.revived, len(m.revived))[len(m.revived)-back:]
	m.missing = max(0, m.desired-active-back)
	// What loads for too long may still make it, until others serve in its place.
	if m.serving-m.leaving >= m.desired {
		to := m.group.moving.to(m.Name)
		for _, i := range late {
			if _, moves := slices.BinarySearch(to, m.places[i].name()); !moves { // a move is waited for
				m.spare = append(m.spare, i)
			}
		}
	}
	m.late = late
}

// An allowance is how many serving replicas of a model may stop now: of those
// that do not stay where they are, and of the spare ones.
type allowance struct{ leaving, spare int }

// allowance: serving replicas may stop only while as many as desired keep serving.
// The ones that do not stay go first. stuck is a model for which there was no
// room: then MinReady go on, and the others make room for what replaces them.
func (m *model) allowance(stuck bool) allowance {
	free := max(0, m.serving-m.desired)
	b := allowance{leaving: min(free, m.leaving)}
	b.spare = free - b.leaving
	if stuck && m.MinReady > 0 {
		b.leaving = max(b.leaving, min(m.leaving, m.serving-m.MinReady))
	}
	return b
}

// unroute stops a serving replica as far as the allowance goes. It reports whether
// its room can be counted on.
func (p *Planner) unroute(m *model, at place, reason Reason, may *allowance) (goes bool) {
	left := &may.spare
	if reason != ReplicaSpare && reason != RoomWanted {
		left = &may.leaving
	}
	switch {
	case *left <= 0 || reason == ServerRetires && !at.group.emptied(at.server):
		p.wait(p.action(m, at, Unroute, reason), WaitsReplacement, time.Time{})
		// The room of an old version may be what the new one needs: neither waits for
		// the other.
		return reason == ReplicaSpare || reason == ServerLeaving
	case m.accompanied(at):
		p.wait(p.action(m, at, Unroute, reason), WaitsCompanion, time.Time{})
		return false // the companion may wait for a replica that needs this room
	}
	*left--
	p.act(m, at, Unroute, reason)
	return true
}

// bring takes a replica that is on its way further, or unloads it if it goes. It
// reports whether its room can be counted on.
func (p *Planner) bring(m *model, at place, goes bool, reason Reason) bool {
	switch {
	case goes && m.accompanied(at):
		p.wait(p.action(m, at, Unload, reason), WaitsCompanion, time.Time{})
		return false
	case goes:
		p.act(m, at, Unload, reason)
	case at.phase == Loading:
		p.wait(p.action(m, at, Route, ReplicaLoaded), WaitsLoad, ends(at.replica().Since, m.loads.orElse(0.9, m.LoadTime)))
	default:
		p.act(m, at, Route, ReplicaLoaded)
	}
	return goes
}

// whyNot is why a replica does not stay.
func (m *model) whyNot(at place) Reason {
	switch {
	case at.group != m.group:
		return GroupLeft
	case at.old:
		return VersionOld
	case at.group.state.Servers[at.server].Leaving:
		return ServerLeaving
	case at.group.views[at.server].retiring:
		return ServerRetires
	}
	return HostLeaves
}

// drain unloads a draining replica as soon as it may.
func (p *Planner) drain(m *model, at place) {
	r := at.replica()
	since := r.Since
	if since.IsZero() { // the world does not say: since it was first seen
		key := m.drainKey(at)
		if m.drains == nil {
			m.drains = map[string]time.Time{}
		}
		if m.drains[key].IsZero() {
			m.drains[key] = p.last
		}
		since = m.drains[key]
	}
	deadline := since.Add(m.DrainTimeout)
	switch {
	case r.InFlight.Quality == policy.OK && r.InFlight.Value <= 0 && !r.InFlight.At.Before(since):
		p.act(m, at, Unload, Drained)
	case !p.last.Before(deadline):
		p.act(m, at, Unload, DrainTooLong)
	default:
		p.wait(p.action(m, at, Unload, Drained), WaitsDrain, deadline)
	}
}

// drainKey names a replica among the model's drains.
func (m *model) drainKey(at place) string {
	if m.owns(at) {
		return at.name()
	}
	return at.group.Name + "/" + at.name() + "@" + at.replica().ModelVersion
}

// forgetDrains forgets when replicas were first seen draining that drain no more.
func (m *model) forgetDrains() {
	maps.DeleteFunc(m.drains, func(key string, _ time.Time) bool {
		return !slices.ContainsFunc(m.places, func(at place) bool { return at.phase == Draining && m.drainKey(at) == key })
	})
}

// worstFirst picks the n of m's places (indices into m.places) that are given up
// most gladly: what moves elsewhere, what is not ready before what serves, then
// the server most worth emptying: under ordinal removal the highest, else the one
// with fewest replicas. With a rule of spread, one of the zone that has most comes
// before all that.
func (g *group) worstFirst(m *model, places []int, n int) []int {
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
		return cmp.Or(cmp.Compare(moves(x), moves(y)), cmp.Compare(a.phase, b.phase), fewest, highest)
	})
	if m.Spread.MaxSkew > 0 && to == nil {
		g.crowdedFirst(m, places, n)
	}
	return places[:n]
}

// crowdedFirst brings to the front of places, which are sorted, n that leave the
// zones as even as can be.
func (g *group) crowdedFirst(m *model, places []int, n int) {
	zone := func(i int) string { return g.state.Servers[m.places[i].server].Zone }
	in := map[string]int{}
	for _, i := range places {
		in[zone(i)]++
	}
	for k := range n {
		best := k
		for j := k + 1; j < len(places); j++ {
			if in[zone(places[j])] > in[zone(places[best])] {
				best = j
			}
		}
		i := places[best]
		copy(places[k+1:best+1], places[k:best])
		places[k] = i
		in[zone(i)]--
	}
}

// act plans an action for now.
func (p *Planner) act(m *model, at place, k Kind, r Reason) {
	p.plan.Now = append(p.plan.Now, p.action(m, at, k, r))
}

func (p *Planner) wait(a Action, why Reason, until time.Time) {
	p.plan.Later = append(p.plan.Later, Waiting{Action: a, For: why, Until: until})
}

// action makes an action on the replica of m at a place; a place without a
// replica is where one is to be.
func (p *Planner) action(m *model, at place, k Kind, r Reason) Action {
	a := Action{
		Kind: k, Group: at.group.Name, Model: m.Name, ModelVersion: m.Version, Epoch: p.options.Epoch,
		Why: Explanation{Reason: r, Have: m.serving, Want: m.desired, Steps: p.stepsOf(m)},
	}
	if at.server >= 0 {
		s := &at.group.state.Servers[at.server]
		// No version: several loads on one server are independent of one another.
		a.Server, a.Generation = s.Name, s.Generation+1
	}
	if at.seen {
		r := at.replica()
		a.ModelVersion, a.IfVersion = r.ModelVersion, r.Version
	}
	if k == Unroute {
		a.Deadline = p.last.Add(m.DrainTimeout)
	}
	a.ID = a.String() + " #" + strconv.FormatUint(a.Generation, 10)
	return a
}

// stepsOf are the steps of a model's decision in this plan.
func (p *Planner) stepsOf(m *model) []policy.Step {
	if i := m.rank; i < len(p.plan.Models) && p.plan.Models[i].Model == m.Name {
		return p.plan.Models[i].Decision.Steps
	}
	return nil
}

// ends is when something that began at since and takes d is over; zero if d is
// not known.
func ends(since time.Time, d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return since.Add(d)
}

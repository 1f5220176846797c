package coordinator

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/packing"
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

// placeNow loads missing replicas wherever there is room at this instant.
func (p *Planner) placeNow(g *group) {
	problem, order := g.problem(p.last, func(i int) bool { return g.state.Servers[i].Phase == Up && g.open(i) }, false)
	a, err := packing.Pack(problem, packing.Options{Effort: packing.Fast})
	if err != nil {
		p.fault("group %s: packing: %v", g.Name, err)
		return
	}
	for c, m := range g.short() {
		for _, bin := range added(a.Bins[c], problem.Classes[c].At) {
			server := order[bin]
			p.act(g, m, place{server: server}, Load, ReplicaShort)
			m.planned = append(m.planned, server)
			g.views[server].planned++
			add(g.views[server].used, m.size)
		}
	}
	for _, m := range g.models {
		m.missing -= len(m.planned)
	}
}

// placeLater finds places for what is still missing on servers that boot, that
// are ordered, that make room, or that must be ordered. It returns how many of
// the ordered ones it used and how many more it takes.
func (p *Planner) placeLater(g *group, servers, ghosts int) (used, opened int) {
	problem, order := g.problem(p.last, g.open, true)
	seen := len(problem.Bins)
	needed := 0
	for _, m := range g.short() {
		needed += m.missing
	}
	bins := min(ghosts, needed)
	for i := range bins {
		problem.Bins = append(problem.Bins, packing.Bin{Name: "ordered " + strconv.Itoa(i), Capacity: g.capacity, Capabilities: g.Capabilities, Ordinal: seen + i})
	}
	problem.Templates = []packing.Template{{
		Bin: packing.Bin{Capacity: g.capacity, Capabilities: g.Capabilities},
		Max: max(0, g.Max-servers),
	}}
	a, err := packing.Pack(problem, packing.Options{Effort: packing.Fast})
	if err != nil {
		p.fault("group %s: packing: %v", g.Name, err)
		return ghosts, 0
	}
	taken := make([]bool, bins)
	for c, m := range g.short() {
		for _, bin := range added(a.Bins[c], problem.Classes[c].At) {
			if bin >= seen {
				if bin < seen+bins {
					taken[bin-seen] = true
				}
				p.wait(p.action(g, m, place{server: -1}, Load, ReplicaShort), WaitsServer, time.Time{})
				continue
			}
			server := order[bin]
			g.views[server].planned++
			a := p.action(g, m, place{server: server}, Load, ReplicaShort)
			until, avoided := m.avoids(g.state.Servers[server].Name, p.last)
			if s := &g.state.Servers[server]; avoided {
				p.wait(a, WaitsRetry, until)
			} else if s.Phase == Booting {
				p.wait(a, WaitsBoot, ends(s.Since, g.boots.orElse(0.9, g.BootTime)))
			} else {
				p.wait(a, WaitsRoom, time.Time{})
			}
		}
	}
	for _, m := range g.models {
		refusal := packing.Refusal{Class: m.Name, Reason: packing.OneOfEach}
		for _, r := range a.Refusals {
			if r.Class == m.Name {
				refusal = r
			}
		}
		refusal.Items += m.excess
		if m.refused = refusal.Items; m.refused > 0 {
			p.plan.Refused = append(p.plan.Refused, Refusal{g.Name, refusal})
		}
	}
	for _, t := range taken {
		if t {
			used++
		}
	}
	return used, len(a.Opened)
}

// problem is the packing of the group's missing replicas. order maps bins to
// servers. With later, what is about to leave no longer counts.
func (g *group) problem(now time.Time, open func(int) bool, later bool) (p *packing.Problem, order []int) {
	p = &packing.Problem{Dimensions: g.dims}
	order = make([]int, len(g.views))
	for i := range order {
		order[i] = i
	}
	// The first fit is the fullest server, or the lowest: so that others empty.
	slices.SortFunc(order, func(i, j int) int {
		fullest := cmp.Compare(g.views[j].replicas+g.views[j].planned, g.views[i].replicas+g.views[i].planned)
		if g.Removal == Ordinal {
			fullest = 0
		}
		x, y := &g.state.Servers[i], &g.state.Servers[j]
		return cmp.Or(fullest, cmp.Compare(x.Ordinal, y.Ordinal), cmp.Compare(x.Name, y.Name))
	})
	binOf := make([]int, len(order))
	for bin, server := range order {
		binOf[server] = bin
		v := &g.views[server]
		b := packing.Bin{Name: g.state.Servers[server].Name, Capacity: g.capacity, Capabilities: g.Capabilities, Ordinal: bin}
		if !open(server) {
			b.State = packing.Closed
		}
		b.Used = slices.Clone(v.used)
		if later {
			for d := range b.Used {
				b.Used[d] -= v.going[d]
			}
		}
		p.Bins = append(p.Bins, b)
	}
	for _, m := range g.short() {
		c := packing.Class{Name: m.Name, Size: m.size, Requires: m.Requires}
		if !later {
			c.Forbids = g.avoided(p.Bins, m, now)
		}
		for _, at := range m.places {
			// What is broken leaves: its server may have the model again, later.
			if !later || at.replica.Phase != Broken {
				c.At = append(c.At, binOf[at.server])
			}
		}
		for _, server := range m.planned {
			c.At = append(c.At, binOf[server])
		}
		c.Count = len(c.At) + m.missing
		// Pack counts what sits by itself.
		for _, b := range c.At {
			for d, x := range m.size {
				p.Bins[b].Used[d] = max(0, p.Bins[b].Used[d]-x)
			}
		}
		p.Classes = append(p.Classes, c)
	}
	return p, order
}

// avoided marks the bins on which a model is not to be loaded for now, and
// returns what it forbids.
func (g *group) avoided(bins []packing.Bin, m *model, now time.Time) (forbids []string) {
	for i := range bins {
		if _, avoid := m.avoids(bins[i].Name, now); avoid {
			mark := avoiding(m.Name)
			bins[i].Capabilities = append(slices.Clip(bins[i].Capabilities), mark)
			forbids = []string{mark}
		}
	}
	return forbids
}

// short yields the models that miss replicas, numbered.
func (g *group) short() func(func(int, *model) bool) {
	return func(yield func(int, *model) bool) {
		i := 0
		for _, m := range g.models {
			if m.missing > 0 {
				if !yield(i, m) {
					return
				}
				i++
			}
		}
	}
}

// resize plans the number of servers and returns it. used is how many of the
// ghosts and opened how many new ones the placement takes.
func (p *Planner) resize(g *group, servers, ghosts, used, opened int) int {
	kept := 0
	for i := range g.views {
		if !g.state.Servers[i].Leaving && g.views[i].replicas+g.views[i].planned > 0 {
			kept++
		}
	}
	want := max(g.Min, kept+used+opened)
	first := !g.met
	g.met = true
	if p.last.Before(g.frozen) {
		want, opened = max(g.Min, servers), 0
	}
	switch {
	case want > servers:
		reason := NoRoom
		if opened == 0 {
			reason = BelowMinimum
		}
		p.scale(g, servers, want, nil, reason)
		return want
	case want == servers:
		return want
	}
	if first || !g.complete {
		return servers // nothing is removed at first sight
	}
	excess := servers - want
	cancelled := min(excess, ghosts-used)
	victims := g.empties(excess - cancelled)
	if g.Removal == Ordinal && cancelled < ghosts {
		victims = nil // servers that have not appeared stand above all others
	}
	to := servers - cancelled - len(victims)
	if g.Removal == Ordinal {
		victims = nil
	}
	if to < servers {
		p.scale(g, servers, to, victims, ServerEmpty)
	}
	return to
}

// empties names up to n servers that may go: those that hold nothing and get
// nothing, booting ones first, then from the highest down. Under ordinal
// removal the highest alone may go, one after the other.
func (g *group) empties(n int) []string {
	if n == 0 {
		return nil
	}
	order := make([]int, 0, len(g.views))
	for i := range g.views {
		if !g.state.Servers[i].Leaving {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		x, y := &g.state.Servers[i], &g.state.Servers[j]
		booting := cmp.Compare(x.Phase, y.Phase)
		if g.Removal == Ordinal {
			booting = 0
		}
		return cmp.Or(booting, cmp.Compare(y.Ordinal, x.Ordinal), cmp.Compare(y.Name, x.Name))
	})
	var victims []string
	for _, i := range order {
		empty := g.views[i].replicas+g.views[i].planned == 0
		if len(victims) == n || !empty && g.Removal == Ordinal {
			break
		}
		if empty {
			victims = append(victims, g.state.Servers[i].Name)
		}
	}
	slices.Sort(victims)
	return victims
}

// scale plans a number of servers.
func (p *Planner) scale(g *group, from, to int, victims []string, reason Reason) {
	a := Action{
		Kind: ScaleGroup, Group: g.Name, Replicas: to, Victims: victims,
		Epoch: p.options.Epoch, Generation: g.state.Generation + 1, IfVersion: g.state.Version,
		Why: Explanation{Reason: reason, Have: from, Want: to},
	}
	a.ID = a.String() + " #" + strconv.FormatUint(a.Generation, 10)
	p.plan.Now = append(p.plan.Now, a)
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

// added are the entries of bins that are not in at, both of one class.
func added(bins, at []int) []int {
	return slices.DeleteFunc(slices.Clone(bins), func(b int) bool { return slices.Contains(at, b) })
}

// ends is when something that began at since and takes d is over; zero if d is
// not known.
func ends(since time.Time, d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return since.Add(d)
}

package coordinator

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/policy"
)

// The reasons for what only pools do.
const (
	PoolShort     Reason = "pool short"     // ScaleGroup: fewer servers than its policy, or its copies, need
	FillsRoom     Reason = "fills room"     // Load: there is room for a copy beyond what is desired
	Relieves      Reason = "relieves"       // Load: requests wait, and a server without a copy has a free slot
	MakesWay      Reason = "makes way"      // Load: it moves here, so that where it is another finds room
	RoomWanted    Reason = "room wanted"    // Unroute: a copy beyond what is desired makes room for another
	ServerRetires Reason = "server retires" // Unroute, Unload: the server is to go
	WaitsTurn     Reason = "waits for another load on the server"
	WaitsMakeRoom Reason = "waits for a copy to make room"
)

// A copyOf is one copy that stays and serves.
type copyOf struct {
	m      *model
	place  int // index in m.places
	server int
	since  time.Time // of its serving
	busy   bool      // it has requests, or it is not known
	goes   bool      // this plan stops it
	loss   float64   // what it adds where it is
}

// A desk is one server as allotting goes on.
type desk struct {
	taken    float64       // slots that are busy
	expected float64       // load, if each model's spreads evenly over its copies
	level    float64       // load, if each model's goes where there is least
	turn     time.Duration // until what loads there has loaded
	loading  bool          // something is, or this plan begins it
	draining []int64       // room that drains free; nil: nothing drains
	usable   bool          // takes new copies, now or when it is up
	up       bool
	copies   []int // that stay and serve there, indices in allotment.copies
}

// countCopies counts what each model of a pool has on servers that stay.
func (g *group) countCopies(now time.Time) {
	for _, m := range g.packed {
		u := &m.use
		u.active, u.serving, u.loading, u.gone, u.more, u.wants = 0, 0, 0, 0, 0, 0
		back := 0
		for _, at := range m.places {
			if !m.stays(at) {
				continue
			}
			switch at.phase {
			case Serving:
				u.serving++
			case Loaded:
				u.loading++
			case Loading:
				if !m.overdue(at.replica(), now) {
					u.loading++
				}
			case Draining:
				back++
			}
		}
		u.active = u.serving + u.loading
		u.wants = max(0, m.desired-u.active-back)
	}
}

// allot gives the copies of a pool their places: what is desired first, then
// relief, then whatever room is left.
func (p *Planner) allot(g *group) {
	q := g.pool
	for _, m := range g.packed {
		m.use.stuck = m.refused > 0
		m.refused, m.missing, m.excess, m.coming = 0, 0, 0, 0
		if m.broken > 0 || len(m.failed) > 0 {
			m.noteFailures(p.last)
		}
	}
	g.countCopies(p.last)
	q.want, q.cancelled = p.sizePool(g)
	a := p.newAllotment(g)
	a.needed()
	if g.complete || q.policy == nil {
		a.relieve()
		a.better()
		a.fill()
	}
	for _, m := range g.packed {
		m.spare = m.spare[:0]
	}
	for _, c := range a.copies {
		if c.goes {
			c.m.spare = append(c.m.spare, c.place)
		}
	}
	q.copies = a.copies
	for _, m := range g.packed {
		p.settleCopies(m)
	}
	q.want += a.opened
}

// An allotment is the work of one plan on one pool.
type allotment struct {
	*Planner
	g      *group
	desks  []desk
	unborn [][]int64 // what is used of servers that have not appeared, or are not ordered yet
	hold   []map[*model]bool
	ghosts int // of unborn, those that are ordered
	opened int // of unborn, those beyond what the pool is to have
	copies []copyOf
	fair   float64 // load of a server, if all had the same
}

func (p *Planner) newAllotment(g *group) *allotment {
	q := g.pool
	a := &allotment{Planner: p, g: g, desks: make([]desk, len(g.views)), copies: q.copies[:0]}
	q.total = 0
	for _, m := range g.packed {
		q.total += m.use.load()
	}
	for i := range g.views {
		v, s, t := &g.views[i], &g.state.Servers[i], &a.desks[i]
		t.usable, t.up = g.open(i), v.phase == Up
		if !t.up {
			t.turn = max(0, ends(s.Since, g.boots.orElse(0.9, g.BootTime)).Sub(p.last))
		}
		for j := range s.Replicas {
			if r := &s.Replicas[j]; r.InFlight.Quality.HasValue() {
				t.taken += max(0, r.InFlight.Value)
			}
		}
	}
	usable := 0
	for i := range a.desks {
		if a.desks[i].usable && a.desks[i].up {
			usable++
		}
	}
	a.fair = q.total / float64(max(1, usable))
	for _, m := range g.packed {
		a.sit(m)
	}
	a.spread()
	servers, ghosts := g.current()
	a.ghosts = ghosts - q.cancelled
	for range a.ghosts + max(0, q.want-(servers-len(q.retiring))) {
		a.bear()
	}
	return a
}

func (a *allotment) bear() {
	a.unborn = append(a.unborn, make([]int64, len(a.g.dims)))
	a.hold = append(a.hold, map[*model]bool{})
}

// sit takes in the copies of one model.
func (a *allotment) sit(m *model) {
	u := &m.use
	u.running, u.busy, u.flows = 0, u.serving > 0, u.flows[:0]
	for k, at := range m.places {
		if at.group != a.g {
			continue
		}
		t, r := &a.desks[at.server], at.replica()
		if r.InFlight.Quality.HasValue() {
			u.running += max(0, r.InFlight.Value)
			if over := t.taken - float64(a.g.pool.slots); over > 0 { // they wait where they are
				u.running -= float64(max(0, r.InFlight.Value) * (over / t.taken))
			}
		}
		switch at.phase {
		case Loading:
			if m.overdue(r, a.last) {
				break // it may make it yet, but nobody waits for it
			}
			t.loading = true
			t.turn = max(t.turn, ends(r.Since, m.loads.orElse(0.9, m.LoadTime)).Sub(a.last))
		case Draining:
			if t.draining == nil {
				t.draining = make([]int64, len(a.g.dims))
			}
			add(t.draining, m.size)
		}
		if !m.stays(at) || at.phase == Draining || at.phase == Broken {
			continue
		}
		share := u.load() / float64(max(1, u.active))
		u.flows = append(u.flows, flow{at.server, share})
		t.expected += share
		if at.phase == Serving {
			busy := r.InFlight.Quality != policy.OK || r.InFlight.Value > 0
			t.copies = append(t.copies, len(a.copies))
			a.copies = append(a.copies, copyOf{m: m, place: k, server: at.server, since: r.Since, busy: busy})
			u.busy = u.busy && t.taken >= float64(a.g.pool.slots)
		}
	}
}

// needed finds places for the copies that are desired and have none: the most
// urgent first, where requests wait and nothing serves.
func (a *allotment) needed() {
	var short []*model
	for _, m := range a.g.packed {
		if m.use.wants > 0 {
			short = append(short, m)
		}
	}
	if len(short) == 0 {
		return
	}
	a.appraise()
	urgent := func(m *model) int {
		switch {
		case m.use.InFlight > 0 && m.use.active == 0 && m.serving == 0:
			return 0
		case m.use.InFlight > 0 && m.use.serving == 0:
			return 1
		case m.use.waiting() > 0:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(short, func(x, y *model) int {
		return cmp.Or(cmp.Compare(urgent(x), urgent(y)), cmp.Compare(y.Priority, x.Priority),
			cmp.Compare(y.marginal(y.use.active+1, 0), x.marginal(x.use.active+1, 0)))
	})
	for _, m := range short {
		for m.use.wants > 0 && a.seat(m) {
			m.use.wants--
		}
		if m.use.wants > 0 {
			a.refuse(a.g, m, packing.Refusal{Class: m.Name, Items: m.use.wants, Reason: packing.NoBin})
		}
	}
}

// makeRoomTime is about how long it takes a copy to go: it is told, and seen to be
// gone.
const makeRoomTime = 5 * time.Second

// lossSeconds is how much longer a copy may take to be ready for every unit that
// is not lost by what makes room for it.
const lossSeconds = 30

// seat finds the place for a copy of m where it can be ready first at the least
// loss, and among equals where the least load is expected.
func (a *allotment) seat(m *model) bool {
	best, least, victims := -1, 0.0, []int(nil)
	for i := range a.desks {
		t := &a.desks[i]
		if !t.usable || a.holds(m, i) {
			continue
		}
		wait := t.turn
		if until, avoided := m.avoids(a.g.state.Servers[i].Name, a.last); avoided {
			wait = max(wait, until.Sub(a.last))
		}
		var goes []int
		lost := 0.0
		if !a.takes(i, m.size, nil) {
			if !a.takes(i, m.size, t.draining) {
				var ok bool
				if goes, lost, ok = a.evictable(i, m, true); !ok {
					continue
				}
			}
			wait = max(wait, makeRoomTime)
		}
		cost := wait.Seconds() + float64(lossSeconds*lost)
		if best < 0 || cost < least || cost == least && t.expected < a.desks[best].expected {
			best, least, victims = i, cost, goes
		}
	}
	switch {
	case best >= 0:
		a.put(m, best, victims, ReplicaShort)
		return true
	}
	for k := range a.unborn {
		if !a.hold[k][m] && within(a.unborn[k], m.size, a.g.limit) {
			a.expect(m, k)
			return true
		}
	}
	if len(a.g.pool.retiring) > 0 { // what retires was not to be missed
		a.takeBackLate()
		a.wait(a.action(m, place{group: a.g, server: -1}, Load, ReplicaShort), WaitsServer, time.Time{})
		m.use.more++
		return true
	}
	if servers, _ := a.g.current(); servers-a.g.pool.cancelled+len(a.unborn)-a.ghosts < a.g.most(a.last) && !a.g.Fixed {
		a.bear()
		a.opened++
		a.expect(m, len(a.unborn)-1)
		return true
	}
	return false
}

// takeBackLate lets a server stay from the next plan on: in this one, what it
// holds is counted as gone.
func (a *allotment) takeBackLate() {
	retiring := a.g.pool.retiring
	last := 0
	for i := range retiring {
		if a.g.lower(retiring[i].Server, retiring[last].Server) {
			last = i
		}
	}
	i, _ := a.g.serverIndex(retiring[last].Server)
	a.g.views[i].spared = true
	a.g.pool.retiring = slices.Delete(retiring, last, last+1)
}

// expect shows a copy that is to come on a server that has not appeared.
func (a *allotment) expect(m *model, unborn int) {
	add(a.unborn[unborn], m.size)
	a.hold[unborn][m] = true
	m.use.more++
	a.wait(a.action(m, place{group: a.g, server: -1}, Load, ReplicaShort), WaitsServer, time.Time{})
}

// holds reports whether a copy of m's own version is on a server, or is to be.
func (a *allotment) holds(m *model, server int) bool { return m.has(server) }

// takes reports whether a server has room for a size, once free has gone.
func (a *allotment) takes(server int, size, free []int64) bool {
	used := a.g.views[server].used
	for d, x := range size {
		gone := int64(0)
		if free != nil {
			gone = free[d]
		}
		if used[d]-gone+x > a.g.limit[d] {
			return false
		}
	}
	return true
}

// put begins a load, or shows it while it must wait; victims make room for it.
func (a *allotment) put(m *model, server int, victims []int, why Reason) {
	t := &a.desks[server]
	for _, k := range victims {
		a.stop(k)
	}
	m.use.more++
	until, avoided := m.avoids(a.g.state.Servers[server].Name, a.last)
	fits := a.takes(server, m.size, nil)
	if fits && t.up && !t.loading && !avoided {
		a.load(a.g, m, server, why)
		t.loading = true
	} else {
		for_, till := WaitsMakeRoom, time.Time{}
		switch {
		case avoided:
			for_, till = WaitsRetry, until
		case !t.up:
			for_, till = WaitsBoot, a.last.Add(t.turn)
		case t.loading:
			for_, till = WaitsTurn, a.last.Add(t.turn)
		}
		a.wait(a.action(m, place{group: a.g, server: server}, Load, why), for_, till)
		m.planned = append(m.planned, server)
		a.g.scribble(server)
		a.g.views[server].planned++
		add(a.g.views[server].used, m.size)
	}
	t.turn += max(time.Second, m.loads.orElse(0.9, m.LoadTime))
	t.expected += m.use.load() / float64(max(1, m.use.active+m.use.more))
}

// stop lets a copy go.
func (a *allotment) stop(k int) {
	c := &a.copies[k]
	c.goes = true
	c.m.use.gone++
	t := &a.desks[c.server]
	if t.draining == nil {
		t.draining = make([]int64, len(a.g.dims))
	}
	add(t.draining, c.m.size)
	t.expected -= c.m.use.load() / float64(max(1, c.m.use.active))
}

// mayGo reports whether a copy is beyond what its model is to have, and has been
// there for long enough.
func (a *allotment) mayGo(c *copyOf) bool {
	u := &c.m.use
	if w := &a.g.pool.passage; w.Model == c.m.Name && w.From != a.g.state.Servers[c.server].Name {
		return false // it has just come, so that another may go
	}
	return !c.goes && !c.m.held && u.active-u.gone > c.m.desired && u.serving-u.gone > c.m.desired &&
		!(c.m.desired == 0 && u.InFlight > 0 && u.serving-u.gone <= 1) &&
		a.last.Sub(c.since) >= keepAtLeast
}

// evictable finds copies on a server whose going makes room for m: those that are
// missed least. Unless it is urgent, only those without requests go. lost is what
// they are worth.
func (a *allotment) evictable(server int, m *model, urgent bool) (victims []int, lost float64, ok bool) {
	if !slices.ContainsFunc(a.desks[server].copies, func(k int) bool { return a.mayGo(&a.copies[k]) }) {
		return nil, 0, false
	}
	free := make([]int64, len(a.g.dims))
	if d := a.desks[server].draining; d != nil {
		copy(free, d)
	}
	for !a.takes(server, m.size, free) {
		best, least := -1, 0.0
		for _, k := range a.desks[server].copies {
			c := &a.copies[k]
			if c.m == m || slices.Contains(victims, k) || !a.mayGo(c) || !urgent && c.busy {
				continue
			}
			loss := c.loss
			if c.busy {
				loss += 1
			}
			if best < 0 || loss < least {
				best, least = k, loss
			}
		}
		if best < 0 {
			return nil, 0, false
		}
		victims = append(victims, best)
		lost += least
		add(free, a.copies[best].m.size)
	}
	return victims, lost, true
}

// gain is what one more copy of m adds on a server.
func (a *allotment) gain(m *model, server int) float64 {
	n := m.use.active + m.use.more - m.use.gone + 1
	return m.marginal(n, a.levels(server, m.use.load()/float64(n)))
}

// appraise finds out what each copy adds where it is.
func (a *allotment) appraise() {
	for k := range a.copies {
		a.copies[k].loss = a.loss(&a.copies[k])
	}
}

// loss is what a copy adds where it is.
func (a *allotment) loss(c *copyOf) float64 {
	n := max(1, c.m.use.active-c.m.use.gone)
	return c.m.marginal(n, a.levels(c.server, -c.m.use.load()/float64(n)))
}

// levels is by which share of the pool's load a server comes nearer to what is
// fair, or away from it, when load is added or taken.
func (a *allotment) levels(server int, load float64) float64 {
	if a.g.pool.total <= 0 {
		return 0
	}
	e := a.desks[server].expected
	return math.Abs(max(0, a.fair-e)-max(0, a.fair-e-load)) / a.g.pool.total
}

// waiting is how many requests wait for a slot, as far as is known.
func (u *usage) waiting() float64 { return max(0, u.InFlight-u.running) }

// relieve gives models whose requests wait, though all slots of their servers are
// taken, a copy on a server with free ones.
func (a *allotment) relieve() {
	var list []*model
	for _, m := range a.g.packed {
		u := &m.use
		if u.waiting() >= 1 && u.At.Equal(a.last) && u.busy && u.loading+u.more == 0 && u.active < m.most() {
			list = append(list, m)
		}
	}
	if len(list) > 0 {
		a.appraise()
	}
	slices.SortStableFunc(list, func(x, y *model) int { return cmp.Compare(y.use.waiting(), x.use.waiting()) })
	for _, m := range list {
		best, victims := -1, []int(nil)
		for i := range a.desks {
			t := &a.desks[i]
			if !t.usable || !t.up || t.loading || a.holds(m, i) || t.taken >= float64(a.g.pool.slots) {
				continue
			}
			if _, avoided := m.avoids(a.g.state.Servers[i].Name, a.last); avoided {
				continue
			}
			var goes []int
			if !a.takes(i, m.size, nil) {
				if a.takes(i, m.size, t.draining) {
					continue // in a moment
				}
				var ok bool
				var lost float64
				if goes, lost, ok = a.evictable(i, m, false); !ok || lost >= a.gain(m, i) {
					continue
				}
			}
			if best < 0 || t.taken < a.desks[best].taken {
				best, victims = i, goes
			}
		}
		if best >= 0 {
			a.put(m, best, victims, Relieves)
			a.desks[best].taken++ // the next one elsewhere, if it can
		}
	}
}

// leastLoad is what a model must have in flight on average to be given a copy
// beyond what is desired.
const leastLoad = 1e-6

// wantsMore reports whether a model may have one more copy than it is to have.
func (a *allotment) wantsMore(m *model) bool {
	u := &m.use
	return u.active+u.more-u.gone < min(m.most(), len(a.desks)) && u.load() > leastLoad
}

// idle reports whether a server could begin a load of m now, if there is room.
func (a *allotment) idle(m *model, server int) bool {
	t := &a.desks[server]
	if !t.usable || !t.up || t.loading || a.holds(m, server) {
		return false
	}
	_, avoided := m.avoids(a.g.state.Servers[server].Name, a.last)
	return !avoided
}

// fill loads copies into free room, one at a time on each server: what adds most
// there, where the least load is expected first.
func (a *allotment) fill() {
	order := make([]int, 0, len(a.desks))
	for i := range a.desks {
		if t := &a.desks[i]; t.usable && t.up && !t.loading {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(a.desks[i].expected, a.desks[j].expected) })
	for _, i := range order {
		var best *model
		most := 0.0
		for _, m := range a.g.packed {
			if a.wantsMore(m) && a.idle(m, i) && a.takes(i, m.size, nil) {
				if gain := a.gain(m, i); best == nil || gain > most {
					best, most = m, gain
				}
			}
		}
		if best != nil {
			a.put(best, i, nil, FillsRoom)
		}
	}
}

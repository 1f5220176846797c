package coordinator

import (
	"time"

	"github.com/bellows-go/bellows/policy"
)

// The reasons for what only pools do.
const (
	PoolShort     Reason = "pool short"     // ScaleGroup: fewer servers than its policy, or its copies, need
	FillsRoom     Reason = "fills room"     // Load: there is room for a copy beyond what is desired
	Relieves      Reason = "relieves"       // Load: requests wait, and a server without a copy has a free slot
	Separates     Reason = "separates"      // Load: it moves here, since where it is memory is short and it is loaded again and again
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
	draining *freed        // room that drains free; nil: nothing drains
	comes    []*model      // that this plan loads there, now or later
	usable   bool          // takes new copies, now or when it is up
	up       bool
	copies   []int // that stay and serve there, indices in allotment.copies
}

// leave counts a copy among what drains.
func (t *desk) leave(at place, size []int64) {
	if t.draining == nil {
		t.draining = &freed{}
	}
	t.draining.leave(at, size)
}

// countCopies counts what each model of a pool has on servers that stay.
func (g *group) countCopies(now time.Time) {
	for _, m := range g.packed {
		u := &m.use
		u.active, u.serving, u.loading, u.back, u.gone, u.more, u.wants = 0, 0, 0, 0, 0, 0, 0
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
				u.back++
			}
		}
		u.active = u.serving + u.loading
		u.back = min(u.back, max(0, m.desired-u.active))
		u.wants = max(0, m.desired-u.active-u.back)
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
	g.noteReloads(p.last)
	g.countCopies(p.last)
	q.want, q.cancelled = p.sizePool(g)
	a := p.newAllotment(g)
	a.needed()
	if g.complete || q.policy == nil {
		a.separate()
		a.pass()
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
	q.cancelled -= min(q.cancelled, a.opened) // it is one of these that comes
}

// An allotment is the work of one plan on one pool.
type allotment struct {
	*Planner
	g      *group
	desks  []desk
	unborn []roster // of servers that have not appeared, or are not ordered yet
	ghosts int      // of unborn, those that are ordered
	opened int      // of unborn, those beyond what the pool is to have
	copies []copyOf
	fair   float64 // load of a server, if all had the same
	kept   []reservation

	listBuf []*model // of staying
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
	for _, m := range g.packed {
		if m.leaving+m.old > 0 {
			a.replace(m)
		}
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
	a.unborn = append(a.unborn, roster{used: make([]int64, len(a.g.dims))})
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
			t.leave(at, m.size)
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

package coordinator

import (
	"cmp"
	"slices"
	"time"

	"github.com/bellows-go/bellows/packing"
)

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
		if !t.usable || m.has(i) {
			continue
		}
		wait := t.turn
		if until, avoided := m.avoids(a.g.state.Servers[i].Name, a.last); avoided {
			wait = max(wait, until.Sub(a.last))
		}
		var goes []int
		lost := 0.0
		if !a.takes(i, m, nil) {
			if !a.takes(i, m, t.draining) {
				var ok bool
				if goes, lost, ok = a.evictable(i, m, none, true); !ok {
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
	if a.onComing(m, ReplicaShort) {
		return true
	}
	if len(a.g.pool.retiring) > 0 { // what retires was not to be missed
		a.takeBackLate()
		a.wait(a.action(m, place{group: a.g, server: -1}, Load, ReplicaShort), WaitsServer, time.Time{})
		m.use.more++
		return true
	}
	return a.onOpened(m, ReplicaShort)
}

// onComing finds room on a server that is to come.
func (a *allotment) onComing(m *model, why Reason) bool {
	for k := range a.unborn {
		if r := &a.unborn[k]; !slices.Contains(r.models, m) && a.g.admits(r, m) {
			a.expect(m, k, why)
			return true
		}
	}
	return false
}

// onOpened has one more server come, if there may be one.
func (a *allotment) onOpened(m *model, why Reason) bool {
	servers, _ := a.g.current()
	if a.g.Fixed || servers-a.g.pool.cancelled+len(a.unborn)-a.ghosts >= a.g.most(a.last) {
		return false
	}
	a.bear()
	a.opened++
	a.expect(m, len(a.unborn)-1, why)
	return true
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
func (a *allotment) expect(m *model, unborn int, why Reason) {
	a.unborn[unborn].add(m)
	m.use.more++
	a.wait(a.action(m, place{group: a.g, server: -1}, Load, why), WaitsServer, time.Time{})
}

// put begins a load, or shows it while it must wait; victims make room for it.
func (a *allotment) put(m *model, server int, victims []int, why Reason) {
	t := &a.desks[server]
	for _, k := range victims {
		a.stop(k)
	}
	m.use.more++
	until, avoided := m.avoids(a.g.state.Servers[server].Name, a.last)
	fits := a.takes(server, m, nil)
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
	if a.g.Overcommit != nil {
		t.comes = append(t.comes, m)
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
	t.leave(c.m.places[c.place], c.m.size)
	t.expected -= c.m.use.load() / float64(max(1, c.m.use.active))
}

package sim

import (
	"slices"

	"github.com/bellows-go/bellows/coordinator"
)

// order has a copy of a model loaded on a server.
func (h *hall) order(s *host, t *tenant) *guest {
	g := &guest{tenant: t, host: s, phase: coordinator.Loading, since: h.now, pending: true}
	s.guests = slices.Insert(s.guests, s.position(t), g)
	s.loads = append(s.loads, g)
	h.load(s)
	return g
}

// position is where a tenant's copy is, or belongs, among a server's guests.
func (s *host) position(t *tenant) int {
	for i, g := range s.guests {
		if g.tenant.index >= t.index {
			return i
		}
	}
	return len(s.guests)
}

// find returns a tenant's copy on a server, or nil.
func (s *host) find(t *tenant) *guest {
	if i := s.position(t); i < len(s.guests) && s.guests[i].tenant == t {
		return s.guests[i]
	}
	return nil
}

// load begins the next load of a server that has none under way, as soon as
// there is memory for it: what is resident and idle makes room, the least
// recently used first.
func (h *hall) load(s *host) {
	if s.busy || len(s.loads) == 0 {
		return
	}
	g := s.loads[0]
	for s.resident()+g.tenant.size > h.memory {
		if !h.evict(s) {
			return
		}
	}
	g.resident, s.busy = true, true
	if g.phase == coordinator.Serving {
		g.reloads++
	}
	if h.now >= h.from {
		h.loads++
	}
	var takes int64
	takes, g.fails = h.fate(g.tenant)
	g.tenant.loads++
	h.push(happening{at: h.now + takes, guest: g, load: true})
	h.expect(h.now + takes)
}

// resident is the memory that is in use.
func (s *host) resident() (sum int64) {
	for _, g := range s.guests {
		if g.resident {
			sum += g.tenant.size
		}
	}
	return sum
}

// evict puts the least recently used copy that runs nothing to sleep, if there
// is one.
func (h *hall) evict(s *host) bool {
	var oldest *guest
	for _, g := range s.guests {
		if g.takes() && g.running == 0 && (oldest == nil || g.used < oldest.used) {
			oldest = g
		}
	}
	if oldest == nil {
		return false
	}
	h.shut(oldest)
	oldest.resident = false
	return true
}

// wake has a copy that was evicted loaded again, for a request that finds no
// free slot: the one whose server has most, the oldest on a tie. Where all that
// sleep are on full servers, one wakes only if none else is ready.
func (h *hall) wake(t *tenant) {
	var best *guest
	for _, s := range h.hosts {
		g := s.find(t)
		switch {
		case g == nil || g.phase != coordinator.Serving || g.resident:
		case g.pending:
			return // one wakes already
		case best == nil || s.free > best.host.free:
			best = g
		}
	}
	if best == nil || best.host.free == 0 && len(t.ready) > 0 {
		return
	}
	best.pending = true
	best.host.loads = append(best.host.loads, best)
	h.load(best.host)
}

// loaded ends a load, and begins the server's next one.
func (h *hall) loaded(g *guest) {
	s := g.host
	s.busy = false
	s.loads = append(s.loads[:0], s.loads[1:]...)
	g.pending, g.used = false, h.now
	switch {
	case g.doomed:
		h.remove(g)
		return
	case g.fails: // its memory is free
		g.phase, g.since, g.resident = coordinator.Broken, h.now, false
		h.broken++
	case g.phase == coordinator.Serving: // it woke
		h.open(g)
	case g.phase == coordinator.Loading:
		g.phase, g.since = coordinator.Loaded, h.now
	}
	h.load(s)
}

// remove takes away a copy that serves nothing. A load that has begun runs to its
// end, a copy that waits for one is gone at once.
func (h *hall) remove(g *guest) {
	s := g.host
	if g.pending {
		if s.busy && s.loads[0] == g {
			g.doomed, g.phase, g.since = true, coordinator.Draining, h.now
			return
		}
		i := slices.Index(s.loads, g)
		s.loads = slices.Delete(s.loads, i, i+1)
	}
	s.guests = slices.DeleteFunc(s.guests, func(x *guest) bool { return x == g })
	h.load(s) // where memory was short, or something else was first
}

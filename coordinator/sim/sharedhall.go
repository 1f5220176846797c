package sim

import (
	"cmp"
	"slices"

	"github.com/bellows-go/bellows/coordinator"
)

// A hall is servers that models share, and the queues in front of them: what
// happens between two decisions of the planner.
//
// An arrival goes to the server with most free slots of those on which its model
// is ready, the oldest one on a tie; it waits in its model's queue where none has
// a free slot. A slot that becomes free takes the oldest request among the models
// that are ready there, and so does a copy that becomes ready. So whenever a
// model queues, the servers where it is ready are full.
type hall struct {
	slots   int       // of a server
	memory  int64     // of a server, that is resident at once
	tenants []*tenant // sorted by name
	hosts   []*host   // ascending by id
	now     int64
	due     []happening // heap: what ends, and when
	waiting int         // requests in all queues
	from    int64       // what is before does not count
	loads   int64       // begun since from
	broken  int64       // loads that failed
	expect  func(int64) // told of instants at which what the planner sees changes by itself
	fate    func(*tenant) (takes int64, fails bool)
}

// A tenant is a model: its queue and its copies.
type tenant struct {
	name  string
	index int // in hall.tenants
	size  int64

	queue []Request // [head:] wait
	head  int
	ready []*guest // that take requests, ascending by host

	begun, started, running int64
	work                    int64 // nanoseconds of service of all that started
	loads                   uint64
	cold                    int64 // arrivals that found no copy ready, since hall.from
	score                   score
	meter
}

// A guest is a copy of a model on a server.
type guest struct {
	tenant   *tenant
	host     *host
	phase    coordinator.ReplicaPhase
	since    int64 // of phase
	running  int
	used     int64  // when it last began a request, or was loaded
	pending  bool   // among host.loads
	resident bool   // it holds memory: not before its load begins, nor after it was evicted
	doomed   bool   // its load goes on for nothing: it is to go
	fails    bool   // so does its load, but nobody knows
	reloads  uint64 // after it was evicted
}

// A host is a server.
type host struct {
	id            int32
	free          int      // slots
	guests        []*guest // sorted by the tenants' names
	loads         []*guest // that are to load, in order
	busy          bool     // the first of loads is under way
	ordered, upAt int64
}

// A happening is the end of a request's service, or of a load.
type happening struct {
	at    int64
	guest *guest
	load  bool
}

func (a *happening) before(b *happening) bool {
	switch {
	case a.at != b.at:
		return a.at < b.at
	case a.load != b.load:
		return b.load
	case a.guest.host != b.guest.host:
		return a.guest.host.id < b.guest.host.id
	}
	return a.guest.tenant.index < b.guest.tenant.index
}

// arrive takes in a request that comes now.
func (h *hall) arrive(t *tenant, q Request) {
	t.begun++
	if len(t.ready) == 0 && int64(q.At) >= h.from {
		t.cold++
	}
	if t.head < len(t.queue) { // others came before
		t.queue = append(t.queue, q)
		h.waiting++
		return
	}
	var best *guest
	most := 0
	for _, g := range t.ready {
		if g.host.free > most {
			most, best = g.host.free, g
		}
	}
	if best != nil {
		h.start(best, &q)
		return
	}
	h.wake(t)
	if t.head == len(t.queue) {
		t.queue, t.head = t.queue[:0], 0
	}
	t.queue = append(t.queue, q)
	h.waiting++
}

// start serves a request from now on.
func (h *hall) start(g *guest, q *Request) {
	t := g.tenant
	g.host.free--
	g.running++
	g.used = h.now
	t.started++
	t.running++
	t.work += int64(q.Service)
	t.score.add(q, h.now-int64(q.At))
	h.push(happening{at: h.now + int64(q.Service), guest: g})
}

// offer gives a free slot of a server to the oldest request that may have it. It
// reports whether there was one.
func (h *hall) offer(s *host) bool {
	if h.waiting == 0 {
		return false
	}
	var best *guest
	for _, g := range s.guests {
		if g.takes() && g.tenant.head < len(g.tenant.queue) &&
			(best == nil || g.tenant.queue[g.tenant.head].At < best.tenant.queue[best.tenant.head].At) {
			best = g
		}
	}
	if best == nil {
		return false
	}
	t := best.tenant
	q := &t.queue[t.head]
	t.head++
	h.waiting--
	h.start(best, q)
	if t.head == len(t.queue) {
		t.queue, t.head = t.queue[:0], 0
	} else if t.head >= 1024 && 2*t.head >= len(t.queue) {
		t.queue = append(t.queue[:0], t.queue[t.head:]...)
		t.head = 0
	}
	return true
}

// takes reports whether a copy takes requests.
func (g *guest) takes() bool {
	return g.phase == coordinator.Serving && g.resident && !g.pending
}

// advance lets happen what ends by until; arrivals come by arrive.
func (h *hall) advance(until int64) {
	for len(h.due) > 0 && h.due[0].at <= until {
		x := h.due[0]
		h.now = x.at
		h.pop()
		if x.load {
			h.loaded(x.guest)
			continue
		}
		g := x.guest
		g.running--
		g.tenant.running--
		g.host.free++
		h.offer(g.host)
		if len(g.host.loads) > 0 && !g.host.busy {
			h.load(g.host) // there may be something to evict now
		}
	}
	h.now = until
}

// open lets a copy take requests.
func (h *hall) open(g *guest) {
	i, _ := slices.BinarySearchFunc(g.tenant.ready, g.host.id, func(x *guest, id int32) int { return cmp.Compare(x.host.id, id) })
	g.tenant.ready = slices.Insert(g.tenant.ready, i, g)
	for g.host.free > 0 && h.offer(g.host) {
	}
}

// shut lets a copy take no more requests. It returns when the last of what it
// serves ends: now, if it has none.
func (h *hall) shut(g *guest) (drained int64) {
	if i := slices.Index(g.tenant.ready, g); i >= 0 {
		g.tenant.ready = slices.Delete(g.tenant.ready, i, i+1)
	}
	drained = h.now
	for i := range h.due {
		if x := &h.due[i]; x.guest == g && !x.load {
			drained = max(drained, x.at)
		}
	}
	return drained
}

// left returns how much service of each tenant was started and is still to come.
func (h *hall) left(sums []int64) {
	clear(sums)
	for i := range h.due {
		if x := &h.due[i]; !x.load {
			sums[x.guest.tenant.index] += x.at - h.now
		}
	}
}

// push adds to the heap of what is due.
func (h *hall) push(x happening) {
	d := append(h.due, x)
	i := len(d) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !x.before(&d[parent]) {
			break
		}
		d[i] = d[parent]
		i = parent
	}
	d[i] = x
	h.due = d
}

// pop removes the first of what is due.
func (h *hall) pop() {
	d := h.due
	n := len(d) - 1
	x := d[n]
	d[n] = happening{}
	d = d[:n]
	i := 0
	for n > 0 {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && d[c+1].before(&d[c]) {
			c++
		}
		if !d[c].before(&x) {
			break
		}
		d[i] = d[c]
		i = c
	}
	if n > 0 {
		d[i] = x
	}
	h.due = d
}

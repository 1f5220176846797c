package sim

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
)

// slowHall is a hall that looks for whatever happens next each time, in plain
// lists, and keeps the rules as they are written.
type slowHall struct {
	slots    int
	memory   int64
	loadTime int64
	now      int64
	from     int64
	queue    []slowRequest // of all models, in order of arrival
	servers  []*slowServer // in order of age
	waits    map[string][]int64
	cold     map[string]int
	loads    int
}

type slowRequest struct {
	model       string
	at, service int64
}

type slowServer struct {
	id      int32
	running []slowRequest // at is when it ends
	copies  []*slowCopy
	toLoad  []*slowCopy
	ends    int64 // of the first of toLoad; 0: not begun
}

type slowCopy struct {
	model            string
	size             int64
	phase            coordinator.ReplicaPhase
	resident, doomed bool
	used             int64
}

func (h *slowHall) copy(s *slowServer, model string) *slowCopy {
	for _, c := range s.copies {
		if c.model == model {
			return c
		}
	}
	return nil
}

func (h *slowHall) serves(s *slowServer, model string) bool {
	c := h.copy(s, model)
	return c != nil && c.phase == coordinator.Serving && c.resident && !slices.Contains(s.toLoad, c)
}

func (h *slowHall) begin(s *slowServer, q slowRequest) {
	h.copy(s, q.model).used = h.now
	h.waits[q.model] = append(h.waits[q.model], h.now-q.at)
	s.running = append(s.running, slowRequest{q.model, h.now + q.service, 0})
}

func (h *slowHall) arrive(q slowRequest) {
	var best *slowServer
	ready := false
	for _, s := range h.servers {
		if h.serves(s, q.model) {
			ready = true
			if len(s.running) < h.slots && (best == nil || len(s.running) < len(best.running)) {
				best = s
			}
		}
	}
	if !ready && q.at >= h.from {
		h.cold[q.model]++
	}
	queues := slices.ContainsFunc(h.queue, func(x slowRequest) bool { return x.model == q.model })
	if best != nil && !queues {
		h.begin(best, q)
		return
	}
	h.queue = append(h.queue, q)
	if !queues {
		h.wake(q.model, ready)
	}
}

func (h *slowHall) wake(model string, ready bool) {
	var sleepers []*slowServer
	for _, s := range h.servers {
		if c := h.copy(s, model); c != nil && c.phase == coordinator.Serving && !c.resident {
			if slices.Contains(s.toLoad, c) {
				return
			}
			sleepers = append(sleepers, s)
		}
	}
	slices.SortStableFunc(sleepers, func(a, b *slowServer) int { return len(a.running) - len(b.running) })
	if len(sleepers) == 0 || ready && len(sleepers[0].running) == h.slots {
		return
	}
	s := sleepers[0]
	s.toLoad = append(s.toLoad, h.copy(s, model))
	h.load(s)
}

// match serves whatever can be served now.
func (h *slowHall) match() {
	for i := 0; i < len(h.queue); {
		served := false
		for _, s := range h.servers {
			if h.serves(s, h.queue[i].model) && len(s.running) < h.slots {
				h.begin(s, h.queue[i])
				h.queue = slices.Delete(h.queue, i, i+1)
				served = true
				break
			}
		}
		if !served {
			i++
		}
	}
}

func (h *slowHall) load(s *slowServer) {
	if s.ends > 0 || len(s.toLoad) == 0 {
		return
	}
	c := s.toLoad[0]
	for {
		used := c.size
		var idle *slowCopy
		for _, x := range s.copies {
			if x.resident {
				used += x.size
			}
			busy := slices.ContainsFunc(s.running, func(r slowRequest) bool { return r.model == x.model })
			if h.serves(s, x.model) && !busy && (idle == nil || x.used < idle.used) {
				idle = x
			}
		}
		if used <= h.memory {
			break
		}
		if idle == nil {
			return
		}
		idle.resident = false
	}
	c.resident = true
	s.ends = h.now + h.loadTime
	if h.now >= h.from {
		h.loads++
	}
}

func (h *slowHall) order(s *slowServer, model string, size int64) {
	c := &slowCopy{model: model, size: size, phase: coordinator.Loading}
	s.copies = append(s.copies, c)
	slices.SortFunc(s.copies, func(a, b *slowCopy) int { return int(a.model[0]) - int(b.model[0]) })
	s.toLoad = append(s.toLoad, c)
	h.load(s)
}

func (h *slowHall) remove(s *slowServer, c *slowCopy) {
	if len(s.toLoad) > 0 && s.toLoad[0] == c && s.ends > 0 {
		c.doomed, c.phase = true, coordinator.Draining
		return
	}
	isIt := func(x *slowCopy) bool { return x == c }
	s.copies = slices.DeleteFunc(s.copies, isIt)
	s.toLoad = slices.DeleteFunc(s.toLoad, isIt)
	h.load(s)
}

// advance goes through the requests that come before until, and all that ends by
// then.
func (h *slowHall) advance(come []slowRequest, until int64) {
	for {
		next, what := int64(math.MaxInt64), 0
		for _, s := range h.servers {
			for _, r := range s.running {
				if r.at < next {
					next, what = r.at, 1
				}
			}
		}
		for _, s := range h.servers {
			if s.ends > 0 && s.ends < next {
				next, what = s.ends, 2
			}
		}
		if len(come) > 0 && come[0].at < next {
			next, what = come[0].at, 3
		}
		if next > until {
			break
		}
		h.now = next
		switch what {
		case 1:
			h.endOne()
		case 2:
			h.endLoad()
		case 3:
			h.arrive(come[0])
			come = come[1:]
		}
	}
	h.now = until
}

func (h *slowHall) endOne() {
	for _, s := range h.servers {
		slices.SortFunc(s.running, func(a, b slowRequest) int {
			if a.at != b.at {
				return int(a.at - b.at)
			}
			return int(a.model[0]) - int(b.model[0])
		})
		if len(s.running) > 0 && s.running[0].at == h.now {
			s.running = s.running[1:]
			h.match()
			h.load(s)
			return
		}
	}
}

func (h *slowHall) endLoad() {
	for _, s := range h.servers {
		if s.ends != h.now {
			continue
		}
		c := s.toLoad[0]
		s.toLoad, s.ends = s.toLoad[1:], 0
		c.used = h.now
		if c.doomed {
			h.remove(s, c)
			return
		}
		if c.phase == coordinator.Loading {
			c.phase = coordinator.Loaded
		}
		h.match() // it may have woken
		h.load(s)
		return
	}
}

// The hall does what the rules say, step by step, whatever is ordered of it.
func TestHallAgainstSlowModel(t *testing.T) {
	happened := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		models := []string{"a", "b", "c", "d"}
		slots := rapid.IntRange(1, 3).Draw(t, "slots")
		memory := rapid.Int64Range(2, 4).Draw(t, "memory")
		registered := memory + rapid.Int64Range(0, 3).Draw(t, "overcommit")
		loadTime := rapid.Int64Range(1, 20).Draw(t, "load time")
		from := rapid.Int64Range(0, 30).Draw(t, "from")
		fast := &hall{slots: slots, memory: memory, from: from, expect: func(int64) {}}
		fast.fate = func(*tenant) (int64, bool) { return loadTime, false }
		slow := &slowHall{slots: slots, memory: memory, loadTime: loadTime, from: from, waits: map[string][]int64{}, cold: map[string]int{}}
		waits := map[string]*histogram{}
		for i, m := range models {
			x := &tenant{name: m, index: i, size: rapid.Int64Range(1, 2).Draw(t, "size")}
			waits[m] = &histogram{}
			x.score.waits = waits[m]
			fast.tenants = append(fast.tenants, x)
		}
		now, next := int64(0), int32(0)
		for range rapid.IntRange(20, 120).Draw(t, "events") {
			end := now + rapid.Int64Range(1, 15).Draw(t, "gap")
			var come []slowRequest
			for range rapid.IntRange(0, 8).Draw(t, "requests") {
				come = append(come, slowRequest{
					rapid.SampledFrom(models).Draw(t, "model"),
					rapid.Int64Range(now, end-1).Draw(t, "at"), rapid.Int64Range(1, 25).Draw(t, "service"),
				})
			}
			slices.SortStableFunc(come, func(a, b slowRequest) int { // as merge does
				return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.model, b.model))
			})
			for _, q := range come {
				fast.advance(q.at)
				fast.arrive(fast.tenants[slices.Index(models, q.model)], Request{time.Duration(q.at), time.Duration(q.service)})
			}
			fast.advance(end)
			slow.advance(come, end)
			now = end
			for range rapid.IntRange(1, 3).Draw(t, "changes") {
				change(t, fast, slow, &next, registered, happened)
			}
			if a, b := fast.String(), slow.String(models); a != b {
				t.Fatalf("at %d:\n%s\nwant\n%s", now, a, b)
			}
		}
		for _, x := range fast.tenants {
			var want histogram
			for _, w := range slow.waits[x.name] {
				want.add(w)
			}
			if *waits[x.name] != want || int(x.cold) != slow.cold[x.name] {
				t.Fatalf("%s waited otherwise than %v, or %d of %d were cold", x.name, slow.waits[x.name], x.cold, slow.cold[x.name])
			}
		}
		if int(fast.loads) != slow.loads {
			t.Fatalf("%d loads, want %d", fast.loads, slow.loads)
		}
	})
	for _, what := range []string{"server", "load", "route", "unroute", "return", "unload", "cancel", "doom", "asleep", "waking"} {
		if happened[what] < 20 {
			t.Errorf("%s happened %d times", what, happened[what])
		}
	}
}

// change draws one order and gives it to both.
func change(t *rapid.T, fast *hall, slow *slowHall, next *int32, registered int64, happened map[string]int) {
	if len(fast.hosts) == 0 || rapid.IntRange(0, 9).Draw(t, "new server") == 0 {
		fast.hosts = append(fast.hosts, &host{id: *next, free: fast.slots})
		slow.servers = append(slow.servers, &slowServer{id: *next})
		*next++
		happened["server"]++
		return
	}
	i := rapid.IntRange(0, len(fast.hosts)-1).Draw(t, "server")
	x := fast.tenants[rapid.IntRange(0, len(fast.tenants)-1).Draw(t, "of")]
	s, z := fast.hosts[i], slow.servers[i]
	g, c := s.find(x), slow.copy(z, x.name)
	if g != nil && g.phase == coordinator.Serving && !g.resident {
		happened["asleep"]++
		if g.pending {
			happened["waking"]++
		}
	}
	switch {
	case g == nil:
		sum := x.size
		for _, y := range s.guests {
			sum += y.tenant.size
		}
		if sum <= registered {
			fast.order(s, x)
			slow.order(z, x.name, x.size)
			happened["load"]++
		}
	case g.phase == coordinator.Loaded:
		g.phase, c.phase = coordinator.Serving, coordinator.Serving
		fast.open(g)
		slow.match()
		happened["route"]++
	case g.phase == coordinator.Serving && rapid.Bool().Draw(t, "stays"):
	case g.phase == coordinator.Serving:
		g.phase, c.phase = coordinator.Draining, coordinator.Draining
		drained := slow.now
		for _, r := range z.running {
			if r.model == x.name {
				drained = max(drained, r.at)
			}
		}
		if got := fast.shut(g); got != drained {
			t.Fatalf("drained at %d, want %d", got, drained)
		}
		happened["unroute"]++
	case g.phase == coordinator.Draining && !g.doomed && rapid.Bool().Draw(t, "comes back"):
		g.phase, c.phase = coordinator.Serving, coordinator.Serving
		if g.takes() {
			fast.open(g)
		}
		slow.match()
		happened["return"]++
	case g.running == 0 && !g.doomed:
		switch {
		case g.pending && s.busy && s.loads[0] == g:
			happened["doom"]++
		case g.pending:
			happened["cancel"]++
		default:
			happened["unload"]++
		}
		fast.remove(g)
		slow.remove(z, c)
	}
}

// String is all that may be compared of a hall.
func (h *hall) String() (s string) {
	for _, t := range h.tenants {
		s += fmt.Sprintf("%s: %d wait %d run; ", t.name, len(t.queue)-t.head, t.running)
	}
	for _, x := range h.hosts {
		s += fmt.Sprintf("\n%d: %d run, %d to load, under way %v:", x.id, h.slots-x.free, len(x.loads), x.busy)
		for _, g := range x.guests {
			s += fmt.Sprintf(" %s %v %v %v", g.tenant.name, g.phase, g.resident, g.doomed)
		}
	}
	return s
}

func (h *slowHall) String(models []string) (s string) {
	for _, m := range models {
		waiting, running := 0, 0
		for _, q := range h.queue {
			if q.model == m {
				waiting++
			}
		}
		for _, x := range h.servers {
			for _, r := range x.running {
				if r.model == m {
					running++
				}
			}
		}
		s += fmt.Sprintf("%s: %d wait %d run; ", m, waiting, running)
	}
	for _, x := range h.servers {
		s += fmt.Sprintf("\n%d: %d run, %d to load, under way %v:", x.id, len(x.running), len(x.toLoad), x.ends > 0)
		for _, c := range x.copies {
			s += fmt.Sprintf(" %s %v %v %v", c.model, c.phase, c.resident, c.doomed)
		}
	}
	return s
}

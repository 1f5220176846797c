package sim

import (
	"fmt"
	"math"
	"slices"

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

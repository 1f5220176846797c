package sim

import "time"

// A station is one model's queue and the slots that serve it, first come first
// served. Between two advances nothing happens in it; capacity changes at the
// instant to which it was advanced.
type station struct {
	reqs []Request // not started yet: first those that wait, then those to come
	head int       // the first that has not started
	seen int       // reqs[:seen] have arrived
	own  []Request // memory for reqs that outlive their chunk

	slots    []slot // of serving replicas: a heap by free
	draining []slot // busy ones of draining replicas

	begun, started int64
	work           time.Duration // service times of all that started
	score          score
}

// A slot serves one request at a time.
type slot struct {
	free int64 // when its request ends, or ended; nanoseconds since the start
	vm   int32 // whose it is
}

// score is what the station has achieved since warm-up.
type score struct {
	requests, missed int64
	waits            *histogram // shared by the stations of a run
	limit            int64      // a longer wait is a miss
	from             int64      // requests before do not count
	when             *misses    // nil: not kept
}

// feed appends the requests of a chunk. They stay the caller's and must not
// change until the next feed.
func (s *station) feed(reqs []Request) {
	if s.head == len(s.reqs) {
		s.reqs = reqs
	} else {
		kept := s.reqs[s.head:]
		s.own = append(append(s.own[:0], kept...), reqs...)
		s.reqs = s.own
	}
	s.seen -= s.head
	s.head = 0
}

// advance lets everything happen that does before until.
func (s *station) advance(until int64) {
	for s.head < len(s.reqs) && len(s.slots) > 0 {
		r := &s.reqs[s.head]
		start := max(s.slots[0].free, int64(r.At))
		if start >= until {
			break
		}
		s.slots[0].free = start + int64(r.Service)
		s.sink(0)
		s.head++
		s.started++
		s.work += r.Service
		s.score.add(r, start-int64(r.At))
	}
	for s.seen < len(s.reqs) && int64(s.reqs[s.seen].At) < until {
		s.seen++
		s.begun++
	}
}

func (c *score) add(r *Request, wait int64) {
	if int64(r.At) < c.from {
		return
	}
	c.requests++
	if wait > c.limit {
		c.missed++
		c.when.add(int64(r.At))
	}
	c.waits.add(wait)
}

// waiting is the number of requests that have arrived and not started.
func (s *station) waiting() int { return s.seen - s.head }

// running returns how many requests are being served at t, and how much of the
// service that was started is still to come.
func (s *station) running(t int64) (n int64, left time.Duration) {
	for _, list := range [2][]slot{s.slots, s.draining} {
		for i := range list {
			if d := list[i].free - t; d > 0 {
				n++
				left += time.Duration(d)
			}
		}
	}
	return n, left
}

// open gives the slots of one more replica to the queue.
func (s *station) open(vm int32, slots int, now int64) {
	for range slots {
		s.slots = append(s.slots, slot{now, vm})
		s.rise(len(s.slots) - 1)
	}
}

// reopen takes a draining replica back, with what it is still serving.
func (s *station) reopen(vm int32, slots int, now int64) {
	kept := s.draining[:0]
	for _, x := range s.draining {
		if x.vm == vm {
			s.slots = append(s.slots, x)
			s.rise(len(s.slots) - 1)
			slots--
		} else {
			kept = append(kept, x)
		}
	}
	s.draining = kept
	s.open(vm, slots, now)
}

// close takes a replica's slots from the queue and returns when the last of its
// requests ends: now, if it has none.
func (s *station) close(vm int32, now int64) (drained int64) {
	kept := s.slots[:0]
	drained = now
	for _, x := range s.slots {
		switch {
		case x.vm != vm:
			kept = append(kept, x)
		case x.free > now:
			s.draining = append(s.draining, x)
			drained = max(drained, x.free)
		}
	}
	s.slots = kept
	for i := len(s.slots)/2 - 1; i >= 0; i-- {
		s.sink(i)
	}
	return drained
}

// forget drops what a replica that is gone was serving.
func (s *station) forget(vm int32) {
	kept := s.draining[:0]
	for _, x := range s.draining {
		if x.vm != vm {
			kept = append(kept, x)
		}
	}
	s.draining = kept
}

// sink restores the heap after slot i has become later.
func (s *station) sink(i int) {
	h := s.slots
	x := h[i]
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1].free < h[c].free {
			c++
		}
		if h[c].free >= x.free {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = x
}

// rise restores the heap after slot i has become earlier.
func (s *station) rise(i int) {
	h := s.slots
	x := h[i]
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].free <= x.free {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = x
}

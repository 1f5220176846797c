package sim

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// A Schedule is what replica counts that know the future would have cost and
// missed since warm-up.
type Schedule struct {
	Requests, Missed int64
	ReplicaHours     float64
}

// Percent is the share of requests that missed, in percent; 0 of none.
func (s *Schedule) Percent() float64 { return percent(s.Missed, s.Requests) }

// window is how long a count of a Schedule stands.
const window = 10 * second

// Clairvoyant returns a cheap schedule under which at most the share 1-target of
// the requests miss, target in (0, 1]: every ten seconds the smallest count, by
// replaying the very requests that come, that keeps the misses so far within the
// share and what is busy in place. A replica is then kept over a gap that costs
// no more than to start anew, Options.Start ahead of its need.
//
// The schedule is found greedily: the cheapest one may cost a little less. With
// several slots it supposes that busy ones share as few replicas as they can.
// With Options.Servers one schedule is made for the requests of all models as if
// any server served any: no copies have to be loaded, but each start takes Boot
// and Start.
// Options are used as by Run, but for Tick, Boot, Max, Points and
// Decisions.
func Clairvoyant(w Workload, o Options, target float64, progress func(time.Duration)) (Schedule, error) {
	if err := o.Validate(); err != nil {
		return Schedule{}, err
	}
	if !(target > 0 && target <= 1) {
		return Schedule{}, fmt.Errorf("sim: clairvoyant: the share to serve in time must be in (0, 1], is %v", target)
	}
	perReplica := 1.0
	if s := o.Servers; s != nil {
		perReplica = float64(s.Slots) / float64(o.Slots)
		o.Slots, o.Min, o.Start = s.Slots, s.Min, o.Boot+o.Start
		w = &merged{of: w}
	}
	var c Chunk
	var seers []*seer
	for {
		err := w.Next(&c)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Schedule{}, err
		}
		for i, s := range c.Streams {
			if i == len(seers) {
				seers = append(seers, &seer{options: o, target: target, from: int64(c.From)})
			}
			seers[i].chunk(s.Requests, int64(c.To))
		}
		if progress != nil {
			progress(c.To)
		}
	}
	var total Schedule
	var cost int64
	for _, s := range seers {
		s.finish(seconds(o.Seconds))
		total.Requests += s.requests
		total.Missed += s.late
		cost += s.cost(seconds(o.Seconds))
	}
	total.ReplicaHours = time.Duration(cost).Hours() * perReplica
	return total, nil
}

// seer schedules one model.
type seer struct {
	options Options
	target  float64
	from    int64 // of the next window
	first   int64 // of the first one
	counts  []int32
	queue   []Request // waiting, or to come
	slots   []int64   // when each is free, ascending
	trial   []int64   // heap

	arrived, missed int64 // of all
	requests, late  int64 // since warm-up
}

// chunk takes in requests and schedules the windows that they complete.
func (s *seer) chunk(reqs []Request, to int64) {
	s.queue = append(s.queue, reqs...)
	for s.from+window <= to {
		s.schedule(s.from + window)
	}
}

// schedule finds the count of the window that ends at end, and lives through it.
func (s *seer) schedule(end int64) {
	due := 0
	for due < len(s.queue) && int64(s.queue[due].At) < end {
		due++
	}
	for _, q := range s.queue[:due] {
		if int64(q.At) >= s.from {
			s.arrived++
		}
	}
	// What is busy stays; nothing is gained beyond a slot for each request.
	busy := 0
	for _, free := range s.slots {
		if free > s.from {
			busy++
		}
	}
	low := max(s.options.Min, s.replicasFor(busy))
	most := max(low, s.replicasFor(busy+due))
	allowed := int64((1 - s.target) * float64(s.arrived))
	n := low
	if len(s.counts) > 0 {
		n = min(max(int(s.counts[len(s.counts)-1]), low), most)
	}
	// Gallop up from the last count, then search below what suffices.
	enough := func(n int) bool { return s.missed+s.misses(n, due, end) <= allowed }
	bad := low - 1
	for step := 1; !enough(n); step *= 2 {
		if n == most { // even one slot each comes too late for some
			allowed = s.missed + s.misses(most, due, end)
			break
		}
		bad, n = n, min(n+step, most)
	}
	good := n
	for bad+1 < good {
		if mid := (bad + good) / 2; enough(mid) {
			good = mid
		} else {
			bad = mid
		}
	}
	s.live(good, due, end)
}

func (s *seer) replicasFor(slots int) int { return (slots + s.options.Slots - 1) / s.options.Slots }

// misses is how many of the queue's first due requests miss by end with n
// replicas: those that start late, and those that wait and are late already.
func (s *seer) misses(n, due int, end int64) (missed int64) {
	s.begin(n)
	limit := int64(s.options.Wait)
	for i, q := range s.queue[:due] {
		start := s.next(int64(q.At))
		if start >= end {
			for _, q := range s.queue[i:due] {
				if end-int64(q.At) > limit {
					missed++
				}
			}
			return missed
		}
		if start-int64(q.At) > limit {
			missed++
		}
		s.take(start + int64(q.Service))
	}
	return missed
}

// live goes through a window with n replicas.
func (s *seer) live(n, due int, end int64) {
	s.begin(n)
	done := 0
	for _, q := range s.queue[:due] {
		start := s.next(int64(q.At))
		if start >= end {
			break
		}
		s.take(start + int64(q.Service))
		s.score(q, start-int64(q.At))
		done++
	}
	s.queue = append(s.queue[:0], s.queue[done:]...)
	s.slots = append(s.slots[:0], s.trial...)
	slices.Sort(s.slots)
	if len(s.counts) == 0 {
		s.first = s.from
	}
	s.counts = append(s.counts, int32(min(n, math.MaxInt32)))
	s.from = end
}

func (s *seer) score(q Request, wait int64) {
	late := wait > int64(s.options.Wait)
	if late {
		s.missed++
	}
	if q.At >= s.options.Warmup {
		s.requests++
		if late {
			s.late++
		}
	}
}

// begin makes the trial's slots: those there are, less the ones that have been
// idle for longest.
func (s *seer) begin(n int) {
	n *= s.options.Slots
	s.trial = append(s.trial[:0], s.slots[max(0, len(s.slots)-n):]...)
	for len(s.trial) < n { // new ones are idle: they belong in front
		s.trial = append(s.trial, s.from)
	}
	slices.Sort(s.trial) // ascending is a heap
}

// next is when a request that came at an instant can start.
func (s *seer) next(at int64) int64 {
	if len(s.trial) == 0 {
		return math.MaxInt64
	}
	return max(at, s.trial[0])
}

// take keeps the first free slot busy until an instant.
func (s *seer) take(until int64) {
	h, i := s.trial, 0
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if h[c] >= until {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = until
}

// finish schedules the last windows. What then still waits is served as soon as
// the last slots allow; without any it is missed.
func (s *seer) finish(end int64) {
	for s.from < end {
		s.schedule(s.from + window)
	}
	if len(s.counts) == 0 {
		return // it came after the end
	}
	s.begin(int(s.counts[len(s.counts)-1]))
	for _, q := range s.queue {
		start := s.next(int64(q.At))
		if start == math.MaxInt64 {
			s.score(q, start-int64(q.At))
			continue
		}
		s.take(start + int64(q.Service))
		s.score(q, start-int64(q.At))
	}
}

// cost pays for the counts layer by layer: the i-th replica is needed in the
// windows whose count is at least i. Keeping it over a gap is optimal when the
// gap is no longer than a start.
func (s *seer) cost(end int64) int64 {
	b := bill{from: int64(s.options.Warmup), end: end}
	start := int64(s.options.Start)
	var sum int64
	top := int32(0)
	for _, n := range s.counts {
		top = max(top, n)
	}
	for layer := int32(1); layer <= top; layer++ {
		on, since, until := false, int64(0), int64(0)
		for i, n := range s.counts {
			if n < layer {
				continue
			}
			at := s.first + int64(i)*window
			switch {
			case !on && i == 0:
				on, since = true, at // it stands when the model enters
			case !on:
				on, since = true, at-start
			case at-until > start:
				sum += b.charge(since, until)
				since = at - start
			}
			until = at + window
		}
		if on {
			sum += b.charge(since, until)
		}
	}
	return sum
}

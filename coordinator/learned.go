package coordinator

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// durations learns how long something takes: a histogram in buckets of relative
// width, in which an observation weighs less the more came after it, as in the
// decaying histograms of the Kubernetes Vertical Pod Autoscaler. A value read
// from it is at most a quarter too high, and at most some four hours.
//
// The zero value has learned nothing.
type durations struct {
	Weights []float64 // per bucket; nil: nothing yet
	Total   float64   // their sum
}

const (
	durationLeast   = 100 * time.Millisecond // what is shorter counts as this
	durationGrowth  = 1.25
	durationBuckets = 54 // up to about 4 h
	durationDecay   = 0.97
	// durationEnough is the weight from which what was learned is believed.
	durationEnough = 2.5
)

// add notes that it took d. What took no time, or went back, was not seen.
func (h *durations) add(d time.Duration) {
	if d <= 0 {
		return
	}
	if h.Weights == nil {
		h.Weights = make([]float64, durationBuckets)
	}
	for i := range h.Weights {
		h.Weights[i] *= durationDecay
	}
	i := 0
	for bound := float64(durationLeast); float64(d) > bound && i < durationBuckets-1; i++ {
		bound *= durationGrowth
	}
	h.Weights[i]++
	h.Total = float64(h.Total*durationDecay) + 1
}

// quantile returns how long the fraction p takes at most; ok is false until
// enough was seen.
func (h *durations) quantile(p float64) (d time.Duration, ok bool) {
	if h.Total < durationEnough {
		return 0, false
	}
	return bucketBound(h.bucket(p)), true
}

// bucket is that of the quantile p, of whatever was seen; -1 is of nothing.
func (h *durations) bucket(p float64) int {
	if h.Total <= 0 {
		return -1
	}
	sum := 0.0
	for i, w := range h.Weights {
		if sum += w; sum >= p*h.Total {
			return i
		}
	}
	return durationBuckets - 1
}

// bucketBound is the longest duration of a bucket.
func bucketBound(i int) time.Duration {
	bound := float64(durationLeast)
	for range i {
		bound *= durationGrowth
	}
	return time.Duration(bound)
}

// orElse is the quantile p, or an estimate until enough was seen.
func (h *durations) orElse(p float64, estimate time.Duration) time.Duration {
	if d, ok := h.quantile(p); ok {
		return d
	}
	return estimate
}

func (h *durations) check() error {
	if h.Weights != nil && len(h.Weights) != durationBuckets {
		return fmt.Errorf("a histogram of %d buckets, not %d", len(h.Weights), durationBuckets)
	}
	for _, w := range append([]float64{h.Total}, h.Weights...) {
		if !(w >= 0 && w <= 1/(1-durationDecay)+1) {
			return fmt.Errorf("a weight of %v in a histogram", w)
		}
	}
	return nil
}

// usual is what something takes that is done for many, by what was seen of each:
// how many have their longest of ten in each bucket. It does not depend on the
// order in which they were seen, and need not be saved.
type usual struct {
	in    [durationBuckets]int
	all   int           // the sum of in
	takes time.Duration // nine in ten at most; 0: nothing was seen
}

// count takes h in, or out again with -1.
func (u *usual) count(h *durations, by int) {
	i := h.bucket(0.9)
	if i < 0 {
		return
	}
	u.in[i] += by
	u.all += by
	if u.takes = 0; u.all > 0 {
		sum, i := u.in[0], 0
		for ; 10*sum < 9*u.all; sum += u.in[i] {
			i++
		}
		u.takes = bucketBound(i)
	}
}

// orElse is the estimate, if there is one, else what is usual.
func (u *usual) orElse(estimate time.Duration) time.Duration {
	if estimate > 0 {
		return estimate
	}
	return u.takes
}

// recountTimes counts anew what the models and groups have learned.
func (p *Planner) recountTimes() {
	p.loads, p.boots = usual{}, usual{}
	for _, m := range p.models {
		p.loads.count(&m.loads, 1)
	}
	for _, g := range p.groups {
		p.boots.count(&g.boots, 1)
	}
}

// A starting thing was seen on its way since an instant.
type startingSince map[string]time.Time

// learn compares what is seen now with what was on its way before: what has
// arrived since took so long. began tells of each name since when it is on its
// way (zero: it is not), arrived since when it is there (zero: it is not).
func (s startingSince) learn(h *durations, name string, began, arrived time.Time) {
	switch was, known := s[name]; {
	case !began.IsZero():
		s[name] = began
	case known && !arrived.IsZero():
		h.add(arrived.Sub(was))
		delete(s, name)
	}
}

// learnTimes notes how long boots took that have come to an end.
func (g *group) learnTimes(all *usual) {
	if g.starting == nil {
		g.starting = startingSince{}
	}
	if g.tally.booting+len(g.starting) == 0 {
		return
	}
	all.count(&g.boots, -1)
	defer all.count(&g.boots, 1)
	for i := range g.state.Servers {
		s := &g.state.Servers[i]
		if s.Phase == Booting {
			g.starting.learn(&g.boots, s.Name, s.Since, time.Time{})
		} else {
			g.starting.learn(&g.boots, s.Name, time.Time{}, s.Since)
		}
	}
	forgetGone(g.starting, len(g.state.Servers), g.serverNamed)
}

// learnTimes notes how long loads took that have come to an end.
func (m *model) learnTimes(all *usual) {
	if m.still && len(m.starting) == 0 {
		return
	}
	if m.loading+len(m.starting) == 0 && !slices.ContainsFunc(m.places, func(at place) bool { return at.phase == Loading }) {
		return
	}
	all.count(&m.loads, -1)
	defer all.count(&m.loads, 1)
	for _, at := range m.places {
		if !m.owns(at) {
			continue
		}
		r, server := at.replica(), at.name()
		switch r.Phase {
		case Loading:
			if m.starting == nil {
				m.starting = startingSince{}
			}
			m.starting.learn(&m.loads, server, r.Since, time.Time{})
		case Loaded, Serving:
			m.starting.learn(&m.loads, server, time.Time{}, r.Since)
		default:
			delete(m.starting, server)
		}
	}
	forgetGone(m.starting, len(m.places), func(server string) bool {
		for _, at := range m.places {
			if m.owns(at) && at.name() == server {
				return true
			}
		}
		return false
	})
}

// forgetGone drops what is seen no more, once that could be some of it.
func forgetGone(s startingSince, seen int, there func(string) bool) {
	if len(s) == 0 {
		return
	}
	for name := range s {
		if seen == 0 || !there(name) {
			delete(s, name)
		}
	}
}

func (g *group) serverNamed(name string) bool {
	_, found := slices.BinarySearchFunc(g.state.Servers, name, func(s ServerState, name string) int { return cmp.Compare(s.Name, name) })
	return found
}

// lead is how long a new replica takes from order to ready, and nine in ten of
// them at most: what was learned, else the estimates, else what is usual for
// other models and groups.
func (p *Planner) lead(m *model) time.Duration {
	load := m.loads.orElse(0.9, p.loads.orElse(m.LoadTime))
	if m.group.pool != nil { // on a server that is there
		return load
	}
	return load + m.group.boots.orElse(0.9, p.boots.orElse(m.group.BootTime))
}

// overdueFactor is for how many times what nine in ten take a start is waited
// for before it no longer counts.
const overdueFactor = 3

// overdue reports whether a replica has been loading for so long that another
// is needed in its place.
func (m *model) overdue(r *ReplicaState, now time.Time) bool {
	if r.Phase != Loading || r.Since.IsZero() {
		return false
	}
	d, ok := m.loads.quantile(0.9)
	if !ok {
		d = m.LoadTime
	}
	return d > 0 && now.Sub(r.Since) > overdueFactor*d
}

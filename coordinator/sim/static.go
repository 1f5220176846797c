package sim

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// A Static is a count for each model that never changes.
type Static struct {
	Schedule
	Counts map[string]int // replicas by model
}

// BestStatic returns the cheapest counts found, one per model and never changed,
// under which at most the share 1-target of all requests miss, target in (0, 1]:
// the best that sizing by hand could have done, in hindsight. open is called
// twice and must give the same workload. Options are used as by Clairvoyant.
//
// A model's misses are known exactly for every count. Among the models, counts
// are chosen by one price for a miss (which is best for what it then misses), and
// what is left of the share goes to whoever saves most with it.
func BestStatic(open func() (Workload, error), o Options, target float64, progress func(time.Duration)) (Static, error) {
	if err := o.Validate(); err != nil {
		return Static{}, err
	}
	if o.Servers != nil {
		return Static{}, errors.New("sim: best static: it is of models that stand alone, not of shared servers")
	}
	if !(target > 0 && target <= 1) {
		return Static{}, fmt.Errorf("sim: best static: the share to serve in time must be in (0, 1], is %v", target)
	}
	var requests int64
	count := func(c *Chunk) {
		for _, s := range c.Streams {
			for _, q := range s.Requests {
				if q.At >= o.Warmup && int64(q.At) < seconds(o.Seconds) {
					requests++
				}
			}
		}
	}
	if err := each(open, count); err != nil {
		return Static{}, err
	}
	allowed := int64((1 - target) * float64(requests) * (1 + 1e-12))
	var models []*sizes
	feed := func(c *Chunk) {
		for i, s := range c.Streams {
			if i == len(models) {
				models = append(models, newSizes(&o, s.Model, c.From, allowed))
			}
			models[i].take(s.Requests)
		}
		if progress != nil {
			progress(c.To)
		}
	}
	if err := each(open, feed); err != nil {
		return Static{}, err
	}
	return choose(models, allowed, requests), nil
}

// each goes through a workload.
func each(open func() (Workload, error), do func(*Chunk)) error {
	w, err := open()
	if err != nil {
		return err
	}
	if c, ok := w.(io.Closer); ok {
		defer c.Close()
	}
	var c Chunk
	for {
		err := w.Next(&c)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		do(&c)
	}
}

// sizes are all counts of one model that may be enough, side by side.
type sizes struct {
	model   string
	options *Options
	hours   float64 // that each replica costs
	allowed int64
	list    []*size // by count, ascending, without gaps
}

// size is a model with one count.
type size struct {
	n      int
	free   []int64 // when each slot is free: a heap
	missed int64
}

func newSizes(o *Options, model string, entered time.Duration, allowed int64) *sizes {
	b := bill{from: int64(o.Warmup), end: seconds(o.Seconds)}
	m := &sizes{model: model, options: o, allowed: allowed, hours: time.Duration(b.charge(int64(entered), b.end)).Hours()}
	m.list = append(m.list, &size{n: o.Min, free: make([]int64, o.Min*o.Slots)})
	return m
}

// take lives through requests with every count. The largest has never let one
// wait; before it does it is copied with a replica more. What misses too much is
// dropped.
func (m *sizes) take(reqs []Request) {
	end, warm, limit := seconds(m.options.Seconds), m.options.Warmup, int64(m.options.Wait)
	for _, q := range reqs {
		if int64(q.At) >= end {
			break
		}
		for top := m.list[len(m.list)-1]; len(top.free) == 0 || top.free[0] > int64(q.At); top = m.list[len(m.list)-1] {
			free := slices.Concat(make([]int64, m.options.Slots), top.free) // idle ones in front: still a heap
			slices.Sort(free)
			m.list = append(m.list, &size{n: top.n + 1, free: free, missed: top.missed})
		}
		for _, x := range m.list {
			start := int64(math.MaxInt64)
			if len(x.free) > 0 {
				start = max(int64(q.At), x.free[0])
				settle(x.free, start+int64(q.Service))
			}
			if q.At >= warm && start-int64(q.At) > limit {
				x.missed++
			}
		}
		for len(m.list) > 1 && m.list[0].missed > m.allowed {
			m.list = m.list[1:]
		}
	}
}

// settle replaces the least of a heap.
func settle(h []int64, x int64) {
	i := 0
	for {
		c := 2*i + 1
		if c >= len(h) {
			break
		}
		if c+1 < len(h) && h[c+1] < h[c] {
			c++
		}
		if h[c] >= x {
			break
		}
		h[i] = h[c]
		i = c
	}
	h[i] = x
}

// at is the cheapest count when a miss has a price, the larger of equals.
func (m *sizes) at(price float64) *size {
	best, least := m.list[len(m.list)-1], math.Inf(1)
	for _, x := range slices.Backward(m.list) {
		if cost := float64(x.n)*m.hours + price*float64(x.missed); cost < least {
			best, least = x, cost
		}
	}
	return best
}

// choose picks a count for each model.
func choose(models []*sizes, allowed, requests int64) Static {
	picked := make([]*size, len(models))
	pick := func(price float64) (missed int64) {
		for i, m := range models {
			picked[i] = m.at(price)
			missed += picked[i].missed
		}
		return missed
	}
	cheap, dear := 1e-12, 1e12 // too cheap, dear enough
	for range 120 {
		if middle := math.Sqrt(cheap * dear); pick(middle) > allowed {
			cheap = middle
		} else {
			dear = middle
		}
	}
	missed := pick(dear)
	for { // one replica less where that is worth most and still allowed
		best, saved := -1, 0.0
		for i, m := range models {
			if j := picked[i].n - m.list[0].n; j > 0 && missed-picked[i].missed+m.list[j-1].missed <= allowed && m.hours > saved {
				best, saved = i, m.hours
			}
		}
		if best < 0 {
			break
		}
		m := models[best]
		less := m.list[picked[best].n-m.list[0].n-1]
		missed += less.missed - picked[best].missed
		picked[best] = less
	}
	out := Static{Schedule: Schedule{Requests: requests, Missed: missed}, Counts: map[string]int{}}
	for i, m := range models {
		out.Counts[m.model] = picked[i].n
		out.ReplicaHours += float64(picked[i].n) * m.hours
	}
	return out
}

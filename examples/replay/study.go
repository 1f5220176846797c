package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/coordinator/sim/trace"
)

// A study replays one trace under several policies and seeds.
type study struct {
	trace   *trace.Trace
	draw    trace.Options // Seed is that of the first
	options sim.Options   // Seconds is told from the trace
	setups  []sim.Setup
	seeds   int
	refs    bool // the lower bound and best counts of the first seed
	v       bool // the clairvoyant schedule of each seed
}

// share puts all models on shared servers. Each policy then sizes the servers on
// the sum of all streams, and the copies of each model on its own; under Seldon's
// rule the servers follow the copies.
func (s *study) share(slots int, memory int64, overcommit float64, service trace.Service) {
	models, mean := s.trace.Catalog(service)
	s.options.Servers = &sim.Servers{Slots: slots, Memory: memory, Overcommit: overcommit, Models: models, MeanService: mean}
	for i := range s.setups {
		if x := &s.setups[i]; x.Name != "seldon-lag" {
			x.Pool = x.Policy
		}
	}
}

// found is what a study has found.
type found struct {
	results  [][]sim.Result // by seed, then by setup
	v        []sim.Schedule // by seed; nil if not asked for
	bound    float64        // of the first seed, replica-hours; 0 if not asked for
	static   *sim.Static    // of the first seed; nil if not asked for
	requests int64          // of the first seed
	models   int
	length   time.Duration
	took     time.Duration
}

// reference is the share of requests that clairvoyant schedules, the lower bound
// and the best counts serve in time.
const reference = 0.999

// length is how much of the trace is replayed.
func (s *study) length() (time.Duration, error) {
	w, err := s.trace.Open(s.draw)
	if err != nil {
		return 0, err
	}
	defer w.Close()
	return w.Length(), nil
}

// run does the work, as much at once as there are processors.
func (s *study) run(bar *progress) (*found, error) {
	length, err := s.length()
	if err != nil {
		return nil, err
	}
	if s.options.Warmup >= length {
		return nil, fmt.Errorf("nothing is left to count: -warmup %v of %v", s.options.Warmup, length)
	}
	began := time.Now()
	out := &found{length: length}
	o := s.options
	o.Seconds = length.Seconds()
	var mu sync.Mutex
	trials := make([]sim.Trial, s.seeds)
	for i := range trials {
		o.Seed = s.draw.Seed + uint64(i)
		trials[i] = sim.Trial{Options: o, Setups: s.setups, Open: func() (sim.Workload, error) {
			w, err := s.trace.Open(s.drawn(i))
			if err == nil && i == 0 {
				return &counted{Replay: w, into: out, mu: &mu}, nil
			}
			return w, err
		}}
	}
	bar.begin("", time.Duration(s.seeds)*length)
	if out.results, err = sim.Trials(trials, bar.show); err != nil {
		return nil, err
	}
	out.took = time.Since(began)
	if out.requests == 0 {
		return nil, fmt.Errorf("%s: no request is left to replay", s.trace.Name)
	}
	return out, s.references(out, o, bar)
}

func (s *study) drawn(seed int) trace.Options {
	d := s.draw
	d.Seed += uint64(seed)
	return d
}

// references finds what there is to compare with.
func (s *study) references(out *found, o sim.Options, bar *progress) error {
	n := 0
	if s.v {
		n = s.seeds
	}
	out.v = make([]sim.Schedule, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	limit := make(chan struct{}, 2)
	for i := range n {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			w, err := s.trace.Open(s.drawn(i))
			if err != nil {
				errs[i] = err
				return
			}
			defer w.Close()
			out.v[i], errs[i] = sim.Clairvoyant(w, o, reference, nil)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if !s.refs {
		return nil
	}
	open := func() (sim.Workload, error) { return s.trace.Open(s.drawn(0)) }
	w, err := s.trace.Open(s.drawn(0))
	if err != nil {
		return err
	}
	defer w.Close()
	bar.begin("bound ", out.length)
	if out.bound, err = sim.LowerBound(w, o, reference, bar.show); err != nil {
		return err
	}
	bar.begin("static ", out.length)
	static, err := sim.BestStatic(open, o, reference, bar.show)
	bar.clear()
	out.static = &static
	return err
}

// counted notes how much was replayed when it is closed.
type counted struct {
	*trace.Replay
	into *found
	mu   *sync.Mutex
}

func (c *counted) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.into.requests, c.into.models = c.Requests(), c.Models()
	return c.Replay.Close()
}

// figures are one figure of a setup by seed.
func (f *found) figures(setup int, of func(*sim.Result) float64) []float64 {
	var out []float64
	for i := range f.results {
		out = append(out, of(&f.results[i][setup]))
	}
	return out
}

// The figures that reports tell with their confidence.
func missed(r *sim.Result) float64 { return r.Percent() }
func cost(r *sim.Result) float64   { return r.ReplicaHours }
func worst(r *sim.Result) float64  { return r.WorstModelPercent }
func churn(r *sim.Result) float64  { return float64(r.Churn) }

func (f *found) estimate(setup int, of func(*sim.Result) float64) sim.Estimate {
	return sim.Estimated(f.figures(setup, of))
}

// vCost and vMissed are the means over seeds of the clairvoyant schedules.
func (f *found) vCost() (hours, missed float64) {
	for i := range f.v {
		hours += f.v[i].ReplicaHours / float64(len(f.v))
		missed += f.v[i].Percent() / float64(len(f.v))
	}
	return hours, missed
}

// points are the means of all setups.
func (f *found) points() []sim.Point {
	var out []sim.Point
	for i := range f.results[0] {
		out = append(out, sim.Point{Missed: f.estimate(i, missed).Mean, Cost: f.estimate(i, cost).Mean})
	}
	return out
}

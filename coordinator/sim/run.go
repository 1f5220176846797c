package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// Run replays the workload under every setup, in lockstep, and returns their
// results in order. progress, if not nil, is told how far it has come, from one
// goroutine. The error is that of the options, the workload, or a policy whose
// configuration is not valid.
func Run(w Workload, o Options, setups []Setup, progress func(time.Duration)) ([]Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	runs := make([]replayer, len(setups))
	for i, s := range setups {
		runs[i] = newReplayer(o, s)
	}
	stop := make(chan struct{})
	chunks, free := produce(w, stop)
	defer func() { // the workload is the caller's again
		close(stop)
		for range chunks {
		}
	}()
	var before *Chunk // stations borrow from it until they are fed the next
	for made := range chunks {
		if made.err != nil {
			return nil, made.err
		}
		if err := replay(runs, made.chunk); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(made.chunk.To)
		}
		if before != nil {
			free <- before
		}
		before = made.chunk
	}
	results := make([]Result, len(runs))
	for i, r := range runs {
		results[i] = r.finish()
	}
	return results, nil
}

// A replayer is one policy's replay.
type replayer interface {
	chunk(*Chunk) error
	finish() Result
}

func newReplayer(o Options, s Setup) replayer {
	if o.Servers != nil {
		return newSharedRun(o, s)
	}
	return newRun(o, s)
}

type made struct {
	chunk *Chunk
	err   error // the last one
}

// produce draws chunks ahead of their use. Three go round: one that is borrowed
// from, one in use, one being drawn.
func produce(w Workload, stop <-chan struct{}) (chunks <-chan made, free chan<- *Chunk) {
	out, back := make(chan made), make(chan *Chunk, 3)
	for range 3 {
		back <- &Chunk{}
	}
	go func() {
		defer close(out)
		for {
			var m made
			select {
			case <-stop:
				return
			case m.chunk = <-back:
			}
			m.err = w.Next(m.chunk)
			if errors.Is(m.err, io.EOF) {
				return
			}
			select {
			case <-stop:
				return
			case out <- m:
			}
			if m.err != nil {
				return
			}
		}
	}()
	return out, back
}

// replay runs one chunk through every run, as many at once as there are
// processors. Runs share nothing that changes.
func replay(runs []replayer, c *Chunk) error {
	errs := make([]error, len(runs))
	var wg sync.WaitGroup
	limit := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, r := range runs {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			errs[i] = r.chunk(c)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// run is one policy's replay of isolated models.
type run struct {
	options Options
	setup   Setup
	fleet   *fleet
	planner *coordinator.Planner
	decl    coordinator.Declarations
	samples []coordinator.Sample

	nextTick int64
	lastPlan int64
	planned  bool
	waits    histogram
	churn    int64
	peak     int
	allWork  time.Duration // of requests since warm-up
	history  *history
	result   Result
	watch    watcher // nil but in tests
}

// A watcher sees every plan, and every action just before it is applied.
type watcher interface {
	planned(coordinator.Snapshot, coordinator.Plan) error
	acting(coordinator.World, coordinator.Action) error
}

func newRun(o Options, s Setup) *run {
	f := newFleet(o)
	f.bill = bill{from: int64(o.Warmup), end: seconds(o.Seconds)}
	r := &run{options: o, setup: s, fleet: f}
	if o.Points > 0 {
		r.history = newHistory(o.Points, f.bill.end)
	}
	return r
}

func seconds(s float64) int64 { return int64(math.Round(s * 1e9)) }

// chunk replays the requests of one chunk.
func (r *run) chunk(c *Chunk) error {
	r.fleet.now = int64(c.From)
	if err := r.enter(c); err != nil {
		return err
	}
	if len(r.fleet.stations) == 0 {
		r.nextTick = int64(c.To)
		return nil // nothing to scale yet
	}
	for i, s := range c.Streams {
		r.fleet.stations[i].feed(s.Requests)
		if r.history != nil {
			r.history.arrive(i, s.Model, s.Requests)
			if sc := &r.fleet.stations[i].score; sc.when == nil {
				sc.when = &misses{r.history, r.history.models[i].Missed}
			}
		}
		for _, q := range s.Requests {
			if q.At >= r.options.Warmup {
				r.allWork += q.Service
			}
		}
	}
	for {
		t, what := r.next()
		if t >= int64(c.To) || t >= r.fleet.bill.end {
			break
		}
		for _, u := range r.fleet.stations {
			u.advance(t)
		}
		r.fleet.now = t
		if what&isSecond != 0 {
			r.fleet.tickSecond()
		}
		if what&isPlan != 0 {
			if err := r.plan(what&isTick != 0); err != nil {
				return err
			}
		}
	}
	for _, u := range r.fleet.stations {
		u.advance(min(int64(c.To), r.fleet.bill.end))
	}
	return nil
}

const (
	isSecond = 1 << iota
	isPlan
	isTick
)

// next is when something happens next, and what.
func (r *run) next() (t int64, what int) {
	f := r.fleet
	last := int64(-1) // of the whole seconds that were read
	if len(f.stations) > 0 && len(f.stations[0].marks) > 0 {
		m := f.stations[0].marks
		last = m[len(m)-1].at
	}
	sec := last + second
	if last < 0 {
		sec = (f.now + second - 1) / second * second
	}
	t, what = sec, isSecond
	soonest := func(at int64, w int) {
		switch {
		case at < t:
			t, what = at, w
		case at == t:
			what |= w
		}
	}
	soonest(r.nextTick, isPlan|isTick)
	if len(f.events) > 0 {
		// An event of the very instant that was planned is seen a moment later.
		at := f.events[0]
		if r.planned && at <= r.lastPlan {
			at = r.lastPlan + int64(time.Millisecond)
		}
		soonest(at, isPlan)
	}
	return t, what
}

// plan is one turn of the control loop.
func (r *run) plan(tick bool) error {
	f := r.fleet
	if tick {
		r.nextTick = f.now + int64(r.options.Tick)
	}
	f.due(f.now)
	ctx := context.Background()
	r.samples, _ = f.Read(ctx, r.planner.Wants(), r.samples[:0])
	world, _ := f.Observe(ctx)
	snapshot := coordinator.Snapshot{Now: instant(f.now), Samples: r.samples, World: world}
	plan := r.planner.Plan(snapshot)
	r.planned, r.lastPlan = true, f.now
	if len(plan.Faults) > 0 {
		return fmt.Errorf("sim: %s: at %v: %s", r.setup.Name, time.Duration(f.now), plan.Faults[0])
	}
	if r.watch != nil {
		if err := r.watch.planned(snapshot, plan); err != nil {
			return err
		}
	}
	for _, a := range plan.Now {
		if r.watch != nil {
			if err := r.watch.acting(f.world, a); err != nil {
				return err
			}
		}
		if err := f.Apply(ctx, a); err != nil {
			return fmt.Errorf("sim: %s: at %v: %w", r.setup.Name, time.Duration(f.now), err)
		}
	}
	counted := f.now >= int64(r.options.Warmup)
	for i := range plan.Models {
		m := &plan.Models[i]
		if m.Desired == m.Was {
			continue
		}
		if counted {
			r.churn += int64(max(m.Desired-m.Was, m.Was-m.Desired))
		}
		if len(r.result.Decisions) < r.options.Decisions {
			r.result.Decisions = append(r.result.Decisions, Decided{
				At: time.Duration(f.now), Model: m.Model, From: m.Was, To: m.Desired, Why: m.Decision.String(),
			})
		} else if r.options.Decisions > 0 {
			r.result.DecisionsLeftOut++
		}
	}
	if counted {
		r.peak = max(r.peak, f.replicas)
	}
	if r.history != nil {
		r.history.note(f.now, &plan, func(model string) (int, int, bool) {
			u := f.byModel[model]
			return u.index, u.waiting(), true
		})
	}
	return nil
}

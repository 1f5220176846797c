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
	"github.com/bellows-go/bellows/policy"
)

// Options are the world that every policy meets. Fields without a default must
// be set.
type Options struct {
	Seconds float64 // the length of the workload, > 0

	Slots  int           // requests a replica serves at once, >= 1
	Wait   time.Duration // the longest wait for a slot that is no miss, >= 0
	Tick   time.Duration // between plans, > 0
	Start  time.Duration // from the order to load a model to loaded, >= 0
	Boot   time.Duration // from the order of a server to up, >= 0
	Warmup time.Duration // not counted at the start, >= 0
	Min    int           // replicas of each model at least, >= 0
	Max    int           // and at most; 0 is 10,000

	Points    int // of the history in each Result; 0 keeps none
	Decisions int // kept of each Result, at most; 0 keeps none

	// Servers makes models share servers; nil: each stands alone. With it, Slots
	// only says what a replica is where costs are reported, Min and Max bound the
	// copies of each model, Start is the time that a copy takes to load and Boot that
	// of a server.
	Servers *Servers
}

// Validate reports every fault of o.
func (o Options) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(o.Seconds > 0 && o.Seconds < 1e9, "Seconds must be in (0, 1e9), is %v", o.Seconds)
	need(o.Slots >= 1 && o.Slots <= 1e6, "Slots must be in [1, 1e6], is %d", o.Slots)
	need(o.Wait >= 0 && o.Wait <= maxTime, "Wait must be in [0, %v], is %v", maxTime, o.Wait)
	need(o.Tick > 0 && o.Tick <= maxTime, "Tick must be in (0, %v], is %v", maxTime, o.Tick)
	need(o.Start >= 0 && o.Start <= maxTime, "Start must be in [0, %v], is %v", maxTime, o.Start)
	need(o.Boot >= 0 && o.Boot <= maxTime, "Boot must be in [0, %v], is %v", maxTime, o.Boot)
	need(o.Warmup >= 0 && o.Warmup.Seconds() < o.Seconds, "Warmup must be >= 0 and leave something of %v s to count, is %v", o.Seconds, o.Warmup)
	need(o.Min >= 0, "Min must be >= 0, is %d", o.Min)
	need(o.Max >= 0 && (o.Max == 0 || o.Max >= o.Min), "Max must be 0 or >= Min, is %d", o.Max)
	need(o.Points >= 0, "Points must be >= 0, is %d", o.Points)
	need(o.Decisions >= 0, "Decisions must be >= 0, is %d", o.Decisions)
	if o.Servers != nil {
		if err := o.Servers.validate(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("sim: options: %w", errors.Join(errs...))
	}
	return nil
}

// maxTime keeps sums of times far within what a duration holds.
const maxTime = 100_000 * time.Hour

// A Setup is a policy to be replayed: Policy makes the configuration of one
// model's. It is called once for each model and must give equal answers to
// equal calls.
type Setup struct {
	Name   string
	Policy func(ModelInfo) policy.Config
	// Pool makes the configuration of the policy that sizes shared servers by the sum
	// of what comes in; it is told of all models as if they were one. nil: there are
	// as many servers as the copies need.
	Pool func(ModelInfo) policy.Config
}

// ModelInfo is what a user would know of a model beforehand.
type ModelInfo struct {
	Name        string
	MeanService time.Duration // > 0
	Slots       int           // requests a replica serves at once
}

// Run replays the workload under every setup, in lockstep, and returns their
// results in order. progress, if not nil, is told how far it has come, from one
// goroutine. The error is that of the options, the workload, or a policy whose
// configuration is not valid.
func Run(w Workload, o Options, setups []Setup, progress func(time.Duration)) ([]Result, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Max == 0 {
		o.Max = max(10_000, o.Min)
	}
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
		r.history.note(f, &plan)
	}
	return nil
}

// enter declares the models that are new in a chunk.
func (r *run) enter(c *Chunk) error {
	first := len(r.fleet.stations)
	for _, s := range c.Streams[first:] {
		info := ModelInfo{Name: s.Model, MeanService: s.MeanService, Slots: r.options.Slots}
		r.decl.Models = append(r.decl.Models, coordinator.Model{
			Name: s.Model, Group: s.Model, Needs: coordinator.Resources{"replica": 1},
			Min: r.options.Min, Max: r.options.Max, Policy: r.setup.Policy(info),
			Slots: r.options.Slots, LoadTime: r.options.Start, DrainTimeout: 1000 * time.Hour,
		})
		r.decl.Groups = append(r.decl.Groups, coordinator.ServerGroup{
			Name: s.Model, Capacity: coordinator.Resources{"replica": 1}, Max: r.options.Max, BootTime: r.options.Boot,
		})
		r.fleet.enter(s.Model, r.firstCount(c, &s), &r.waits)
	}
	if first == len(r.fleet.stations) {
		return nil
	}
	var err error
	if r.planner == nil {
		r.planner, err = coordinator.NewPlanner(r.decl, coordinator.PlannerOptions{})
	} else {
		err = r.planner.Update(r.decl)
	}
	if err != nil {
		return fmt.Errorf("sim: %s: %w", r.setup.Name, err)
	}
	return nil
}

// firstCount is how many replicas a model starts with: 70 % used by the first
// minute.
func (r *run) firstCount(c *Chunk, s *Stream) int {
	var work time.Duration
	for _, q := range s.Requests {
		if q.At < c.From+time.Minute {
			work += q.Service
		}
	}
	n := int(math.Ceil(work.Seconds() / 60 / float64(r.options.Slots) / 0.7))
	return min(max(n, r.options.Min), r.options.Max)
}

// finish ends the replay. What waits at the end may still start in time.
func (r *run) finish() Result {
	f := r.fleet
	f.now = f.bill.end
	f.settle()
	res := &r.result
	res.Policy = r.setup.Name
	worst := -1.0
	for _, u := range f.stations {
		u.advance(f.bill.end + int64(r.options.Wait) + 1)
		s := &u.score
		for _, q := range u.reqs[u.head:] {
			if q.At >= r.options.Warmup {
				s.requests++
				s.missed++
				res.Unserved++
				s.waits.add(max(f.bill.end-int64(q.At), 0) + int64(r.options.Wait))
			}
		}
		res.Requests += s.requests
		res.Missed += s.missed
		m := ModelResult{Model: u.name, Requests: s.requests, Missed: s.missed}
		res.Models = append(res.Models, m)
		if s.requests >= worstOf {
			worst = max(worst, m.Percent())
		}
	}
	if worst < 0 { // no model has that many: the worst of all
		for _, m := range res.Models {
			worst = max(worst, m.Percent(), 0)
		}
	}
	res.WorstModelPercent = max(worst, 0)
	res.WaitP50, res.WaitP99, res.WaitP999 = r.waits.quantile(0.5), r.waits.quantile(0.99), r.waits.quantile(0.999)
	res.ReplicaHours = time.Duration(f.bill.replicas).Hours()
	res.ServerHours = time.Duration(f.bill.servers).Hours()
	res.WorkBoundReplicaHours = r.allWork.Hours() / float64(r.options.Slots)
	res.Churn, res.PeakReplicas = r.churn, r.peak
	if r.history != nil {
		res.History = r.history.points(r.options.Slots)
	}
	return *res
}

package sim

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// sharedRun is one policy's replay on shared servers.
type sharedRun struct {
	options Options
	setup   Setup
	fleet   *sharedFleet
	planner *coordinator.Planner
	decl    coordinator.Declarations
	samples []coordinator.Sample

	streams  []*tenant // as Chunk.Streams
	arrivals []arrival // of the chunk, ascending
	merging  []head

	nextTick int64
	lastPlan int64
	planned  bool
	waits    histogram
	peak     int
	allWork  time.Duration // of requests since warm-up
	history  *history
	result   Result
	watch    watcher // nil but in tests
}

// arrival is a request of some model.
type arrival struct {
	Request
	tenant *tenant
}

func newSharedRun(o Options, s Setup) *sharedRun {
	f := newSharedFleet(o)
	f.bill = bill{from: int64(o.Warmup), end: seconds(o.Seconds)}
	r := &sharedRun{options: o, setup: s, fleet: f}
	if o.Points > 0 {
		r.history = newHistory(o.Points, f.bill.end)
		r.history.servers = &track{Series: r.history.empty(group), noted: -1}
	}
	return r
}

// chunk replays the requests of one chunk.
func (r *sharedRun) chunk(c *Chunk) error {
	f := r.fleet
	f.now = int64(c.From)
	if err := r.enter(c); err != nil {
		return err
	}
	if len(f.tenants) == 0 {
		r.nextTick = int64(c.To)
		return nil // nothing to scale yet
	}
	r.arrivals, r.merging = merge(r.arrivals[:0], r.merging, c.Streams, r.streams)
	for i, s := range c.Streams {
		if r.history != nil {
			r.history.arrive(i, s.Model, s.Requests)
			if t := r.streams[i]; t.score.when == nil {
				t.score.when = &misses{r.history, r.history.models[i].Missed}
			}
		}
		for _, q := range s.Requests {
			if q.At >= r.options.Warmup {
				r.allWork += q.Service
			}
		}
	}
	come := 0
	live := func(until int64) {
		for ; come < len(r.arrivals) && int64(r.arrivals[come].At) < until; come++ {
			a := &r.arrivals[come]
			f.advance(int64(a.At))
			f.arrive(a.tenant, a.Request)
		}
		f.advance(until)
	}
	end := min(int64(c.To), f.bill.end)
	for {
		t, what := r.next()
		if t >= end {
			break
		}
		live(t)
		if what&isSecond != 0 {
			f.tickSecond()
		}
		if what&isPlan != 0 {
			if err := r.plan(what&isTick != 0); err != nil {
				return err
			}
		}
	}
	live(end)
	return nil
}

// next is when something happens next that is not the servers' own, and what.
func (r *sharedRun) next() (t int64, what int) {
	f := r.fleet
	t = (f.now + second - 1) / second * second
	if last, ok := f.lastSecond(); ok {
		t = last + second
	}
	what = isSecond
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
func (r *sharedRun) plan(tick bool) error {
	f := r.fleet
	if tick {
		r.nextTick = f.now + int64(r.options.Tick)
	}
	f.passed()
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
			if err := r.watch.acting(world, a); err != nil {
				return err
			}
		}
		if err := f.Apply(ctx, a); err != nil {
			return fmt.Errorf("sim: %s: at %v: %w", r.setup.Name, time.Duration(f.now), err)
		}
	}
	r.record(&plan)
	return nil
}

// record keeps what the result tells of a plan.
func (r *sharedRun) record(plan *coordinator.Plan) {
	f := r.fleet
	if f.now >= f.from {
		r.peak = max(r.peak, len(f.hosts))
	}
	if r.history != nil {
		r.history.note(f.now, plan, func(model string) (index, waiting int, ok bool) {
			t := f.byName[model]
			index = slices.Index(r.streams, t)
			return index, len(t.queue) - t.head, index >= 0 && index < len(r.history.models)
		})
		up := 0
		for i := range f.state[0].Servers {
			if f.state[0].Servers[i].Phase == coordinator.Up {
				up++
			}
		}
		r.history.servers.note(r.history.stepOf(f.now), f.state[0].Desired, up, 0)
	}
	for i := range plan.Models {
		m := &plan.Models[i]
		if m.Desired == m.Was {
			continue
		}
		if len(r.result.Decisions) < r.options.Decisions {
			r.result.Decisions = append(r.result.Decisions, Decided{
				At: time.Duration(f.now), Model: m.Model, From: m.Was, To: m.Desired, Why: m.Decision.String(),
			})
		} else if r.options.Decisions > 0 {
			r.result.DecisionsLeftOut++
		}
	}
}

// enter declares the models that are new, and starts the servers with the first.
func (r *sharedRun) enter(c *Chunk) error {
	f := r.fleet
	first := r.planner == nil
	had := len(f.tenants)
	if first {
		for _, m := range r.options.Servers.Models {
			r.declare(m)
		}
	}
	for _, s := range c.Streams[len(r.streams):] {
		if f.byName[s.Model] == nil {
			r.declare(ModelInfo{Name: s.Model, MeanService: s.MeanService})
		}
		r.streams = append(r.streams, f.byName[s.Model])
	}
	if len(f.tenants) == had {
		return nil
	}
	if !first {
		if err := r.planner.Update(r.decl); err != nil {
			return fmt.Errorf("sim: %s: %w", r.setup.Name, err)
		}
		return nil
	}
	r.furnish(c)
	r.decl.Groups = []coordinator.ServerGroup{r.servers()}
	var err error
	if r.planner, err = coordinator.NewPlanner(r.decl, coordinator.PlannerOptions{}); err != nil {
		return fmt.Errorf("sim: %s: %w", r.setup.Name, err)
	}
	return nil
}

// declare adds a model to the fleet and the declarations.
func (r *sharedRun) declare(m ModelInfo) {
	o := &r.options
	m.MeanService = o.told(m.MeanService)
	m.Slots, m.Wait, m.Min, m.Max = o.Servers.Slots, o.Wait, o.Min, o.Max
	r.fleet.enter(m.Name, &r.waits)
	x := coordinator.Model{
		Name: m.Name, Group: group, Needs: coordinator.Resources{"memory": o.Servers.size(m.Name)},
		Min: o.Min, Max: o.Max, Policy: r.setup.Policy(m),
		Slots: m.Slots, LoadTime: o.Start, DrainTimeout: 1000 * time.Hour,
	}
	if o.Untold {
		x.LoadTime = 0
	}
	r.decl.Models = append(r.decl.Models, x)
}

// servers declares the group.
func (r *sharedRun) servers() coordinator.ServerGroup {
	s := r.options.Servers
	most := s.Max
	if most == 0 {
		most = 10_000
	}
	g := coordinator.ServerGroup{
		Name: group, Capacity: coordinator.Resources{"memory": s.Memory},
		Min: s.Min, Max: max(most, 1), BootTime: r.options.Boot,
	}
	if s.Overcommit > 0 {
		g.Overcommit = map[string]float64{"memory": s.Overcommit}
	}
	if r.options.Untold {
		g.BootTime = 0
	}
	if r.setup.Pool != nil {
		all := ModelInfo{
			Name: group, MeanService: r.options.told(s.mean()), Slots: s.Slots,
			Wait: r.options.Wait, Min: g.Min, Max: g.Max,
		}
		g.Pool = &coordinator.Pool{Policy: r.setup.Pool(all), Slots: s.Slots}
	}
	return g
}

// furnish starts with servers for 70 % utilisation by the first minute's work, up,
// and copies by their share of it: one of each model while memory lasts, then one
// more wherever there is most work for each.
func (r *sharedRun) furnish(c *Chunk) {
	f := r.fleet
	work := make([]float64, len(f.tenants))
	sum := 0.0
	for i, s := range c.Streams {
		for _, q := range s.Requests {
			if q.At < c.From+time.Minute {
				work[r.streams[i].index] += q.Service.Seconds()
				sum += q.Service.Seconds()
			}
		}
	}
	s := r.options.Servers
	n := max(int(math.Ceil(sum/60/float64(s.Slots)/0.7)), s.Min)
	if s.Max > 0 {
		n = min(n, s.Max)
	}
	f.grow(n, 0)
	f.state[0].Desired = n
	copies := make([]int, len(f.tenants))
	order := slices.Clone(f.tenants)
	for {
		slices.SortStableFunc(order, func(a, b *tenant) int { // a copy of each comes before a second one of any
			x, y := copies[a.index], copies[b.index]
			if x == 0 || y == 0 {
				return cmp.Or(cmp.Compare(x, y), cmp.Compare(work[b.index], work[a.index]))
			}
			return cmp.Compare(work[b.index]/float64(y+1), work[a.index]/float64(x+1))
		})
		i := slices.IndexFunc(order, func(t *tenant) bool { return (copies[t.index] == 0 || work[t.index] > 0) && f.seat(t) })
		if i < 0 {
			return
		}
		copies[order[i].index]++
	}
}

// seat puts a copy that serves on the emptiest server that has room and none of
// the model, the oldest on a tie. It reports whether there is one.
func (f *sharedFleet) seat(t *tenant) bool {
	var best *host
	for _, s := range f.hosts {
		if s.find(t) == nil && s.resident()+t.size <= f.memory && (best == nil || s.resident() < best.resident()) {
			best = s
		}
	}
	if best == nil {
		return false
	}
	g := &guest{tenant: t, host: best, phase: coordinator.Serving, since: f.now, resident: true, used: f.now}
	best.guests = slices.Insert(best.guests, best.position(t), g)
	f.open(g)
	return true
}

// finish ends the replay. What waits at the end may still start in time.
func (r *sharedRun) finish() Result {
	f := r.fleet
	end := f.bill.end
	f.now = end
	f.settle()
	res := &r.result
	res.Policy = r.setup.Name
	f.advance(end + int64(r.options.Wait))
	for _, t := range r.streams {
		s := &t.score
		for _, q := range t.queue[t.head:] {
			if q.At >= r.options.Warmup {
				s.requests++
				s.missed++
				res.Unserved++
				s.when.add(int64(q.At))
				s.waits.add(max(end-int64(q.At), 0) + int64(r.options.Wait))
			}
		}
		res.Requests += s.requests
		res.Missed += s.missed
		res.ColdArrivals += t.cold
		res.Models = append(res.Models, ModelResult{Model: t.name, Requests: s.requests, Missed: s.missed})
	}
	res.WorstModelPercent = worstPercent(res.Models)
	res.WaitP50, res.WaitP99, res.WaitP999 = r.waits.quantile(0.5), r.waits.quantile(0.99), r.waits.quantile(0.999)
	res.ServerHours = time.Duration(f.bill.servers).Hours()
	perReplica := float64(f.slots) / float64(r.options.Slots)
	res.ReplicaHours = res.ServerHours * perReplica
	res.WorkBoundReplicaHours = r.allWork.Hours() / float64(r.options.Slots)
	res.Churn, res.PeakReplicas, res.FailedStarts = f.ordered+f.removed, r.peak, f.broken
	if r.history != nil {
		res.History = r.history.points(f.slots)
	}
	res.Loads = f.loads
	res.LoadsPerHour = float64(f.loads) / time.Duration(max(1, end-f.from)).Hours()
	return *res
}

// worstPercent is the largest share missed by a model with at least worstOf
// requests; of all if none has as many.
func worstPercent(models []ModelResult) float64 {
	worst, any := 0.0, 0.0
	some := false
	for _, m := range models {
		if any = max(any, m.Percent()); m.Requests >= worstOf {
			some, worst = true, max(worst, m.Percent())
		}
	}
	if !some {
		return any
	}
	return worst
}

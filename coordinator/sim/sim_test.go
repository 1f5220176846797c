package sim

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

// list is a workload of one chunk a minute.
type list struct {
	models  []string
	reqs    map[string][]Request // ascending
	mean    time.Duration
	minutes int
	at      int
}

func (l *list) Next(c *Chunk) error {
	if l.at == l.minutes {
		return io.EOF
	}
	c.From, c.To = time.Duration(l.at)*time.Minute, time.Duration(l.at+1)*time.Minute
	l.at++
	c.Streams = c.Streams[:0]
	for _, m := range l.models {
		s := Stream{Model: m, MeanService: l.mean}
		for _, q := range l.reqs[m] {
			if q.At >= c.From && q.At < c.To {
				s.Requests = append(s.Requests, q)
			}
		}
		c.Streams = append(c.Streams, s)
	}
	return nil
}

// poisson draws requests at a rate with exponential service.
func poisson(rng *rand.Rand, perSecond float64, mean time.Duration, length time.Duration) (reqs []Request) {
	for t := rng.ExpFloat64() / perSecond; t < length.Seconds(); t += rng.ExpFloat64() / perSecond {
		reqs = append(reqs, Request{time.Duration(t * 1e9), time.Duration(rng.ExpFloat64()*float64(mean)) + 1})
	}
	return reqs
}

// fixed wants n replicas whatever happens.
type fixed int

func (fixed) Validate() error                               { return nil }
func (fixed) Needs() policy.Needs                           { return policy.Needs{} }
func (n fixed) New(time.Time, int) policy.Policy            { return n }
func (n fixed) Decide(o policy.Observation) policy.Decision { return o.Propose("fixed", int(n)) }

func setup(name string, c policy.Config) Setup {
	return Setup{Name: name, Policy: func(ModelInfo) policy.Config { return c }}
}

var lagTrack = policy.Track{Signal: policy.Signal{Name: policy.InFlight, Stat: policy.Mean, Window: 10 * time.Second}, Value: 1.4, Tolerance: 0.1}

func options() Options {
	return Options{Seconds: 600, Slots: 2, Wait: time.Second, Tick: 2 * time.Second, Start: 7 * time.Second, Boot: 5 * time.Second, Min: 1}
}

// A station serves as a list of slots that is searched every time would.
func TestStationAgainstSlowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s station
		s.score = score{waits: &histogram{}, limit: 3, from: 0}
		var slots []int64 // when each is free; which is whose, the station alone says
		var queue, all []Request
		var waits []int64
		serve := func(until int64) {
			for len(queue) > 0 && len(slots) > 0 {
				slices.Sort(slots)
				start := max(slots[0], int64(queue[0].At))
				if start >= until {
					return
				}
				slots[0] = start + int64(queue[0].Service)
				waits = append(waits, start-int64(queue[0].At))
				queue = queue[1:]
			}
		}
		now, next := int64(0), int32(0)
		for range rapid.IntRange(1, 20).Draw(t, "events") {
			end := now + rapid.Int64Range(1, 20).Draw(t, "gap")
			var chunk []Request
			for range rapid.IntRange(0, 8).Draw(t, "requests") {
				chunk = append(chunk, Request{time.Duration(rapid.Int64Range(now, end-1).Draw(t, "at")), time.Duration(rapid.Int64Range(1, 15).Draw(t, "service"))})
			}
			slices.SortStableFunc(chunk, func(a, b Request) int { return int(a.At - b.At) })
			s.feed(chunk)
			queue = append(queue, chunk...)
			all = append(all, chunk...)
			s.advance(end)
			serve(end)
			now = end
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				n := rapid.IntRange(1, 3).Draw(t, "slots")
				s.open(next, n, now)
				slots = append(slots, slices.Repeat([]int64{now}, n)...)
				next++
			case 1:
				if next == 0 {
					continue
				}
				id := rapid.Int32Range(0, next-1).Draw(t, "closed")
				want := now
				for _, x := range s.slots {
					if x.vm == id {
						want = max(want, x.free)
						slots = slices.Delete(slots, slices.Index(slots, x.free), slices.Index(slots, x.free)+1)
					}
				}
				if got := s.close(id, now); got != want {
					t.Fatalf("closed at %d: drained at %d, want %d", now, got, want)
				}
				s.forget(id)
			}
			running := int64(0)
			for _, free := range slots {
				if free > now {
					running++
				}
			}
			if n, _ := s.running(now); n != running || s.waiting() != len(queue) || s.begun != int64(len(all)) {
				t.Fatalf("at %d: %d running, %d waiting, %d begun; want %d, %d, %d", now, n, s.waiting(), s.begun, running, len(queue), len(all))
			}
		}
		var h histogram
		missed := int64(0)
		for _, w := range waits {
			h.add(w)
			if w > 3 {
				missed++
			}
		}
		if h != *s.score.waits || missed != s.score.missed {
			t.Fatalf("waits differ: want %v and %d missed, got %d", waits, missed, s.score.missed)
		}
	})
}

func TestReopenTakesBackWhatDrains(t *testing.T) {
	var s station
	s.score = score{waits: &histogram{}}
	s.open(1, 2, 0)
	s.feed([]Request{{0, 100}, {60, 5}, {61, 5}})
	s.advance(50)
	require.EqualValues(t, 100, s.close(1, 50))
	s.advance(62)
	require.Equal(t, 2, s.waiting())
	s.reopen(1, 2, 62)
	require.Empty(t, s.draining)
	s.advance(200)
	require.EqualValues(t, 3, s.started, "one slot is free at once, one when its request ends")
	require.Zero(t, s.waiting())
}

func TestHistogramQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 1<<rapid.IntRange(1, 62).Draw(t, "bits")), 1, 50).Draw(t, "values")
		var h histogram
		for _, v := range values {
			h.add(v)
		}
		slices.Sort(values)
		q := rapid.Float64Range(0.01, 1).Draw(t, "q")
		exact := values[int(math.Ceil(q*float64(len(values))-1e-9))-1]
		got := int64(h.quantile(q))
		if got < exact || float64(got-exact) > float64(exact)/64 {
			t.Fatalf("%v-quantile of %v: %d, exactly %d", q, values, got, exact)
		}
	})
	require.Zero(t, (&histogram{}).quantile(0.5))
}

// With a fixed fleet and Poisson arrivals the share that waits is Erlang's C.
func TestErlangC(t *testing.T) {
	for _, c := range []struct {
		servers int
		rho     float64
	}{{1, 0.6}, {4, 0.8}, {12, 0.9}} {
		const mean = 100 * time.Millisecond
		perSecond := c.rho * float64(c.servers) / mean.Seconds()
		w := &list{models: []string{"m"}, mean: mean, minutes: 120}
		w.reqs = map[string][]Request{"m": poisson(rand.New(rand.NewPCG(1, uint64(c.servers))), perSecond, mean, 2*time.Hour)}
		o := options()
		o.Seconds, o.Slots, o.Wait, o.Warmup = 7200, 1, 0, 10*time.Minute
		got, err := Run(w, o, []Setup{setup("fixed", fixed(c.servers))}, nil)
		require.NoError(t, err)
		require.InDelta(t, erlangC(c.servers, c.rho), got[0].Percent()/100, 0.02, "%v", c)
		require.InDelta(t, float64(c.servers)*110/60, got[0].ReplicaHours, 0.01)
	}
}

// erlangC is the chance to wait in M/M/c, by its textbook sum.
func erlangC(c int, rho float64) float64 {
	a, term, sum := rho*float64(c), 1.0, 1.0
	for i := 1; i < c; i++ {
		term *= a / float64(i)
		sum += term
	}
	last := term * a / float64(c) / (1 - rho)
	return last / (sum + last)
}

// One replica is ordered at 300 s: its server boots, it loads, it serves; then
// it is paid for until the end.
func TestWhatIsPaidFor(t *testing.T) {
	w := &list{models: []string{"m"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{"m": {{time.Second, time.Second}}}}
	o := options()
	o.Points, o.Decisions, o.Warmup = 60, 9, 100*time.Second
	late := policy.Every{Period: 300 * time.Second, Of: fixed(1)}
	got, err := Run(w, o, []Setup{setup("fixed", fixed(2)), setup("one", late)}, nil)
	require.NoError(t, err)
	two, one := got[0], got[1]
	// Ordered at 0: the server is up at 5 s, a load is ordered then, loaded at 12 s.
	require.InDelta(t, 2*500.0/3600, two.ReplicaHours, 1e-9)
	require.InDelta(t, 2*500.0/3600, two.ServerHours, 1e-9)
	require.InDelta(t, 500.0/3600, one.ReplicaHours, 1e-9)
	require.Equal(t, 2, two.PeakReplicas)
	require.Equal(t, []Decided{{At: 0, Model: "m", From: 1, To: 2, Why: "2: fixed 1->2"}}, two.Decisions)
	require.EqualValues(t, 0, two.Churn, "before warm-up")
	require.Zero(t, two.Requests, "the only request came before warm-up")
	require.Equal(t, 1.0, two.History.All.Ready[0])
	require.Equal(t, 1.0, two.History.All.Ready[1], "12 s is in the second step of 10 s")
	require.Equal(t, 2.0, two.History.All.Ready[2])
	require.Equal(t, 2.0, two.History.All.Desired[0])
	require.InDelta(t, 0.05, two.History.All.Load[0], 1e-9, "a second of work in ten, on two slots")

	o.Warmup = 0
	w.at = 0
	got, err = Run(w, o, []Setup{setup("fixed", fixed(2))}, nil)
	require.NoError(t, err)
	require.InDelta(t, (600+595.0)/3600, got[0].ReplicaHours, 1e-5, "a replica is paid for from the order of its load")
	require.InDelta(t, 2*600.0/3600, got[0].ServerHours, 1e-9, "a server from its own order")
	require.EqualValues(t, 1, got[0].Churn)
}

func TestNeverServedIsMissed(t *testing.T) {
	w := &list{models: []string{"m"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{"m": {
		{30 * time.Second, 2 * time.Hour},
		{40 * time.Second, 2 * time.Hour},
		{50 * time.Second, time.Second},
		{599*time.Second + 500*time.Millisecond, time.Second},
	}}}
	got, err := Run(w, options(), []Setup{setup("fixed", fixed(1))}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 4, got[0].Requests)
	require.EqualValues(t, 2, got[0].Missed)
	require.EqualValues(t, 2, got[0].Unserved)
	require.Equal(t, 50.0, got[0].WorstModelPercent, "of all models, as none has 200 requests")
}

// What comes at the end of warm-up counts; what waits at the end and starts
// within the limit is served.
func TestEdges(t *testing.T) {
	w := &list{models: []string{"m"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{"m": {
		{100*time.Second - 1, time.Second},
		{100 * time.Second, time.Second},
		{598 * time.Second, 2500 * time.Millisecond},
		{598 * time.Second, 2500 * time.Millisecond},
		{599*time.Second + 500*time.Millisecond, time.Second}, // starts at 600.5 s, just in time
		{599*time.Second + 500*time.Millisecond - 1, time.Second},
	}}}
	slices.SortStableFunc(w.reqs["m"], func(a, b Request) int { return int(a.At - b.At) })
	o := options()
	o.Warmup = 100 * time.Second
	got, err := Run(w, o, []Setup{setup("fixed", fixed(1))}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 5, got[0].Requests)
	require.EqualValues(t, 1, got[0].Missed, "by a nanosecond")
	require.Zero(t, got[0].Unserved)
}

// judged holds a run to the laws.
type judged struct {
	judge   *laws.Judge
	actions int
}

func (j *judged) planned(s coordinator.Snapshot, p coordinator.Plan) error { return j.judge.Plan(s, p) }

func (j *judged) acting(w coordinator.World, a coordinator.Action) error {
	j.actions++
	return errors.Join(j.judge.World(w), j.judge.Action(w, a))
}

func TestRunsKeepTheLaws(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	w := &list{models: []string{"b", "a"}, mean: time.Second, minutes: 30, reqs: map[string][]Request{}}
	for _, m := range w.models {
		for burst := range 6 {
			for _, q := range poisson(rng, float64(2+3*(burst%3)), time.Second, 5*time.Minute) {
				q.At += time.Duration(burst) * 5 * time.Minute
				w.reqs[m] = append(w.reqs[m], q)
			}
		}
	}
	o := options()
	o.Seconds, o.Max = 1800, 100
	r := newRun(o, setup("track", lagTrack))
	var c Chunk
	for i := 0; ; i++ {
		if err := w.Next(&c); errors.Is(err, io.EOF) {
			break
		}
		if i == 0 {
			require.NoError(t, r.chunk(&Chunk{Streams: c.Streams}))
			r.watch = &judged{judge: laws.For(r.decl)}
		}
		require.NoError(t, r.chunk(&c))
		c = Chunk{}
	}
	require.Greater(t, r.watch.(*judged).actions, 200)
	require.Greater(t, r.watch.(*judged).judge.Tempted["2 make before break"], 20)
	require.Zero(t, r.finish().Unserved)
}

// The same whatever the number of processors, and whoever runs beside it.
func TestDeterminism(t *testing.T) {
	run := func(procs int, setups ...Setup) []Result {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		w := &list{models: []string{"m", "n"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{
			"m": poisson(rand.New(rand.NewPCG(1, 1)), 5, time.Second, 10*time.Minute),
			"n": poisson(rand.New(rand.NewPCG(1, 2)), 1, time.Second, 10*time.Minute),
		}}
		o := options()
		o.Points, o.Decisions = 100, 100
		res, err := Run(w, o, setups, nil)
		require.NoError(t, err)
		return res
	}
	a, b := setup("track", lagTrack), setup("seldon", policy.SeldonLag{Min: 1, LagThreshold: 2})
	both := run(2, a, b)
	require.True(t, reflect.DeepEqual(both, run(1, a, b)), "one processor, another result")
	require.True(t, reflect.DeepEqual(both[1], run(2, b)[0]), "alone, another result")
}

func TestRunRefuses(t *testing.T) {
	_, err := Run(&list{}, Options{Wait: -1, Start: 1 << 62, Boot: -1, Warmup: -1, Min: -1, Max: -1, Points: -1, Decisions: -1}, nil, nil)
	for _, field := range []string{"Seconds", "Slots", "Wait", "Tick", "Start", "Boot", "Warmup", "Min", "Max", "Points", "Decisions"} {
		require.ErrorContains(t, err, field)
	}
	w := &list{models: []string{"m"}, mean: time.Second, minutes: 1}
	_, err = Run(w, options(), []Setup{setup("bad", policy.Track{})}, nil)
	require.ErrorContains(t, err, "Models[0].Policy.Value")
	broken := errors.New("broken")
	_, err = Run(failing{broken}, options(), []Setup{setup("fixed", fixed(1))}, nil)
	require.ErrorIs(t, err, broken)
}

type failing struct{ err error }

func (f failing) Next(*Chunk) error { return f.err }

// Run is done with the workload when it returns, whatever went wrong.
func TestRunHandsTheWorkloadBack(t *testing.T) {
	for range 20 {
		w := &watched{list: list{models: []string{"m"}, mean: time.Second, minutes: 100}}
		_, err := Run(w, options(), []Setup{setup("bad", policy.Track{})}, nil)
		require.Error(t, err)
		require.False(t, w.busy.Load())
		calls := w.calls.Load()
		runtime.Gosched()
		require.Equal(t, calls, w.calls.Load())
	}
}

// watched tells whether Next is under way.
type watched struct {
	list
	busy  atomic.Bool
	calls atomic.Int64
}

func (w *watched) Next(c *Chunk) error {
	w.busy.Store(true)
	defer w.busy.Store(false)
	w.calls.Add(1)
	for range 1000 {
		runtime.Gosched()
	}
	return w.list.Next(c)
}

package sim

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

// Draws come true as often as they should, and nothing depends on anything else.
func TestDraws(t *testing.T) {
	d, other := newDraws(1, "m"), newDraws(1, "n")
	for _, p := range []float64{0.05, 0.5, 0.95} {
		hits, both := 0, 0
		for n := range uint64(20_000) {
			a := d.happens(drawLoss, n, p)
			require.Equal(t, a, newDraws(1, "m").happens(drawLoss, n, p))
			if a {
				hits++
				if other.happens(drawLoss, n, p) {
					both++
				}
			}
		}
		require.InDelta(t, p, float64(hits)/20_000, 0.015)
		require.InDelta(t, p, float64(both)/float64(hits), 0.03, "another model's are independent")
	}
	require.NotEqual(t, newDraws(1, "m"), newDraws(2, "m"))
	kinds := 0
	for n := range uint64(1000) {
		if d.happens(drawFailure, n, 0.5) != d.happens(drawSlowness, n, 0.5) {
			kinds++
		}
	}
	require.InDelta(t, 500, kinds, 80)
}

// seen is a policy that wants what it is told and keeps what it saw.
type seenBy struct {
	n   int
	saw *[]policy.Observation
}

func (seenBy) Validate() error { return nil }
func (seenBy) Needs() policy.Needs {
	return policy.Needs{Signals: []policy.Signal{{Name: policy.Begun}, {Name: RateMinute}}}
}
func (s seenBy) New(time.Time, int) policy.Policy { return s }
func (s seenBy) Decide(o policy.Observation) policy.Decision {
	o.Readings = append([]policy.Reading{}, o.Readings...)
	*s.saw = append(*s.saw, o)
	return o.Propose("seen", s.n)
}

// steady is one model with a request each second.
func steady(minutes int) *list {
	return &list{models: []string{"m"}, mean: time.Second, minutes: minutes, reqs: map[string][]Request{"m": even(1, 0, 60*minutes)}}
}

func TestMetricsComeLate(t *testing.T) {
	for _, delay := range []time.Duration{0, 15 * time.Second, 15*time.Second + 1} {
		var saw []policy.Observation
		o := options()
		o.Faults.MetricDelay = delay
		_, err := Run(steady(10), o, []Setup{setup("seen", seenBy{2, &saw})}, nil)
		require.NoError(t, err)
		require.NotEmpty(t, saw)
		for _, o := range saw[10:] {
			r, now := o.Readings[0], o.Now.Sub(base)
			require.Equal(t, policy.OK, r.Quality)
			newest := (now - delay).Truncate(time.Second)
			require.Equal(t, newest, r.At.Sub(base), "the newest whole second that is old enough")
			require.Equal(t, newest.Seconds(), r.Value)
			require.Equal(t, 1.0, o.Readings[1].Value)
		}
	}
}

func TestMetricsAreLost(t *testing.T) {
	var saw []policy.Observation
	o := options()
	o.Tick, o.Faults.MetricLoss = time.Second, 0.3
	_, err := Run(steady(30), o, []Setup{setup("seen", seenBy{2, &saw})}, nil)
	require.NoError(t, err)
	lost, ticks := 0, 0
	for _, o := range saw {
		if o.Now.Sub(base)%time.Second != 0 {
			continue
		}
		ticks++
		switch r := o.Readings[0]; r.Quality {
		case policy.OK:
			require.Equal(t, o.Now.Sub(base).Seconds(), r.Value, "the count goes on")
		default:
			require.Equal(t, policy.Missing, r.Quality)
			lost++
		}
	}
	require.InDelta(t, 0.3, float64(lost)/float64(ticks), 0.08)
}

// turns goes between two counts, so that loads are ordered again and again.
type turns struct{ low, high int }

func (turns) Validate() error                    { return nil }
func (turns) Needs() policy.Needs                { return policy.Needs{} }
func (n turns) New(time.Time, int) policy.Policy { return n }
func (n turns) Decide(o policy.Observation) policy.Decision {
	if o.Now.Sub(base)/time.Minute%2 == 0 {
		return o.Propose("turns", n.low)
	}
	return o.Propose("turns", n.high)
}

// loadsOf runs and tells how long the loads took, in order of their end, and
// that the laws were kept.
func loadsOf(t *testing.T, o Options, c policy.Config) (r *run, took []time.Duration, broken int) {
	w := steady(60)
	o.Seconds = 3600
	r = newRun(o.withDefaults(), setup("s", c))
	var c0 Chunk
	require.NoError(t, w.Next(&c0))
	require.NoError(t, r.chunk(&Chunk{Streams: c0.Streams}))
	l := &loads{judge: laws.For(r.decl), since: map[string]time.Time{}}
	r.watch = l
	for {
		require.NoError(t, r.chunk(&c0))
		c0 = Chunk{}
		if err := w.Next(&c0); errors.Is(err, io.EOF) {
			break
		}
	}
	return r, l.took, l.broken
}

// loads watches replicas load.
type loads struct {
	judge  *laws.Judge
	since  map[string]time.Time
	took   []time.Duration
	broken int
}

func (l *loads) planned(s coordinator.Snapshot, p coordinator.Plan) error {
	for _, g := range s.World.Groups {
		for _, v := range g.Servers {
			for _, r := range v.Replicas {
				switch r.Phase {
				case coordinator.Loading:
					l.since[v.Name] = r.Since
				case coordinator.Loaded, coordinator.Broken:
					if at, ok := l.since[v.Name]; ok {
						l.took = append(l.took, r.Since.Sub(at))
						delete(l.since, v.Name)
						if r.Phase == coordinator.Broken {
							l.broken++
						}
					}
				}
			}
		}
	}
	return l.judge.Plan(s, p)
}

func (l *loads) acting(w coordinator.World, a coordinator.Action) error {
	return errors.Join(l.judge.World(w), l.judge.Action(w, a))
}

func TestStartsFailAndAreSlow(t *testing.T) {
	o := options()
	o.Faults.FailedStarts, o.Faults.SlowStarts, o.Faults.SlowFactor = 0.2, 0.3, 4
	r, took, broken := loadsOf(t, o, turns{1, 9})
	slow := 0
	for _, d := range took {
		if d != o.Start {
			require.Equal(t, 4*o.Start, d)
			slow++
		}
	}
	require.Greater(t, len(took), 200)
	require.InDelta(t, 0.3, float64(slow)/float64(len(took)), 0.1)
	require.InDelta(t, 0.2, float64(broken)/float64(len(took)), 0.1)
	require.InDelta(t, broken, r.finish().FailedStarts, 9, "counted as they are cleared away")

	_, took, broken = loadsOf(t, options(), turns{1, 9})
	require.Zero(t, broken)
	for _, d := range took {
		require.Equal(t, options().Start, d)
	}
}

// The fate of the n-th load is the same under every policy.
func TestFatesAreShared(t *testing.T) {
	o := options()
	o.Faults.SlowStarts = 0.5
	_, some, _ := loadsOf(t, o, turns{1, 2})
	_, others, _ := loadsOf(t, o, policy.Every{Period: 3 * time.Minute, Of: turns{1, 2}})
	require.Greater(t, len(others), 5)
	require.Equal(t, some[:len(others)], others)
	o.Seed = 2
	_, seeded, _ := loadsOf(t, o, turns{1, 2})
	require.NotEqual(t, some, seeded)
}

func TestTold(t *testing.T) {
	o := options()
	o.Faults.ServiceFactor, o.Max = 1.5, 7
	var told []ModelInfo
	config := func(m ModelInfo) policy.Config {
		told = append(told, m)
		return fixed(1)
	}
	_, err := Run(steady(10), o, []Setup{{Name: "told", Policy: config}}, nil)
	require.NoError(t, err)
	require.Equal(t, []ModelInfo{{Name: "m", MeanService: 1500 * time.Millisecond, Slots: 2, Wait: time.Second, Min: 1, Max: 7}}, told)
}

// Who is not told how long a start takes learns it.
func TestUntold(t *testing.T) {
	lead := func(untold bool) (first, last time.Duration) {
		var saw []policy.Observation
		o := options()
		o.Untold = untold
		_, err := Run(steady(10), o, []Setup{setup("seen", seenBy{5, &saw})}, nil)
		require.NoError(t, err)
		return saw[0].Lead, saw[len(saw)-1].Lead
	}
	first, last := lead(false)
	require.Equal(t, []time.Duration{12 * time.Second, 12 * time.Second}, []time.Duration{first, last.Round(6 * time.Second)})
	first, last = lead(true)
	require.Zero(t, first)
	require.InDelta(t, 12, last.Seconds(), 4)
}

// All models together never want more than the limit; who wants less gets it.
func TestLimit(t *testing.T) {
	w := &list{models: []string{"a", "b", "c"}, mean: time.Second, minutes: 20, reqs: map[string][]Request{}}
	for i, m := range w.models {
		w.reqs[m] = poisson(rand.New(rand.NewPCG(1, uint64(i))), []float64{1, 20, 30}[i], time.Second, 20*time.Minute)
	}
	o := options()
	o.Seconds, o.Limit, o.Points = 1200, 12, 100
	got, err := Run(w, o, []Setup{setup("track", lagTrack)}, nil)
	require.NoError(t, err)
	h := got[0].History
	for i := range h.All.Desired {
		sum := 0.0
		for _, m := range h.Models {
			sum += m.Ready[i]
		}
		require.LessOrEqual(t, sum, 12.0)
	}
	require.LessOrEqual(t, got[0].PeakReplicas, 12+1)
	require.Greater(t, got[0].Models[2].Percent(), 50.0)
	w.at, o.Limit = 0, 0
	free, err := Run(w, o, []Setup{setup("track", lagTrack)}, nil)
	require.NoError(t, err)
	require.InDelta(t, free[0].Models[0].Percent(), got[0].Models[0].Percent(), 1, "the small one is not hurt")
	require.Greater(t, free[0].PeakReplicas, 25)
}

// A limit shared out by value goes to the model for which it is worth most.
func TestLimitByValue(t *testing.T) {
	w := &list{models: []string{"a", "b", "c"}, mean: time.Second, minutes: 20, reqs: map[string][]Request{}}
	for i, m := range w.models {
		w.reqs[m] = poisson(rand.New(rand.NewPCG(1, uint64(i))), []float64{6, 6, 30}[i], time.Second, 20*time.Minute)
	}
	o := options()
	o.Seconds, o.Limit = 1200, 26
	adaptive := setup("max-min", policy.Adaptive{Wait: time.Second})
	value := adaptive
	value.Name, value.Share = "value", coordinator.ByValue
	got, err := Run(w, o, []Setup{adaptive, value}, nil)
	require.NoError(t, err)
	require.Less(t, 10*got[1].Missed, got[0].Missed, "max-min leaves the third less than its load")
}

func TestMissesAreDated(t *testing.T) {
	w := &list{models: []string{"m"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{"m": append(even(1, 0, 200), even(30, 300, 310)...)}}
	o := options()
	o.Points = 60
	got, err := Run(w, o, []Setup{setup("fixed", fixed(1))}, nil)
	require.NoError(t, err)
	missed := got[0].History.All.Missed
	sum := 0.0
	for i, x := range missed {
		sum += x
		require.Equal(t, i == 30, x > 0, "they came in [300 s, 310 s)")
	}
	require.EqualValues(t, got[0].Missed, sum)
}

// With every fault at once: the same with any number of processors.
func TestFaultsAreDeterministic(t *testing.T) {
	run := func(procs int) []Result {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		w := &list{models: []string{"n", "m"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{
			"m": poisson(rand.New(rand.NewPCG(1, 1)), 5, time.Second, 10*time.Minute),
			"n": poisson(rand.New(rand.NewPCG(1, 2)), 1, time.Second, 10*time.Minute),
		}}
		o := options()
		o.Points, o.Decisions, o.Seed, o.Limit, o.Untold = 100, 100, 5, 20, true
		o.Faults = Faults{ServiceFactor: 0.7, MetricDelay: 3 * time.Second, MetricLoss: 0.1, FailedStarts: 0.2, SlowStarts: 0.2}
		res, err := Run(w, o, []Setup{setup("track", lagTrack), setup("seldon", policy.SeldonLag{Min: 1, LagThreshold: 2})}, nil)
		require.NoError(t, err)
		return res
	}
	require.True(t, reflect.DeepEqual(run(2), run(1)))
}

func TestFaultsRefuse(t *testing.T) {
	bad := options()
	bad.Limit = -1
	bad.Faults = Faults{ServiceFactor: math.NaN(), MetricDelay: -1, MetricLoss: 1, FailedStarts: math.NaN(), SlowStarts: 1.1, SlowFactor: 0.5}
	err := bad.Validate()
	for _, field := range []string{"Limit", "ServiceFactor", "MetricDelay", "MetricLoss", "FailedStarts", "SlowStarts", "SlowFactor"} {
		require.ErrorContains(t, err, field)
	}
	bad.Limit, bad.Faults = 0, Faults{ServiceFactor: math.Inf(1), MetricLoss: math.NaN(), SlowStarts: math.NaN(), SlowFactor: math.Inf(1)}
	err = bad.Validate()
	for _, field := range []string{"ServiceFactor", "MetricLoss", "SlowStarts", "SlowFactor"} {
		require.ErrorContains(t, err, field)
	}
}

package sim

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

// shared are options in which models share servers of two slots.
func shared(models ...string) Options {
	o := options()
	o.Slots, o.Min = 1, 0
	o.Servers = &Servers{Slots: 2, Memory: 2, MeanService: time.Second}
	for _, m := range models {
		o.Servers.Models = append(o.Servers.Models, ModelInfo{Name: m, MeanService: time.Second})
	}
	return o
}

// pooled sizes the servers by one policy and the copies by another.
func pooled(name string, servers, copies policy.Config) Setup {
	s := setup(name, copies)
	s.Pool = func(ModelInfo) policy.Config { return servers }
	return s
}

// Models that are on every server are served as one stream: the share that waits
// is Erlang's C.
func TestSharedErlangC(t *testing.T) {
	const mean = 100 * time.Millisecond
	const rho = 0.8
	w := &list{models: []string{"a", "b"}, mean: mean, minutes: 120, reqs: map[string][]Request{}}
	for i, m := range w.models {
		rate := rho * 6 / mean.Seconds() * []float64{0.8, 0.2}[i]
		w.reqs[m] = poisson(rand.New(rand.NewPCG(2, uint64(i))), rate, mean, 2*time.Hour)
	}
	o := shared("a", "b")
	o.Seconds, o.Wait, o.Warmup = 7200, 0, 10*time.Minute
	got, err := Run(w, o, []Setup{pooled("fixed", fixed(3), fixed(3))}, nil)
	require.NoError(t, err)
	require.InDelta(t, erlangC(6, rho), got[0].Percent()/100, 0.02)
	require.InDelta(t, 3*110.0/60, got[0].ServerHours, 0.01)
	require.InDelta(t, 2*got[0].ServerHours, got[0].ReplicaHours, 1e-9, "a server has the slots of two replicas")
	require.Zero(t, got[0].Churn)
	require.Zero(t, got[0].Loads, "all were there at the start, or loaded before warm-up")
}

// A server is ordered at 0 beside the one there is, and another at 300 s; each
// boots for 5 s and loads one model after the other, 7 s each.
func TestSharedAccounts(t *testing.T) {
	w := &list{models: []string{"a"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{"a": {{time.Second, time.Second}}, "b": nil}}
	w.models = append(w.models, "b")
	o := shared("a", "b")
	o.Points, o.Warmup = 60, 100*time.Second
	grows := policy.Every{Period: 300 * time.Second, Of: steps{2, 3}}
	got, err := Run(w, o, []Setup{pooled("grows", grows, fixed(2))}, nil)
	require.NoError(t, err)
	r := got[0]
	require.InDelta(t, (500+500+300)/3600.0, r.ServerHours, 1e-9)
	require.EqualValues(t, 1, r.Churn, "the second was ordered before warm-up")
	require.Equal(t, 3, r.PeakReplicas)
	require.Equal(t, 1.0, r.History.All.Ready[0], "the smallest within a step")
	require.Equal(t, 2.0, r.History.All.Ready[2])
	require.Equal(t, 3.0, r.History.All.Ready[32])
	require.Equal(t, 1.0, r.History.Models[0].Ready[0], "one of each at the start")
	require.Equal(t, 1.0, r.History.Models[1].Ready[1], "a loads first, from 5 s to 12 s, then b to 19 s")
	require.Equal(t, 2.0, r.History.Models[1].Ready[2])
	require.InDelta(t, 0.05, r.History.All.Load[0], 1e-9, "a second of work in ten, on two slots")
}

// steps wants one count after the other.
type steps []int

func (steps) Validate() error                    { return nil }
func (steps) Needs() policy.Needs                { return policy.Needs{} }
func (s steps) New(time.Time, int) policy.Policy { return &stepper{s} }

type stepper struct{ left []int }

func (s *stepper) Decide(o policy.Observation) policy.Decision {
	n := s.left[0]
	if len(s.left) > 1 {
		s.left = s.left[1:]
	}
	return o.Propose("step", n)
}

// A model that was not declared from the start has no copy: one is loaded when a
// request waits for it. The request is cold, and served once the copy is.
func TestSharedColdArrival(t *testing.T) {
	w := &list{models: []string{"a", "b", "c"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{
		"a": {{time.Second, time.Second}}, "b": {{time.Second, time.Second}},
		"c": {{200*time.Second + time.Millisecond, time.Second}, {200*time.Second + 2*time.Millisecond, time.Second}},
	}}
	o := shared("a", "b")
	o.Servers.Memory = 3
	o.Warmup, o.Wait = 100*time.Second, 9*time.Second
	got, err := Run(&lastEnters{w}, o, []Setup{pooled("one", fixed(1), fixed(0))}, nil)
	require.NoError(t, err)
	r := got[0]
	require.EqualValues(t, 2, r.Requests)
	require.EqualValues(t, 2, r.ColdArrivals)
	require.EqualValues(t, 1, r.Loads)
	require.InDelta(t, 3600/500.0, r.LoadsPerHour, 1e-9)
	require.Zero(t, r.Missed, "seen at 202 s, loaded 7 s later")
	require.Greater(t, r.WaitP50, 8990*time.Millisecond)
}

// lastEnters is a workload whose last model comes with the fourth minute.
type lastEnters struct{ *list }

func (l *lastEnters) Next(c *Chunk) error {
	err := l.list.Next(c)
	if c.From < 3*time.Minute {
		c.Streams = c.Streams[:len(c.Streams)-1]
	}
	return err
}

func TestSharedNeverServed(t *testing.T) {
	w := &list{models: []string{"a"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{"a": {
		{30 * time.Second, 2 * time.Hour},
		{31 * time.Second, 2 * time.Hour},
		{50 * time.Second, time.Second},
		{599*time.Second + 500*time.Millisecond, time.Second},
	}}}
	got, err := Run(w, shared("a"), []Setup{pooled("fixed", fixed(1), fixed(1))}, nil)
	require.NoError(t, err)
	require.EqualValues(t, 4, got[0].Requests)
	require.EqualValues(t, 2, got[0].Missed)
	require.EqualValues(t, 2, got[0].Unserved)
}

// bursty is a workload of three models whose rates jump every five minutes.
func bursty(minutes int) *list {
	rng := rand.New(rand.NewPCG(7, 7))
	w := &list{models: []string{"b", "a", "c"}, mean: time.Second, minutes: minutes, reqs: map[string][]Request{}}
	for i, m := range w.models {
		for burst := range minutes / 5 {
			for _, q := range poisson(rng, 0.3+2*float64((burst+i)%3), time.Second, 5*time.Minute) {
				q.At += time.Duration(burst) * 5 * time.Minute
				w.reqs[m] = append(w.reqs[m], q)
			}
		}
	}
	return w
}

func TestSharedRunsKeepTheLaws(t *testing.T) {
	for _, s := range []Setup{pooled("pool", lagTrack, lagTrack), setup("packed", policy.SeldonLag{Min: 1, LagThreshold: 2, Inactive: time.Minute})} {
		t.Run(s.Name, func(t *testing.T) {
			w := bursty(40)
			o := shared(w.models...)
			o.Seconds = 2400
			r := newSharedRun(o.withDefaults(), s)
			var c Chunk
			for i := range w.minutes {
				require.NoError(t, w.Next(&c))
				if i == 0 {
					require.NoError(t, r.chunk(&Chunk{Streams: c.Streams}))
					r.watch = &judged{judge: laws.For(r.decl)}
				}
				require.NoError(t, r.chunk(&c))
				c = Chunk{}
			}
			require.Greater(t, r.watch.(*judged).actions, 20)
			res := r.finish()
			require.Zero(t, res.Unserved)
			require.Greater(t, res.Churn, int64(4))
		})
	}
}

// The same whatever the number of processors, whoever runs beside it, and in
// which order models are declared.
func TestSharedDeterminism(t *testing.T) {
	run := func(procs int, setups ...Setup) []Result {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		w := bursty(10)
		o := shared(w.models...)
		o.Points, o.Decisions = 100, 100
		o.Faults = Faults{MetricLoss: 0.05, MetricDelay: 3 * time.Second, FailedStarts: 0.2, SlowStarts: 0.2}
		res, err := Run(w, o, setups, nil)
		require.NoError(t, err)
		return res
	}
	a, b := pooled("track", lagTrack, lagTrack), pooled("fixed", fixed(2), lagTrack)
	both := run(2, a, b)
	require.True(t, reflect.DeepEqual(both, run(1, a, b)), "one processor, another result")
	require.True(t, reflect.DeepEqual(both[1], run(2, b)[0]), "alone, another result")
	require.Positive(t, both[0].FailedStarts)
}

func TestServersRefuse(t *testing.T) {
	o := shared("a", "a", "")
	o.Limit = 3
	s := o.Servers
	s.Slots, s.Memory, s.Overcommit, s.MeanService, s.Min, s.Max = 0, 0, -1, -1, -1, -1
	err := o.Validate()
	for _, field := range []string{
		"Servers.Slots", "Servers.Memory", "Servers.Overcommit", "Servers.MeanService", "Servers.Min", "Servers.Max",
		"Servers.Models[1].Name", "Servers.Models[2].Name", `Servers.Size of "a"`, "Limit",
	} {
		require.ErrorContains(t, err, field)
	}
}

// The clairvoyant schedule of shared servers is that of one model whose requests
// are all.
func TestClairvoyantOfServers(t *testing.T) {
	o := shared("a", "b")
	o.Wait, o.Start, o.Boot = 0, 20*time.Second, 10*time.Second
	w := &list{models: []string{"a", "b"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{"a": even(1, 0, 600), "b": even(3, 300, 310)}}
	got, err := Clairvoyant(w, o, 1, nil)
	require.NoError(t, err)
	require.EqualValues(t, 630, got.Requests)
	require.Zero(t, got.Missed)
	require.InDelta(t, 2*(600+30+10)/3600.0, got.ReplicaHours, 1e-9, "two slots each: a second server for the peak, from its order on")
}

// Two models of 3 on servers of 4, overcommitted by half: on one server each
// request evicts the other's copy. Where that is seen, the two are given a server
// each, which costs a server; where it is not, most requests wait for a load.
func TestSharedThrash(t *testing.T) {
	o := shared("a", "b")
	o.Seconds, o.Min = 1800, 1
	o.Servers.Memory, o.Servers.Overcommit, o.Servers.Size = 4, 0.5, func(string) int64 { return 3 }
	run := func(hide bool) Result {
		s := *o.Servers
		s.HideReloads = hide
		o.Servers = &s
		w := &list{models: []string{"a", "b"}, mean: time.Second, minutes: 30, reqs: map[string][]Request{}}
		for i, m := range w.models {
			w.reqs[m] = poisson(rand.New(rand.NewPCG(7, uint64(i))), 0.1, time.Second, 30*time.Minute)
		}
		got, err := Run(w, o, []Setup{pooled("one", nil, fixed(1))}, nil)
		require.NoError(t, err)
		return got[0]
	}
	before, after := run(true), run(false)
	t.Logf("before: %.1f %% missed, %d loads, %.2f server hours; after: %.1f %%, %d, %.2f", before.Percent(), before.Loads, before.ServerHours, after.Percent(), after.Loads, after.ServerHours)
	require.Greater(t, before.Percent(), 50.0)
	require.Greater(t, before.Loads, int64(100))
	require.InDelta(t, 0.5, before.ServerHours, 1e-9)
	require.Less(t, after.Percent(), 5.0)
	require.Less(t, after.Loads, int64(12))
	require.Less(t, after.ServerHours, 1.0, "one more, from the third reload of one of them on")
}

package coordinator_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// spy keeps what the planner showed it and holds.
type spy struct {
	needs policy.Needs
	seen  *[]policy.Observation
}

func (spy) Validate() error                    { return nil }
func (s spy) Needs() policy.Needs              { return s.needs }
func (s spy) New(time.Time, int) policy.Policy { return s }
func (s spy) Decide(o policy.Observation) policy.Decision {
	o.Readings = append([]policy.Reading(nil), o.Readings...)
	o.Seconds = append([]policy.Second(nil), o.Seconds...)
	o.Pods = append([][]policy.Pod(nil), o.Pods...)
	*s.seen = append(*s.seen, o)
	return o.Hold("spy")
}

// observer is a planner of one model that is only watched.
type observer struct {
	t       *testing.T
	planner *coordinator.Planner
	seen    []policy.Observation
	plan    coordinator.Plan
}

func watch(t *testing.T, needs policy.Needs) *observer {
	o := &observer{t: t}
	p, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 1}, Max: 1, BootTime: time.Minute}},
		Models: []coordinator.Model{{Name: "m", Group: "g", Max: 1, Slots: 3, LoadTime: time.Second, Policy: spy{needs, &o.seen}}},
	}, coordinator.PlannerOptions{Stale: 10 * time.Second})
	require.NoError(t, err)
	o.planner = p
	return o
}

func sec(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }

// count is a sample of a cumulative series, level of another.
func count(name, origin string, at, v float64) coordinator.Sample {
	return coordinator.Sample{Series: series(name), Origin: origin, Cumulative: true, Value: v, At: sec(at), Quality: policy.OK}
}

func level(name, origin string, at, v float64) coordinator.Sample {
	s := count(name, origin, at, v)
	s.Cumulative = false
	return s
}

func series(name string) coordinator.Series {
	return coordinator.Series{Target: coordinator.TargetID{Kind: coordinator.TargetModel, Name: "m"}, Name: name}
}

// at plans with these samples and returns the first reading.
func (o *observer) at(now float64, samples ...coordinator.Sample) policy.Reading {
	return o.snapshot(coordinator.Snapshot{Now: sec(now), Samples: samples})
}

func (o *observer) snapshot(s coordinator.Snapshot) policy.Reading {
	s.World = coordinator.World{Groups: []coordinator.GroupState{{Name: "g"}}}
	o.plan = o.planner.Plan(s)
	last := o.seen[len(o.seen)-1]
	if len(last.Readings) == 0 {
		return policy.Reading{}
	}
	return last.Readings[0]
}

func reading(q policy.Quality, v, at float64) policy.Reading {
	return policy.Reading{Value: v, At: sec(at), Quality: q}
}

func signal(name string, s policy.Stat, w time.Duration) policy.Needs {
	return policy.Needs{Signals: []policy.Signal{{Name: name, Stat: s, Window: w}}}
}

func TestReadingsOfALevel(t *testing.T) {
	o := watch(t, signal("x", policy.Last, 0))
	require.Equal(t, policy.Reading{}, o.at(0), "nobody answered: missing")
	require.Equal(t, reading(policy.OK, 5, 1), o.at(1, level("x", "", 1, 5)))
	require.Equal(t, policy.Missing, o.at(2).Quality, "not answered in this tick")
	require.Equal(t, policy.Failed, o.snapshot(coordinator.Snapshot{Now: sec(3), ReadFailed: true}).Quality)
	require.Equal(t, reading(policy.OK, 5, 1), o.at(11, level("x", "", 1, 7)), "the same instant counts once; 10 s is not stale")
	require.Equal(t, reading(policy.Stale, 5, 1), o.at(11.1, level("x", "", 1, 5)))
	require.Equal(t, policy.Failed, o.at(12, level("x", "", 12, math.NaN())).Quality)
	require.Contains(t, o.plan.Faults[0], "model/m x: value NaN")
	require.Equal(t, reading(policy.OK, 6, 13), o.at(13, level("x", "", 13, 6)))
	require.Equal(t, policy.Failed, o.at(14, level("x", "", 15.5, 9)).Quality)
	require.Contains(t, o.plan.Faults[0], "a sample from 1.5s ahead")
	require.Equal(t, policy.Failed, o.at(14, coordinator.Sample{Series: series("x"), Value: 9, Quality: policy.OK}).Quality)
	require.Equal(t, policy.Failed, o.at(14.1, level("x", "", 14.1-24*3600.1, 9)).Quality)
	require.Contains(t, o.plan.Faults[0], "a sample of 2023-11-13")
	require.Equal(t, reading(policy.OK, 9, 14.2), o.at(14.2, level("x", "", 15.1, 9)), "a clock may run ahead a little")
	require.Equal(t, reading(policy.OK, 3, 14.3), o.at(14.3, level("x", "", 14.3, 3)), "which hides nothing")
	failed := level("x", "", 14.3, 3)
	failed.Quality = policy.Failed
	require.Equal(t, policy.Failed, o.at(14.4, failed).Quality, "of the same instant, yet it failed")
	require.Equal(t, reading(policy.OK, 3, 14.3), o.at(14.5, level("x", "", 14.3, 3)))
	partial := level("x", "", 15, 4)
	partial.Quality, partial.Answered, partial.Of = policy.Partial, 2, 3
	require.Equal(t, policy.Reading{Value: 4, At: sec(15), Quality: policy.Partial, Answered: 2, Of: 3}, o.at(15, partial))
}

func TestReadingsOfSeveralOrigins(t *testing.T) {
	o := watch(t, signal("x", policy.Last, 0))
	require.Equal(t, reading(policy.OK, 7, 1), o.at(1, level("x", "a", 1, 5), level("x", "b", 1, 2)))
	require.Equal(t, policy.Reading{Value: 5, At: sec(2), Quality: policy.Partial, Answered: 1, Of: 2}, o.at(2, level("x", "a", 2, 5)))
	require.Equal(t, policy.Partial, o.at(100, level("x", "a", 100, 5)).Quality, "b may come back")
	mute := level("x", "b", 101, 0)
	mute.Quality = policy.Failed
	require.Equal(t, policy.Partial, o.at(101, level("x", "a", 101, 5), mute).Quality)
	require.Equal(t, policy.Partial, o.at(200, level("x", "a", 200, 5), mute).Quality, "b still answers, if only to say that it failed")
	require.Equal(t, policy.Partial, o.at(300, level("x", "a", 300, 5)).Quality)
	require.Equal(t, reading(policy.OK, 5, 300.5), o.at(300.5, level("x", "a", 300.5, 5)), "b has not answered for 100 s: it is gone")
	failed := level("x", "a", 301, 0)
	failed.Quality = policy.Failed
	require.Equal(t, policy.Failed, o.at(301, failed).Quality)
}

func TestReadingsOfACount(t *testing.T) {
	o := watch(t, policy.Needs{Signals: []policy.Signal{
		{Name: "x", Stat: policy.Rate, Window: 10 * time.Second},
		{Name: "x", Stat: policy.Max, Window: 10 * time.Second},
		{Name: "x", Stat: policy.Mean, Window: 10 * time.Second},
	}})
	require.Equal(t, policy.Missing, o.at(0, count("x", "", 0, 100)).Quality, "one reading has no rate yet")
	require.Equal(t, reading(policy.OK, 3, 2), o.at(2, count("x", "", 2, 106)))
	// A restart: 8 since then, in 2 s; and two samples in one tick.
	require.Equal(t, reading(policy.OK, 14.0/4, 4), o.at(4, count("x", "", 3, 1), count("x", "", 4, 8)))
	all := o.seen[len(o.seen)-1].Readings
	require.Equal(t, 7.0, all[1].Value, "the largest increase per second")
	require.Equal(t, all[0].Value, all[2].Value, "the mean of a count is its rate")
	// Two routers: their rates add up.
	require.Equal(t, policy.Missing, o.at(5, count("x", "", 5, 10), count("x", "r", 5, 50)).Quality, "the second one is too young")
	require.InDelta(t, 16.0/6+4, o.at(6, count("x", "", 6, 10), count("x", "r", 6, 54)).Value, 1e-9)
}

// Weights: of an exponential mean, over buckets of a second in a window of two,
// each is a hundredth of the next.
func TestReadingsOfAWeightedMean(t *testing.T) {
	weighted := signal("x", policy.Weighted, 2*time.Second)
	o := watch(t, weighted)
	o.at(1, level("x", "", 1, 100))
	require.InDelta(t, (200+1)/1.01, o.at(2, level("x", "", 2, 200)).Value, 1e-9)
	o = watch(t, weighted)
	o.at(0, count("x", "", 0, 0))
	o.at(1, count("x", "", 1, 100))
	require.InDelta(t, (200+1)/1.01, o.at(2, count("x", "", 2, 300)).Value, 1e-9, "the rates of a count")
}

// A quantile is one of the target's totals, each counted once.
func TestReadingsOfAQuantile(t *testing.T) {
	median := policy.Needs{Signals: []policy.Signal{{Name: "x", Stat: policy.Quantile, Window: time.Minute, P: 0.5}}}
	o := watch(t, median)
	for i, v := range []float64{9, 1, 1} {
		now := float64(i + 1)
		o.at(now, level("x", "a", now, v), level("x", "b", now, 10-v))
	}
	require.InEpsilon(t, 10, o.at(4, level("x", "a", 4, 5), level("x", "b", 4, 5)).Value, 0.01, "of the sums, not of the parts")
	for now := 5.0; now < 12; now++ {
		silent := o.at(now, level("x", "a", now, 1000))
		require.Equal(t, policy.Partial, silent.Quality)
		require.InEpsilon(t, 10, silent.Value, 0.01, "a part is no total")
	}

	o = watch(t, median)
	for now := 1.0; now < 5; now++ {
		require.InEpsilon(t, 3, o.at(now, level("x", "", 1, 3)).Value, 0.01)
	}
	o.at(6, level("x", "", 6, 7))
	require.InEpsilon(t, 7, o.at(7, level("x", "", 7, 7)).Value, 0.01, "the 3 was seen often, but said once")

	o = watch(t, median)
	require.Equal(t, policy.Missing, o.at(1, count("x", "", 1, 500)).Quality)
	require.InEpsilon(t, 4, o.at(2, count("x", "", 2, 504)).Value, 0.01, "of the rates of a count")
}

// A policy that looks at pods gets its lists in order; one that could not be
// read is nil, and silence.
func TestPods(t *testing.T) {
	cpu, queue := policy.PodSignal{Resource: "cpu"}, policy.PodSignal{Metric: "queue"}
	o := watch(t, policy.Needs{Pods: []policy.PodSignal{queue, cpu, queue}})
	id := func(s policy.PodSignal) coordinator.PodSeries {
		return coordinator.PodSeries{Target: series("").Target, PodSignal: s}
	}
	require.Equal(t, []coordinator.PodSeries{id(queue), id(cpu)}, o.planner.WantsPods(), "each once")
	pods := []policy.Pod{{Name: "a", Usage: policy.PodUsage{Known: true, Milli: 5}}}
	o.snapshot(coordinator.Snapshot{Now: sec(1), Pods: []coordinator.PodList{{PodSeries: id(queue)}, {PodSeries: id(policy.PodSignal{Resource: "memory"})}, {PodSeries: id(cpu), Pods: pods}}})
	require.Equal(t, [][]policy.Pod{{}, pods, {}}, o.seen[0].Pods)
	o.snapshot(coordinator.Snapshot{Now: sec(2), Pods: []coordinator.PodList{{PodSeries: id(cpu), Pods: pods}, {PodSeries: id(cpu)}}})
	require.Equal(t, [][]policy.Pod{nil, pods, nil}, o.seen[1].Pods)
	require.Equal(t, []string{"model/m pods of {Resource:cpu Container: Metric:}: listed twice"}, o.plan.Faults)
}

// The HPA lowers on what pods use, but not while one of them says nothing.
func TestPodsInSilence(t *testing.T) {
	d := worlds["one"]
	d.Models = append([]coordinator.Model(nil), d.Models...)
	d.Models[0].Policy = policy.HPA{MaxReplicas: 5, DownscaleStabilization: new(time.Duration), Metrics: []policy.HPAMetric{{Kind: policy.ResourceValue, Name: "memory", Target: 1000}}}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	known := policy.Pod{Ready: policy.ReadyTrue, Usage: policy.PodUsage{Known: true, Milli: 100}}
	mute := known
	mute.Usage = policy.PodUsage{}
	plan := func(now float64, pods ...policy.Pod) coordinator.ModelPlan {
		group := coordinator.GroupState{Name: "gpu", Desired: 3}
		for _, name := range []string{"a", "b", "c"} {
			group.Servers = append(group.Servers, coordinator.ServerState{Name: name, Phase: coordinator.Up, Replicas: []coordinator.ReplicaState{{Model: "llama", Phase: coordinator.Serving}}})
		}
		s := coordinator.Snapshot{Now: sec(now), World: coordinator.World{Groups: []coordinator.GroupState{group}}}
		if pods != nil {
			s.Pods = []coordinator.PodList{{PodSeries: p.WantsPods()[0], Pods: pods}}
		}
		return p.Plan(s).Models[0]
	}
	require.Equal(t, "3: target ratio 3->1; stabilizing 1->3", plan(0, known, known, known).Decision.String())
	require.Equal(t, "3: target ratio 3->2; silence 2->3", plan(15, known, known, mute).Decision.String())
	require.Equal(t, "3: FailedGetMetrics", plan(30).Decision.String())
	require.Equal(t, "1: target ratio 3->1", plan(45, known, known, known).Decision.String())
}

// A list that could not be read is silence, whatever the policy makes of it.
func TestUnreadPodsAreSilence(t *testing.T) {
	d := worlds["one"]
	d.Models = append([]coordinator.Model(nil), d.Models...)
	d.Models[0].Policy = always{N: 1, Pods: 1}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	group := coordinator.GroupState{Name: "gpu", Desired: 2}
	for _, name := range []string{"a", "b"} {
		group.Servers = append(group.Servers, coordinator.ServerState{Name: name, Phase: coordinator.Up, Replicas: []coordinator.ReplicaState{{Model: "llama", Phase: coordinator.Serving}}})
	}
	s := coordinator.Snapshot{Now: sec(0), World: coordinator.World{Groups: []coordinator.GroupState{group}}}
	p.Plan(s)
	s.Now = sec(1)
	require.Equal(t, "2: always 2->1; silence 1->2", p.Plan(s).Models[0].Decision.String())
	s.Now, s.Pods = sec(2), []coordinator.PodList{{PodSeries: p.WantsPods()[0]}}
	require.Equal(t, "1: always 2->1", p.Plan(s).Models[0].Decision.String())
}

// always proposes N, whatever it sees of its lists of pods.
type always struct{ N, Pods int }

func (always) Validate() error { return nil }
func (c always) Needs() policy.Needs {
	return policy.Needs{Pods: make([]policy.PodSignal, c.Pods)}
}
func (c always) New(time.Time, int) policy.Policy            { return c }
func (c always) Decide(o policy.Observation) policy.Decision { return o.Propose("always", c.N) }

func TestSeconds(t *testing.T) {
	o := watch(t, policy.Needs{Seconds: true})
	o.at(0.5, count(policy.Begun, "", 0, 0), count(policy.Ended, "", 0, 0), count(policy.BusySeconds, "", 0, 0))
	require.Empty(t, o.seen[0].Seconds)
	// Three begun in two seconds: the first whole one by the end of the first.
	o.at(2.5, count(policy.Begun, "", 2, 3), count(policy.Ended, "", 2, 1), count(policy.BusySeconds, "", 2, 1))
	base := epoch.Unix()
	require.Equal(t, []policy.Second{
		{Unix: base, Begun: 1, Ended: 0, Busy: 0.5, Known: true},
		{Unix: base + 1, Begun: 2, Ended: 1, Busy: 0.5, Known: true},
	}, o.seen[1].Seconds)
	// Silence: nothing is handed out before it is hopeless, and then as unknown.
	o.at(5)
	require.Empty(t, o.seen[2].Seconds)
	o.at(13.5)
	require.Equal(t, []policy.Second{{Unix: base + 2}}, o.seen[3].Seconds)
	// It comes late: what was handed out stays; the rest is known.
	o.at(14, count(policy.Begun, "", 14, 15))
	got := o.seen[4].Seconds
	require.Len(t, got, 11)
	require.Equal(t, policy.Second{Unix: base + 3, Begun: 1, Known: true}, got[0])
	require.Equal(t, policy.Second{Unix: base + 13, Begun: 1, Known: true}, got[10])
	// A year passes: an unknown hour is all that is said of it.
	o.at(365 * 86400)
	got = o.seen[5].Seconds
	require.LessOrEqual(t, len(got), 7200)
	require.False(t, got[0].Known)
	require.Equal(t, sec(365*86400).Unix()-11, got[len(got)-1].Unix)
}

func TestWhatAPolicySees(t *testing.T) {
	o := watch(t, policy.Needs{})
	o.at(1)
	require.Equal(t, policy.Observation{Now: sec(1), Slots: 3, Lead: 61 * time.Second}, strip(o.seen[0]))
	require.Empty(t, o.planner.Wants())
	require.Equal(t, []string{"g"}, o.planner.Groups())
	require.Len(t, watch(t, policy.Needs{Seconds: true, Signals: []policy.Signal{{Name: policy.Begun, Stat: policy.Rate, Window: 1}, {Name: "x"}}}).planner.Wants(), 5)
}

// strip drops what is nobody else's business.
func strip(o policy.Observation) policy.Observation {
	o = o.Lend(nil)
	o.Readings, o.Seconds = nil, nil
	return policy.Observation{
		Now: o.Now, Desired: o.Desired, Current: o.Current, Ready: o.Ready, Starting: o.Starting, Draining: o.Draining,
		ReadyFailed: o.ReadyFailed, Slots: o.Slots, Lead: o.Lead,
	}
}

// What is wrong with a world is said, and that group held.
func TestBadWorlds(t *testing.T) {
	d := worlds["one"]
	server := coordinator.ServerState{Name: "s", Phase: coordinator.Up, Replicas: []coordinator.ReplicaState{{Model: "llama", Phase: coordinator.Serving}}}
	twice := server
	twice.Replicas = append(twice.Replicas, twice.Replicas[0])
	for _, c := range []struct {
		world coordinator.World
		want  string
	}{
		{coordinator.World{}, "group gpu: not in the world, nor among the unseen"},
		{coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu"}, {Name: "gpu"}}}, "group gpu: listed twice"},
		{coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu", Servers: []coordinator.ServerState{server, server}}}}, "group gpu: server s listed twice"},
		{coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu", Servers: []coordinator.ServerState{twice}}}}, "group gpu: server s holds llama twice"},
		{coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu", Servers: []coordinator.ServerState{server, {}}}}}, "group gpu: a server without a name"},
	} {
		p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
		require.NoError(t, err)
		good := coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu", Desired: 1, Servers: []coordinator.ServerState{server}}}}
		p.Plan(coordinator.Snapshot{Now: sec(1), World: good})
		plan := p.Plan(coordinator.Snapshot{Now: sec(2), World: c.world})
		require.Equal(t, []string{c.want}, plan.Faults)
		require.Empty(t, plan.Now)
		require.True(t, plan.Groups[0].Unseen)
		require.True(t, plan.Models[0].Unseen)
		require.Equal(t, 1, plan.Models[0].Desired)
	}
}

// The order of servers and groups in the world, and what nobody declared, do not
// matter; a server that holds a stranger takes nothing new.
func TestStrangers(t *testing.T) {
	d := worlds["two"]
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	up := func(name string, replicas ...coordinator.ReplicaState) coordinator.ServerState {
		return coordinator.ServerState{Name: name, Phase: coordinator.Up, Replicas: replicas}
	}
	w := coordinator.World{Groups: []coordinator.GroupState{
		{Name: "undeclared"},
		{Name: "gpu", Desired: 2, Servers: []coordinator.ServerState{up("b"), up("a", coordinator.ReplicaState{Model: "stranger"})}},
	}}
	load := func(m string, at float64) coordinator.Sample {
		s := level(policy.InFlight, "", at, 2)
		s.Target.Name = m
		return s
	}
	plan := p.Plan(coordinator.Snapshot{Now: sec(1), World: w, Samples: []coordinator.Sample{load("llama", 1), load("whisper", 1), load("nobody", 1)}})
	require.Empty(t, plan.Faults)
	require.Len(t, plan.Now, 1)
	require.Equal(t, "load llama on gpu/b", plan.Now[0].String())
	require.Equal(t, "1 of whisper refused: capacity (b lacks 10 of gib)", plan.Refused[0].Refusal.String())
}

func TestValidateNamesEveryField(t *testing.T) {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{
			{Name: "g", Capacity: coordinator.Resources{"gib": 80}, Capabilities: []string{"cuda"}, Max: 2},
			{Name: "g", Min: 3, Max: 2, Removal: 9, BootTime: -1, Capacity: coordinator.Resources{"gib": -1, "slots": math.MaxInt64}},
			{Max: 1},
		},
		Models: []coordinator.Model{
			{Name: "m", Group: "h", Policy: track, Max: 1},
			{Name: "m", Group: "g", Needs: coordinator.Resources{"gib": 81, "tpus": 1}, Requires: []string{"rocm"}, Min: -1, Slots: -1, LoadTime: -1, DrainTimeout: -1},
			{Group: "g", Max: 1 << 40, Policy: policy.Bound{Max: 1, Of: policy.Track{
				Value: 1, Signal: policy.Signal{Name: "x", Stat: policy.Weighted, Window: 48 * time.Hour},
			}}},
			{Name: "n", Group: "g", Max: 1, Policy: policy.SeldonLag{Min: -1}},
		},
	}
	require.EqualError(t, d.Validate(), strings.Join([]string{
		`Groups[1].Name: "g" stands twice`,
		`Groups[1].Capacity.gib: must be >= 0, is -1`,
		`Groups[1].Capacity.slots: must be <= 140737488355327, is 9223372036854775807`,
		`Groups[1].Max: must be >= Min 3, is 2`,
		`Groups[1].Removal: unknown: 9`,
		`Groups[1].BootTime: must be >= 0, is -1ns`,
		`Groups[2].Name: must not be empty`,
		`Groups[2].Capacity: must not be empty`,
		`Models[1].Name: "m" stands twice`,
		`Models[2].Name: must not be empty`,
		`Models[0].Group: no group is named "h"`,
		`Models[1].Slots: must be >= 0, is -1`,
		`Models[1].LoadTime: must be >= 0, is -1ns`,
		`Models[1].DrainTimeout: must be >= 0, is -1ns`,
		`Models[1].Min: must be >= 0, is -1`,
		`Models[1].Needs.gib: 81 is more than the -1 of a server of "g"`,
		`Models[1].Needs.tpus: group "g" has no such resource`,
		`Models[1].Requires: servers of "g" lack "rocm"`,
		`Models[2].Max: must be <= 1000000, is 1099511627776`,
		`Models[2].Policy: asks for weighted(x[48h0m0s]), beyond the longest window 24h0m0s`,
		`Models[3].Policy.Min: must be >= 0, is -1`,
	}, "\n"))
	_, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.ErrorContains(t, err, "coordinator: declarations: Groups[1].Name")
	_, err = coordinator.NewPlanner(coordinator.Declarations{}, coordinator.PlannerOptions{Stale: -1})
	require.ErrorContains(t, err, "Stale")
}

// An update keeps what is known: the desired count, the policy's memory, and the
// history of its signals.
func TestUpdateKeepsHistory(t *testing.T) {
	d := worlds["one"]
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	w := coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu"}}}
	busy := level(policy.InFlight, "", 1, 6)
	busy.Target.Name = "llama"
	require.Equal(t, 3, p.Plan(coordinator.Snapshot{Now: sec(1), World: w, Samples: []coordinator.Sample{busy}}).Models[0].Desired)

	more := d
	more.Models = append([]coordinator.Model{}, d.Models...)
	extra := d.Models[0]
	extra.Name = "another"
	more.Models = append(more.Models, extra)
	require.NoError(t, p.Update(more))
	plan := p.Plan(coordinator.Snapshot{Now: sec(2), World: w, ReadFailed: true})
	require.Equal(t, "another", plan.Models[0].Model)
	require.Equal(t, 1, plan.Models[0].Desired)
	require.Equal(t, 3, plan.Models[1].Desired)

	moved := more
	moved.Models = append([]coordinator.Model{}, more.Models...)
	moved.Groups = append([]coordinator.ServerGroup{}, d.Groups...)
	other := d.Groups[0]
	other.Name = "other"
	moved.Groups = append(moved.Groups, other)
	moved.Models[0].Group = "other"
	require.NoError(t, p.Update(moved))

	bad := more
	bad.Groups = nil
	require.Error(t, p.Update(bad))
	require.Len(t, p.Wants(), 2, "a refused update changes nothing")
}

// fullFleet is a fleet in balance, 1,000 models on 100 servers, 4 replicas each
// where there is room.
func fullFleet(tb testing.TB, models, servers int) (*coordinator.Planner, func(now time.Time) coordinator.Snapshot) {
	d := coordinator.Declarations{Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"slots": 64}, Max: servers}}}
	state := coordinator.GroupState{Name: "g", Desired: servers}
	for i := range servers {
		state.Servers = append(state.Servers, coordinator.ServerState{Name: fmt.Sprintf("s-%05d", i), Ordinal: i, Phase: coordinator.Up})
	}
	for i := range models {
		name := fmt.Sprintf("m-%05d", i)
		d.Models = append(d.Models, coordinator.Model{
			Name: name, Group: "g", Needs: coordinator.Resources{"slots": 1}, Max: servers, Policy: perReplica(10),
		})
		for r := range 4 {
			s := &state.Servers[(i*7+r*13)%servers]
			s.Replicas = append(s.Replicas, coordinator.ReplicaState{
				Model: name, Phase: coordinator.Serving, InFlight: policy.Reading{Quality: policy.OK, Value: 10},
			})
		}
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(tb, err)
	s := coordinator.Snapshot{World: coordinator.World{Groups: []coordinator.GroupState{state}}}
	for _, w := range p.Wants() {
		s.Samples = append(s.Samples, coordinator.Sample{Series: w, Value: 40, Quality: policy.OK})
	}
	return p, func(now time.Time) coordinator.Snapshot {
		s.Now = now
		for i := range s.Samples {
			s.Samples[i].At = now
		}
		return s
	}
}

func TestQuietPlanAllocatesNothing(t *testing.T) {
	p, next := fullFleet(t, 100, 10)
	now := epoch
	tick := func() {
		now = now.Add(2 * time.Second)
		if plan := p.Plan(next(now)); len(plan.Now)+len(plan.Faults) > 0 {
			t.Fatalf("not quiet: %s", news(plan))
		}
	}
	tick()
	require.Zero(t, testing.AllocsPerRun(50, tick))
}

func BenchmarkPlan(b *testing.B) {
	for _, changes := range []int{0, 100} {
		b.Run(fmt.Sprintf("models=1000/servers=100/changes=%d", changes), func(b *testing.B) {
			p, next := fullFleet(b, 1000, 100)
			now := epoch
			b.ReportAllocs()
			actions := 0
			for b.Loop() {
				now = now.Add(2 * time.Second)
				s := next(now)
				for i := range changes {
					s.Samples[i*10].Value = float64(30 + now.Unix()/2%3*10)
				}
				actions += len(p.Plan(s).Now)
			}
			b.ReportMetric(float64(actions)/float64(b.N), "actions/op")
		})
	}
}

// llamaOn is a snapshot of the world "one" with llama in some phases.
func llamaOn(now float64, replicas ...coordinator.ReplicaState) coordinator.Snapshot {
	g := coordinator.GroupState{Name: "gpu", Desired: len(replicas)}
	for i, r := range replicas {
		r.Model = "llama"
		g.Servers = append(g.Servers, coordinator.ServerState{Name: fmt.Sprintf("s%d", i), Ordinal: i, Phase: coordinator.Up, Replicas: []coordinator.ReplicaState{r}})
	}
	load := level(policy.InFlight, "", now, 1)
	load.Target.Name = "llama"
	return coordinator.Snapshot{Now: sec(now), World: coordinator.World{Groups: []coordinator.GroupState{g}}, Samples: []coordinator.Sample{load}}
}

func onePlanner(t *testing.T) *coordinator.Planner {
	p, err := coordinator.NewPlanner(worlds["one"], coordinator.PlannerOptions{})
	require.NoError(t, err)
	return p
}

// What is loading at a restart counts as wanted: nothing is ordered or given up
// at first sight.
func TestFirstSightKeepsWhatThereIs(t *testing.T) {
	plan := onePlanner(t).Plan(llamaOn(1, coordinator.ReplicaState{Phase: coordinator.Serving}, coordinator.ReplicaState{Phase: coordinator.Loading}, coordinator.ReplicaState{Phase: coordinator.Loaded}))
	require.Equal(t, 3, plan.Models[0].Desired)
	require.Equal(t, "3: target ratio 3->1; first sight 1->3", plan.Models[0].Decision.String())
	require.Len(t, plan.Now, 1)
	require.Equal(t, coordinator.Route, plan.Now[0].Kind)
}

// After a restart without a history nothing goes until every server is up, or
// has been waited for.
func TestStartup(t *testing.T) {
	for _, c := range []struct {
		name string
		up   float64 // when the second server is
		want float64 // when something may go
	}{
		{"until all are up", 30, 30},
		{"but not for ever", 3600, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := coordinator.NewPlanner(worlds["one"], coordinator.PlannerOptions{StartupWait: time.Minute})
			require.NoError(t, err)
			for now := 0.0; now <= 70; now += 5 {
				s := llamaOn(now, coordinator.ReplicaState{Phase: coordinator.Serving}, coordinator.ReplicaState{Phase: coordinator.Serving})
				g := &s.World.Groups[0]
				g.Servers = append(g.Servers, coordinator.ServerState{Name: "late", Phase: coordinator.Booting})
				if g.Desired = len(g.Servers); now >= c.up {
					g.Servers[len(g.Servers)-1].Phase = coordinator.Up
				}
				plan := p.Plan(s)
				shrinks := plan.Models[0].Desired < 2 || plan.Groups[0].Desired < g.Desired
				require.Equal(t, now >= c.want, shrinks, "at %v: %v, %v", now, plan.Models[0].Decision, plan.Groups[0])
				if shrinks {
					return
				}
			}
		})
	}
}

// Only a count of requests in flight that was read since the drain began says
// that it is over; and a drain of unknown age begins when it is first seen.
func TestDrainsOfUncertainAge(t *testing.T) {
	draining := func(since, read, n float64) coordinator.ReplicaState {
		r := coordinator.ReplicaState{Phase: coordinator.Draining, InFlight: policy.Reading{Value: n, At: sec(read), Quality: policy.OK}}
		if since > 0 {
			r.Since = sec(since)
		}
		return r
	}
	serving := coordinator.ReplicaState{Phase: coordinator.Serving}
	p := onePlanner(t)
	p.Plan(llamaOn(1, serving))
	require.Empty(t, p.Plan(llamaOn(10, serving, draining(9, 8, 0))).Now, "read before the drain began")
	require.Len(t, p.Plan(llamaOn(11, serving, draining(9, 9, 0))).Now, 1)
	require.Empty(t, p.Plan(llamaOn(12, serving, draining(0, 12, 5))).Now, "since when is not known")
	require.Empty(t, p.Plan(llamaOn(31, serving, draining(0, 31, 5))).Now)
	require.Equal(t, coordinator.DrainTooLong, p.Plan(llamaOn(32, serving, draining(0, 32, 5))).Now[0].Why.Reason, "20 s after it was first seen")
	p.Plan(llamaOn(33, serving))
	require.Empty(t, p.Plan(llamaOn(34, serving, draining(0, 34, 5))).Now, "it is another drain")
}

// Several loads on one server are independent: none carries a version that
// another one changes.
func TestLoadsCarryNoVersion(t *testing.T) {
	d := coordinator.Declarations{Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 2}, Max: 1}}}
	for _, name := range []string{"a", "b"} {
		d.Models = append(d.Models, coordinator.Model{Name: name, Group: "g", Needs: coordinator.Resources{"x": 1}, Min: 1, Max: 1, Policy: track})
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	plan := p.Plan(coordinator.Snapshot{Now: sec(1), World: coordinator.World{Groups: []coordinator.GroupState{
		{Name: "g", Desired: 1, Servers: []coordinator.ServerState{{Name: "s", Phase: coordinator.Up, Version: "17"}}},
	}}})
	require.Len(t, plan.Now, 2)
	for _, a := range plan.Now {
		require.Equal(t, coordinator.Load, a.Kind)
		require.Empty(t, a.IfVersion)
	}
}

// A demand without measure is refused for what it is, and blocks nobody else.
func TestHugeDemand(t *testing.T) {
	d := worlds["two"]
	d.Models = append([]coordinator.Model{}, d.Models...)
	d.Models[0].Max = 1_000_000
	d.Models[1].Min = 1
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	load := level(policy.InFlight, "", 1, 1e300)
	load.Target.Name = "llama"
	plan := p.Plan(coordinator.Snapshot{Now: sec(1), Samples: []coordinator.Sample{load}, World: coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu"}}}})
	require.Empty(t, plan.Faults)
	require.Equal(t, "scale gpu to 2", plan.Now[0].String())
	require.Equal(t, 1_000_000, plan.Models[0].Desired)
	require.Equal(t, "999999 of llama refused: capacity (a new one lacks 10 of gib)", plan.Refused[0].Refusal.String())

	for _, n := range []int{-1, 3_000_000} {
		plan = p.Plan(coordinator.Snapshot{Now: sec(float64(5 + n)), World: coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu", Desired: n}}}})
		if n > 0 {
			require.Equal(t, []string{"group gpu: desired count 3000000"}, plan.Faults)
		}
	}
}

// Servers that are ordered and not needed are cancelled before any is removed,
// and booting ones go before those that are up.
func TestWhichServersGo(t *testing.T) {
	for _, c := range []struct {
		name    string
		servers []coordinator.ServerPhase
		desired int
		load    float64
		want    string
	}{
		{"cancels what has not appeared", nil, 3, 0, "scale gpu to 1"},
		{"but keeps what a replica will need", nil, 3, 4, "scale gpu to 2"},
		{"booting ones go first", []coordinator.ServerPhase{coordinator.Booting, coordinator.Up}, 2, 0, "scale gpu to 1 -s0"},
		{"then the highest", []coordinator.ServerPhase{coordinator.Up, coordinator.Up}, 2, 0, "scale gpu to 1 -s1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := coordinator.NewPlanner(worlds["one"], coordinator.PlannerOptions{StartupWait: 1})
			require.NoError(t, err)
			for now := 1.0; now < 3; now++ {
				g := coordinator.GroupState{Name: "gpu", Desired: c.desired}
				for i, phase := range c.servers {
					g.Servers = append(g.Servers, coordinator.ServerState{Name: fmt.Sprintf("s%d", i), Ordinal: i, Phase: phase})
				}
				load := level(policy.InFlight, "", now, c.load)
				load.Target.Name = "llama"
				plan := p.Plan(coordinator.Snapshot{Now: sec(now), World: coordinator.World{Groups: []coordinator.GroupState{g}}, Samples: []coordinator.Sample{load}})
				if now == 2 {
					require.Equal(t, c.want, plan.Now[len(plan.Now)-1].String())
				}
			}
		})
	}
}

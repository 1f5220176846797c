//go:build unix

package coordinator_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// A yard is a large fleet that does at once what it is told: what loads has
// loaded at the next tick, what drains has drained. Each model has one series.
type yard struct {
	planner *coordinator.Planner
	s       coordinator.Snapshot
	rng     *rand.Rand
	level   []float64 // per sample, what it is to read
	server  map[string]int
	changed map[string]bool
	tells   bool // what has changed
}

const (
	yardTick   = 2 * time.Second
	yardTarget = 70 // requests in flight that a replica is to carry
)

// yardPolicies are what its models may be scaled by.
var yardPolicies = map[string]policy.Config{
	"kpa":      policy.KPA{},
	"kpa+calm": policy.Bound{Of: policy.Stabilize{Of: policy.KPA{}, Down: 30 * time.Second}, Max: 1000},
	"hpa": policy.HPA{MaxReplicas: 1000, Metrics: []policy.HPAMetric{
		{Kind: policy.ExternalAverage, Name: policy.InFlight, Target: yardTarget * 1000},
	}},
}

// newYard is a fleet in balance: each model has 1 to 2*each-1 replicas, and the
// servers are about two thirds full.
func newYard(tb testing.TB, models, servers, each int, p policy.Config) *yard {
	y := &yard{rng: rand.New(rand.NewPCG(1, 2)), server: map[string]int{}, changed: map[string]bool{}}
	state := coordinator.GroupState{Name: "g", Desired: servers}
	for i := range servers {
		name := fmt.Sprintf("s-%05d", i)
		y.server[name] = i
		state.Servers = append(state.Servers, coordinator.ServerState{Name: name, Ordinal: i, Phase: coordinator.Up, Since: epoch})
	}
	size := int64(1000 * servers * 2 / 3 / (models * each))
	d := coordinator.Declarations{Groups: []coordinator.ServerGroup{{
		Name: "g", Capacity: coordinator.Resources{"gib": 1000, "slots": 64}, Max: servers,
	}}}
	free := slices.Repeat([]int64{1000}, servers)
	replicas := make([]int, models)
	for i := range models {
		m := coordinator.Model{Name: fmt.Sprintf("m-%05d", i), Group: "g", Min: 1, Max: 1000, Policy: p}
		m.Needs = coordinator.Resources{"gib": size/2 + y.rng.Int64N(size), "slots": 1}
		d.Models = append(d.Models, m)
		replicas[i] = 1 + y.rng.IntN(2*each-1)
		for at, left := y.rng.IntN(servers), replicas[i]; left > 0; at = (at + 1 + y.rng.IntN(7)) % servers {
			s := &state.Servers[at]
			holds := slices.ContainsFunc(s.Replicas, func(r coordinator.ReplicaState) bool { return r.Model == m.Name })
			if free[at] < m.Needs["gib"] || len(s.Replicas) == 64 || holds {
				continue
			}
			free[at] -= m.Needs["gib"]
			left--
			s.Replicas = append(s.Replicas, coordinator.ReplicaState{Model: m.Name, Phase: coordinator.Serving, Since: epoch})
		}
	}
	var err error
	y.planner, err = coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(tb, err)
	y.s = coordinator.Snapshot{Now: epoch, World: coordinator.World{Groups: []coordinator.GroupState{state}}}
	for i, w := range y.planner.Wants() {
		y.s.Samples = append(y.s.Samples, coordinator.Sample{Series: w, Quality: policy.OK})
		y.level = append(y.level, yardTarget*(float64(replicas[i])-0.5))
	}
	return y
}

// next is the snapshot of the next tick, in which n more models have a replica's
// worth of load more or less.
func (y *yard) next(n int) coordinator.Snapshot {
	y.s.Now = y.s.Now.Add(yardTick)
	for range n {
		i := y.rng.IntN(len(y.level))
		step := float64(yardTarget * (1 - 2*y.rng.IntN(2)))
		if y.level[i]+step < 0 {
			step = yardTarget
		}
		y.level[i] += step
	}
	for i := range y.s.Samples {
		y.s.Samples[i].At, y.s.Samples[i].Value = y.s.Now, y.level[i]
	}
	return y.s
}

// do carries out a plan.
func (y *yard) do(tb testing.TB, plan coordinator.Plan) {
	clear(y.changed)
	servers := y.s.World.Groups[0].Servers
	for _, a := range plan.Now {
		if a.Kind == coordinator.ScaleGroup {
			continue // its servers stay
		}
		s := &servers[y.server[a.Server]]
		y.changed[a.Server] = true
		s.Generation = a.Generation
		i, found := slices.BinarySearchFunc(s.Replicas, a.Model, func(r coordinator.ReplicaState, name string) int { return cmp.Compare(r.Model, name) })
		require.NotEqual(tb, a.Kind == coordinator.Load, found, "%v", a)
		r := coordinator.ReplicaState{Model: a.Model, Since: y.s.Now}
		switch a.Kind {
		case coordinator.Load:
			r.Phase = coordinator.Loaded
			s.Replicas = slices.Insert(s.Replicas, i, r)
		case coordinator.Route:
			r.Phase = coordinator.Serving
			s.Replicas[i] = r
		case coordinator.Unroute:
			r.Phase, r.InFlight = coordinator.Draining, policy.Reading{Quality: policy.OK, At: y.s.Now}
			s.Replicas[i] = r
		case coordinator.Unload:
			s.Replicas = slices.Delete(s.Replicas, i, i+1)
		}
	}
	if w := &y.s.World; y.tells {
		w.Base, w.Seq = w.Seq, w.Seq+1
		w.Groups[0].Changed = slices.Sorted(maps.Keys(y.changed))
	}
}

// warm lets windows fill and the first sight pass.
func (y *yard) warm(tb testing.TB, changes int) {
	for range 40 {
		y.do(tb, y.planner.Plan(y.next(changes)))
	}
}

// A tick of large fleets: the time of Plan alone, its median and the worst of a
// hundred. Changes are of models whose load changes by a replica's worth; windows
// spread their effect over later ticks, so that as many counts change in each.
func BenchmarkTick(b *testing.B) {
	for _, c := range []struct {
		models, servers, each, changes int
		policy, world                  string
	}{
		{1000, 100, 4, 0, "kpa", "full"},
		{1000, 100, 4, 100, "kpa", "full"},
		{12_000, 10_000, 9, 0, "kpa", "incremental"},
		{12_000, 10_000, 9, 0, "kpa", "full"},
		{12_000, 10_000, 9, 0, "kpa+calm", "incremental"},
		{12_000, 10_000, 9, 0, "hpa", "incremental"},
		{12_000, 10_000, 9, 1000, "kpa", "incremental"},
		{12_000, 10_000, 9, 1000, "kpa", "full"},
		{12_000, 10_000, 9, 1000, "hpa", "incremental"},
	} {
		b.Run(fmt.Sprintf("models=%d/servers=%d/changes=%d/policy=%s/world=%s", c.models, c.servers, c.changes, c.policy, c.world), func(b *testing.B) {
			y := newYard(b, c.models, c.servers, c.each, yardPolicies[c.policy])
			y.tells = c.world == "incremental"
			y.warm(b, c.changes)
			benchTicks(b, y, c.changes)
		})
	}
}

func benchTicks(b *testing.B, y *yard, changes int) {
	var took, busy []time.Duration
	moves, counts := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := y.next(changes)
		b.StartTimer()
		began, used := time.Now(), processorTime(b)
		plan := y.planner.Plan(s)
		took, busy = append(took, time.Since(began)), append(busy, processorTime(b)-used)
		b.StopTimer()
		for i := range plan.Models {
			if plan.Models[i].Desired != plan.Models[i].Was {
				counts++
			}
		}
		moves += len(plan.Now)
		y.do(b, plan)
		b.StartTimer()
	}
	slices.Sort(took)
	slices.Sort(busy)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[0]), "least-ms")
	b.ReportMetric(ms(took[len(took)/2]), "median-ms")
	b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
	b.ReportMetric(ms(busy[len(busy)/2]), "median-cpu-ms")
	b.ReportMetric(ms(busy[len(busy)*99/100]), "p99-cpu-ms")
	b.ReportMetric(float64(moves)/float64(b.N), "actions/op")
	b.ReportMetric(float64(counts)/float64(b.N), "counts/op")
}

// processorTime is what this process has spent: on a shared machine it says more
// than the clock.
func processorTime(tb testing.TB) time.Duration {
	var r syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// The heap that a planner and one World of a large fleet take.
func BenchmarkHeap(b *testing.B) {
	b.Run("models=12000/servers=10000", func(b *testing.B) {
		var before, after runtime.MemStats
		for b.Loop() {
			runtime.GC()
			runtime.ReadMemStats(&before)
			y := newYard(b, 12_000, 10_000, 9, yardPolicies["kpa"])
			y.warm(b, 1000)
			runtime.GC()
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(y)
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "heap-MB")
	})
}

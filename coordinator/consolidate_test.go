package coordinator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

// A placed fleet lives in memory; its models keep the counts they are given.
type placed struct {
	t       tester
	now     time.Time
	d       coordinator.Declarations
	want    map[string]*int
	fleet   *coordinatortest.Fleet
	planner *coordinator.Planner
	judge   *laws.Judge
	log     []string // of the last run
	why     []coordinator.Reason
}

// tester is what tests and properties have in common.
type tester interface {
	require.TestingT
	Helper()
}

// placeModels makes a fleet of equal servers with these models on each, all serving.
func placeModels(t tester, removal coordinator.Removal, slots int64, servers ...string) *placed {
	var settles coordinator.Consolidation
	if rt, ok := t.(*rapid.T); ok {
		settles.Settle = time.Duration(rapid.IntRange(1, 20).Draw(rt, "settle")) * time.Second
	}
	f := &placed{t: t, now: epoch, want: map[string]*int{}}
	f.d.Groups = []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"slots": slots}, Max: 9, Removal: removal, Consolidation: settles}}
	var models []coordinatortest.FleetModel
	for _, on := range servers {
		for _, name := range strings.Split(on, "") {
			if f.want[name] == nil {
				f.want[name] = new(int)
				f.d.Models = append(f.d.Models, coordinator.Model{Name: name, Group: "g", Needs: coordinator.Resources{"slots": 1}, Max: 9, Policy: steady{f.want[name]}})
				models = append(models, coordinatortest.FleetModel{Name: name, Load: 4 * time.Second})
			}
			*f.want[name]++
		}
	}
	f.fleet = coordinatortest.NewFleet(func() time.Time { return f.now }, []coordinatortest.FleetGroup{{Name: "g", Servers: len(servers), Ordinal: removal == coordinator.Ordinal}}, models)
	for i, on := range servers {
		for _, name := range strings.Split(on, "") {
			f.apply(coordinator.Action{Kind: coordinator.Load, Server: fmt.Sprintf("g-%04d", i), Model: name})
		}
	}
	f.now = f.now.Add(5 * time.Second)
	for i, on := range servers {
		for _, name := range strings.Split(on, "") {
			f.apply(coordinator.Action{Kind: coordinator.Route, Server: fmt.Sprintf("g-%04d", i), Model: name})
		}
	}
	var err error
	f.planner, err = coordinator.NewPlanner(f.d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	f.judge = laws.For(f.d)
	return f
}

func (f *placed) apply(a coordinator.Action) {
	a.Group, a.ID = "g", a.String()
	require.NoError(f.t, f.fleet.Apply(context.Background(), a))
}

// run goes on for a while; it judges every action and notes all but routes.
func (f *placed) run(d time.Duration) {
	f.t.Helper()
	f.log, f.why = nil, nil
	for end := f.now.Add(d); f.now.Before(end); {
		f.now = f.now.Add(2 * time.Second)
		s := coordinator.Snapshot{Now: f.now}
		s.World, _ = f.fleet.Observe(context.Background())
		plan := f.planner.Plan(s)
		require.Empty(f.t, plan.Faults)
		require.NoError(f.t, f.judge.Plan(s, plan))
		for _, a := range plan.Now {
			before, _ := f.fleet.Observe(context.Background())
			require.NoError(f.t, f.judge.Action(before, a))
			require.NoError(f.t, f.fleet.Apply(context.Background(), a), a)
			after, _ := f.fleet.Observe(context.Background())
			require.NoError(f.t, f.judge.World(after))
			f.log, f.why = append(f.log, a.String()), append(f.why, a.Why.Reason)
		}
	}
}

// layout is what serves where, as in placeModels.
func (f *placed) layout() (all []string) {
	w, _ := f.fleet.Observe(context.Background())
	for _, s := range w.Groups[0].Servers {
		on := ""
		for _, r := range s.Replicas {
			require.Equal(f.t, coordinator.Serving, r.Phase)
			on += r.Model
		}
		all = append(all, on)
	}
	return all
}

// steady always wants the count that a test has set.
type steady struct{ n *int }

func (steady) Validate() error                               { return nil }
func (steady) Needs() policy.Needs                           { return policy.Needs{} }
func (p steady) New(time.Time, int) policy.Policy            { return p }
func (p steady) Decide(o policy.Observation) policy.Decision { return o.Propose("steady", *p.n) }

// One model goes, and what is left of two servers fits on one: it moves there,
// serving all the while, and stays.
func TestTwoHalvesBecomeAWhole(t *testing.T) {
	for _, removal := range []coordinator.Removal{coordinator.Free, coordinator.Ordinal} {
		t.Run(removal.String(), func(t *testing.T) {
			f := placeModels(t, removal, 2, "ac", "bc")
			f.run(20 * time.Minute)
			require.Equal(t, []string{"ac", "bc"}, f.layout(), "full")
			*f.want["c"] = 0
			f.run(4 * time.Minute)
			require.Equal(t, []string{"a", "b"}, f.layout(), "not before it has settled")
			f.run(4 * time.Minute)
			require.Equal(t, []string{"ab"}, f.layout())
			w, _ := f.fleet.Observe(context.Background())
			if removal == coordinator.Ordinal {
				require.Equal(t, "g-0000", w.Groups[0].Servers[0].Name)
			}
			f.run(30 * time.Minute)
			require.Empty(t, f.log, "nothing more to do")
		})
	}
}

// Two models of two replicas on three servers end on two, one of each on both.
func TestThreeServersBecomeTwo(t *testing.T) {
	for _, removal := range []coordinator.Removal{coordinator.Free, coordinator.Ordinal} {
		t.Run(removal.String(), func(t *testing.T) {
			f := placeModels(t, removal, 2, "ab", "a", "b")
			f.run(10 * time.Minute)
			require.Equal(t, []string{"ab", "ab"}, f.layout())
			f.run(30 * time.Minute)
			require.Empty(t, f.log)
		})
	}
}

// More wanted in the midst of it is more urgent: what moves stays where it is
// needed, and nothing goes.
func TestDemandEndsConsolidation(t *testing.T) {
	f := placeModels(t, coordinator.Free, 2, "a", "b")
	f.run(5*time.Minute + 4*time.Second)
	require.Len(t, f.log, 1)
	require.Contains(t, f.log[0], "load ")
	*f.want["a"], *f.want["b"] = 2, 2
	f.run(10 * time.Minute)
	require.Equal(t, []string{"ab", "ab"}, f.layout())
	require.False(t, slices.ContainsFunc(f.log, func(a string) bool { return strings.Contains(a, "scale") }), "%v", f.log)
}

// Switched off, frozen, or with loads that take longer than the quiet that is
// expected, servers stay.
func TestConsolidationThatDoesNotPay(t *testing.T) {
	for name, change := range map[string]func(*placed){
		"off":        func(f *placed) { f.d.Groups[0].Consolidation.Off = true },
		"long loads": func(f *placed) { f.d.Models[0].LoadTime, f.d.Models[1].LoadTime = time.Hour, time.Hour },
		"minimum":    func(f *placed) { f.d.Groups[0].Min = 2 },
		"frozen": func(f *placed) {
			require.NoError(f.t, f.planner.Freeze(coordinator.TargetID{Kind: coordinator.TargetGroup, Name: "g"}, epoch.Add(time.Hour)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := placeModels(t, coordinator.Free, 2, "a", "b")
			change(f)
			require.NoError(t, f.planner.Update(f.d))
			f.run(20 * time.Minute)
			require.Equal(t, []string{"a", "b"}, f.layout())
		})
	}
}

// On random fleets whose counts change now and then every action keeps the laws,
// and the fleet comes to rest on no more servers than before.
func TestConsolidationLaws(t *testing.T) {
	moves := 0
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.Int64Range(1, 4).Draw(t, "slots")
		var servers []string
		for range rapid.IntRange(2, 6).Draw(t, "servers") {
			on := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}), 1, int(slots), rapid.ID[string]).Draw(t, "on")
			slices.Sort(on)
			servers = append(servers, strings.Join(on, ""))
		}
		f := placeModels(t, rapid.SampledFrom([]coordinator.Removal{coordinator.Free, coordinator.Ordinal}).Draw(t, "removal"), slots, servers...)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			m := rapid.SampledFrom(f.d.Models).Draw(t, "model")
			*f.want[m.Name] = rapid.IntRange(0, max(1, *f.want[m.Name])).Draw(t, "want")
			f.run(time.Duration(rapid.IntRange(2, 60).Draw(t, "seconds")) * time.Second)
			for _, a := range f.why {
				if a == coordinator.Consolidating {
					moves++
				}
			}
		}
		f.run(5 * time.Minute)
		before := len(f.layout())
		f.run(time.Minute)
		if len(f.log) > 0 {
			t.Fatalf("no rest: %v", f.log)
		}
		if before > len(servers) {
			t.Fatalf("%d servers, %d before", before, len(servers))
		}
	})
	if moves < 20 {
		t.Fatalf("only %d moves", moves)
	}
}

// A restart in the midst of it goes on where the other was.
func TestRestartInConsolidation(t *testing.T) {
	f := placeModels(t, coordinator.Free, 2, "a", "b")
	f.run(5*time.Minute + 4*time.Second)
	require.Len(t, f.log, 1)
	state := f.planner.AppendState(nil)
	var err error
	f.planner, err = coordinator.NewPlanner(f.d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	require.NoError(t, f.planner.Restore(state))
	require.Equal(t, string(state), string(f.planner.AppendState(nil)))
	f.run(2 * time.Minute)
	require.Equal(t, []string{"ab"}, f.layout())
}

// A load that takes much longer than declared is no reason to give up a move and
// to begin it again, for ever.
func TestMovesWaitForSlowLoads(t *testing.T) {
	model := func(name string, replicas int, gib int64) coordinator.Model {
		return coordinator.Model{Name: name, Group: "gpu", Needs: coordinator.Resources{"gib": gib}, Replicas: replicas, LoadTime: 500 * time.Millisecond}
	}
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 2, Consolidation: coordinator.Consolidation{Settle: 10 * time.Second}}},
		Models: []coordinator.Model{model("bert", 1, 50), model("llama", 1, 50), model("whisper", 2, 30)},
	}
	s := newStage(t, d, nil)
	s.run(10, nil)
	for _, step := range []coordinator.Model{model("whisper", 1, 30), model("bert", 0, 50)} {
		d.Models = slices.Clone(d.Models)
		d.Models[slices.IndexFunc(d.Models, func(m coordinator.Model) bool { return m.Name == step.Name })] = step
		require.NoError(t, s.planner.Update(d))
		s.run(5, nil)
	}
	loads := 0
	for range 30 {
		s.run(1, nil)
		for _, a := range s.plan.Now {
			if a.Kind == coordinator.Load {
				loads++
			}
		}
	}
	require.Equal(t, 1, loads)
	require.Empty(t, s.plan.Groups[0].Emptying)
	require.Equal(t, 1, s.plan.Groups[0].Desired)
}

package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

var epoch = time.Unix(1_700_000_000, 0)

// wild is a policy without manners: it proposes what a hash of its inputs says,
// readings or not.
type wild struct{ Top, Salt int }

func (wild) Validate() error { return nil }
func (c wild) Needs() policy.Needs {
	return policy.Needs{Signals: []policy.Signal{{Name: policy.InFlight}, {Name: policy.Begun, Stat: policy.Rate, Window: 10 * time.Second}}, Seconds: c.Salt%2 == 0}
}
func (c wild) New(time.Time, int) policy.Policy { return c }

func (c wild) Decide(o policy.Observation) policy.Decision {
	n := int(o.Now.Unix()/7)*31 + int(o.Readings[0].Value)*17 + c.Salt
	return o.Propose("wild", n%(c.Top+3)-1)
}

var track = policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 2, Tolerance: 0.1}

// trial is a random fleet, its planner and what happens to it.
type trial struct {
	d      coordinator.Declarations
	now    time.Time
	fleet  *coordinatortest.Fleet
	judge  *laws.Judge
	first  *coordinator.Planner
	second *coordinator.Planner // sees the same, must plan the same

	routers int                  // that count requests, each a part
	before  []coordinator.Sample // what they said last
}

func (tr *trial) pick(t *rapid.T) coordinator.Model {
	return tr.d.Models[rapid.IntRange(0, len(tr.d.Models)-1).Draw(t, "which")]
}

func drawTrial(t *rapid.T) *trial {
	tr := &trial{now: epoch}
	var groups []coordinatortest.FleetGroup
	var models []coordinatortest.FleetModel
	seconds := func(top int, label string) time.Duration {
		return time.Duration(rapid.IntRange(0, top).Draw(t, label)) * time.Second
	}
	for i := range rapid.IntRange(1, 2).Draw(t, "groups") {
		g := coordinator.ServerGroup{
			Name:         "g" + string(rune('0'+i)),
			Capacity:     coordinator.Resources{"memory": rapid.Int64Range(4, 12).Draw(t, "memory"), "slots": rapid.Int64Range(1, 4).Draw(t, "slots")},
			Capabilities: []string{"a", "b"},
			Min:          rapid.IntRange(0, 2).Draw(t, "min servers"),
			Max:          rapid.IntRange(2, 6).Draw(t, "max servers"),
			Removal:      rapid.SampledFrom([]coordinator.Removal{coordinator.Free, coordinator.Ordinal}).Draw(t, "removal"),

			Consolidation: coordinator.Consolidation{Settle: 1 + seconds(20, "settle")},
		}
		tr.d.Groups = append(tr.d.Groups, g)
		groups = append(groups, coordinatortest.FleetGroup{
			Name: g.Name, Servers: rapid.IntRange(0, 3).Draw(t, "servers"), Boot: seconds(10, "boot"), Ordinal: g.Removal == coordinator.Ordinal,
		})
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "models") {
		g := tr.d.Groups[rapid.IntRange(0, len(tr.d.Groups)-1).Draw(t, "group")]
		m := coordinator.Model{
			Name: "m" + string(rune('0'+i)), Group: g.Name,
			Needs:        coordinator.Resources{"memory": rapid.Int64Range(1, 4).Draw(t, "needs"), "slots": 1},
			Requires:     rapid.SampledFrom([][]string{nil, {"a"}}).Draw(t, "requires"),
			Min:          rapid.IntRange(0, 2).Draw(t, "min"),
			DrainTimeout: 1 + seconds(20, "drain"),
		}
		m.Max = max(1, m.Min) + rapid.IntRange(0, 5).Draw(t, "max")
		m.Policy = rapid.SampledFrom([]policy.Config{wild{m.Max, i}, wild{m.Max, i + 8}, track, policy.SeldonLag{Min: 1, Inactive: 20 * time.Second, LagThreshold: 3}}).Draw(t, "policy")
		tr.d.Models = append(tr.d.Models, m)
		models = append(models, coordinatortest.FleetModel{Name: m.Name, Load: seconds(10, "load")})
	}
	tr.fleet = coordinatortest.NewFleet(func() time.Time { return tr.now }, groups, models)
	tr.judge = laws.For(tr.d)
	tr.judge.Stale, tr.judge.Patience = 5*time.Second, 50*time.Second
	tr.routers = rapid.IntRange(1, 3).Draw(t, "routers")
	for _, p := range []**coordinator.Planner{&tr.first, &tr.second} {
		planner, err := coordinator.NewPlanner(tr.d, coordinator.PlannerOptions{Stale: 5 * time.Second})
		if err != nil {
			t.Fatalf("%v", err)
		}
		*p = planner
	}
	return tr
}

// happen is what goes on between two ticks.
func (tr *trial) happen(t *rapid.T) {
	tr.now = tr.now.Add(time.Duration(rapid.IntRange(1, 8000).Draw(t, "ms")) * time.Millisecond)
	for range rapid.IntRange(0, 4).Draw(t, "arrivals") {
		tr.fleet.Arrive(tr.pick(t).Name, rapid.IntRange(0, 9).Draw(t, "requests"))
	}
	for range rapid.IntRange(0, 1).Draw(t, "ends") {
		tr.fleet.Finish(tr.pick(t).Name, rapid.IntRange(0, 6).Draw(t, "ended"))
	}
	if what := rapid.IntRange(0, 12).Draw(t, "event"); what < 3 {
		w, _ := tr.fleet.Observe(context.Background())
		g := w.Groups[rapid.IntRange(0, len(w.Groups)-1).Draw(t, "group")]
		if len(g.Servers) == 0 {
			return
		}
		s := g.Servers[rapid.IntRange(0, len(g.Servers)-1).Draw(t, "server")]
		switch {
		case what == 0:
			tr.fleet.Leave(g.Name, s.Name)
		case what == 1 && s.Leaving:
			tr.fleet.Gone(g.Name, s.Name)
		case what == 2 && len(s.Replicas) > 0:
			tr.fleet.Break(g.Name, s.Name, s.Replicas[0].Model)
		}
	}
}

// snapshot is the world as the planner gets to see it: now and then without a
// group, or without some or all samples.
func (tr *trial) snapshot(t *rapid.T) (s coordinator.Snapshot) {
	s = coordinator.Snapshot{Now: tr.now}
	s.World, _ = tr.fleet.Observe(context.Background())
	whole, _ := tr.fleet.Read(context.Background(), tr.first.Wants(), nil)
	for _, x := range whole {
		for r := range tr.routers {
			part := x
			part.Origin = string(rune('a' + r))
			part.Value = x.Value / float64(tr.routers)
			s.Samples = append(s.Samples, part)
		}
	}
	defer func() { tr.before = s.Samples }()
	switch rapid.IntRange(0, 9).Draw(t, "sight") {
	case 3: // one router answers as before, of the same instant
		for i := range s.Samples {
			for _, old := range tr.before {
				if old.Series == s.Samples[i].Series && old.Origin == s.Samples[i].Origin && old.Origin == "a" {
					s.Samples[i].At, s.Samples[i].Value = old.At, old.Value
				}
			}
		}
	case 4: // one router does not answer
		gone := string(rune('a' + rapid.IntRange(0, tr.routers-1).Draw(t, "gone")))
		s.Samples = slices.DeleteFunc(s.Samples, func(x coordinator.Sample) bool { return x.Origin == gone })
	case 5: // one router fails, with no time to its answer
		for i := range s.Samples {
			if s.Samples[i].Origin == "a" {
				s.Samples[i].Quality, s.Samples[i].At = policy.Failed, time.Time{}
			}
		}
	case 0:
		i := rapid.IntRange(0, len(s.World.Groups)-1).Draw(t, "unseen")
		s.World.Unseen = []string{s.World.Groups[i].Name}
		s.World.Groups = slices.Delete(s.World.Groups, i, i+1)
	case 1:
		s.Samples, s.ReadFailed = nil, rapid.Bool().Draw(t, "failed")
	case 2:
		for i := range s.Samples {
			s.Samples[i].Quality = rapid.SampledFrom([]policy.Quality{policy.OK, policy.Failed, policy.Partial, policy.Missing}).Draw(t, "quality")
			s.Samples[i].At = s.Samples[i].At.Add(-time.Duration(rapid.IntRange(0, 1).Draw(t, "late")) * 10 * time.Second)
		}
	}
	return s
}

// The laws that this planner can break, on random small fleets, judged after
// every action.
func TestLaws(t *testing.T) {
	tempted := map[string]int{}
	actions, restarts := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		for range rapid.IntRange(20, 60).Draw(t, "ticks") {
			tr.happen(t)
			s := tr.snapshot(t)
			// 11. Restart: what is saved and restored elsewhere goes on as if nothing had
			// happened.
			if rapid.IntRange(0, 3).Draw(t, "restart") == 0 {
				tr.restart(t)
				restarts++
			}
			plan := tr.first.Plan(s)
			// 10. Determinism, and planning again changes nothing.
			text := tell(plan)
			if twin := tell(tr.second.Plan(s)); twin != text {
				t.Fatalf("law 10: one plan\n%s\nthe other\n%s", text, twin)
			}
			if again := tell(tr.first.Plan(s)); again != text {
				t.Fatalf("law 10: planned again: was\n%s\nis\n%s", text, again)
			}
			if err := tr.judge.Plan(s, plan); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			// Actions are independent: any order will do.
			order := rand.New(rand.NewPCG(uint64(tr.now.UnixNano()), 1)).Perm(len(plan.Now))
			for _, i := range order {
				a := plan.Now[i]
				before, _ := tr.fleet.Observe(context.Background())
				if err := tr.judge.Action(before, a); err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				if err := tr.fleet.Apply(context.Background(), a); err != nil {
					t.Fatalf("%v: %v\n%s", a, err, text)
				}
				after, _ := tr.fleet.Observe(context.Background())
				if err := tr.judge.World(after); err != nil {
					t.Fatalf("after %v: %v\n%s", a, err, text)
				}
				// 7. Idempotence: delivered twice, done once.
				if err := tr.fleet.Apply(context.Background(), a); err != nil {
					t.Fatalf("%v, delivered again: %v", a, err)
				}
				if twice, _ := tr.fleet.Observe(context.Background()); fmt.Sprint(twice) != fmt.Sprint(after) {
					t.Fatalf("law 7: %v delivered again changed the world", a)
				}
				actions++
			}
		}
		for law, n := range tr.judge.Tempted {
			tempted[law] += n
		}
	})
	tempted["11 restart"] = restarts
	t.Logf("%d actions; tempted: %v", actions, tempted)
	for _, law := range []string{"1 bounds", "2 make before break", "3 no live removal", "3 drain", "4 silence", "5 capacity", "6 one of each", "11 restart"} {
		if tempted[law] < 20 {
			t.Errorf("law %s was tempted %d times only", law, tempted[law])
		}
	}
}

// restart replaces the second planner by a new one with its memory.
func (tr *trial) restart(t *rapid.T) {
	planner, err := coordinator.NewPlanner(tr.d, coordinator.PlannerOptions{Stale: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	state := tr.second.AppendState(nil)
	if err := planner.Restore(state); err != nil {
		t.Fatalf("%s: %v", state, err)
	}
	if again := planner.AppendState(nil); string(again) != string(state) {
		t.Fatalf("law 11: saved\n%s\nrestored\n%s", state, again)
	}
	tr.second = planner
}

// tell renders a plan, everything that decides included.
func tell(p coordinator.Plan) string {
	var b strings.Builder
	for _, m := range p.Models {
		fmt.Fprintf(&b, "model %s %d->%d ready=%d starting=%d draining=%d unseen=%v %v\n", m.Model, m.Was, m.Desired, m.Ready, m.Starting, m.Draining, m.Unseen, m.Decision)
	}
	for _, g := range p.Groups {
		fmt.Fprintf(&b, "group %s servers=%d %d->%d bound=%d unseen=%v\n", g.Group, g.Servers, g.Was, g.Desired, g.LowerBound, g.Unseen)
	}
	for _, a := range p.Now {
		fmt.Fprintf(&b, "now %v: %v\n", a, a.Why)
	}
	for _, a := range p.Later {
		fmt.Fprintf(&b, "later %v: %s\n", a.Action, a.For)
	}
	for _, r := range p.Refused {
		fmt.Fprintf(&b, "refused %s: %v\n", r.Group, r.Refusal)
	}
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "fault %s\n", f)
	}
	return b.String()
}

// 8. Convergence: under a steady load without faults the plan becomes empty,
// and stays so.
func TestConvergence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		for i := range tr.d.Models {
			tr.d.Models[i].Policy = track
		}
		p, err := coordinator.NewPlanner(tr.d, coordinator.PlannerOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			tr.fleet.Arrive(tr.pick(t).Name, rapid.IntRange(0, 12).Draw(t, "requests"))
		}
		quiet := 0
		for tick := 0; quiet < 5; tick++ {
			if tick > 60 {
				t.Fatalf("not settled after %d ticks:\n%s", tick, tell(p.Plan(coordinator.Snapshot{})))
			}
			tr.now = tr.now.Add(2 * time.Second)
			s := coordinator.Snapshot{Now: tr.now}
			s.World, _ = tr.fleet.Observe(context.Background())
			s.Samples, _ = tr.fleet.Read(context.Background(), p.Wants(), nil)
			plan := p.Plan(s)
			for _, a := range plan.Now {
				if err := tr.fleet.Apply(context.Background(), a); err != nil {
					t.Fatal(err)
				}
			}
			quiet++
			if len(plan.Now) > 0 {
				quiet = 0
			}
		}
	})
}

// 12. Fencing, on the in-memory fleet.
func TestFleetFences(t *testing.T) {
	now := epoch
	ctx := context.Background()
	f := coordinatortest.NewFleet(func() time.Time { return now },
		[]coordinatortest.FleetGroup{{Name: "g", Servers: 1}}, []coordinatortest.FleetModel{{Name: "m"}})
	scale := func(e, gen uint64, n int) error {
		return f.Apply(ctx, coordinator.Action{ID: fmt.Sprint(e, gen, n), Kind: coordinator.ScaleGroup, Group: "g", Replicas: n, Epoch: e, Generation: gen})
	}
	require.NoError(t, scale(2, 5, 2))
	require.ErrorIs(t, scale(1, 9, 3), coordinator.ErrFenced, "an older epoch")
	require.ErrorIs(t, scale(2, 4, 3), coordinator.ErrFenced, "an older generation")
	require.NoError(t, scale(3, 1, 3), "a later epoch starts anywhere")
	load := coordinator.Action{ID: "l", Kind: coordinator.Load, Group: "g", Server: "g-0000", Model: "m", Epoch: 3, Generation: 1}
	require.NoError(t, f.Apply(ctx, load))
	require.NoError(t, f.Apply(ctx, load), "the same again")
	other := load
	other.ID = "other"
	require.ErrorIs(t, f.Apply(ctx, other), coordinator.ErrConflict)
	route := load
	route.ID, route.Kind, route.Epoch = "r", coordinator.Route, 2
	require.ErrorIs(t, f.Apply(ctx, route), coordinator.ErrFenced)
	route.Epoch, route.IfVersion = 3, "99"
	require.ErrorIs(t, f.Apply(ctx, route), coordinator.ErrConflict)
	for _, a := range []coordinator.Action{
		{Kind: coordinator.ScaleGroup, Group: "x"},
		{Kind: coordinator.Load, Group: "g", Server: "x", Model: "m"},
		{Kind: coordinator.Load, Group: "g", Server: "g-0001", Model: "x"},
		{Kind: coordinator.Route, Group: "g", Server: "g-0001", Model: "m"},
	} {
		err := f.Apply(ctx, a)
		require.Error(t, err, a)
		require.False(t, errors.Is(err, coordinator.ErrFenced))
	}
}

// A refused action may come again and is then carried out; an older epoch stays
// out whatever was removed since; an ordinal is never given twice.
func TestFleetKeepsItsContracts(t *testing.T) {
	now := epoch
	ctx := context.Background()
	f := coordinatortest.NewFleet(func() time.Time { return now },
		[]coordinatortest.FleetGroup{{Name: "g", Servers: 3, Ordinal: true}}, []coordinatortest.FleetModel{{Name: "m", Load: 5 * time.Second}})
	act := func(k coordinator.Kind, epoch, generation uint64) error {
		return f.Apply(ctx, coordinator.Action{
			ID: fmt.Sprint(k, epoch, generation), Kind: k, Group: "g", Server: "g-0000", Model: "m", Epoch: epoch, Generation: generation,
		})
	}
	require.NoError(t, act(coordinator.Load, 1, 1))
	require.Error(t, act(coordinator.Route, 1, 2), "it is still loading")
	now = now.Add(5 * time.Second)
	require.NoError(t, act(coordinator.Route, 1, 2))
	w, _ := f.Observe(ctx)
	require.Equal(t, coordinator.Serving, w.Groups[0].Servers[0].Replicas[0].Phase)
	require.NoError(t, act(coordinator.Unload, 2, 1))
	require.ErrorIs(t, act(coordinator.Load, 1, 9), coordinator.ErrFenced)
	require.ErrorIs(t, act(coordinator.Unload, 1, 9), coordinator.ErrFenced)

	f.Leave("g", "g-0002")
	require.NoError(t, f.Apply(ctx, coordinator.Action{ID: "down", Kind: coordinator.ScaleGroup, Group: "g", Replicas: 2, Generation: 1}))
	require.NoError(t, f.Apply(ctx, coordinator.Action{ID: "up", Kind: coordinator.ScaleGroup, Group: "g", Replicas: 4, Generation: 2}))
	w, _ = f.Observe(ctx)
	names := map[string]bool{}
	for _, s := range w.Groups[0].Servers {
		require.False(t, names[s.Name], "%s stands twice", s.Name)
		names[s.Name] = true
	}
	require.Len(t, names, 5, "four, and the one that leaves")
}

package coordinator_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/policy"
)

func status(t *testing.T, p interface {
	Status(string) (coordinator.Status, error)
}, model string,
) coordinator.Status {
	s, err := p.Status(model)
	require.NoError(t, err)
	return s
}

// servers is a world of one group: each argument is the servers' only replica's
// phase, or "-" for none.
func servers(desired int, phases ...string) coordinator.World {
	g := coordinator.GroupState{Name: "g", Desired: desired}
	for i, phase := range phases {
		s := coordinator.ServerState{Name: string(rune('a' + i)), Phase: coordinator.Up}
		if phase != "-" {
			var x coordinator.ReplicaPhase
			if err := x.UnmarshalText([]byte(phase)); err != nil {
				panic(err)
			}
			s.Replicas = []coordinator.ReplicaState{{Model: "m", Phase: x}}
		}
		g.Servers = append(g.Servers, s)
	}
	return coordinator.World{Groups: []coordinator.GroupState{g}}
}

// Each state: what is wanted, what has a place, what serves.
func TestStatusStates(t *testing.T) {
	for _, c := range []struct {
		name        string
		want        int // desired
		low, groups int // Min of the model, Max of the group
		world       coordinator.World
		state       coordinator.ModelState
		ready       int
		refused     int
	}{
		{"all serve", 2, 0, 3, servers(2, "serving", "serving"), coordinator.StateScheduled, 2, 0},
		{"one loads", 2, 0, 3, servers(2, "serving", "loading"), coordinator.StateScheduled, 1, 0},
		{"a server is ordered", 3, 0, 3, servers(2, "serving", "serving"), coordinator.StateScheduled, 2, 0},
		{"one too many", 3, 0, 2, servers(2, "serving", "serving"), coordinator.StatePartial, 2, 1},
		{"beyond all servers there could be", 9, 0, 2, servers(2, "serving", "serving"), coordinator.StatePartial, 2, 7},
		{"the minimum just serves", 3, 2, 2, servers(2, "serving", "serving"), coordinator.StatePartial, 2, 1},
		{"the minimum does not serve", 3, 2, 2, servers(2, "serving", "loading"), coordinator.StateRefused, 1, 1},
		{"none serves, none need", 3, 0, 2, servers(2, "loading", "loading"), coordinator.StatePartial, 0, 1},
		{"none wanted", 0, 0, 2, servers(1, "serving"), coordinator.StateScaledDown, 1, 0},
		{"group unseen", 2, 0, 2, coordinator.World{Unseen: []string{"g"}}, coordinator.StateUnknown, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := coordinator.NewPlanner(coordinator.Declarations{
				Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 1}, Max: c.groups}},
				Models: []coordinator.Model{{Name: "m", Group: "g", Needs: coordinator.Resources{"x": 1}, Min: c.low, Max: 9, Policy: always{N: c.want}}},
			}, coordinator.PlannerOptions{})
			require.NoError(t, err)
			require.Equal(t, coordinator.StateUnknown, status(t, p, "m").State, "no plan yet")
			for i := range 2 { // the first does not shrink
				p.Plan(coordinator.Snapshot{Now: sec(float64(i)), World: c.world})
			}
			s := status(t, p, "m")
			require.Equal(t, c.state, s.State)
			require.Equal(t, [2]int{c.ready, c.refused}, [2]int{s.Ready, s.Refused})
			require.Equal(t, c.refused > 0, s.Refusal.Reason != packing.Refusal{}.Reason || s.Refusal.Items > 0)
			require.Equal(t, c.refused, s.Refusal.Items)
			_, err = p.Status("n")
			require.EqualError(t, err, `coordinator: status: no model "n" is declared`)
		})
	}
}

// None has a place: what is there belongs to others.
func TestStatusRefused(t *testing.T) {
	p, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 1}, Max: 1}},
		Models: []coordinator.Model{
			{Name: "m", Group: "g", Needs: coordinator.Resources{"x": 1}, Max: 9, Policy: always{N: 1}},
			{Name: "n", Group: "g", Needs: coordinator.Resources{"x": 1}, Max: 9, Policy: always{N: 1}},
		},
	}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	p.Plan(coordinator.Snapshot{Now: sec(1), World: servers(1, "serving")})
	n := status(t, p, "n")
	require.Equal(t, coordinator.StateRefused, n.State)
	require.Equal(t, "g", n.Refusal.Group)
	require.Equal(t, packing.Capacity, n.Refusal.Reason)
	require.Equal(t, "n: refused, 0 of 1 ready, generation 2 (fulfilled 0)", n.String())
	require.Equal(t, coordinator.StateScheduled, status(t, p, "m").State)
	require.Equal(t, coordinator.Refusal{}, status(t, p, "m").Refusal, "another's")
}

// A generation is a wish. It is fulfilled by a world that was seen after it.
func TestGenerations(t *testing.T) {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 1}, Max: 9}},
		Models: []coordinator.Model{{Name: "m", Group: "g", Max: 9, Policy: always{N: 2}}},
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	now := 0.0
	plan := func(w coordinator.World) coordinator.Status {
		now++
		p.Plan(coordinator.Snapshot{Now: sec(now), World: w})
		return status(t, p, "m")
	}
	is := func(s coordinator.Status, generation, fulfilled uint64, ready bool) {
		t.Helper()
		require.Equal(t, [2]uint64{generation, fulfilled}, [2]uint64{s.Generation, s.ReadyGeneration})
		require.Equal(t, ready, s.ReadyForGeneration())
	}
	both := servers(2, "serving", "serving")
	is(status(t, p, "m"), 1, 0, false)
	is(plan(both), 2, 0, false) // as wanted, but seen before the wish was made
	is(plan(both), 2, 2, true)
	is(plan(servers(2, "serving", "broken")), 2, 2, false) // it was fulfilled, and is no more
	is(plan(coordinator.World{Unseen: []string{"g"}}), 2, 2, false)
	is(plan(servers(3, "serving", "serving", "serving")), 2, 2, true) // one moves: as many as wanted serve

	three := d
	three.Models = []coordinator.Model{d.Models[0]}
	three.Models[0].Policy = always{N: 3}
	require.NoError(t, p.Update(three))
	is(status(t, p, "m"), 3, 2, false)
	all := servers(3, "serving", "serving", "serving")
	is(plan(all), 4, 2, false) // it may be older than the declaration, and now three are wanted
	is(plan(servers(3, "serving", "serving", "loaded")), 4, 2, false)
	is(plan(all), 4, 4, true)
	require.NoError(t, p.Update(three))
	is(plan(all), 4, 4, true) // the same declaration is no wish
	three.Models[0].Requires = []string{}
	require.NoError(t, p.Update(three))
	is(plan(all), 4, 4, true) // nor is another way to say it
	three.Models[0].Slots = 4
	require.NoError(t, p.Update(three))
	is(plan(all), 5, 4, false)

	three.Models[0].Version = "2" // all that serve are of another
	require.NoError(t, p.Update(three))
	is(plan(all), 6, 4, false)
	is(plan(all), 6, 4, false)
	require.Equal(t, [2]int{3, 0}, [2]int{status(t, p, "m").Ready, status(t, p, "m").Current})
	for i := range all.Groups[0].Servers {
		all.Groups[0].Servers[i].Replicas[0].ModelVersion = "2"
	}
	is(plan(all), 6, 6, true)

	state := p.AppendState(nil)
	before := status(t, p, "m")
	p, err = coordinator.NewPlanner(three, coordinator.PlannerOptions{})
	require.NoError(t, err)
	require.NoError(t, p.Restore(state))
	after := status(t, p, "m")
	require.Equal(t, coordinator.StateUnknown, after.State, "nothing was seen yet")
	after.State, after.Current = before.State, before.Current
	require.Equal(t, before, after)
	is(plan(all), 6, 6, true) // the wish was made before the restart

	state = p.AppendState(nil)
	p, err = coordinator.NewPlanner(d, coordinator.PlannerOptions{}) // with another declaration
	require.NoError(t, err)
	require.NoError(t, p.Restore(state))
	is(status(t, p, "m"), 7, 6, false)
	old := servers(3, "serving", "serving", "serving")
	plan(old)
	require.NoError(t, p.Restore(state))
	require.Equal(t, coordinator.StateUnknown, status(t, p, "m").State, "what was seen before is another story")
	is(plan(old), 8, 6, false) // two are wanted again
	is(plan(old), 8, 6, false) // and three still serve
	is(plan(both), 8, 8, true)
}

// State of version 1 knew no wishes: they start anew. A later version is refused.
func TestStateOfOtherVersions(t *testing.T) {
	p, s := twoModels(t, always{N: 2})
	s.Now = sec(1)
	p.Plan(s)
	state := string(p.AppendState(nil))
	require.Contains(t, state, `"v":2`)
	require.NoError(t, p.Restore([]byte(strings.Replace(state, `"v":2`, `"v":1`, 1))))
	for _, v := range []string{"0", "3"} {
		require.ErrorContains(t, p.Restore([]byte(strings.Replace(state, `"v":2`, `"v":`+v, 1))), "can read 1 to 2")
	}
	for _, bad := range []string{`"planned":3,"declared"`, `"planned":2,"fulfilled":3,"declared"`} {
		err := p.Restore([]byte(strings.Replace(state, `"planned":2,"declared"`, bad, 1)))
		require.ErrorContains(t, err, "out of order")
	}
}

// Never ready for a generation whose wish was not yet seen fulfilled, whatever
// happens; and every wish that stands for long enough is.
func TestReadyIsNeverStale(t *testing.T) {
	fulfilled, updated, restarted := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		type wish struct {
			generation uint64
			plan       int // after which a world tells something about it
		}
		wishes := map[string]wish{}
		for i := range rapid.IntRange(10, 40).Draw(t, "ticks") {
			tr.happen(t)
			s := tr.snapshot(t)
			if rapid.IntRange(0, 7).Draw(t, "update") == 0 { // after the world was observed
				m := &tr.d.Models[rapid.IntRange(0, len(tr.d.Models)-1).Draw(t, "which")]
				m.Slots++
				if err := tr.second.Update(tr.d); err != nil {
					t.Fatal(err)
				}
				updated++
			}
			if rapid.IntRange(0, 7).Draw(t, "restart") == 0 {
				tr.restart(t)
				restarted++
			}
			serving := map[string]int{}
			for _, g := range s.World.Groups {
				for _, server := range g.Servers {
					for _, r := range server.Replicas {
						if r.Phase == coordinator.Serving {
							serving[r.Model]++
						}
					}
				}
			}
			before := map[string]int{}
			for _, m := range tr.d.Models {
				x, _ := tr.second.Status(m.Name)
				before[m.Name] = x.Desired
			}
			plan := tr.second.Plan(s)
			for k, m := range tr.d.Models {
				x, err := tr.second.Status(m.Name)
				if err != nil {
					t.Fatal(err)
				}
				w := wishes[m.Name]
				if x.Generation < w.generation || x.Desired != before[m.Name] && x.Generation == w.generation {
					t.Fatalf("%v after %d wanted of generation %d", x, before[m.Name], w.generation)
				}
				if x.Generation != w.generation {
					wishes[m.Name] = wish{x.Generation, i}
				}
				if !x.ReadyForGeneration() {
					continue
				}
				fulfilled++
				if i <= wishes[m.Name].plan || plan.Models[k].Unseen || serving[m.Name] < x.Desired {
					t.Fatalf("tick %d: %v is said to be ready, wished in tick %d, with %d serving", i, x, wishes[m.Name].plan, serving[m.Name])
				}
			}
			for _, a := range plan.Now {
				_ = tr.fleet.Apply(t.Context(), a)
			}
		}
	})
	if fulfilled < 500 || updated < 100 || restarted < 100 {
		t.Errorf("%d wishes fulfilled, %d updates, %d restarts: not tempted", fulfilled, updated, restarted)
	}
}

// While the loop runs Status may be asked from anywhere, and ends as it should.
func TestCoordinatorStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := newFleet()
		c := loop(t, fleet, fleet, coordinator.Options{})
		var ready []int
		for i := range 12 { // up at 10 s, loaded and routed at 14 s, seen at 16 s
			c.Tick(t.Context())
			if status(t, c, "llama").ReadyForGeneration() {
				ready = append(ready, 2*i)
			}
			<-time.After(2 * time.Second)
		}
		require.Equal(t, []int{16, 18, 20, 22}, ready)
		require.Equal(t, "llama: scheduled, 1 of 1 ready, generation 2", status(t, c, "llama").String())
	})
}

// Equal declarations have equal fingerprints, others have others: shown by the
// generation, which rises with each.
func TestEveryFieldIsAWish(t *testing.T) {
	ten, eleven := 0.10, 0.11
	hpa := func(name string, tolerance *float64) policy.Config {
		return policy.HPA{MaxReplicas: 3, Tolerance: tolerance, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: name, Target: 1}}}
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip(err)
	}
	tokyo := time.FixedZone("Asia/Tokyo", 9*3600)
	again := ten
	office := []policy.CalendarEntry{{From: 9 * time.Hour, To: 17 * time.Hour, Min: 1}}
	base := coordinator.Model{Name: "m", Group: "g", Max: 9, Policy: hpa("a", &ten)}
	p, err := coordinator.NewPlanner(coordinator.Declarations{Groups: []coordinator.ServerGroup{group3}, Models: []coordinator.Model{base}}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	want := uint64(1)
	for i, change := range []func(*coordinator.Model){
		func(m *coordinator.Model) { m.Policy = hpa("a", &again) }, // no change
		func(m *coordinator.Model) { m.Policy = hpa("b", &ten) },
		func(m *coordinator.Model) { m.Policy = hpa("b", &eleven) },
		func(m *coordinator.Model) { m.Policy = always{N: 3} },
		func(m *coordinator.Model) { m.Policy = policy.Track{Signal: queue.Signal, Value: 7} },
		func(m *coordinator.Model) { m.Policy = policy.Track{Signal: queue.Signal, Value: math.Nextafter(7, 8)} },
		func(m *coordinator.Model) { m.Policy = policy.Highest{queue, queue} },
		func(m *coordinator.Model) { m.Policy = policy.Lowest{queue, queue} },
		func(m *coordinator.Model) { m.Policy = policy.Calendar{Of: queue, Entries: office} },
		func(m *coordinator.Model) { m.Policy = policy.Calendar{Of: queue, Entries: office, Zone: paris} },
		func(m *coordinator.Model) { m.Policy = policy.Calendar{Of: queue, Entries: office, Zone: tokyo} },
		func(m *coordinator.Model) { m.Needs = coordinator.Resources{"x": 1} },
		func(m *coordinator.Model) { m.Needs = coordinator.Resources{"x": 1, "y": 1} },
		func(m *coordinator.Model) { m.Needs = coordinator.Resources{"x": 1, "y": 2} },
		func(m *coordinator.Model) { m.Requires = []string{"a"} },
		func(m *coordinator.Model) { m.Requires = []string{"a", "a"} },
		func(m *coordinator.Model) { m.Max = 8 },
		func(m *coordinator.Model) { m.LoadTime = 1 },
	} {
		change(&base)
		if i > 0 {
			want++
		}
		for range 2 {
			require.NoError(t, p.Update(coordinator.Declarations{Groups: []coordinator.ServerGroup{group3}, Models: []coordinator.Model{base}}))
			require.Equal(t, want, status(t, p, "m").Generation, "change %d", i)
		}
	}
}

var group3 = coordinator.ServerGroup{Name: "g", Capacity: coordinator.Resources{"x": 9, "y": 9}, Capabilities: []string{"a"}, Max: 3}

// ring is a policy whose data refer to themselves.
type ring struct {
	always
	Self []*ring
}

// Data that refer to themselves come to an end.
func TestFingerprintEnds(t *testing.T) {
	r := &ring{}
	r.Self = []*ring{r, r, r}
	p, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{group3}, Models: []coordinator.Model{{Name: "m", Group: "g", Max: 1, Policy: r}},
	}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	require.Equal(t, uint64(1), status(t, p, "m").Generation)
}

func ExamplePlanner_Status() {
	now := time.Unix(0, 0)
	fleet := coordinatortest.NewFleet(func() time.Time { return now },
		[]coordinatortest.FleetGroup{{Name: "gpu", Servers: 1}}, []coordinatortest.FleetModel{{Name: "llama"}})
	d, err := coordinator.BothWays{InFlight: 4}.Declare(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 2}},
		Models: []coordinator.Model{{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 1, Max: 4}},
	})
	if err != nil {
		panic(err)
	}
	planner, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	if err != nil {
		panic(err)
	}
	for i := range 8 {
		if i == 4 {
			fleet.Arrive("llama", 12) // for three replicas, but there can be two servers
		}
		now = now.Add(2 * time.Second)
		s := coordinator.Snapshot{Now: now}
		s.World, _ = fleet.Observe(context.Background())
		s.Samples, _ = fleet.Read(context.Background(), planner.Wants(), nil)
		for _, action := range planner.Plan(s).Now {
			_ = fleet.Apply(context.Background(), action)
		}
		status, _ := planner.Status("llama")
		fmt.Println(status, status.ReadyForGeneration())
	}
	// Output:
	// llama: scheduled, 0 of 1 ready, generation 2 (fulfilled 0) false
	// llama: scheduled, 0 of 1 ready, generation 2 (fulfilled 0) false
	// llama: scheduled, 1 of 1 ready, generation 2 true
	// llama: scheduled, 1 of 1 ready, generation 2 true
	// llama: partial, 1 of 3 ready, generation 3 (fulfilled 2) false
	// llama: partial, 1 of 3 ready, generation 3 (fulfilled 2) false
	// llama: partial, 1 of 3 ready, generation 3 (fulfilled 2) false
	// llama: partial, 2 of 3 ready, generation 3 (fulfilled 2) false
}

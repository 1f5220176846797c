package coordinator_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// plain is a fleet whose models have no policies yet.
func plain() coordinator.Declarations {
	return coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 4}},
		Models: []coordinator.Model{
			{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 1, Max: 4, Slots: 10},
			{Name: "whisper", Group: "gpu", Needs: coordinator.Resources{"gib": 10}, Max: 3, Slots: 20},
		},
	}
}

// alone is a fleet of one model and its own servers.
func alone() coordinator.Declarations {
	d := plain()
	d.Models = d.Models[:1]
	d.Groups[0].Min = 1
	return d
}

var queue = policy.Track{Signal: policy.Signal{Name: "queue"}, Value: 7}

func TestApproachesDeclare(t *testing.T) {
	inFlight := policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 8, Tolerance: 0.1}
	calm := func(value float64) policy.Config {
		track := inFlight
		track.Value = value
		return policy.FlapBudget{Reversals: 12, Per: time.Hour, Of: policy.Stabilize{Down: 2 * time.Minute, Of: track}}
	}
	low := []int{1, 0}
	hpa := func(i, top int) policy.Config {
		return policy.HPA{MinReplicas: &low[i], MaxReplicas: top, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "tokens", Target: 1500}}}
	}
	for _, c := range []struct {
		approach coordinator.Approach
		want     []policy.Config
	}{
		{coordinator.ByLag{}, []policy.Config{policy.SeldonLag{Min: 1, Max: 4}, policy.SeldonLag{Max: 3}}},
		{
			coordinator.ByLag{LagThreshold: 5, Inactive: 1, Period: 2, CoolDown: 3},
			[]policy.Config{
				policy.SeldonLag{Min: 1, Max: 4, LagThreshold: 5, Inactive: 1, Period: 2, CoolDown: 3},
				policy.SeldonLag{Max: 3, LagThreshold: 5, Inactive: 1, Period: 2, CoolDown: 3},
			},
		},
		{coordinator.ByMetric{Metric: "tokens", Target: 1.4999}, []policy.Config{hpa(0, 4), hpa(1, 3)}},
		{coordinator.BothWays{}, []policy.Config{calm(8), calm(16)}},
		{
			coordinator.BothWays{InFlight: 3, Tolerance: 0.2, Window: 3 * time.Second, Calm: time.Second, Reversals: 4, Sleep: time.Minute, With: []policy.Config{queue}},
			func() []policy.Config {
				track := inFlight
				track.Value, track.Tolerance = 3, 0.2
				track.Signal.Stat, track.Signal.Window = policy.Mean, 3*time.Second
				c := policy.FlapBudget{Reversals: 4, Per: time.Hour, Of: policy.Stabilize{Down: time.Second, Of: policy.Highest{track, queue}}}
				return []policy.Config{c, policy.Idle{After: time.Minute, Of: c}} // whisper alone may have none
			}(),
		},
	} {
		d := plain()
		got, err := c.approach.Declare(d)
		require.NoError(t, err)
		require.Equal(t, c.want, []policy.Config{got.Models[0].Policy, got.Models[1].Policy}, "%v", c.approach)
		require.NoError(t, got.Validate())
		require.Equal(t, plain(), d, "what was given is not changed")

		d.Models[1].Policy = queue
		got, err = c.approach.Declare(d)
		require.NoError(t, err)
		require.Equal(t, []policy.Config{c.want[0], queue}, []policy.Config{got.Models[0].Policy, got.Models[1].Policy}, "a policy of its own")
	}
}

func TestOneToOneDeclares(t *testing.T) {
	d := alone()
	d.Models[0].Needs, d.Groups[0].Min, d.Groups[0].Max = nil, 0, 0
	got, err := coordinator.OneToOne{Of: coordinator.BothWays{}}.Declare(d)
	require.NoError(t, err)
	require.True(t, got.Groups[0].OneToOne)
	require.Equal(t, [2]int{1, 4}, [2]int{got.Groups[0].Min, got.Groups[0].Max}, "the model's")
	require.Equal(t, got.Groups[0].Capacity, got.Models[0].Needs, "a whole server")
	require.Equal(t, 0, d.Groups[0].Max, "what was given is not changed")
	require.Nil(t, d.Models[0].Needs)
}

// All faults at once, each at its field.
func TestApproachesRefuse(t *testing.T) {
	for _, c := range []struct {
		name     string
		approach coordinator.Approach
		change   func(*coordinator.Declarations)
		want     []string
	}{
		{
			"lag",
			coordinator.ByLag{LagThreshold: math.NaN(), Period: -1},
			func(d *coordinator.Declarations) { d.Models[0].Max = 0 },
			[]string{
				"ByLag.LagThreshold: must be finite and >= 0, is NaN", "ByLag.Period: must be >= 0, is -1ns",
				"Models[0].Max: must be >= Min 1, is 0",
			},
		},
		{
			"metric",
			coordinator.ByMetric{Target: math.Inf(1), Behavior: &policy.HPABehavior{ScaleUp: &policy.HPARules{Policies: []policy.HPAPolicy{{Value: 1}}}}},
			nil,
			[]string{
				"ByMetric.Metric: must not be empty", "ByMetric.Target: must be in [0.001, 1e12], is +Inf",
				"ByMetric.Behavior.ScaleUp.Policies[0].Period: must be in (0, 30m], is 0s",
			},
		},
		{"a target below thousandths", coordinator.ByMetric{Metric: "x", Target: 0.0009}, nil, []string{"ByMetric.Target: must be in [0.001, 1e12], is 0.0009"}},
		{
			"both ways",
			coordinator.BothWays{InFlight: -1, Tolerance: 1, Window: -1, Calm: -1, Reversals: -1, Sleep: -1, With: []policy.Config{nil, policy.Track{Signal: policy.Signal{Name: "x"}}}},
			nil,
			[]string{
				"BothWays.InFlight: must be finite and >= 0, is -1", "BothWays.Tolerance: must be in [0, 1), is 1", "BothWays.Window: must be >= 0, is -1ns", "BothWays.Calm: must be >= 0, is -1ns",
				"BothWays.Reversals: must be in [0, 1000], is -1", "BothWays.Sleep: must be >= 0, is -1ns", "BothWays.With[0]: must be set",
				"BothWays.With[1].Value: must be finite and > 0, is 0",
			},
		},
		{
			"no slots",
			coordinator.BothWays{},
			func(d *coordinator.Declarations) { d.Models[0].Slots = 0 },
			[]string{"Models[0].Slots: must be known where BothWays.InFlight is 0"},
		},
		{"nothing of", coordinator.OneToOne{}, nil, []string{"OneToOne.Of: must be another approach"}},
		{"of itself", coordinator.OneToOne{Of: coordinator.OneToOne{Of: coordinator.ByLag{}}}, nil, []string{"OneToOne.Of: must be another approach"}},
		{"of a bad one", coordinator.OneToOne{Of: coordinator.ByLag{Period: -1}}, nil, []string{"OneToOne.Of.Period: must be >= 0, is -1ns"}},
		{
			"other bounds",
			coordinator.OneToOne{Of: coordinator.ByLag{}},
			func(d *coordinator.Declarations) { d.Models[0].Min, d.Models[0].Max = 2, 3 },
			[]string{
				`Groups[0].Min: must be the Min 2 of "llama", which it hosts one to one, is 1`,
				`Groups[0].Max: must be the Max 3 of "llama", which it hosts one to one, is 4`,
			},
		},
		{
			"another model",
			coordinator.OneToOne{Of: coordinator.ByLag{}},
			func(d *coordinator.Declarations) { d.Models = append(d.Models, plain().Models[1]) },
			[]string{`Models[1].Group: "gpu" hosts "llama" one to one, and nothing else`},
		},
		{
			"not alone, nor ours",
			coordinator.OneToOne{Of: coordinator.ByLag{}},
			func(d *coordinator.Declarations) {
				d.Groups = append(d.Groups, coordinator.ServerGroup{Name: "cpu", Capacity: coordinator.Resources{"gib": 80}, Fixed: true})
				other := d.Models[0]
				other.Name, other.Group, other.Fallbacks = "mistral", "cpu", []string{"gpu"}
				d.Models = append(d.Models, other)
			},
			[]string{
				`Models[1].Fallbacks[0]: "gpu" hosts its own model one to one, and nothing else`,
				`Groups[1].Fixed: its number of servers is that of the replicas of "mistral", which it hosts one to one`,
				`Groups[1].OneToOne: "mistral" has Fallbacks, and could move away`,
			},
		},
		{
			"no model",
			coordinator.OneToOne{Of: coordinator.ByLag{}},
			func(d *coordinator.Declarations) {
				d.Groups = append(d.Groups, coordinator.ServerGroup{Name: "cpu", Capacity: coordinator.Resources{"gib": 8}, Max: 2})
			},
			[]string{`Groups[1].OneToOne: no model is on "cpu"`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := alone()
			if c.change != nil {
				c.change(&d)
			}
			_, err := c.approach.Declare(d)
			require.EqualError(t, err, "coordinator: approach: "+strings.Join(c.want, "\n"))
		})
	}
}

// Servers and replicas of a one-to-one group are never told apart: the servers
// are no fewer than the replicas wanted, no more than those and what is still
// there, and as soon as nothing is left to do the three counts are one.
func TestOneToOneNeverDrifts(t *testing.T) {
	quiet, moved := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.IntRange(0, 2).Draw(t, "min")
		top := max(1, low) + rapid.IntRange(0, 4).Draw(t, "max")
		removal := rapid.SampledFrom([]coordinator.Removal{coordinator.Free, coordinator.Ordinal}).Draw(t, "removal")
		d, err := coordinator.OneToOne{Of: coordinator.BothWays{InFlight: 2, Calm: 5 * time.Second, Reversals: 1000}}.Declare(coordinator.Declarations{
			Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"gpu": 1}, Removal: removal}},
			Models: []coordinator.Model{{Name: "m", Group: "g", Min: low, Max: top, DrainTimeout: 10 * time.Second}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
		if err != nil {
			t.Fatal(err)
		}
		now := epoch
		f := coordinatortest.NewFleet(func() time.Time { return now },
			[]coordinatortest.FleetGroup{{Name: "g", Servers: rapid.IntRange(0, top).Draw(t, "servers"), Boot: 5 * time.Second, Ordinal: removal == coordinator.Ordinal}},
			[]coordinatortest.FleetModel{{Name: "m", Load: 3 * time.Second}})
		still := 0
		for range rapid.IntRange(30, 90).Draw(t, "ticks") {
			now = now.Add(2 * time.Second)
			switch rapid.IntRange(0, 9).Draw(t, "event") {
			case 0:
				f.Arrive("m", rapid.IntRange(1, 9).Draw(t, "requests"))
			case 1:
				f.Finish("m", rapid.IntRange(1, 20).Draw(t, "ended"))
			case 2: // either freezes both
				target := rapid.SampledFrom([]coordinator.TargetID{{Kind: coordinator.TargetGroup, Name: "g"}, {Name: "m"}}).Draw(t, "target")
				if err := p.Freeze(target, now.Add(10*time.Second)); err != nil {
					t.Fatal(err)
				}
			}
			s := coordinator.Snapshot{Now: now}
			s.World, _ = f.Observe(context.Background())
			s.Samples, _ = f.Read(context.Background(), p.Wants(), nil)
			plan := p.Plan(s)
			m, g := plan.Models[0], plan.Groups[0]
			there := m.Ready + m.Starting + m.Draining
			if g.Desired < m.Desired || still > 0 && g.Desired > max(m.Desired, there, g.Servers) {
				t.Fatalf("%d servers for %d replicas, of which %d are there\n%s", g.Desired, m.Desired, there, tell(plan))
			}
			still++
			if m.Was != m.Desired {
				moved++
			}
			if still > 3 && len(plan.Now)+len(plan.Later) == 0 {
				quiet++
				if g.Servers != m.Desired || m.Ready != m.Desired || g.Desired != m.Desired {
					t.Fatalf("at rest: %d servers, %d wanted, for %d replicas, %d wanted\n%s", g.Servers, g.Desired, m.Ready, m.Desired, tell(plan))
				}
			}
			for _, a := range plan.Now {
				_ = f.Apply(context.Background(), a)
			}
		}
	})
	if quiet < 50 || moved < 50 {
		t.Errorf("at rest %d times, %d decisions that changed the count: not tempted", quiet, moved)
	}
}

// Who freezes the servers freezes the one decision; and a freeze from before the
// group was one to one is over.
func TestOneToOneFreezesTogether(t *testing.T) {
	group := coordinator.TargetID{Kind: coordinator.TargetGroup, Name: "gpu"}
	d, err := coordinator.ByLag{}.Declare(alone())
	require.NoError(t, err)
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	require.NoError(t, p.Freeze(group, sec(90)))
	d, err = coordinator.OneToOne{Of: coordinator.ByLag{}}.Declare(alone())
	require.NoError(t, err)
	d.Models[0].Policy = always{N: 3}
	require.NoError(t, p.Update(d))
	s := coordinator.Snapshot{Now: sec(1), World: coordinator.World{Groups: []coordinator.GroupState{{Name: "gpu"}}}}
	require.Equal(t, 3, p.Plan(s).Groups[0].Desired, "the old freeze does not hold the servers back")

	require.NoError(t, p.Freeze(group, sec(60)))
	require.Contains(t, p.Frozen(), coordinator.TargetID{Name: "llama"})
	d.Models[0].Policy = always{N: 4}
	require.NoError(t, p.Update(d))
	s.Now = sec(2)
	plan := p.Plan(s)
	require.Equal(t, [2]int{3, 3}, [2]int{plan.Models[0].Desired, plan.Groups[0].Desired})
}

func ExampleOneToOne() {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Min: 1, Max: 3}},
		Models: []coordinator.Model{{Name: "llama", Group: "gpu", Min: 1, Max: 4}},
	}
	approach := coordinator.OneToOne{Of: coordinator.ByMetric{Metric: "tokens_per_second", Target: 900}}
	_, err := approach.Declare(d)
	fmt.Println(err)

	d.Groups[0].Max = 4
	d, err = approach.Declare(d)
	fmt.Println(d.Models[0].Needs, err)
	// Output:
	// coordinator: approach: Groups[0].Max: must be the Max 4 of "llama", which it hosts one to one, is 3
	// map[gib:80] <nil>
}

func ExampleBothWays() {
	d, err := coordinator.BothWays{}.Declare(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 4}},
		Models: []coordinator.Model{{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 1, Max: 4, Slots: 10}},
	})
	if err != nil {
		panic(err)
	}
	spec, _ := policy.BuiltinKinds().Append(nil, d.Models[0].Policy)
	fmt.Println(strings.ReplaceAll(string(spec), `,"of"`, "\n,\"of\""))
	// Output:
	// {"kind":"flapBudget","spec":{"reversals":12,"per":"1h0m0s"
	// ,"of":{"kind":"stabilize","spec":{"down":"2m0s"
	// ,"of":{"kind":"track","spec":{"signal":{"name":"in_flight"},"value":8,"tolerance":0.1}}}}}}
}

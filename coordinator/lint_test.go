package coordinator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// Each foolish setting is named; what is well set is not.
func TestLint(t *testing.T) {
	rate := policy.Track{Signal: policy.Signal{Name: policy.Begun, Stat: policy.Rate, Window: 20 * time.Second}, Value: 1}
	tolerant := rate
	tolerant.Tolerance = 0.3
	short := 7 * time.Second
	for _, c := range []struct {
		name   string
		change func(*coordinator.Declarations)
		want   []string
	}{
		{"nothing", func(*coordinator.Declarations) {}, nil},
		{
			"cool-down", func(d *coordinator.Declarations) {
				d.Models[0].Policy = policy.SeldonLag{Min: 1, CoolDown: 20 * time.Second}
			},
			[]string{"Models[0].Policy.CoolDown: 20s is over before a new replica is ready, which takes 30s: the next step comes too early"},
		},
		{"nested", func(d *coordinator.Declarations) {
			d.Models[0].Policy = policy.Bound{Max: 9, Of: policy.Highest{policy.Cooldown{Up: time.Second, Of: rate}, policy.SeldonLag{}}}
		}, []string{
			"Models[0].Policy.Of.Parts[0].Up: 1s is over before a new replica is ready, which takes 30s: the next step comes too early",
			"Models[0].Policy.Of.Parts[1]: neither Min nor Max is set, which switches scaling off",
		}},
		{
			"short window", func(d *coordinator.Declarations) {
				d.Models[0].Policy = policy.Track{Signal: policy.Signal{Name: "x", Stat: policy.Mean, Window: 19 * time.Second}, Value: 1}
			},
			[]string{"Models[0].Policy: mean(x[19s]): the window is shorter than two intervals of 10s between samples, and will be empty at times"},
		},
		{"panic window", func(d *coordinator.Declarations) {
			d.Models[0].Policy = policy.KPA{PanicWindow: 9 * time.Second, StableWindow: time.Minute}
		}, []string{
			"Models[0].Policy: mean(in_flight[9s]): the window is shorter than two intervals of 10s between samples, and will be empty at times",
			"Models[0].Policy.PanicWindow: 9s is shorter than the interval of 10s between samples: panic goes by single ones",
		}},
		{"value target", func(d *coordinator.Declarations) {
			d.Models[0].Policy = policy.HPA{MaxReplicas: 3, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "a", Target: 1}, {Kind: policy.ObjectValue, Name: "q", Target: 1}}}
		}, []string{"Models[0].Policy.Metrics[1]: a Value target is compared with the whole and multiplied by the replicas there are; use AverageValue"}},
		{
			"value trigger", func(d *coordinator.Declarations) {
				d.Models[0].Policy = policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: []policy.KEDATrigger{{Name: "q", TargetMilli: 1}, {Name: "r", TargetMilli: 1, Value: true}}}}
			},
			[]string{"Models[0].Policy.Triggers[1].Value: a Value target is compared with the whole"},
		},
		{
			"short calm", func(d *coordinator.Declarations) {
				d.Models[0].Policy = policy.Cooldown{Down: 29 * time.Second, Of: policy.Stabilize{Down: 30 * time.Second, Of: policy.Idle{After: 28 * time.Second, Of: rate}}}
			},
			[]string{
				"Models[0].Policy.Down: 29s is shorter than the 30s that a new replica takes: what was ordered for a peak goes before it serves; make it longer than that",
				"Models[0].Policy.Of.Of.After: 28s is shorter than the 30s",
			},
		},
		{
			"short calm of the originals", func(d *coordinator.Declarations) {
				d.Models[0].Policy = policy.HPA{
					MaxReplicas: 3, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "a", Target: 1}}, DownscaleStabilization: &short,
					Behavior: &policy.HPABehavior{ScaleUp: &policy.HPARules{StabilizationWindow: &short}, ScaleDown: &policy.HPARules{StabilizationWindow: &short}},
				}
				d.Models[1].Policy = policy.KEDA{KEDASpec: policy.KEDASpec{CooldownPeriod: &short, Triggers: []policy.KEDATrigger{{Name: "q", TargetMilli: 1}}}}
			},
			[]string{
				"Models[0].Policy.DownscaleStabilization: 7s is shorter than the 30s",
				"Models[0].Policy.Behavior.ScaleDown.StabilizationWindow: 7s is shorter than the 30s",
				"Models[1].Policy.CooldownPeriod: 7s is shorter than the 30s",
			},
		},
		{
			"a tolerance below one replica", func(d *coordinator.Declarations) {
				d.Models[0].Policy = tolerant
				d.Models[1].Policy = policy.Tolerate{Up: 0.33, Down: 0.34, Of: rate}
			},
			[]string{
				"Models[0].Policy.Tolerance: 0.3 of fewer than 4 replicas is less than one, and there are 3 at most: steps down by one replica are never held back; wait instead: Stabilize, Cooldown or FlapBudget",
				"Models[1].Policy.Up: 0.33 of fewer than 4 replicas is less than one, and there are 3 at most: steps up by one replica are never held back",
			},
		},
		{"a tolerance that is not alone", func(d *coordinator.Declarations) {
			d.Models[0].Policy = policy.Stabilize{Down: time.Minute, Of: tolerant}
			d.Models[1].Policy = policy.FlapBudget{Reversals: 1, Per: time.Hour, Of: policy.Highest{tolerant}}
		}, nil},
		{"of two parts one is calm", func(d *coordinator.Declarations) {
			d.Models[0].Policy = policy.Highest{policy.Stabilize{Down: time.Minute, Of: rate}, tolerant}
		}, []string{
			"Models[0].Policy.Parts[1].Tolerance: 0.3 of fewer than 4",
		}},
		{
			"two scalers", func(d *coordinator.Declarations) {
				d.Models[0].Policy = policy.Lowest{rate, policy.SeldonLag{Min: 1, CoolDown: time.Minute}, policy.Bound{Max: 3, Of: policy.KPA{StableWindow: 10 * time.Minute}}}
				d.Models[1].Policy = policy.Highest{rate, policy.SeldonLag{Min: 1}}
			},
			[]string{"Models[0].Policy: several scalers of one target: SeldonLag (Parts[1]) and KPA (Parts[2]) each go by the count as though nobody else changed it; keep one"},
		},
		{
			"outdone", func(d *coordinator.Declarations) {
				more, other := rate, rate
				more.Value, other.Signal.Window = 2, time.Minute
				d.Models[0].Policy = policy.Highest{more, rate, other}
				d.Models[1].Policy = policy.Lowest{more, rate}
			},
			[]string{"Models[0].Policy.Parts[0]: never decides: Parts[1] has the same signal and no higher Value; leave it out"},
		},
		{"nothing valid", func(d *coordinator.Declarations) {
			d.Models[0].Policy, d.Models[1].Policy = nil, policy.Track{}
		}, nil},
		{
			"never asked", func(d *coordinator.Declarations) { d.Models[0].Policy = policy.First{rate, rate} },
			[]string{"Models[0].Policy.Parts[0]: always has an opinion: what follows is never asked"},
		},
		{
			"more replicas than servers", func(d *coordinator.Declarations) { d.Models[0].Max = 4 },
			[]string{`Models[0].Max: 4 replicas, one on each server, but "g" has 3 servers at most`},
		},
		{
			"minimums", func(d *coordinator.Declarations) { d.Models[0].Min, d.Models[1].Min = 2, 3 },
			[]string{"Groups[0].Max: the minimums of its models find no room on 3 servers: "},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := coordinator.Declarations{
				Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 5}, Max: 3, BootTime: 20 * time.Second}},
				Models: []coordinator.Model{
					{Name: "m", Group: "g", Needs: coordinator.Resources{"x": 3}, Max: 3, LoadTime: 10 * time.Second, Policy: rate},
					{Name: "n", Group: "g", Needs: coordinator.Resources{"x": 3}, Max: 3, LoadTime: 10 * time.Second, Policy: rate},
				},
			}
			c.change(&d)
			require.Equal(t, c.name == "nothing valid", d.Validate() != nil)
			got := texts(coordinator.Lint(d, 10*time.Second))
			require.Len(t, got, len(c.want), "%v", got)
			for i := range got {
				require.Contains(t, got[i], c.want[i])
			}
		})
	}
}

// What the approaches declare by themselves is not foolish, where starts are
// quick enough.
func TestLintAgreesWithTheApproaches(t *testing.T) {
	for _, a := range []coordinator.Approach{
		coordinator.ByLag{}, coordinator.ByMetric{Metric: "tokens", Target: 5}, coordinator.BothWays{}, coordinator.OneToOne{Of: coordinator.BothWays{}},
	} {
		d := alone()
		d.Models[0].LoadTime = 50 * time.Second
		d, err := a.Declare(d)
		require.NoError(t, err)
		require.Empty(t, coordinator.Lint(d, 10*time.Second), "%v", a)
	}
}

func ExampleLint() {
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 4, BootTime: 90 * time.Second}},
		Models: []coordinator.Model{{
			Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 1, Max: 5, LoadTime: time.Minute,
			Policy: policy.Stabilize{Down: time.Minute, Of: policy.Track{
				Signal: policy.Signal{Name: policy.Begun, Stat: policy.Rate, Window: 30 * time.Second}, Value: 20, Tolerance: 0.1,
			}},
		}},
	}
	for _, w := range coordinator.Lint(d, 30*time.Second) {
		fmt.Println(w)
	}
	// Output:
	// Models[0].Max: 5 replicas, one on each server, but "gpu" has 4 servers at most; raise the group's Max, or lower this
	// Models[0].Policy: rate(begun[30s]): the window is shorter than two intervals of 30s between samples, and will be empty at times; make it at least two intervals long
	// Models[0].Policy.Down: 1m0s is shorter than the 2m30s that a new replica takes: what was ordered for a peak goes before it serves; make it longer than that
}

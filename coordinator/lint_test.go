package coordinator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// Each foolish setting is named; what is well set is not.
func TestLint(t *testing.T) {
	rate := policy.Track{Signal: policy.Signal{Name: policy.Begun, Stat: policy.Rate, Window: 20 * time.Second}, Value: 1}
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
		}, []string{"Models[0].Policy.Metrics[1]: a Value target is compared with the whole and multiplied by the replicas there are; AverageValue is for what grows with load"}},
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
			require.NoError(t, d.Validate())
			got := texts(coordinator.Lint(d, 10*time.Second))
			require.Len(t, got, len(c.want), "%v", got)
			for i := range got {
				require.Contains(t, got[i], c.want[i])
			}
		})
	}
}

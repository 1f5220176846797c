package coordinator_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// What is foolish of a pool is named; what is well set is not.
func TestLintOfPools(t *testing.T) {
	slo := policy.SLO{Wait: 2 * time.Second, Miss: 0.01}
	plain := track // no Valuer
	plain.Tolerance = 0
	half := func(d *coordinator.Declarations) { d.Groups[0].Overcommit = map[string]float64{"gib": 0.5} }
	for _, c := range []struct {
		name   string
		change func(*coordinator.Declarations)
		want   []string
	}{
		{"nothing", func(*coordinator.Declarations) {}, nil},
		{"no policy", func(d *coordinator.Declarations) { d.Groups[0].Pool.Policy = nil }, []string{
			"Groups[0].Pool.Policy: without one there are as many servers as the copies need places, whatever its 2 models have to do together; give it one",
		}},
		{"no policy, of one model", func(d *coordinator.Declarations) { d.Groups[0].Pool.Policy, d.Models = nil, d.Models[:1] }, nil},
		{"no policy, and none to use", func(d *coordinator.Declarations) { d.Groups[0].Pool.Policy, d.Groups[0].Min = nil, 3 }, nil},
		{"the pool's own policy", func(d *coordinator.Declarations) {
			d.Groups[0].Pool.Policy = policy.SeldonLag{Min: 1, CoolDown: 24 * time.Second}
		}, []string{"Groups[0].Pool.Policy.CoolDown: 24s is over before a new replica is ready, which takes 25s"}},
		{"a copy loads on a server that is there", func(d *coordinator.Declarations) {
			d.Models[0].Policy = policy.Highest{slo, policy.SeldonLag{Min: 1, CoolDown: 5 * time.Second}}
		}, nil},
		{"consolidation", func(d *coordinator.Declarations) { d.Groups[0].Consolidation.Settle = time.Minute }, []string{
			"Groups[0].Consolidation: does nothing: the servers of a pool are emptied by retiring; leave it out",
		}},
		{"slots of a model", func(d *coordinator.Declarations) { d.Models[0].Slots, d.Models[1].Slots = 4, 3 }, []string{
			`Models[1].Slots: 3 is not looked at: a copy in the pool "pool" has its 4`,
		}},
		{"values of some", func(d *coordinator.Declarations) { d.Models[1].Policy = plain }, []string{
			`Models[1].Policy: says nothing of what a copy beyond the desired ones is worth, and that of "a" does: free room in the pool goes to the latter`,
		}},
		{"values within what has none of its own", func(d *coordinator.Declarations) { d.Models[1].Policy = policy.Lowest{slo, plain} }, []string{
			`Models[1].Policy: says nothing of what a copy beyond the desired ones is worth, and that of "a" does`,
		}},
		{"values within what passes them on", func(d *coordinator.Declarations) {
			d.Models[1].Policy = policy.Stabilize{Down: time.Minute, Of: policy.Highest{slo, plain}}
		}, nil},
		{"values of none", func(d *coordinator.Declarations) { d.Models[0].Policy, d.Models[1].Policy = plain, plain }, nil},
		{"a load takes longer than may be waited", half, []string{
			`Models[0].Pinned: "pool" overcommits: a copy can be evicted, and a request that finds it so waits 5s for a load, which is longer than the 2s that its policy is to keep; pin all that it needs`,
		}},
		{"it is pinned", func(d *coordinator.Declarations) {
			half(d)
			d.Models[0].Pinned = d.Models[0].Needs
		}, nil},
		{"minimums on overcommitted servers", func(d *coordinator.Declarations) {
			half(d)
			d.Models[0].LoadTime = time.Second
			for i := range d.Models {
				d.Models[i].Min = 3
			}
		}, nil},
		{"what is pinned of them", func(d *coordinator.Declarations) {
			half(d)
			d.Models[0].LoadTime = time.Second
			for i := range d.Models {
				d.Models[i].Min, d.Models[i].Pinned = 3, d.Models[i].Needs
			}
		}, []string{"Groups[0].Max: the minimums of its models find no room on 3 servers"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			model := coordinator.Model{Name: "a", Group: "pool", Needs: coordinator.Resources{"gib": 3}, Max: 3, LoadTime: 5 * time.Second, Policy: slo}
			other := model
			other.Name, other.LoadTime = "b", time.Second
			d := coordinator.Declarations{
				Groups: []coordinator.ServerGroup{{
					Name: "pool", Capacity: coordinator.Resources{"gib": 4}, Max: 3, BootTime: 20 * time.Second, Pool: &coordinator.Pool{Slots: 4, Policy: slo},
				}},
				Models: []coordinator.Model{model, other},
			}
			c.change(&d)
			require.NoError(t, d.Validate())
			got := texts(coordinator.Lint(d, time.Second))
			require.Len(t, got, len(c.want), "%v", got)
			for i := range got {
				require.Contains(t, got[i], c.want[i])
			}
		})
	}
}

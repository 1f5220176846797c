package coordinator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

func TestPoolValidates(t *testing.T) {
	pool := func(p coordinator.Pool) coordinator.ServerGroup {
		return coordinator.ServerGroup{Name: "pool", Capacity: coordinator.Resources{"gib": 4}, Max: 3, Pool: &p}
	}
	model := coordinator.Model{Name: "a", Group: "pool", Needs: coordinator.Resources{"gib": 1}, Max: 3, Policy: track}
	good := coordinator.Declarations{Groups: []coordinator.ServerGroup{pool(coordinator.Pool{Slots: 4, Policy: track})}, Models: []coordinator.Model{model}}
	require.NoError(t, good.Validate())

	group := pool(coordinator.Pool{Slots: 0, Policy: policy.Track{}})
	group.Fixed, group.Max = true, 0
	alone := pool(coordinator.Pool{Slots: 1_000_001, Policy: policy.HPA{
		MaxReplicas: 3, Metrics: []policy.HPAMetric{{Kind: policy.ResourceValue, Name: "cpu", Target: 1}},
	}})
	alone.Name, alone.OneToOne = "alone", true
	own, with, falls := model, model, model
	own.Name, own.Dedicated = "own", true
	with.Name, with.With = "with", "a"
	falls.Name, falls.Group, falls.Fallbacks = "falls", "plain", []string{"pool"}
	leaves := model
	leaves.Name, leaves.Fallbacks = "leaves", []string{"plain"}
	bad := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{group, alone, {Name: "plain", Capacity: coordinator.Resources{"gib": 4}, Max: 3}},
		Models: []coordinator.Model{model, own, with, falls, leaves},
	}
	err := bad.Validate()
	for _, fault := range []string{
		"Groups[0].Pool.Slots: must lie in [1, 1000000], is 0",
		`Groups[0].Pool.Policy: the number of servers of "pool" is not ours`,
		"Groups[0].Pool.Policy.Signal.Name: ",
		"Groups[1].Pool.Slots: must lie in [1, 1000000], is 1000001",
		`Groups[1].Pool: "alone" hosts its model one to one`,
		"Groups[1].Pool.Policy: looks at pods",
		`Models[1].Dedicated: "pool" is a pool`,
		`Models[2].With: "pool" is a pool`,
		`Models[3].Fallbacks[0]: "pool" is a pool`,
		`Models[4].Fallbacks: "pool" is a pool`,
	} {
		require.ErrorContains(t, err, fault)
	}
}

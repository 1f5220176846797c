package coordinator_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// All that is known of a pool is told: its policy's decision and what would change
// it, the servers, the room and the copies that fill it.
func TestExplainPool(t *testing.T) {
	sum := policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 2}
	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{
			{Name: "plain", Capacity: coordinator.Resources{"gib": 4}, Max: 1},
			{Name: "pool", Capacity: coordinator.Resources{"gib": 4}, Min: 1, Max: 3, Pool: &coordinator.Pool{Slots: 2, Policy: sum}},
		},
		Models: []coordinator.Model{
			{Name: "a", Group: "pool", Needs: coordinator.Resources{"gib": 1}, Min: 1, Max: 1, Policy: sum},
			{Name: "b", Group: "pool", Needs: coordinator.Resources{"gib": 1}, Max: 9, Policy: policy.Bound{Max: 1, Of: sum}},
		},
	}
	now := epoch
	fleet := coordinatortest.NewFleet(func() time.Time { return now },
		[]coordinatortest.FleetGroup{{Name: "plain"}, {Name: "pool", Servers: 1, Boot: time.Second}}, []coordinatortest.FleetModel{{Name: "a"}, {Name: "b"}})
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	_, err = p.ExplainPool("plain")
	require.EqualError(t, err, `coordinator: explain: no pool "plain" is declared`)
	_, err = p.ExplainPool("pool")
	require.EqualError(t, err, `coordinator: explain: pool "pool" is in no plan yet`)
	tick := func() {
		now = now.Add(2 * time.Second)
		world, err := fleet.Observe(context.Background())
		require.NoError(t, err)
		samples, err := fleet.Read(context.Background(), p.Wants(), nil)
		require.NoError(t, err)
		for _, a := range p.Plan(coordinator.Snapshot{Now: now, Samples: samples, World: world}).Now {
			require.NoError(t, fleet.Apply(context.Background(), a))
		}
	}
	fleet.Arrive("a", 1)
	fleet.Arrive("b", 3)
	tick()
	e, err := p.ExplainPool("pool")
	require.NoError(t, err)
	require.Equal(t, []any{1, 1, 2}, []any{e.Servers, e.Was, e.Desired})
	require.Len(t, e.Now, 1)
	require.Equal(t, 2, e.Now[0].Replicas)
	require.Equal(t, coordinator.Resources{"gib": 2}, e.Room, "a is loaded, then b")
	for range 9 {
		tick()
	}
	e, err = p.ExplainPool("pool")
	require.NoError(t, err)
	require.Equal(t, []any{2, 1, 3, 2, 2}, []any{e.Slots, e.Min, e.Max, e.Servers, e.Desired})
	require.Equal(t, []policy.Signal{sum.Signal}, e.Signals)
	require.Equal(t, 4.0, e.Readings[0].Value, "the sum of both")
	require.Equal(t, policy.WithinTolerance, e.Decision.Steps[0].Reason)
	require.Equal(t, 1, e.Extra, "b on both servers")
	require.Equal(t, coordinator.Resources{"gib": 5}, e.Room)
	require.Empty(t, e.Now)
	require.Empty(t, e.Resident)
	require.Len(t, e.History, 2, "the count, and that it stays for another reason")
	require.Equal(t, []int{1, 2}, []int{e.History[0].Was, e.History[0].Desired})
	require.Len(t, e.WhatIfs, 2)
	require.Equal(t, "3 if in_flight were 4", e.WhatIfs[0].String()[:21])
	require.Equal(t, 1, e.WhatIfs[1].Desired)

	require.NoError(t, p.Freeze(coordinator.TargetID{Kind: coordinator.TargetGroup, Name: "pool"}, now.Add(time.Hour)))
	e, err = p.ExplainPool("pool")
	require.NoError(t, err)
	require.Equal(t, now.Add(time.Hour), e.Frozen)
}

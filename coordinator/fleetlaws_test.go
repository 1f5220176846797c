package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
)

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

package coordinatortest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
)

var epoch = time.Unix(1_700_000_000, 0)

// crowded is a server of 1000 MB, a tenth overcommitted, with three models of
// 334 MB that serve, and a clock to move.
func crowded(t *testing.T) (*coordinatortest.Fleet, *time.Time) {
	now := epoch
	var models []coordinatortest.FleetModel
	for _, name := range []string{"a", "b", "c", "d"} {
		models = append(models, coordinatortest.FleetModel{Name: name, Load: 5 * time.Second, Memory: 334, Reload: time.Second})
	}
	f := coordinatortest.NewFleet(func() time.Time { return now },
		[]coordinatortest.FleetGroup{{Name: "g", Servers: 1, Memory: 1000, Overcommit: 0.1}}, models)
	for _, m := range []string{"a", "b", "c"} {
		require.NoError(t, f.Apply(context.Background(), act(coordinator.Load, m)))
		now = now.Add(5 * time.Second)
		require.NoError(t, f.Apply(context.Background(), act(coordinator.Route, m)))
	}
	return f, &now
}

func act(k coordinator.Kind, model string) coordinator.Action {
	return coordinator.Action{ID: fmt.Sprint(k, model), Kind: k, Group: "g", Server: "g-0000", Model: model, Generation: 1}
}

// Three models of 334 MB on 1 GB with a tenth of overcommit all answer, one of
// them by reload.
func TestOvercommitAnswersByReload(t *testing.T) {
	f, now := crowded(t)
	require.Equal(t, []string{"b", "c"}, f.Resident("g", "g-0000"), "the first one had to go")
	for _, m := range []string{"b", "c"} {
		f.Arrive(m, 1)
		require.Equal(t, 1, f.Finish(m, 1), "%s is in memory", m)
	}
	f.Arrive("a", 1)
	require.Zero(t, f.Finish("a", 1), "it is coming back")
	require.Equal(t, []string{"a", "c"}, f.Resident("g", "g-0000"), "for the least recently used")
	*now = now.Add(time.Second)
	require.Equal(t, 1, f.Finish("a", 1))
	require.Equal(t, []int{1, 0, 0}, []int{f.Reloads("a"), f.Reloads("b"), f.Reloads("c")})

	w, err := f.Observe(context.Background())
	require.NoError(t, err)
	for _, r := range w.Groups[0].Servers[0].Replicas {
		require.Equal(t, coordinator.Serving, r.Phase, "%s serves, wherever it lies", r.Model)
	}
	require.ErrorContains(t, f.Apply(context.Background(), act(coordinator.Load, "d")), "no room", "1336 MB are beyond 1100")
}

// What has requests is not evicted: the others wait until it is idle.
func TestOvercommitWaitsForTheBusy(t *testing.T) {
	f, now := crowded(t)
	f.Arrive("b", 1)
	f.Arrive("c", 1)
	f.Arrive("a", 2)
	*now = now.Add(time.Minute)
	require.Equal(t, []string{"b", "c"}, f.Resident("g", "g-0000"))
	require.Zero(t, f.Finish("a", 2))
	require.Equal(t, 1, f.Finish("c", 1), "and this lets the other come back")
	*now = now.Add(time.Second)
	require.Equal(t, 2, f.Finish("a", 2))
	require.Equal(t, []string{"a", "b"}, f.Resident("g", "g-0000"))
	require.Equal(t, 1, f.Reloads("a"))
}

// Servers are filled and emptied to the last unit.
func TestOvercommitFitsExactly(t *testing.T) {
	f := coordinatortest.NewFleet(func() time.Time { return epoch },
		[]coordinatortest.FleetGroup{{Name: "g", Servers: 1, Memory: 1000, Overcommit: 0.5}},
		[]coordinatortest.FleetModel{{Name: "a", Memory: 500}, {Name: "b", Memory: 500}, {Name: "c", Memory: 500}})
	for _, m := range []string{"c", "a", "b"} {
		require.NoError(t, f.Apply(context.Background(), act(coordinator.Load, m)), "1500 of 1500")
		require.NoError(t, f.Apply(context.Background(), act(coordinator.Route, m)))
	}
	f.Arrive("a", 1)
	require.Equal(t, []string{"a", "b"}, f.Resident("g", "g-0000"))
	f.Arrive("c", 1)
	require.Equal(t, []string{"a", "c"}, f.Resident("g", "g-0000"), "the one that is idle is just enough")
}

// Requests go to where the model is in memory, then to the least busy.
func TestRequestsGoWhereTheyAreServed(t *testing.T) {
	f := coordinatortest.NewFleet(func() time.Time { return epoch },
		[]coordinatortest.FleetGroup{{Name: "g", Servers: 3, Memory: 1000, Overcommit: 1}},
		[]coordinatortest.FleetModel{{Name: "a", Memory: 1000}, {Name: "b", Memory: 1000}})
	for _, at := range []struct{ model, server string }{{"a", "g-0000"}, {"b", "g-0000"}, {"a", "g-0001"}, {"a", "g-0002"}} {
		for _, k := range []coordinator.Kind{coordinator.Load, coordinator.Route} {
			a := act(k, at.model)
			a.Server = at.server
			require.NoError(t, f.Apply(context.Background(), a))
		}
	}
	f.Arrive("a", 4)
	w, err := f.Observe(context.Background())
	require.NoError(t, err)
	var busy []float64
	for _, s := range w.Groups[0].Servers {
		busy = append(busy, s.Replicas[0].InFlight.Value)
	}
	require.Equal(t, []float64{0, 2, 2}, busy)
	require.Zero(t, f.Reloads("a"))
}

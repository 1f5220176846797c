package coordinator_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// crowded is a pool of one server with two models that cannot be in its memory
// both at once. Its copies show what their turn says.
type crowded struct {
	planner *coordinator.Planner
	now     time.Time
}

func newCrowded(t *testing.T) *crowded {
	group := coordinator.ServerGroup{
		Name: "pool", Capacity: coordinator.Resources{"mb": 1000}, Overcommit: map[string]float64{"mb": 1}, Max: 1,
		Pool: &coordinator.Pool{Slots: 2},
	}
	d := coordinator.Declarations{Groups: []coordinator.ServerGroup{group}}
	for _, name := range []string{"a", "b"} {
		d.Models = append(d.Models, coordinator.Model{
			Name: name, Group: "pool", Needs: coordinator.Resources{"mb": 800}, Min: 1, Max: 1, Policy: track, LoadTime: time.Second,
		})
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	return &crowded{p, epoch}
}

// tick plans 4 s later, a and b shown as they are, and reports which is resident.
func (c *crowded) tick(a, b coordinator.ReplicaState) (residentA, residentB bool) {
	c.now = c.now.Add(4 * time.Second)
	a.Model, a.Since, b.Model, b.Since = "a", epoch, "b", epoch
	plan := c.planner.Plan(coordinator.Snapshot{Now: c.now, World: coordinator.World{Groups: []coordinator.GroupState{{
		Name: "pool", Desired: 1, Servers: []coordinator.ServerState{{Name: "s", Phase: coordinator.Up, Since: epoch, Replicas: []coordinator.ReplicaState{a, b}}},
	}}}})
	return !plan.Models[0].Resident.IsZero(), !plan.Models[1].Resident.IsZero()
}

// A copy that was loaded again three times in the last minute, of a model whose
// load takes a second, makes it resident.
func TestResident(t *testing.T) {
	serves := func(reloads uint64) coordinator.ReplicaState {
		return coordinator.ReplicaState{Phase: coordinator.Serving, Reloads: reloads}
	}
	loads := coordinator.ReplicaState{Phase: coordinator.Loading}
	spread := []coordinator.ReplicaState{serves(0)} // over 56 s
	for n := range 15 {
		spread = append(spread, serves(uint64(1+n/7)))
	}
	for _, test := range []struct {
		name  string
		turns []coordinator.ReplicaState
		want  bool
	}{
		{"what it had when first seen is not of now", []coordinator.ReplicaState{serves(9), serves(9)}, false},
		{"twice is not enough", []coordinator.ReplicaState{serves(9), serves(11)}, false},
		{"thrice is, at once", []coordinator.ReplicaState{serves(9), serves(12)}, true},
		{"or one after the other", []coordinator.ReplicaState{serves(0), serves(1), serves(1), serves(2), serves(2), serves(3)}, true},
		{"within its keep time", spread, true},
		{"one that drains is forgotten", []coordinator.ReplicaState{serves(0), serves(2), {Phase: coordinator.Draining, Reloads: 2}, serves(3)}, false},
		{"and one that broke", []coordinator.ReplicaState{serves(0), serves(2), {Phase: coordinator.Broken, Reloads: 2}, serves(3)}, false},
		{"any more", []coordinator.ReplicaState{serves(0), serves(1 << 63)}, true},
		{"a count that starts again tells nothing", []coordinator.ReplicaState{serves(9), serves(3), serves(4), serves(5)}, false},
		{"loading where it served is a reload", []coordinator.ReplicaState{serves(0), loads, loads, serves(0), loads, serves(0), loads}, true},
		{"and is counted once", []coordinator.ReplicaState{serves(0), loads, serves(1), loads, serves(2)}, false},
		{"its first load is none", []coordinator.ReplicaState{loads, serves(0), loads, serves(0), loads}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCrowded(t)
			var a, b bool
			for i, turn := range test.turns {
				require.False(t, a, "in turn %d", i)
				a, b = c.tick(turn, serves(0))
			}
			require.Equal(t, test.want, a)
			require.False(t, b, "it was not loaded again")
			for range 30 {
				a, _ = c.tick(test.turns[len(test.turns)-1], serves(0))
			}
			require.Equal(t, test.want, a, "silence is not idleness")
		})
	}
	c := newCrowded(t)
	for n := range 20 {
		a, _ := c.tick(serves(uint64(n/8)), serves(0)) // every 32 s
		require.False(t, a, "the three do not fall into a minute")
	}
}

// Where memory is not overcommitted any more nobody is resident, and what was seen
// before does not count when it is again.
func TestResidentWithoutOvercommit(t *testing.T) {
	c := newCrowded(t)
	show := func(reloads uint64) bool {
		a, _ := c.tick(coordinator.ReplicaState{Phase: coordinator.Serving, Reloads: reloads}, coordinator.ReplicaState{Phase: coordinator.Serving})
		return a
	}
	show(0)
	require.True(t, show(3))
	d := c.planner.Declarations()
	d.Groups = slices.Clone(d.Groups)
	over := d.Groups[0].Overcommit
	d.Groups[0].Overcommit = nil
	require.NoError(t, c.planner.Update(d))
	require.False(t, show(4))
	d.Groups[0].Overcommit = over
	require.NoError(t, c.planner.Update(d))
	require.False(t, show(5))
}

package coordinator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Under ordinal removal a server that is missing may be given up only if it stood
// above all others: it comes back where it was, and the highest would go for it. In a
// pool as in any other group.
func TestMissingOrdinal(t *testing.T) {
	for _, c := range []struct {
		name    string
		servers []string
		does    []string
	}{
		{"among the others", []string{"a", "gone", "a"}, nil},
		{"below them", []string{"gone", "a", "a"}, nil},
		{"above them", []string{"a", "a", "gone"}, []string{"scale pool to 2: server empty"}},
		{"one of two is above", []string{"a", "gone", "a", "gone"}, []string{"scale pool to 3: server empty"}},
	} {
		full := make([]string, len(c.servers))
		full[0], full[1] = "a", "a"
		t.Run(c.name, func(t *testing.T) {
			y := newYard(t, ServerGroup{Max: 9, Removal: Ordinal}, "a 5 2 1")
			y.pool().tried = dawn.Add(time.Hour) // none retires meanwhile
			y.settled(full...)
			require.Equal(t, c.does, y.plan(c.servers...))
		})
		t.Run(c.name+", no pool", func(t *testing.T) {
			y := plainOrdinals(t)
			y.plan(full...)
			require.Equal(t, c.does, y.plan(c.servers...))
		})
	}
}

// The highest is over already when one below it is missing: one less would take the
// next, which serves.
func TestHighestOrdinalIsOver(t *testing.T) {
	y := plainOrdinals(t)
	y.plan("a", "", "", "a", "")
	w := y.world("a", "gone", "", "a", "")
	w.Groups[0].Desired = 4
	plan := y.p.Plan(Snapshot{Now: y.now.Add(2 * time.Second), World: w})
	require.Empty(t, plan.Now, "a server with a copy would go")
	require.Equal(t, 4, plan.Groups[0].Desired)
}

// Ordinals that begin with 1 are no sign that one is missing.
func TestFirstOrdinal(t *testing.T) {
	y := plainOrdinals(t)
	for _, does := range []int{0, 1} {
		w := y.world("gone", "a", "a", "")
		w.Groups[0].Desired = 3
		plan := y.p.Plan(Snapshot{Now: y.now, World: w})
		require.Len(t, plan.Now, does)
		if does > 0 {
			require.Equal(t, "scale pool to 2", plan.Now[0].String())
		}
		y.now = y.now.Add(2 * time.Second)
	}
}

// plainOrdinals is a yard that is no pool, and where two copies of a are wanted.
func plainOrdinals(t *testing.T) *yard {
	p, err := NewPlanner(Declarations{
		Groups: []ServerGroup{{Name: "pool", Capacity: Resources{"gib": 5}, Max: 9, Removal: Ordinal, Consolidation: Consolidation{Off: true}}},
		Models: []Model{{Name: "a", Group: "pool", Needs: Resources{"gib": 5}, Replicas: 2}},
	}, PlannerOptions{})
	require.NoError(t, err)
	return &yard{p, dawn}
}

package coordinator_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// busyPlanner is a planner of a full fleet that has planned for a while.
func busyPlanner(t *testing.T, models, servers int) (p *coordinator.Planner, fresh func() *coordinator.Planner, next func(time.Time) coordinator.Snapshot) {
	p, next = fullFleet(t, models, servers)
	for i := range 30 {
		p.Plan(next(epoch.Add(time.Duration(i) * 2 * time.Second)))
	}
	return p, func() *coordinator.Planner { p, _ := fullFleet(t, models, servers); return p }, next
}

// In parts, whatever their order, it is the same state; without the lossy ones
// counts and policies go on, and nothing shrinks.
func TestStateParts(t *testing.T) {
	p, fresh, next := busyPlanner(t, 300, 30)
	whole := string(p.AppendState(nil))
	parts, err := p.StateParts(450)
	require.NoError(t, err)
	lossy := 0
	for i, part := range parts {
		require.LessOrEqual(t, len(part.Data), 450)
		if part.Lossy {
			lossy++
		} else {
			require.Equal(t, i, part.Index, "lossy ones come last")
		}
	}
	require.Greater(t, len(parts)-lossy, 1)
	require.Greater(t, lossy, 1)

	q := fresh()
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	require.NoError(t, q.RestoreParts(parts))
	require.Equal(t, whole, string(q.AppendState(nil)))
	later := epoch.Add(time.Minute)
	require.Equal(t, tell(p.Plan(next(later))), tell(q.Plan(next(later))))

	var kept []coordinator.StatePart
	for _, part := range parts {
		if !part.Lossy {
			kept = append(kept, part)
		}
	}
	q = fresh()
	require.NoError(t, q.RestoreParts(kept))
	s := next(later)
	s.Samples = nil
	plan := q.Plan(s)
	for _, m := range plan.Models {
		require.GreaterOrEqual(t, m.Desired, m.Was)
	}
}

func TestPartsThatAreNotWhole(t *testing.T) {
	p, fresh, next := busyPlanner(t, 300, 30)
	parts, err := p.StateParts(450)
	require.NoError(t, err)
	last := 0
	for last = range parts {
		if parts[last].Last {
			break
		}
	}
	require.GreaterOrEqual(t, last, 2)
	p.Plan(next(epoch.Add(time.Hour)))
	others, err := p.StateParts(450)
	require.NoError(t, err)
	damaged := parts[1]
	damaged.Data = damaged.Data[:len(damaged.Data)-9]
	other := parts[1]
	other.Group = "h"
	for _, c := range []struct {
		want  string
		parts []coordinator.StatePart
	}{
		{"a part of group \"g\" is missing before part 1", parts[1:]},
		{"a part of group \"g\" is missing before part 2", []coordinator.StatePart{parts[0], parts[2]}},
		{"the last part of group \"g\" is missing", parts[:last]},
		{"part 0 of group \"g\" stands twice", append([]coordinator.StatePart{parts[0]}, parts...)},
		{"part 1 of group \"g\" is of another plan than the first", []coordinator.StatePart{parts[0], others[1]}},
		{"part 1 of group \"g\": unexpected EOF", []coordinator.StatePart{parts[0], damaged}},
		{"holds another group", []coordinator.StatePart{other}},
	} {
		q := fresh()
		require.ErrorContains(t, q.RestoreParts(c.parts), c.want)
		require.Equal(t, string(fresh().AppendState(nil)), string(q.AppendState(nil)), "nothing changed")
	}
	_, err = p.StateParts(100)
	require.ErrorContains(t, err, "coordinator: state: group \"g\": a single memory takes")
	require.NoError(t, fresh().RestoreParts(nil), "nothing was saved")
}

// What is declared no more is left out, what is new starts anew, and a policy of
// another kind starts anew, says so, and keeps the count.
func TestRestoreIntoOtherDeclarations(t *testing.T) {
	saved := func(bad policy.Config) []byte {
		p, s := twoModels(t, bad)
		s.Now = sec(1)
		p.Plan(s)
		return p.AppendState(nil)
	}
	state := saved(policy.Every{Period: time.Minute, Of: always{N: 4}})
	p, s := twoModels(t, policy.SeldonLag{Min: 1, Max: 9})
	require.NoError(t, p.Restore(state))
	s.Now = sec(2)
	plan := p.Plan(s)
	require.Equal(t, 4, plan.Models[0].Was)
	require.Contains(t, plan.Faults[0], "model bad: its policy's memory is lost: policy: restore")
	require.Empty(t, p.Plan(coordinator.Snapshot{Now: sec(3), World: s.World}).Faults, "said once")

	d := coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 9}, Max: 9}},
		Models: []coordinator.Model{{Name: "new", Group: "g", Max: 9, Policy: always{N: 3}}},
	}
	q, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	require.NoError(t, q.Restore(state))
	s.Now = sec(4)
	require.Equal(t, "0->3", fmt.Sprintf("%d->%d", q.Plan(s).Models[0].Was, q.Plan(s).Models[0].Desired))
}

// Damaged state is refused, and nothing changes.
func TestRestoreRefuses(t *testing.T) {
	p, fresh, _ := busyPlanner(t, 5, 2)
	whole := string(p.AppendState(nil))
	require.NoError(t, fresh().Restore([]byte(whole)))
	before := string(fresh().AppendState(nil))
	for i, bad := range []string{
		"", "{}", `{"v":3}`, whole[:len(whole)/2], whole + "x",
		`{"v":1,"groups":[{"name":"g"},{"name":"g"}]}`,
		`{"v":1,"groups":[{"name":"g","models":[{"name":"m"},{"name":"m"}]}]}`,
		`{"v":1,"groups":[{"name":"g","models":[{"name":"m","desired":-1}]}]}`,
		`{"v":1,"groups":[{"name":"g","models":[{"name":"m","counts":{"serving":1000001}}]}]}`,
		`{"v":1,"groups":[{"name":"g","models":[{"name":"m","failed":[{"server":"s","times":-7}]}]}]}`,
		`{"v":1,"groups":[{"name":"g","models":[{"name":"m","failed":[{"server":"s","times":9223372036854775807}]}]}]}`,
		`{"v":1,"groups":[{"name":"g","models":[{"name":"m","seconds":{}}]}]}`,
		`{"v":1,"groups":[{"name":"g","models":[{"name":"m","seconds":{"seconds":[{"unix":1},{"unix":3}]}}]}]}`,
	} {
		q := fresh()
		require.ErrorContains(t, q.Restore([]byte(bad)), "coordinator: restore", "%d", i)
		require.Equal(t, before, string(q.AppendState(nil)))
	}
}

func FuzzRestore(f *testing.F) {
	p, s := twoModels(f, policy.Every{Period: time.Minute, Of: policy.SeldonLag{Max: 9}})
	s.Samples = []coordinator.Sample{level("in_flight", "a", 1, 5)}
	for i := range 5 {
		s.Now = sec(float64(i))
		p.Plan(s)
	}
	f.Add(p.AppendState(nil))
	f.Fuzz(func(t *testing.T, state []byte) {
		p, s := twoModels(t, policy.Every{Period: time.Minute, Of: policy.SeldonLag{Max: 9}})
		if p.Restore(state) != nil {
			return
		}
		again := p.AppendState(nil)
		if err := p.Restore(again); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		for i := range 3 {
			s.Now = sec(float64(100 * i))
			for _, m := range p.Plan(s).Models {
				if m.Desired < 0 || m.Desired > 9 {
					t.Fatalf("desired %d", m.Desired)
				}
			}
		}
	})
}

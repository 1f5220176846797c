package coordinator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
)

// The laws with budgets, on random small fleets in which samples are missing and
// groups are not seen now and then.
func TestBudgetLaws(t *testing.T) {
	tempted := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		for i := range tr.d.Models {
			tr.d.Models[i].Priority = rapid.IntRange(0, 1).Draw(t, "priority")
			tr.d.Models[i].Weight = rapid.IntRange(0, 3).Draw(t, "weight")
		}
		for i := range rapid.IntRange(1, 2).Draw(t, "budgets") {
			b := coordinator.Budget{Name: fmt.Sprint(i), Resource: rapid.SampledFrom([]string{"", "memory", "slots"}).Draw(t, "resource"), Limit: rapid.Int64Range(0, 12).Draw(t, "limit"), Share: coordinator.Share(rapid.IntRange(0, 1).Draw(t, "share"))}
			if rapid.Bool().Draw(t, "some") {
				b.Models = []string{tr.pick(t).Name}
				b.Groups = []string{tr.d.Groups[0].Name}
			}
			tr.d.Budgets = append(tr.d.Budgets, b)
		}
		tr.renew(t)
		for range rapid.IntRange(5, 25).Draw(t, "ticks") {
			tr.happen(t)
			s := tr.snapshot(t)
			if rapid.IntRange(0, 5).Draw(t, "restart") == 0 {
				tr.restart(t)
			}
			plan := tr.first.Plan(s)
			text := tell(plan) + counts(plan)
			if second := tr.second.Plan(s); tell(second)+counts(second) != text {
				t.Fatalf("laws 10 and 11: one plan\n%s\nthe other\n%s", text, tell(second)+counts(second))
			}
			if err := tr.judge.Plan(s, plan); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			for _, a := range plan.Now {
				before, _ := tr.fleet.Observe(t.Context())
				if err := tr.judge.Action(before, a); err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				if err := tr.fleet.Apply(t.Context(), a); err != nil {
					t.Fatalf("%v: %v\n%s", a, err, text)
				}
			}
		}
		for law, n := range tr.judge.Tempted {
			tempted[law] += n
		}
	})
	t.Logf("tempted: %v", tempted)
	for _, law := range []string{"budget", "budget that cannot be kept", "4 silence"} {
		if tempted[law] < 20 {
			t.Errorf("law %s was tempted %d times only", law, tempted[law])
		}
	}
}

// budgetedFleet is a full fleet of which a budget leaves each model three of four
// replicas, and half of them get a fourth.
func budgetedFleet(tb testing.TB, models, servers int) (*coordinator.Planner, func(time.Time) coordinator.Snapshot) {
	p, next := fullFleet(tb, models, servers)
	d := p.Declarations()
	d.Budgets = []coordinator.Budget{{Name: "a", Limit: int64(models) * 7 / 2}, {Name: "b", Resource: "slots", Limit: int64(models) * 5}}
	require.NoError(tb, p.Update(d))
	s := next(epoch)
	p.Plan(s)
	p.Plan(next(epoch.Add(time.Second)))
	return p, next
}

// What a budget cuts tick after tick allocates nothing.
func TestBudgetsAllocateNothing(t *testing.T) {
	p, next := fullFleet(t, 100, 10)
	d := p.Declarations()
	d.Budgets = []coordinator.Budget{{Name: "a", Limit: 400}, {Name: "b", Resource: "slots", Limit: 401}}
	require.NoError(t, p.Update(d))
	now := epoch
	tick := func() {
		now = now.Add(2 * time.Second)
		s := next(now)
		for i := range s.Samples {
			s.Samples[i].Value = 50 // five are wanted of each
		}
		if plan := p.Plan(s); len(plan.Now) > 0 || plan.Budgets[0].Wanted != 500 || plan.Budgets[0].Used != 400 {
			t.Fatalf("%d actions, %+v", len(plan.Now), plan.Budgets)
		}
	}
	tick()
	tick()
	require.Zero(t, testing.AllocsPerRun(50, tick))
}

func BenchmarkBudgets(b *testing.B) {
	p, next := budgetedFleet(b, 1000, 100)
	now := epoch.Add(time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(2 * time.Second)
		p.Plan(next(now))
	}
}

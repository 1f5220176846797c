package coordinator_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// converge ends all faults. First the load rises and falls, so that there is something
// to consolidate; then it stays as it is.
func (tr *trial) converge(t *rapid.T) {
	tr.fleet.Inject(coordinatortest.Faults{})
	for _, g := range tr.fleet.World().Groups {
		for _, s := range g.Servers {
			if s.Leaving {
				tr.fleet.Gone(g.Name, s.Name)
			}
		}
	}
	tr.takeOver(t, tr.fleet.Lead()) // the last leader
	for i := range tr.d.Models {
		// A load of requests that never end and others that never begin is steady, but
		// not to a SeldonLag: too much in flight for one replica, and too idle for two.
		switch tr.d.Models[i].Policy.(type) {
		case wild, policy.SeldonLag:
			tr.d.Models[i].Policy = track
		}
	}
	if err := tr.first.Update(tr.d); err != nil {
		t.Fatal(err)
	}
	tr.judge.Declare(tr.d)
	for _, top := range []int{12, 2, 4} {
		tr.load(t, top)
		moving := func(g coordinator.GroupPlan) bool { return len(g.Emptying) > 0 }
		if plan := tr.calmTicks(t, 8); !slices.ContainsFunc(plan.Groups, moving) {
			tr.scatter(t)
		}
		tr.calmTicks(t, 8)
	}
	tr.load(t, 6)
	tr.rest(t)
}

// load replaces what is in flight.
func (tr *trial) load(t *rapid.T, top int) {
	for _, m := range tr.d.Models {
		tr.fleet.Finish(m.Name, 1000)
		tr.fleet.Arrive(m.Name, rapid.IntRange(0, top).Draw(t, "in flight"))
	}
}

// restTicks are within how many ticks of steady load a plan becomes empty. Twice
// nothing is asked for hours meanwhile: first so that what is bound to die does,
// then so that failed loads, which are remembered for one, are forgotten. What is
// left are consolidations one after the other, each of which may cut requests off.
const restTicks = 60

// rest keeps the load as it is: the plan becomes empty within a bounded number of
// ticks, stays so, and everything is as it was decided, or refused. 8.
func (tr *trial) rest(t *rapid.T) {
	var plan coordinator.Plan
	busy, quiet := 0, 0
	for tick := range restTicks + 5 {
		tr.now = tr.now.Add(15 * time.Second)
		if tick == restTicks/4 || tick == restTicks/2 || tick == restTicks {
			tr.now = tr.now.Add(3 * time.Hour)
		}
		plan = tr.calmTick(t)
		busy += len(plan.Now)
		if quiet++; len(plan.Now) > 0 {
			quiet = 0
		}
		if tick >= restTicks && quiet == 0 {
			tr.broken(t, 8, &plan, "after %d ticks without a fault", tick)
		}
	}
	if busy > 0 {
		tr.judge.Tempted["8 convergence"]++
	}
	refused := map[string]bool{}
	for _, r := range plan.Refused {
		refused[r.Class] = true
	}
	for _, m := range plan.Models {
		switch {
		case refused[m.Model] || m.Ready == m.Desired+m.Extra:
		case m.Ready < tr.least(m.Model):
			tr.broken(t, 1, &plan, "%s at rest: %d serve, at least %d are declared, none is refused", m.Model, m.Ready, tr.least(m.Model))
		default:
			tr.broken(t, 8, &plan, "%s at rest: %d serve, %d wanted and %d extra, none is refused", m.Model, m.Ready, m.Desired, m.Extra)
		}
	}
}

func (tr *trial) least(model string) int {
	for _, m := range tr.d.Models {
		if m.Name == model {
			return m.Min
		}
	}
	return 0
}

func (tr *trial) calmTicks(t *rapid.T, n int) (last coordinator.Plan) {
	for range n {
		tr.now = tr.now.Add(4 * time.Second)
		last = tr.calmTick(t)
	}
	return last
}

// calmTick is a tick in which nothing goes wrong.
func (tr *trial) calmTick(t *rapid.T) coordinator.Plan {
	s := coordinator.Snapshot{Now: tr.now, World: tr.fleet.World()}
	tr.reload(t, &s.World)
	s.Samples, _ = tr.fleet.Read(context.Background(), tr.first.Wants(), nil)
	plan := tr.first.Plan(s)
	tr.check(t, tr.judge.Plan(s, plan), &plan)
	for _, a := range plan.Now {
		_, err := tr.apply(t, a, tr.fleet.World(), &plan)
		if err != nil { // nobody else is at work
			tr.check(t, fmt.Errorf("%v: %w", a, err), &plan)
		}
	}
	return plan
}

// 8. Convergence: under a steady load without faults the plan becomes empty,
// and stays so.
func TestConvergence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		for i := range tr.d.Models {
			tr.d.Models[i].Policy = track
		}
		p, err := coordinator.NewPlanner(tr.d, coordinator.PlannerOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			tr.fleet.Arrive(tr.pick(t).Name, rapid.IntRange(0, 12).Draw(t, "requests"))
		}
		quiet := 0
		for tick := 0; quiet < 5; tick++ {
			if tick > 60 {
				t.Fatalf("not settled after %d ticks:\n%s", tick, tell(p.Plan(coordinator.Snapshot{})))
			}
			tr.now = tr.now.Add(2 * time.Second)
			s := coordinator.Snapshot{Now: tr.now}
			s.World, _ = tr.fleet.Observe(context.Background())
			s.Samples, _ = tr.fleet.Read(context.Background(), p.Wants(), nil)
			plan := p.Plan(s)
			for _, a := range plan.Now {
				if err := tr.fleet.Apply(context.Background(), a); err != nil {
					t.Fatal(err)
				}
			}
			quiet++
			if len(plan.Now) > 0 {
				quiet = 0
			}
		}
	})
}

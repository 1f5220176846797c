package coordinator_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/internal/laws"
)

// weather changes the faults now and then, and who leads.
func (tr *trial) weather(t *rapid.T) {
	switch what := rapid.IntRange(0, 59).Draw(t, "weather"); {
	case what < 3:
		tr.fleet.Inject(drawFaults(t))
	case what == 3:
		tr.fleet.Inject(coordinatortest.Faults{})
	case what == 4:
		tr.takeOver(t, tr.fleet.Lead())
	case what == 5:
		tr.forget(t)
	case what == 6:
		tr.back(t)
	}
}

// restart replaces the second planner by a new one with its memory. 11.
func (tr *trial) restart(t *rapid.T) {
	planner := tr.planner(t)
	state := tr.second.AppendState(nil)
	if err := planner.Restore(state); err != nil {
		t.Fatalf("law 11: %s: %v", state, err)
	}
	if again := planner.AppendState(nil); string(again) != string(state) {
		tr.broken(t, 11, &coordinator.Plan{}, "saved\n%s\nrestored\n%s", state, again)
	}
	tr.second = planner
	tr.judge.Tempted["11 restored"]++
}

// follow makes a new leader where the fleet has one.
func (tr *trial) follow(t *rapid.T) {
	if epoch := tr.fleet.Epoch(); epoch > tr.epoch {
		tr.takeOver(t, epoch)
	}
}

// takeOver makes a new leader, with the memory of the old one or without.
func (tr *trial) takeOver(t *rapid.T, epoch uint64) {
	tr.counts["leaders"]++
	tr.deposed = append(tr.deposed, tr.sent...)
	tr.sent, tr.epoch = nil, epoch
	tr.judge.Leads(epoch)
	if !rapid.Bool().Draw(t, "with memory") {
		tr.forget(t)
		return
	}
	state := tr.first.AppendState(nil)
	tr.first, tr.second, tr.last = tr.planner(t), tr.planner(t), time.Time{}
	for _, p := range []*coordinator.Planner{tr.first, tr.second} {
		if err := p.Restore(state); err != nil {
			t.Fatalf("law 11: %s: %v", state, err)
		}
	}
}

// forget starts again without a memory.
func (tr *trial) forget(t *rapid.T) {
	tr.counts["memories lost"]++
	tr.first, tr.second, tr.last = tr.planner(t), tr.planner(t), time.Time{}
	tr.judge.Forget()
}

// back lets the clock go back: the last plan stands, and nothing is learned. 10.
func (tr *trial) back(t *rapid.T) {
	if tr.last.IsZero() {
		return
	}
	tr.counts["clock goes back"]++
	was, state := tell(tr.first.Plan(coordinator.Snapshot{})), string(tr.first.AppendState(nil))
	s := coordinator.Snapshot{Now: tr.last.Add(-drawSeconds(t, 100, "back")), World: tr.fleet.World()}
	p := tr.first.Plan(s)
	if is := tell(p); is != was {
		tr.broken(t, 10, &p, "the clock went back: the plan was\n%s", was)
	}
	if is := string(tr.first.AppendState(nil)); is != state {
		tr.broken(t, 10, &p, "the clock went back: the memory was\n%s\nis\n%s", state, is)
	}
}

// tick makes one turn: what is seen, what is planned, and what is sent of it. Now
// and then all of it or a part is sent, and at once it is planned again.
func (tr *trial) tick(t *rapid.T) {
	s := tr.snapshot(t)
	law := 10
	if rapid.IntRange(0, 9).Draw(t, "restart") == 9 {
		tr.restart(t)
		law = 11
	}
	plan := tr.plan(t, s, law)
	defer tr.follow(t)
	if len(plan.Now) == 0 || rapid.IntRange(0, 3).Draw(t, "in part") > 0 {
		tr.deliver(t, plan)
		return
	}
	order := tr.order(t, plan)
	for _, a := range order[:rapid.IntRange(0, len(order)).Draw(t, "part")] {
		tr.send(t, a, &plan)
	}
	if tr.fleet.Epoch() > tr.epoch {
		return
	}
	tr.now = tr.now.Add(time.Millisecond)
	next := tr.snapshot(t)
	again := tr.plan(t, next, 10)
	if tr.fleet.Clock().Equal(tr.now) {
		tr.noMore(t, s.World, plan, next.World, again)
	}
	tr.deliver(t, again)
}

// plan plans a snapshot with both planners, and judges it.
func (tr *trial) plan(t *rapid.T, s coordinator.Snapshot, law int) coordinator.Plan {
	plan := tr.first.Plan(s)
	tr.last = s.Now
	text := tell(plan)
	if twin := tr.second.Plan(s); tell(twin) != text {
		tr.broken(t, law, &plan, "the other planner's plan\n%s", tell(twin))
	}
	if again := tr.first.Plan(s); tell(again) != text {
		tr.broken(t, 10, &plan, "planned again:\n%s", tell(again))
	}
	tr.judge.Tempted["10 again"]++
	tr.check(t, tr.judge.Plan(s, plan), &plan)
	return plan.Clone()
}

func (tr *trial) order(t *rapid.T, plan coordinator.Plan) []coordinator.Action {
	if len(plan.Now) < 2 {
		return plan.Now
	}
	return rapid.Permutation(plan.Now).Draw(t, "order")
}

// noMore checks that a plan made after a part of another was carried out asks for
// no more than the whole of it. 7.
func (tr *trial) noMore(t *rapid.T, was coordinator.World, plan coordinator.Plan, is coordinator.World, again coordinator.Plan) {
	for i, m := range plan.Models {
		moves := func(a coordinator.Action) bool {
			return a.Model == m.Model && (a.Why.Reason == coordinator.Consolidating || a.Why.Reason == coordinator.MakesWay || a.Why.Reason == coordinator.Separates)
		}
		retires := func(g coordinator.GroupPlan) bool { return g.Group == m.Group && len(g.Retiring) > 0 }
		if m.Unseen || again.Models[i].Unseen || m.Desired != again.Models[i].Desired || slices.ContainsFunc(again.Now, moves) || slices.ContainsFunc(again.Groups, retires) {
			continue // to move takes one more for a while
		}
		if laws.OnTheWay(was, m.Model) {
			continue // what loaded already may be overdue by now
		}
		tr.judge.Tempted["7 prefix"]++
		before, after := laws.Asked(was, plan, m.Model), laws.After(is, again, m.Model)
		if after > max(before, m.Desired+again.Models[i].Extra) { // what fills room may be another's by now
			tr.broken(t, 7, &again, "%s: %d wanted; the plan asked for %d, a part of it and planning again make %d; it was\n%s", m.Model, m.Desired, before, after, tell(plan))
		}
	}
}

// deliver sends the actions, in any order, for they are independent. Some are
// lost, and the sender may lose its place, its memory or its world on the way.
func (tr *trial) deliver(t *rapid.T, plan coordinator.Plan) {
	order := tr.order(t, plan)
	end, at := 9, -1
	if len(order) > 0 {
		end = rapid.IntRange(0, 19).Draw(t, "on the way")
		at = rapid.IntRange(0, len(order)-1).Draw(t, "at")
	}
	for i, a := range order {
		if i == at {
			switch end {
			case 0:
				tr.counts["actions lost"]++
				continue
			case 1:
				tr.counts["crashes"]++
				return // and the rest is never sent
			case 2:
				tr.disturb(t)
			case 3:
				tr.judge.Leads(tr.fleet.Lead())
			case 4:
				tr.now = tr.now.Add(drawSeconds(t, 9, "slow"))
			}
		}
		tr.send(t, a, &plan)
	}
	tr.late(t, &plan)
}

// send delivers one action, twice.
func (tr *trial) send(t *rapid.T, a coordinator.Action, plan *coordinator.Plan) {
	after, err := tr.apply(t, a, tr.fleet.World(), plan)
	if err != nil {
		tr.counts["refused or failed"]++
		return
	}
	tr.sent = append(tr.sent, a)
	tr.again(t, a, after, plan)
}

// apply delivers an action, and judges what that does to the world.
func (tr *trial) apply(t *rapid.T, a coordinator.Action, before coordinator.World, plan *coordinator.Plan) (coordinator.World, error) {
	err := tr.fleet.Apply(context.Background(), a)
	after := tr.fleet.World()
	tr.actions++
	tr.log = append(tr.log[max(0, len(tr.log)-39):], fmt.Sprintf("%v #%d.%d %v: %s: %v", tr.now.Sub(epoch), a.Epoch, a.Generation, a, a.Why.Reason, err))
	tr.judge.Leads(tr.fleet.Epoch())
	tr.check(t, tr.judge.Effect(before, after, a, err), plan)
	return after, err
}

// again delivers an accepted action once more. 7.
func (tr *trial) again(t *rapid.T, a coordinator.Action, was coordinator.World, plan *coordinator.Plan) {
	tr.judge.Tempted["7 twice"]++
	// Accepted or fenced, as the fleet likes.
	if is, _ := tr.apply(t, a, was, plan); !laws.Same(was, is) {
		tr.broken(t, 7, plan, "%v delivered again changed the world:\n%+v\nto\n%+v", a, was, is)
	}
}

// late delivers old actions again: those that were accepted do nothing any more,
// those of leaders of the past are refused.
func (tr *trial) late(t *rapid.T, plan *coordinator.Plan) {
	if n := len(tr.sent); n > 0 && rapid.IntRange(0, 3).Draw(t, "late") == 0 {
		tr.again(t, tr.sent[n-1-rapid.IntRange(0, min(n, 20)-1).Draw(t, "which")], tr.fleet.World(), plan)
	}
	if n := len(tr.deposed); n > 0 {
		a := tr.deposed[rapid.IntRange(0, n-1).Draw(t, "old")]
		a.ID += " again" // as if it had been on the way since then
		_, _ = tr.apply(t, a, tr.fleet.World(), plan)
	}
}

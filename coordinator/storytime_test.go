package coordinator_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// A book is what a story has counted of each model or group.
type book struct {
	sent, finished map[string]int
	late           map[string]time.Duration // by how much a request was at most
	loads          map[string]int           // accepted
	servers        map[string]map[string]bool
	orders         map[string]int // times that a group was asked to grow
	refused        map[string]int // by the last plan
	desired        map[string]int // by the last plan
}

func newBook() book {
	return book{
		sent: map[string]int{}, finished: map[string]int{}, late: map[string]time.Duration{}, loads: map[string]int{},
		servers: map[string]map[string]bool{}, orders: map[string]int{}, refused: map[string]int{}, desired: map[string]int{},
	}
}

func (st *story) arrive(words []string) {
	st.begin()
	words = st.words(words, 3)
	n := st.number(words[2])
	st.book.sent[words[1]] += n
	st.fleet.Arrive(words[1], n)
}

func (st *story) finish(words []string) {
	words = st.words(words, 3)
	n := st.number(words[2])
	require.Equal(st.t, n, st.fleet.Finish(words[1], n), st.line)
	st.book.finished[words[1]] += n
}

// A stream is steady traffic for one model. Each request takes one step.
type stream struct {
	model string
	every time.Duration // between two requests
	next  time.Time
	due   []time.Time // when those in flight should end, ascending
}

const step = 100 * time.Millisecond

// traffic reads "traffic MODEL N per D", or "traffic MODEL none": nothing new
// comes.
func (st *story) traffic(words []string) {
	st.begin()
	for _, s := range st.streams {
		if s.model == words[1] {
			s.every = 0
		}
	}
	if words[2] == "none" {
		return
	}
	words = st.words(words, 5)
	every := st.span(words[4]) / time.Duration(st.number(words[2]))
	st.streams = append(st.streams, &stream{model: words[1], every: every, next: st.now})
}

// pass lets time go by, and traffic with it.
func (st *story) pass(d time.Duration) {
	end := st.now.Add(d)
	for len(st.streams) > 0 && st.now.Before(end) {
		st.now = st.now.Add(min(step, end.Sub(st.now)))
		for _, s := range st.streams {
			st.flow(s)
		}
	}
	st.now = end
}

func (st *story) flow(s *stream) {
	over := 0
	for over < len(s.due) && !s.due[over].After(st.now) {
		over++
	}
	n := st.fleet.Finish(s.model, over)
	st.book.finished[s.model] += n
	s.due = s.due[n:]
	if n < over {
		st.book.late[s.model] = max(st.book.late[s.model], st.now.Sub(s.due[0]))
	}
	for s.every > 0 && s.next.Before(st.now) {
		st.fleet.Arrive(s.model, 1)
		st.book.sent[s.model]++
		s.due = append(s.due, st.now.Add(step))
		s.next = s.next.Add(s.every)
	}
}

func (st *story) leave(words []string) {
	st.begin()
	for _, server := range words[1:] {
		st.fleet.Leave(st.groupOf(server), server)
	}
}

func (st *story) gone(words []string) {
	for _, server := range words[1:] {
		st.fleet.Gone(st.groupOf(server), server)
	}
}

func (st *story) breaks(words []string) {
	words = st.words(words, 3)
	st.fleet.Break(st.groupOf(words[1]), words[1], words[2])
}

func (st *story) goBlind([]string)  { st.blind = true }
func (st *story) goUnseen([]string) { st.unseen = true }

// inject makes the fleet break its contracts from now on; "inject none" ends it.
func (st *story) inject(words []string) {
	st.begin()
	f := coordinatortest.Faults{Seed: 1}
	st.faulty = false
	for _, word := range words[1:] {
		switch word {
		case "none":
		case "no-metrics": // nothing is returned
			f.Metrics.Missing = 1
		case "failed-metrics":
			f.Metrics.Failed = 1
		case "stale-metrics":
			f.Metrics.Stale = 1
		case "half-metrics": // one source of two
			f.Metrics.Partial = 1
		case "errors": // which say nothing: the action has had its effect
			f.Apply.ErrorAfter, st.faulty = 1, true
		case "refusals": // nothing has its effect
			f.Apply.ErrorBefore, st.faulty = 1, true
		case "twice": // every action is delivered again
			f.Apply.Twice = 1
		case "slow-loads":
			f.Load.Slow, f.Load.By = 1, time.Hour
		case "failing-loads":
			f.Load.Fail = 1
		case "failing-boots":
			f.Boot.Fail = 1
		default:
			st.t.Fatalf("what is %q in %q?", word, st.line)
		}
	}
	st.fleet.Inject(f)
}

// tick lets time go by, plans, tells all that is in the plan, and acts.
func (st *story) tick(words []string) {
	st.begin()
	st.pass(st.span(st.words(words, 2)[1]))
	fmt.Fprintln(&st.out, "----")
	plan, s := st.plan()
	st.out.WriteString(news(plan))
	st.told.news(plan)
	st.act(plan, s)
}

// run reads "run D every D": it plans so often, and tells only what is new.
func (st *story) run(words []string) {
	st.begin()
	words = st.words(words, 4)
	fmt.Fprintln(&st.out, "----")
	for end := st.now.Add(st.span(words[1])); st.now.Before(end); {
		st.pass(st.span(words[3]))
		plan, s := st.plan()
		if news := st.told.news(plan); len(news) > 0 {
			fmt.Fprintf(&st.out, "at %v\n  %s", st.now.Sub(st.began), strings.Join(news, "  "))
		}
		st.act(plan, s)
	}
}

// away lets time go by without a planner.
func (st *story) away(words []string) {
	st.begin()
	st.pass(st.span(st.words(words, 2)[1]))
}

// plan makes a plan of what is seen now.
func (st *story) plan() (coordinator.Plan, coordinator.Snapshot) {
	ctx := context.Background()
	s := coordinator.Snapshot{Now: st.now, ReadFailed: st.blind}
	s.World, _ = st.fleet.Observe(ctx)
	st.see(s.World)
	if st.unseen {
		s.World = coordinator.World{Unseen: st.planner.Groups()}
	}
	if !st.blind {
		s.Samples, _ = st.fleet.Read(ctx, st.planner.Wants(), nil)
	}
	st.blind, st.unseen = false, false
	plan := st.planner.Plan(s)
	require.NoError(st.t, st.judge.Plan(s, plan), "%s at %v", st.line, st.now.Sub(st.began))
	clear(st.book.refused)
	for _, m := range plan.Models {
		st.book.desired[m.Model] = m.Desired
	}
	for _, r := range plan.Refused {
		st.book.refused[r.Class] += r.Items
	}
	return plan, s
}

// act applies a plan, one action after the other, and sees that none breaks a
// law or a vow; of many actions it looks at the world only after some.
func (st *story) act(plan coordinator.Plan, s coordinator.Snapshot) {
	ctx := context.Background()
	at := func(a coordinator.Action) string {
		return fmt.Sprintf("%s at %v: %v", st.line, st.now.Sub(st.began), a)
	}
	st.keep(plan, s)
	world := st.world()
	often := 1 + len(plan.Now)/50
	for i, a := range plan.Now {
		require.NoError(st.t, st.judge.Action(world, a), at(a))
		err := st.fleet.Apply(ctx, a)
		if err != nil {
			require.True(st.t, st.faulty, "%s: %v", at(a), err)
			fmt.Fprintf(&st.out, "  error: %v\n", a)
		}
		st.note(a, err)
		if i%often == 0 || i == len(plan.Now)-1 {
			world = st.world()
			require.NoError(st.t, st.judge.World(world), at(a))
			st.see(world)
			st.keepWorld(world)
		}
	}
}

// note counts what an action has done.
func (st *story) note(a coordinator.Action, err error) {
	if err == nil && a.Kind == coordinator.Load {
		st.book.loads[a.Model]++
		st.book.loads[a.Model+"@"+a.ModelVersion]++
	}
	if a.Kind == coordinator.ScaleGroup && a.Why.Want > a.Why.Have {
		st.book.orders[a.Group]++
	}
}

// see notes every server that there ever was.
func (st *story) see(w coordinator.World) {
	for _, g := range w.Groups {
		if st.book.servers[g.Name] == nil {
			st.book.servers[g.Name] = map[string]bool{}
		}
		for _, s := range g.Servers {
			st.book.servers[g.Name][s.Name] = true
		}
	}
}

// ended is how many requests of a model the fleet has counted as over, and how
// many are in flight, waiting ones included.
func (st *story) ended(model string) (ended, inFlight int) {
	id := coordinator.TargetID{Kind: coordinator.TargetModel, Name: model}
	samples, err := st.fleet.Read(context.Background(), []coordinator.Series{{Target: id, Name: policy.Ended}, {Target: id, Name: policy.InFlight}}, nil)
	require.NoError(st.t, err)
	require.Len(st.t, samples, 2, st.line)
	return int(samples[0].Value), int(samples[1].Value)
}

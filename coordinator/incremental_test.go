package coordinator_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// eyewitness numbers Worlds and tells what has changed since the last one.
type eyewitness struct {
	seq  uint64
	last map[string]map[string]string // by group and server, all that counts of it
}

// watch returns w as one that tells what has changed, if anything can be told.
func (o *eyewitness) watch(w coordinator.World) coordinator.World {
	now := map[string]map[string]string{}
	groups := slices.Clone(w.Groups)
	for i := range groups {
		g := &groups[i]
		servers := map[string]string{}
		for _, s := range g.Servers {
			servers[s.Name] = fmt.Sprint(s)
			if before, known := o.last[g.Name][s.Name]; !known || before != servers[s.Name] {
				g.Changed = append(g.Changed, s.Name)
			}
		}
		now[g.Name] = servers
	}
	w.Groups, w.Base, w.Seq = groups, o.seq, o.seq+1
	o.seq, o.last = w.Seq, now
	return w
}

// A World that tells what has changed gives byte for byte the plan of one that
// does not, whatever happens: groups out of sight, Worlds that the planner never
// gets, restarts, declarations that change, servers that come and go. A log of such
// Worlds replays.
func TestIncrementalWorld(t *testing.T) {
	told, gaps := 0, 0
	kinds := policy.BuiltinKinds()
	kinds["wild"] = wild{}
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		var o eyewitness
		var file bytes.Buffer
		log := coordinator.NewReplayLog(&file, kinds)
		ticks, start := 0, true
		for range rapid.IntRange(10, 40).Draw(t, "ticks") {
			tr.happen(t)
			s := tr.snapshot(t)
			switch rapid.IntRange(0, 19).Draw(t, "gap") {
			case 0:
				tr.restart(t)
				gaps, start = gaps+1, true
			case 1:
				tr.update(t)
				gaps, start = gaps+1, true
			case 2:
				o.watch(s.World) // observed, and never planned from
				tr.happen(t)
				s = tr.snapshot(t)
				gaps++
			}
			same := s
			same.World = o.watch(s.World)
			if same.World.Base > 0 {
				told++
			}
			if start {
				if err := log.Start(tr.second); err != nil {
					t.Fatal(err)
				}
			}
			start = false
			anew := tr.anew(t)
			plan, twin := tr.first.Plan(s), tr.second.Plan(same)
			if err := log.Tick(same, twin); err != nil {
				t.Fatal(err)
			}
			ticks++
			whole, incremental := tell(plan), tell(twin)
			if whole != incremental {
				t.Fatalf("from the whole World\n%s\nfrom what has changed\n%s", whole, incremental)
			}
			if fresh := tell(anew.Plan(s)); whole != fresh {
				t.Fatalf("with views of the last World\n%s\nwithout\n%s", whole, fresh)
			}
			if one, other := tr.first.AppendState(nil), tr.second.AppendState(nil); string(one) != string(other) {
				t.Fatalf("after the whole World\n%s\nafter what has changed\n%s", one, other)
			}
			for _, i := range rand.New(rand.NewPCG(uint64(tr.now.UnixNano()), 1)).Perm(len(plan.Now)) {
				if i%4 == 3 {
					continue // lost on the way
				}
				if err := tr.fleet.Apply(t.Context(), plan.Now[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n, err := coordinator.Replay(&file, kinds); err != nil || n != ticks {
			t.Fatalf("replayed %d of %d ticks: %v", n, ticks, err)
		}
	})
	t.Logf("%d incremental Worlds, %d gaps", told, gaps)
	if told < 200 || gaps < 20 {
		t.Errorf("%d incremental Worlds and %d gaps only", told, gaps)
	}
}

// anew returns a planner with the first one's memory that has seen no World yet.
func (tr *trial) anew(t *rapid.T) *coordinator.Planner {
	p, err := coordinator.NewPlanner(tr.d, coordinator.PlannerOptions{Stale: 5 * time.Second})
	if err == nil {
		err = p.Restore(tr.first.AppendState(nil))
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// update declares more room, or less, to both planners.
func (tr *trial) update(t *rapid.T) {
	tr.d.Groups = slices.Clone(tr.d.Groups)
	tr.d.Groups[0].Max = rapid.IntRange(2, 6).Draw(t, "max servers")
	for _, p := range []*coordinator.Planner{tr.first, tr.second} {
		if err := p.Update(tr.d); err != nil {
			t.Fatal(err)
		}
	}
}

// What an observer gets wrong about a server's own fields and its number of
// replicas is seen and said; the plan is the right one.
func TestUntoldChange(t *testing.T) {
	plan := func(tell bool) coordinator.Plan {
		p := onePlanner(t)
		serving := coordinator.ReplicaState{Phase: coordinator.Serving}
		s := llamaOn(1, serving, serving)
		s.World.Seq = 7
		p.Plan(s)
		s = llamaOn(3, serving, serving)
		s.World.Groups[0].Servers[1].Replicas = nil
		s.World.Seq, s.World.Base = 8, 7
		if tell {
			s.World.Groups[0].Changed = []string{"s1"}
		}
		return p.Plan(s)
	}
	right, wrong := plan(true), plan(false)
	require.Empty(t, right.Faults)
	require.Equal(t, []string{"group gpu: server s1 differs, but is not among the changed"}, wrong.Faults)
	wrong.Faults = right.Faults
	require.Equal(t, tell(right), tell(wrong))
}

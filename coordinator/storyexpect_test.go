package coordinator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// expectations are what may stand behind "expect", which checks what no golden
// text can bless. w are the words after it.
var expectations = map[string]func(st *story, w []string){
	// serving MODEL N: so many replicas serve.
	"serving": func(st *story, w []string) {
		st.equal(w[2], replicasIn(st.world(), w[1], coordinator.Serving))
	},
	// replicas MODEL N: so many there are, in whatever phase.
	"replicas": func(st *story, w []string) {
		st.equal(w[2], replicasIn(st.world(), w[1], coordinator.Loading, coordinator.Loaded, coordinator.Serving, coordinator.Draining, coordinator.Broken))
	},
	// desired MODEL N: by the last plan.
	"desired": func(st *story, w []string) { st.equal(w[2], st.book.desired[w[1]]) },
	// ready MODEL G of H: generation G is the newest fulfilled, H the present one; the
	// model is ready for it just if they are the same.
	"ready": func(st *story, w []string) {
		s, err := st.planner.Status(w[1])
		require.NoError(st.t, err, st.line)
		require.Equal(st.t, w[2]+" of "+w[4], fmt.Sprintf("%d of %d", s.ReadyGeneration, s.Generation), st.line)
		require.Equal(st.t, w[2] == w[4], s.ReadyForGeneration(), st.line)
	},
	// refused MODEL N: so many find no place, by the last plan.
	"refused": func(st *story, w []string) { st.equal(w[2], st.book.refused[w[1]]) },
	// servers GROUP N: so many there are, and all are up.
	"servers": func(st *story, w []string) {
		servers := serversOf(st.world(), w[1])
		st.equal(w[2], len(servers))
		for _, s := range servers {
			require.Equal(st.t, coordinator.Up, s.Phase, "%s: %s", st.line, s.Name)
		}
	},
	// ordered GROUP N: so many servers there ever were, from the beginning on.
	"ordered": func(st *story, w []string) { st.equal(w[2], len(st.book.servers[w[1]])) },
	// grown GROUP N: it was asked to grow so many times.
	"grown": func(st *story, w []string) { st.equal(w[2], st.book.orders[w[1]]) },
	// loads MODEL N: it was loaded so many times.
	"loads": func(st *story, w []string) { st.equal(w[2], st.book.loads[w[1]]) },
	// on SERVER MODEL... or "on SERVER -": exactly these serve there.
	"on": (*story).expectOn,
	// requests MODEL N late D: N came; each of them was answered, at most D later
	// than it could be, or is in service now: none is lost, none waits.
	"requests": (*story).expectRequests,
}

func (st *story) expect(words []string) {
	st.begin()
	check := expectations[words[1]]
	require.NotNil(st.t, check, "what is %q?", st.line)
	check(st, words[1:])
}

func (st *story) equal(word string, got int) {
	require.Equal(st.t, st.number(word), got, "%s at %v\n%s", st.line, st.now.Sub(st.began), st.out.String())
}

func (st *story) expectOn(w []string) {
	var on []string
	for _, s := range serversOf(st.world(), st.groupOf(w[1])) {
		if s.Name == w[1] {
			for _, r := range s.Replicas {
				if r.Phase == coordinator.Serving {
					on = append(on, r.Model)
				}
			}
		}
	}
	if len(on) == 0 {
		on = []string{"-"}
	}
	require.Equal(st.t, w[2:], on, st.line)
}

func (st *story) expectRequests(w []string) {
	w = st.words(w, 5)
	model := w[1]
	sent, finished := st.book.sent[model], st.book.finished[model]
	ended, inFlight := st.ended(model)
	waiting := inFlight
	for _, g := range st.world().Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if r.Model == model {
					waiting -= int(r.InFlight.Value)
				}
			}
		}
	}
	st.equal(w[2], sent)
	require.Equal(st.t, sent, ended+inFlight, st.line)
	require.Equal(st.t, finished, ended, "%s: %d were cut off", st.line, ended-finished)
	require.Zero(st.t, waiting, "%s: they wait", st.line)
	require.LessOrEqual(st.t, st.book.late[model], st.span(w[4]), st.line)
	for _, s := range st.streams {
		if s.model == model && len(s.due) > 0 {
			require.False(st.t, s.due[0].Before(st.now), "%s: one is late by %v", st.line, st.now.Sub(s.due[0]))
		}
	}
}

func (st *story) world() coordinator.World {
	w, err := st.fleet.Observe(context.Background())
	require.NoError(st.t, err)
	return w
}

func serversOf(w coordinator.World, group string) []coordinator.ServerState {
	for _, g := range w.Groups {
		if g.Name == group {
			return g.Servers
		}
	}
	return nil
}

// replicasIn is how many replicas of a model, or MODEL@VERSION, are in one of
// these phases.
func replicasIn(w coordinator.World, model string, phases ...coordinator.ReplicaPhase) int {
	model, version, one := strings.Cut(model, "@")
	n := 0
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if r.Model == model && (!one || r.ModelVersion == version) && slices.Contains(phases, r.Phase) {
					n++
				}
			}
		}
	}
	return n
}

// servingIn is how many replicas of each model and each MODEL@VERSION serve.
func servingIn(w coordinator.World) map[string]int {
	n := map[string]int{}
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			for _, r := range s.Replicas {
				if r.Phase == coordinator.Serving {
					n[r.Model]++
					n[r.Model+"@"+r.ModelVersion]++
				}
			}
		}
	}
	return n
}

// A vow holds after every action from where a story makes it, until "anything
// goes".
type vow struct {
	plan  func(coordinator.Plan, coordinator.Snapshot) error // nil: it is not about plans
	world func(coordinator.World) error                      // nil: nor worlds
}

// always reads "always serving MODEL N" (at least) and "always servers GROUP N"
// (at most).
func (st *story) always(words []string) {
	st.begin()
	words = st.words(words, 4)
	name, n := words[2], st.number(words[3])
	switch words[1] {
	case "serving":
		names := st.names(name)
		st.vows[st.line] = vow{world: func(w coordinator.World) error {
			serve := servingIn(w)
			for _, name := range names {
				if serve[name] < n {
					return fmt.Errorf("%s: %d serve", name, serve[name])
				}
			}
			return nil
		}}
	case "servers":
		st.vows[st.line] = vow{world: func(w coordinator.World) error {
			if servers := len(serversOf(w, name)); servers > n {
				return fmt.Errorf("%d servers", servers)
			}
			return nil
		}}
	default:
		st.t.Fatalf("what is %q?", st.line)
	}
}

// nothing reads "nothing shrinks": no desired count falls, no replica stops or
// goes, no server does; and "nothing moves": there is no action at all.
func (st *story) nothing(words []string) {
	st.begin()
	strict := words[1] == "moves"
	require.True(st.t, strict || words[1] == "shrinks", st.line)
	st.vows[st.line] = vow{plan: func(p coordinator.Plan, s coordinator.Snapshot) error {
		for _, m := range p.Models {
			if m.Desired < m.Was {
				return fmt.Errorf("%s falls from %d to %d", m.Model, m.Was, m.Desired)
			}
		}
		for _, a := range p.Now {
			less := a.Kind == coordinator.ScaleGroup && a.Why.Want < a.Why.Have
			if strict || less || a.Kind == coordinator.Unroute || a.Kind == coordinator.Unload {
				return fmt.Errorf("%v: %v", a, a.Why)
			}
		}
		return nil
	}}
}

// anything reads "anything goes": all vows end.
func (st *story) anything(words []string) { clear(st.vows) }

func (st *story) keep(p coordinator.Plan, s coordinator.Snapshot) {
	for name, v := range st.vows {
		if v.plan != nil {
			require.NoError(st.t, v.plan(p, s), "%s, vowed %s, at %v\n%s", st.line, name, st.now.Sub(st.began), st.out.String())
		}
	}
	st.keepWorld(s.World)
}

func (st *story) keepWorld(w coordinator.World) {
	if len(w.Unseen) > 0 {
		return
	}
	for name, v := range st.vows {
		if v.world != nil {
			require.NoError(st.t, v.world(w), "%s, vowed %s, at %v\n%s", st.line, name, st.now.Sub(st.began), st.out.String())
		}
	}
}

package coordinator

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A passage goes on step by step, as it was weighed, or ends where it cannot.
func TestPassage(t *testing.T) {
	ago := func(d time.Duration) time.Time { return dawn.Add(6*time.Second - d) } // of the plan that is looked at
	made := passage{For: "x", From: "s0", Since: ago(0)}
	moves := passage{For: "x", From: "s0", Model: "m", To: "s1", Since: ago(0)}
	with := func(w passage, change func(*passage)) passage {
		change(&w)
		return w
	}
	late := func(w passage, d time.Duration) passage { w.Since = ago(d); return w }
	for _, c := range []struct {
		name    string
		passage passage
		world   []string
		does    []string
		left    []passage
	}{
		{"room that is made is filled", made, []string{"k", "x"}, []string{"load x on pool/s0: fills room"}, nil},
		{"whoever else could", made, []string{"k", "x y"}, []string{"load x on pool/s0: fills room"}, nil},
		{"it has come about", made, []string{"x", "u"}, nil, nil},
		{"for a model that is gone", with(made, func(w *passage) { w.For = "gone" }), []string{"k", "x"}, []string{"load x on pool/s0: fills room"}, nil},
		{"on a server that is gone", with(made, func(w *passage) { w.From = "gone" }), []string{"u", "x w"}, nil, nil},
		{"on a server that leaves", made, []string{"leaving", "x", "u"}, nil, nil},
		{"something else loads there first", made, []string{"k+", "x w"}, []string{"later route k on pool/s0: replica loaded"}, []passage{made}},
		{"for two minutes", late(made, passageTime), []string{"k+", "x w"}, []string{"later route k on pool/s0: replica loaded"}, []passage{late(made, passageTime)}},
		{"and no longer", late(made, passageTime+1), []string{"k+", "x w"}, []string{"later route k on pool/s0: replica loaded"}, nil},
		{"as many as there may be", with(made, func(w *passage) { w.For = "o" }), []string{"", "o"}, nil, []passage{with(made, func(w *passage) { w.For = "o" })}},
		{"what drains makes the room", late(made, time.Hour), []string{"u-", "x w", "u"}, []string{"later unload u on pool/s0: drained"}, []passage{late(made, time.Hour)}},
		{"the room is taken, by what may be seen to go yet", late(made, swapPause), []string{"u", "x w"}, nil, []passage{late(made, swapPause)}},
		{"the room is taken", late(made, swapPause+1), []string{"u", "x w"}, nil, nil},

		{"it moves", moves, []string{"m k", "", "x w"}, []string{"load m on pool/s1: makes way"}, []passage{moves}},
		{"nothing else comes there", moves, []string{"m k", "k+", "x w"}, []string{"later route k on pool/s1: replica loaded"}, []passage{moves}},
		{"there is no room where it goes", moves, []string{"m k", "u", "x w"}, nil, []passage{moves}},
		{"a model that is gone", with(moves, func(w *passage) { w.Model = "gone" }), []string{"m z", "u", "x w"}, nil, nil},
		{"to a server that is gone", with(moves, func(w *passage) { w.To = "gone" }), []string{"m z", "u", "x w"}, nil, nil},
		{"to a server that leaves", moves, []string{"m z", "leaving", "x w"}, nil, nil},
		{"from where it is no more", moves, []string{"u", "m z", "x w"}, nil, nil},
		{"for as long as a load takes, and two minutes", late(moves, passageTime+10*time.Second), []string{"m k", "u", "x w"}, nil, []passage{late(moves, passageTime+10*time.Second)}},
		{"and no longer", late(moves, passageTime+10*time.Second+1), []string{"m k", "u", "x w"}, nil, nil},
		{"it does not serve there yet", moves, []string{"m k", "m+ z", "x w"}, []string{"later route m on pool/s1: replica loaded"}, []passage{moves}},
		{"it stops where it was", moves, []string{"m k", "m z", "x w"}, []string{"unroute m on pool/s0: room wanted"}, []passage{with(made, func(w *passage) { w.Since = ago(0) })}},
		{"and what is beyond what is desired with it", moves, []string{"m o w", "m z", "x o"}, []string{"unroute m on pool/s0: room wanted", "unroute o on pool/s0: room wanted"}, []passage{made}},
		{"it stays where that makes no room", moves, []string{"m w k", "m z", "x"}, nil, []passage{moves}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var models []string
			for _, m := range []string{"k 1 1 0", "u 4 1 0", "m 2 1 0", "o 1 1 1 +", "w 2 1 0", "x 3 1 4", "y 2 1 9", "z 3 1 0"} {
				if strings.Contains(strings.Join(c.world, " "), m[:1]) {
					models = append(models, m)
				}
			}
			y := newYard(t, ServerGroup{}, models...).settled(c.world...)
			y.pool().passages = []passage{c.passage}
			y.pool().swapped = y.now
			require.Equal(t, c.does, y.plan(c.world...))
			require.Equal(t, len(c.left), len(y.pool().passages))
			for i, w := range y.pool().passages {
				require.Equal(t, c.left[i], w)
			}
		})
	}
}

// A passage ends when a model of it has moved to another pool.
func TestPassageOfWhoMoved(t *testing.T) {
	for _, name := range []string{"m", "x"} {
		y := newYard(t, ServerGroup{}, "k 1 1 0", "m 2 1 0", "w 2 1 0", "x 3 1 4").settled("m k", "", "x w")
		y.pool().passages = []passage{{For: "x", From: "s0", Model: "m", To: "s1", Since: y.now}}
		y.pool().swapped = y.now
		y.p.byName[name] = &model{Model: Model{Name: name}, group: &group{}}
		require.Equal(t, []string{"load x on pool/s1: fills room"}, y.plan("m k", "", "x w"))
		require.Empty(t, y.pool().passages)
	}
}

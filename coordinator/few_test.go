package coordinator

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/packing"
)

// Among few servers every missing replica finds a place that can be its own, or
// is looked for among all.
func TestFewServers(t *testing.T) {
	found, fell := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		g := drawHalfFull(t)
		few := g.few()
		if few == 0 {
			t.Skip("not many enough")
		}
		open := func(i int) bool { return g.open(i) }
		problem, order := g.problem(time.Time{}, open, false, few)
		some, err := packing.Pack(problem, packing.Options{Effort: packing.Fast})
		if err != nil {
			t.Fatal(err)
		}
		if len(order) > few {
			t.Fatalf("%d servers, not %d", len(order), few)
		}
		if len(some.Refusals) > 0 {
			fell++
			return
		}
		found++
		for c, m := range g.short() {
			places := added(some.Bins[c], problem.Classes[c].At)
			if len(places) != m.missing {
				t.Fatalf("%d of %s placed, not %d", len(places), m.Name, m.missing)
			}
			for _, bin := range places {
				if m.on(g, order[bin]) {
					t.Fatalf("%s is on %d already", m.Name, order[bin])
				}
				add(g.views[order[bin]].used, m.size)
			}
		}
		for i := range g.views {
			for d, x := range g.views[i].used {
				if x > g.capacity[d] {
					t.Fatalf("server %d: %v of %v", i, g.views[i].used, g.capacity)
				}
			}
		}
	})
	require.Greater(t, found, 20)
	require.Greater(t, found, fell, "so few are enough as a rule")
	t.Logf("%d among few, %d not", found, fell)
}

// drawHalfFull is a group of many servers, some of them full, whose models miss
// a few replicas.
func drawHalfFull(t *rapid.T) *group {
	servers := rapid.IntRange(150, 400).Draw(t, "servers")
	d := Declarations{Groups: []ServerGroup{{
		Name: "g", Capacity: Resources{"gib": 20, "slots": 4}, Max: servers,
		Removal: rapid.SampledFrom([]Removal{Free, Ordinal}).Draw(t, "removal"),
	}}}
	state := GroupState{Name: "g", Desired: servers}
	for i := range servers {
		state.Servers = append(state.Servers, ServerState{Name: fmt.Sprintf("s%04d", i), Ordinal: i, Phase: Up})
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "models") {
		m := Model{Name: fmt.Sprint("m", i), Group: "g", Needs: Resources{"gib": rapid.Int64Range(1, 12).Draw(t, "gib"), "slots": 1}, Replicas: 1}
		d.Models = append(d.Models, m)
		for range rapid.IntRange(0, 40).Draw(t, "placed") {
			s := &state.Servers[rapid.IntRange(0, servers-1).Draw(t, "on")]
			room := int64(20)
			for _, r := range s.Replicas {
				room -= d.Models[r.Model[1]-'0'].Needs["gib"]
			}
			if n := len(s.Replicas); n == 4 || room < m.Needs["gib"] || n > 0 && s.Replicas[n-1].Model == m.Name {
				continue
			}
			s.Replicas = append(s.Replicas, ReplicaState{Model: m.Name, Phase: Serving})
		}
	}
	p, err := NewPlanner(d, PlannerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if plan := p.Plan(Snapshot{Now: time.Unix(1, 0), World: World{Groups: []GroupState{state}}}); len(plan.Faults) > 0 {
		t.Fatal(plan.Faults)
	}
	g := p.groups[0]
	g.wipe()
	for _, m := range g.packed {
		m.planned, m.missing = m.planned[:0], rapid.IntRange(0, 8).Draw(t, "missing")
	}
	return g
}

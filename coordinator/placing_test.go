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
	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

// mixed is a fleet of models that differ in where they may sit and with whom.
type mixed struct {
	d       coordinator.Declarations
	now     time.Time
	fleet   *coordinatortest.Fleet
	judge   *laws.Judge
	planner *coordinator.Planner
}

func drawMixed(t *rapid.T) *mixed {
	x := &mixed{now: epoch}
	var groups []coordinatortest.FleetGroup
	var models []coordinatortest.FleetModel
	names := []string{"g0", "g1", "g2"}[:rapid.IntRange(1, 3).Draw(t, "groups")]
	for _, name := range names {
		g := coordinator.ServerGroup{
			Name: name, Capacity: coordinator.Resources{"memory": rapid.Int64Range(8, 9).Draw(t, "memory")},
			Min: rapid.IntRange(0, 2).Draw(t, "min servers"), Max: rapid.IntRange(2, 6).Draw(t, "max servers"),
			Removal: rapid.SampledFrom([]coordinator.Removal{coordinator.Free, coordinator.Ordinal}).Draw(t, "removal"),
			Zones:   []string{"a", "b", "c"}[:rapid.IntRange(0, 3).Draw(t, "zones")],
			Fixed:   rapid.IntRange(0, 5).Draw(t, "fixed") == 0,

			Consolidation: coordinator.Consolidation{Settle: time.Duration(rapid.IntRange(1, 30).Draw(t, "settle")) * time.Second},
		}
		if rapid.IntRange(0, 3).Draw(t, "overcommit") == 0 {
			g.Overcommit = map[string]float64{"memory": 0.5}
		}
		x.d.Groups = append(x.d.Groups, g)
		groups = append(groups, coordinatortest.FleetGroup{
			Name: name, Servers: rapid.IntRange(0, 4).Draw(t, "servers"), Boot: 6 * time.Second,
			Ordinal: g.Removal == coordinator.Ordinal, Zones: g.Zones,
		})
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "models") {
		m := x.drawModel(t, fmt.Sprintf("m%d", i), names)
		x.d.Models = append(x.d.Models, m)
		models = append(models, coordinatortest.FleetModel{Name: m.Name, Load: 4 * time.Second})
	}
	x.fleet = coordinatortest.NewFleet(func() time.Time { return x.now }, groups, models)
	x.judge = laws.For(x.d)
	p, err := coordinator.NewPlanner(x.d, coordinator.PlannerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	x.planner = p
	return x
}

func (x *mixed) drawModel(t *rapid.T, name string, groups []string) coordinator.Model {
	homes := rapid.Permutation(groups).Draw(t, "homes")
	m := coordinator.Model{
		Name: name, Group: homes[0], Version: "v0",
		Needs:        coordinator.Resources{"memory": rapid.Int64Range(2, 4).Draw(t, "needs")},
		Min:          rapid.IntRange(0, 2).Draw(t, "min"),
		Policy:       track,
		Dedicated:    rapid.IntRange(0, 4).Draw(t, "dedicated") == 0,
		MinReady:     rapid.IntRange(0, 1).Draw(t, "min ready"),
		Priority:     rapid.IntRange(0, 2).Draw(t, "priority"),
		Spread:       coordinator.Spread{MaxSkew: rapid.IntRange(0, 2).Draw(t, "skew"), Soft: rapid.Bool().Draw(t, "soft")},
		DrainTimeout: 5 * time.Second,
	}
	m.Max = max(1, m.Min) + rapid.IntRange(0, 3).Draw(t, "max")
	if rapid.IntRange(0, 5).Draw(t, "fixed") == 0 {
		m.Replicas, m.Min, m.Max, m.Policy = m.Max, 0, 0, nil
	}
	if rapid.Bool().Draw(t, "fallbacks") {
		m.Fallbacks = homes[1:]
	}
	if n := len(x.d.Models); n > 0 && rapid.IntRange(0, 2).Draw(t, "companion") == 0 {
		host := x.d.Models[rapid.IntRange(0, n-1).Draw(t, "host")]
		if host.With == "" {
			m.With, m.Group, m.Fallbacks = host.Name, host.Group, host.Fallbacks
			m.Dedicated, m.Spread = false, coordinator.Spread{}
			m.Needs = coordinator.Resources{"memory": 1}
			m.Min = min(m.Min, host.Min)
			m.Replicas = min(m.Replicas, host.Min)
			if host.Policy == nil && m.Policy != nil {
				m.Min = min(m.Min, host.Replicas)
			}
		}
	}
	return m
}

// happen is what goes on between two ticks: requests, losses, declarations.
func (x *mixed) happen(t *rapid.T) {
	x.now = x.now.Add(time.Duration(rapid.IntRange(1, 5).Draw(t, "seconds")) * time.Second)
	i := rapid.IntRange(0, len(x.d.Models)-1).Draw(t, "which")
	m := &x.d.Models[i]
	x.fleet.Arrive(m.Name, rapid.IntRange(0, 6).Draw(t, "requests"))
	x.fleet.Finish(x.d.Models[rapid.IntRange(0, len(x.d.Models)-1).Draw(t, "ends")].Name, rapid.IntRange(0, 8).Draw(t, "ended"))
	switch what := rapid.IntRange(0, 20).Draw(t, "event"); {
	case what < 2:
		m.Version = rapid.SampledFrom([]string{"v0", "v1", "v2"}).Draw(t, "version")
		x.redeclare(t)
	case what == 2 && m.With == "" && !slices.ContainsFunc(x.d.Models, func(c coordinator.Model) bool { return c.With == m.Name }):
		m.Group, m.Fallbacks = x.d.Groups[rapid.IntRange(0, len(x.d.Groups)-1).Draw(t, "moves")].Name, nil
		x.redeclare(t)
	case what < 6:
		w, _ := x.fleet.Observe(context.Background())
		g := w.Groups[rapid.IntRange(0, len(w.Groups)-1).Draw(t, "group")]
		if len(g.Servers) == 0 {
			return
		}
		s := g.Servers[rapid.IntRange(0, len(g.Servers)-1).Draw(t, "server")]
		switch {
		case what == 3:
			x.fleet.Leave(g.Name, s.Name)
		case what == 4 && s.Leaving:
			x.fleet.Gone(g.Name, s.Name)
		case what == 5 && len(s.Replicas) > 0:
			x.fleet.Break(g.Name, s.Name, s.Replicas[0].Model)
		}
	}
}

func (x *mixed) redeclare(t *rapid.T) {
	if err := x.planner.Update(x.d); err != nil {
		t.Fatal(err)
	}
	x.judge.Declare(x.d)
}

// tick plans, and applies action by action, each judged.
func (x *mixed) tick(t *rapid.T) coordinator.Plan {
	ctx := context.Background()
	s := coordinator.Snapshot{Now: x.now}
	s.World, _ = x.fleet.Observe(ctx)
	s.Samples, _ = x.fleet.Read(ctx, x.planner.Wants(), nil)
	plan := x.planner.Plan(s)
	text := tell(plan)
	check := func(err error) {
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	if len(plan.Faults) > 0 {
		t.Fatal(text)
	}
	check(x.judge.Plan(s, plan))
	check(x.judge.Placing(s.World, plan))
	for _, a := range plan.Now {
		w, _ := x.fleet.Observe(ctx)
		check(x.judge.Action(w, a))
		check(x.judge.Together(w, a))
		check(x.fleet.Apply(ctx, a))
		w, _ = x.fleet.Observe(ctx)
		check(x.judge.World(w))
		check(x.judge.Apart(w))
	}
	return plan
}

// Whatever is declared anew and breaks, versions are replaced, models move
// between groups, and the laws hold; then, left alone, the fleet comes to rest
// with every replica of the declared version in its model's group.
func TestPlacingLaws(t *testing.T) {
	tempted := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		x := drawMixed(t)
		for range rapid.IntRange(10, 40).Draw(t, "ticks") {
			x.happen(t)
			x.tick(t)
		}
		x.rest(t)
		for law, n := range x.judge.Tempted {
			tempted[law] += n
		}
	})
	t.Log(tempted)
	for _, law := range []string{"load", "spread", "with", "dedicated", "2 make before break", "5 capacity"} {
		if tempted[law] < 20 {
			t.Errorf("%s was tempted %d times only", law, tempted[law])
		}
	}
}

// rest waits until nothing is left to do, and looks at what stands then.
func (x *mixed) rest(t *rapid.T) {
	quiet := 0
	var plan coordinator.Plan
	for n := 0; quiet < 20; n++ {
		if n > 400 {
			t.Fatalf("not at rest:\n%s", tell(plan))
		}
		x.now = x.now.Add(3 * time.Second)
		plan = x.tick(t)
		quiet++
		if len(plan.Now) > 0 {
			quiet = 0
		}
	}
	refused := map[string]bool{}
	for _, r := range plan.Refused {
		refused[r.Class] = true
	}
	w, _ := x.fleet.Observe(context.Background())
	for _, m := range plan.Models {
		declared := x.d.Models[slices.IndexFunc(x.d.Models, func(d coordinator.Model) bool { return d.Name == m.Model })]
		if refused[m.Model] || refused[declared.With] {
			continue
		}
		n := 0
		for _, g := range w.Groups {
			for _, s := range g.Servers {
				for _, r := range s.Replicas {
					if r.Model != m.Model {
						continue
					}
					n++
					if g.Name != m.Group || r.ModelVersion != declared.Version || r.Phase != coordinator.Serving {
						t.Fatalf("%s at rest on %s in %s: %+v\n%s", m.Model, s.Name, g.Name, r, tell(plan))
					}
				}
			}
		}
		if n != m.Desired {
			t.Fatalf("%d of %s at rest, not %d\n%s", n, m.Model, m.Desired, tell(plan))
		}
	}
}

var _ policy.Config = track

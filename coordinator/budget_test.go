package coordinator_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

// wanting is a planner of models that want fixed counts, named a, b, ..., on a
// group that is empty; each can be changed before.
func wanting(t require.TestingT, wants []int, budgets []coordinator.Budget, change func(int, *coordinator.Model)) (*coordinator.Planner, coordinator.Declarations, coordinator.Snapshot) {
	d := coordinator.Declarations{
		Groups:  []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"gpus": 1 << 40, "gib": 1 << 40}, Max: 9}, {Name: "h", Capacity: coordinator.Resources{"gpus": 8}, Max: 9}},
		Budgets: budgets,
	}
	for i, n := range wants {
		m := coordinator.Model{Name: string(rune('a' + i)), Group: "g", Max: 100, Policy: always{N: n}, Needs: coordinator.Resources{"gpus": 1}}
		if change != nil {
			change(i, &m)
		}
		d.Models = append(d.Models, m)
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	return p, d, coordinator.Snapshot{Now: epoch, World: coordinator.World{Groups: []coordinator.GroupState{{Name: "g"}, {Name: "h"}}}}
}

// counts renders the desired counts of a plan and its budgets.
func counts(p coordinator.Plan) string {
	var text []string
	for _, m := range p.Models {
		text = append(text, fmt.Sprintf("%s%d", m.Model, m.Desired))
	}
	for _, b := range p.Budgets {
		text = append(text, fmt.Sprintf("%s: %d of %d", b.Budget, b.Used, b.Limit))
		if b.Wanted != b.Used {
			text = append(text, fmt.Sprintf("wanted %d, held %d", b.Wanted, b.Held))
		}
	}
	return strings.Join(text, " ")
}

func TestBudgets(t *testing.T) {
	gpus := func(n int64) []coordinator.Budget {
		return []coordinator.Budget{{Name: "B", Resource: "gpus", Limit: n}}
	}
	needs := func(gpus ...int64) func(int, *coordinator.Model) {
		return func(i int, m *coordinator.Model) { m.Needs = coordinator.Resources{"gpus": gpus[i]} }
	}
	for _, c := range []struct {
		name    string
		wants   []int
		budgets []coordinator.Budget
		change  func(int, *coordinator.Model)
		want    string
	}{
		{"enough", []int{3, 4}, gpus(7), nil, "a3 b4 B: 7 of 7"},
		{"one too many", []int{4, 4}, gpus(7), nil, "a4 b3 B: 7 of 7 wanted 8, held 0"},
		{"who wants little gets it", []int{9, 2, 9}, gpus(10), nil, "a4 b2 c4 B: 10 of 10 wanted 20, held 0"},
		{"one of each first", []int{9, 1, 9}, gpus(3), nil, "a1 b1 c1 B: 3 of 3 wanted 19, held 0"},
		{"less than one of each", []int{9, 1, 9}, gpus(2), nil, "a1 b1 c0 B: 2 of 2 wanted 19, held 0"},
		{"nothing", []int{1}, gpus(0), nil, "a0 B: 0 of 0 wanted 1, held 0"},
		{"minimums before all", []int{9, 9}, gpus(5), func(i int, m *coordinator.Model) { m.Min = 4 * i }, "a1 b4 B: 5 of 5 wanted 18, held 4"},
		{"minimums beyond the limit", []int{9, 9}, gpus(5), func(i int, m *coordinator.Model) { m.Min = 3 }, "a3 b3 B: 6 of 5 wanted 18, held 6"},
		{"a minimum is part of the share", []int{9, 9}, gpus(10), func(i int, m *coordinator.Model) { m.Min = 3 * i }, "a5 b5 B: 10 of 10 wanted 18, held 3"},
		{"priority", []int{9, 3, 9}, gpus(8), func(i int, m *coordinator.Model) { m.Priority = i - 1 }, "a1 b1 c6 B: 8 of 8 wanted 21, held 0"},
		{"one of each before priority", []int{9, 3, 9}, gpus(2), func(i int, m *coordinator.Model) { m.Priority = i - 1 }, "a0 b1 c1 B: 2 of 2 wanted 21, held 0"},
		{"weight", []int{9, 9}, gpus(9), func(i int, m *coordinator.Model) { m.Weight = 2 * i }, "a3 b6 B: 9 of 9 wanted 18, held 0"},
		{"the heavier is first", []int{9, 9}, gpus(1), func(i int, m *coordinator.Model) { m.Weight = 2 * i }, "a0 b1 B: 1 of 1 wanted 18, held 0"},
		{"what is too large leaves room", []int{9, 9}, gpus(8), needs(4, 1), "a1 b4 B: 8 of 8 wanted 45, held 0"},
		{"what needs nothing is free", []int{9, 9}, gpus(2), needs(0, 1), "a9 b2 B: 2 of 2 wanted 9, held 0"},
		{"replicas", []int{9, 9}, []coordinator.Budget{{Name: "B", Limit: 4}}, needs(5, 0), "a2 b2 B: 4 of 4 wanted 18, held 0"},
		{"only some models", []int{9, 9, 9}, []coordinator.Budget{{Name: "B", Limit: 4, Models: []string{"a", "c"}}}, nil, "a2 b9 c2 B: 4 of 4 wanted 18, held 0"},
		{"only a group", []int{9, 9}, []coordinator.Budget{{Name: "B", Limit: 4, Groups: []string{"h"}}}, func(i int, m *coordinator.Model) { m.Group = []string{"g", "h"}[i] }, "a9 b4 B: 4 of 4 wanted 9, held 0"},
		{
			"what one budget takes away is free in another",
			[]int{9, 9},
			[]coordinator.Budget{{Name: "C", Limit: 10}, {Name: "B", Limit: 2, Models: []string{"a"}}},
			nil,
			"a2 b8 B: 2 of 2 wanted 9, held 0 C: 10 of 10 wanted 18, held 0",
		},
		{
			"a budget that is enough is told as it is used",
			[]int{9, 9},
			[]coordinator.Budget{{Name: "C", Limit: 18}, {Name: "B", Limit: 2, Models: []string{"a"}}},
			nil,
			"a2 b9 B: 2 of 2 wanted 9, held 0 C: 11 of 18 wanted 18, held 0",
		},
		{"sums beyond integers", []int{100, 100}, gpus(math.MaxInt64 / 2), needs(1<<40, 1<<40), "a100 b100 B: 219902325555200 of 4611686018427387903"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, d, s := wanting(t, c.wants, c.budgets, c.change)
			plan := p.Plan(s)
			require.Equal(t, c.want, counts(plan))
			require.NoError(t, laws.For(d).Plan(s, plan))
		})
	}
}

// Where a budget cuts, more load changes nothing, and less does.
func TestBudgetWhatIfs(t *testing.T) {
	track := policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 4}
	fleet := newDemo(coordinator.Declarations{
		Groups:  []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Min: 4, Max: 4}},
		Models:  []coordinator.Model{{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 40}, Max: 4, Policy: track}},
		Budgets: []coordinator.Budget{{Name: "gpus", Limit: 2}},
	})
	fleet.Arrive("llama", 12)
	for range 4 {
		fleet.tick()
	}
	e, err := fleet.Explain("llama")
	require.NoError(t, err)
	require.Equal(t, 2, e.Desired)
	require.Len(t, e.WhatIfs, 1)
	require.Equal(t, "1 if in_flight were 4", e.WhatIfs[0].String())
}

// A cut is a step with the budget's reason and numbers.
func TestBudgetSteps(t *testing.T) {
	p, _, s := wanting(t, []int{4, 2}, []coordinator.Budget{{Name: "gpus", Resource: "gpus", Limit: 5}}, func(i int, m *coordinator.Model) {
		m.Needs = coordinator.Resources{"gpus": 2}
	})
	require.Equal(t, policy.Reason("budget gpus"), coordinator.BudgetReason("gpus"))
	plan := p.Plan(s)
	require.Equal(t, "1: always 0->4; budget gpus 4->1", plan.Models[0].Decision.String())
	step := plan.Models[0].Decision.Steps[1]
	require.Equal(t, []float64{12, 5}, []float64{step.Have, step.Limit})
	e, err := p.Explain("a")
	require.NoError(t, err)
	require.Equal(t, []coordinator.BudgetPlan{{Budget: "gpus", Resource: "gpus", Limit: 5, Wanted: 12, Used: 4}}, e.Budgets)
	require.Equal(t, []string{"1: always 0->4; budget gpus 4->1"}, texts(e.History))
	require.NoError(t, p.Update(coordinator.Declarations{Groups: p.Declarations().Groups, Models: p.Declarations().Models}))
	e, err = p.Explain("a")
	require.NoError(t, err)
	require.Empty(t, e.Budgets, "nobody declares it any more")
}

// What is held is never lowered; the others' share shrinks instead.
func TestBudgetHolds(t *testing.T) {
	silent := policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 1}
	for _, c := range []struct {
		name   string
		change func(*coordinator.Declarations)
		before func(*coordinator.Planner, *coordinator.Snapshot)
		want   string
	}{
		{"nothing", nil, nil, "a3 b3 B: 6 of 6 wanted 10, held 0"},
		{"silence", func(d *coordinator.Declarations) { d.Models[0].Policy = silent }, nil, "a5 b1 B: 6 of 6 wanted 10, held 5"},
		{"frozen", nil, func(p *coordinator.Planner, s *coordinator.Snapshot) {
			_ = p.Freeze(coordinator.TargetID{Name: "a"}, s.Now.Add(time.Minute))
		}, "a5 b1 B: 6 of 6 wanted 10, held 5"},
		{"thawed", nil, func(p *coordinator.Planner, s *coordinator.Snapshot) {
			_ = p.Freeze(coordinator.TargetID{Name: "a"}, s.Now)
		}, "a3 b3 B: 6 of 6 wanted 10, held 0"},
		{"unseen", nil, func(_ *coordinator.Planner, s *coordinator.Snapshot) {
			s.World.Unseen, s.World.Groups = []string{"g"}, s.World.Groups[1:]
		}, "a5 b5 B: 10 of 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, d, s := wanting(t, []int{5, 5}, nil, nil)
			require.Equal(t, "a5 b5", counts(p.Plan(s)))
			d.Budgets = []coordinator.Budget{{Name: "B", Resource: "gpus", Limit: 6}}
			if c.change != nil {
				c.change(&d)
			}
			require.NoError(t, p.Update(d))
			s.Now = s.Now.Add(time.Second)
			if c.before != nil {
				c.before(p, &s)
			}
			require.Equal(t, c.want, counts(p.Plan(s)))
		})
	}
	// At first sight three replicas are loaded of each.
	p, _, s := wanting(t, []int{9, 9}, []coordinator.Budget{{Name: "B", Resource: "gpus", Limit: 5}}, nil)
	for _, name := range []string{"1", "2", "3"} {
		s.World.Groups[0].Servers = append(s.World.Groups[0].Servers, coordinator.ServerState{Name: name, Phase: coordinator.Up, Replicas: []coordinator.ReplicaState{{Model: "a", Phase: coordinator.Serving}, {Model: "b"}}})
	}
	s.World.Groups[0].Desired = 3
	require.Equal(t, "a3 b3 B: 6 of 5 wanted 18, held 6", counts(p.Plan(s)))
	s.Now = s.Now.Add(time.Second)
	require.Equal(t, "a3 b2 B: 5 of 5 wanted 18, held 0", counts(p.Plan(s)))
}

func TestBudgetFaults(t *testing.T) {
	_, d, _ := wanting(t, []int{1}, nil, nil)
	d.Models[0].Weight = 1001
	d.Budgets = []coordinator.Budget{
		{Limit: -1, Resource: "gold"},
		{Name: "b", Limit: math.MaxInt64, Models: []string{"a", "x"}, Groups: []string{"g", "y"}},
		{Name: "b"},
	}
	require.EqualError(t, d.Validate(), `Models[0].Weight: must be in [0, 1000], is 1001
Budgets[0].Name: must not be empty
Budgets[0].Resource: no group has a resource "gold"
Budgets[0].Limit: must be >= 0, is -1
Budgets[1].Limit: must be <= 4611686018427387903, is 9223372036854775807
Budgets[1].Models[1]: no model is named "x"
Budgets[1].Groups[1]: no group is named "y"
Budgets[2].Name: "b" stands twice`)
	_, d, _ = wanting(t, []int{1, 1}, []coordinator.Budget{{Name: "b", Limit: 3}, {Name: "c", Limit: 4}}, func(_ int, m *coordinator.Model) { m.Min, m.Max = 2, 9 })
	require.Equal(t, []string{"Budgets[0].Limit: 3 is less than the 4 that the minimums of its models take; raise it, or lower minimums"}, texts(coordinator.Lint(d, 0)))
}

// slowShare shares out budgets one replica at a time, as Budget says.
func slowShare(d coordinator.Declarations, floors, wants []int) []int {
	got := slices.Clone(floors)
	need := func(b coordinator.Budget, m coordinator.Model) int64 {
		switch {
		case len(b.Models)+len(b.Groups) > 0 && !slices.Contains(b.Models, m.Name) && !slices.Contains(b.Groups, m.Group):
			return 0
		case b.Resource == "":
			return 1
		}
		return m.Needs[b.Resource]
	}
	fits := func(i int) bool {
		for _, b := range d.Budgets {
			used := need(b, d.Models[i])
			if used == 0 {
				continue
			}
			for j, m := range d.Models {
				used += need(b, m) * int64(got[j])
			}
			if used > b.Limit {
				return false
			}
		}
		return true
	}
	weight := func(i int) int { return max(1, d.Models[i].Weight) }
	// before reports whether i gets its next replica before j does.
	before := func(i, j int) int {
		return cmp.Or(
			-cmp.Compare(d.Models[i].Priority, d.Models[j].Priority),
			cmp.Compare((got[i]+1)*weight(j), (got[j]+1)*weight(i)),
			cmp.Compare(d.Models[i].Name, d.Models[j].Name))
	}
	for _, least := range []int{1, math.MaxInt} { // one of each, then the rest
		for {
			next := -1
			for i := range got {
				if got[i] < min(least, wants[i]) && fits(i) && (next < 0 || before(i, next) < 0) {
					next = i
				}
			}
			if next < 0 {
				break
			}
			got[next]++
		}
	}
	return got
}

// Any budgets are shared out as one replica at a time would be.
func TestBudgetsLikeTheSlowModel(t *testing.T) {
	cuts, kept := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		budgets := make([]coordinator.Budget, rapid.IntRange(1, 3).Draw(t, "budgets"))
		n := rapid.IntRange(1, 7).Draw(t, "models")
		for i := range budgets {
			budgets[i] = coordinator.Budget{
				Name: fmt.Sprint(i), Resource: rapid.SampledFrom([]string{"", "gpus", "gib"}).Draw(t, "resource"), Limit: rapid.Int64Range(0, 60).Draw(t, "limit"),
			}
			if rapid.Bool().Draw(t, "some") {
				for m := range n {
					if rapid.Bool().Draw(t, "covered") {
						budgets[i].Models = append(budgets[i].Models, string(rune('a'+m)))
					}
				}
			}
		}
		wants, floors := make([]int, n), make([]int, n)
		for i := range wants {
			wants[i] = rapid.IntRange(0, 15).Draw(t, "want")
		}
		p, d, s := wanting(t, wants, budgets, func(i int, m *coordinator.Model) {
			m.Min = rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(t, "min")
			m.Priority = rapid.IntRange(-1, 1).Draw(t, "priority")
			m.Weight = rapid.SampledFrom([]int{0, 0, 1, 2, 3, 7, 1000}).Draw(t, "weight")
			m.Needs = coordinator.Resources{"gpus": rapid.Int64Range(0, 5).Draw(t, "gpus"), "gib": rapid.Int64Range(0, 9).Draw(t, "gib")}
			floors[i] = m.Min
			wants[i] = max(wants[i], m.Min)
		})
		plan := p.Plan(s)
		if err := laws.For(d).Plan(s, plan); err != nil {
			t.Fatal(err)
		}
		want := slowShare(d, floors, wants)
		for i, m := range plan.Models {
			if m.Desired != want[i] {
				t.Fatalf("%s gets %d, one at a time %v; %s\n%+v", m.Model, m.Desired, want, counts(plan), d.Models)
			}
			if m.Desired < wants[i] {
				cuts++
			} else {
				kept++
			}
		}
	})
	if cuts < 50 || kept < 50 {
		t.Errorf("%d cuts, %d not cut", cuts, kept)
	}
}

// Huge counts and needs are shared out at once, without overflow.
func TestBudgetsOfHugeCounts(t *testing.T) {
	wants := make([]int, 20)
	p, d, s := wanting(t, wants, []coordinator.Budget{{Name: "B", Resource: "gpus", Limit: math.MaxInt64 / 2}, {Name: "C", Limit: 1_000_003}}, func(i int, m *coordinator.Model) {
		m.Max, m.Policy = 1_000_000, always{N: 1_000_000}
		m.Needs = coordinator.Resources{"gpus": 1 << (2 * i)}
		m.Weight = 1 + i*50
	})
	plan := p.Plan(s)
	require.NoError(t, laws.For(d).Plan(s, plan))
	require.Equal(t, int64(1_000_003), plan.Budgets[1].Used)
}

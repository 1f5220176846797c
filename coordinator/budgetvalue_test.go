package coordinator_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// worthy wants as many replicas as it knows the worth of: of none, of one, and so on.
type worthy struct{ Worth []float64 }

func (worthy) Validate() error                    { return nil }
func (worthy) Needs() policy.Needs                { return policy.Needs{} }
func (c worthy) New(time.Time, int) policy.Policy { return c }
func (c worthy) Value(_ policy.Observation, n int) float64 {
	return c.Worth[min(n, len(c.Worth)-1)]
}

func (c worthy) Decide(o policy.Observation) policy.Decision {
	if n := len(c.Worth) - 1; n != o.Desired {
		return o.Propose("worthy", n)
	}
	return o.Hold("worthy")
}

func TestBudgetByValue(t *testing.T) {
	by := []coordinator.Budget{{Name: "B", Limit: 5, Share: coordinator.ByValue}}
	worth := func(list ...[]float64) func(int, *coordinator.Model) {
		return func(i int, m *coordinator.Model) {
			if list[i] != nil {
				m.Policy = worthy{list[i]}
			}
		}
	}
	nan := []float64{0, math.NaN(), math.NaN(), math.NaN(), math.NaN()}
	for _, c := range []struct {
		name   string
		wants  []int
		change func(int, *coordinator.Model)
		want   string
	}{
		{"what is wanted is reached sooner by the smaller", []int{2, 8}, nil, "a2 b3 B: 5 of 5 wanted 10, held 0"},
		{"the next goes where it is worth most", []int{0, 0}, worth([]float64{0, 0.5, 0.55, 0.6, 0.65}, []float64{0, 0.4, 0.7, 0.9, 1}), "a1 b4 B: 5 of 5 wanted 8, held 0"},
		{"each has one first", []int{0, 0}, worth([]float64{0, 0, 0}, []float64{0, 0.3, 0.6, 0.7, 0.8, 0.9}), "a1 b4 B: 5 of 5 wanted 7, held 0"},
		{"priority comes before value", []int{0, 0}, func(i int, m *coordinator.Model) {
			m.Priority = 1 - i
			worth([]float64{0, 0.1, 0.2, 0.3, 0.4}, []float64{0, 0.5, 1, 1})(i, m)
		}, "a4 b1 B: 5 of 5 wanted 7, held 0"},
		{"weight multiplies value", []int{0, 0}, func(i int, m *coordinator.Model) {
			m.Weight = 4 - 3*i
			worth([]float64{0, 0.1, 0.2, 0.3, 0.4}, []float64{0, 0.3, 0.6, 0.9})(i, m)
		}, "a4 b1 B: 5 of 5 wanted 7, held 0"},
		{"a worth that is none is the share of what is wanted", []int{0, 8}, worth(nan, nil), "a4 b1 B: 5 of 5 wanted 12, held 0"},
		{"what is worth nothing more is shared evenly", []int{0, 0}, worth([]float64{1, 1, 1, 1, 1}, []float64{1, 1, 1, 1, 1}), "a3 b2 B: 5 of 5 wanted 8, held 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _, s := wanting(t, c.wants, by, c.change)
			require.Equal(t, c.want, counts(p.Plan(s)))
		})
	}
}

// What it has counts more than what it would get: values that change a little
// change nothing.
func TestBudgetByValueKeeps(t *testing.T) {
	declare := func(a, b float64) func(int, *coordinator.Model) {
		return func(i int, m *coordinator.Model) {
			if m.Policy = (worthy{[]float64{0, 0.3, 0.3 + a}}); i > 0 {
				m.Policy = worthy{[]float64{0, 0.3, 0.3 + b}}
			}
		}
	}
	by := []coordinator.Budget{{Name: "B", Limit: 3, Share: coordinator.ByValue}}
	p, d, s := wanting(t, []int{0, 0}, by, declare(0.2, 0.1))
	for _, c := range []struct {
		a, b float64
		want string
	}{
		{0.2, 0.1, "a2 b1 B: 3 of 3 wanted 4, held 0"},
		{0.2, 0.23, "a2 b1 B: 3 of 3 wanted 4, held 0"},
		{0.2, 0.25, "a1 b2 B: 3 of 3 wanted 4, held 0"},
		{0.2, 0.17, "a1 b2 B: 3 of 3 wanted 4, held 0"},
	} {
		for i := range d.Models {
			declare(c.a, c.b)(i, &d.Models[i])
		}
		require.NoError(t, p.Update(d))
		s.Now = s.Now.Add(time.Second)
		s.World.Groups[0].Desired = 0
		p.Plan(s) // a new policy is held for a plan
		s.Now = s.Now.Add(time.Second)
		require.Equal(t, c.want, counts(p.Plan(s)))
	}
}

// The sum of weighted values is the greatest that any way to share reaches.
func TestBudgetByValueIsBest(t *testing.T) {
	cut := 0
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "models")
		models := make([]worthy, n)
		weights := make([]int, n)
		wanted := 0
		for i := range models {
			step, v := 0.3, 0.0
			models[i].Worth = []float64{0}
			for range rapid.IntRange(1, 5).Draw(t, "wants") {
				step = rapid.Float64Range(0, step).Draw(t, "step")
				v = min(1, v+step)
				models[i].Worth = append(models[i].Worth, v)
			}
			weights[i] = rapid.IntRange(1, 3).Draw(t, "weight")
			wanted += len(models[i].Worth) - 1
		}
		limit := rapid.IntRange(n, 12).Draw(t, "limit")
		p, _, s := wanting(t, make([]int, n), []coordinator.Budget{{Name: "B", Limit: int64(limit), Share: coordinator.ByValue}}, func(i int, m *coordinator.Model) {
			m.Policy, m.Weight = models[i], weights[i]
		})
		plan := p.Plan(s)
		got, used := 0.0, 0
		for i, m := range plan.Models {
			got += float64(weights[i]) * models[i].Worth[m.Desired]
			used += m.Desired
		}
		if used != min(limit, wanted) {
			t.Fatalf("%d of %d used, %d wanted", used, limit, wanted)
		}
		if wanted > limit {
			cut++
		}
		// Every way that gives each model one: the slow and obvious model.
		best := 0.0
		var try func(i, left int, sum float64)
		try = func(i, left int, sum float64) {
			if i == n {
				best = max(best, sum)
				return
			}
			for k := 1; k < len(models[i].Worth) && k <= left; k++ {
				try(i+1, left-k, sum+float64(weights[i])*models[i].Worth[k])
			}
		}
		try(0, limit, 0)
		if math.Abs(best-got) > 1e-9 {
			t.Fatalf("%s: worth %v, the best is %v", counts(plan), got, best)
		}
	})
	if cut < 20 {
		t.Errorf("cut %d times only", cut)
	}
}

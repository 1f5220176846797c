package packingtest_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

func TestPlantedFillingIsRight(t *testing.T) {
	for _, bins := range []int{1, 2, 6, 7, 50, 200} {
		for seed := range uint64(10) {
			p, a := packingtest.Planted(rand.New(rand.NewPCG(seed, 1)), bins)
			require.NoError(t, p.Validate())
			require.NoError(t, packingtest.CheckStays(p, a))
			require.Equal(t, bins, a.Used)
		}
	}
}

// Every kind of trouble must be common among random problems, and whatever
// churn makes of them must be valid.
func TestRandomHasSomethingOfEverything(t *testing.T) {
	const rounds = 2000
	seen := map[string]int{}
	count := func(what string, is bool) {
		if is {
			seen[what]++
		} else {
			seen[what] += 0
		}
	}
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 2))
		p := packingtest.Random(r)
		require.NoError(t, p.Validate())
		for range 4 {
			before := clone(p)
			next := packingtest.Churn(r, p)
			require.Equal(t, before, *p, "the problem was changed")
			require.NoError(t, next.Validate())
			p = next
		}
		has := map[string]bool{}
		for _, b := range p.Bins {
			has[b.State.String()] = true
			has["overcommit"] = has["overcommit"] || b.Virtual != nil
		}
		for _, c := range p.Classes {
			has["surplus"] = has["surplus"] || len(c.At) > c.Count
			has["missing"] = has["missing"] || len(c.At) < c.Count
			has["spread"] = has["spread"] || c.Spread.MaxSkew > 0
			has["gone"] = has["gone"] || c.Count == 0
		}
		for _, what := range []string{"open", "closed", "draining", "overcommit", "surplus", "missing", "spread", "gone"} {
			count(what, has[what])
		}
	}
	for what, n := range seen {
		require.Greater(t, n, rounds/20, what)
	}
}

func clone(p *packing.Problem) packing.Problem {
	c := *p
	c.Bins = slices.Clone(p.Bins)
	c.Classes = slices.Clone(p.Classes)
	for i := range c.Classes {
		c.Classes[i].At = slices.Clone(c.Classes[i].At)
		c.Classes[i].Size = slices.Clone(c.Classes[i].Size)
	}
	return c
}

func TestNextKeepsWhatAnAssignmentSays(t *testing.T) {
	next := packingtest.Next(question(), answer())
	require.NoError(t, next.Validate())
	require.Len(t, next.Bins, 5)
	require.Equal(t, "a", next.Bins[4].Zone)
	require.Equal(t, 0, next.Templates[0].Max)
	require.Equal(t, 1, question().Templates[0].Max)
	for i, c := range next.Classes {
		require.True(t, reflect.DeepEqual(answer().Bins[i], c.At), c.Name)
	}
}

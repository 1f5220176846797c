package packingtest

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The cut loses what the best of all choices, tried one by one, loses.
func TestCutAgainstAllChoices(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 8))
		costs := make([]int64, 1+r.IntN(5))
		for i := range costs {
			costs[i] = 1 + r.Int64N(9)
		}
		c := closure{}
		all := int64(0)
		for range r.IntN(6) {
			gain := 1 + r.Int64N(9)
			all += gain
			var wants []int
			for name := range costs {
				if r.IntN(2) == 0 {
					wants = append(wants, name)
				}
			}
			c.gains, c.wants = append(c.gains, gain), append(c.wants, wants)
		}
		least := all
		for set := range 1 << len(c.gains) {
			loss, paid := int64(0), map[int]bool{}
			for g, gain := range c.gains {
				if set>>g&1 == 0 {
					loss += gain
					continue
				}
				for _, name := range c.wants[g] {
					paid[name] = true
				}
			}
			for name := range paid {
				loss += costs[name]
			}
			least = min(least, loss)
		}
		require.Equal(t, least, c.cut(func(name int) int64 { return costs[name] }), "seed %d: %+v at %v", seed, c, costs)
	}
}

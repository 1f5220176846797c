package envelope

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The sums of fractions stay those of what they are about.
func TestSumsDoNotDrift(t *testing.T) {
	e := New([]int64{1, 7, 60}, 2, 100)
	for s := range int64(20_000) {
		require.True(t, e.Add(s, float64(s%13)*1e6/7))
	}
	for s := int64(20_000); s < 20_200; s++ {
		require.True(t, e.Add(s, 0))
	}
	for _, sum := range e.sums {
		require.InDelta(t, 0, sum, 1e-9)
	}
}

// A silence longer than anything is kept of leaves what one step a second does.
func TestSilence(t *testing.T) {
	leap, walk := New([]int64{2, 5}, 1, 7), New([]int64{2, 5}, 1, 7)
	for _, e := range []*Envelope{leap, walk} {
		e.Add(3, 10)
		e.Add(4, 20)
	}
	leap.Close(1000)
	for s := int64(5); s <= 1000; s++ {
		walk.Close(s)
	}
	walk.stale = leap.stale
	require.Equal(t, walk, leap)
	v, ok := leap.Quantile(0, 2000, 1)
	require.True(t, ok)
	require.Zero(t, v)
}

package policy

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/internal/histogram"
)

// What comes exceeds a forecast with its margin as often as it says, whatever the
// stream, once it has scored itself.
func TestForecastCoversWhatItSays(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for name, rate := range map[string]func(t float64) float64{
		"constant": func(float64) float64 { return 5 },
		"sparse":   func(float64) float64 { return 0.05 },
		"daily":    func(t float64) float64 { return 20 + 15*math.Sin(t/7000) },
		"noisy":    func(float64) float64 { return 4 * random.ExpFloat64() },
	} {
		for _, q := range []float64{0.5, 0.9, 0.97} {
			h := newHolt(10)
			const lead = 40
			upper := map[int64]float64{} // by bin
			within, scored := 0, 0
			level := 0.0
			count := int64(0)
			for s := range int64(60_000) {
				if s%10 == 0 {
					level = rate(float64(s))
					count = 0
				}
				n := poisson(random, level)
				h.second(s, float64(n), lead)
				count += n
				if s%10 == 0 {
					f := h.rate(h.steps(lead)) // made as bin s/10-1 closed, for four on
					if m, ok := h.margin(q); ok && s > 10_000 {
						upper[s/10-1+h.steps(lead)] = max(0, m*(10*f+1)-1) / 10
					}
				}
				if u, ok := upper[s/10]; ok && s%10 == 9 {
					scored++
					if float64(count)/10 <= u {
						within++
					}
				}
			}
			require.Greater(t, scored, 4000)
			share := float64(within) / float64(scored)
			require.Greater(t, share, q-0.03, "%s: %v of a %v-quantile", name, share, q)
			if name != "sparse" { // whose counts are few whole numbers
				require.Less(t, share, q+0.04, "%s: %v of a %v-quantile", name, share, q)
			}
		}
	}
}

// A forecast is scored against the bin that it was made for: a stream that jumps
// surprises those that were made before, four bins ahead, and no other so much.
func TestHoltScoresAtItsLead(t *testing.T) {
	h := newHolt(10)
	for s := range int64(1000) {
		h.second(s, 5, 40)
	}
	for s := int64(1000); s < 1100; s++ {
		h.second(s, 50, 40)
	}
	surprised := 0
	for _, b := range h.Ratios.ring[:h.Ratios.n] {
		if histogram.Value(int(b)) > 9 {
			surprised++
		}
	}
	require.Equal(t, 4, surprised)
}

func TestHoltForgetsWhatNobodySaw(t *testing.T) {
	h := newHolt(10)
	for s := range int64(1000) {
		h.second(s, 5, 30)
	}
	require.InDelta(t, 5, h.rate(3), 1e-9)
	m, ok := h.margin(0.9)
	require.True(t, ok)
	require.InDelta(t, 1, m, 0.011)
	scored := h.Ratios.n
	h.second(1_000_000, 500, 30) // much later
	require.InDelta(t, 5, h.rate(3), 1e-9, "silence is no traffic, nor its absence")
	for s := int64(1_000_001); s < 1_000_021; s++ {
		h.second(s, 500, 30)
	}
	require.Equal(t, scored+1, h.Ratios.n, "nothing was forecast for that time")
	require.Greater(t, h.rate(1), 100.0)
	require.Greater(t, h.rate(9), h.rate(1), "it rises")
	require.Equal(t, h.valid(), error(nil))
}

// What comes by chance is no error of a forecast, and what was missed while there
// was little is not taken for a share of much.
func TestForecastMargin(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	h := newHolt(10)
	// mean is that of the upper ends beyond chance over forecasts, of some seconds.
	mean := func(from, to int64, rate func(s int64) float64) float64 {
		upper, forecast := 0.0, 0.0
		for s := from; s < to; s++ {
			h.second(s, float64(poisson(random, rate(s))), 40)
			f, _ := h.ahead(40)
			upper, forecast = upper+h.above(f, 0.9, 1), forecast+f
		}
		return upper / forecast
	}
	for _, rate := range []float64{0.02, 0.3, 5, 100} {
		h = newHolt(10)
		require.Less(t, mean(0, 8000, func(int64) float64 { return rate }), 1.2, "%v a second", rate)
	}
	h = newHolt(10)
	mean(0, 3000, func(int64) float64 { return 0.02 })
	require.Greater(t, mean(3000, 3600, func(s int64) float64 { return 0.3 * float64(s-3000) }), 1.01, "it is behind")
	require.Less(t, mean(3600, 4800, func(int64) float64 { return 180 }), 1.1)
	// It is more than chance when bins have nothing in common.
	h = newHolt(10)
	level := 0.0
	require.Greater(t, mean(0, 8000, func(s int64) float64 {
		if s%10 == 0 {
			level = 20 * random.ExpFloat64()
		}
		return level
	}), 1.5)
}

// A bin of which half is known counts, one of which less is known does not.
func TestHoltOfBinsPartlyKnown(t *testing.T) {
	for known, want := range map[int64]int64{4: 0, 5: 1, 10: 1} {
		h := newHolt(10)
		for s := range known {
			h.second(s, 1, 30)
		}
		h.second(10, 1, 30)
		require.Equal(t, want, h.Bins, "%d seconds known", known)
	}
}

// A stream of one a second jumps when ten come; one request is no jump, nor are as
// many as chance brings.
func TestJumped(t *testing.T) {
	a := newArrivals(120)
	for range 100 {
		a.add(1)
	}
	_, is := jumped(&a, 1, 0.1)
	require.False(t, is)
	for range 5 {
		a.add(10)
	}
	r, is := jumped(&a, 1, 0.1)
	require.True(t, is)
	require.InDelta(t, 10, r, 1e-9)
	r, is = jumped(&a, 1, 5) // of long services more seconds are asked for
	require.True(t, is)
	require.InDelta(t, 5.5, r, 1e-9)
	quiet := newArrivals(120)
	for range 100 {
		quiet.add(0)
	}
	quiet.add(1)
	_, is = jumped(&quiet, 0, 20)
	require.False(t, is)

	random := rand.New(rand.NewPCG(5, 6))
	false_ := 0
	steady := newArrivals(120)
	for range 20_000 {
		steady.add(poisson(random, 2))
		if _, is := jumped(&steady, 2, 0.1); is {
			false_++
		}
	}
	require.Less(t, false_, 40, "chance is no jump")
}

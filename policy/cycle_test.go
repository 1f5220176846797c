package policy

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// live leads a cycle through so many hours of a stream that has a rate each
// second, and returns the share of the minutes of the last hours in which it was
// believed, and by how much its forecasts were off then, in proportion.
func live(c *cycle, hours, last int64, lead int64, rate func(s int64) float64, random *rand.Rand) (believed, off float64) {
	minutes, scored := 0.0, 0.0
	wanted := map[int64]float64{}
	for s := range hours * 3600 {
		c.second(s, float64(poisson(random, rate(s))), lead)
		if s%60 != 30 || s < (hours-last)*3600 {
			continue
		}
		minutes++
		if x, _, ok := c.season(lead); ok {
			believed++
			wanted[s/60+lead/60] = x
		}
		if x, ok := wanted[s/60]; ok {
			off += math.Abs(x/rate(s) - 1)
			scored++
		}
	}
	return believed / minutes, off / max(scored, 1)
}

// A stream that repeats itself every two hours, in a way that smoothing does not
// foresee, is believed to; its forecasts are near what comes.
func TestCycleFindsItsPeriod(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	steps := make([]float64, 24) // of five minutes
	for i := range steps {
		steps[i] = 2 + 30*random.Float64()
	}
	c := newCycle([]int64{60, 120, 24 * 60})
	believed, off := live(&c, 20, 6, 120, func(s int64) float64 { return steps[s/300%24] }, random)
	require.Greater(t, believed, 0.95)
	require.Less(t, off, 0.6, "it may be the higher one of two steps")
	_, period, _ := c.season(120)
	require.EqualValues(t, 120, period)
	require.False(t, c.Periods[0].Earns, "an hour is no period of it")

	// Memory moves with it.
	back := again(t, &c)
	x, _, _ := c.season(120)
	y, _, ok := back.season(120)
	require.True(t, ok)
	require.Equal(t, x, y)
	require.NoError(t, back.fits(&c))
	other := newCycle([]int64{60, 120})
	require.Error(t, back.fits(&other))
}

// What does not repeat itself is not believed to, whatever it is like; nor is what
// smoothing foresees as well.
func TestCycleOfNoise(t *testing.T) {
	for name, make := range map[string]func(random *rand.Rand) func(s int64) float64{
		"constant": func(*rand.Rand) func(int64) float64 { return func(int64) float64 { return 5 } },
		"steps": func(random *rand.Rand) func(int64) float64 {
			level, at := 0.0, int64(-1)
			return func(s int64) float64 {
				if s/300 != at {
					at, level = s/300, 2+30*random.Float64()
				}
				return level
			}
		},
		"wander": func(random *rand.Rand) func(int64) float64 {
			level := 2.0
			return func(s int64) float64 {
				level += 0.02 * random.NormFloat64()
				return math.Exp(min(max(level, 0), 4))
			}
		},
	} {
		random := rand.New(rand.NewPCG(2, 2))
		c := newCycle([]int64{60, 120})
		believed, _ := live(&c, 30, 24, 120, make(random), random)
		require.Less(t, believed, 0.1, name)
	}
}

// A period that ends is believed no more.
func TestCycleThatEnds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	steps := make([]float64, 24)
	for i := range steps {
		steps[i] = 2 + 30*random.Float64()
	}
	c := newCycle([]int64{120})
	level, at := 0.0, int64(-1)
	rate := func(s int64) float64 {
		if s < 12*3600 {
			return steps[s/300%24]
		}
		if s/300 != at {
			at, level = s/300, 2+30*random.Float64()
		}
		return level
	}
	believed, _ := live(&c, 24, 4, 120, rate, random)
	require.Zero(t, believed)
	require.False(t, c.Periods[0].Earns)
}

// A gain is believed when it is clear of its noise.
func TestEarning(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 4))
	for _, c := range []struct {
		mean, noise float64
		earns       bool
	}{{0.1, 0.1, true}, {0.02, 0.5, false}, {-0.1, 0.1, false}} {
		e := earning{Period: 120}
		for range 300 {
			gain := c.mean + c.noise*random.NormFloat64()
			off := 10 * math.Exp(math.Abs(gain))
			if gain > 0 {
				e.score(10, 10, off)
			} else {
				e.score(10, off, 10)
			}
		}
		require.Equal(t, c.earns, e.Earns, "%+v: %+v", c, e)
	}
}

// What came a period ago is scaled by how now compares with then, within bounds.
func TestThenIsScaled(t *testing.T) {
	for now, want := range map[float64]float64{10: 20, 11: 22, 8: 16, 100: 26, 0: 6} {
		c := newCycle([]int64{60})
		for s := range int64(3600 + 1860) {
			rate := 10.0
			switch {
			case s/60 == 33: // of the first hour: what is to be foretold
				rate = 20
			case s >= 3600+1860-cycleQuarter*60:
				rate = now
			}
			c.second(s, rate, 60)
		}
		c.second(3600+1860, now, 60)
		got, ok := c.then(60, c.Open+1, c.Open+3)
		require.True(t, ok)
		require.InEpsilon(t, want, got, 0.03, "now %v", now)
	}
}

// A target that times itself: bursts half an hour apart, give or take a few
// minutes. Once they are known the next one is due before it comes, and not all
// the time.
func TestGapsOfARenewalProcess(t *testing.T) {
	for _, c := range []struct {
		name            string
		gap             func(random *rand.Rand) float64 // seconds
		foreseen, least float64
		due             float64 // share of all seconds, at most
	}{
		{"alike", func(r *rand.Rand) float64 { return 1860 + 120*min(max(r.NormFloat64(), -2), 2) }, 1, 0.85, 0.4},
		{"random", func(r *rand.Rand) float64 { return 400 + 1500*r.ExpFloat64() }, 0.2, 0, 0.1},
	} {
		random := rand.New(rand.NewPCG(3, 3))
		g := newGaps()
		const lead = 35
		begin, end := 2000.0, 2180.0
		bursts, foreseen, due := 0.0, 0.0, 0.0
		const seconds, from = 200_000, 60_000
		ordered := make([]bool, seconds)
		for s := range int64(seconds) {
			rate := 0.02
			if float64(s) >= begin {
				rate = 14
			}
			if float64(s) >= end {
				begin += c.gap(random)
				end = begin + 180
			}
			g.second(s, float64(poisson(random, rate)))
			if s == 100_000 {
				g = *again(t, &g)
				require.NoError(t, g.valid())
			}
			if rate, is := g.due(s+1, lead); is {
				ordered[s] = true
				require.Greater(t, rate, 11.0)
				if s > from {
					due++
				}
			}
			if float64(s) == math.Ceil(begin) && s > from {
				bursts++
				if ordered[s-lead] {
					foreseen++
				}
			}
		}
		require.Greater(t, bursts, 50.0)
		require.LessOrEqual(t, foreseen/bursts, c.foreseen, c.name)
		require.GreaterOrEqual(t, foreseen/bursts, c.least, c.name)
		require.LessOrEqual(t, due/(seconds-from), c.due, c.name)
	}
}

// A gap in which seconds were not known is no gap that counts.
func TestGapsThatNobodySaw(t *testing.T) {
	g := newGaps()
	for s := range int64(40_000) {
		if s%2000 >= 1500 && s%2000 < 1600 && s > 20_000 {
			continue
		}
		n := 0.0
		if s%2000 < 100 && s > 1000 {
			n = 10
		}
		g.second(s, n)
	}
	require.Len(t, g.Gaps, 9)
}

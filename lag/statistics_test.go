package lag_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/lag"
)

const bucketError = 0.02/2.02 + 1e-12

var notCounts = []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// near reports whether a and b agree within tolerance, relative to scale.
func near(a, b, scale float64) bool { return math.Abs(a-b) <= 1e-9*max(1, scale) }

// A draw is a sample of a slow model, at a whole millisecond.
type draw struct {
	ms int
	v  float64
}

// grid is the geometry that a ring and its slow model share.
type grid struct{ base, grain, n int } // milliseconds

func drawGrid(t *rapid.T) grid {
	return grid{
		base:  rapid.SampledFrom([]int{-100_000, 0, 1_700_000_123}).Draw(t, "base_ms"),
		grain: rapid.SampledFrom([]int{1, 250, 1000}).Draw(t, "grain_ms"),
		n:     rapid.IntRange(1, 16).Draw(t, "grains"),
	}
}

func (g grid) span() time.Duration    { return time.Duration(g.n) * g.each() }
func (g grid) each() time.Duration    { return time.Duration(g.grain) * time.Millisecond }
func (g grid) floor(ms int) int       { return int(math.Floor(float64(ms) / float64(g.grain))) }
func instant(ms int) time.Time        { return time.UnixMilli(int64(ms)) }
func (g grid) instant(t *rapid.T) int { return g.base + rapid.IntRange(0, 30*g.grain).Draw(t, "ms") }

func (g grid) question(t *rapid.T) int {
	return g.base + rapid.IntRange(-5*g.grain, 50*g.grain).Draw(t, "ask")
}

// feed adds drawn samples and returns those that are kept after all, checking
// that exactly the others are refused.
func (g grid) feed(t *rapid.T, v *rapid.Generator[float64], add func(time.Time, float64) bool) (kept []draw, newest int) {
	newest = math.MinInt
	for range rapid.IntRange(0, 40).Draw(t, "samples") {
		d := draw{g.instant(t), v.Draw(t, "v")}
		fresh := newest == math.MinInt || g.floor(d.ms) > newest-g.n
		if got := add(instant(d.ms), d.v); got != fresh {
			t.Fatalf("Add at %d ms: %v, want %v", d.ms, got, fresh)
		}
		if fresh {
			newest = max(newest, g.floor(d.ms))
			kept = append(kept, d)
		}
	}
	return slices.DeleteFunc(kept, func(d draw) bool { return g.floor(d.ms) <= newest-g.n }), newest
}

// asOf returns the samples in slots that begin in (ask-span, ask].
func (g grid) asOf(kept []draw, ask int) (in []draw) {
	for _, d := range kept {
		if i := g.floor(d.ms); i <= g.floor(ask) && i > g.floor(ask)-g.n {
			in = append(in, d)
		}
	}
	return in
}

func TestConstructorsRefuse(t *testing.T) {
	for _, c := range []struct{ span, grain time.Duration }{
		{time.Second, 0},
		{time.Second, -1},
		{0, time.Second},
		{-time.Second, time.Second},
		{1500 * time.Millisecond, time.Second},
		{math.MaxInt64, 1},
	} {
		_, err := lag.NewQuantileWindow(c.span, c.grain)
		require.ErrorContains(t, err, "quantile window", "%v", c)
		_, err = lag.NewTrend(c.span, c.grain)
		require.ErrorContains(t, err, "trend", "%v", c)
		_, err = lag.NewBacklog(c.span, c.grain)
		require.Error(t, err, "%v", c)
		_, err = lag.NewDispersion(c.span, c.grain)
		require.ErrorContains(t, err, "dispersion", "%v", c)
	}
	_, err := lag.NewQuantileWindow((lag.MaxQuantileSlots+1)*time.Second, time.Second)
	require.Error(t, err)
	for name, c := range map[string]lag.EnvelopeConfig{
		"length 1":      {Lengths: []time.Duration{time.Second, 1500 * time.Millisecond}},
		"distinct":      {Lengths: []time.Duration{time.Second, time.Second}},
		"length 0":      {Lengths: []time.Duration{lag.MaxEnvelopeLength + time.Second}},
		"lengths":       {Lengths: make([]time.Duration, lag.MaxEnvelopeLengths+1)},
		"waiting limit": {WaitingLimit: -1},
		"window":        {Window: time.Millisecond},
	} {
		_, err := lag.NewEnvelope(c)
		require.ErrorContains(t, err, name)
	}
	_, err = lag.NewEnvelope(lag.EnvelopeConfig{WaitingLimit: -1, Window: -1})
	require.ErrorContains(t, err, "waiting limit")
	require.ErrorContains(t, err, "window")
}

func TestQuantileWindowEdges(t *testing.T) {
	w := must(lag.NewQuantileWindow(16*time.Second, time.Second))
	none := func(when, p float64) {
		t.Helper()
		_, ok := w.QuantileAt(at(when), p)
		require.False(t, ok)
	}
	none(0, 0.5)
	for _, v := range notCounts {
		require.False(t, w.Add(at(100), v))
	}
	require.True(t, w.Add(at(5), 0), "a refused sample moves no window")
	v, ok := w.QuantileAt(at(5), 0.5)
	require.True(t, ok)
	require.Zero(t, v)
	none(4, 0.5)
	none(21, 0.5)
	none(1e9, 0.5)
	none(5, -0.1)
	none(5, math.NaN())
	require.True(t, w.Add(at(30), 7))
	require.False(t, w.Add(at(14), 1), "one span old")
	require.True(t, w.Add(at(15), 1), "late")
	v, _ = w.QuantileAt(at(30), 0.5)
	require.InEpsilon(t, 1, v, bucketError)
	v, _ = w.QuantileAt(at(30), 1)
	require.InEpsilon(t, 7, v, bucketError)
	v, _ = w.QuantileAt(at(31), 0.5)
	require.InEpsilon(t, 7, v, bucketError, "the late one has left")
}

// A quantile is that of the sorted samples within the error of a bucket.
func TestQuantileWindowAgainstSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		w := must(lag.NewQuantileWindow(g.span(), g.each()))
		kept, _ := g.feed(t, rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1e-3, 1e6)), w.Add)
		for range 3 {
			ask, p := g.question(t), rapid.Float64Range(0, 1).Draw(t, "p")
			var sorted []float64
			for _, d := range g.asOf(kept, ask) {
				sorted = append(sorted, d.v)
			}
			slices.Sort(sorted)
			got, ok := w.QuantileAt(instant(ask), p)
			if ok != (len(sorted) > 0) {
				t.Fatalf("ok %v of %v", ok, sorted)
			}
			if !ok {
				continue
			}
			want := sorted[max(int(math.Ceil(p*float64(len(sorted)))), 1)-1]
			if math.Abs(got-want) > want*bucketError {
				t.Fatalf("quantile %v of %v: %v, want %v", p, sorted, got, want)
			}
		}
	})
}

func TestTrendEdges(t *testing.T) {
	r := must(lag.NewTrend(time.Minute, time.Second))
	none := func(when float64) {
		t.Helper()
		_, ok := r.SlopeAt(at(when))
		require.False(t, ok)
		_, ok = r.ProjectAt(at(when), time.Second)
		require.False(t, ok)
	}
	none(0)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		require.False(t, r.Add(at(1000), v))
	}
	require.True(t, r.Add(at(10.7), 3))
	none(11)
	require.True(t, r.Add(at(10.7), 5))
	none(11) // one instant has no slope
	require.True(t, r.Add(at(12.7), 8))
	v, ok := r.SlopeAt(at(13))
	require.True(t, ok)
	require.InDelta(t, 2, v, 1e-12)
	v, ok = r.ProjectAt(at(13.7), 10*time.Second)
	require.True(t, ok)
	require.InDelta(t, 30, v, 1e-9)
	v, ok = r.ProjectAt(at(13.7), -13*time.Second)
	require.True(t, ok)
	require.InDelta(t, -16, v, 1e-9)
	none(9)   // before the samples
	none(71)  // one is left
	none(1e9) // none is
	require.False(t, r.Add(at(12.7-60), 1))
	require.True(t, r.Add(at(20), 1e308))
	require.True(t, r.Add(at(10), -1e308))
	_, ok = r.SlopeAt(at(20))
	require.False(t, ok, "more than a float64 holds")
}

// Each sample counts with its own instant, also within a grain.
func TestTrendWithinGrains(t *testing.T) {
	r := must(lag.NewTrend(time.Minute, time.Second))
	r.Add(at(0), 5)
	r.Add(at(1), 2)
	r.Add(at(1.5), 8)
	v, ok := r.SlopeAt(at(2)) // means 2.5/3 and 5
	require.True(t, ok)
	require.InDelta(t, (14-12.5)/(3.25-6.25/3), v, 1e-12)
}

// A steep line a nanosecond wide, a flat one far from zero.
func TestTrendPrecision(t *testing.T) {
	r := must(lag.NewTrend(time.Minute, time.Second))
	when := time.Unix(1_700_000_000, 999_999_998)
	r.Add(when, 0)
	r.Add(when.Add(1), 1)
	v, ok := r.SlopeAt(when.Add(1))
	require.True(t, ok)
	require.InEpsilon(t, 1e9, v, 1e-6)

	r = must(lag.NewTrend(time.Hour, time.Second))
	for s := range 3600 {
		r.Add(time.Unix(int64(1_700_000_000+s), 0), 1e9+0.001*float64(s))
	}
	v, ok = r.SlopeAt(time.Unix(1_700_003_599, 0))
	require.True(t, ok)
	require.InEpsilon(t, 0.001, v, 1e-6)
}

// The slope is that of two passes over all samples.
func TestTrendAgainstTwoPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		r := must(lag.NewTrend(g.span(), g.each()))
		kept, _ := g.feed(t, rapid.Map(rapid.IntRange(-1000, 1000), func(n int) float64 { return float64(n) }), r.Add)
		ask := g.question(t)
		in := g.asOf(kept, ask)
		var meanX, meanV, xx, xv float64
		for _, d := range in {
			meanX += float64(d.ms-ask) / 1e3 / float64(len(in))
			meanV += d.v / float64(len(in))
		}
		distinct := false
		for _, d := range in {
			x := float64(d.ms-ask)/1e3 - meanX
			xx, xv = xx+x*x, xv+x*(d.v-meanV)
			distinct = distinct || d.ms != in[0].ms
		}
		slope, ok := r.SlopeAt(instant(ask))
		ahead := rapid.IntRange(-5000, 5000).Draw(t, "ahead_ms")
		line, ok2 := r.ProjectAt(instant(ask), time.Duration(ahead)*time.Millisecond)
		if ok != distinct || ok2 != distinct {
			t.Fatalf("ok %v, %v of %v", ok, ok2, in)
		}
		if !ok {
			return
		}
		want := xv / xx
		if !near(slope, want, 2e3/math.Sqrt(xx)) {
			t.Fatalf("slope %v, want %v", slope, want)
		}
		if want := meanV + want*(float64(ahead)/1e3-meanX); !near(line, want, 2e3*(1+60/math.Sqrt(xx))) {
			t.Fatalf("line %v, want %v", line, want)
		}
	})
}

func TestDrainTime(t *testing.T) {
	for _, c := range []struct {
		name                       string
		backlog, arriving, serving float64
		want                       time.Duration
		ok                         bool
	}{
		{"falls", 30, 2, 5, 10 * time.Second, true},
		{"nothing arrives", 1, 0, 4, 250 * time.Millisecond, true},
		{"nothing waits", 0, 5, 2, 0, true},
		{"stands", 1, 2, 2, 0, false},
		{"grows", 1, 3, 2, 0, false},
		{"rounds up", 1, 0, 3e9, 1, true},
		{"saturates", 1e300, 0, 1e-300, math.MaxInt64, true},
		{"just saturates", math.MaxInt64, 0, 1e9, math.MaxInt64, true},
		{"infinite backlog", math.Inf(1), 0, 1, 0, false},
		{"infinite service", 1, 0, math.Inf(1), 0, false},
		{"no number", 1, math.NaN(), 1, 0, false},
		{"negative", -1, 0, 1, 0, false},
	} {
		got, ok := lag.DrainTime(c.backlog, c.arriving, c.serving)
		require.Equal(t, c.want, got, c.name)
		require.Equal(t, c.ok, ok, c.name)
	}
}

// After the drain time nothing is left, and just before something is.
func TestDrainTimeDrains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		backlog := rapid.Float64Range(0.001, 1e6).Draw(t, "backlog")
		arriving := rapid.Float64Range(0, 1e4).Draw(t, "arriving")
		serving := rapid.Float64Range(0, 1e4).Draw(t, "serving")
		d, ok := lag.DrainTime(backlog, arriving, serving)
		if ok != (serving > arriving) {
			t.Fatalf("ok %v", ok)
		}
		if left := backlog - (serving-arriving)*d.Seconds(); ok && d < math.MaxInt64 && math.Abs(left) > 1e-9*backlog+1e4/1e9 {
			t.Fatalf("%v left after %v", left, d)
		}
	})
}

func TestBacklogEdges(t *testing.T) {
	b := must(lag.NewBacklog(time.Minute, time.Second))
	_, ok := b.DrainAt(at(0))
	require.False(t, ok, "no data is not an empty backlog")
	_, ok = b.LevelAt(at(0))
	require.False(t, ok)
	for _, v := range notCounts {
		require.False(t, b.Add(at(100), v))
	}
	require.True(t, b.Add(at(0), 50))
	v, ok := b.LevelAt(at(0))
	require.True(t, ok)
	require.Equal(t, 50.0, v)
	_, ok = b.DrainAt(at(0))
	require.False(t, ok, "a level has no pace")
	require.True(t, b.Add(at(10), 60))
	_, ok = b.DrainAt(at(10))
	require.False(t, ok, "it grows")
	b.Add(at(20), 40)
	b.Add(at(30), 20)
	v, ok = b.RateAt(at(30))
	require.True(t, ok)
	require.InDelta(t, -1.1, v, 1e-9)
	d, ok := b.DrainAt(at(30))
	require.True(t, ok)
	require.InDelta(t, 20/1.1, d.Seconds(), 1e-6)
	d2, _ := b.DrainAt(at(40))
	require.Equal(t, d, d2, "silence drains nothing")
	_, ok = b.DrainAt(at(1000))
	require.False(t, ok)
	require.False(t, b.Add(at(-30), 1), "one span old")

	b = must(lag.NewBacklog(time.Minute, time.Second))
	b.Add(at(0), 0)
	d, ok = b.DrainAt(at(0))
	require.True(t, ok, "what is empty needs no pace")
	require.Zero(t, d)
}

func TestDispersionEdges(t *testing.T) {
	d := must(lag.NewDispersion(10*time.Second, time.Second))
	index := func(when float64) (v float64, ok bool) { return d.IndexAt(at(when)) }
	none := func(when float64, why string) {
		t.Helper()
		_, ok := index(when)
		require.False(t, ok, why)
	}
	none(0, "no data")
	for _, v := range notCounts {
		require.False(t, d.Add(at(100), v))
	}
	d.Add(at(0.5), 4)
	none(5, "one bin")
	d.Add(at(3.2), 4)
	none(3.9, "the second bin is not over")
	v, ok := index(4)
	require.True(t, ok)
	require.Zero(t, v, "what nobody watched is not zero")
	d.Observe(at(2.9)) // bin 1 is known, bin 2 not whole
	v, _ = index(4)
	require.InDelta(t, (32.0/3)/2/(8.0/3), v, 1e-12)
	d.Observe(at(1)) // takes nothing back
	d.Observe(at(4))
	v, _ = index(4)
	require.InDelta(t, 16.0/3/2, v, 1e-12)
	d.Add(at(1.5), 4) // late
	v, _ = index(4)
	require.InDelta(t, 12.0/3/3, v, 1e-12)
	none(13.5, "one bin and silence that nobody watched")
	none(1e9, "far future")
	d.Observe(at(1e9))
	none(1e9, "a mean of zero")
	require.True(t, d.Add(at(13), 1))
	require.False(t, d.Add(at(3.5), 1), "older than the span")

	d = must(lag.NewDispersion(10*time.Second, time.Second))
	d.Add(at(0), 1e308)
	d.Add(at(0), 1e308)
	d.Add(at(1), 1)
	none(2, "more than a float64 holds")

	d = must(lag.NewDispersion(10*time.Second, time.Second))
	d.Observe(at(0)) // bin 0 is known from its very start to its very end
	d.Observe(at(1))
	d.Add(at(1), 2)
	v, ok = index(2)
	require.True(t, ok)
	require.InDelta(t, 2, v, 1e-12)
}

// Events far apart by chance have an index near one.
func TestDispersionOfPoisson(t *testing.T) {
	d := must(lag.NewDispersion(20_000*time.Second, time.Second))
	state := uint64(1)
	uniform := func() float64 { // an LCG of Knuth's, the same everywhere
		state = state*6364136223846793005 + 1442695040888963407
		return (float64(state>>11) + 0.5) / (1 << 53)
	}
	now := 0.0
	for now < 20_000 {
		d.Add(at(now), 1)
		now -= math.Log(uniform()) / 5
	}
	d.Observe(at(20_000))
	v, ok := d.IndexAt(at(20_000))
	require.True(t, ok)
	require.InDelta(t, 1, v, 0.04)
}

// The index is that of two passes over the bins that are known.
func TestDispersionAgainstTwoPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrid(t)
		d := must(lag.NewDispersion(g.span(), g.each()))
		since, seen := math.MaxInt, math.MinInt
		observe := func() {
			ms := g.instant(t)
			d.Observe(instant(ms))
			since, seen = min(since, ms), max(seen, ms)
		}
		if rapid.Bool().Draw(t, "first") {
			observe()
		}
		kept, newest := g.feed(t, rapid.Map(rapid.IntRange(0, 9), func(n int) float64 { return float64(n) }),
			func(when time.Time, v float64) bool {
				ok := d.Add(when, v)
				if ok {
					since = min(since, int(when.UnixMilli()))
				}
				return ok
			})
		if rapid.Bool().Draw(t, "last") {
			observe()
		}
		ask := g.question(t)
		counts := map[int]float64{}
		for _, s := range kept {
			counts[g.floor(s.ms)] += s.v
		}
		var known []float64
		var sum float64
		for i := g.floor(ask) - g.n; i < g.floor(ask); i++ {
			n, ok := counts[i]
			gone := newest > math.MinInt && i <= newest-g.n
			if ok || !gone && i*g.grain >= since && (i+1)*g.grain <= seen {
				known, sum = append(known, n), sum+n
			}
		}
		index, ok := d.IndexAt(instant(ask))
		if ok != (len(known) >= 2 && sum > 0) {
			t.Fatalf("ok %v of %v", ok, known)
		}
		if !ok {
			return
		}
		mean, squares := sum/float64(len(known)), 0.0
		for _, x := range known {
			squares += (x - mean) * (x - mean)
		}
		if want := squares / float64(len(known)-1) / mean; !near(index, want, 1) {
			t.Fatalf("index of %v: %v, want %v", known, index, want)
		}
	})
}

func TestEnvelopeEdges(t *testing.T) {
	e := must(lag.NewEnvelope(lag.EnvelopeConfig{
		Lengths: []time.Duration{time.Second, 2 * time.Second}, Window: 5 * time.Second,
	}))
	value := func(when, q float64) float64 {
		t.Helper()
		v, ok := e.QuantileAt(at(when), q, 2*time.Second)
		require.True(t, ok)
		return v
	}
	none := func(when, q float64, why string) {
		t.Helper()
		_, ok := e.QuantileAt(at(when), q, time.Second)
		require.False(t, ok, why)
	}
	none(0, 1, "no data")
	for _, v := range append([]float64{2e12}, notCounts...) {
		require.False(t, e.Add(at(100), v))
	}
	require.True(t, e.Add(at(0.5), 3))
	require.True(t, e.Add(at(0.1), 3), "late in the open second")
	require.False(t, e.Add(at(0.9), 1e12))
	none(1, 1, "the second is open")
	e.Observe(at(1))
	require.False(t, e.Add(at(0.9), 1), "the second is closed")
	e.Observe(at(0)) // never goes back
	require.InEpsilon(t, 12, value(1, 1), bucketError)
	none(0.9, 1, "as of before its end")
	require.True(t, e.Add(at(3), 1)) // seconds 1 and 2 had none: rates 6, 3, 0
	require.InEpsilon(t, 12, value(3, 1), bucketError)
	require.InEpsilon(t, 6, value(3, 0.5), bucketError)
	require.Zero(t, value(3, 0))
	require.InEpsilon(t, 6, value(6, 1), bucketError, "second 0 has left")
	require.Zero(t, value(7, 1))
	require.InEpsilon(t, 12, value(3, 1), bucketError, "asking forgets nothing")
	require.InEpsilon(t, 12, value(1.5, 0), bucketError, "as of then")
	none(8, 1, "no closed second is within the window")
	none(1e9, 1, "far future")
	none(3, math.NaN(), "no quantile")
	none(3, 1.1, "no quantile")
	_, ok := e.QuantileAt(at(3), 1, -1)
	require.False(t, ok)
	v, ok := e.QuantileAt(at(3), 1, 0)
	require.True(t, ok)
	require.Zero(t, v)
	e.Observe(at(1e9))
	require.Zero(t, value(1e9, 1), "a silence that is known")
}

// The envelope is that of every sum taken afresh.
func TestEnvelopeAgainstSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfNDistinct(rapid.IntRange(1, 12), 1, 4, rapid.ID).Draw(t, "lengths")
		window := rapid.IntRange(1, 20).Draw(t, "window")
		limit := rapid.SampledFrom([]float64{0, 0.5, 3}).Draw(t, "limit")
		base := rapid.SampledFrom([]int{-1000, 0, 1_700_000_000}).Draw(t, "base")
		c := lag.EnvelopeConfig{
			WaitingLimit: time.Duration(limit * float64(time.Second)),
			Window:       time.Duration(window) * time.Second,
		}
		for _, n := range lengths {
			c.Lengths = append(c.Lengths, time.Duration(n)*time.Second)
		}
		e := must(lag.NewEnvelope(c))
		counts := map[int]float64{}
		ms, first, open := base*1000, 0, math.MinInt
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			ms += rapid.OneOf(rapid.IntRange(0, 1500), rapid.IntRange(0, 60_000)).Draw(t, "step_ms")
			s := int(math.Floor(float64(ms) / 1000))
			if open == math.MinInt {
				first = s
			}
			open = s
			if rapid.IntRange(0, 3).Draw(t, "what") == 0 {
				e.Observe(instant(ms))
				continue
			}
			n := float64(rapid.IntRange(0, 50).Draw(t, "n"))
			if !e.Add(instant(ms), n) {
				t.Fatalf("refused %v at %d ms", n, ms)
			}
			counts[s] += n
		}
		for range 3 {
			ask := ms + rapid.IntRange(-25_000, 25_000).Draw(t, "ask_ms")
			q := rapid.Float64Range(0, 1).Draw(t, "q")
			var rates []float64
			for s := max(first, open-window); s < open; s++ {
				if (s+1)*1000 > ask || (s+1)*1000 <= ask-window*1000 {
					continue
				}
				var rate float64
				for _, n := range lengths {
					var sum float64
					for k := range n {
						sum += counts[s-k]
					}
					rate = max(rate, sum*0.25/(float64(n)+limit))
				}
				rates = append(rates, rate)
			}
			slices.Sort(rates)
			got, ok := e.QuantileAt(instant(ask), q, 250*time.Millisecond)
			if ok != (len(rates) > 0) {
				t.Fatalf("ok %v of %v", ok, rates)
			}
			if !ok {
				continue
			}
			want := rates[max(int(math.Ceil(q*float64(len(rates)))), 1)-1]
			if math.Abs(got-want) > want*bucketError {
				t.Fatalf("quantile %v of %v: %v, want %v", q, rates, got, want)
			}
		}
	})
}

func TestStatisticsDoNotAllocate(t *testing.T) {
	q := must(lag.NewQuantileWindow(16*time.Second, time.Second))
	r := must(lag.NewTrend(time.Minute, time.Second))
	b := must(lag.NewBacklog(time.Minute, time.Second))
	d := must(lag.NewDispersion(time.Minute, time.Second))
	e := must(lag.NewEnvelope(lag.EnvelopeConfig{}))
	now := 0.0
	for name, step := range map[string]func(){
		"QuantileWindow": func() { q.Add(at(now), now); q.QuantileAt(at(now), 0.9) },
		"Trend":          func() { r.Add(at(now), now); r.SlopeAt(at(now)); r.ProjectAt(at(now), 1) },
		"Backlog":        func() { b.Add(at(now), now); b.DrainAt(at(now)) },
		"Dispersion":     func() { d.Add(at(now), 1); d.Observe(at(now)); d.IndexAt(at(now)) },
		"Envelope":       func() { e.Add(at(now), 1); e.QuantileAt(at(now), 0.99, time.Second) },
	} {
		require.Zero(t, testing.AllocsPerRun(200, func() { now += 0.3; step() }), name)
	}
}

func BenchmarkStatistics(b *testing.B) {
	run := func(name string, step func(now time.Time)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				step(epoch.Add(time.Duration(i) * time.Millisecond))
			}
		})
	}
	q := must(lag.NewQuantileWindow(16*time.Second, time.Second))
	run(fmt.Sprintf("QuantileWindow/Add/slots=%d", 16), func(now time.Time) { q.Add(now, 3) })
	run(fmt.Sprintf("QuantileWindow/QuantileAt/slots=%d", 16), func(time.Time) { q.QuantileAt(epoch, 0.99) })
	r := must(lag.NewTrend(time.Minute, time.Second))
	run("Trend/Add", func(now time.Time) { r.Add(now, 3) })
	run("Trend/SlopeAt/grains=60", func(time.Time) { r.SlopeAt(epoch.Add(time.Minute)) })
	d := must(lag.NewDispersion(10*time.Minute, time.Second))
	run("Dispersion/Add", func(now time.Time) { d.Add(now, 1) })
	run("Dispersion/IndexAt/bins=600", func(time.Time) { d.IndexAt(epoch.Add(10 * time.Minute)) })
	e := must(lag.NewEnvelope(lag.EnvelopeConfig{}))
	run("Envelope/second/lengths=6", func(now time.Time) { e.Add(epoch.Add(now.Sub(epoch)*1000), 1) })
}

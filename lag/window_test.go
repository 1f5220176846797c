package lag_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/lag"
)

var epoch = time.Unix(1_000_000, 0)

func at(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }

func window(t interface{ Fatalf(string, ...any) }, span, grain time.Duration) *lag.Window {
	w, err := lag.NewWindow(span, grain)
	if err != nil {
		t.Fatalf("NewWindow: %v", err)
	}
	return w
}

func TestNewWindowRefuses(t *testing.T) {
	for _, c := range []struct{ span, grain time.Duration }{
		{time.Second, 0},
		{time.Second, -1},
		{0, time.Second},
		{1500 * time.Millisecond, time.Second},
		{(lag.MaxBuckets + 1) * time.Second, time.Second},
	} {
		_, err := lag.NewWindow(c.span, c.grain)
		require.Error(t, err, "%v", c)
	}
}

func TestWindowNoDataIsNotZero(t *testing.T) {
	w := window(t, 10*time.Second, time.Second)
	none := func(when float64) {
		t.Helper()
		_, ok := w.MeanAt(at(when))
		require.False(t, ok)
		_, ok = w.MaxAt(at(when))
		require.False(t, ok)
		_, ok = w.RateAt(at(when))
		require.False(t, ok)
		_, _, ok = w.LastAt(at(when))
		require.False(t, ok)
	}
	none(0)
	require.True(t, w.Add(at(5), 0))
	none(4) // as of before the sample
	none(15)
	v, ok := w.MeanAt(at(14.9))
	require.True(t, ok)
	require.Zero(t, v)
	_, ok = w.RateAt(at(5))
	require.False(t, ok, "a level has no rate")
}

func TestWindowLastOfEqualInstants(t *testing.T) {
	w := window(t, 10*time.Second, time.Second)
	w.Add(at(5.5), 1)
	w.Add(at(5.5), 2)
	w.Add(at(5.2), 3)
	v, when, ok := w.LastAt(at(6))
	require.True(t, ok)
	require.Equal(t, 2.0, v, "what was said last of the latest instant")
	require.True(t, when.Equal(at(5.5)))
}

func TestWindowRateIgnoresGaps(t *testing.T) {
	w := window(t, 60*time.Second, time.Second)
	w.AddOver(2*time.Second, at(2), 20)
	w.AddOver(2*time.Second, at(40), 40)
	v, ok := w.RateAt(at(40))
	require.True(t, ok)
	require.Equal(t, 15.0, v)
	v, _ = w.RateAt(at(62)) // the first has left: (2, 62]
	require.Equal(t, 20.0, v)
}

// A sample that covers no time has no rate: it must not be in one.
func TestWindowRatesOnlyWhatCoversTime(t *testing.T) {
	w := window(t, 60*time.Second, time.Second)
	require.True(t, w.AddOver(time.Second, at(2), 10))
	require.True(t, w.Add(at(2), 1000))
	require.True(t, w.Add(at(3), 1000))
	for _, ask := range []func(time.Time) (float64, bool){w.RateAt, w.WeightedRateAt} {
		v, ok := ask(at(3))
		require.True(t, ok)
		require.InDelta(t, 10, v, 1e-9)
	}
	require.False(t, w.AddOver(-time.Second, at(3), 10), "time does not run backwards")
	require.True(t, w.AddOver(math.MaxInt64, at(3), 10))
	require.True(t, w.AddOver(math.MaxInt64, at(4), 10))
	_, ok := w.RateAt(at(4))
	require.True(t, ok, "what covers more than can be told still covers time")
}

// Sums that no float holds are no answer, nor are two that cancel out.
func TestWindowSumsBeyondFloats(t *testing.T) {
	w := window(t, 60*time.Second, time.Second)
	for range 2 {
		w.AddOver(time.Second, at(1), math.MaxFloat64)
		w.AddOver(time.Second, at(2), -math.MaxFloat64)
	}
	for _, ask := range []func(time.Time) (float64, bool){w.MeanAt, w.RateAt, w.WeightedAt, w.WeightedRateAt} {
		for _, when := range []float64{1, 2} {
			v, ok := ask(at(when))
			require.False(t, ok, "%v", v)
		}
	}
	w.AddOver(time.Second, at(62), 3)
	v, ok := w.MeanAt(at(62))
	require.True(t, ok)
	require.Equal(t, 3.0, v)
}

func TestWindowRefusesWhatIsNoSample(t *testing.T) {
	w := window(t, 10*time.Second, time.Second)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		require.False(t, w.Add(at(0), v))
	}
	require.True(t, w.Add(at(20), 1))
	require.False(t, w.Add(at(10), 1), "one span old")
	require.True(t, w.Add(at(11), 1))
}

// A Window answers as a list of all samples would.
func TestWindowAgainstList(t *testing.T) {
	type sample struct {
		bucket, at int
		v          float64
		over       int
	}
	rapid.Check(t, func(t *rapid.T) {
		grains := rapid.SampledFrom([]int{1, 2, 5, 8, 40, 128, 150}).Draw(t, "grains")
		grain := rapid.SampledFrom([]int{1, 250, 1000}).Draw(t, "grain_ms")
		w := window(t, time.Duration(grains*grain)*time.Millisecond, time.Duration(grain)*time.Millisecond)
		base := rapid.SampledFrom([]int{-100_000, 0, 1_000_000_000}).Draw(t, "base_ms")
		var list []sample
		newest := math.MinInt
		floor := func(ms int) int { return int(math.Floor(float64(ms) / float64(grain))) }
		for range rapid.IntRange(0, 40).Draw(t, "samples") {
			ms := base + rapid.IntRange(0, (2*grains+16)*grain).Draw(t, "at_ms")
			v := float64(rapid.IntRange(-5, 100).Draw(t, "v"))
			over := rapid.IntRange(0, 3).Draw(t, "over_s")
			i := floor(ms)
			fresh := newest == math.MinInt || i > newest-grains
			if got := w.AddOver(time.Duration(over)*time.Second, time.UnixMilli(int64(ms)), v); got != fresh {
				t.Fatalf("AddOver at %d ms: %v, want %v", ms, got, fresh)
			}
			if fresh {
				newest = max(newest, i)
				list = append(list, sample{i, ms, v, over})
			}
		}
		ask := base + rapid.IntRange(-5*grain, (3*grains+16)*grain).Draw(t, "ask_ms")
		to := floor(ask)
		var sum, top float64 = 0, math.Inf(-1)
		var weightedSum, weightedN, weightedOver float64
		var n, over, lastAt int
		var rated, weightedRated float64
		for _, s := range list {
			if s.bucket > to || s.bucket <= to-grains || s.bucket <= newest-grains {
				continue
			}
			sum, top, n, over = sum+s.v, max(top, s.v), n+1, over+s.over
			if n == 1 || s.at > lastAt {
				lastAt = s.at
			}
			if s.over > 0 {
				rated += s.v
			}
			weight := math.Pow(1e-4, float64(to-s.bucket)/float64(grains))
			if s.over > 0 {
				weightedRated += weight * s.v
			}
			weightedSum, weightedN, weightedOver = weightedSum+weight*s.v, weightedN+weight, weightedOver+weight*float64(s.over)
		}
		when := time.UnixMilli(int64(ask))
		mean, okMean := w.MeanAt(when)
		high, okMax := w.MaxAt(when)
		_, last, okLast := w.LastAt(when)
		if okMean != (n > 0) || okMax != (n > 0) || okLast != (n > 0) {
			t.Fatalf("ok: mean %v, max %v, last %v with %d samples", okMean, okMax, okLast, n)
		}
		if n > 0 && (math.Abs(mean-sum/float64(n)) > 1e-9 || high != top || last.UnixMilli() != int64(lastAt)) {
			t.Fatalf("mean %v want %v; max %v want %v; last %v want %v", mean, sum/float64(n), high, top, last, lastAt)
		}
		weighted, okWeighted := w.WeightedAt(when)
		if okWeighted != (n > 0) || okWeighted && math.Abs(weighted-weightedSum/weightedN) > 1e-6 {
			t.Fatalf("weighted %v, %v; want %v", weighted, okWeighted, weightedSum/weightedN)
		}
		weighted, okWeighted = w.WeightedRateAt(when)
		if okWeighted != (over > 0) || okWeighted && math.Abs(weighted-weightedRated/weightedOver) > 1e-6 {
			t.Fatalf("weighted rate %v, %v; want %v", weighted, okWeighted, weightedRated/weightedOver)
		}
		rate, okRate := w.RateAt(when)
		if okRate != (over > 0) || okRate && math.Abs(rate-rated/float64(over)) > 1e-9 {
			t.Fatalf("rate %v, %v; want %v over %d s", rate, okRate, rated, over)
		}
	})
}

// In a long window, with late samples and after a move, every instant is answered
// as by a list.
func TestLongWindow(t *testing.T) {
	const span = 150
	w, moved := window(t, span*time.Second, time.Second), window(t, span*time.Second, time.Second)
	values, counts := map[int]float64{}, map[int]int{}
	add := func(i int) {
		require.True(t, w.AddOver(time.Second, at(float64(i)), float64(i%13)))
		values[i] += float64(i % 13)
		counts[i]++
	}
	const newest = 400
	for i := range newest + 1 {
		if i%3 > 0 {
			add(i)
		}
		if i%5 == 0 && i > span {
			add(i - 101)
		}
	}
	add(newest)
	restored(t, moved.Restore, w.AppendState(nil))
	for ask := newest - span; ask <= newest+span; ask++ {
		var sum, largest float64
		var n int
		for i := max(newest, ask) - span + 1; i <= ask; i++ {
			sum, n = sum+values[i], n+counts[i]
			if counts[i] > 0 {
				largest = max(largest, float64(i%13))
			}
		}
		for _, w := range []*lag.Window{w, moved} {
			mean, ok := w.MeanAt(at(float64(ask)))
			require.Equal(t, n > 0, ok, "as of %d", ask)
			if !ok {
				continue
			}
			rate, _ := w.RateAt(at(float64(ask)))
			high, _ := w.MaxAt(at(float64(ask)))
			require.Equal(t, [3]float64{sum / float64(n), sum / float64(n), largest}, [3]float64{mean, rate, high}, "as of %d", ask)
		}
	}
}

func TestCounter(t *testing.T) {
	var c lag.Counter
	_, _, ok := c.Observe(at(0), 100)
	require.False(t, ok, "one reading is no increment")
	added, over, ok := c.Observe(at(10), 130)
	require.True(t, ok)
	require.Equal(t, 30.0, added)
	require.Equal(t, 10*time.Second, over)
	_, _, ok = c.Observe(at(10), 131)
	require.False(t, ok, "the same instant counts once")
	added, _, _ = c.Observe(at(20), 7)
	require.Equal(t, 7.0, added, "a fall is a restart")
	for _, v := range []float64{-1, math.NaN(), math.Inf(1)} {
		_, _, ok = c.Observe(at(30), v)
		require.False(t, ok)
	}
	added, over, _ = c.Observe(at(40), 8)
	require.Equal(t, 1.0, added)
	require.Equal(t, 20*time.Second, over)
}

func ExampleWindow() {
	w, err := lag.NewWindow(time.Minute, time.Second)
	if err != nil {
		panic(err)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.Add(start, 4)
	w.Add(start.Add(10*time.Second), 8)
	mean, ok := w.MeanAt(start.Add(30 * time.Second))
	fmt.Println(mean, ok)
	_, ok = w.MeanAt(start.Add(time.Hour))
	fmt.Println(ok)
	// Output:
	// 6 true
	// false
}

func BenchmarkWindowRate(b *testing.B) {
	for _, span := range []int{60, 600} {
		b.Run(fmt.Sprintf("span=%ds", span), func(b *testing.B) {
			w := window(b, time.Duration(span)*time.Second, time.Second)
			for s := range span {
				w.AddOver(time.Second, at(float64(s)), 1)
			}
			now := at(float64(span))
			b.ReportAllocs()
			for b.Loop() {
				w.RateAt(now)
			}
		})
		b.Run(fmt.Sprintf("mean/span=%ds", span), func(b *testing.B) {
			w := window(b, time.Duration(span)*time.Second, time.Second)
			for s := range span {
				w.Add(at(float64(s)), 1)
			}
			now := at(float64(span))
			b.ReportAllocs()
			for b.Loop() {
				w.MeanAt(now)
			}
		})
		b.Run(fmt.Sprintf("add/late/span=%ds", span), func(b *testing.B) {
			w := window(b, time.Duration(span)*time.Second, time.Second)
			w.Add(at(float64(span)), 1)
			late := at(10)
			b.ReportAllocs()
			for b.Loop() {
				w.Add(late, 1)
			}
		})
	}
}

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

// Sub-second granularity works, where the original divides by zero.
func TestLinearWindowBelowASecond(t *testing.T) {
	w, err := lag.NewLinearWindow(time.Second, 100*time.Millisecond)
	require.NoError(t, err)
	for i := range 10 {
		w.Record(at(float64(i)/10), float64(i))
	}
	require.Equal(t, 4.5, w.Average(at(0.9)))
	require.Equal(t, 7.0, w.Average(at(1.4)), "five silent buckets push out as many old ones")
	require.False(t, w.Empty(at(1.9)))
	require.True(t, w.Empty(at(2)))
}

// However often and long it records, a linear window says what its slots say.
func TestLinearWindowDoesNotDrift(t *testing.T) {
	w, err := lag.NewLinearWindow(time.Minute, time.Second)
	require.NoError(t, err)
	now := at(0)
	for i := range 2_000_000 {
		w.Record(now, 0.1+float64(i%7)*1e6)
		if i%50 == 0 {
			now = now.Add(time.Second)
		}
	}
	for range 60 { // everything that was large leaves
		now = now.Add(time.Second)
		w.Record(now, 0.5)
	}
	require.Equal(t, 0.5, w.Average(now))
	now = now.Add(20 * time.Second)
	w.Record(now, 0.5)
	require.Equal(t, math.Round(0.5*41/60*1e6)/1e6, w.Average(now))
}

// A linear window averages as a list of its values would; asking never changes
// an answer.
func TestLinearWindowAgainstList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "buckets")
		w, err := lag.NewLinearWindow(time.Duration(n)*time.Second, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		values := map[int]float64{}
		first, last := math.MaxInt, math.MinInt
		for range rapid.IntRange(1, 40).Draw(t, "ops") {
			if rapid.Bool().Draw(t, "ask") && len(values) > 0 {
				when := last + rapid.IntRange(-2, 15).Draw(t, "when")
				silent := max(0, when-last)
				sum, over := 0.0, min(last-first+1, n, n-silent)
				for i := last - (n - silent) + 1; i <= last; i++ {
					sum += values[i]
				}
				want := 0.0
				if silent < n {
					want = sum / float64(over)
				}
				if got := w.Average(at(float64(when))); math.Abs(got-want) > 1e-6 {
					t.Fatalf("at %d: %v, want %v", when, got, want)
				}
				continue
			}
			i := rapid.IntRange(0, 30).Draw(t, "at")
			v := float64(rapid.IntRange(0, 1000).Draw(t, "v")) / 8
			w.Record(at(float64(i)+0.5), v)
			if len(values) > 0 && last-i >= n {
				continue
			}
			if i-last >= n || len(values) == 0 {
				clear(values)
				first = i
			}
			first, last = min(first, i), max(last, i)
			values[i] += v
			for k := range values {
				if k <= last-n {
					delete(values, k)
				}
			}
		}
	})
}

func TestOriginalWindowsRefuse(t *testing.T) {
	for _, c := range []struct{ span, grain time.Duration }{{0, 1}, {-1, 1}, {1, 0}, {time.Hour, 1}} {
		_, err := lag.NewLinearWindow(c.span, c.grain)
		require.Error(t, err)
		_, err = lag.NewWeightedWindow(c.span, c.grain)
		require.Error(t, err)
		_, err = lag.NewMaxWindow(c.span, c.grain)
		require.Error(t, err)
	}
	w, err := lag.NewLinearWindow(time.Minute, time.Second)
	require.NoError(t, err)
	w.Record(at(0), 6)
	require.Error(t, w.Resize(-1, at(0)))
	require.Equal(t, 6.0, w.Average(at(0)), "a refused resize changes nothing")
}

// Whatever is done to a window in whatever order, it neither panics nor invents
// what was not recorded.
func FuzzWindows(f *testing.F) {
	f.Add([]byte{1, 10, 5, 2, 200, 7, 3, 4, 9})
	f.Fuzz(func(t *testing.T, ops []byte) {
		linear, _ := lag.NewLinearWindow(7*time.Second, 2*time.Second)
		weighted, _ := lag.NewWeightedWindow(7*time.Second, 2*time.Second)
		largest, _ := lag.NewMaxWindow(7*time.Second, 2*time.Second)
		plain, _ := lag.NewWindow(6*time.Second, 2*time.Second)
		now, total := 1000, 0.0
		for i := 0; i+1 < len(ops); i += 2 {
			x := int(ops[i+1])
			switch ops[i] % 4 {
			case 0:
				now += x
			case 1:
				late := at(float64(now - x/8))
				linear.Record(late, float64(x))
				weighted.Record(late, float64(x))
				plain.Add(late, float64(x))
				largest.Record(at(float64(now)), float64(x))
				total += float64(x)
			case 2:
				span := time.Duration(x%20+1) * time.Second
				require.NoError(t, linear.Resize(span, at(float64(now))))
				require.NoError(t, weighted.Resize(span, at(float64(now))))
			}
			when := at(float64(now + x - 100))
			for _, v := range []float64{linear.Average(when), weighted.Average(when), largest.Current()} {
				if !(v >= -1e-6 && v <= total+1e-6) {
					t.Fatalf("%v of %v recorded", v, total)
				}
			}
			if v, ok := plain.MaxAt(when); ok && v > total {
				t.Fatalf("%v of %v recorded", v, total)
			}
		}
	})
}

func BenchmarkLinearWindow(b *testing.B) {
	for _, gap := range []int{0, 300} {
		b.Run(fmt.Sprintf("average/span=600s/gap=%ds", gap), func(b *testing.B) {
			w, _ := lag.NewLinearWindow(600*time.Second, time.Second)
			for s := range 600 {
				w.Record(at(float64(s)), float64(s))
			}
			now := at(float64(599 + gap))
			b.ReportAllocs()
			for b.Loop() {
				w.Average(now)
			}
		})
	}
	b.Run("record/span=600s", func(b *testing.B) {
		w, _ := lag.NewLinearWindow(600*time.Second, time.Second)
		now := at(0)
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(10 * time.Millisecond)
			w.Record(now, 1)
		}
	})
	// A question after each second of a silence: what it costs in all.
	b.Run("average/span=600s/silence", func(b *testing.B) {
		w, _ := lag.NewLinearWindow(600*time.Second, time.Second)
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			if i%500 == 0 {
				w.Record(at(float64(i)), 1)
			}
			w.Average(at(float64(i)))
			i++
		}
	})
	// What breaks a run of like questions in a silence: another instant between,
	// a late value before each.
	for _, values := range []struct {
		name string
		of   func(i int) float64
	}{
		{"whole", func(i int) float64 { return float64(i % 50) }},
		{"real", func(i int) float64 { return float64(i%50) + 1/(float64(i)+math.Pi) }},
	} {
		late := func(b *testing.B) *lag.LinearWindow {
			w, err := lag.NewLinearWindow(600*time.Second, time.Second)
			if err != nil {
				b.Fatal(err)
			}
			for i := range 600 {
				w.Record(at(float64(i)), values.of(i))
			}
			return w
		}
		b.Run("alternate/span=600s/gap=300s/"+values.name, func(b *testing.B) {
			w, near, far := late(b), at(699), at(899)
			b.ReportAllocs()
			for b.Loop() {
				w.Average(near)
				w.Average(far)
			}
		})
		b.Run("late/span=600s/gap=300s/"+values.name, func(b *testing.B) {
			w, now, i := late(b), at(899), 0
			when := make([]time.Time, 512)
			for i := range when {
				when[i] = at(float64(i*7%512 + 50))
			}
			b.ReportAllocs()
			for b.Loop() {
				v := values.of(i / 2 % 600)
				if i%2 == 1 {
					v = -v // so that the window stays as it is
				}
				w.Record(when[i/2%512], v)
				w.Average(now)
				i++
			}
		})
	}
}

func ExampleLinearWindow() {
	w, err := lag.NewLinearWindow(time.Minute, time.Second)
	if err != nil {
		panic(err)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.Record(start, 4)
	w.Record(start.Add(3*time.Second), 8)
	fmt.Println(w.Average(start.Add(3*time.Second)), "a bucket: two of the four are empty")
	fmt.Println(w.Empty(start.Add(2 * time.Minute)))
	// Output:
	// 3 a bucket: two of the four are empty
	// true
}

func ExampleWeightedWindow() {
	w, err := lag.NewWeightedWindow(time.Minute, time.Second)
	if err != nil {
		panic(err)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.Record(start, 10)
	fmt.Printf("%.1f\n", w.Average(start))
	// Output: 2.0
}

func ExampleMaxWindow() {
	w, err := lag.NewMaxWindow(10*time.Second, 2*time.Second)
	if err != nil {
		panic(err)
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w.Record(start, 9)
	w.Record(start.Add(4*time.Second), 3)
	fmt.Println(w.Current())
	w.Record(start.Add(10*time.Second), 3)
	fmt.Println(w.Current())
	// Output:
	// 9
	// 3
}

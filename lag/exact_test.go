package lag_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/lag"
)

// plainLinear is the linear window as the original computes it, operation by
// operation, for windows that are all within one span of each other.
type plainLinear struct {
	slots       []float64 // by index modulo the length
	total       float64
	first, last int
	started     bool
}

func (p *plainLinear) record(i int, v float64) {
	n := len(p.slots)
	switch {
	case p.started && i <= p.last-n:
		return
	case !p.started || i-p.last >= n:
		clear(p.slots)
		p.total, p.first, p.last, p.started = 0, i, i, true
	}
	p.first = min(p.first, i)
	for p.last < i {
		p.last++
		p.total -= p.slots[p.last%n]
		p.slots[p.last%n] = 0
	}
	p.slots[i%n] += v
	p.total += v
}

func (p *plainLinear) average(i int) float64 {
	n, total := len(p.slots), p.total
	over := min(p.last-p.first+1, n)
	if i >= p.last+n {
		return 0
	}
	for k := p.last + 1; k <= i; k++ {
		total -= p.slots[k%n]
	}
	if i > p.last {
		over = min(over, n-(i-p.last))
	}
	return math.Round(total/float64(over)*1e6) / 1e6
}

// In long windows, silences and late values a linear window answers to the last
// bit as the original does: where every sum is exact, ties included, and where
// none is.
func TestLinearWindowIsTheOriginal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{17, 64, 65, 128, 300, 600}).Draw(t, "buckets")
		unit := rapid.SampledFrom([]float64{1, 0.25, 0.1, 1e-6, 1e5 / 3}).Draw(t, "unit")
		w, err := lag.NewLinearWindow(time.Duration(n)*time.Second, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		want := plainLinear{slots: make([]float64, n)}
		record := func(i int, v float64) {
			w.Record(at(float64(i)), v)
			want.record(1_000_000+i, v)
		}
		for i := range n {
			record(i, unit*float64(i*i%97))
		}
		last := n - 1
		for range rapid.IntRange(1, 60).Draw(t, "ops") {
			switch rapid.IntRange(0, 5).Draw(t, "op") {
			case 0:
				last += rapid.IntRange(1, n/8).Draw(t, "ahead")
				record(last, unit*float64(rapid.IntRange(0, 99).Draw(t, "v")))
			case 1:
				record(last-rapid.IntRange(0, n).Draw(t, "late"), unit*float64(rapid.IntRange(0, 99).Draw(t, "v")))
			default:
				when := last + rapid.IntRange(-1, n).Draw(t, "silent")
				if got, want := w.Average(at(float64(when))), want.average(1_000_000+when); got != want {
					t.Fatalf("%d after the last: %v, want %v", when-last, got, want)
				}
			}
		}
	})
}

// What is not finite is refused; what dwarfs or overflows the rest is forgotten
// with its bucket, not a quarter of a span later.
func TestLinearWindowForgets(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
	}{
		{"nothing", nil},
		{"NaN", []float64{math.NaN()}},
		{"infinities", []float64{math.Inf(1), math.Inf(-1)}},
		{"a giant", []float64{1e17}},
		{"giants of both signs", []float64{1e17, -1e17 + 64}},
		{"more than floats hold", []float64{math.MaxFloat64, math.MaxFloat64}},
		{"more than floats hold, twice", []float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64}},
	} {
		for _, span := range []int{60, 600} {
			w, err := lag.NewLinearWindow(time.Duration(span)*time.Second, time.Second)
			require.NoError(t, err)
			weighted, err := lag.NewWeightedWindow(time.Duration(span)*time.Second, time.Second)
			require.NoError(t, err)
			largest, err := lag.NewMaxWindow(time.Minute, time.Second)
			require.NoError(t, err)
			for _, v := range c.values {
				w.Record(at(0), v)
				if v-v != 0 {
					largest.Record(at(0), v)
				}
				weighted.Record(at(0), v)
			}
			require.Zero(t, largest.Current(), c.name)
			for i := 1; i < span; i++ {
				w.Record(at(float64(i)), 5)
				weighted.Record(at(float64(i)), 5)
			}
			require.False(t, math.IsNaN(w.Average(at(float64(span-1)))), c.name)
			require.False(t, math.IsNaN(weighted.Average(at(float64(span-1)))), c.name)
			for _, silent := range []int{1, 3, 17, 2, span / 2} {
				require.Equal(t, 5.0, w.Average(at(float64(span-1+silent))), "%s: after a silence of %d", c.name, silent)
			}
			w.Record(at(float64(span)), 5)
			require.Equal(t, 5.0, w.Average(at(float64(span))), "%s: at once", c.name)
		}
	}
}

// A total that is wrong by a value of both signs, within a bucket that stays, is
// right again at once too.
func TestLinearWindowMendsWithinABucket(t *testing.T) {
	w, err := lag.NewLinearWindow(time.Minute, time.Second)
	require.NoError(t, err)
	for i := range 60 {
		w.Record(at(float64(i)), 5)
	}
	w.Record(at(30), 1e17)
	w.Record(at(30), -1e17) // the bucket has forgotten its five, the others have not
	require.Equal(t, math.Round(5*59./60*1e6)/1e6, w.Average(at(59)))
}

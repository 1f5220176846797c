package histogram

import (
	"math"
	"slices"
	"sort"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBounds(t *testing.T) {
	require.Equal(t, Min, bounds[0])
	require.Less(t, bounds[logBuckets-1], Max)
	require.Greater(t, bounds[logBuckets], Max)
	for i := 1; i < buckets; i++ {
		require.InEpsilon(t, Growth, bounds[i]/bounds[i-1], 1e-15)
	}
}

// Every bound begins its bucket, and the float64 before it ends the one before.
func TestBucketOfBounds(t *testing.T) {
	for i := range logBuckets - 1 {
		require.Equal(t, i+1, bucketOf(bounds[i]))
		require.Equal(t, i, bucketOf(math.Nextafter(bounds[i], 0)))
		require.Equal(t, i+1, bucketOf(math.Nextafter(bounds[i], Max)))
	}
	for v, want := range map[float64]int{
		0: 0, math.Copysign(0, -1): 0, math.SmallestNonzeroFloat64: 0,
		Max: logBuckets, 1e300: logBuckets, math.MaxFloat64: logBuckets,
	} {
		require.Equal(t, want, bucketOf(v), "%v", v)
	}
}

func TestBucketOfAgainstSearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := math.Exp(rapid.Float64Range(math.Log(Min), math.Log(Max)).Draw(t, "log"))
		want := min(sort.Search(buckets, func(i int) bool { return v < bounds[i] }), logBuckets)
		if got := bucketOf(v); got != want {
			t.Fatalf("bucket of %v: %d, want %d", v, got, want)
		}
	})
}

func TestNoValues(t *testing.T) {
	var h Histogram
	_, ok := h.Quantile(0.5)
	require.False(t, ok)
	_, ok = Quantile(0.5, nil)
	require.False(t, ok)
	for _, v := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		require.False(t, h.Add(v, 1))
		require.False(t, h.Remove(v, 1))
	}
	require.False(t, h.Remove(1, 1), "what was never added")
	require.False(t, h.Add(1, MaxTotal+1))
	require.Equal(t, Histogram{}, h)
	require.True(t, h.Add(0, 1))
	v, ok := h.Quantile(1)
	require.True(t, ok)
	require.Zero(t, v)
	for _, q := range []float64{-0.1, 1.1, math.NaN()} {
		_, ok = h.Quantile(q)
		require.False(t, ok)
	}
	require.True(t, h.Add(5, MaxTotal-1))
	require.False(t, h.Add(5, 1))
	require.Equal(t, uint64(MaxTotal), h.Total())
	v, _ = h.Quantile(1)
	require.InEpsilon(t, 5, v, RelativeError)
	h.Reset()
	require.Equal(t, Histogram{}, h)
}

// A quantile is that of the sorted list within the relative error, and removing
// what was added leaves no trace, whatever the order.
func TestQuantileAgainstSort(t *testing.T) {
	value := rapid.OneOf(
		rapid.Float64Range(0, 10),
		rapid.Map(rapid.Float64Range(math.Log(Min), math.Log(Max)), math.Exp),
		rapid.Just(0.0), rapid.Just(Min), rapid.Just(Max),
	)
	rapid.Check(t, func(t *rapid.T) {
		var h, other Histogram
		keep := rapid.SliceOfN(value, 1, 60).Draw(t, "keep")
		drop := rapid.SliceOfN(value, 0, 20).Draw(t, "drop")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		for _, v := range drop {
			h.Add(v, 3)
		}
		for i, v := range keep {
			if i%2 == 0 {
				h.Add(v, 1)
			} else {
				other.Add(v, 1)
			}
		}
		for _, v := range drop {
			if !h.Remove(v, 3) {
				t.Fatalf("cannot remove %v", v)
			}
		}
		check := func(got float64, ok bool) {
			sorted := slices.Sorted(slices.Values(keep))
			want := sorted[max(int(math.Ceil(q*float64(len(sorted)))), 1)-1]
			if !ok || math.Abs(got-want) > max(Min, want*(RelativeError+1e-12)) {
				t.Fatalf("quantile %v: %v, %v, want %v", q, got, ok, want)
			}
		}
		check(Quantile(q, []*Histogram{&h, &other}))
		for i, v := range keep {
			if i%2 == 1 {
				h.Add(v, 1)
			}
		}
		check(h.Quantile(q))
		for _, v := range keep {
			h.Remove(v, 1)
		}
		if h != (Histogram{}) {
			t.Fatalf("%d left", h.Total())
		}
	})
}

func TestNoAllocation(t *testing.T) {
	h := new(Histogram)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		h.Add(3, 2)
		h.Remove(3, 1)
		h.Quantile(0.5)
	}))
}

func BenchmarkAddQuantile(b *testing.B) {
	h := new(Histogram)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.Add(float64(i%1000), 1)
		h.Quantile(0.99)
	}
}

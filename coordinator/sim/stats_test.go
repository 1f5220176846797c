package sim

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Quantiles as in the tables of every textbook.
func TestStudentT(t *testing.T) {
	for df, want := range map[float64]float64{1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 9: 2.262, 30: 2.042, 1000: 1.962} {
		require.InDelta(t, want, studentT(0.975, df), 5e-4, "%v", df)
	}
	require.InDelta(t, 2.920, studentT(0.95, 2), 5e-4)
}

// Of many samples of three, 95 % have the true mean in their interval.
func TestEstimatesCover(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	covered := 0
	for range 2000 {
		e := Estimated([]float64{5 + rng.NormFloat64(), 5 + rng.NormFloat64(), 5 + rng.NormFloat64()})
		if math.Abs(e.Mean-5) <= e.Half {
			covered++
		}
	}
	require.InDelta(t, 0.95, float64(covered)/2000, 0.015)
	require.Equal(t, Estimate{Mean: 2, Half: 0, N: 2}, Estimated([]float64{2, 2}))
	one := Estimated([]float64{7})
	require.True(t, one.Mean == 7 && one.N == 1 && math.IsNaN(one.Half))
	require.Zero(t, Estimated(nil).N)
}

func TestFrontier(t *testing.T) {
	require.Equal(t, []int{3, 0, 4}, Frontier([]Point{{1, 5}, {2, 5}, {1, 6}, {3, 1}, {0, 9}, {3, 2}}))
	require.Equal(t, []int{0, 1}, Frontier([]Point{{1, 1}, {1, 1}}), "equals do not dominate each other")
	require.Empty(t, Frontier(nil))
	rapid.Check(t, func(t *rapid.T) {
		points := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Point {
			return Point{float64(rapid.IntRange(0, 5).Draw(t, "missed")), float64(rapid.IntRange(0, 5).Draw(t, "cost"))}
		})).Draw(t, "points")
		on := map[int]bool{}
		front := Frontier(points)
		for k, i := range front {
			on[i] = true
			if k > 0 && points[front[k-1]].Cost > points[i].Cost {
				t.Fatalf("not in order of cost: %v", front)
			}
		}
		for i, p := range points {
			better := false
			for _, q := range points {
				better = better || q.Dominates(p)
			}
			if better == on[i] {
				t.Fatalf("%v of %v", p, points)
			}
		}
	})
}

func TestTrials(t *testing.T) {
	trial := func(seed uint64) Trial {
		return Trial{Options: options(), Setups: []Setup{setup("track", lagTrack)}, Open: func() (Workload, error) {
			return &list{models: []string{"m"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{
				"m": poisson(rand.New(rand.NewPCG(seed, 1)), 3, time.Second, 10*time.Minute),
			}}, nil
		}}
	}
	trials := []Trial{trial(1), trial(2), trial(3), trial(1)}
	var last time.Duration
	got, err := Trials(trials, func(at time.Duration) {
		require.Greater(t, at, last)
		last = at
	})
	require.NoError(t, err)
	require.Equal(t, 40*time.Minute, last)
	require.True(t, reflect.DeepEqual(got[0], got[3]))
	require.False(t, reflect.DeepEqual(got[0], got[1]))
	for i := range trials {
		w, _ := trials[i].Open()
		alone, err := Run(w, trials[i].Options, trials[i].Setups, nil)
		require.NoError(t, err)
		require.True(t, reflect.DeepEqual(alone, got[i]))
	}
	broken := errors.New("broken")
	trials[1].Open = func() (Workload, error) { return nil, broken }
	_, err = Trials(trials, nil)
	require.ErrorIs(t, err, broken)
}

// The best counts are those that trying all finds, and cost what a run of them
// does.
func TestBestStatic(t *testing.T) {
	o := options()
	o.Seconds, o.Start, o.Boot, o.Warmup = 600, 0, 0, time.Minute
	w := &list{models: []string{"a", "b"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{
		"a": poisson(rand.New(rand.NewPCG(1, 1)), 4, time.Second, 10*time.Minute),
		"b": poisson(rand.New(rand.NewPCG(1, 2)), 1, time.Second, 10*time.Minute),
	}}
	open := func() (Workload, error) { w.at = 0; return w, nil }
	missed := map[string][]int64{} // by count
	for n := range 9 {
		o.Min, o.Max = n, max(n, 1)
		_, _ = open()
		got, err := Run(w, o, []Setup{setup("fixed", fixed(n))}, nil)
		require.NoError(t, err)
		for _, m := range got[0].Models {
			missed[m.Model] = append(missed[m.Model], m.Missed)
		}
	}
	for _, low := range []int{0, 1} {
		o.Min, o.Max = low, 100
		for _, target := range []float64{1, 0.999, 0.99, 0.9, 0.5} {
			got, err := BestStatic(open, o, target, nil)
			require.NoError(t, err)
			best := math.MaxInt
			for a := low; a < 9; a++ {
				for b := low; b < 9; b++ {
					if missed["a"][a]+missed["b"][b] <= int64((1-target)*float64(got.Requests)*(1+1e-12)) {
						best = min(best, a+b)
					}
				}
			}
			require.Equal(t, best, got.Counts["a"]+got.Counts["b"], target)
			require.Equal(t, missed["a"][got.Counts["a"]]+missed["b"][got.Counts["b"]], got.Missed)
			require.InDelta(t, float64(best)*540/3600, got.ReplicaHours, 1e-9)
		}
	}
	_, err := BestStatic(open, o, 2, nil)
	require.ErrorContains(t, err, "(0, 1], is 2")
	_, err = BestStatic(open, Options{}, 1, nil)
	require.ErrorContains(t, err, "Seconds")
}

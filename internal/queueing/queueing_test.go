package queueing_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/internal/queueing"
)

// busy is Erlang's C as its textbook sum, in big floats.
func busy(slots int, load float64) float64 {
	const bits = 400
	a := new(big.Float).SetPrec(bits).SetFloat64(load)
	term := new(big.Float).SetPrec(bits).SetInt64(1) // a^i / i!
	sum := new(big.Float).SetPrec(bits)
	for i := range slots {
		sum.Add(sum, term)
		term.Mul(term, a)
		term.Quo(term, new(big.Float).SetPrec(bits).SetInt64(int64(i+1)))
	}
	n := new(big.Float).SetPrec(bits).SetInt64(int64(slots))
	term.Mul(term, n)
	term.Quo(term, new(big.Float).SetPrec(bits).Sub(n, a))
	sum.Add(sum, term)
	c, _ := term.Quo(term, sum).Float64()
	return c
}

func TestBusyIsErlangs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		load := math.Exp(rapid.Float64Range(-8, 8).Draw(t, "log load"))
		n := int(load) + rapid.IntRange(1, 5).Draw(t, "spare")
		if rapid.Bool().Draw(t, "far") {
			n += int(3 * math.Sqrt(load))
		}
		want, got := busy(n, load), queueing.Busy(n, load)
		if math.Abs(got-want) > 1e-9*want {
			t.Fatalf("%d slots under %v: %v, by the sum %v", n, load, got, want)
		}
	})
}

// Where slots are no longer counted one by one, Busy is still the sum.
func TestBusyOfACrowd(t *testing.T) {
	for _, load := range []float64{299.999, 300, 300.5, 777.25, 2000.1} {
		for _, beta := range []float64{0, 0.01, 0.3, 1, 2, 4, 7} {
			n := int(load+beta*math.Sqrt(load)) + 1
			require.InEpsilon(t, busy(n, load), queueing.Busy(n, load), 1e-9, "%d slots under %v", n, load)
		}
	}
}

// One slot more is as the recursion of Erlang's B says, however many there are.
func TestBusyOfOneMore(t *testing.T) {
	for _, load := range []float64{1e3, 1e5, 1e7, 2e9} {
		for _, beta := range []float64{0.01, 1, 3} {
			n := float64(int(load+beta*math.Sqrt(load)) + 1)
			x := (n/queueing.Busy(int(n), load) - load) / (n - load) // 1/B
			x = 1 + (n+1)/load*x
			want := (n + 1) / (x*(n+1-load) + load)
			require.InEpsilon(t, want, queueing.Busy(int(n)+1, load), 1e-8, "load %v, beta %v", load, beta)
		}
	}
}

// The fewest slots are those that walking up finds.
func TestSlotsAreTheFewest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		load := math.Exp(rapid.Float64Range(-9, 21).Draw(t, "log load"))
		wait := rapid.SampledFrom([]float64{0, 0.01, 0.3, 3, 40, 1e4}).Draw(t, "wait")
		spread := rapid.SampledFrom([]float64{0, 0.5, 1, 4, 100}).Draw(t, "spread")
		miss := rapid.SampledFrom([]float64{1e-9, 1e-3, 0.02, 0.3, 0.9}).Draw(t, "miss")
		n := queueing.Slots(load, wait, spread, miss)
		slack := 1 + 1e-9
		if late := queueing.Late(n, load, wait, spread); late > miss*slack {
			t.Fatalf("%d slots under %v: %v wait too long", n, load, late)
		}
		if late := queueing.Late(n-1, load, wait, spread); late*slack <= miss {
			t.Fatalf("%d slots under %v would do: %v wait too long", n-1, load, late)
		}
	})
}

// The less may be late the more slots it takes, down to none.
func TestSlotsOfNoneLate(t *testing.T) {
	for _, load := range []float64{3, 299, 301, 1e5, 1e9, queueing.MaxLoad} {
		before := 0
		for _, miss := range []float64{0.5, 1e-9, 1e-100, 1e-280, 1e-310, 0} {
			n := queueing.Slots(load, 0, 1, miss)
			require.GreaterOrEqual(t, n, before, "%v of %v", miss, load)
			before = n
		}
		require.Greater(t, float64(before), load+30*math.Sqrt(load))
	}
}

// simulate serves Poisson arrivals with exponential services, and returns the
// share that wait longer than wait, and the mean wait.
func simulate(slots int, load, wait float64, n int, seed uint64) (late, mean float64) {
	random := rand.New(rand.NewPCG(seed, 7))
	free := make([]float64, slots) // when each slot is free
	now := 0.0
	for i := range n {
		now += random.ExpFloat64() / load
		first := 0
		for k := range free {
			if free[k] < free[first] {
				first = k
			}
		}
		start := max(now, free[first])
		free[first] = start + random.ExpFloat64()
		if i < n/20 {
			continue
		}
		mean += start - now
		if start-now > wait {
			late++
		}
	}
	kept := float64(n - n/20)
	return late / kept, mean / kept
}

func TestLateIsWhatASimulationSees(t *testing.T) {
	for _, c := range []struct {
		slots      int
		load, wait float64
	}{{1, 0.6, 1}, {3, 2.4, 0.5}, {8, 6, 0.2}, {20, 17, 0.3}, {50, 44, 0}} {
		late, mean := simulate(c.slots, c.load, c.wait, 1_500_000, 5)
		require.InEpsilon(t, late, queueing.Late(c.slots, c.load, c.wait, 1), 0.06, "%+v", c)
		require.InEpsilon(t, mean, queueing.Wait(c.slots, c.load, 1), 0.06, "%+v", c)
	}
	// And so do the slots that are asked for.
	for _, load := range []float64{0.5, 4, 30} {
		n := queueing.Slots(load, 0.5, 1, 0.02)
		late, _ := simulate(n, load, 0.5, 800_000, 9)
		require.Less(t, late, 0.024, "load %v", load)
		late, _ = simulate(n-1, load, 0.5, 800_000, 9)
		require.Greater(t, late, 0.02, "load %v: fewer would do", load)
	}
}

func TestKingmanWithoutRecursion(t *testing.T) {
	for _, slots := range []int{1, 2, 5, 20, 100} {
		for _, rho := range []float64{0.5, 0.7, 0.8, 0.9, 0.99} {
			load := rho * float64(slots)
			exact := queueing.Wait(slots, load, 1)
			if exact < 0.1 {
				continue // hardly anybody waits
			}
			require.InEpsilon(t, exact, queueing.WaitApart(slots, load, 1), 0.2, "%d slots at %v", slots, rho)
		}
	}
	require.InDelta(t, 3*queueing.WaitApart(4, 3, 1), queueing.WaitApart(4, 3, 3), 1e-12)
}

func TestNonsenseIsBounded(t *testing.T) {
	odd := []float64{0, -1, 1e-300, 1, 1e9, 1e300, math.Inf(1), math.Inf(-1), math.NaN()}
	for _, load := range odd {
		for _, wait := range odd {
			for _, spread := range odd {
				for _, miss := range odd {
					n := queueing.Slots(load, wait, spread, miss)
					if n < 0 || n > 2*queueing.MaxLoad {
						t.Fatalf("Slots(%v, %v, %v, %v) = %d", load, wait, spread, miss, n)
					}
				}
				for _, slots := range []int{-1, 0, 1, 100, math.MaxInt32} {
					if p := queueing.Late(slots, load, wait, spread); !(p >= 0 && p <= 1) {
						t.Fatalf("Late(%d, %v, %v, %v) = %v", slots, load, wait, spread, p)
					}
					if w := queueing.Wait(slots, load, spread); !(w >= 0) {
						t.Fatalf("Wait(%d, %v, %v) = %v", slots, load, spread, w)
					}
				}
			}
		}
	}
	require.Zero(t, queueing.Slots(math.NaN(), 1, 1, 0.1))
	require.Equal(t, 0.25, queueing.Spread(-1, math.NaN()))
	require.Equal(t, 1.5, queueing.Spread(2, 1))
}

func BenchmarkSlots(b *testing.B) {
	for _, c := range []struct {
		name string
		load float64
	}{{"load=3", 3}, {"load=50", 50}, {"load=299", 299}, {"load=1000", 1000}, {"load=1e6", 1e6}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				queueing.Slots(c.load, 3, 1, 0.01)
			}
		})
	}
}

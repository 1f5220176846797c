package lag_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/lag"
)

func TestTokenCountsOnce(t *testing.T) {
	var m lag.Meter
	a, b := m.Begin(), m.Begin()
	require.Equal(t, lag.Totals{Begun: 2}, m.Totals())
	a.End()
	a.End()
	a.Fail()
	require.Equal(t, lag.Totals{Begun: 2, Ended: 1}, m.Totals())
	b.Fail()
	b.End()
	require.Equal(t, lag.Totals{Begun: 2, Ended: 2, Failed: 1}, m.Totals())
	var zero lag.Token
	zero.End()
	require.Equal(t, uint64(0), m.Totals().InFlight())
}

func TestMeterFromManyGoroutines(t *testing.T) {
	var m lag.Meter
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 1000 {
				tok := m.Begin()
				if tot := m.Totals(); tot.Ended > tot.Begun {
					t.Errorf("more ended than begun: %+v", tot)
				}
				if i%10 == 0 {
					tok.Fail()
				} else {
					tok.End()
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, lag.Totals{Begun: 8000, Ended: 8000, Failed: 800}, m.Totals())
}

func TestTotals(t *testing.T) {
	before := lag.Totals{Begun: 10, Ended: 4, Failed: 1}
	passed, restarted := lag.Totals{Begun: 15, Ended: 7, Failed: 1}.Since(before)
	require.Equal(t, lag.Totals{Begun: 5, Ended: 3}, passed)
	require.False(t, restarted)
	require.EqualValues(t, 2, passed.Lag())
	passed, _ = lag.Totals{Begun: 11, Ended: 10, Failed: 1}.Since(before)
	require.EqualValues(t, -5, passed.Lag())
	for _, after := range []lag.Totals{{Begun: 9, Ended: 4, Failed: 1}, {Begun: 10, Ended: 3, Failed: 1}, {Begun: 10, Ended: 4}} {
		passed, restarted = after.Since(before)
		require.True(t, restarted, "a fall is a restart")
		require.Equal(t, after, passed)
	}
	require.Equal(t, lag.Totals{Begun: 20, Ended: 8, Failed: 2}, before.Plus(before))
	require.Equal(t, uint64(0), lag.Totals{Begun: 1, Ended: 3}.InFlight(), "a torn reading is no huge number")
}

func TestRegistry(t *testing.T) {
	var r lag.Registry
	_, ok := r.Lookup("a")
	require.False(t, ok)
	a := r.Meter("a")
	require.Same(t, a, r.Meter("a"))
	tok := a.Begin()
	r.Meter("b")
	seen := map[string]uint64{}
	for name, m := range r.All() {
		seen[name] = m.Totals().InFlight()
	}
	require.Equal(t, map[string]uint64{"a": 1, "b": 0}, seen)
	r.Remove("a")
	_, ok = r.Lookup("a")
	require.False(t, ok)
	tok.End()
	require.Zero(t, a.Totals().InFlight(), "it ends where it began")
	require.NotSame(t, a, r.Meter("a"))
	for range r.All() {
		break // an iteration may be left
	}
}

func TestRegistryFromManyGoroutines(t *testing.T) {
	var r lag.Registry
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2000 {
				tok := r.Meter(fmt.Sprint(i % 100)).Begin()
				tok.End()
			}
		})
	}
	wg.Wait()
	var all lag.Totals
	for _, m := range r.All() {
		all = all.Plus(m.Totals())
	}
	require.Equal(t, lag.Totals{Begun: 16000, Ended: 16000}, all)
}

// An idle meter in a registry is small, and removed ones are given back.
func TestRegistryMemory(t *testing.T) {
	const n = 100_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("model-%06d", i)
	}
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before := heap()
	var r lag.Registry
	for _, name := range names {
		r.Meter(name)
	}
	each := float64(heap()-before) / n
	t.Logf("%.0f B for each of %d meters", each, n)
	require.LessOrEqual(t, each, 256.0)
	for _, name := range names {
		r.Remove(name)
	}
	require.Less(t, float64(heap()), float64(before)+0.05*each*n, "removed targets leak")
	runtime.KeepAlive(&r)
}

func ExampleMeter() {
	var m lag.Meter
	first, second := m.Begin(), m.Begin()
	defer second.End()
	first.End()
	fmt.Println(m.Totals().InFlight(), "in flight")
	// Output: 1 in flight
}

func ExampleRegistry() {
	var r lag.Registry
	tok := r.Meter("llama").Begin()
	defer tok.End()
	for name, m := range r.All() {
		fmt.Println(name, m.Totals().InFlight())
	}
	// Output: llama 1
}

// mutexKeeper counts as Seldon's agent does: a map of counters under a lock,
// and a compare-and-swap loop that does not go below zero.
type mutexKeeper struct {
	mu       sync.RWMutex
	counters map[string]*atomic.Uint32
}

func (k *mutexKeeper) counter(name string) *atomic.Uint32 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.counters[name]
}

func (k *mutexKeeper) begin(name string) { k.counter(name).Add(1) }

func (k *mutexKeeper) end(name string) {
	c := k.counter(name)
	for {
		n := c.Load()
		if n == 0 || c.CompareAndSwap(n, n-1) {
			return
		}
	}
}

// Run with -cpu 1,2: what a pair costs falls with processors.
func BenchmarkBeginEnd(b *testing.B) {
	b.Run("meter", func(b *testing.B) {
		var m lag.Meter
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				tok := m.Begin()
				tok.End()
			}
		})
	})
	b.Run("registry", func(b *testing.B) {
		var r lag.Registry
		r.Meter("llama")
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				tok := r.Meter("llama").Begin()
				tok.End()
			}
		})
	})
	b.Run("mutex twin", func(b *testing.B) {
		k := mutexKeeper{counters: map[string]*atomic.Uint32{"llama": {}}}
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				k.begin("llama")
				k.end("llama")
			}
		})
	})
}

// Two routers are read twice; meanwhile the first one restarts.
func ExampleTotals_Plus() {
	before := map[string]lag.Totals{"a": {Begun: 100, Ended: 98}, "b": {Begun: 50, Ended: 50}}
	after := map[string]lag.Totals{"a": {Begun: 7, Ended: 4}, "b": {Begun: 190, Ended: 188}}

	var passed, wrongBefore, wrongAfter lag.Totals
	for _, router := range []string{"a", "b"} {
		since, restarted := after[router].Since(before[router])
		fmt.Println(router, since.Begun, restarted)
		passed = passed.Plus(since)
		wrongBefore, wrongAfter = wrongBefore.Plus(before[router]), wrongAfter.Plus(after[router])
	}
	fmt.Println("Since, then Plus:", passed.Begun, "begun")
	wrong, restarted := wrongAfter.Since(wrongBefore)
	fmt.Println("Plus, then Since:", wrong.Begun, "begun,", restarted)
	// Output:
	// a 7 true
	// b 140 false
	// Since, then Plus: 147 begun
	// Plus, then Since: 47 begun, false
}

package lag_test

import (
	"fmt"
	"sync"
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

func TestLagOverPeriodMayBeNegative(t *testing.T) {
	before := lag.Totals{Begun: 10, Ended: 4}
	require.Equal(t, int64(2), lag.Totals{Begun: 15, Ended: 7}.Since(before))
	require.Equal(t, int64(-5), lag.Totals{Begun: 11, Ended: 10}.Since(before))
	require.Equal(t, uint64(0), lag.Totals{Begun: 1, Ended: 3}.InFlight(), "a torn reading is no huge number")
}

func ExampleMeter() {
	var m lag.Meter
	first, second := m.Begin(), m.Begin()
	defer second.End()
	first.End()
	fmt.Println(m.Totals().InFlight(), "in flight")
	// Output: 1 in flight
}

func BenchmarkMeter(b *testing.B) {
	var m lag.Meter
	b.ReportAllocs()
	for b.Loop() {
		tok := m.Begin()
		tok.End()
	}
}

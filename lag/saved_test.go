package lag_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/lag"
)

// A window saved at any time and restored into another goes on as if nothing
// had happened.
func TestSavedWindows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		grain := rapid.SampledFrom([]time.Duration{time.Second, 250 * time.Millisecond}).Draw(t, "grain")
		newWindow := func() *lag.Window { return window(t, 8*grain, grain) }
		newQuantiles := func() *lag.QuantileWindow {
			w, err := lag.NewQuantileWindow(8*grain, grain)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
		w, moved := newWindow(), newWindow()
		q, movedQ := newQuantiles(), newQuantiles()
		var c, movedC lag.Counter
		for range rapid.IntRange(1, 30).Draw(t, "samples") {
			if rapid.IntRange(0, 3).Draw(t, "move") == 0 {
				again, againQ, againC := newWindow(), newQuantiles(), lag.Counter{}
				again.Add(at(1), 77)
				againQ.Add(at(1), 77)
				againC.Observe(at(99), 77)
				restored(t, again.Restore, moved.AppendState(nil))
				restored(t, againQ.Restore, movedQ.AppendState(nil))
				restored(t, againC.Restore, movedC.AppendState(nil))
				moved, movedQ, movedC = again, againQ, againC
			}
			when := at(float64(rapid.IntRange(0, 40).Draw(t, "at")) / 4)
			v := float64(rapid.IntRange(0, 9).Draw(t, "v"))
			over := time.Duration(rapid.IntRange(0, 2).Draw(t, "over")) * time.Second
			w.AddOver(over, when, v)
			moved.AddOver(over, when, v)
			q.Add(when, v)
			movedQ.Add(when, v)
			a1, o1, ok1 := c.Observe(when, v)
			a2, o2, ok2 := movedC.Observe(when, v)
			if a1 != a2 || o1 != o2 || ok1 != ok2 {
				t.Fatalf("counter: %v %v %v, moved: %v %v %v", a1, o1, ok1, a2, o2, ok2)
			}
		}
		now := at(float64(rapid.IntRange(0, 80).Draw(t, "now")) / 4)
		for name, ask := range map[string]func(*lag.Window) (float64, bool){
			"mean": func(w *lag.Window) (float64, bool) { return w.MeanAt(now) },
			"max":  func(w *lag.Window) (float64, bool) { return w.MaxAt(now) },
			"rate": func(w *lag.Window) (float64, bool) { return w.RateAt(now) },
			"last": func(w *lag.Window) (float64, bool) { v, _, ok := w.LastAt(now); return v, ok },
		} {
			v1, ok1 := ask(w)
			v2, ok2 := ask(moved)
			if v1 != v2 || ok1 != ok2 {
				t.Fatalf("%s: %v %v, moved %v %v", name, v1, ok1, v2, ok2)
			}
		}
		v1, ok1 := q.QuantileAt(now, 0.5)
		v2, ok2 := movedQ.QuantileAt(now, 0.5)
		if v1 != v2 || ok1 != ok2 {
			t.Fatalf("median: %v %v, moved %v %v", v1, ok1, v2, ok2)
		}
	})
}

func restored(t interface{ Fatalf(string, ...any) }, restore func([]byte) error, state []byte) {
	if err := restore(state); err != nil {
		t.Fatalf("%s: %v", state, err)
	}
}

func TestRestoreRefuses(t *testing.T) {
	w := window(t, 8*time.Second, time.Second)
	w.Add(at(1), 5)
	before := string(w.AppendState(nil))
	for _, bad := range []string{
		``, `{}`, `{"v":2,"grain":"1s"}`, `{"v":1,"grain":"2s"}`, `{"v":1,"grain":"1s","index":[1]}`, `{"v":1,"grain":"1s","x":1}`,
		`{"v":1,"grain":"1s","index":[1],"count":[0],"sum":[1],"max":[1],"last":[1],"at":[1000000000],"rated":[0],"over":["0s"]}`,
		`{"v":1,"grain":"1s","index":[1],"count":[1],"sum":[1],"max":[1],"last":[1],"at":[2000000000],"rated":[0],"over":["0s"]}`,
		`{"v":1,"grain":"1s","index":[1],"count":[1],"sum":[1],"max":[1],"last":[1],"at":[1000000000],"rated":[0],"over":["-1s"]}`,
		`{"v":1,"grain":"1s","index":[1],"count":[1],"sum":["NaN"],"max":[1],"last":[1],"at":[1000000000],"rated":[0],"over":["0s"]}`,
		`{"v":1,"grain":"1s","index":[1],"count":[1],"sum":[1],"max":[1],"last":[1],"at":[1000000000],"over":["0s"]}`,
		`{"v":1,"grain":"1s","index":[1],"count":[1],"sum":[1],"max":[1],"last":[1],"at":[1000000000],"rated":[1],"over":["0s"]}`,
		`{"v":1,"grain":"1s","index":[1],"count":[1],"sum":[1],"max":[1],"last":[1],"at":[1000000000],"rated":["NaN"],"over":["1s"]}`,
		`{"v":1,"grain":"1s","index":[2,1],"count":[1,1],"sum":[1,1],"max":[1,1],"last":[1,1],"at":[2000000000,1000000000],"rated":[0,0],"over":["0s","0s"]}`,
	} {
		require.Error(t, w.Restore([]byte(bad)), bad)
		require.Equal(t, before, string(w.AppendState(nil)))
	}
	q, err := lag.NewQuantileWindow(8*time.Second, time.Second)
	require.NoError(t, err)
	for _, bad := range []string{
		`{"v":1,"grain":"2s"}`, `{"v":1,"grain":"1s","slots":[{"index":1,"buckets":[9999999],"counts":[1]}]}`,
		`{"v":1,"grain":"1s","slots":[{"index":1,"buckets":[1]}]}`, `{"v":1,"grain":"1s","slots":[{"index":1},{"index":1}]}`,
		`{"v":1,"grain":"1s","slots":[{"index":9223372036854775807}]}`,
	} {
		require.Error(t, q.Restore([]byte(bad)), bad)
	}
	var c lag.Counter
	require.Error(t, c.Restore([]byte(`{"v":1,"last":-1}`)))
	require.Error(t, c.Restore([]byte(`{"v":1,"last":"NaN"}`)))
}

// Whatever is restored, the window answers and can be saved again.
func FuzzRestore(f *testing.F) {
	w := window(f, 8*time.Second, time.Second)
	w.AddOver(time.Second, at(1), 5)
	w.Add(at(3.5), 7)
	f.Add(w.AppendState(nil))
	q, err := lag.NewQuantileWindow(8*time.Second, time.Second)
	require.NoError(f, err)
	q.Add(at(1), 5)
	f.Add(q.AppendState(nil))
	f.Add([]byte(`{"v":1,"last":5,"at":"2023-11-14T22:13:20Z","seen":true}`))
	f.Fuzz(func(t *testing.T, state []byte) {
		w := window(t, 8*time.Second, time.Second)
		if w.Restore(state) == nil {
			restored(t, w.Restore, w.AppendState(nil))
			w.Add(at(5), 1)
			w.MeanAt(at(6))
			w.WeightedRateAt(at(6))
		}
		q, _ := lag.NewQuantileWindow(8*time.Second, time.Second)
		if q.Restore(state) == nil {
			restored(t, q.Restore, q.AppendState(nil))
			q.Add(at(5), 1)
			q.QuantileAt(at(6), 0.5)
		}
		var c lag.Counter
		if c.Restore(state) == nil {
			restored(t, c.Restore, c.AppendState(nil))
			c.Observe(at(5), 1)
		}
	})
}

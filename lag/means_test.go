package lag

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A mean asked for again and again is to the last bit that of the buckets, late samples and leaps ahead included.
func TestMeansFollow(t *testing.T) {
	late := 0
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 100).Draw(t, "buckets")
		w, err := NewWindow(time.Duration(n)*time.Second, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(1_700_000_000, 0)
		for range rapid.IntRange(1, 150).Draw(t, "samples") {
			step := rapid.SampledFrom([]int{0, 0, 1, 1, 1, 2, 2, 2, 5, n / 2, n, 3 * n, -1, -3, -n}).Draw(t, "step")
			at := now.Add(time.Duration(step) * time.Second)
			if step > 0 {
				now = at
			} else if step < 0 {
				late++
			}
			w.Add(at, rapid.Float64Range(0, 1e3).Draw(t, "v"))
			asked := now.Add(time.Duration(rapid.IntRange(-n, n).Draw(t, "asked")) * time.Second)
			var sum float64
			var count int64
			for b := range w.covered(asked) {
				sum += b.sum
				count += b.count
			}
			if got, ok := w.MeanAt(asked); ok != (count > 0) || ok && got != sum/float64(count) {
				t.Fatalf("mean %v, %v; of the buckets %v/%d", got, ok, sum, count)
			}
		}
	})
	if late < 100 {
		t.Errorf("%d late samples only", late)
	}
}

package sim

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// even makes a request of one second each second of [from, to), n at a time.
func even(n, from, to int) (reqs []Request) {
	for s := from; s < to; s++ {
		for range n {
			reqs = append(reqs, Request{time.Duration(s) * time.Second, time.Second})
		}
	}
	return reqs
}

func TestClairvoyantCost(t *testing.T) {
	for _, c := range []struct {
		name  string
		reqs  []Request
		start time.Duration
		want  float64 // replica-seconds
	}{
		{"steady", even(3, 0, 600), 30 * time.Second, 3 * 600},
		{"a peak needs its own start", append(append(even(1, 0, 300), even(4, 300, 310)...), even(1, 310, 600)...), 30 * time.Second, 600 + 3*(30+10)},
		{"a gap shorter than a start is kept", append(even(1, 0, 100), even(1, 120, 600)...), 30 * time.Second, 600},
		{"a gap just as long as a start is kept", append(even(1, 0, 100), even(1, 130, 600)...), 30 * time.Second, 600},
		{"a longer one is not", append(even(1, 0, 100), even(1, 200, 600)...), 30 * time.Second, 100 + 30 + 400},
		{"nothing", nil, 30 * time.Second, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options()
			o.Slots, o.Min, o.Wait, o.Start = 1, 0, 0, c.start
			w := &list{models: []string{"m"}, mean: time.Second, minutes: 10, reqs: map[string][]Request{"m": c.reqs}}
			got, err := Clairvoyant(w, o, 1, nil)
			require.NoError(t, err)
			require.Zero(t, got.Missed)
			require.EqualValues(t, len(c.reqs), got.Requests)
			require.InDelta(t, c.want/3600, got.ReplicaHours, 1e-9)
		})
	}
}

// It keeps to its share, costs no less than the work and no more than a slot
// for every request at once, and a wider share costs no more.
func TestClairvoyantKeepsItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		o := options()
		o.Slots = rapid.IntRange(1, 3).Draw(t, "slots")
		o.Wait = time.Duration(rapid.IntRange(0, 3000).Draw(t, "wait")) * time.Millisecond
		o.Warmup = time.Duration(rapid.IntRange(0, 1).Draw(t, "warm-up")) * time.Minute
		o.Min = rapid.IntRange(0, 1).Draw(t, "min")
		rate, mean := rapid.Float64Range(0.01, 8).Draw(t, "rate"), time.Duration(rapid.IntRange(100, 15_000).Draw(t, "mean"))*time.Millisecond
		reqs := poisson(rng, rate, mean, 9*time.Minute)
		target := rapid.SampledFrom([]float64{0.8, 0.99, 1}).Draw(t, "target")
		w := &list{models: []string{"m"}, mean: mean, minutes: 10, reqs: map[string][]Request{"m": reqs}}
		got, err := Clairvoyant(w, o, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		counted := int64(0)
		for _, q := range reqs {
			if q.At >= o.Warmup {
				counted++
			}
		}
		allowed := int64(float64(len(reqs))*(1-target) + 1e-9)
		if got.Requests != counted || got.Missed > allowed {
			t.Fatalf("%d requests, %d missed; want %d and at most %d", got.Requests, got.Missed, counted, allowed)
		}
	})
}

// The counts hold the work that is done: what is busy in a window has a slot.
func TestClairvoyantCountsHoldTheWork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := options()
		o.Min = 0
		mean := time.Duration(rapid.IntRange(100, 30_000).Draw(t, "mean")) * time.Millisecond
		s := &seer{options: o, target: rapid.SampledFrom([]float64{0.9, 1}).Draw(t, "target")}
		reqs := poisson(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), 2, mean, 5*time.Minute)
		s.chunk(reqs, int64(5*time.Minute))
		if n := int(s.counts[len(s.counts)-1]); len(s.slots) != n*o.Slots {
			t.Fatalf("%d slots on %d replicas", len(s.slots), n)
		}
		var work, capacity time.Duration
		for _, n := range s.counts {
			capacity += time.Duration(int64(n)*window) * time.Duration(o.Slots)
		}
		for _, q := range reqs[:len(reqs)-len(s.queue)] {
			work += q.Service
		}
		for _, free := range s.slots { // what is still to come
			work -= time.Duration(max(0, free-s.from))
		}
		if work > capacity {
			t.Fatalf("%v of work in %v of slots", work, capacity)
		}
		s.finish(int64(10 * time.Minute))
		if s.requests != int64(len(reqs)) {
			t.Fatalf("%d of %d requests accounted for", s.requests, len(reqs))
		}
	})
}

func TestClairvoyantRefuses(t *testing.T) {
	_, err := Clairvoyant(&list{}, Options{}, 1, nil)
	require.ErrorContains(t, err, "Slots")
	for _, target := range []float64{0, 1.1} {
		_, err = Clairvoyant(&list{}, options(), target, nil)
		require.ErrorContains(t, err, "the share to serve in time")
	}
}

// A model that comes after the end, in a chunk shorter than a window, is nobody's
// cost.
func TestClairvoyantAfterTheEnd(t *testing.T) {
	o := options()
	o.Seconds = 5
	got, err := Clairvoyant(&late{}, o, 1, nil)
	require.NoError(t, err)
	require.Zero(t, got.ReplicaHours)
}

// late is a workload of one model that enters at 5 s.
type late struct{ done bool }

func (l *late) Next(c *Chunk) error {
	if l.done {
		return io.EOF
	}
	l.done = true
	*c = Chunk{From: 5 * time.Second, To: 6 * time.Second, Streams: []Stream{{Model: "m", MeanService: time.Second}}}
	return nil
}

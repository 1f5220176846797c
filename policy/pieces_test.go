package policy

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/internal/histogram"
)

// again is what a memory is after it was saved and restored.
func again[T any](t require.TestingT, m *T) *T {
	raw, err := json.Marshal(m)
	require.NoError(t, err)
	back := new(T)
	require.NoError(t, json.Unmarshal(raw, back))
	twice, err := json.Marshal(back)
	require.NoError(t, err)
	require.Equal(t, string(raw), string(twice))
	return back
}

func TestSlidingAgainstSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 40).Draw(t, "size")
		s := newSliding(size)
		var last []float64
		for _, v := range rapid.SliceOfN(rapid.Float64Range(0, 50), 1, 120).Draw(t, "values") {
			s.add(v)
			if last = append(last, v); len(last) > size {
				last = last[1:]
			}
			if rapid.IntRange(0, 30).Draw(t, "save") == 0 {
				s = *again(t, &s)
			}
			q := rapid.Float64Range(0, 1).Draw(t, "q")
			sorted := slices.Sorted(slices.Values(last))
			want := sorted[max(1, int(math.Ceil(q*float64(len(sorted)))))-1]
			got, ok := s.quantile(q)
			if !ok || math.Abs(got-want) > want*histogram.RelativeError*1.001+histogram.Min {
				t.Fatalf("the %v-quantile of %v is %v, got %v", q, last, want, got)
			}
		}
		s.reset()
		if _, ok := s.quantile(0.5); ok || s.blocks != (sliding{}).blocks || s.counts != (sliding{}).counts {
			t.Fatal("something is left")
		}
	})
}

func TestArrivalsAgainstAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		span := rapid.IntRange(1, 60).Draw(t, "span")
		a := newArrivals(span)
		var list []int64
		for _, n := range rapid.SliceOfN(rapid.Int64Range(0, 4), 1, 150).Draw(t, "counts") {
			a.add(n)
			list = append(list, n)
		}
		if rapid.Bool().Draw(t, "save") {
			a = *again(t, &a)
		}
		kept := list[max(0, len(list)-span):]
		sum := func(skip, n int) (s int64) {
			for i := range n {
				if k := len(kept) - 1 - skip - i; k >= 0 {
					s += kept[k]
				}
			}
			return s
		}
		if a.span() != len(kept) || a.clock != int64(len(list)) {
			t.Fatalf("span %d, clock %d", a.span(), a.clock)
		}
		skip, n := rapid.IntRange(0, 70).Draw(t, "skip"), rapid.IntRange(0, 70).Draw(t, "n")
		if got, want := a.sumBefore(skip, n), sum(skip, n); got != want {
			t.Fatalf("%d seconds before %d of %v: %d, want %d", n, skip, kept, got, want)
		}
		events, least, most := rapid.Int64Range(0, 20).Draw(t, "events"), rapid.IntRange(1, 9).Draw(t, "least"), rapid.IntRange(9, 80).Draw(t, "most")
		want := least
		for want < most && sum(0, want) < events {
			want++
		}
		if got := a.holding(events, least, most); got != want {
			t.Fatalf("%d events of %v are in %d seconds, want %d", events, kept, got, want)
		}
	})
}

// A Poisson stream has dispersion one, whatever the bin; pairs have two; a metronome
// none.
func TestDispersion(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	one, two, none := newArrivals(20_000), newArrivals(20_000), newArrivals(20_000)
	for range 20_000 {
		n := poisson(random, 3)
		one.add(n)
		two.add(2 * n)
		none.add(3)
	}
	for _, bin := range []int{1, 5, 20} {
		for _, c := range []struct {
			a    *arrivals
			want float64
		}{{&one, 1}, {&two, 2}, {&none, 0}} {
			got, ok := c.a.dispersion(bin, 20_000)
			require.True(t, ok)
			require.InDelta(t, c.want, got, 0.1*c.want+1e-9, "bins of %d", bin)
		}
	}
	_, ok := one.dispersion(20, 20*29)
	require.False(t, ok, "too few bins")
}

func poisson(random *rand.Rand, mean float64) (n int64) {
	for left := mean; ; n++ {
		if left -= random.ExpFloat64(); left < 0 {
			return n
		}
	}
}

// The envelope is that of all windows, reckoned by hand.
func TestPeaksAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		service := rapid.SampledFrom([]float64{0.1, 3, 23}).Draw(t, "service")
		wait := rapid.SampledFrom([]float64{0, 0.5, 60}).Draw(t, "wait")
		window := rapid.IntRange(10, 40).Draw(t, "window")
		a, p := newArrivals(window+longestLength), newPeaks(window, wait)
		p.second(&a, 1e3) // lengths of another service time, to be chosen anew
		p.rates.reset()
		counts := rapid.SliceOfN(rapid.Int64Range(0, 9), 1, 100).Draw(t, "counts")
		for _, n := range counts {
			a.add(n)
			p.second(&a, service)
			if rapid.IntRange(0, 20).Draw(t, "save") == 0 {
				b := again(t, &a)
				p.restore(p.save(), b)
				a = *b
			}
		}
		half := max(1, int(math.Ceil(service/2)))
		lengths := []int{1, 2, 5, 10, 20, 60}
		if half > 1 {
			lengths = append(lengths, half, 2*half, 4*half, 8*half)
		}
		var rates []float64
		for end := max(0, len(counts)-window); end < len(counts); end++ {
			best := 0.0
			for _, length := range lengths {
				if length < half {
					continue
				}
				sum := 0.0
				for i := max(0, end-length+1); i <= end; i++ {
					sum += float64(counts[i])
				}
				best = max(best, sum/(float64(length)+wait))
			}
			rates = append(rates, best)
		}
		slices.Sort(rates)
		for _, q := range []float64{0, 0.5, 0.98, 1} {
			want := rates[max(1, int(math.Ceil(q*float64(len(rates)))))-1]
			got, ok := p.quantile(q)
			// Of the lengths of ours one may stand for two that are near.
			if !ok || got > want*1.011 || got < want*0.6 {
				t.Fatalf("the %v-quantile of %v is %v, got %v", q, rates, want, got)
			}
			if service < 1 && math.Abs(got-want) > 0.011*want {
				t.Fatalf("the %v-quantile of %v is %v, got %v", q, rates, want, got)
			}
		}
	})
}

// Of long services the variability is measured over as many bins as short ones
// have, where the past reaches so far.
func TestBurstinessOfLongServices(t *testing.T) {
	a := newArrivals(sloSpan)
	for range sloSpan {
		a.add(1)
	}
	for service, want := range map[float64]float64{0.1: 0, 30: 0, 60: 0, 61: 1} {
		a.clock = 0
		b := burstiness{Index: 1}
		b.second(&a, service)
		require.Equal(t, want, b.Index, "services of %v s", service)
	}
}

func TestPeaksFollowTheServiceTime(t *testing.T) {
	a, p := newArrivals(700), newPeaks(60, 1)
	for _, c := range [][2]float64{{8, 8}, {9.9, 8}, {10.1, 10.1}, {8.2, 10.1}, {8, 8}} {
		p.second(&a, c[0])
		require.Equal(t, c[1], p.service)
	}
}

// A server of so many slots, one queue, and what its counters say.
type counters struct {
	random *rand.Rand
	free   []float64 // when each slot is
	done   []float64 // ends to come
	starts []float64
	limit  float64 // of waits
	served float64
	late   float64 // waited longer
}

// second serves poisson arrivals of a rate during one second.
func (c *counters) second(at int64, rate float64, service func() float64) (x Second, inFlight float64) {
	x = Second{Unix: at, Known: true}
	for t := float64(at) + c.random.ExpFloat64()/rate; t < float64(at+1); t += c.random.ExpFloat64() / rate {
		x.Begun++
		first := 0
		for i := range c.free {
			if c.free[i] < c.free[first] {
				first = i
			}
		}
		start := max(t, c.free[first])
		if c.served++; start-t > c.limit {
			c.late++
		}
		c.free[first] = start + service()
		c.starts, c.done = append(c.starts, start), append(c.done, c.free[first])
	}
	keep := 0
	for i, end := range c.done {
		x.Busy += max(0, min(end, float64(at+1))-max(c.starts[i], float64(at)))
		if end < float64(at+1) {
			x.Ended++
			continue
		}
		c.done[keep], c.starts[keep] = end, c.starts[i]
		keep++
	}
	c.done, c.starts = c.done[:keep], c.starts[:keep]
	return x, float64(keep)
}

// The service time is learned from counters, idle or beyond what the slots can do,
// with and without a measure of what is busy, whatever was declared.
func TestServiceIsLearned(t *testing.T) {
	for _, measured := range []bool{true, false} {
		for _, rate := range []float64{0.3, 6, 14} { // of ten slots a second each: 14 is too much
			for _, declared := range []float64{0, 1, 1.5, 0.6} {
				c := counters{random: rand.New(rand.NewPCG(8, 9)), free: make([]float64, 10)}
				var m stream = newStream(10)
				o := Observation{Desired: 5, Ready: 5, Slots: 2, Readings: make([]Reading, 1)}
				for at := range int64(1500) {
					x, flight := c.second(at, rate, c.random.ExpFloat64)
					if !measured {
						x.Busy = 0
					}
					o.Now = time.Unix(at+1, 0)
					o.Readings[0] = Reading{Value: flight, Quality: OK}
					m.second(&o, &x)
					m.Follow.anchor(&o, &o.Readings[0])
				}
				s, ok := m.Served.mean(declared)
				require.True(t, ok)
				require.InEpsilon(t, 1, s, 0.12, "measured %v, rate %v, declared %v", measured, rate, declared)
			}
		}
	}
}

// What an SLO settles on, knowing nothing to begin with, keeps about the share that
// it promises, and two replicas less do not: on queues simulated with Poisson
// arrivals and exponential services.
func TestSLOKeepsItsPromise(t *testing.T) {
	for _, rate := range []float64{1, 8, 40} {
		c := SLO{Wait: 250 * time.Millisecond, Miss: 0.05}
		p := c.New(time.Unix(0, 0), 90).(*slo)
		learned := counters{random: rand.New(rand.NewPCG(1, 2)), free: make([]float64, 90)}
		o := Observation{Desired: 90, Ready: 90, Slots: 1, Readings: make([]Reading, 1), Seconds: make([]Second, 1)}
		sum, n := 0, 0
		for at := range int64(4000) {
			x, flight := learned.second(at, rate, learned.random.ExpFloat64)
			o.Now, o.Seconds[0] = time.Unix(at+1, 0), x
			o.Readings[0] = Reading{Value: flight, Quality: OK}
			if d := p.Decide(o); at > 2000 {
				sum, n = sum+d.Replicas, n+1
			}
		}
		late := func(slots int) float64 {
			q := counters{random: rand.New(rand.NewPCG(5, 6)), free: make([]float64, slots), limit: 0.25}
			for at := range int64(20_000) {
				q.second(at, rate, q.random.ExpFloat64)
			}
			return q.late / q.served
		}
		mean := float64(sum) / float64(n)
		require.Less(t, late(int(math.Ceil(mean))), 0.06, "%v slots for %v a second", mean, rate)
		require.Greater(t, late(int(math.Floor(mean))-2), 0.05, "%v slots for %v a second", mean, rate)
	}
}

// A new version that is three times as slow is noticed, and a short spell of slow
// ones is not taken for one.
func TestServiceChanges(t *testing.T) {
	var s service
	feed := func(seconds int, each float64) {
		for range seconds {
			s.second(&Second{Ended: 5, Busy: 5 * each}, true, 0, 0, 1)
		}
	}
	feed(2000, 0.2)
	got, _ := s.mean(0)
	require.InDelta(t, 0.2, got, 1e-6)
	feed(20, 0.6)
	got, _ = s.mean(0)
	require.Less(t, got, 0.21)
	feed(60, 0.6)
	got, _ = s.mean(0)
	require.InDelta(t, 0.6, got, 0.06)
}

func TestServiceWhileLittleIsKnown(t *testing.T) {
	var s service
	_, ok := s.mean(0)
	require.False(t, ok)
	got, ok := s.mean(2)
	require.True(t, ok)
	require.Equal(t, 2.0, got)
	for range 30 { // a long one that does not end says that it is long
		s.second(&Second{}, true, 1, 4, 1)
	}
	got, _ = s.mean(2)
	require.Equal(t, 5.0, got)
	n, sure := s.slots(&Observation{})
	require.False(t, sure)
	require.Equal(t, 1, n)
	s.second(&Second{Busy: 6.2, Ended: 9}, true, 1, 4, 2)
	n, _ = s.slots(&Observation{})
	require.Equal(t, 4, n, "3.1 a replica were seen busy")
	n, sure = s.slots(&Observation{Slots: 2})
	require.True(t, sure)
	require.Equal(t, 2, n)
	for range 200 { // the source has gone silent
		s.second(&Second{Ended: 1}, true, 1, 4, 1)
	}
	require.False(t, s.Measured)
}

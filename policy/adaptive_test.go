package policy

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Every constant of Adaptive and of the parts that are its alone. Who changes one
// replays all traces and reports what they cost and miss, before and after.
func TestAdaptiveConstants(t *testing.T) {
	require.Equal(t, map[string]float64{
		"span": 600, "young": 60, "few": 500, "near": 1.15,
		"views": 4, "price": 1.4, "dearest": 17, "slack": 0.3, "least": 0.05, "follow": 1800, "leave": 1.01,
		"now": 60, "late": 19, "spread": 0.625, "drain": 15, "tick": 2, "slot": 5, "counts": 30, "lead": 60, "linger": 0.5,
		"outlook slots": 20, "outlook step": 10, "outlook ring": 64, "outlook early": 45,
		"odds low": 0.1, "odds growth": 1.06, "odds buckets": 96, "odds half": 7200, "odds guess": 60, "odds rescale": 1e60, "demand ring": 61,
	}, map[string]float64{
		"span": adaptiveSpan, "young": adaptiveYoung, "few": adaptiveFew, "near": adaptiveNear,
		"views": adaptiveViews, "price": adaptivePrice, "dearest": adaptiveDearest, "slack": adaptiveSlack,
		"least": adaptiveLeast, "follow": adaptiveFollow, "leave": adaptiveLeave,
		"now": adaptiveNow, "late": adaptiveLate, "spread": adaptiveSpread, "drain": adaptiveDrain, "tick": adaptiveTick,
		"slot": adaptiveSlot, "counts": adaptiveCounts, "lead": adaptiveLead, "linger": adaptiveLinger,
		"outlook slots": outlookSlots, "outlook step": outlookStep, "outlook ring": outlookRing, "outlook early": outlookEarly,
		"odds low": oddsLow, "odds growth": oddsGrowth, "odds buckets": oddsBuckets, "odds half": oddsHalf, "odds guess": oddsGuess, "odds rescale": oddsRescale, "demand ring": demandRing,
	})
	require.Equal(t, [...]horizon{{20, 1200}, {60, 2400}, {120, 300}, {30, 300}}, adaptiveHorizons)
	require.Equal(t, [...]int{1, 2, 5, 10, 20, 60}, demandLengths)
	require.Equal(t, []float64{1, 0.5, 0.5 / 64}, []float64{guessed(0.99), guessed(1), guessed(2)})
	require.Equal(t, Adaptive{Share: 0.999}, Adaptive(Adaptive{}.New(time.Time{}, 0).(*adaptive).Adaptive))
}

// lateBy is the share of requests, spread evenly over their bucket, that come too
// late with n replicas.
func lateBy(d *odds, b *purchase, n int) float64 {
	if n == 0 {
		return 1
	}
	guess := oddsGuess * b.Rate * d.Scale
	ratio := float64(n) * b.Each / b.Foreseen
	sum := guess * guessed(ratio)
	for i, w := range d.Weights {
		low, high := 0.0, oddsEdges[i]
		if i > 0 {
			low = oddsEdges[i-1]
		}
		switch {
		case ratio <= low || i == 0 && ratio < high:
			sum += w
		case ratio < high:
			sum += w * (high - ratio) / (high - low)
		}
	}
	return sum / (d.Total + guess)
}

// The best count is the one that a look at every count finds, of those that are
// the first beyond an edge of a bucket; of all, none costs less by more than the way
// from one edge to the next. A count that stands and is such a one stays unless
// another is better by enough.
func TestOddsBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newOdds()
		most := rapid.SampledFrom([]float64{1.3, 6}).Draw(t, "most")
		for range rapid.IntRange(0, 60).Draw(t, "seconds") {
			d.second(rapid.Float64Range(0, most).Draw(t, "ratio"), float64(rapid.IntRange(1, 9).Draw(t, "n")))
		}
		b := purchase{
			Foreseen: rapid.Float64Range(0.05, 20).Draw(t, "foreseen"), Each: float64(rapid.IntRange(1, 4).Draw(t, "each")),
			Stake: rapid.Float64Range(0, rapid.SampledFrom([]float64{6, 200}).Draw(t, "most stake")).Draw(t, "stake"), Miss: rapid.SampledFrom([]float64{0.01, 0.3}).Draw(t, "miss"), Dearest: 8,
			Rate: rapid.Float64Range(0.01, 1).Draw(t, "rate"), Slack: rapid.Float64Range(0, 20).Draw(t, "slack"),
		}
		b.Now = rapid.IntRange(-1, rapid.SampledFrom([]int{1, 30}).Draw(t, "most now")).Draw(t, "now")
		edge := map[int]bool{0: true}
		for _, e := range oddsEdges {
			edge[ceil(math.Ceil(e*b.Foreseen/b.Each))] = true
		}
		costs := func(n int) float64 { return b.costs(float64(n), lateBy(&d, &b, n)) }
		best, least, leastEdge := 0, math.Inf(1), math.Inf(1)
		for n := range 800 {
			c := costs(n)
			if c < least {
				best, least = n, c
			}
			if edge[n] {
				leastEdge = min(leastEdge, c)
			}
		}
		n, cost := d.best(b)
		require.InDelta(t, leastEdge, cost, 1e-6, "%d", n)
		require.LessOrEqual(t, cost, least+1+0.06*float64(best), "%d, but %d costs less", n, best)
		better := math.Inf(1)
		if edge[b.Now] {
			better = costs(b.Now) - leastEdge
		}
		if better > b.Slack+1e-6 {
			require.InDelta(t, cost, costs(n), 1e-6, "%d, which is not the best", n)
		}
		if better < b.Slack-1e-6 {
			require.Equal(t, b.Now, n, "%d is better by %v", n, better)
		}
	})
}

// A steady stream asks for the slots that serve it, less what may wait at the end;
// nothing asks for none, and a burst for those that begin it in time.
func TestDemandSteady(t *testing.T) {
	for _, c := range []struct {
		rate          int64
		service, wait float64
		low, high     float64
	}{
		{10, 0.2, 0.5, 1.9, 2.01}, // 2 slots serve it
		{3, 10, 2, 29, 30.01},
		{100, 1, 0, 99, 100.01},
	} {
		a, d, got := newArrivals(600), newDemand(), 0.0
		for range 600 {
			a.add(c.rate)
			got = d.second(&a, c.service, c.wait)
		}
		require.GreaterOrEqual(t, got, c.low*0.98, c)
		require.LessOrEqual(t, got, c.high, c)
	}
	a, d := newArrivals(600), newDemand()
	for range 100 {
		a.add(0)
		require.Zero(t, d.second(&a, 0.5, 1))
	}
	a.add(80)
	require.InDelta(t, 80/(1+(1+1)/0.5), d.second(&a, 0.5, 1), 1e-9, "a burst on an empty station: 16 slots take 16 at once and 32 a second after")
}

// alive is an Adaptive of replicas with one slot, each decision of which is
// followed at once.
type alive struct {
	p       Policy
	now     time.Time
	desired int
}

func newAlive(c Adaptive, desired int) *alive {
	start := time.Unix(1_700_000_000, 0)
	return &alive{c.New(start, desired), start, desired}
}

// step goes on by a second, at whose end so many requests are in flight.
func (x *alive) step(flight float64, s Second) Decision {
	s.Unix = x.now.Unix()
	x.now = x.now.Add(time.Second)
	d := x.p.Decide(Observation{
		Now: x.now, Desired: x.desired, Current: x.desired, Ready: x.desired, Slots: 1, Lead: 30 * time.Second,
		Readings: []Reading{{Value: flight, At: x.now, Quality: OK}}, Seconds: []Second{s},
	})
	x.desired = d.Replicas
	return d
}

// steady goes on for some seconds with Poisson arrivals at a rate, served as they
// come.
func (x *alive) steady(seconds int, rate, service float64, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var ends []float64
	for i := range seconds {
		s := Second{Known: true}
		for at := rng.ExpFloat64() / rate; at < 1; at += rng.ExpFloat64() / rate {
			s.Begun++
			ends = append(ends, float64(i)+at+service)
		}
		keep := ends[:0]
		for _, e := range ends {
			from := max(e-service, float64(i))
			s.Busy += max(0, min(e, float64(i+1))-from)
			if e > float64(i+1) {
				keep = append(keep, e)
			} else {
				s.Ended++
			}
		}
		ends = keep
		x.step(float64(len(ends)), s)
	}
}

// Steady traffic needs a narrow margin, by what is worth it and by all rules, and a
// wrong guess of the service time is forgotten.
func TestAdaptiveSteady(t *testing.T) {
	for _, guess := range []time.Duration{0, 300 * time.Millisecond} {
		x := newAlive(Adaptive{Wait: 600 * time.Millisecond, Service: guess}, 20)
		x.steady(5400, 50, 0.2, 7)
		p := x.p.(*adaptive)
		for _, n := range []int{x.desired, p.Views[p.Followed].Bought} {
			if n < 11 || n > 14 {
				t.Errorf("%d replicas for a load of 10, guess %v", n, guess)
			}
		}
	}
}

// Bursts that come again are met by what stands when they bring enough to be worth
// it: not those of a few seconds in five minutes, but those of twenty.
func TestAdaptiveBursts(t *testing.T) {
	require.GreaterOrEqual(t, leastAfterBursts(20), 8, "a burst of 10 slots is forgotten")
	require.Less(t, leastAfterBursts(2), 8, "8 replicas all the time for one request in nine")
}

// leastAfterBursts is the least count of an hour, after one of getting used to
// bursts of so many seconds every five minutes.
func leastAfterBursts(length int) int {
	least, flight := math.MaxInt, 0.0
	x := newAlive(Adaptive{Wait: time.Second}, 1)
	for i := range 7200 {
		s := Second{Known: true, Begun: 1}
		if i%300 < length {
			s.Begun = 20
		}
		s.Ended = int64(min(flight+float64(s.Begun), float64(2*x.desired)))
		s.Busy = float64(s.Ended) / 2
		flight += float64(s.Begun - s.Ended)
		x.step(flight, s)
		if i > 3600 {
			least = min(least, x.desired)
		}
	}
	return least
}

// Where a start comes in time nothing is kept.
func TestAdaptiveInTime(t *testing.T) {
	x := newAlive(Adaptive{Wait: time.Minute}, 1)
	serving := Second{Known: true, Busy: 1}
	d := x.step(1, Second{Known: true, Begun: 1, Busy: 0.5})
	for range 19 {
		d = x.step(1, serving)
	}
	d = x.step(0, Second{Known: true, Ended: 1, Busy: 0.5})
	for range 100 {
		d = x.step(0, Second{Known: true})
	}
	require.Zero(t, d.Replicas, d.String())
	d = x.step(3, Second{Known: true, Begun: 3})
	require.Equal(t, 2, d.Replicas, fmt.Sprint(d, ": two rounds of 20 s fit what a start leaves of a minute"))
	require.Equal(t, DrainBy, d.Steps[0].Reason)
	d = x.step(1, Second{Known: true, Ended: 2, Busy: 3})
	require.Equal(t, 2, d.Replicas, fmt.Sprint(d, ": what is on its way is not called back"))
	for range 12 {
		d = x.step(1, serving)
	}
	require.Equal(t, 2, d.Replicas, d.String())
	for range 8 { // half of 32 s, to the slot, and those are over
		d = x.step(1, serving)
	}
	require.Equal(t, 1, d.Replicas, d.String())
}

// Who was never asked keeps nothing after ten minutes, though it knows no service
// time; a request that has begun before, or metrics that are lost, keep it.
func TestAdaptiveNeverAsked(t *testing.T) {
	for _, c := range []struct {
		name   string
		flight float64
		known  bool
		want   int
	}{{"idle", 0, true, 0}, {"busy", 1, true, 3}, {"blind", 0, false, 3}} {
		x := newAlive(Adaptive{Wait: time.Second}, 3)
		for i := range 700 {
			d := x.step(c.flight, Second{Known: c.known})
			if i < adaptiveSpan-1 {
				require.Equal(t, 3, x.desired, "%s, second %d: %v", c.name, i, d)
			}
		}
		require.Equal(t, c.want, x.desired, c.name)
	}
}

// BenchmarkAdaptive decides for one model, and in turn for a thousand, whose
// memories no cache holds, as a tick does.
func BenchmarkAdaptive(b *testing.B) {
	for _, models := range []int{1, 1000} {
		b.Run(fmt.Sprint("models=", models), func(b *testing.B) {
			start := time.Unix(1_700_000_000, 0)
			warm := newAlive(Adaptive{Wait: 540 * time.Millisecond}, 5)
			warm.steady(3600, 12, 0.18, 3)
			state := warm.p.(Saver).AppendState(nil)
			all := make([]Policy, models)
			for i := range all {
				all[i] = Adaptive{Wait: 540 * time.Millisecond}.New(start, 5)
				require.NoError(b, all[i].(Saver).Restore(state))
			}
			seconds := make([]Second, 2)
			steps := make([]Step, 0, 8)
			readings := []Reading{{Value: 3, Quality: OK}}
			now := time.Unix(1_700_100_000, 0)
			b.ReportAllocs()
			for b.Loop() {
				for i := range seconds {
					seconds[i] = Second{Unix: now.Unix() + int64(i), Begun: 12 + int64(i), Ended: 12, Busy: 2, Known: true}
				}
				now = now.Add(2 * time.Second)
				readings[0].At = now
				o := Observation{
					Now: now, Desired: 4, Current: 4, Ready: 4, Slots: 1, Lead: 35 * time.Second, Readings: readings, Seconds: seconds,
				}
				for _, p := range all {
					p.Decide(o.Lend(steps))
				}
			}
		})
	}
}

// A request that a reading tells of keeps what was never asked, also where the
// reading is not of the end of the last known second.
func TestAdaptiveNeverAskedButBusy(t *testing.T) {
	p := Adaptive{Wait: time.Second}.New(time.Unix(1_700_000_000, 0), 3)
	now := time.Unix(1_700_000_000, 0)
	desired := 3
	for range 700 {
		now = now.Add(time.Second)
		d := p.Decide(Observation{
			Now: now, Desired: desired, Current: desired, Ready: desired, Slots: 1, Lead: 30 * time.Second,
			Readings: []Reading{{Value: 1, At: now, Quality: OK}},
			Seconds:  []Second{{Unix: now.Unix() - 2, Known: true}}, // a second is known when the next is over
		})
		desired = d.Replicas
		require.Positive(t, desired, d.String())
	}
}

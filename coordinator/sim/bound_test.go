package sim

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// lived runs requests of one model under counts that stand for a step each, and
// returns what that costs, in replica-seconds, and misses. A count that falls
// takes the replicas away that are done first; what they still do is paid for.
func lived(reqs []Request, counts []int, step, wait, start float64, slots int) (cost float64, missed int) {
	type replica struct {
		free []float64
		from float64
	}
	var up []*replica
	end := step * float64(len(counts))
	pay := func(r *replica, now float64) { cost += max(now, min(slices.Max(r.free), end)) - r.from }
	q := 0
	for i, n := range counts {
		now := step * float64(i)
		for len(up) < n {
			free := slices.Repeat([]float64{now}, slots)
			up = append(up, &replica{free, now})
			if i > 0 {
				cost += start
			}
		}
		slices.SortStableFunc(up, func(a, b *replica) int {
			return int(math.Copysign(1, slices.Max(a.free)-slices.Max(b.free)))
		})
		for len(up) > n {
			pay(up[0], now)
			up = up[1:]
		}
		for ; q < len(reqs); q++ {
			at := reqs[q].At.Seconds()
			var best *float64
			for _, r := range up {
				for j := range r.free {
					if best == nil || r.free[j] < *best {
						best = &r.free[j]
					}
				}
			}
			if best == nil && at < now+step-wait { // nobody will ever start it in time
				missed++
				continue
			}
			if best == nil || max(*best, at) >= now+step {
				break
			}
			if max(*best, at)-at > wait {
				missed++ // and is not served: that is free
				continue
			}
			*best = max(*best, at) + reqs[q].Service.Seconds()
		}
	}
	for ; q < len(reqs); q++ { // at the end what starts in time is free
		missed++
	}
	for _, r := range up {
		pay(r, end)
	}
	return cost, missed
}

// No schedule on a grid costs less than the bound for what it misses, and the
// bound is worth something.
func TestLowerBoundAgainstAllSchedules(t *testing.T) {
	const steps, most = 7, 2
	ratio, cases := 0.0, 0
	trial := func(t *rapid.T) {
		step := rapid.SampledFrom([]float64{15, 20, 30}).Draw(t, "step")
		o := Options{
			Seconds: steps * step, Slots: rapid.IntRange(1, 2).Draw(t, "slots"), Tick: time.Second,
			Wait:  time.Duration(rapid.IntRange(0, 8).Draw(t, "wait")) * time.Second,
			Start: time.Duration(rapid.IntRange(0, 40).Draw(t, "start")) * time.Second,
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		mean := time.Duration(rapid.IntRange(1, 6).Draw(t, "mean")) * time.Second
		rate := rapid.Float64Range(0.1, 1.5).Draw(t, "load") * float64(o.Slots) / mean.Seconds()
		var reqs []Request
		for _, q := range poisson(rng, rate, mean, time.Duration(o.Seconds*1e9)) {
			if on := int(q.At.Seconds()/step) % 3; on != 1 || rapid.Bool().Draw(t, "kept") {
				reqs = append(reqs, q)
			}
		}
		least := make([]float64, len(reqs)+1) // cost by misses
		for i := range least {
			least[i] = math.Inf(1)
		}
		counts := make([]int, steps)
		for all := range int(math.Pow(most+1, steps)) {
			for i := range counts {
				counts[i], all = all%(most+1), all/(most+1)
			}
			cost, missed := lived(reqs, counts, step, o.Wait.Seconds(), o.Start.Seconds(), o.Slots)
			least[missed] = min(least[missed], cost)
		}
		for missed, cost := range least {
			if math.IsInf(cost, 1) || missed == len(reqs) {
				continue
			}
			w := &whole{reqs: reqs, mean: mean, end: time.Duration(o.Seconds * 1e9)}
			bound, err := LowerBound(w, o, 1-float64(missed)/float64(len(reqs)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if bound*3600 > cost+1e-6 {
				t.Fatalf("%d of %d missed at %v replica-seconds, bound %v", missed, len(reqs), cost, bound*3600)
			}
			if missed <= 1 {
				ratio += bound * 3600 / cost
				cases++
			}
		}
	}
	for range 5 { // the mean of a hundred trials strays as far as to the limit
		rapid.Check(t, trial)
	}
	require.Greater(t, ratio/float64(cases), 0.35, "on average of %d cases", cases)
}

// whole is a workload of one chunk.
type whole struct {
	reqs []Request
	mean time.Duration
	end  time.Duration
	done bool
}

func (w *whole) Next(c *Chunk) error {
	if w.done {
		return io.EOF
	}
	w.done = true
	c.From, c.To = 0, w.end
	c.Streams = []Stream{{Model: "m", MeanService: w.mean, Requests: w.reqs}}
	return nil
}

// The least number of misses, by trying all: every set that does not miss in
// every order.
func TestLensLateAgainstAllOrders(t *testing.T) {
	hits := 0
	rapid.Check(t, func(t *rapid.T) {
		c, wait := rapid.IntRange(0, 2).Draw(t, "slots"), float64(rapid.IntRange(0, 4).Draw(t, "wait"))
		n := rapid.IntRange(1, 6).Draw(t, "requests")
		reqs := make([]job, n)
		at, worst := 0.0, 0.0
		for i := range reqs {
			at += float64(rapid.IntRange(0, 3).Draw(t, "gap"))
			reqs[i] = job{at, float64(rapid.IntRange(1, 6).Draw(t, "service"))}
			worst = max(worst, reqs[i].service)
		}
		exact := n - inTime(reqs, make([]float64, c), wait)
		l := &lens{wait: wait, slots: 1}
		got := l.late(reqs, float64(c), worst)
		if got > exact {
			t.Fatalf("%d miss at least, but %d can be enough: %v, %d slots, wait %v", got, exact, reqs, c, wait)
		}
		if got > 0 && c > 0 {
			hits++
		}
	})
	require.Greater(t, hits, 3, "it found misses with slots")
}

// inTime is how many of reqs can start in time on slots that are free at given
// times.
func inTime(reqs []job, free []float64, wait float64) (best int) {
	for i, q := range reqs {
		rest := slices.Delete(slices.Clone(reqs), i, i+1)
		for j, f := range free {
			if start := max(f, q.at); start <= q.at+wait {
				then := slices.Clone(free)
				then[j] = start + q.service
				best = max(best, 1+inTime(rest, then, wait))
			}
		}
	}
	return best
}

// Neither what a schedule that knows the future costs nor any policy is below
// the bound for what it misses.
func TestLowerBoundHolds(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range 12 {
		w := &list{models: []string{"a", "b"}, mean: time.Second, minutes: 20, reqs: map[string][]Request{}}
		for _, m := range w.models {
			for part := range 4 {
				for _, q := range poisson(rng, []float64{0.05, 1, 4, 12}[rng.IntN(4)], time.Second, 5*time.Minute) {
					q.At += time.Duration(part) * 5 * time.Minute
					w.reqs[m] = append(w.reqs[m], q)
				}
			}
		}
		o := options()
		o.Seconds, o.Slots, o.Min, o.Start, o.Warmup = 1200, 1+i%3, i%2, time.Duration(5+10*(i%4))*time.Second, time.Duration(i%3)*100*time.Second
		for _, target := range []float64{1, 0.999, 0.9, 0.5} {
			w.at = 0
			s, err := Clairvoyant(w, o, target, nil)
			require.NoError(t, err)
			w.at = 0
			bound, err := LowerBound(w, o, min(target, 1-float64(s.Missed)/float64(s.Requests)), nil)
			require.NoError(t, err)
			require.LessOrEqual(t, bound, s.ReplicaHours, fmt.Sprint(i, target))
			if target == 0.999 && o.Min == 1 {
				require.Greater(t, bound, 0.5*s.ReplicaHours, "it is worth something")
			}
		}
		w.at = 0
		got, err := Run(w, o, []Setup{setup("track", lagTrack), setup("one", fixed(1)), setup("nine", fixed(9))}, nil)
		require.NoError(t, err)
		for _, r := range got {
			w.at = 0
			bound, err := LowerBound(w, o, max(1-float64(r.Missed)/float64(r.Requests), 1e-9), nil)
			require.NoError(t, err)
			require.LessOrEqual(t, bound, r.ReplicaHours, "%d %s", i, r.Policy)
		}
	}
}

// What a share of all requests was missed by may be missed, although a quotient
// of counts is rounded.
func TestLowerBoundOfAQuotient(t *testing.T) {
	const n = 99_991
	w := &list{models: []string{"m"}, mean: time.Second, minutes: 20, reqs: map[string][]Request{}}
	for range n - 1 { // served at once, in no time
		w.reqs["m"] = append(w.reqs["m"], Request{At: time.Second})
	}
	w.reqs["m"] = append(w.reqs["m"], Request{At: 10 * time.Minute, Service: time.Second})
	o := options()
	o.Seconds, o.Slots, o.Min, o.Start = 1200, 1, 0, time.Minute
	bounds := make([]float64, 3)
	for misses := range bounds {
		w.at = 0
		var err error
		bounds[misses], err = LowerBound(w, o, 1-float64(misses)/n, nil)
		require.NoError(t, err)
	}
	require.Greater(t, bounds[0], bounds[1]*1.01)
}

func TestLowerBoundRefuses(t *testing.T) {
	w := &list{models: []string{"m"}, mean: time.Second, minutes: 1}
	_, err := LowerBound(w, options(), 0, nil)
	require.ErrorContains(t, err, "(0, 1], is 0")
	_, err = LowerBound(w, options(), math.NaN(), nil)
	require.ErrorContains(t, err, "is NaN")
	shared := options()
	shared.Servers = &Servers{Slots: 1, Memory: 1}
	_, err = LowerBound(w, shared, 1, nil)
	require.ErrorContains(t, err, "not of shared servers")
	_, err = BestStatic(nil, shared, 1, nil)
	require.ErrorContains(t, err, "not of shared servers")
	_, err = LowerBound(w, Options{}, 1, nil)
	require.ErrorContains(t, err, "Seconds")
}

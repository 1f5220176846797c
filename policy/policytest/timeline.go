package policytest

import (
	"fmt"
	"math"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/policy"
)

// A Timeline is what happens to one target, whatever its policy decides.
type Timeline struct {
	Start time.Time // when the policy is made
	Ready int       // how many are ready then, >= 0; the first Desired
	Ticks []Tick
	Seed  uint64 // of what a law picks at random
}

// A Tick is what leads to one Observation. Desired follows the decisions unless
// Set says that someone else put another count in force.
type Tick struct {
	Gap         time.Duration // since the tick before, or the start; >= 0
	Set         bool
	Desired     int  // if Set; >= 0
	NotReady    int  // how many of Desired are not ready, at most; >= 0
	Lost        bool // those are not starting either
	Surplus     int  // ready beyond Desired; >= 0
	ReadyFailed bool
	Slots       int
	Lead        time.Duration
	Readings    []policy.Reading // At is counted from the tick on
	Pods        [][]policy.Pod   // their times, too
	Second      policy.Second    // each whole second since the tick before was like this one
	NoSeconds   bool             // nothing is said of them
}

const (
	maxTicks   = 30
	maxSeconds = 900 // that one tick looks back
)

// Timelines generates ordinary timelines for a policy with these needs: counts
// up to a hundred, readings of any quality in [0, load], gaps from zero to
// minutes, pods in any state.
func Timelines(needs policy.Needs, load float64) *rapid.Generator[Timeline] {
	qualities := rapid.SampledFrom([]policy.Quality{
		policy.OK, policy.OK, policy.OK, policy.OK, policy.OK, policy.OK,
		policy.Stale, policy.Partial, policy.Missing, policy.Failed,
	})
	tick := rapid.Custom(func(t *rapid.T) Tick {
		var k Tick
		switch rapid.IntRange(0, 19).Draw(t, "kind of gap") {
		case 0:
			k.Gap = time.Duration(rapid.IntRange(60, maxSeconds).Draw(t, "long gap")) * time.Second
		case 1:
			k.Gap = time.Duration(rapid.IntRange(0, 1500).Draw(t, "short gap")) * time.Millisecond
		default:
			k.Gap = time.Duration(rapid.IntRange(0, 20).Draw(t, "gap")) * time.Second
		}
		if rapid.IntRange(0, 9).Draw(t, "set") == 9 {
			k.Set, k.Desired = true, rapid.IntRange(0, 100).Draw(t, "desired")
		}
		switch rapid.IntRange(0, 9).Draw(t, "fleet") {
		case 6, 7:
			k.NotReady = rapid.IntRange(1, 20).Draw(t, "not ready")
		case 8:
			k.NotReady, k.Lost = rapid.IntRange(1, 20).Draw(t, "lost"), true
		case 9:
			k.Surplus = rapid.IntRange(1, 20).Draw(t, "surplus")
		}
		k.ReadyFailed = rapid.IntRange(0, 19).Draw(t, "ready failed") == 19
		k.Slots = rapid.IntRange(0, 4).Draw(t, "slots")
		k.Lead = time.Duration(rapid.IntRange(0, 90).Draw(t, "lead")) * time.Second
		quiet := rapid.IntRange(0, 2).Draw(t, "quiet") == 0
		for range needs.Signals {
			r := policy.Reading{Quality: qualities.Draw(t, "quality")}
			if !quiet {
				r.Value = load * float64(rapid.IntRange(0, 1000).Draw(t, "value")) / 1000
			}
			switch r.Quality {
			case policy.Missing, policy.Failed:
				r.Value = 0
			case policy.Stale:
				r.At = r.At.Add(-time.Minute)
			case policy.Partial:
				r.Answered, r.Of = 1, 2
			case policy.OK:
				if rapid.IntRange(0, 29).Draw(t, "no number") == 29 {
					r.Value = math.NaN()
				}
			}
			k.Readings = append(k.Readings, r)
		}
		if needs.Seconds {
			k.Second.Known = rapid.IntRange(0, 9).Draw(t, "known") < 8
			if k.Second.Known && !quiet {
				k.Second.Begun = int64(rapid.IntRange(0, 20).Draw(t, "begun"))
				k.Second.Ended, k.Second.Busy = k.Second.Begun, float64(k.Second.Begun)/2
			}
			k.NoSeconds = rapid.IntRange(0, 19).Draw(t, "no seconds") == 19
		}
		k.Pods = podLists(t, needs.Pods, quiet)
		return k
	})
	return timelines(rapid.IntRange(0, 30), tick)
}

// Hostiles generates timelines in which any number may be anything that its
// type can hold, but for counts, which are in [0, math.MaxInt32], and for time,
// which may stand still or leap but never goes back.
func Hostiles(needs policy.Needs) *rapid.Generator[Timeline] {
	counts := rapid.SampledFrom([]int{0, 1, 2, 7, 1000, math.MaxInt32 - 1, math.MaxInt32})
	values := rapid.SampledFrom([]float64{
		0, 1, 10, 1e6, 1e308, math.MaxFloat64, math.SmallestNonzeroFloat64, -1, -1e308,
		math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.MaxInt32, math.MaxInt64,
	})
	gaps := rapid.SampledFrom([]time.Duration{
		0, 0, 0, 1, time.Millisecond, time.Second, time.Minute, time.Hour, 10 * 365 * 24 * time.Hour,
	})
	sums := rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64})
	tick := rapid.Custom(func(t *rapid.T) Tick {
		k := Tick{
			Gap:         gaps.Draw(t, "gap"),
			Set:         rapid.Bool().Draw(t, "set"),
			Desired:     counts.Draw(t, "desired"),
			NotReady:    counts.Draw(t, "not ready"),
			Lost:        rapid.Bool().Draw(t, "lost"),
			ReadyFailed: rapid.IntRange(0, 4).Draw(t, "ready failed") == 4,
			Slots:       counts.Draw(t, "slots"),
			Lead:        gaps.Draw(t, "lead"),
			NoSeconds:   rapid.Bool().Draw(t, "no seconds"),
		}
		if rapid.IntRange(0, 3).Draw(t, "fleet") == 3 {
			k.Surplus = counts.Draw(t, "surplus")
		}
		for range needs.Signals {
			k.Readings = append(k.Readings, policy.Reading{
				Value:    values.Draw(t, "value"),
				Quality:  policy.Quality(rapid.SampledFrom([]int{1, 1, 1, 0, 2, 3, 4, 5, 255}).Draw(t, "quality")),
				Answered: int32(rapid.IntRange(-1, 2).Draw(t, "answered")),
				Of:       int32(rapid.IntRange(-1, 2).Draw(t, "of")),
			})
		}
		if needs.Seconds {
			k.Second = policy.Second{
				Begun: sums.Draw(t, "begun"), Ended: sums.Draw(t, "ended"), Failed: sums.Draw(t, "failed"),
				Busy: values.Draw(t, "busy"), Known: rapid.Bool().Draw(t, "known"),
			}
		}
		k.Pods = hostilePods(t, needs.Pods)
		return k
	})
	return timelines(counts, tick)
}

func timelines(ready *rapid.Generator[int], tick *rapid.Generator[Tick]) *rapid.Generator[Timeline] {
	return rapid.Custom(func(t *rapid.T) Timeline {
		fraction := time.Duration(rapid.SampledFrom([]int{0, 0, 250, 999}).Draw(t, "fraction"))
		return Timeline{
			Start: time.Unix(1_700_000_000, 0).UTC().Add(fraction * time.Millisecond),
			Ready: ready.Draw(t, "ready"),
			Ticks: rapid.SliceOfN(tick, 1, maxTicks).Draw(t, "ticks"),
			Seed:  rapid.Uint64().Draw(t, "seed"),
		}
	})
}

// observation returns what a policy sees on tick k, with slices of its own.
func (k Tick) observation(before time.Time, desired int, needs policy.Needs) policy.Observation {
	if k.Set {
		desired = k.Desired
	}
	o := policy.Observation{
		Now: before.Add(k.Gap), Desired: desired,
		ReadyFailed: k.ReadyFailed, Slots: k.Slots, Lead: k.Lead,
	}
	missing := min(k.NotReady, desired)
	o.Ready = min(desired-missing+k.Surplus, math.MaxInt32)
	if !k.Lost {
		o.Starting = missing
	}
	o.Current = o.Ready + o.Starting
	for _, r := range k.Readings {
		r.At = o.Now.Add(r.At.Sub(time.Time{}))
		o.Readings = append(o.Readings, r)
	}
	o.Pods = podsAt(k.Pods, o.Now)
	if needs.Seconds && !k.NoSeconds {
		end := o.Now.Unix()
		for u := max(before.Unix(), end-maxSeconds); u < end; u++ {
			s := k.Second
			s.Unix = u
			o.Seconds = append(o.Seconds, s)
		}
	}
	return o
}

// entry is one tick of a run: what was seen and what was decided.
type entry struct {
	seen    policy.Observation
	decided policy.Decision // Clone
}

func (e entry) write(b *strings.Builder, start time.Time) {
	o := e.seen
	fmt.Fprintf(b, "  +%v desired=%d ready=%d starting=%d", o.Now.Sub(start), o.Desired, o.Ready, o.Starting)
	if o.ReadyFailed {
		b.WriteString(" (not readable)")
	}
	for _, r := range o.Readings {
		fmt.Fprintf(b, " %v %v", r.Quality, r.Value)
	}
	for _, list := range o.Pods {
		known, usage := 0, int64(0)
		for _, p := range list {
			if p.Usage.Known {
				known++
				usage += p.Usage.Milli
			}
		}
		fmt.Fprintf(b, " pods=%d known=%d usage=%dm", len(list), known, usage)
	}
	if n := len(o.Seconds); n > 0 {
		s := o.Seconds[n-1]
		fmt.Fprintf(b, " seconds=%d each begun=%d known=%v", n, s.Begun, s.Known)
	}
	fmt.Fprintf(b, " -> %s\n", show(e.decided))
}

// show is a decision with its verdict and numbers.
func show(d policy.Decision) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d (%v)", d.Replicas, d.Verdict)
	for _, s := range d.Steps {
		fmt.Fprintf(&b, "; %s", s.Detail())
		if !s.Until.IsZero() {
			fmt.Fprintf(&b, " until %v", s.Until.UTC().Format("15:04:05.999"))
		}
	}
	return b.String()
}

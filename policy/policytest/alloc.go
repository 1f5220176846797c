package policytest

import (
	"testing"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// tryNoAllocation repeats a timeline: first WarmUp ticks, then while counting.
func tryNoAllocation(s *subject, tl Timeline) (int, *Violation) {
	c := &cycle{runner: s.runner(tl), buf: make([]policy.Step, 64)}
	for _, k := range tl.Ticks {
		o := k.observation(c.now, 0, s.needs)
		c.sights = append(c.sights, sight{o, k, o.Now.Sub(tl.Start)})
		c.now = o.Now
	}
	// Whole seconds, so that the seconds of the next round can follow.
	c.span = c.now.Sub(tl.Start).Truncate(time.Second) + time.Second
	for range s.WarmUp/len(tl.Ticks) + 1 {
		c.once()
	}
	// What others allocate meanwhile is not the policy's: the least counts.
	const rounds = 10
	least := testing.AllocsPerRun(rounds, c.once)
	for range 2 {
		if least > 0 {
			least = min(least, testing.AllocsPerRun(rounds, c.once))
		}
	}
	if least > 0 {
		return 0, s.violation(NoAllocation, nil, "%v allocations in %d ticks after %d ticks of warm-up", least, len(tl.Ticks), s.WarmUp)
	}
	return rounds * len(tl.Ticks), nil
}

// A cycle repeats the same observations later and later, without allocating.
type cycle struct {
	*runner
	sights []sight
	span   time.Duration
	round  time.Duration
	buf    []policy.Step
}

type sight struct {
	policy.Observation
	tick  Tick
	since time.Duration // the start
}

func (c *cycle) once() {
	for i := range c.sights {
		x := &c.sights[i]
		o := &x.Observation
		o.Now = c.start.Add(c.round + x.since)
		if x.tick.Set {
			c.desired = x.tick.Desired
		}
		missing := min(x.tick.NotReady, c.desired)
		o.Desired, o.Ready, o.Starting = c.desired, c.desired-missing, missing
		o.Current = o.Desired
		for j := range o.Readings {
			o.Readings[j].At = o.Now
		}
		c.desired = c.p.Decide(o.Lend(c.buf)).Replicas
		for j := range o.Seconds {
			o.Seconds[j].Unix += int64(c.span / time.Second)
		}
	}
	c.round += c.span
}

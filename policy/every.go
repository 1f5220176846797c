package policy

import (
	"errors"
	"fmt"
	"time"
)

// Every asks Of once a Period, at instants counted from its creation, and
// repeats that decision in between: an extra call advances nothing inside. Of the
// seconds in between Of sees the last hour.
//
// Law: calls between two instants neither reach Of nor change what it decides.
type Every struct {
	Period time.Duration // > 0
	Of     Config
}

// Validate reports every fault of c and of what it wraps.
func (c Every) Validate() error {
	var f faults
	f.Require(c.Period > 0, "Period", "must be > 0, is %v", c.Period)
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c Every) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of; its first call is an instant.
func (c Every) New(at time.Time, ready int) Policy {
	return &every{
		Every: c, of: c.Of.New(at, ready), keepSeconds: c.Of.Needs().Seconds,
		everyMemory: everyMemory{Beat: newBeat(at)},
	}
}

type every struct {
	Every
	of          Policy
	keepSeconds bool
	everyMemory
}

type everyMemory struct {
	Beat    beat
	Seconds []Second `json:",omitempty"` // since the last instant; at most maxKeptSeconds
}

func (m *everyMemory) valid() error { return m.Beat.valid() }

// maxKeptSeconds bounds what is kept of a call-free hour and more.
const maxKeptSeconds = 3600

func (p *every) Decide(o Observation) Decision {
	if p.keepSeconds {
		for _, s := range o.Seconds {
			p.Seconds = append(p.Seconds, s.sound())
		}
		if extra := len(p.Seconds) - maxKeptSeconds; extra > 0 {
			p.Seconds = append(p.Seconds[:0], p.Seconds[extra:]...)
		}
	}
	if !p.Beat.due(o.Now, p.Period) {
		return p.Beat.repeat(&o)
	}
	if p.keepSeconds {
		o.Seconds = p.Seconds
	}
	d := p.of.Decide(o)
	p.Beat.keep(&d)
	p.Seconds = p.Seconds[:0]
	return d
}

func (p *every) AppendState(dst []byte) []byte { return appendState(dst, &p.everyMemory, p.of) }
func (p *every) Restore(state []byte) error    { return restoreState(state, &p.everyMemory, p.of) }

// A beat is the memory of something that acts once a period and repeats itself
// in between.
type beat struct {
	Start, Next time.Time
	Replicas    int
	Verdict     Verdict
}

// newBeat begins at an instant. What is asked before it holds.
func newBeat(at time.Time) beat { return beat{Start: at, Next: at, Verdict: Hold} }

func (b *beat) valid() error {
	if b.Start.IsZero() || b.Next.IsZero() || b.Verdict > NoOpinion {
		return errors.New("a period without a beginning")
	}
	if b.Replicas < 0 || b.Replicas > maxReplicas {
		return fmt.Errorf("a period's decision for %d", b.Replicas)
	}
	for _, at := range []time.Time{b.Start, b.Next} {
		if y := at.Year(); y < 1900 || y > 2150 { // durations hold 292 years
			return fmt.Errorf("a period of the year %d", y)
		}
	}
	return nil
}

// due reports whether now is an instant, and if so moves on to the next one,
// which stays a whole number of periods from Start.
func (b *beat) due(now time.Time, period time.Duration) bool {
	if now.Before(b.Next) {
		return false
	}
	b.Next = b.Next.Add(period)
	if !now.Before(b.Next) { // instants were missed
		b.Next = b.Start.Add((now.Sub(b.Start)/period + 1) * period)
	}
	return true
}

// keep remembers what was decided at an instant.
func (b *beat) keep(d *Decision) { b.Replicas, b.Verdict = d.Replicas, d.Verdict }

// repeat gives the last decision again. What was a hold holds the count that is
// in force now.
func (b *beat) repeat(o *Observation) (d Decision) {
	if b.Verdict == Propose && b.Replicas != o.Desired {
		d = o.Propose(BetweenPeriods, b.Replicas)
	} else {
		d = o.Hold(BetweenPeriods)
		if b.Verdict == NoOpinion {
			d.Verdict = NoOpinion
		}
	}
	d.Steps[len(d.Steps)-1].Until = b.Next
	return d
}

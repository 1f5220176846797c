package policytest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// A subject is what is on trial.
type subject struct {
	policy.Config
	Options
	needs policy.Needs
	last  *runner // the newest one, for the log of a panic
}

func newSubject(l Law, c policy.Config, o Options) (s *subject, v *Violation) {
	if o.Load == 0 {
		o.Load = 400
	}
	if o.WarmUp == 0 {
		o.WarmUp = 1000
	}
	s = &subject{Config: c, Options: o}
	defer func() {
		if p := recover(); p != nil {
			v = s.violation(l, nil, "panic in Validate or Needs: %v", p)
		}
	}()
	if err := c.Validate(); err != nil {
		// No other law is defined for such a Config.
		return s, s.violation(Valid, nil, "Validate returns: %v", err)
	}
	s.needs = c.Needs()
	return s, nil
}

func (s *subject) violation(l Law, r *runner, format string, args ...any) *Violation {
	v := &Violation{Law: l, What: fmt.Sprintf(format, args...)}
	if r == nil {
		return v
	}
	v.Tick = max(0, len(r.log)-1)
	var b strings.Builder
	fmt.Fprintf(&b, "  made at %v with %d ready\n", r.start.Format(time.RFC3339Nano), r.ready)
	for _, e := range r.log {
		e.write(&b, r.start)
	}
	v.Log = b.String()
	return v
}

// A runner leads one policy along a timeline and feeds its decisions back.
type runner struct {
	s       *subject
	p       policy.Policy
	start   time.Time
	ready   int
	now     time.Time
	desired int
	log     []entry
}

func (s *subject) runner(tl Timeline) *runner {
	r := &runner{s: s, start: tl.Start, ready: tl.Ready, now: tl.Start, desired: tl.Ready}
	s.last = r
	r.p = s.New(tl.Start, tl.Ready)
	return r
}

// see returns the next observation and notes it.
func (r *runner) see(k Tick) policy.Observation {
	r.s.last = r
	o := k.observation(r.now, r.desired, r.s.needs)
	noted := o
	noted.Readings, noted.Seconds, noted.Pods = slices.Clone(o.Readings), slices.Clone(o.Seconds), clonePods(o.Pods)
	r.log = append(r.log, entry{seen: noted})
	r.now = o.Now
	return o
}

// decided notes what was decided on the last observation, and returns d.
func (r *runner) decided(d policy.Decision) policy.Decision {
	r.log[len(r.log)-1].decided = d.Clone()
	r.desired = min(max(d.Replicas, 0), math.MaxInt32)
	return d
}

func (r *runner) tick(k Tick) policy.Decision { return r.decided(r.p.Decide(r.see(k))) }

// run leads a new policy along all of tl.
func (s *subject) run(tl Timeline) *runner {
	r := s.runner(tl)
	for _, k := range tl.Ticks {
		r.tick(k)
	}
	return r
}

// differs compares r's last decision with what want's decision on that tick
// was; it returns "" or both.
func (r *runner) differs(want *runner) string {
	i := len(r.log) - 1
	a, b := want.log[i].decided, r.log[i].decided
	if same(a, b) {
		return ""
	}
	return fmt.Sprintf("%s\n  and %s", show(a), show(b))
}

// same compares decisions; a NaN equals itself.
func same(a, b policy.Decision) bool {
	number := func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) }
	return a.Replicas == b.Replicas && a.Verdict == b.Verdict && slices.EqualFunc(a.Steps, b.Steps, func(s, t policy.Step) bool {
		return s.Reason == t.Reason && s.From == t.From && s.To == t.To &&
			number(s.Have, t.Have) && number(s.Limit, t.Limit) && s.Until.Equal(t.Until)
	})
}

func tryValid(s *subject, _ Timeline) (int, *Violation) {
	again := s.Needs()
	if again.Seconds != s.needs.Seconds || !slices.Equal(again.Signals, s.needs.Signals) || !slices.Equal(again.Pods, s.needs.Pods) {
		return 1, s.violation(Valid, nil, "Needs returns %v, then %v", s.needs, again)
	}
	for i, signal := range s.needs.Signals {
		if err := signal.Validate(); err != nil {
			return 1, s.violation(Valid, nil, "Needs.Signals[%d]: %v", i, err)
		}
	}
	return 1, nil
}

func tryDeterministic(s *subject, tl Timeline) (int, *Violation) {
	first, second := s.run(tl), s.runner(tl)
	for _, k := range tl.Ticks {
		second.tick(k)
		if d := second.differs(first); d != "" {
			return 0, s.violation(Deterministic, second, "two policies that saw the same decide %s", d)
		}
	}
	return len(tl.Ticks), nil
}

func tryIsolated(s *subject, tl Timeline) (int, *Violation) {
	other := tl
	other.Start, other.Ready = tl.Start.Add(time.Hour), tl.Ready/2+3
	other.Ticks = slices.Clone(tl.Ticks)
	slices.Reverse(other.Ticks)
	aloneA, aloneB := s.run(tl), s.run(other)
	a, b := s.runner(tl), s.runner(other)
	for i := range tl.Ticks {
		a.tick(tl.Ticks[i])
		if d := a.differs(aloneA); d != "" {
			return 0, s.violation(Isolated, a, "alone, and interleaved with another target of the Config: %s", d)
		}
		b.tick(other.Ticks[i])
		if d := b.differs(aloneB); d != "" {
			return 0, s.violation(Isolated, b, "alone, and interleaved with another target of the Config: %s", d)
		}
	}
	return len(tl.Ticks), nil
}

func tryBorrowed(s *subject, tl Timeline) (int, *Violation) {
	alone := s.run(tl)

	// Nothing lent: what was decided before stays as it is.
	r := s.runner(tl)
	var kept []policy.Decision
	for _, k := range tl.Ticks {
		o := r.see(k)
		d := r.decided(r.p.Decide(o))
		poison(o)
		if d := r.differs(alone); d != "" {
			return 0, s.violation(Borrowed, r, "with slices left alone, and overwritten after each decision: %s", d)
		}
		kept = append(kept, d)
		for i, before := range kept {
			if was := r.log[i].decided; !same(was, before) {
				return 0, s.violation(Borrowed, r, "without a lent buffer the decision of tick %d changed from %s\n  to %s", i, show(was), show(before))
			}
		}
	}

	// A buffer that is overwritten between decisions.
	r = s.runner(tl)
	buf := make([]policy.Step, 64)
	for _, k := range tl.Ticks {
		scribble(buf)
		d := r.decided(r.p.Decide(r.see(k).Lend(buf)))
		if diff := r.differs(alone); diff != "" {
			return 0, s.violation(Borrowed, r, "without a buffer, and with a lent one that is overwritten: %s", diff)
		}
		if len(d.Steps) > 0 && !within(buf, d.Steps) {
			return 0, s.violation(Borrowed, r, "the steps do not lie in the lent buffer: %s", show(d))
		}
	}

	// Two targets, each with a buffer of its own.
	r, other := s.runner(tl), s.runner(tl)
	second := make([]policy.Step, 64)
	for _, k := range tl.Ticks {
		d := r.decided(r.p.Decide(r.see(k).Lend(buf)))
		other.decided(other.p.Decide(other.see(k).Lend(second)))
		if was := r.log[len(r.log)-1].decided; !same(was, d) {
			return 0, s.violation(Borrowed, r, "another target's decision changed this one's steps from %s\n  to %s", show(was), show(d))
		}
	}

	// A buffer with too little room.
	r = s.runner(tl)
	for _, k := range tl.Ticks {
		r.decided(r.p.Decide(r.see(k).Lend(make([]policy.Step, 0, 1))))
		if d := r.differs(alone); d != "" {
			return 0, s.violation(Borrowed, r, "without a buffer, and with one for a single step: %s", d)
		}
	}
	return len(tl.Ticks), nil
}

// poison overwrites the slices of o.
func poison(o policy.Observation) {
	for i := range o.Readings {
		o.Readings[i] = policy.Reading{Value: 7e7, Quality: policy.OK, At: o.Now.Add(-time.Hour)}
	}
	for i := range o.Seconds {
		o.Seconds[i] = policy.Second{Unix: o.Now.Unix() - 9999, Begun: 7e7, Ended: 1, Failed: 7e6, Busy: 7e7, Known: true}
	}
	poisonPods(o.Pods)
}

func scribble(buf []policy.Step) {
	for i := range buf {
		buf[i] = policy.Step{Reason: "overwritten", From: -7, To: -77, Have: math.NaN()}
	}
}

func within(buf, steps []policy.Step) bool {
	for i := range buf {
		if &buf[i] == &steps[0] {
			return i+len(steps) <= len(buf)
		}
	}
	return false
}

// gap returns what is wrong with the steps of d, or "".
func gap(o policy.Observation, d policy.Decision) string {
	switch {
	case d.Verdict > policy.NoOpinion:
		return fmt.Sprintf("unknown verdict %v", d.Verdict)
	case d.Verdict != policy.Propose && d.Replicas != o.Desired:
		return fmt.Sprintf("a %v with %d replicas, Desired is %d", d.Verdict, d.Replicas, o.Desired)
	case len(d.Steps) == 0:
		return "no step"
	}
	at := o.Desired
	for i, step := range d.Steps {
		if step.From != at {
			return fmt.Sprintf("step %d starts at %d, not at %d", i, step.From, at)
		}
		if step.Reason == "" {
			return fmt.Sprintf("step %d has no reason", i)
		}
		at = step.To
	}
	if at != d.Replicas {
		return fmt.Sprintf("the steps end at %d, not at %d", at, d.Replicas)
	}
	return ""
}

// outside returns which bound n is beyond, or "".
func (s *subject) outside(n int) string {
	switch {
	case n < 0 || n > math.MaxInt32:
		return fmt.Sprintf("%d is outside [0, %d]", n, math.MaxInt32)
	case n < s.Min:
		return fmt.Sprintf("%d is below the declared minimum %d", n, s.Min)
	case s.Max > 0 && n > s.Max:
		return fmt.Sprintf("%d is above the declared maximum %d", n, s.Max)
	}
	return ""
}

func trySteps(s *subject, tl Timeline) (int, *Violation) {
	r := s.runner(tl)
	for _, k := range tl.Ticks {
		o := r.see(k)
		if fault := gap(o, r.decided(r.p.Decide(o))); fault != "" {
			return 0, s.violation(Steps, r, "%s", fault)
		}
	}
	return len(tl.Ticks), nil
}

func tryBounds(s *subject, tl Timeline) (int, *Violation) {
	r := s.runner(tl)
	for _, k := range tl.Ticks {
		if fault := s.outside(r.tick(k).Replicas); fault != "" {
			return 0, s.violation(Bounds, r, "%s", fault)
		}
	}
	return len(tl.Ticks), nil
}

func tryHostile(s *subject, tl Timeline) (int, *Violation) {
	r := s.runner(tl)
	for _, k := range tl.Ticks {
		o := r.see(k)
		d := r.decided(r.p.Decide(o))
		if fault := gap(o, d); fault != "" {
			return 0, s.violation(Hostile, r, "%s", fault)
		}
		if fault := s.outside(d.Replicas); fault != "" {
			return 0, s.violation(Hostile, r, "%s", fault)
		}
		if saver, ok := r.p.(policy.Saver); ok {
			saver.AppendState(nil)
		}
	}
	return len(tl.Ticks), nil
}

// saysNothing reports whether a reading is not OK, or only says that it is.
func saysNothing(r policy.Reading) bool {
	return r.Quality != policy.OK || math.IsNaN(r.Value) || math.IsInf(r.Value, 0)
}

// silent reports whether o says too little to lower a count.
func (s *subject) silent(o policy.Observation) bool {
	if o.ReadyFailed || slices.ContainsFunc(o.Readings, saysNothing) || podsSilent(o.Pods) {
		return true
	}
	return len(o.Seconds) > 0 && !slices.ContainsFunc(o.Seconds, func(x policy.Second) bool { return x.Known })
}

func trySilence(s *subject, tl Timeline) (tempted int, v *Violation) {
	r := s.runner(tl)
	before := math.MaxInt32 // the decision before
	for _, k := range tl.Ticks {
		o := r.see(k)
		d := r.decided(r.p.Decide(o))
		// What was decided in good time may be said again.
		floor := min(o.Desired, before)
		before = d.Replicas
		if !s.silent(o) || floor == 0 {
			continue
		}
		tempted++
		if d.Replicas < floor && (s.Max == 0 || d.Replicas < s.Max) {
			return 0, s.violation(Silence, r, "lowered to %d, Desired is %d and the decision before was no lower than %d", d.Replicas, o.Desired, floor)
		}
	}
	return tempted, nil
}

func tryMonotone(s *subject, tl Timeline) (tempted int, v *Violation) {
	pick := random(tl)
	for range 4 {
		n := pick.IntN(len(tl.Ticks))
		history := tl
		history.Ticks = tl.Ticks[:n]
		settled := tl.Ticks[n]
		settled.Lost, settled.Surplus = false, 0
		raised := settled
		raised.Readings = slices.Clone(settled.Readings)
		for i := range raised.Readings {
			r := &raised.Readings[i]
			if r.Quality.HasValue() {
				r.Value += pick.Float64() * s.Load / 2
				tempted++
			}
		}
		less := s.run(history)
		low := less.tick(settled)
		more := s.run(history)
		if high := more.tick(raised); low.Replicas > high.Replicas {
			return 0, s.violation(Monotone, more, "with smaller readings %s\n  and with larger ones %s", show(low), show(high))
		}
	}
	return tempted, nil
}

package policytest

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/policy"
)

// A Law names one of the laws that policies keep; the package comment says what
// each asks for.
type Law string

// The laws.
const (
	Valid         Law = "valid"
	Deterministic Law = "deterministic"
	Isolated      Law = "isolated"
	Borrowed      Law = "borrowed"
	Steps         Law = "steps"
	Bounds        Law = "bounds"
	Hostile       Law = "hostile"
	Silence       Law = "silence"
	Saved         Law = "saved"
	Monotone      Law = "monotone"
	Valued        Law = "valued"
	NoAllocation  Law = "no allocation"
)

// Laws returns all laws, in the order in which Run tries them.
func Laws() []Law {
	laws := make([]Law, len(trials))
	for i, t := range trials {
		laws[i] = t.law
	}
	return laws
}

// Options say what a policy declares about itself. The zero value declares
// nothing and asks for every law but Monotone.
type Options struct {
	Min, Max int            // every count lies in [Min, Max]; Max 0: no upper bound is declared
	Monotone bool           // the law Monotone is asked for
	Load     float64        // about the largest reading of an ordinary timeline, > 0; 0 means 400
	WarmUp   int            // ticks after which Decide allocates no more; 0 means 1000
	Exempt   map[Law]string // laws that the policy breaks on purpose, and why
}

// A Violation is a law broken.
type Violation struct {
	Law  Law
	Tick int    // on which it showed, from 0
	What string // both sides
	Log  string // the timeline so far, a line per tick; may be empty
}

func (v *Violation) Error() string {
	s := fmt.Sprintf("policytest: law %q broken at tick %d: %s", v.Law, v.Tick, v.What)
	if v.Log != "" {
		s += "\ntimeline:\n" + v.Log
	}
	return s
}

// A trial puts one law to the test on one timeline. tempted is how often the
// law's precondition held.
type trial struct {
	law     Law
	hostile bool // wants timelines of Hostiles
	once    bool // says all it can say on a few timelines
	try     func(*subject, Timeline) (tempted int, v *Violation)
}

var trials = []trial{
	{law: Valid, once: true, try: tryValid},
	{law: Deterministic, try: tryDeterministic},
	{law: Isolated, try: tryIsolated},
	{law: Borrowed, try: tryBorrowed},
	{law: Steps, try: trySteps},
	{law: Bounds, try: tryBounds},
	{law: Hostile, hostile: true, try: tryHostile},
	{law: Silence, try: trySilence},
	{law: Saved, try: trySaved},
	{law: Monotone, try: tryMonotone},
	{law: Valued, try: tryValued},
	{law: NoAllocation, once: true, try: tryNoAllocation},
}

func (t trial) timelines(s *subject) *rapid.Generator[Timeline] {
	if t.hostile {
		return Hostiles(s.needs)
	}
	return Timelines(s.needs, s.Load)
}

// rare is the fault of a law that was hardly put to the test.
func (t trial) rare(tempted, timelines int) error {
	if 4*tempted >= timelines {
		return nil
	}
	return fmt.Errorf("policytest: law %q was put to the test only %d times in %d timelines", t.law, tempted, timelines)
}

// Run tries every law on policies of c, each in a subtest of its name. It must
// not run in parallel with other tests, which would allocate in between.
func Run(t *testing.T, c policy.Config, o Options) {
	t.Helper()
	for l, why := range o.Exempt {
		if trialOf(l) == nil || l == Monotone && !o.Monotone {
			t.Errorf("policytest: exempt from law %q, which is not asked for", l)
		}
		if why == "" {
			t.Errorf("policytest: exempt from law %q without a reason", l)
		}
	}
	for _, tr := range trials {
		if tr.law == Monotone && !o.Monotone {
			continue
		}
		why, exempt := o.Exempt[tr.law]
		t.Run(string(tr.law), func(t *testing.T) {
			switch {
			case exempt:
				if err := exercised(tr, c, o); err != nil {
					t.Fatalf("%v; the reason given is %q", err, why)
				}
			case tr.once:
				if err := Check(tr.law, c, o); err != nil {
					t.Fatal(err)
				}
			default:
				tr.run(t, c, o)
			}
		})
	}
}

func (t trial) run(tb *testing.T, c policy.Config, o Options) {
	s, v := newSubject(t.law, c, o)
	if v != nil {
		tb.Fatal(v)
	}
	timelines, tempted := 0, 0
	from := t.timelines(s)
	rapid.Check(tb, func(rt *rapid.T) {
		n, v := t.guarded(s, from.Draw(rt, "timeline"))
		if v != nil {
			rt.Fatal(v)
		}
		timelines, tempted = timelines+1, tempted+n
	})
	if err := t.rare(tempted, timelines); err != nil {
		tb.Fatal(err)
	}
}

// exercised returns an error unless the law is broken somewhere.
func exercised(t trial, c policy.Config, o Options) error {
	err := check(t.law, c, o, 4*manyTimelines) // what breaks it may be rare
	var v *Violation
	if errors.As(err, &v) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("policytest: exempt from law %q, but it was never broken", t.law)
}

const (
	manyTimelines = 100
	fewTimelines  = 4
)

// Check tries one law on policies of c over timelines that are always the same.
// It returns nil, a *Violation on a timeline made short, or another error when
// the law was hardly put to the test. It heeds neither Options.Exempt nor
// whether Options.Monotone is set.
func Check(l Law, c policy.Config, o Options) error { return check(l, c, o, manyTimelines) }

func check(l Law, c policy.Config, o Options, timelines int) error {
	t := trialOf(l)
	if t == nil {
		return fmt.Errorf("policytest: no law %q", l)
	}
	s, v := newSubject(l, c, o)
	if v != nil {
		return v
	}
	tempted := 0
	if t.once {
		timelines = fewTimelines
	}
	from := t.timelines(s)
	for seed := range timelines {
		tl := from.Example(seed)
		n, v := t.guarded(s, tl)
		if v != nil {
			return t.shortened(s, tl, v)
		}
		tempted += n
	}
	return t.rare(tempted, timelines)
}

func trialOf(l Law) *trial {
	for i := range trials {
		if trials[i].law == l {
			return &trials[i]
		}
	}
	return nil
}

// shortened leaves out ticks as long as the law stays broken.
func (t trial) shortened(s *subject, tl Timeline, v *Violation) *Violation {
	if t.once {
		return v
	}
	without := func(from, to int) bool {
		if from >= to || to > len(tl.Ticks) {
			return false
		}
		less := tl
		less.Ticks = append(append([]Tick(nil), tl.Ticks[:from]...), tl.Ticks[to:]...)
		if len(less.Ticks) == 0 {
			return false
		}
		_, w := t.guarded(s, less)
		if w == nil {
			return false
		}
		tl, v = less, w
		return true
	}
	without(v.Tick+1, len(tl.Ticks))
	for i := len(tl.Ticks) - 1; i >= 0; i-- {
		without(i, i+1)
	}
	return v
}

// guarded turns a panic of the policy into a violation.
func (t trial) guarded(s *subject, tl Timeline) (tempted int, v *Violation) {
	s.last = nil
	defer func() {
		if p := recover(); p != nil {
			v = s.violation(t.law, s.last, "panic: %v", p)
		}
	}()
	return t.try(s, tl)
}

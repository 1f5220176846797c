package coordinatortest

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// The contracts of a MetricSource; Deadline, PartialFailure and NoGoroutineLeft
// are too.
const (
	Answers    Contract = "answers"
	Appends    Contract = "appends"
	OnlyWanted Contract = "only wanted"
	Once       Contract = "counts once"
	Counters   Contract = "counters"
	Silence    Contract = "missing is not zero"
)

// A SourceWorld is a metric source to be tested, and the fresh world that it
// reads. Hooks that are nil leave some contracts untried.
type SourceWorld struct {
	Source coordinator.MetricSource

	// Series are what it answers for, of at least two targets.
	Series []coordinator.Series
	// Together says that all series come in one answer, so that when one cannot be
	// read none can. Hang and Fail then concern all of them.
	Together bool

	// Advance lets time pass and traffic flow, until there are newer samples of
	// all series. It must be set.
	Advance func()
	// Now is the time of samples; nil is time.Now.
	Now func() time.Time
	// Lose makes a target's series vanish, as if nobody had ever counted them. For
	// Silence.
	Lose func(coordinator.TargetID)
	// Restart makes what counts a target start again from zero. For Counters.
	Restart func(coordinator.TargetID)
	// Hang makes what is asked for a target not answer until resume is called.
	// For Deadline.
	Hang func(coordinator.TargetID) (resume func())
	// Fail makes what is asked for a target answer with an error until mend is
	// called. For PartialFailure.
	Fail func(coordinator.TargetID) (mend func())
	// Close ends the world and the source. After it no goroutine may be left.
	Close func()
}

// A sourceCheck tries one contract.
type sourceCheck struct {
	contract Contract
	try      func(*sourceRig)
	lacks    func(*SourceWorld) string // what is missing to try it; may be nil
}

var sourceChecks = []sourceCheck{
	{Answers, tryAnswers, nil},
	{Appends, tryAppends, nil},
	{OnlyWanted, tryOnlyWanted, nil},
	{Once, tryOnce, nil},
	{Counters, tryCounters, nil},
	{Silence, trySilence, nil},
	{Deadline, tryReadDeadline, nil},
	{PartialFailure, tryPartialRead, func(w *SourceWorld) string {
		if w.Fail == nil {
			return "it takes SourceWorld.Fail"
		}
		return ""
	}},
	{NoGoroutineLeft, tryReadAndLeave, nil},
}

// MetricSourceContracts returns the contracts of a MetricSource, in the order in
// which TestMetricSource tries them.
func MetricSourceContracts() []Contract {
	var all []Contract
	for _, c := range sourceChecks {
		all = append(all, c.contract)
	}
	return all
}

// TestMetricSource tries every contract of a MetricSource, each in a subtest of
// its name and on a world of its own that fresh makes. One that lacks a hook is
// skipped.
func TestMetricSource(t *testing.T, fresh func() (SourceWorld, error), o Options) {
	t.Helper()
	conform(t, MetricSourceContracts(), o, func(c Contract) error { return CheckMetricSource(c, fresh, o) })
}

// CheckMetricSource tries one contract. It returns nil, a *Violation,
// ErrUntried wrapped when a hook is missing, or the error of fresh.
// Options.Bubble and Options.Exempt are not heeded.
func CheckMetricSource(c Contract, fresh func() (SourceWorld, error), o Options) error {
	for _, check := range sourceChecks {
		if check.contract == c {
			r := &sourceRig{rig: rig{o.filled(), c}, fresh: fresh}
			return r.check(r.open, func() {
				if check.lacks != nil {
					if why := check.lacks(&r.SourceWorld); why != "" {
						r.untried(why)
					}
				}
				check.try(r)
			})
		}
	}
	return fmt.Errorf("coordinatortest: a MetricSource has no contract %q", c)
}

package coordinatortest

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// The contracts of an Actuator.
const (
	Observed        Contract = "observed"
	LifeCycle       Contract = "life cycle"
	Idempotent      Contract = "idempotent"
	Fenced          Contract = "fenced"
	Conflicts       Contract = "conflicts"
	AnyOrder        Contract = "any order"
	FreeRemoval     Contract = "free removal"
	OrdinalRemoval  Contract = "ordinal removal"
	Unknown         Contract = "unknown subjects"
	Deadline        Contract = "deadline" // of a MetricSource too
	Concurrent      Contract = "concurrent"
	PartialFailure  Contract = "partial failure" // of a MetricSource too
	Remembered      Contract = "remembered"
	NoGoroutineLeft Contract = "no goroutine left" // of a MetricSource too
)

// An ActuatorWorld is an actuator to be tested, and a fresh world that it acts
// on. Hooks that are nil leave some contracts untried.
type ActuatorWorld struct {
	Actuator coordinator.Actuator

	// Groups are the server groups there are, at least one: Name and Removal are
	// read. Each has at most three servers, which hold nothing, and can have five.
	Groups []coordinator.ServerGroup
	// Models are at least two that any server of any group can hold together.
	Models []string
	// Services may be none; then nothing about them is tried. Each can have from none
	// to three replicas.
	Services []string

	// Settle waits until all that was accepted is done and can be observed, or
	// advances a clock that is not the real one until it is. It does not wait for as
	// many servers as are desired: under free removal a group shrinks by its victims
	// alone. nil: all is done when Apply returns.
	Settle func()
	// Now is the world's time; nil is time.Now.
	Now func() time.Time
	// Hang makes the world answer nobody until resume is called: what an Actuator
	// is told meanwhile waits. For Deadline.
	Hang func() (resume func())
	// Cut makes one group unreachable until mend is called: it is neither seen nor
	// does it take actions. For PartialFailure, with two groups.
	Cut func(group string) (mend func())
	// CutService is Cut of a service.
	CutService func(service string) (mend func())
	// Reopen returns a new Actuator on the same world, as after a restart of the
	// program. For Remembered.
	Reopen func() (coordinator.Actuator, error)
	// Close ends the world and the actuators. After it no goroutine may be left.
	Close func()
}

// An actuatorCheck tries one contract.
type actuatorCheck struct {
	contract Contract
	try      func(*actuatorRig)
	lacks    func(*ActuatorWorld) string // what is missing to try it; may be nil
}

var actuatorChecks = []actuatorCheck{
	{Observed, tryObserved, nil},
	{LifeCycle, tryLifeCycle, nil},
	{Idempotent, tryIdempotent, nil},
	{Fenced, tryFenced, nil},
	{Conflicts, tryConflicts, nil},
	{AnyOrder, tryAnyOrder, nil},
	{FreeRemoval, tryFreeRemoval, lacksRemoval(coordinator.Free)},
	{OrdinalRemoval, tryOrdinalRemoval, lacksRemoval(coordinator.Ordinal)},
	{Unknown, tryUnknown, nil},
	{Deadline, tryApplyDeadline, nil},
	{Concurrent, tryConcurrent, nil},
	{PartialFailure, tryPartialApply, func(w *ActuatorWorld) string {
		if w.Cut == nil || len(w.Groups) < 2 {
			return "it takes ActuatorWorld.Cut and two groups"
		}
		return ""
	}},
	{Remembered, tryRemembered, func(w *ActuatorWorld) string {
		if w.Reopen == nil {
			return "it takes ActuatorWorld.Reopen"
		}
		return ""
	}},
	{Batch, tryBatch, lacksBatch},
	{BatchDeadline, tryBatchDeadline, lacksBatch},
	{NoGoroutineLeft, tryApplyAndLeave, nil},
}

func lacksRemoval(kind coordinator.Removal) func(*ActuatorWorld) string {
	return func(w *ActuatorWorld) string {
		if w.group(kind) == "" {
			return "no group is of this kind"
		}
		return ""
	}
}

// group names the first group of a kind.
func (w *ActuatorWorld) group(kind coordinator.Removal) string {
	for _, g := range w.Groups {
		if g.Removal == kind {
			return g.Name
		}
	}
	return ""
}

// ActuatorContracts returns the contracts of an Actuator, in the order in which
// TestActuator tries them.
func ActuatorContracts() []Contract {
	var all []Contract
	for _, c := range actuatorChecks {
		all = append(all, c.contract)
	}
	return all
}

// TestActuator tries every contract of an Actuator, each in a subtest of its
// name and on worlds of its own that fresh makes. One that lacks a hook is
// skipped. Run it with the race detector.
func TestActuator(t *testing.T, fresh func() (ActuatorWorld, error), o Options) {
	t.Helper()
	conform(t, ActuatorContracts(), o, func(c Contract) error { return CheckActuator(c, fresh, o) })
}

// CheckActuator tries one contract. It returns nil, a *Violation, ErrUntried
// wrapped when a hook is missing, or the error of fresh. Options.Bubble and
// Options.Exempt are not heeded.
func CheckActuator(c Contract, fresh func() (ActuatorWorld, error), o Options) error {
	for _, check := range actuatorChecks {
		if check.contract == c {
			r := &actuatorRig{rig: rig{o.filled(), c}, fresh: fresh}
			return r.check(r.open, func() {
				if check.lacks != nil {
					if why := check.lacks(&r.ActuatorWorld); why != "" {
						r.untried(why)
					}
				}
				check.try(r)
			})
		}
	}
	return fmt.Errorf("coordinatortest: an Actuator has no contract %q", c)
}

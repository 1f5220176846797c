package sim

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// Options are the world that every policy meets. Fields without a default must
// be set.
type Options struct {
	Seconds float64 // the length of the workload, > 0

	Slots  int           // requests a replica serves at once, >= 1
	Wait   time.Duration // the longest wait for a slot that is no miss, >= 0
	Tick   time.Duration // between plans, > 0
	Start  time.Duration // from the order to load a model to loaded, >= 0
	Boot   time.Duration // from the order of a server to up, >= 0
	Warmup time.Duration // not counted at the start, >= 0
	Min    int           // replicas of each model at least, >= 0
	Max    int           // and at most; 0 is 10,000
	// Limit is how many replicas all models may have together, by a
	// coordinator.Budget that shares them out; 0 is no limit. What drains counts no
	// more, so that there may be a few more for a moment.
	Limit int64

	Seed   uint64 // of what Faults draw; nothing else is drawn here
	Faults Faults
	// Untold leaves Start and Boot to be learned by the planner. Otherwise it is told
	// both as estimates.
	Untold bool

	Points    int // of the history in each Result; 0 keeps none
	Decisions int // kept of each Result, at most; 0 keeps none

	// Servers makes models share servers; nil: each stands alone. With it, Slots
	// only says what a replica is where costs are reported, Min and Max bound the
	// copies of each model, Start is the time that a copy takes to load and Boot that
	// of a server. There is no Limit then, but Servers.Max.
	Servers *Servers
}

// Faults are what is wrong in a world. Each is drawn from Options.Seed, the
// model's name and a number of its own, so that every policy meets the same: the
// third load of a model fails under all of them or under none, and who reads the
// metrics of a second does not find them.
//
// The zero value is a world without faults.
type Faults struct {
	// ServiceFactor is what ModelInfo.MeanService is of the truth: what a policy is
	// told beforehand, or starts to learn from. > 0; 0 is 1, the truth.
	ServiceFactor float64
	// MetricDelay is how late the counters of each whole second can be read, >= 0.
	// What the planner observes of replicas and servers is not late.
	MetricDelay time.Duration
	// MetricLoss is the share of a model's seconds whose counters cannot be read, in
	// [0, 1). The next second that can be read has counted them; requests in flight
	// are not known of them.
	MetricLoss float64
	// FailedStarts is the share of loads that fail, in [0, 1): when it should be
	// loaded, the replica is broken. It is paid for until it is unloaded.
	FailedStarts float64
	// SlowStarts is the share of loads that take SlowFactor times Options.Start; in
	// [0, 1].
	SlowStarts float64
	SlowFactor float64 // >= 1; 0 is 3
}

// Validate reports every fault of o.
func (o Options) Validate() error {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	need(o.Seconds > 0 && o.Seconds < 1e9, "Seconds must be in (0, 1e9), is %v", o.Seconds)
	need(o.Slots >= 1 && o.Slots <= 1e6, "Slots must be in [1, 1e6], is %d", o.Slots)
	need(o.Wait >= 0 && o.Wait <= maxTime, "Wait must be in [0, %v], is %v", maxTime, o.Wait)
	need(o.Tick > 0 && o.Tick <= maxTime, "Tick must be in (0, %v], is %v", maxTime, o.Tick)
	need(o.Start >= 0 && o.Start <= maxTime, "Start must be in [0, %v], is %v", maxTime, o.Start)
	need(o.Boot >= 0 && o.Boot <= maxTime, "Boot must be in [0, %v], is %v", maxTime, o.Boot)
	need(o.Warmup >= 0 && o.Warmup.Seconds() < o.Seconds, "Warmup must be >= 0 and leave something of %v s to count, is %v", o.Seconds, o.Warmup)
	need(o.Min >= 0, "Min must be >= 0, is %d", o.Min)
	need(o.Max >= 0 && (o.Max == 0 || o.Max >= o.Min), "Max must be 0 or >= Min, is %d", o.Max)
	need(o.Limit >= 0, "Limit must be >= 0, is %d", o.Limit)
	need(o.Points >= 0, "Points must be >= 0, is %d", o.Points)
	need(o.Decisions >= 0, "Decisions must be >= 0, is %d", o.Decisions)
	f := &o.Faults
	need(f.ServiceFactor >= 0 && f.ServiceFactor <= 1e6, "Faults.ServiceFactor must be in (0, 1e6], or 0 for 1, is %v", f.ServiceFactor)
	need(f.MetricDelay >= 0 && f.MetricDelay <= time.Hour, "Faults.MetricDelay must be in [0, 1h], is %v", f.MetricDelay)
	need(f.MetricLoss >= 0 && f.MetricLoss < 1, "Faults.MetricLoss must be in [0, 1), is %v", f.MetricLoss)
	need(f.FailedStarts >= 0 && f.FailedStarts < 1, "Faults.FailedStarts must be in [0, 1), is %v", f.FailedStarts)
	need(f.SlowStarts >= 0 && f.SlowStarts <= 1, "Faults.SlowStarts must be in [0, 1], is %v", f.SlowStarts)
	need(f.SlowFactor == 0 || f.SlowFactor >= 1 && f.SlowFactor <= 1000, "Faults.SlowFactor must be in [1, 1000], or 0 for 3, is %v", f.SlowFactor)
	if o.Servers != nil {
		need(o.Limit == 0, "Limit is of isolated models: with Servers it is their Max, is %d", o.Limit)
		errs = append(errs, o.Servers.validate()...)
	}
	if len(errs) > 0 {
		return fmt.Errorf("sim: options: %w", errors.Join(errs...))
	}
	return nil
}

// maxTime keeps sums of times far within what a duration holds.
const maxTime = 100_000 * time.Hour

// withDefaults fills in what is not set of valid options.
func (o Options) withDefaults() Options {
	if o.Max == 0 {
		o.Max = max(10_000, o.Min)
	}
	if o.Faults.ServiceFactor == 0 {
		o.Faults.ServiceFactor = 1
	}
	if o.Faults.SlowFactor == 0 {
		o.Faults.SlowFactor = 3
	}
	return o
}

// A Setup is a policy to be replayed: Policy makes the configuration of one
// model's. It is called once for each model and must give equal answers to
// equal calls.
type Setup struct {
	Name   string
	Policy func(ModelInfo) policy.Config
	// Pool makes the configuration of the policy that sizes shared servers by the sum
	// of what comes in; it is told of all models as if they were one. nil: there are
	// as many servers as the copies need.
	Pool func(ModelInfo) policy.Config
	// Share is how Options.Limit is shared out, where it is not enough.
	Share coordinator.Share
}

// ModelInfo is what a user would know of a model beforehand.
type ModelInfo struct {
	Name        string
	MeanService time.Duration // > 0; wrong by Faults.ServiceFactor
	Slots       int           // requests a replica serves at once
	Wait        time.Duration // the longest wait for a slot that is no miss
	Min, Max    int           // replicas
}

package coordinatortest

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// Faults are what goes wrong in a [Fleet]. The zero value is nothing.
//
// Chances lie in [0, 1]. Whether a fault strikes depends on Seed and on what it
// strikes (the third boot of a group, the second delivery of an action, the
// fifth read), not on the order of calls: equal seeds and equal histories give
// equal faults.
type Faults struct {
	Seed uint64

	Boot Trouble // of servers; one that fails vanishes and is ordered anew
	Load Trouble // of replicas; one that fails is Broken
	// Start is of services' replicas; one that fails is ordered anew.
	Start Trouble
	// Life is how long a loaded replica lives on the average before it breaks;
	// 0 is for ever.
	Life time.Duration
	// Retry is when a lost boot is ordered anew, unless an action scales the group
	// before, and a lost start; 0 is 10 minutes.
	Retry time.Duration

	Metrics MetricFaults
	Observe ObserveFaults
	Apply   ApplyFaults

	// Unreachable groups and UnreachableServices are unseen and take no actions.
	Unreachable, UnreachableServices []string

	// JumpEvery is about how often the clock jumps that samples and observations
	// are stamped with, 0 never; JumpBy is by how much at the most, either way; 0
	// is a minute. What takes time takes as long as ever.
	JumpEvery, JumpBy time.Duration
}

// Trouble is what may happen to something that takes time.
type Trouble struct {
	Slow float64       // chance that it takes longer
	By   time.Duration // how much longer; 0 is a minute
	Fail float64       // chance that it ends in failure, after its time
	Lose float64       // chance that it is accepted and never begins
}

// MetricFaults are chances of what happens to a sample, or to a whole Read.
type MetricFaults struct {
	Only []string // the models and services that are affected; nil is all

	Missing float64 // the sample is not returned
	Failed  float64 // it is Failed, without a value
	Partial float64 // from one source of two: half of the value, if it is no counter
	Stale   float64 // the last good one, known to be old
	Late    float64 // the last good one, thought to be new
	NaN     float64 // not a number, called OK
	Restart float64 // of a model, in a read: its counters start again from zero

	// Error and TimeOut strike a whole Read: no affected series is answered, all
	// others are, and the Read returns an error, or waits for its context's end.
	Error, TimeOut float64
}

// ObserveFaults are chances of what happens to an Observe.
type ObserveFaults struct {
	Unseen         float64 // of each group and service: it is listed as unseen
	Error, TimeOut float64
}

// ApplyFaults are chances of what happens to an Apply.
type ApplyFaults struct {
	ErrorBefore, TimeOutBefore float64 // and no effect
	ErrorAfter, TimeOutAfter   float64 // but the action has its effect
	Twice                      float64 // an accepted action is delivered again at once, and before the next Observe
	Depose                     float64 // a new leader takes over just before: see Fleet.Lead
}

var (
	errInjected    = errors.New("coordinatortest: injected fault")
	errUnreachable = errors.New("coordinatortest: unreachable")
)

// Inject replaces the faults from now on. What they have done already stays
// done: a replica that is to die will.
func (f *Fleet) Inject(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	f.chance = chances{Faults: faults, began: f.now(), delivered: map[string]int{}}
}

// Lead lets a new leader take over and returns its epoch. From now on actions of
// older epochs are refused with ErrFenced, whatever their subject.
func (f *Fleet) Lead() (epoch uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lead()
}

func (f *Fleet) lead() uint64 {
	f.epoch = max(f.epoch, f.newest) + 1
	return f.epoch
}

// Epoch is that of the present leader: the latest that took over or acted.
func (f *Fleet) Epoch() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(f.epoch, f.newest)
}

// Echoes is how many deliveries there were beyond the first of an action, for
// ApplyFaults.Twice. A fleet is to show nothing else of them.
func (f *Fleet) Echoes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.echoed
}

// Clock is the time that observations and samples are stamped with now; it
// differs from the fleet's own while Faults.JumpEvery makes it jump.
func (f *Fleet) Clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	return now.Add(f.chance.skew(now))
}

// wait hangs until ctx ends. A context that never ends counts as ended, so that
// a fleet whose time is not the clock's can be used without one.
func wait(ctx context.Context) error {
	if ctx.Done() == nil {
		return context.DeadlineExceeded
	}
	<-ctx.Done()
	return ctx.Err()
}

func (t Trouble) by() time.Duration { return cmp.Or(t.By, time.Minute) }

func (c *chances) retry() time.Duration { return cmp.Or(c.Retry, 10*time.Minute) }

package coordinatortest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
)

// batched takes batches, with one fault or none.
type batched struct {
	*coordinatortest.Fleet
	fault string
}

func (x *batched) ApplyAll(ctx context.Context, as []coordinator.Action, errs []error) {
	switch x.fault {
	case "panics at nothing":
		_ = as[0]
	case "does nothing":
		clear(errs)
		return
	case "takes actions in reverse, answers in order":
		for i := range as {
			errs[i] = x.Apply(ctx, as[len(as)-1-i])
		}
		return
	case "reverses the actions":
		slices.Reverse(as)
		slices.Reverse(errs)
	case "waits for ever":
		<-ctx.Done()
		<-never
	}
	var all []error
	for i := range as {
		err := x.Apply(ctx, as[i])
		switch {
		case x.fault == "stops at the first failure" && err != nil:
			errs[i] = err
			return
		case x.fault == "gathers its errors" && err != nil:
			all = append(all, err)
			continue
		case x.fault == "answers failures only" && err == nil:
			continue
		case x.fault == "does the first alone" && i > 0:
			err = nil
		case x.fault == "accepts what it could not ask for" && errors.Is(err, context.DeadlineExceeded):
			err = nil
		case x.fault == "takes a time-out for a conflict" && ctx.Err() != nil:
			err = coordinator.ErrConflict
		}
		errs[i] = err
	}
	switch x.fault {
	case "gathers its errors":
		for i := range errs {
			errs[i] = nil
		}
		copy(errs, all)
	case "fails as a whole":
		if err := errors.Join(errs...); err != nil {
			for i := range errs {
				errs[i] = err
			}
		}
	}
}

func TestFleetInBatches(t *testing.T) {
	coordinatortest.TestActuator(t, func() (coordinatortest.ActuatorWorld, error) {
		f := kitFleet()
		return actuatorWorld(f, &batched{Fleet: f}), nil
	}, coordinatortest.Options{Bubble: true})
}

// Each fault of a batch is caught, and told in words that point to it.
func TestBrokenBatches(t *testing.T) {
	for _, c := range []struct {
		fault string
		by    coordinatortest.Contract
		says  string
	}{
		{"panics at nothing", coordinatortest.Batch, "panic: runtime error: index out of range"},
		{"does nothing", coordinatortest.Batch, "was accepted, although there is no such thing"},
		{"takes actions in reverse, answers in order", coordinatortest.Batch, "was accepted, although there is no such thing"},
		{"reverses the actions", coordinatortest.Batch, "action 0 was"},
		{"stops at the first failure", coordinatortest.Batch, "left action 1 of 6"},
		{"gathers its errors", coordinatortest.Batch, "beside others that fail"},
		{"answers failures only", coordinatortest.Batch, "without an answer"},
		{"does the first alone", coordinatortest.Batch, "should be"},
		{"fails as a whole", coordinatortest.Batch, "the error"},
		{"fails as a whole", coordinatortest.BatchDeadline, "while another group is out of reach"},
		{"waits for ever", coordinatortest.BatchDeadline, "no answer after"},
		{"accepts what it could not ask for", coordinatortest.BatchDeadline, "was accepted while the world hangs"},
		{"takes a time-out for a conflict", coordinatortest.BatchDeadline, "nobody can know that"},
	} {
		t.Run(c.fault+", "+string(c.by), func(t *testing.T) {
			if c.fault == "waits for ever" { // outside of a bubble: one would not end before it does
				err := coordinatortest.CheckActuator(c.by, func() (coordinatortest.ActuatorWorld, error) {
					f := instant()
					w := actuatorWorld(f, &batched{Fleet: f, fault: c.fault})
					w.Settle = nil
					return w, nil
				}, coordinatortest.Options{Timeout: 250 * time.Millisecond, Patience: 250 * time.Millisecond})
				caught(t, err, c.by, c.says)
				return
			}
			synctest.Test(t, func(t *testing.T) {
				err := coordinatortest.CheckActuator(c.by, func() (coordinatortest.ActuatorWorld, error) {
					f := kitFleet()
					return actuatorWorld(f, &batched{Fleet: f, fault: c.fault}), nil
				}, coordinatortest.Options{})
				<-time.After(time.Minute) // of the bubble: what was left behind ends
				caught(t, err, c.by, c.says)
			})
		})
	}
}

// One that takes no batches is not tried.
func TestBatchIsOptional(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []coordinatortest.Contract{coordinatortest.Batch, coordinatortest.BatchDeadline} {
			err := coordinatortest.CheckActuator(c, func() (coordinatortest.ActuatorWorld, error) {
				f := kitFleet()
				return actuatorWorld(f, f), nil
			}, coordinatortest.Options{})
			require.ErrorIs(t, err, coordinatortest.ErrUntried)
		}
	})
}

package coordinator

import (
	"context"
	"errors"
	"fmt"
)

// A BatchActuator is an [Actuator] that takes the actions of a tick in one call,
// for a world that is told many things as easily as one. A Coordinator prefers
// it to Apply, and keeps its back-off and its deadline all the same.
type BatchActuator interface {
	// ApplyAll does what Apply would with each of as, which are independent of one
	// another: in any order, or at once. errs has as many places as there are
	// actions, and [ErrUnanswered] in each; ApplyAll sets errs[i] to what Apply would
	// have returned for as[i], nil if it was accepted. One failure stops no other.
	// What has no answer when ctx ends stays unanswered. It neither changes as nor
	// uses the slices when it has returned.
	ApplyAll(ctx context.Context, as []Action, errs []error)
}

// ErrUnanswered is the error of an action that an ApplyAll did not answer: its
// effect is unknown.
var ErrUnanswered = errors.New("coordinator: unanswered")

// sendAll sends all actions that have no error yet in one call.
func (c *Coordinator) sendAll(ctx context.Context, b BatchActuator, actions []Action, errs []error) {
	// What b holds on to must not be what the next tick uses: no buffers are kept.
	batch, at := make([]Action, 0, len(actions)), make([]int, 0, len(actions))
	for i := range actions {
		if errs[i] == nil {
			batch, at = append(batch, actions[i]), append(at, i)
		}
	}
	answers := make([]error, len(batch))
	for i := range answers {
		answers[i] = ErrUnanswered
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.ApplyTimeout)
	defer cancel()
	caught := contain(func() error { b.ApplyAll(ctx, batch, answers); return nil })
	for i, err := range answers {
		if errors.Is(err, ErrUnanswered) {
			err = errors.Join(err, caught, ctx.Err())
		}
		if err != nil {
			errs[at[i]] = fmt.Errorf("coordinator: %v: %w", actions[at[i]], err)
		}
	}
}

// contain makes an error of a panic of a user's code.
func contain(do func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return do()
}

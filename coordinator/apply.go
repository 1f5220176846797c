package coordinator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrNotSent is in the errors of planned actions that a tick did not send: the
// loop is paused, or the subject's last actions failed and it is left in peace
// for a while.
var ErrNotSent = errors.New("coordinator: not sent")

// A backoff is how a subject of failed actions is left in peace.
type backoff struct {
	failures int       // in a row
	until    time.Time // nothing is sent before
}

// subject is what an action's failure says something about: a server, a group's
// size, or a service's.
func subject(a *Action) string {
	if a.Kind == ScaleService {
		return lane(a)
	}
	return a.Group + "/" + a.Server
}

// lane is what an action shares with those that are sent after it, not beside
// it: a group, or a service alone. No group's name begins as a service's lane.
func lane(a *Action) string {
	if a.Kind == ScaleService {
		return "\x00" + a.Service
	}
	return a.Group
}

// apply sends the actions: all together if the actuator takes them so, else
// those of one group in order, several groups at once. One that fails holds up no other: they are independent.
func (c *Coordinator) apply(ctx context.Context, actions []Action) []error {
	now := c.clock.Now()
	errs := make([]error, len(actions))
	byGroup := map[string][]int{}
	var groups []string
	for i := range actions {
		if b := c.backoffs[subject(&actions[i])]; now.Before(b.until) {
			errs[i] = fmt.Errorf("coordinator: %v: %w: %d failures in a row, next try in %v", actions[i], ErrNotSent, b.failures, b.until.Sub(now))
			continue
		}
		g := lane(&actions[i])
		if byGroup[g] == nil {
			groups = append(groups, g)
		}
		byGroup[g] = append(byGroup[g], i)
	}
	if b, ok := c.actuator.(BatchActuator); ok && len(groups) > 0 {
		c.sendAll(ctx, b, actions, errs)
	} else if len(groups) > 0 {
		c.send(ctx, actions, groups, byGroup, errs)
	}
	c.learn(actions, errs)
	return errs
}

func (c *Coordinator) send(ctx context.Context, actions []Action, groups []string, byGroup map[string][]int, errs []error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.ApplyTimeout)
	defer cancel()
	var all errgroup.Group
	all.SetLimit(c.options.Parallel)
	for _, g := range groups {
		all.Go(func() error {
			for _, i := range byGroup[g] {
				if err := contain(func() error { return c.actuator.Apply(ctx, actions[i]) }); err != nil {
					errs[i] = fmt.Errorf("coordinator: %v: %w", actions[i], err)
				}
			}
			return nil
		})
	}
	_ = all.Wait() // errors are per action
}

// learn counts failures. A conflict is none: the next observation tells what
// has changed. A wait doubles with each tick that failed, from one interval on.
func (c *Coordinator) learn(actions []Action, errs []error) {
	now := c.clock.Now()
	failed := map[string]bool{}
	for i := range actions {
		switch err := errs[i]; {
		case errors.Is(err, ErrNotSent):
		case err == nil || errors.Is(err, ErrConflict):
			if s := subject(&actions[i]); !failed[s] {
				failed[s] = false
			}
		default:
			failed[subject(&actions[i])] = true
		}
	}
	for s, bad := range failed {
		if !bad {
			delete(c.backoffs, s)
			continue
		}
		b := c.backoffs[s]
		wait := min(c.options.Interval<<min(b.failures, 20), c.options.MaxBackoff)
		if wait <= 0 {
			wait = c.options.MaxBackoff
		}
		c.backoffs[s] = backoff{b.failures + 1, now.Add(wait)}
	}
	// Subjects that are long since quiet are forgotten.
	maps.DeleteFunc(c.backoffs, func(_ string, b backoff) bool { return now.Sub(b.until) > 10*c.options.MaxBackoff })
}

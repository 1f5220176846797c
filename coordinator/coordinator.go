package coordinator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/benbjohnson/clock"
	"golang.org/x/sync/errgroup"
)

// A Coordinator is the loop around a Planner: it reads and observes in parallel,
// plans, and applies. This file holds the package's only clock, goroutines and
// I/O.
//
// New makes one. Run and Tick must not be called concurrently; Wake may be, from
// anywhere.
type Coordinator struct {
	planner  *Planner
	source   MetricSource
	actuator Actuator
	options  Options
	clock    clock.Clock
	wake     chan struct{}
	samples  []Sample
	pods     []PodList
}

// Options are settings with useful zero values.
type Options struct {
	Interval       time.Duration // between ticks; 0 is 2 s
	ReadTimeout    time.Duration // of MetricSource.Read; 0 is Interval
	ObserveTimeout time.Duration // of Actuator.Observe; 0 is Interval
	ApplyTimeout   time.Duration // of all of a tick's Actuator.Apply together; 0 is Interval
	Parallel       int           // groups acted on at once; 0 is 8
	OnTick         func(Tick)    // called after each tick, in the loop; what it keeps it must clone
}

// A Tick is what one turn of the loop did.
type Tick struct {
	Plan       Plan // valid until the next tick
	ReadErr    error
	ObserveErr error
	ApplyErrs  []error // one per Plan.Now; nil where the action was accepted
}

// Err joins all errors of the tick.
func (t Tick) Err() error {
	return errors.Join(append([]error{t.ReadErr, t.ObserveErr}, t.ApplyErrs...)...)
}

// New returns a Coordinator. The error names every bad option.
func New(p *Planner, source MetricSource, actuator Actuator, o Options) (*Coordinator, error) {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("coordinator: New: "+what))
		}
	}
	need(p != nil, "planner must be set")
	need(source != nil, "source must be set")
	need(actuator != nil, "actuator must be set")
	if p != nil && source != nil && len(p.WantsPods()) > 0 {
		_, ok := source.(PodSource)
		need(ok, errNoPods.Error())
	}
	need(o.Interval >= 0, "Options.Interval must be >= 0")
	need(o.ReadTimeout >= 0, "Options.ReadTimeout must be >= 0")
	need(o.ObserveTimeout >= 0, "Options.ObserveTimeout must be >= 0")
	need(o.ApplyTimeout >= 0, "Options.ApplyTimeout must be >= 0")
	need(o.Parallel >= 0, "Options.Parallel must be >= 0")
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if o.Interval == 0 {
		o.Interval = 2 * time.Second
	}
	for _, timeout := range []*time.Duration{&o.ReadTimeout, &o.ObserveTimeout, &o.ApplyTimeout} {
		if *timeout == 0 {
			*timeout = o.Interval
		}
	}
	if o.Parallel == 0 {
		o.Parallel = 8
	}
	return &Coordinator{planner: p, source: source, actuator: actuator, options: o, clock: clock.New(), wake: make(chan struct{}, 1)}, nil
}

// Wake makes Run tick now instead of at the end of the interval: the world has
// changed. It never blocks; calls before the tick count as one.
func (c *Coordinator) Wake() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Run ticks at once and then every interval until ctx ends, and returns its
// cause. No goroutine of it outlives the call. What goes wrong in a tick is for
// OnTick to see; the loop goes on.
func (c *Coordinator) Run(ctx context.Context) error {
	ticker := c.clock.Ticker(c.options.Interval)
	defer ticker.Stop()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		t := c.Tick(ctx)
		if c.options.OnTick != nil {
			c.options.OnTick(t)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		case <-c.wake:
		}
	}
}

// Tick makes one turn of the loop. It always plans: what could not be read is
// failed, what could not be observed unseen, and both are held.
func (c *Coordinator) Tick(ctx context.Context) Tick {
	var t Tick
	var world World
	var both errgroup.Group
	both.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, c.options.ReadTimeout)
		defer cancel()
		c.samples, t.ReadErr = c.source.Read(ctx, c.planner.Wants(), c.samples[:0])
		return nil
	})
	var podsErr error
	both.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, c.options.ReadTimeout)
		defer cancel()
		c.pods, podsErr = c.readPods(ctx)
		return nil
	})
	both.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, c.options.ObserveTimeout)
		defer cancel()
		world, t.ObserveErr = c.actuator.Observe(ctx)
		return nil
	})
	_ = both.Wait() // neither returns an error: both always yield a snapshot
	readFailed := t.ReadErr != nil
	if err := errors.Join(t.ReadErr, podsErr); err != nil {
		t.ReadErr = fmt.Errorf("coordinator: read: %w", err)
	}
	if t.ObserveErr != nil {
		t.ObserveErr = fmt.Errorf("coordinator: observe: %w", t.ObserveErr)
		world = World{Unseen: c.planner.Groups()}
	}
	t.Plan = c.planner.Plan(Snapshot{Now: c.clock.Now(), Samples: c.samples, ReadFailed: readFailed, Pods: c.pods, World: world})
	t.ApplyErrs = c.apply(ctx, t.Plan.Now)
	return t
}

// errNoPods is what a tick says when a policy needs what the source lacks.
var errNoPods = errors.New("a policy looks at pods, but the source is no PodSource")

// readPods reads the lists of pods that policies need, if any.
func (c *Coordinator) readPods(ctx context.Context) ([]PodList, error) {
	want := c.planner.WantsPods()
	if len(want) == 0 {
		return nil, nil
	}
	source, ok := c.source.(PodSource)
	if !ok {
		return nil, errNoPods
	}
	return source.ReadPods(ctx, want, c.pods[:0])
}

// apply sends the actions, those of one group in order, several groups at once.
// One that fails holds up no other: they are independent.
func (c *Coordinator) apply(ctx context.Context, actions []Action) []error {
	if len(actions) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.ApplyTimeout)
	defer cancel()
	errs := make([]error, len(actions))
	byGroup := map[string][]int{}
	var groups []string
	for i := range actions {
		g := actions[i].Group
		if byGroup[g] == nil {
			groups = append(groups, g)
		}
		byGroup[g] = append(byGroup[g], i)
	}
	var all errgroup.Group
	all.SetLimit(c.options.Parallel)
	for _, g := range groups {
		all.Go(func() error {
			for _, i := range byGroup[g] {
				if err := c.actuator.Apply(ctx, actions[i]); err != nil {
					errs[i] = fmt.Errorf("coordinator: %v: %w", actions[i], err)
				}
			}
			return nil
		})
	}
	_ = all.Wait() // errors are per action
	return errs
}

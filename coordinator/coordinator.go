package coordinator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/benbjohnson/clock"
	"golang.org/x/sync/errgroup"
)

// A Coordinator is the loop around a Planner: it reads and observes in parallel,
// plans, and applies. It has the package's only clock, goroutines and I/O.
//
// New makes one. Run and Tick must not be called concurrently; all other methods
// may be, from anywhere.
type Coordinator struct {
	source   MetricSource
	actuator Actuator
	options  Options
	clock    clock.Clock
	wake     chan struct{}
	samples  []Sample
	pods     []PodList
	backoffs map[string]backoff // by subject; of the loop alone

	mu      sync.Mutex // guards what follows
	planner *Planner
	paused  bool
}

// Options are settings with useful zero values.
type Options struct {
	Interval       time.Duration // between ticks; 0 is 2 s
	ReadTimeout    time.Duration // of MetricSource.Read; 0 is Interval
	ObserveTimeout time.Duration // of Actuator.Observe; 0 is Interval
	ApplyTimeout   time.Duration // of all of a tick's Actuator.Apply together, or of its ApplyAll; 0 is Interval
	Parallel       int           // groups acted on at once, of an actuator that is no BatchActuator; 0 is 8
	MaxBackoff     time.Duration // longest wait of a server or group whose actions fail; 0 is 1 min
	DryRun         bool          // plans, but never acts
	OnTick         func(Tick)    // called after each tick, in the loop; what it keeps it must clone
}

// A Tick is what one turn of the loop did.
type Tick struct {
	Snapshot   Snapshot // what the plan was made from; valid until the next tick
	Plan       Plan     // valid until the next tick
	ReadErr    error
	ObserveErr error
	// ApplyErrs has one per Plan.Now, nil where the action was accepted. ErrNotSent
	// is in those that were not sent at all.
	ApplyErrs []error
}

// Err joins all errors of the tick.
func (t Tick) Err() error {
	return errors.Join(append([]error{t.ReadErr, t.ObserveErr}, t.ApplyErrs...)...)
}

// Failures joins the errors of what was tried: those of Err without the actions
// that were not sent, which are told anew in every tick. It is what a log wants.
func (t Tick) Failures() error {
	errs := []error{t.ReadErr, t.ObserveErr}
	for _, err := range t.ApplyErrs {
		if !errors.Is(err, ErrNotSent) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
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
	need(o.MaxBackoff >= 0, "Options.MaxBackoff must be >= 0")
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
	if o.MaxBackoff == 0 {
		o.MaxBackoff = time.Minute
	}
	return &Coordinator{
		planner: p, source: source, actuator: actuator, options: o, clock: clock.New(),
		wake: make(chan struct{}, 1), backoffs: map[string]backoff{},
	}, nil
}

// Pause stops acting: ticks go on and plan, but nothing is sent, until Resume.
// An action that is under way is not called back.
func (c *Coordinator) Pause() { c.pause(true) }

// Resume ends a Pause.
func (c *Coordinator) Resume() { c.pause(false) }

func (c *Coordinator) pause(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
}

// Paused reports whether nothing is sent at present.
func (c *Coordinator) Paused() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused || c.options.DryRun
}

// Freeze is Planner.Freeze, while the loop runs.
func (c *Coordinator) Freeze(target TargetID, until time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planner.Freeze(target, until)
}

// Explain is Planner.Explain, while the loop runs.
func (c *Coordinator) Explain(model string) (Explained, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planner.Explain(model)
}

// Update is Planner.Update, while the loop runs. It refuses declarations whose
// policies look at pods when the source is no PodSource.
func (c *Coordinator) Update(d Declarations) error {
	if _, ok := c.source.(PodSource); !ok {
		if field := d.lookingAtPods(); field != "" {
			return fmt.Errorf("coordinator: declarations: %s: %w", field, errNoPods)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planner.Update(d)
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
	c.mu.Lock()
	wants, pods, blind := c.planner.Wants(), c.planner.WantsPods(), c.planner.blind()
	c.mu.Unlock()

	var t Tick
	s := Snapshot{}
	var podsErr error
	var all errgroup.Group
	all.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, c.options.ReadTimeout)
		defer cancel()
		c.samples, t.ReadErr = c.source.Read(ctx, wants, c.samples[:0])
		return nil
	})
	all.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, c.options.ReadTimeout)
		defer cancel()
		c.pods, podsErr = c.readPods(ctx, pods)
		return nil
	})
	all.Go(func() error {
		ctx, cancel := context.WithTimeout(ctx, c.options.ObserveTimeout)
		defer cancel()
		s.World, t.ObserveErr = c.actuator.Observe(ctx)
		return nil
	})
	_ = all.Wait() // none returns an error: together they always yield a snapshot
	s.Samples, s.Pods, s.ReadFailed = c.samples, c.pods, t.ReadErr != nil
	if err := errors.Join(t.ReadErr, podsErr); err != nil {
		t.ReadErr = fmt.Errorf("coordinator: read: %w", err)
	}
	if t.ObserveErr != nil {
		t.ObserveErr = fmt.Errorf("coordinator: observe: %w", t.ObserveErr)
		s.World = blind
	}

	c.mu.Lock()
	s.Now = c.clock.Now()
	t.Snapshot, t.Plan = s, c.planner.Plan(s)
	paused := c.paused || c.options.DryRun
	c.mu.Unlock()
	if paused {
		t.ApplyErrs = make([]error, len(t.Plan.Now))
		for i := range t.ApplyErrs {
			t.ApplyErrs[i] = fmt.Errorf("coordinator: %v: %w: paused", t.Plan.Now[i], ErrNotSent)
		}
		return t
	}
	t.ApplyErrs = c.apply(ctx, t.Plan.Now)
	return t
}

// errNoPods is what a tick says when a policy needs what the source lacks.
var errNoPods = errors.New("a policy looks at pods, but the source is no PodSource")

// readPods reads the lists of pods that policies need, if any.
func (c *Coordinator) readPods(ctx context.Context, want []PodSeries) ([]PodList, error) {
	if len(want) == 0 {
		return nil, nil
	}
	source, ok := c.source.(PodSource)
	if !ok {
		return nil, errNoPods
	}
	return source.ReadPods(ctx, want, c.pods[:0])
}

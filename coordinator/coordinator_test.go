package coordinator_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
)

// loop is a coordinator of the world "one" on an in-memory fleet, in a bubble.
func loop(t *testing.T, source coordinator.MetricSource, actuator coordinator.Actuator, o coordinator.Options) *coordinator.Coordinator {
	p, err := coordinator.NewPlanner(worlds["one"], coordinator.PlannerOptions{})
	require.NoError(t, err)
	c, err := coordinator.New(p, source, actuator, o)
	require.NoError(t, err)
	return c
}

func newFleet() *coordinatortest.Fleet {
	return coordinatortest.NewFleet(nil,
		[]coordinatortest.FleetGroup{{Name: "gpu", Boot: 10 * time.Second}},
		[]coordinatortest.FleetModel{{Name: "llama", Load: 4 * time.Second}})
}

func TestRunBringsAModelUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := newFleet()
		ctx, cancel := context.WithCancelCause(t.Context())
		var ticks []time.Duration
		began := time.Now()
		enough := errors.New("enough")
		c := loop(t, fleet, fleet, coordinator.Options{OnTick: func(tick coordinator.Tick) {
			require.NoError(t, tick.Err())
			ticks = append(ticks, time.Since(began))
			if tick.Plan.Models[0].Ready == 1 {
				cancel(enough)
			}
		}})
		require.ErrorIs(t, c.Run(ctx), enough)
		// Up at 10 s, loaded at 14 s, routed then, seen at 16 s.
		require.Equal(t, 16*time.Second, ticks[len(ticks)-1])
		require.Equal(t, []time.Duration{0, 2 * time.Second, 4 * time.Second}, ticks[:3])
	})
}

func TestWakeTicksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		fleet := newFleet()
		var ticks []time.Duration
		began := time.Now()
		c := loop(t, fleet, fleet, coordinator.Options{Interval: time.Hour, OnTick: func(coordinator.Tick) { ticks = append(ticks, time.Since(began)) }})
		time.AfterFunc(time.Second, func() {
			c.Wake()
			c.Wake()
			c.Wake()
		})
		require.ErrorIs(t, c.Run(ctx), context.DeadlineExceeded)
		require.Contains(t, ticks, time.Second)
		require.LessOrEqual(t, len(ticks), 3, "wakes before a tick count as one")
	})
}

// slow hangs until its deadline in whatever it is told to.
type slow struct {
	*coordinatortest.Fleet
	read, observe, apply bool
}

func (s slow) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	if s.read {
		<-ctx.Done()
		return dst, ctx.Err()
	}
	return s.Fleet.Read(ctx, want, dst)
}

func (s slow) Observe(ctx context.Context) (coordinator.World, error) {
	if s.observe {
		<-ctx.Done()
		return coordinator.World{}, ctx.Err()
	}
	return s.Fleet.Observe(ctx)
}

func (s slow) Apply(ctx context.Context, a coordinator.Action) error {
	if s.apply {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Fleet.Apply(ctx, a)
}

func TestTickWithSlowParts(t *testing.T) {
	for _, c := range []struct {
		name string
		slow slow
		took time.Duration
	}{
		{"both reads", slow{read: true, observe: true}, 3 * time.Second},
		{"observe alone", slow{observe: true}, 3 * time.Second},
		{"apply", slow{apply: true}, time.Second},
		{"none", slow{}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.slow.Fleet = newFleet()
				began := time.Now()
				tick := loop(t, c.slow, c.slow, coordinator.Options{
					ReadTimeout: 2 * time.Second, ObserveTimeout: 3 * time.Second, ApplyTimeout: time.Second,
				}).Tick(t.Context())
				require.Equal(t, c.took, time.Since(began), "in parallel, each to its deadline")
				require.Equal(t, c.slow.read, errors.Is(tick.ReadErr, context.DeadlineExceeded))
				require.Equal(t, c.slow.observe, errors.Is(tick.ObserveErr, context.DeadlineExceeded))
				require.Equal(t, c.slow.observe, tick.Plan.Models[0].Unseen, "what could not be observed is unseen")
				require.Len(t, tick.ApplyErrs, len(tick.Plan.Now))
				if c.slow.apply {
					require.ErrorContains(t, tick.ApplyErrs[0], "coordinator: scale gpu to 1: context deadline exceeded")
				}
				require.Equal(t, c.slow.read || c.slow.observe || c.slow.apply, tick.Err() != nil)
			})
		})
	}
}

// groups hangs on one group and notes the order of the others.
type groups struct {
	*coordinatortest.Fleet
	mu   sync.Mutex
	seen []string
}

func (g *groups) Apply(ctx context.Context, a coordinator.Action) error {
	if a.Group == "a" {
		<-ctx.Done()
		return ctx.Err()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, a.String())
	return g.Fleet.Apply(ctx, a)
}

// A group that hangs holds up no other.
func TestOneGroupHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d coordinator.Declarations
		var fg []coordinatortest.FleetGroup
		for _, name := range []string{"a", "b", "c"} {
			d.Groups = append(d.Groups, coordinator.ServerGroup{Name: name, Capacity: coordinator.Resources{"x": 1}, Min: 1, Max: 1})
			fg = append(fg, coordinatortest.FleetGroup{Name: name})
		}
		p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
		require.NoError(t, err)
		fleet := &groups{Fleet: coordinatortest.NewFleet(nil, fg, nil)}
		c, err := coordinator.New(p, fleet, fleet, coordinator.Options{})
		require.NoError(t, err)
		tick := c.Tick(t.Context())
		require.Error(t, tick.ApplyErrs[0])
		require.NoError(t, errors.Join(tick.ApplyErrs[1:]...))
		slices.Sort(fleet.seen)
		require.Equal(t, []string{"scale b to 1", "scale c to 1"}, fleet.seen)
	})
}

func TestRunLeavesNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	synctest.Test(t, func(t *testing.T) { // itself fails when a goroutine is left
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		s := slow{Fleet: newFleet(), read: true}
		require.ErrorIs(t, loop(t, s, s, coordinator.Options{}).Run(ctx), context.DeadlineExceeded)
		done, stop := context.WithCancel(t.Context())
		stop()
		require.ErrorIs(t, loop(t, s, s, coordinator.Options{OnTick: func(coordinator.Tick) { t.Error("a tick after the end") }}).Run(done), context.Canceled)
	})
	for late := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(late); {
		runtime.Gosched() // what the bubble ran in may still be on its way out
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

func TestNewRefuses(t *testing.T) {
	_, err := coordinator.New(nil, nil, nil, coordinator.Options{Interval: -1, ReadTimeout: -1, ObserveTimeout: -1, ApplyTimeout: -1, Parallel: -1})
	for _, what := range []string{"planner", "source", "actuator", "Interval", "ReadTimeout", "ObserveTimeout", "ApplyTimeout", "Parallel"} {
		require.ErrorContains(t, err, what)
	}
}

// A plan that is cloned stays as it was.
func TestPlanClone(t *testing.T) {
	p, next := fullFleet(t, 20, 5)
	s := next(epoch)
	for i := range s.Samples {
		s.Samples[i].Value = 30
	}
	p.Plan(next(epoch.Add(-time.Second)))
	plan := p.Plan(s)
	require.NotEmpty(t, plan.Now)
	kept, text := plan.Clone(), tell(plan)
	for i := range 3 {
		p.Plan(next(epoch.Add(time.Duration(i+1) * time.Minute)))
	}
	require.Equal(t, text, tell(kept))
	require.NotEqual(t, text, tell(plan), "what is not cloned is overwritten")
}

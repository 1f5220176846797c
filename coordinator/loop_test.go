package coordinator_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// refusing refuses what it is told to, and notes when it was asked.
type refusing struct {
	*coordinatortest.Fleet
	began time.Time
	until time.Duration // refuses before
	with  error
	asked []time.Duration
}

func (r *refusing) Apply(ctx context.Context, a coordinator.Action) error {
	since := time.Since(r.began)
	r.asked = append(r.asked, since)
	if since < r.until {
		return r.with
	}
	return r.Fleet.Apply(ctx, a)
}

// pass lets the bubble's time go on.
func pass(d time.Duration) { <-time.After(d) }

// What fails is tried again after one interval, then two, four, up to a limit;
// success ends that; a conflict is tried again at once.
func TestBackoff(t *testing.T) {
	for _, c := range []struct {
		name string
		with error
		want []time.Duration
	}{
		{"an error doubles the wait", errors.New("no"), []time.Duration{0, 2, 6, 14, 24, 34, 44, 54}},
		{"so does a fence", coordinator.ErrFenced, []time.Duration{0, 2, 6, 14, 24, 34, 44, 54}},
		{"a conflict waits for nothing", coordinator.ErrConflict, []time.Duration{0, 2, 4, 6, 8, 10, 12, 14}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &refusing{Fleet: newFleet(), began: time.Now(), until: 50 * time.Second, with: c.with}
				ctx, cancel := context.WithTimeout(t.Context(), 55*time.Second)
				defer cancel()
				notSent := 0
				l := loop(t, r, r, coordinator.Options{MaxBackoff: 10 * time.Second, OnTick: func(tick coordinator.Tick) {
					if errors.Is(tick.Err(), coordinator.ErrNotSent) {
						notSent++
					}
				}})
				require.ErrorIs(t, l.Run(ctx), context.DeadlineExceeded)
				for i, want := range c.want {
					require.Equal(t, want*time.Second, r.asked[i])
				}
				if c.with != coordinator.ErrConflict {
					require.Equal(t, 20, notSent, "of 28 ticks in 55 s 7 were refused, and one accepted")
				}
			})
		})
	}
}

// A success ends the back-off: the next failure begins anew.
func TestBackoffEndsWithSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &refusing{Fleet: newFleet(), began: time.Now(), until: 5 * time.Second, with: errors.New("no")}
		l := loop(t, r, r, coordinator.Options{})
		for range 8 { // at 0, 2, ... 14 s
			l.Tick(t.Context())
			pass(2 * time.Second)
		}
		require.Equal(t, 6*time.Second, r.asked[2], "accepted after two failures")
		r.Gone("gpu", "gpu-0000")
		r.until, r.asked = time.Hour, nil
		r.Arrive("llama", 100)
		for range 3 {
			l.Tick(t.Context())
			pass(2 * time.Second)
		}
		require.Equal(t, []time.Duration{16 * time.Second, 18 * time.Second}, r.asked)
	})
}

// Paused, the loop plans and sends nothing; so does a dry run, for good.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &refusing{Fleet: newFleet(), began: time.Now()}
		l := loop(t, r, r, coordinator.Options{})
		l.Pause()
		require.True(t, l.Paused())
		tick := l.Tick(t.Context())
		require.NotEmpty(t, tick.Plan.Now)
		require.ErrorIs(t, tick.ApplyErrs[0], coordinator.ErrNotSent)
		require.EqualError(t, tick.ApplyErrs[0], "coordinator: scale gpu to 1: coordinator: not sent: paused")
		require.NoError(t, tick.Failures())
		lost := errors.New("lost")
		for _, some := range []coordinator.Tick{{ReadErr: lost}, {ObserveErr: lost}, {ApplyErrs: []error{nil, lost, tick.ApplyErrs[0]}}} {
			require.EqualError(t, some.Failures(), "lost")
		}
		require.Empty(t, r.asked)
		l.Resume()
		pass(time.Second)
		require.NoError(t, l.Tick(t.Context()).Err())
		require.Len(t, r.asked, 1)

		dry := loop(t, r, r, coordinator.Options{DryRun: true})
		dry.Resume()
		require.True(t, dry.Paused())
		dry.Tick(t.Context())
		require.Len(t, r.asked, 1)
	})
}

// Declarations, freezes and pauses may come while the loop runs.
func TestUpdateWhileRunning(t *testing.T) {
	fleet := newFleet()
	var l *coordinator.Coordinator
	ticks := 0
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	l = loop(t, fleet, fleet, coordinator.Options{Interval: time.Millisecond, OnTick: func(coordinator.Tick) {
		if ticks++; ticks == 50 {
			cancel(enough)
		}
	}})
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; !stop.Load(); n++ {
			d := worlds["one"]
			d.Models = append([]coordinator.Model(nil), d.Models...)
			d.Models[0].Max = 1 + n%5
			if err := errors.Join(l.Update(d), l.Freeze(coordinator.TargetID{Name: "llama"}, time.Now())); err != nil {
				t.Error(err)
			}
			l.Pause()
			l.Resume()
			l.Wake()
		}
	}()
	require.ErrorIs(t, l.Run(ctx), enough)
	stop.Store(true)
	<-done
	bad := worlds["one"]
	bad.Models = append([]coordinator.Model(nil), bad.Models...)
	bad.Models[0].Policy = always{N: 1, Pods: 1}
	require.EqualError(t, l.Update(bad), "coordinator: declarations: Models[0].Policy: a policy looks at pods, but the source is no PodSource")
}

// raw is a policy that is a function.
type raw func(policy.Observation) policy.Decision

func (raw) Validate() error                               { return nil }
func (raw) Needs() policy.Needs                           { return policy.Needs{} }
func (p raw) New(time.Time, int) policy.Policy            { return p }
func (p raw) Decide(o policy.Observation) policy.Decision { return p(o) }

// unborn panics in New.
type unborn struct{ raw }

func (unborn) New(time.Time, int) policy.Policy { panic("unborn") }

// A policy that panics, or explains nothing, is contained: its model is held,
// others are not.
func TestContainedPolicies(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy policy.Config
		reason policy.Reason
		fault  string
	}{
		{"panics", raw(func(policy.Observation) policy.Decision { panic("oops") }), coordinator.PolicyPanicked, "model bad: policy: panic: oops"},
		{"panics in New", unborn{}, coordinator.PolicyPanicked, "model bad: policy: panic: in New: unborn"},
		{"explains nothing", raw(func(policy.Observation) policy.Decision { return policy.Decision{Replicas: 1} }), coordinator.Unexplained, "model bad: policy: a decision for 1 without a step"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, s := twoModels(t, c.policy)
			for i := range 3 {
				s.Now = sec(float64(i))
				plan := p.Plan(s)
				require.Equal(t, []string{c.fault}, plan.Faults)
				require.Equal(t, 2, plan.Models[0].Desired, "as many as there were")
				require.Equal(t, c.reason, plan.Models[0].Decision.Steps[0].Reason)
				require.Equal(t, 3, plan.Models[1].Desired, "the other goes on")
			}
		})
	}
}

// twoModels is a planner of the models bad, under a policy of its own with two
// replicas, and good, which always wants three.
func twoModels(t testing.TB, bad policy.Config) (*coordinator.Planner, coordinator.Snapshot) {
	p, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 9}, Max: 9}},
		Models: []coordinator.Model{{Name: "bad", Group: "g", Max: 9, Policy: bad}, {Name: "good", Group: "g", Max: 9, Policy: always{N: 3}}},
	}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	group := coordinator.GroupState{Name: "g", Desired: 2}
	for _, name := range []string{"a", "b"} {
		group.Servers = append(group.Servers, coordinator.ServerState{Name: name, Phase: coordinator.Up, Replicas: []coordinator.ReplicaState{{Model: "bad", Phase: coordinator.Serving}}})
	}
	return p, coordinator.Snapshot{World: coordinator.World{Groups: []coordinator.GroupState{group}}}
}

// A frozen model keeps its count, a frozen group its servers, until the end;
// bounds hold all the same.
func TestFreeze(t *testing.T) {
	p, s := twoModels(t, always{N: 7})
	bad := coordinator.TargetID{Name: "bad"}
	g := coordinator.TargetID{Kind: coordinator.TargetGroup, Name: "g"}
	require.NoError(t, p.Freeze(bad, sec(10)))
	require.NoError(t, p.Freeze(g, sec(20)))
	plan := func(now float64) (string, int) {
		s.Now = sec(now)
		plan := p.Plan(s)
		return plan.Models[0].Decision.String(), plan.Groups[0].Desired
	}
	decision, servers := plan(0)
	require.Equal(t, "2: always 2->7; frozen 7->2", decision)
	require.Equal(t, sec(10), p.Plan(s).Models[0].Decision.Steps[1].Until)
	require.Equal(t, 2, servers)
	decision, servers = plan(10)
	require.Equal(t, "7: always 2->7", decision, "the end is the end")
	require.Equal(t, 2, servers)
	_, servers = plan(20)
	require.Equal(t, 7, servers)

	require.EqualError(t, p.Freeze(coordinator.TargetID{Name: "g"}, sec(1)), "coordinator: freeze: no model/g is declared")
	require.EqualError(t, p.Freeze(coordinator.TargetID{Kind: coordinator.TargetGroup, Name: "bad"}, sec(1)), "coordinator: freeze: no group/bad is declared")
	require.NoError(t, p.Freeze(bad, sec(99)))
	require.NoError(t, p.Freeze(bad, time.Time{}))
	decision, _ = plan(21)
	require.Equal(t, "7: always", decision)
}

package coordinator_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
)

// together is a fleet that takes actions in batches: all of them by applyAll.
type together struct {
	*coordinatortest.Fleet
	batches  [][]string
	applyAll func(ctx context.Context, as []coordinator.Action, errs []error)
}

func (x *together) Apply(context.Context, coordinator.Action) error { panic("one by one") }

func (x *together) ApplyAll(ctx context.Context, as []coordinator.Action, errs []error) {
	var batch []string
	for _, a := range as {
		batch = append(batch, a.String())
	}
	x.batches = append(x.batches, batch)
	x.applyAll(ctx, as, errs)
}

// batching is the loop of three groups without servers: three actions.
func batching(t *testing.T, applyAll func(*together, context.Context, []coordinator.Action, []error)) (*coordinator.Coordinator, *together) {
	var d coordinator.Declarations
	var fg []coordinatortest.FleetGroup
	for _, name := range []string{"a", "b", "c"} {
		d.Groups = append(d.Groups, coordinator.ServerGroup{Name: name, Capacity: coordinator.Resources{"x": 1}, Min: 1, Max: 1})
		fg = append(fg, coordinatortest.FleetGroup{Name: name})
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	x := &together{Fleet: coordinatortest.NewFleet(nil, fg, nil)}
	x.applyAll = func(ctx context.Context, as []coordinator.Action, errs []error) { applyAll(x, ctx, as, errs) }
	c, err := coordinator.New(p, x, x, coordinator.Options{ApplyTimeout: time.Second})
	require.NoError(t, err)
	return c, x
}

var errBusy = errors.New("busy")

// Whatever comes of a batch, each action has its own answer, and only the
// subjects of failures are left in peace for a while.
func TestBatches(t *testing.T) {
	for _, c := range []struct {
		name  string
		apply func(x *together, ctx context.Context, as []coordinator.Action, errs []error)
		want  []string // per action, in the first tick; "" is accepted
		took  time.Duration
		again []string // what the second tick sends, at once after
	}{
		{"accepted", func(x *together, ctx context.Context, as []coordinator.Action, errs []error) {
			for i := range as {
				errs[i] = x.Fleet.Apply(ctx, as[i])
			}
		}, []string{"", "", ""}, 0, nil},
		{"one fails", func(x *together, ctx context.Context, as []coordinator.Action, errs []error) {
			for i := range as {
				errs[i] = x.Fleet.Apply(ctx, as[i])
			}
			errs[1] = errBusy
		}, []string{"", "coordinator: scale b to 1: busy", ""}, 0, nil},
		{"one conflicts", func(_ *together, _ context.Context, _ []coordinator.Action, errs []error) {
			errs[0], errs[1], errs[2] = nil, coordinator.ErrConflict, errBusy
		}, []string{"", "coordinator: scale b to 1: coordinator: conflict: the subject has changed", "coordinator: scale c to 1: busy"}, 0, []string{"scale a to 1", "scale b to 1"}},
		{
			"one has no answer", func(_ *together, _ context.Context, _ []coordinator.Action, errs []error) {
				errs[0], errs[2] = nil, nil
			},
			[]string{"", "coordinator: scale b to 1: coordinator: unanswered", ""},
			0,
			[]string{"scale a to 1", "scale c to 1"},
		},
		{"time is over", func(_ *together, ctx context.Context, _ []coordinator.Action, errs []error) {
			errs[0] = nil
			<-ctx.Done()
		}, []string{"", "coordinator: scale b to 1: coordinator: unanswered\ncontext deadline exceeded", "coordinator: scale c to 1: coordinator: unanswered\ncontext deadline exceeded"}, time.Second, []string{"scale a to 1"}},
		{"panics", func(_ *together, _ context.Context, _ []coordinator.Action, errs []error) {
			errs[0], errs[1] = nil, errBusy
			panic("oops")
		}, []string{"", "coordinator: scale b to 1: busy", "coordinator: scale c to 1: coordinator: unanswered\npanic: oops"}, 0, []string{"scale a to 1"}},
		{"tampers with the actions", func(_ *together, _ context.Context, as []coordinator.Action, errs []error) {
			slices.Reverse(as)
			clear(errs)
			errs[0] = errBusy
		}, []string{"coordinator: scale a to 1: busy", "", ""}, 0, []string{"scale b to 1", "scale c to 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				loop, x := batching(t, c.apply)
				began := time.Now()
				tick := loop.Tick(t.Context())
				require.Equal(t, c.took, time.Since(began))
				var got []string
				for _, err := range tick.ApplyErrs {
					if got = append(got, ""); err != nil {
						got[len(got)-1] = err.Error()
					}
				}
				require.Equal(t, c.want, got)
				require.Equal(t, [][]string{{"scale a to 1", "scale b to 1", "scale c to 1"}}, x.batches, "one call")

				<-time.After(time.Millisecond)
				tick = loop.Tick(t.Context())
				if x.batches = x.batches[1:]; c.again == nil {
					require.Empty(t, x.batches, "nothing to send is not sent")
					return
				}
				require.Equal(t, [][]string{c.again}, x.batches)
				for i, err := range tick.ApplyErrs {
					left := !slices.Contains(c.again, tick.Plan.Now[i].String())
					require.Equal(t, left, errors.Is(err, coordinator.ErrNotSent), "%v", err)
				}
			})
		})
	}
}

// A panic in Apply is contained too.
func TestApplyThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := rash{newFleet()}
		tick := loop(t, x, x, coordinator.Options{}).Tick(t.Context())
		require.ErrorContains(t, tick.ApplyErrs[0], "coordinator: scale gpu to 1: panic: rash")
	})
}

type rash struct{ *coordinatortest.Fleet }

func (rash) Apply(context.Context, coordinator.Action) error { panic("rash") }

// table is a store that takes many changes in one transaction.
type table struct{ *coordinatortest.Fleet }

func (x table) ApplyAll(ctx context.Context, as []coordinator.Action, errs []error) {
	fmt.Println("one call for", len(as))
	for i := range as {
		errs[i] = x.Apply(ctx, as[i])
	}
}

func ExampleBatchActuator() {
	fleet := table{coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{{Name: "gpu", Servers: 2}}, []coordinatortest.FleetModel{{Name: "llama"}})}
	d, err := coordinator.ByLag{}.Declare(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 2}},
		Models: []coordinator.Model{{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 2, Max: 2}},
	})
	if err != nil {
		panic(err)
	}
	planner, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	if err != nil {
		panic(err)
	}
	loop, err := coordinator.New(planner, fleet, fleet, coordinator.Options{})
	if err != nil {
		panic(err)
	}
	tick := loop.Tick(context.Background())
	for i, a := range tick.Plan.Now {
		fmt.Println(a, tick.ApplyErrs[i])
	}
	// Output:
	// one call for 2
	// load llama on gpu/gpu-0000 <nil>
	// load llama on gpu/gpu-0001 <nil>
}

package pool_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/queues/internal/pool"
)

// A world has its services in a pool, and its groups in memory: the kit wants
// some.
type world struct {
	*coordinatortest.Fleet
	pool *pool.Pool
}

func (w world) Observe(ctx context.Context) (coordinator.World, error) {
	all, err := w.Fleet.Observe(ctx)
	if err != nil {
		return all, err
	}
	services, err := w.pool.Observe(ctx)
	all.Services = services.Services
	return all, err
}

func (w world) Apply(ctx context.Context, a coordinator.Action) error {
	if a.Kind == coordinator.ScaleService {
		return w.pool.Apply(ctx, a)
	}
	return w.Fleet.Apply(ctx, a)
}

// idle is a consumer without work.
func idle(ctx context.Context, ready func()) error {
	ready()
	<-ctx.Done()
	return nil
}

func TestPoolConforms(t *testing.T) {
	coordinatortest.TestActuator(t, func() (coordinatortest.ActuatorWorld, error) {
		p := pool.New(time.Second, map[string]pool.Consumer{"infer": idle, "embed": idle})
		f := coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{{Name: "gpu", Servers: 1}}, []coordinatortest.FleetModel{{Name: "llama"}, {Name: "whisper"}})
		return coordinatortest.ActuatorWorld{
			Actuator: world{f, p}, Groups: []coordinator.ServerGroup{{Name: "gpu"}}, Models: []string{"llama", "whisper"}, Services: []string{"embed", "infer"},
			Settle: func() { <-time.After(time.Minute) }, // of the bubble
			Reopen: func() (coordinator.Actuator, error) { return world{f, p}, nil },
			Close:  p.Close,
		}, nil
	}, coordinatortest.Options{Bubble: true})
}

// One that fails is started again; one that is to go finishes first, and is seen
// to run until it has.
func TestPool(t *testing.T) {
	began, finish := make(chan int, 10), make(chan error)
	tries := 0
	p := pool.New(time.Millisecond, map[string]pool.Consumer{"infer": func(ctx context.Context, ready func()) error {
		tries++
		began <- tries
		ready()
		return <-finish
	}})
	scale := func(n int, generation uint64) error {
		return p.Apply(t.Context(), coordinator.Action{ID: "a", Kind: coordinator.ScaleService, Service: "infer", Replicas: n, Generation: generation})
	}
	require.Error(t, p.Apply(t.Context(), coordinator.Action{Kind: coordinator.ScaleService, Service: "absent"}))
	require.Error(t, scale(-1, 1))
	require.NoError(t, scale(1, 1))
	require.Equal(t, 1, <-began)
	finish <- errors.New("no broker")
	require.Equal(t, 2, <-began)
	n, last := p.Failures("infer")
	require.Equal(t, 1, n)
	require.EqualError(t, last, "no broker")
	require.NoError(t, scale(0, 2))
	require.Equal(t, 1, p.Running("infer"))
	w, err := p.Observe(t.Context())
	require.NoError(t, err)
	require.Equal(t, []coordinator.ServiceState{{Name: "infer", Generation: 2, Version: "2"}}, w.Services)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.Close()
	}()
	finish <- nil
	<-closed
	require.Zero(t, p.Running("infer"))
	require.Error(t, scale(1, 3), "it is closed")
}

package coordinator_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
)

// Services are scaled beside groups, by the loop too, and what cannot be observed
// is unseen.
func TestLoopScalesServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := worlds["one"]
		d.Services = []coordinator.Service{{Name: "gateway", Min: 1, Max: 5, Policy: perReplica(10)}, {Name: "scheduler", Replicas: 1}}
		p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
		require.NoError(t, err)
		fleet := coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{{Name: "gpu"}}, []coordinatortest.FleetModel{{Name: "llama"}},
			coordinatortest.FleetService{Name: "gateway", Replicas: 1, Start: 3 * time.Second}, coordinatortest.FleetService{Name: "scheduler"})
		c, err := coordinator.New(p, fleet, fleet, coordinator.Options{})
		require.NoError(t, err)
		fleet.Arrive("gateway", 30)
		require.NoError(t, c.Tick(t.Context()).Err())
		<-time.After(4 * time.Second)
		w, err := fleet.Observe(t.Context())
		require.NoError(t, err)
		require.Equal(t, [4]int{3, 3, 1, 1}, [4]int{w.Services[0].Desired, w.Services[0].Ready, w.Services[1].Desired, w.Services[1].Ready})
		fleet.Finish("gateway", 25)
		fleet.Inject(coordinatortest.Faults{Observe: coordinatortest.ObserveFaults{Error: 1}})
		tick := c.Tick(t.Context())
		require.Equal(t, []bool{true, true}, []bool{tick.Plan.Services[0].Unseen, tick.Plan.Services[1].Unseen})
		require.Empty(t, tick.Plan.Now)
		require.Empty(t, tick.Plan.Faults)

		e, err := c.ExplainService("gateway")
		require.NoError(t, err)
		require.Equal(t, 3, e.Desired)
	})
}

// A service whose actions fail holds up no other, and is left in peace alone.
func TestServiceBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := coordinator.Declarations{Services: []coordinator.Service{{Name: "a", Replicas: 1}, {Name: "b", Replicas: 1}}}
		p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
		require.NoError(t, err)
		fleet := &refuses{Fleet: coordinatortest.NewFleet(nil, nil, nil, coordinatortest.FleetService{Name: "a"}, coordinatortest.FleetService{Name: "b"})}
		c, err := coordinator.New(p, fleet, fleet, coordinator.Options{})
		require.NoError(t, err)
		tick := c.Tick(t.Context())
		require.Len(t, tick.ApplyErrs, 2)
		require.ErrorContains(t, tick.ApplyErrs[0], "coordinator: scale service a to 1: no")
		require.NoError(t, tick.ApplyErrs[1])
		<-time.After(time.Second)
		tick = c.Tick(t.Context())
		require.Len(t, tick.ApplyErrs, 1, "b is as it should be")
		require.ErrorIs(t, tick.ApplyErrs[0], coordinator.ErrNotSent)
	})
}

// refuses is a fleet that refuses what is for the service a.
type refuses struct{ *coordinatortest.Fleet }

func (r refuses) Apply(ctx context.Context, a coordinator.Action) error {
	if a.Service == "a" {
		return errors.New("no")
	}
	return r.Fleet.Apply(ctx, a)
}

package bellows_test

import (
	"context"
	"fmt"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// An operator's loop around the planner, on a fleet in memory.
func Example() {
	ctx, now := context.Background(), time.Unix(0, 0)
	fleet := coordinatortest.NewFleet(func() time.Time { return now },
		[]coordinatortest.FleetGroup{{Name: "gpu", Servers: 1}}, []coordinatortest.FleetModel{{Name: "llama"}})
	planner, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 4}},
		Models: []coordinator.Model{{
			Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 1, Max: 4,
			Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 4, Tolerance: 0.1},
		}},
	}, coordinator.PlannerOptions{})
	if err != nil {
		panic(err)
	}
	fleet.Arrive("llama", 8) // twice what one replica should have in flight
	for range 3 {
		now = now.Add(2 * time.Second)
		world, _ := fleet.Observe(ctx)
		samples, _ := fleet.Read(ctx, planner.Wants(), nil)
		plan := planner.Plan(coordinator.Snapshot{Now: now, Samples: samples, World: world})
		fmt.Println(plan.Models[0].Decision)
		for _, action := range plan.Now {
			fmt.Println("  ", action, "-", action.Why.Reason)
			_ = fleet.Apply(ctx, action)
		}
	}
	// Output:
	// 2: target ratio 1->2
	//    scale gpu to 2 - no room
	//    load llama on gpu/gpu-0000 - replica short
	// 2: target ratio
	//    load llama on gpu/gpu-0001 - replica short
	//    route llama on gpu/gpu-0000 - replica loaded
	// 2: within tolerance
	//    route llama on gpu/gpu-0001 - replica loaded
}

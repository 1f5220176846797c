package coordinatortest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
)

// A test of an adapter; here the adapter and its world are a fleet.
func ExampleTestActuator() {
	test := func(t *testing.T) {
		coordinatortest.TestActuator(t, func() (coordinatortest.ActuatorWorld, error) {
			fleet := coordinatortest.NewFleet(nil,
				[]coordinatortest.FleetGroup{{Name: "gpu", Boot: 20 * time.Second}},
				[]coordinatortest.FleetModel{{Name: "llama", Load: 5 * time.Second}, {Name: "whisper"}})
			return coordinatortest.ActuatorWorld{
				Actuator: fleet,
				Groups:   []coordinator.ServerGroup{{Name: "gpu"}},
				Models:   []string{"llama", "whisper"},
				Settle:   func() { <-time.After(time.Minute) }, // takes no time in a bubble
			}, nil
		}, coordinatortest.Options{Bubble: true})
	}
	_ = test // in a file of tests it is func TestActuator
}

// unversioned takes actions for any version.
type unversioned struct{ *coordinatortest.Fleet }

func (u unversioned) Apply(ctx context.Context, a coordinator.Action) error {
	a.IfVersion = ""
	return u.Fleet.Apply(ctx, a)
}

func ExampleCheckActuator() {
	err := coordinatortest.CheckActuator(coordinatortest.Conflicts, func() (coordinatortest.ActuatorWorld, error) {
		fleet := coordinatortest.NewFleet(nil,
			[]coordinatortest.FleetGroup{{Name: "gpu"}},
			[]coordinatortest.FleetModel{{Name: "llama"}, {Name: "whisper"}})
		return coordinatortest.ActuatorWorld{
			Actuator: unversioned{fleet},
			Groups:   []coordinator.ServerGroup{{Name: "gpu"}},
			Models:   []string{"llama", "whisper"},
		}, nil
	}, coordinatortest.Options{})
	fmt.Println(err)
	var v *coordinatortest.Violation
	fmt.Println(errors.As(err, &v))
	// Output:
	// coordinatortest: contract "conflicts" broken: scale gpu to 3 for a version that is over: the error should be "coordinator: conflict: the subject has changed", is <nil>
	// true
}

func ExampleFleet_Inject() {
	now := time.Unix(0, 0)
	fleet := coordinatortest.NewFleet(func() time.Time { return now },
		[]coordinatortest.FleetGroup{{Name: "gpu"}}, []coordinatortest.FleetModel{{Name: "llama"}})
	fleet.Inject(coordinatortest.Faults{Seed: 1, Apply: coordinatortest.ApplyFaults{ErrorAfter: 1}})

	a := coordinator.Action{ID: "1", Kind: coordinator.ScaleGroup, Group: "gpu", Replicas: 2}
	fmt.Println(fleet.Apply(context.Background(), a))
	world, _ := fleet.Observe(context.Background())
	fmt.Println(world.Groups[0].Desired)
	// Output:
	// coordinatortest: injected fault
	// 2
}

func ExampleFleet_Resident() {
	now := time.Unix(0, 0)
	fleet := coordinatortest.NewFleet(func() time.Time { return now },
		[]coordinatortest.FleetGroup{{Name: "gpu", Servers: 1, Memory: 1000, Overcommit: 0.1}},
		[]coordinatortest.FleetModel{{Name: "a", Memory: 334}, {Name: "b", Memory: 334}, {Name: "c", Memory: 334}})
	ctx := context.Background()
	for _, m := range []string{"a", "b", "c"} {
		on := coordinator.Action{Group: "gpu", Server: "gpu-0000", Model: m}
		for _, on.Kind = range []coordinator.Kind{coordinator.Load, coordinator.Route} {
			on.ID = on.String()
			if err := fleet.Apply(ctx, on); err != nil {
				fmt.Println(err)
			}
		}
	}
	fmt.Println(fleet.Resident("gpu", "gpu-0000"))
	for _, m := range []string{"b", "c", "a"} {
		fleet.Arrive(m, 1)
		fmt.Println(m, "answers", fleet.Finish(m, 1), "reloads", fleet.Reloads(m))
	}
	// Output:
	// [b c]
	// b answers 1 reloads 0
	// c answers 1 reloads 0
	// a answers 1 reloads 1
}

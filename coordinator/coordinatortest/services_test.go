package coordinatortest_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// A faultyService actuator has one fault in what it does with services.
type faultyService struct {
	*coordinatortest.Fleet
	fault string
	sent  int
}

func (x *faultyService) Observe(ctx context.Context) (coordinator.World, error) {
	w, err := x.Fleet.Observe(ctx)
	switch x.fault {
	case "lists services in reverse":
		slices.Reverse(w.Services)
	case "forgets services it cannot see":
		w.UnseenServices = nil
	case "lists services it cannot see as empty":
		for _, name := range w.UnseenServices {
			w.Services = append([]coordinator.ServiceState{{Name: name, Version: "1"}}, w.Services...)
		}
		slices.SortFunc(w.Services, func(a, b coordinator.ServiceState) int { return len(b.Name) - len(a.Name) })
		w.UnseenServices = nil
	}
	for i := range w.Services {
		switch s := &w.Services[i]; x.fault {
		case "gives services no version":
			s.Version = ""
		case "never changes a service's version":
			s.Version = "1"
		case "does not show generations of services":
			s.Generation = 0
		case "counts less than nothing":
			s.Ready = -1
		}
	}
	return w, err
}

func (x *faultyService) Apply(ctx context.Context, a coordinator.Action) error {
	x.sent++
	if a.Kind != coordinator.ScaleService {
		return x.Fleet.Apply(ctx, a)
	}
	switch x.fault {
	case "scales services by one too many":
		a.Replicas++
	case "scales services again":
		a.ID += strconv.Itoa(x.sent)
	case "knows no generations of services":
		a.Generation += uint64(1000 * x.sent)
	case "knows no epochs of services":
		a.Epoch = 1000
	case "ignores versions of services", "never changes a service's version":
		a.IfVersion = ""
	case "accepts services there are not":
		_ = x.Fleet.Apply(ctx, a)
		return nil
	}
	return x.Fleet.Apply(ctx, a)
}

// Each fault with services is caught by the check of the contract that it breaks.
func TestBrokenServices(t *testing.T) {
	for _, c := range []struct {
		fault string
		by    coordinatortest.Contract
		says  string
	}{
		{"lists services in reverse", coordinatortest.Observed, "services are not sorted"},
		{"gives services no version", coordinatortest.Observed, "has no Version"},
		{"counts less than nothing", coordinatortest.Observed, "has less than nothing"},
		{"scales services by one too many", coordinatortest.LifeCycle, "3 ready, Desired 3"},
		{"never changes a service's version", coordinatortest.LifeCycle, "left the service's Version as it was"},
		{"does not show generations of services", coordinatortest.LifeCycle, "the service shows"},
		{"scales services again", coordinatortest.Idempotent, "delivered again"},
		{"knows no generations of services", coordinatortest.Fenced, "of an older generation"},
		{"knows no epochs of services", coordinatortest.Fenced, "of an older epoch"},
		{"ignores versions of services", coordinatortest.Conflicts, "for a version that is over"},
		{"accepts services there are not", coordinatortest.Unknown, "although there is no such thing"},
		{"forgets services it cannot see", coordinatortest.PartialFailure, "neither seen nor listed in UnseenServices"},
		{"lists services it cannot see as empty", coordinatortest.PartialFailure, "is not listed in UnseenServices"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := coordinatortest.CheckActuator(c.by, func() (coordinatortest.ActuatorWorld, error) {
					f := kitFleet()
					return actuatorWorld(f, &faultyService{Fleet: f, fault: c.fault}), nil
				}, coordinatortest.Options{})
				caught(t, err, c.by, c.says)
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		err := coordinatortest.CheckActuator(coordinatortest.Remembered, func() (coordinatortest.ActuatorWorld, error) {
			f := kitFleet()
			w := actuatorWorld(f, f)
			w.Reopen = func() (coordinator.Actuator, error) {
				return &faultyService{Fleet: f, fault: "knows no generations of services"}, nil
			}
			return w, nil
		}, coordinatortest.Options{})
		caught(t, err, coordinatortest.Remembered, "to the next actuator")
	})
}

// A service's replicas take their time, fail, get lost and crash; its requests
// wait for one that is ready.
func TestFleetService(t *testing.T) {
	now := epoch
	f := coordinatortest.NewFleet(func() time.Time { return now }, nil, nil, coordinatortest.FleetService{Name: "s", Start: 10 * time.Second})
	see := func(after time.Duration) [2]int {
		now = now.Add(after)
		w, err := f.Observe(t.Context())
		require.NoError(t, err)
		return [2]int{w.Services[0].Desired, w.Services[0].Ready}
	}
	scale := func(n int) {
		t.Helper()
		id := now.String() + strconv.Itoa(n)
		require.NoError(t, f.Apply(t.Context(), coordinator.Action{ID: id, Kind: coordinator.ScaleService, Service: "s", Replicas: n}))
	}
	f.Arrive("s", 3)
	require.Zero(t, f.Finish("s", 9), "nobody is ready")
	scale(2)
	require.Equal(t, [2]int{2, 0}, see(9*time.Second))
	require.Equal(t, [2]int{2, 2}, see(time.Second))
	require.Equal(t, 3, f.Finish("s", 9))
	f.Arrive("s", 5)
	samples, err := f.Read(t.Context(), []coordinator.Series{
		{Target: coordinator.TargetID{Kind: coordinator.TargetService, Name: "s"}, Name: policy.InFlight}, {Target: coordinator.TargetID{Name: "s"}, Name: policy.InFlight},
	}, nil)
	require.NoError(t, err)
	require.Len(t, samples, 1, "it is no model")
	require.Equal(t, 5.0, samples[0].Value)
	f.Lose("s", 1)
	require.Equal(t, [2]int{2, 1}, see(0))
	scale(1) // what is on its way goes before what is ready
	require.Equal(t, [2]int{1, 1}, see(time.Hour))

	f.Inject(coordinatortest.Faults{Start: coordinatortest.Trouble{Fail: 1}})
	scale(2)
	require.Equal(t, [2]int{2, 1}, see(10*time.Second))
	f.Inject(coordinatortest.Faults{})
	require.Equal(t, [2]int{2, 1}, see(10*time.Second-1), "what was to fail fails nonetheless")
	see(1)
	require.Equal(t, [2]int{2, 2}, see(10*time.Second), "ordered anew")
	f.Inject(coordinatortest.Faults{Start: coordinatortest.Trouble{Lose: 1}, Retry: time.Minute})
	scale(3)
	f.Inject(coordinatortest.Faults{})
	require.Equal(t, [2]int{3, 2}, see(time.Minute-1))
	see(1)
	require.Equal(t, [2]int{3, 3}, see(10*time.Second))
	f.Inject(coordinatortest.Faults{Start: coordinatortest.Trouble{Slow: 1, By: time.Hour}})
	scale(4)
	require.Equal(t, [2]int{4, 3}, see(time.Hour+10*time.Second-1))
	require.Equal(t, [2]int{4, 4}, see(1))
}

package coordinatortest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

// kitFleet is the world that the kits are proved on: two groups, two models, two
// services, in the time of the bubble.
func kitFleet() *coordinatortest.Fleet {
	return coordinatortest.NewFleet(nil,
		[]coordinatortest.FleetGroup{
			{Name: "free", Servers: 1, Boot: 10 * time.Second},
			{Name: "ordinal", Servers: 3, Boot: 10 * time.Second, Ordinal: true},
		},
		[]coordinatortest.FleetModel{{Name: "llama", Load: 5 * time.Second}, {Name: "whisper", Load: 3 * time.Second}},
		coordinatortest.FleetService{Name: "gateway", Replicas: 1, Start: 4 * time.Second}, coordinatortest.FleetService{Name: "dataflow"})
}

// actuatorWorld has every hook; a is what acts on f.
func actuatorWorld(f *coordinatortest.Fleet, a coordinator.Actuator) coordinatortest.ActuatorWorld {
	inject := func(faults coordinatortest.Faults) func() {
		f.Inject(faults)
		return func() { f.Inject(coordinatortest.Faults{}) }
	}
	return coordinatortest.ActuatorWorld{
		Actuator: a,
		Groups:   []coordinator.ServerGroup{{Name: "free"}, {Name: "ordinal", Removal: coordinator.Ordinal}},
		Models:   []string{"llama", "whisper"},
		Services: []string{"gateway", "dataflow"},
		Settle:   func() { <-time.After(time.Minute) }, // of the bubble
		Hang: func() func() {
			return inject(coordinatortest.Faults{
				Apply:   coordinatortest.ApplyFaults{TimeOutBefore: 1},
				Observe: coordinatortest.ObserveFaults{TimeOut: 1},
			})
		},
		Cut: func(group string) func() { return inject(coordinatortest.Faults{Unreachable: []string{group}}) },
		CutService: func(service string) func() {
			return inject(coordinatortest.Faults{UnreachableServices: []string{service}})
		},
		Reopen: func() (coordinator.Actuator, error) { return a, nil },
		Close:  func() {},
	}
}

// sourceWorld has every hook, and both models serve; s is what reads f.
func sourceWorld(f *coordinatortest.Fleet, s coordinator.MetricSource) coordinatortest.SourceWorld {
	for _, k := range []coordinator.Kind{coordinator.Load, coordinator.Route} {
		for _, m := range []string{"llama", "whisper"} {
			_ = f.Apply(context.Background(), coordinator.Action{ID: m + k.String(), Kind: k, Group: "free", Server: "free-0000", Model: m})
		}
		<-time.After(10 * time.Second) // of the bubble
	}
	return sourceHooks(f, s)
}

func sourceHooks(f *coordinatortest.Fleet, s coordinator.MetricSource) coordinatortest.SourceWorld {
	var series []coordinator.Series
	for _, m := range []string{"llama", "whisper"} {
		for _, name := range []string{policy.InFlight, policy.Begun, policy.Ended} {
			series = append(series, coordinator.Series{Target: coordinator.TargetID{Name: m}, Name: name})
		}
	}
	series = append(series, coordinator.Series{Target: coordinator.TargetID{Kind: coordinator.TargetService, Name: "gateway"}, Name: policy.Begun})
	only := func(t coordinator.TargetID, faults coordinatortest.MetricFaults) func() {
		faults.Only = []string{t.Name}
		f.Inject(coordinatortest.Faults{Metrics: faults})
		return func() { f.Inject(coordinatortest.Faults{}) }
	}
	return coordinatortest.SourceWorld{
		Source: s, Series: series,
		Advance: func() {
			for _, m := range []string{"llama", "whisper", "gateway"} {
				f.Arrive(m, 3)
				f.Finish(m, 2)
			}
			<-time.After(time.Second)
		},
		Restart: func(t coordinator.TargetID) { f.Restart(t.Name) },
		Lose:    func(t coordinator.TargetID) { only(t, coordinatortest.MetricFaults{Missing: 1}) },
		Fail:    func(t coordinator.TargetID) func() { return only(t, coordinatortest.MetricFaults{Error: 1}) },
		Hang:    func(t coordinator.TargetID) func() { return only(t, coordinatortest.MetricFaults{TimeOut: 1}) },
		Close:   func() {},
	}
}

func TestFleetIsAnActuator(t *testing.T) {
	coordinatortest.TestActuator(t, func() (coordinatortest.ActuatorWorld, error) {
		f := kitFleet()
		return actuatorWorld(f, f), nil
	}, coordinatortest.Options{Bubble: true})
}

// An adapter may be slow and have everything delivered twice.
func TestSlowFleetIsAnActuator(t *testing.T) {
	coordinatortest.TestActuator(t, func() (coordinatortest.ActuatorWorld, error) {
		f := kitFleet()
		f.Inject(coordinatortest.Faults{
			Seed: 1, Boot: coordinatortest.Trouble{Slow: 0.5, By: 30 * time.Second}, Load: coordinatortest.Trouble{Slow: 0.5, By: 30 * time.Second},
			Apply: coordinatortest.ApplyFaults{Twice: 1},
		})
		w := actuatorWorld(f, f)
		w.Hang, w.Cut, w.CutService = nil, nil, nil // they would mend what is injected
		return w, nil
	}, coordinatortest.Options{Bubble: true, Exempt: map[coordinatortest.Contract]string{
		coordinatortest.PartialFailure: "no hook",
	}})
}

func TestFleetIsAMetricSource(t *testing.T) {
	coordinatortest.TestMetricSource(t, func() (coordinatortest.SourceWorld, error) {
		f := kitFleet()
		return sourceWorld(f, f), nil
	}, coordinatortest.Options{Bubble: true})
}

// A contract without its hook is not tried, and none passes in silence.
func TestUntried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bare := func() (coordinatortest.ActuatorWorld, error) {
			f := kitFleet()
			w := actuatorWorld(f, f)
			w.Reopen, w.Cut, w.Groups = nil, nil, w.Groups[1:]
			return w, nil
		}
		for _, c := range []coordinatortest.Contract{coordinatortest.Remembered, coordinatortest.PartialFailure, coordinatortest.FreeRemoval} {
			require.ErrorIs(t, coordinatortest.CheckActuator(c, bare, coordinatortest.Options{}), coordinatortest.ErrUntried)
		}
		blank := func() (coordinatortest.SourceWorld, error) {
			f := kitFleet()
			w := sourceWorld(f, f)
			w.Fail = nil
			return w, nil
		}
		require.ErrorIs(t, coordinatortest.CheckMetricSource(coordinatortest.PartialFailure, blank, coordinatortest.Options{}), coordinatortest.ErrUntried)

		never := errors.New("no cluster")
		err := coordinatortest.CheckActuator(coordinatortest.Observed, func() (coordinatortest.ActuatorWorld, error) {
			return coordinatortest.ActuatorWorld{}, never
		}, coordinatortest.Options{})
		require.ErrorIs(t, err, never)
		require.Error(t, coordinatortest.CheckActuator("dreams", bare, coordinatortest.Options{}))
		require.Error(t, coordinatortest.CheckMetricSource(coordinatortest.Fenced, blank, coordinatortest.Options{}))
		require.Error(t, coordinatortest.CheckActuator(coordinatortest.Observed, func() (coordinatortest.ActuatorWorld, error) {
			return coordinatortest.ActuatorWorld{}, nil
		}, coordinatortest.Options{}), "an empty world is none")
	})
}

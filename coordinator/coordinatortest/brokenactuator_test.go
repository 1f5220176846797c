package coordinatortest_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
)

// A faulty actuator has one fault; all else it leaves to a fleet.
type faulty struct {
	*coordinatortest.Fleet
	fault string

	mu      sync.Mutex
	sent    int
	refused map[string]bool
	scaled  bool
	latest  coordinator.Action // by epoch and generation
	seen    int
}

var errLost = errors.New("lost")

func (x *faulty) Observe(ctx context.Context) (coordinator.World, error) {
	if x.fault == "answers with an empty world when its context has ended" && ctx.Err() != nil {
		return coordinator.World{}, nil
	}
	w, err := x.Fleet.Observe(ctx)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen++
	switch x.fault {
	case "panics":
		panic("out of luck")
	case "forgets what it cannot see":
		w.Unseen = nil
	case "gives up when one group cannot be seen":
		if len(w.Unseen) > 0 {
			return coordinator.World{}, errLost
		}
	case "lists what it cannot see as empty":
		for _, name := range w.Unseen {
			w.Groups = append(w.Groups, coordinator.GroupState{Name: name, Version: "1"})
		}
		slices.SortFunc(w.Groups, func(a, b coordinator.GroupState) int { return len(a.Name) - len(b.Name) })
		w.Unseen = nil
	case "lists groups in reverse":
		slices.Reverse(w.Groups)
	}
	for i := range w.Groups {
		x.spoil(&w.Groups[i])
	}
	return w, err
}

func (x *faulty) spoil(g *coordinator.GroupState) {
	if x.fault == "does not show generations" {
		g.Generation = 0
	}
	if x.fault == "lists servers in reverse" {
		slices.Reverse(g.Servers)
	}
	for i := range g.Servers {
		s := &g.Servers[i]
		switch x.fault {
		case "gives servers no version":
			s.Version = ""
		case "dates phases anew":
			s.Since = time.Now()
		case "gives all servers one ordinal":
			if g.Name == "ordinal" {
				s.Ordinal = 0
			}
		case "numbers servers under ordinal removal alone": // no fault
			if g.Name != "ordinal" {
				s.Ordinal = 0
			}
		case "lists replicas as they come":
			slices.Reverse(s.Replicas)
		}
		for j := range s.Replicas {
			r := &s.Replicas[j]
			switch {
			case x.fault == "has no number in flight":
				r.InFlight.Value = math.NaN()
			case x.fault == "dates replicas anew":
				r.Since = time.Now()
			case x.fault == "reads in the future":
				r.InFlight.At = time.Now().Add(time.Minute)
			case x.fault == "serves what is loaded" && r.Phase == coordinator.Loaded:
				r.Phase = coordinator.Serving
			case x.fault == "forgets draining" && r.Phase == coordinator.Draining:
				r.Phase = coordinator.Loaded
			case x.fault == "never changes a replica's version":
				r.Version = "1"
			}
		}
	}
}

func (x *faulty) Apply(ctx context.Context, a coordinator.Action) error {
	x.mu.Lock()
	x.sent++
	sent := x.sent
	x.mu.Unlock()
	switch x.fault {
	case "does everything again":
		a.ID += strconv.Itoa(sent)
	case "checks versions of what was done already":
		if w, _ := x.Fleet.Observe(ctx); a.IfVersion != "" && !holds(w, a) {
			return coordinator.ErrConflict
		}
	case "knows no generations":
		a.Generation = uint64(1_000_000 + sent)
	case "knows no epochs":
		a.Epoch = 1000
	case "ignores versions":
		a.IfVersion = ""
	case "checks versions before it acts":
		w, _ := x.Fleet.Observe(ctx)
		if a.IfVersion != "" && !holds(w, a) && sent > 9 {
			return coordinator.ErrConflict
		}
		<-time.After(time.Millisecond) // of the bubble: all others have looked
		a.IfVersion = ""
	case "waits for ever":
		for x.Fleet.Apply(ctx, a) != nil {
			<-time.After(time.Second)
			ctx = context.WithoutCancel(ctx)
		}
		return nil
	case "accepts what it could not ask for":
		if err := x.Fleet.Apply(ctx, a); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return nil
	case "takes a time-out for a fence":
		if err := x.Fleet.Apply(ctx, a); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		return coordinator.ErrFenced
	case "accepts what there is not":
		err := x.Fleet.Apply(ctx, a)
		if err != nil && !errors.Is(err, coordinator.ErrFenced) && !errors.Is(err, coordinator.ErrConflict) && ctx.Err() == nil {
			return nil
		}
		return err
	}
	if a.Kind == coordinator.ScaleGroup {
		a.Victims = x.victims(ctx, a)
	}
	return x.applyInOrder(ctx, a)
}

// victims has the faults of which servers go.
func (x *faulty) victims(ctx context.Context, a coordinator.Action) []string {
	w, _ := x.Fleet.Observe(ctx)
	all := names(w, a.Group)
	switch {
	case x.fault == "removes whatever comes last":
		return all[len(all)-min(len(a.Victims), len(all)):]
	case x.fault == "removes the lowest ordinals" && a.Group == "ordinal" && len(all) > a.Replicas:
		return all[:len(all)-a.Replicas]
	}
	return a.Victims
}

// applyInOrder has the faults of what must remember other actions.
func (x *faulty) applyInOrder(ctx context.Context, a coordinator.Action) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch x.fault {
	case "remembers what it refused":
		if x.refused[a.ID] {
			return nil
		}
		err := x.Fleet.Apply(ctx, a)
		x.refused[a.ID] = errors.Is(err, coordinator.ErrConflict)
		return err
	case "fences all subjects as one":
		if a.Epoch < x.latest.Epoch || a.Epoch == x.latest.Epoch && a.Generation < x.latest.Generation {
			return coordinator.ErrFenced
		}
		err := x.Fleet.Apply(ctx, a)
		if err == nil {
			x.latest = a
		}
		return err
	case "loads nothing once a group was scaled":
		defer func() { x.scaled = a.Kind == coordinator.ScaleGroup && a.Replicas == 3 }()
		if x.scaled && a.Kind != coordinator.ScaleGroup {
			return errLost
		}
	case "leaves a goroutine at every time-out":
		if err := x.Fleet.Apply(ctx, a); err == nil || ctx.Err() == nil {
			return err
		}
		go func() { <-never }()
		return ctx.Err()
	}
	return x.Fleet.Apply(ctx, a)
}

var never = make(chan struct{})

// holds reports whether the subject of an action has the version it asks for.
func holds(w coordinator.World, a coordinator.Action) bool {
	for _, g := range w.Groups {
		if g.Name != a.Group {
			continue
		}
		if a.Kind == coordinator.ScaleGroup {
			return g.Version == a.IfVersion
		}
		for _, s := range g.Servers {
			if s.Name != a.Server {
				continue
			}
			for _, r := range s.Replicas {
				if r.Model == a.Model {
					return r.Version == a.IfVersion
				}
			}
			return s.Version == a.IfVersion
		}
	}
	return false
}

func names(w coordinator.World, group string) (all []string) {
	for _, g := range w.Groups {
		for _, s := range g.Servers {
			if g.Name == group {
				all = append(all, s.Name)
			}
		}
	}
	return all
}

// Each fault is caught by the check of the contract that it breaks, and told in
// words that point to it.
func TestBrokenActuators(t *testing.T) {
	for _, c := range []struct {
		fault string
		by    coordinatortest.Contract
		says  string
	}{
		{"panics", coordinatortest.Observed, "panic: out of luck"},
		{"lists groups in reverse", coordinatortest.Observed, "groups are not sorted"},
		{"lists servers in reverse", coordinatortest.Observed, "servers are not sorted"},
		{"lists replicas as they come", coordinatortest.Observed, "replicas are not sorted"},
		{"gives servers no version", coordinatortest.Observed, "has no Version"},
		{"gives all servers one ordinal", coordinatortest.Observed, "have one ordinal"},
		{"dates phases anew", coordinatortest.Observed, "observed again without an action"},
		{"dates replicas anew", coordinatortest.Observed, "observed again without an action"},
		{"has no number in flight", coordinatortest.Observed, "has NaN in flight"},
		{"reads in the future", coordinatortest.Observed, "as of a time to come"},
		{"serves what is loaded", coordinatortest.LifeCycle, "the replica is serving, not loaded"},
		{"forgets draining", coordinatortest.LifeCycle, "the replica is loaded, not draining"},
		{"does not show generations", coordinatortest.LifeCycle, "the group shows"},
		{"never changes a replica's version", coordinatortest.LifeCycle, "left the replica's Version as it was"},
		{"does everything again", coordinatortest.Idempotent, "delivered again at once"},
		{"checks versions of what was done already", coordinatortest.Idempotent, "delivered again at once: coordinator: conflict"},
		{"knows no generations", coordinatortest.Fenced, "of an older generation"},
		{"knows no epochs", coordinatortest.Fenced, "of an older epoch"},
		{"fences all subjects as one", coordinatortest.Fenced, "load llama on free/free-0000: coordinator: fenced"},
		{"ignores versions", coordinatortest.Conflicts, "for a version that is over"},
		{"remembers what it refused", coordinatortest.Conflicts, "was accepted without effect"},
		{"checks versions before it acts", coordinatortest.Concurrent, "sent at once, 6 were accepted"},
		{"loads nothing once a group was scaled", coordinatortest.AnyOrder, "depends on no other action"},
		{"removes whatever comes last", coordinatortest.FreeRemoval, "the group holds"},
		{"removes the lowest ordinals", coordinatortest.OrdinalRemoval, "the group holds"},
		{"accepts what there is not", coordinatortest.Unknown, "although there is no such thing"},
		{"waits for ever", coordinatortest.Deadline, "no answer after"},
		{"accepts what it could not ask for", coordinatortest.Deadline, "was accepted while the world hung"},
		{"takes a time-out for a fence", coordinatortest.Deadline, "nobody can know that"},
		{"answers with an empty world when its context has ended", coordinatortest.Deadline, "neither seen nor listed in Unseen"},
		{"forgets what it cannot see", coordinatortest.PartialFailure, "neither seen nor listed in Unseen"},
		{"lists what it cannot see as empty", coordinatortest.PartialFailure, "is not listed in Unseen"},
		{"gives up when one group cannot be seen", coordinatortest.PartialFailure, "fails as a whole"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				err := coordinatortest.CheckActuator(c.by, func() (coordinatortest.ActuatorWorld, error) {
					f := kitFleet()
					x := &faulty{Fleet: f, fault: c.fault, refused: map[string]bool{}}
					return actuatorWorld(f, x), nil
				}, coordinatortest.Options{})
				<-time.After(time.Minute) // of the bubble: what was left behind ends
				caught(t, err, c.by, c.says)
			})
		})
	}
}

// Where any server may go, their order is no matter.
func TestActuatorThatNumbersWhatItMust(t *testing.T) {
	for _, c := range coordinatortest.ActuatorContracts() {
		if c == coordinatortest.Batch || c == coordinatortest.BatchDeadline {
			continue // it takes no batches
		}
		synctest.Test(t, func(t *testing.T) {
			require.NoError(t, coordinatortest.CheckActuator(c, func() (coordinatortest.ActuatorWorld, error) {
				f := kitFleet()
				return actuatorWorld(f, &faulty{Fleet: f, fault: "numbers servers under ordinal removal alone"}), nil
			}, coordinatortest.Options{}))
		})
	}
}

func caught(t *testing.T, err error, by coordinatortest.Contract, says string) {
	t.Helper()
	var v *coordinatortest.Violation
	require.ErrorAs(t, err, &v)
	require.Equal(t, by, v.Contract)
	require.ErrorContains(t, err, says)
}

// instant is a world whose servers and models take no time, for checks outside
// of a bubble.
func instant() *coordinatortest.Fleet {
	return coordinatortest.NewFleet(nil,
		[]coordinatortest.FleetGroup{{Name: "free"}, {Name: "ordinal", Ordinal: true}},
		[]coordinatortest.FleetModel{{Name: "llama"}, {Name: "whisper"}},
		coordinatortest.FleetService{Name: "gateway"}, coordinatortest.FleetService{Name: "dataflow"})
}

// Outside of a bubble: one would not end before the goroutine does.
func TestActuatorThatLeavesAGoroutine(t *testing.T) {
	err := coordinatortest.CheckActuator(coordinatortest.NoGoroutineLeft, func() (coordinatortest.ActuatorWorld, error) {
		f := instant()
		w := actuatorWorld(f, &faulty{Fleet: f, fault: "leaves a goroutine at every time-out"})
		w.Settle = nil
		return w, nil
	}, coordinatortest.Options{Timeout: 250 * time.Millisecond, Patience: 250 * time.Millisecond})
	caught(t, err, coordinatortest.NoGoroutineLeft, "applyInOrder")
}

// The next actuator on the same world knows nothing of what the one before it
// accepted.
func TestActuatorThatForgets(t *testing.T) {
	for fault, says := range map[string]string{
		"does everything again": "delivered again to the next actuator",
		"knows no generations":  "to the next actuator",
		"knows no epochs":       "delivered again to the next actuator",
	} {
		synctest.Test(t, func(t *testing.T) {
			err := coordinatortest.CheckActuator(coordinatortest.Remembered, func() (coordinatortest.ActuatorWorld, error) {
				f := kitFleet()
				w := actuatorWorld(f, f)
				w.Reopen = func() (coordinator.Actuator, error) {
					return &faulty{Fleet: f, fault: fault}, nil
				}
				return w, nil
			}, coordinatortest.Options{})
			caught(t, err, coordinatortest.Remembered, says)
		})
	}
}

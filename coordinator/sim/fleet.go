package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// base is the instant at which a simulation starts; any will do.
var base = time.Unix(946684800, 0).UTC()

func instant(ns int64) time.Time { return base.Add(time.Duration(ns)) }

const second = int64(time.Second)

// fleet is the simulated world: a group of servers and a station per model.
// It is what the planner reads, observes and acts on.
type fleet struct {
	options  Options
	now      int64
	stations []*unit           // in order of first appearance
	world    coordinator.World // Groups sorted by name
	byGroup  map[string]*unit
	byModel  map[string]*unit
	events   []int64 // heap of instants at which the world changes by itself
	replicas int     // of all models, loading ones included
	broken   int64   // loads that failed
	bill     bill
}

// bill sums what is paid for within [from, end).
type bill struct {
	from, end         int64
	replicas, servers int64 // nanoseconds
}

// charge is the part of [since, until) that is paid for.
func (b *bill) charge(since, until int64) int64 {
	return max(0, min(until, b.end)-max(since, b.from))
}

// unit is one model: its queue, its group of servers and its metrics.
type unit struct {
	station
	name  string
	index int // in fleet.stations
	group *coordinator.GroupState
	vms   []vm  // parallel to group.Servers
	next  int   // ordinal of the next server
	busy  []int // scratch: requests in flight by ordinal
	meter
	loads uint64 // ordered, ever
}

// vm is one server and the replica on it.
type vm struct {
	id            int32
	ordered, upAt int64
	loaded        bool // it holds a replica
	fails         bool // which will be broken
	loadedFrom    int64
	readyAt       int64
}

func newFleet(o Options) *fleet {
	return &fleet{options: o, byGroup: map[string]*unit{}, byModel: map[string]*unit{}}
}

// enter adds a model with n replicas, up and serving.
func (f *fleet) enter(name string, n int, waits *histogram) {
	u := &unit{name: name, index: len(f.stations), meter: newMeter(f.options.Seed, name)}
	u.score = score{waits: waits, limit: int64(f.options.Wait), from: int64(f.options.Warmup)}
	f.stations = append(f.stations, u)
	f.byModel[name], f.byGroup[name] = u, u

	i, _ := slices.BinarySearchFunc(f.world.Groups, name, func(g coordinator.GroupState, name string) int {
		if g.Name < name {
			return -1
		}
		return 1
	})
	f.world.Groups = slices.Insert(f.world.Groups, i, coordinator.GroupState{Name: name})
	for i := range f.world.Groups {
		g := &f.world.Groups[i]
		f.byGroup[g.Name].group = g
	}
	u.grow(f, n, true)
	for i := range u.vms {
		v := &u.vms[i]
		v.loaded, v.loadedFrom, v.readyAt = true, f.now, f.now
		u.group.Servers[i].Replicas = []coordinator.ReplicaState{{Model: name, Phase: coordinator.Serving, Since: instant(f.now)}}
		u.open(v.id, f.options.Slots, f.now)
		f.replicas++
	}
}

// grow orders servers until there are n.
func (u *unit) grow(f *fleet, n int, up bool) {
	u.group.Desired = n
	for len(u.vms) < n {
		v := vm{id: int32(u.next), ordered: f.now, upAt: f.now + int64(f.options.Boot)}
		if up {
			v.upAt = f.now
		} else {
			f.expect(v.upAt)
		}
		u.next++
		u.vms = append(u.vms, v)
		u.busy = append(u.busy, 0)
		u.group.Servers = append(u.group.Servers, coordinator.ServerState{
			Name: fmt.Sprintf("%s-%08d", u.name, v.id), Ordinal: int(v.id), Phase: coordinator.Booting, Since: instant(v.ordered),
		})
	}
}

// expect notes that the world will change by itself.
func (f *fleet) expect(at int64) {
	f.events = append(f.events, at)
	for i := len(f.events) - 1; i > 0 && f.events[(i-1)/2] > f.events[i]; i = (i - 1) / 2 {
		f.events[(i-1)/2], f.events[i] = f.events[i], f.events[(i-1)/2]
	}
}

// due drops the events up to t.
func (f *fleet) due(t int64) {
	for len(f.events) > 0 && f.events[0] <= t {
		last := len(f.events) - 1
		f.events[0] = f.events[last]
		f.events = f.events[:last]
		for i := 0; ; {
			c := 2*i + 1
			if c+1 < last && f.events[c+1] < f.events[c] {
				c++
			}
			if c >= last || f.events[i] <= f.events[c] {
				break
			}
			f.events[i], f.events[c] = f.events[c], f.events[i]
			i = c
		}
	}
}

// tickSecond reads the counters at the whole second that is now.
func (f *fleet) tickSecond() {
	for _, u := range f.stations {
		running, left := u.running(f.now)
		u.mark(mark{
			at: f.now, begun: u.begun, ended: u.started - running,
			busy: (u.work - left).Seconds(), inFlight: u.begun - u.started + running,
		}, f.options.Faults.MetricLoss)
	}
}

// Observe brings the world up to now and reports it.
func (f *fleet) Observe(context.Context) (coordinator.World, error) {
	at := instant(f.now)
	for _, u := range f.stations {
		for i := range u.busy {
			u.busy[i] = 0
		}
		for _, list := range [2][]slot{u.slots, u.draining} {
			for _, x := range list {
				if x.free > f.now {
					u.busy[u.position(x.vm)]++
				}
			}
		}
		for i := range u.vms {
			v, s := &u.vms[i], &u.group.Servers[i]
			if s.Phase == coordinator.Booting && v.upAt <= f.now {
				s.Phase, s.Since = coordinator.Up, instant(v.upAt)
			}
			if !v.loaded {
				continue
			}
			r := &s.Replicas[0]
			if r.Phase == coordinator.Loading && v.readyAt <= f.now {
				r.Phase, r.Since = coordinator.Loaded, instant(v.readyAt)
				if v.fails {
					r.Phase = coordinator.Broken
				}
			}
			r.InFlight = policy.Reading{Value: float64(u.busy[i]), At: at, Quality: policy.OK}
		}
	}
	return f.world, nil
}

// position finds a server by its ordinal.
func (u *unit) position(id int32) int {
	i, _ := slices.BinarySearchFunc(u.vms, id, func(v vm, id int32) int { return int(v.id) - int(id) })
	return i
}

var errNonsense = errors.New("sim: an action that the world does not allow")

// Apply carries out an action at once.
func (f *fleet) Apply(_ context.Context, a coordinator.Action) error {
	u := f.byGroup[a.Group]
	if u == nil {
		return fmt.Errorf("%w: %v", errNonsense, a)
	}
	if a.Kind == coordinator.ScaleGroup {
		return u.scale(f, a)
	}
	i, found := slices.BinarySearchFunc(u.group.Servers, a.Server, func(s coordinator.ServerState, name string) int {
		switch {
		case s.Name < name:
			return -1
		case s.Name > name:
			return 1
		}
		return 0
	})
	if !found || a.Model != u.name {
		return fmt.Errorf("%w: %v", errNonsense, a)
	}
	v, s := &u.vms[i], &u.group.Servers[i]
	if a.Kind == coordinator.Load {
		if v.loaded || v.upAt > f.now {
			return fmt.Errorf("%w: %v", errNonsense, a)
		}
		takes, fails := u.draws.startOf(&f.options, u.loads)
		u.loads++
		v.loaded, v.fails, v.loadedFrom, v.readyAt = true, fails, f.now, f.now+takes
		s.Replicas = append(s.Replicas[:0], coordinator.ReplicaState{Model: u.name, Since: instant(f.now)})
		s.Generation = a.Generation
		f.replicas++
		f.expect(v.readyAt)
		return nil
	}
	if !v.loaded {
		return fmt.Errorf("%w: %v", errNonsense, a)
	}
	r := &s.Replicas[0]
	s.Generation = a.Generation
	switch {
	case a.Kind == coordinator.Route && r.Phase == coordinator.Loaded:
		u.open(v.id, f.options.Slots, f.now)
		r.Phase, r.Since = coordinator.Serving, instant(f.now)
	case a.Kind == coordinator.Route && r.Phase == coordinator.Draining:
		u.reopen(v.id, f.options.Slots, f.now)
		r.Phase, r.Since = coordinator.Serving, instant(f.now)
	case a.Kind == coordinator.Unroute && r.Phase == coordinator.Serving:
		f.expect(u.close(v.id, f.now))
		r.Phase, r.Since = coordinator.Draining, instant(f.now)
	case a.Kind == coordinator.Unload && r.Phase != coordinator.Serving:
		if r.Phase == coordinator.Broken {
			f.broken++
		}
		u.forget(v.id)
		f.bill.replicas += f.bill.charge(v.loadedFrom, f.now)
		v.loaded = false
		s.Replicas = s.Replicas[:0]
		f.replicas--
		f.expect(f.now) // the server may go now
	default:
		return fmt.Errorf("%w: %v a %v replica", errNonsense, a, r.Phase)
	}
	return nil
}

func (u *unit) scale(f *fleet, a coordinator.Action) error {
	for _, name := range a.Victims {
		i := slices.IndexFunc(u.group.Servers, func(s coordinator.ServerState) bool { return s.Name == name })
		if i < 0 || u.vms[i].loaded {
			return fmt.Errorf("%w: %v", errNonsense, a)
		}
		f.bill.servers += f.bill.charge(u.vms[i].ordered, f.now)
		u.vms = slices.Delete(u.vms, i, i+1)
		u.busy = u.busy[:len(u.vms)]
		u.group.Servers = slices.Delete(u.group.Servers, i, i+1)
	}
	u.group.Generation = a.Generation
	u.grow(f, a.Replicas, false)
	return nil
}

// settle charges what is still there at the end.
func (f *fleet) settle() {
	for _, u := range f.stations {
		for i := range u.vms {
			f.bill.servers += f.bill.charge(u.vms[i].ordered, f.now)
			if u.vms[i].loaded {
				f.bill.replicas += f.bill.charge(u.vms[i].loadedFrom, f.now)
			}
		}
	}
}

package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// sharedFleet is the simulated world where models share servers: what the planner
// reads, observes and acts on, around a hall.
type sharedFleet struct {
	hall
	options Options
	byName  map[string]*tenant
	state   []coordinator.GroupState // one; its Servers are as hall.hosts
	events  []int64                  // ascending instants at which the world changes by itself
	next    int32                    // ordinal of the next server
	bill    bill

	ordered, removed int64 // servers, since warm-up
	left             []int64
	wanted           []coordinator.Series // those of the last read
	asked            []*tenant            // as wanted
}

func newSharedFleet(o Options) *sharedFleet {
	f := &sharedFleet{options: o, byName: map[string]*tenant{}, state: []coordinator.GroupState{{Name: group}}}
	s := o.Servers
	f.hall = hall{slots: s.Slots, memory: s.Memory, from: int64(o.Warmup), expect: f.note, fate: f.fate}
	return f
}

// fate is how long the next load of a model takes, and whether it fails.
func (f *sharedFleet) fate(t *tenant) (takes int64, fails bool) {
	return t.draws.startOf(&f.options, t.loads)
}

// note remembers an instant at which the world changes by itself.
func (f *sharedFleet) note(at int64) {
	i, _ := slices.BinarySearch(f.events, at)
	f.events = slices.Insert(f.events, i, at)
}

// passed drops the events up to now.
func (f *sharedFleet) passed() {
	n := 0
	for n < len(f.events) && f.events[n] <= f.now {
		n++
	}
	f.events = slices.Delete(f.events, 0, n)
}

// enter adds a model without copies.
func (f *sharedFleet) enter(name string, waits *histogram) {
	t := &tenant{name: name, size: f.options.Servers.size(name), meter: newMeter(f.options.Seed, name)}
	t.score = score{waits: waits, limit: int64(f.options.Wait), from: int64(f.options.Warmup)}
	f.byName[name] = t
	i, _ := slices.BinarySearchFunc(f.tenants, name, func(t *tenant, name string) int { return strings.Compare(t.name, name) })
	f.tenants = slices.Insert(f.tenants, i, t)
	for i, t := range f.tenants {
		t.index = i
	}
	f.left = make([]int64, len(f.tenants))
	f.wanted = nil
}

// grow orders servers until there are n.
func (f *sharedFleet) grow(n int, boot int64) {
	g := &f.state[0]
	g.Desired = n
	for len(f.hosts) < n {
		s := &host{id: f.next, free: f.slots, ordered: f.now, upAt: f.now + boot}
		f.next++
		f.hosts = append(f.hosts, s)
		g.Servers = append(g.Servers, coordinator.ServerState{
			Name: fmt.Sprintf("%s-%08d", group, s.id), Ordinal: int(s.id), Phase: coordinator.Booting, Since: instant(s.ordered),
		})
		if boot > 0 {
			f.note(s.upAt)
		}
		if f.now >= f.from {
			f.ordered++
		}
	}
}

// tickSecond reads the counters at the whole second that is now.
func (f *sharedFleet) tickSecond() {
	f.hall.left(f.left)
	for i, t := range f.tenants {
		t.mark(mark{
			at: f.now, begun: t.begun, ended: t.started - t.running,
			busy: float64(t.work-f.left[i]) / 1e9, inFlight: t.begun - t.started + t.running,
		}, f.options.Faults.MetricLoss)
	}
}

// lastSecond is the last whole second that was read, if any was.
func (f *sharedFleet) lastSecond() (at int64, ok bool) {
	if len(f.tenants) == 0 || len(f.tenants[0].marks) == 0 {
		return 0, false
	}
	m := f.tenants[0].marks
	return m[len(m)-1].at, true
}

// Read answers as that of isolated models does.
func (f *sharedFleet) Read(_ context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	until := f.now - int64(f.options.Faults.MetricDelay)
	if len(want) > 0 && (len(want) != len(f.wanted) || &want[0] != &f.wanted[0]) {
		f.wanted, f.asked = want, f.asked[:0]
		for _, w := range want {
			f.asked = append(f.asked, f.byName[w.Target.Name])
		}
	}
	for i := range want {
		if t := f.asked[i]; t != nil && want[i].Target.Kind == coordinator.TargetModel {
			dst = t.read(&want[i], until, dst)
		}
	}
	for _, t := range f.tenants {
		t.drop(until)
	}
	return dst, nil
}

// Observe reports the world as of now.
func (f *sharedFleet) Observe(context.Context) (coordinator.World, error) {
	at := instant(f.now)
	for i, h := range f.hosts {
		s := &f.state[0].Servers[i]
		if s.Phase == coordinator.Booting && h.upAt <= f.now {
			s.Phase, s.Since = coordinator.Up, instant(h.upAt)
		}
		s.Replicas = s.Replicas[:0]
		for _, g := range h.guests {
			r := coordinator.ReplicaState{
				Model: g.tenant.name, Phase: g.phase, Since: instant(g.since),
				InFlight: policy.Reading{Value: float64(g.running), At: at, Quality: policy.OK},
			}
			if !f.options.Servers.HideReloads {
				r.Reloads = g.reloads
			}
			s.Replicas = append(s.Replicas, r)
		}
	}
	return coordinator.World{Groups: f.state}, nil
}

// Apply carries out an action at once.
func (f *sharedFleet) Apply(_ context.Context, a coordinator.Action) error {
	nonsense := func() error { return fmt.Errorf("%w: %v", errNonsense, a) }
	if a.Group != group {
		return nonsense()
	}
	if a.Kind == coordinator.ScaleGroup {
		return f.scale(a)
	}
	i, found := slices.BinarySearchFunc(f.state[0].Servers, a.Server, func(s coordinator.ServerState, name string) int { return strings.Compare(s.Name, name) })
	t := f.byName[a.Model]
	if !found || t == nil {
		return nonsense()
	}
	s := f.hosts[i]
	g := s.find(t)
	switch {
	case a.Kind == coordinator.Load && g == nil && s.upAt <= f.now && f.fits(s, t):
		f.order(s, t)
	case g == nil:
		return nonsense()
	case a.Kind == coordinator.Route && g.doomed:
		g.doomed, g.phase, g.since = false, coordinator.Loading, f.now
	case a.Kind == coordinator.Route && (g.phase == coordinator.Loaded || g.phase == coordinator.Draining):
		g.phase, g.since = coordinator.Serving, f.now
		if g.takes() {
			f.open(g)
		}
	case a.Kind == coordinator.Unroute && g.phase == coordinator.Serving:
		g.phase, g.since = coordinator.Draining, f.now
		f.note(f.shut(g))
	case a.Kind == coordinator.Unload && g.doomed: // so it was wished before
	case a.Kind == coordinator.Unload && g.phase != coordinator.Serving && g.running == 0:
		f.remove(g)
		f.note(f.now) // its room can be used now
	default:
		return fmt.Errorf("%w: %v a %v copy that serves %d", errNonsense, a, g.phase, g.running)
	}
	f.state[0].Servers[i].Generation = a.Generation
	return nil
}

// fits reports whether a server has memory for one more copy.
func (f *sharedFleet) fits(s *host, t *tenant) bool {
	sum := t.size
	for _, g := range s.guests {
		sum += g.tenant.size
	}
	o := f.options.Servers
	return sum <= o.Memory+int64(o.Overcommit*float64(o.Memory))
}

// scale removes servers that hold nothing, or orders more.
func (f *sharedFleet) scale(a coordinator.Action) error {
	g := &f.state[0]
	for _, name := range a.Victims {
		i := slices.IndexFunc(g.Servers, func(s coordinator.ServerState) bool { return s.Name == name })
		if i < 0 || len(f.hosts[i].guests) > 0 {
			return fmt.Errorf("%w: %v", errNonsense, a)
		}
		f.bill.servers += f.bill.charge(f.hosts[i].ordered, f.now)
		f.hosts = slices.Delete(f.hosts, i, i+1)
		g.Servers = slices.Delete(g.Servers, i, i+1)
		if f.now >= f.from {
			f.removed++
		}
	}
	g.Generation = a.Generation
	f.grow(a.Replicas, int64(f.options.Boot))
	return nil
}

// settle charges what is still there at the end.
func (f *sharedFleet) settle() {
	for _, s := range f.hosts {
		f.bill.servers += f.bill.charge(s.ordered, f.now)
	}
}

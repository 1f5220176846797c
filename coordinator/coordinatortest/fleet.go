// Package coordinatortest helps to test what package coordinator is connected
// to, and what is built on it: a [Fleet] is a world in memory.
package coordinatortest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/lag"
	"github.com/bellows-go/bellows/policy"
)

// A Fleet is a world in memory: servers that take time to boot, models that take
// time to load, requests that wait where they enter until a replica serves. It
// is both an Actuator and a MetricSource, and keeps the contracts of both.
//
// NewFleet makes one. A Fleet is safe for concurrent use.
type Fleet struct {
	mu     sync.Mutex
	now    func() time.Time
	groups []*fleetGroup // sorted by name
	models map[string]*fleetModel
}

// A FleetGroup is how a server group behaves.
type FleetGroup struct {
	Name    string
	Servers int           // up at the start
	Boot    time.Duration // from order to up
	Ordinal bool          // removes the highest ordinals, not named victims
}

// A FleetModel is how a model behaves.
type FleetModel struct {
	Name string
	Load time.Duration // from order to loaded
}

type fleetGroup struct {
	FleetGroup
	desired    int
	servers    []*server // sorted by name
	next       int       // ordinal of the next server, unless the lowest free one is taken
	generation uint64
	epoch      uint64
	version    uint64
	done       map[string]bool // IDs accepted in this generation
}

type server struct {
	name       string
	ordinal    int
	ordered    time.Time
	upAt       time.Time
	leaving    bool
	replicas   []*replica // sorted by model
	generation uint64
	epoch      uint64
	version    uint64
}

type replica struct {
	model      *fleetModel
	phase      coordinator.ReplicaPhase
	since      time.Time
	inFlight   int
	generation uint64
	epoch      uint64
	version    uint64
	done       map[string]bool
}

type fleetModel struct {
	FleetModel
	begun, ended uint64
	waiting      int // requests that no replica serves yet
}

// NewFleet returns a fleet whose time is now's; nil is time.Now. Names must be
// unique.
func NewFleet(now func() time.Time, groups []FleetGroup, models []FleetModel) *Fleet {
	if now == nil {
		now = time.Now
	}
	f := &Fleet{now: now, models: map[string]*fleetModel{}}
	for _, g := range groups {
		fg := &fleetGroup{FleetGroup: g}
		fg.grow(g.Servers, now().Add(-g.Boot))
		f.groups = append(f.groups, fg)
	}
	slices.SortFunc(f.groups, func(a, b *fleetGroup) int { return cmp.Compare(a.Name, b.Name) })
	for _, m := range models {
		f.models[m.Name] = &fleetModel{FleetModel: m}
	}
	return f
}

// staying is the number of servers that do not leave.
func (g *fleetGroup) staying() int {
	n := 0
	for _, s := range g.servers {
		if !s.leaving {
			n++
		}
	}
	return n
}

// grow adds servers ordered at an instant until n stay.
func (g *fleetGroup) grow(n int, at time.Time) {
	g.desired = n
	for g.staying() < n {
		ordinal := g.next
		if g.Ordinal { // the lowest that is free, under its old name
			for ordinal = 0; slices.ContainsFunc(g.servers, func(s *server) bool { return s.ordinal == ordinal }); ordinal++ {
			}
		}
		g.next = ordinal + 1
		s := &server{name: g.Name + "-" + pad(ordinal), ordinal: ordinal, ordered: at, upAt: at.Add(g.Boot)}
		i, _ := slices.BinarySearchFunc(g.servers, s.name, func(s *server, name string) int { return cmp.Compare(s.name, name) })
		g.servers = slices.Insert(g.servers, i, s)
	}
}

// pad keeps the order of names that of ordinals.
func pad(n int) string {
	s := strconv.Itoa(n)
	for len(s) < 4 {
		s = "0" + s
	}
	return s
}

// Arrive lets n requests for a model come in. They go to serving replicas, the
// least busy first, or wait.
func (f *Fleet) Arrive(model string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.models[model]
	if m == nil || n < 0 {
		return
	}
	f.catchUp()
	m.begun += uint64(n)
	m.waiting += n
	f.dispatch(m)
}

// Finish lets up to n requests of a model end, on the busiest replicas first,
// and returns how many did. Waiting ones do not end.
func (f *Fleet) Finish(model string, n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.models[model]
	if m == nil {
		return 0
	}
	f.catchUp()
	ended := 0
	for ; ended < n; ended++ {
		var busiest *replica
		f.each(m, func(r *replica) {
			if r.inFlight > 0 && (busiest == nil || r.inFlight > busiest.inFlight) {
				busiest = r
			}
		})
		if busiest == nil {
			break
		}
		busiest.inFlight--
		m.ended++
	}
	return ended
}

// Leave marks a server as ended by something outside; Gone removes it.
func (f *Fleet) Leave(group, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, s := f.find(group, name); s != nil {
		s.leaving = true
		s.version++
	}
}

// Gone removes a server and all it holds, whatever its state. The requests it
// was serving end.
func (f *Fleet) Gone(group, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g, s := f.find(group, name)
	if s == nil {
		return
	}
	g.remove(s)
	g.version++
}

// Break makes a replica fail; the requests it was serving wait again.
func (f *Fleet) Break(group, server, model string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, s := f.find(group, server); s != nil {
		if _, r := s.find(model); r != nil {
			r.model.waiting += r.inFlight
			r.inFlight, r.phase, r.since = 0, coordinator.Broken, f.now()
			r.version++
			f.dispatch(r.model)
		}
	}
}

// Observe reports the world as of now.
func (f *Fleet) Observe(ctx context.Context) (coordinator.World, error) {
	if err := ctx.Err(); err != nil {
		return coordinator.World{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	now := f.now()
	var w coordinator.World
	for _, g := range f.groups {
		gs := coordinator.GroupState{Name: g.Name, Desired: g.desired, Generation: g.generation, Epoch: g.epoch, Version: version(g.version)}
		for _, s := range g.servers {
			ss := coordinator.ServerState{
				Name: s.name, Ordinal: s.ordinal, Phase: coordinator.Up, Since: s.upAt, Leaving: s.leaving,
				Generation: s.generation, Epoch: s.epoch, Version: version(s.version),
			}
			if now.Before(s.upAt) {
				ss.Phase, ss.Since = coordinator.Booting, s.ordered
			}
			for _, r := range s.replicas {
				ss.Replicas = append(ss.Replicas, coordinator.ReplicaState{
					Model: r.model.Name, Phase: r.phase, Since: r.since,
					InFlight: policy.Reading{Value: float64(r.inFlight), At: now, Quality: policy.OK},
					Version:  version(r.version),
				})
			}
			gs.Servers = append(gs.Servers, ss)
		}
		w.Groups = append(w.Groups, gs)
	}
	return w, nil
}

// Read answers for the series in_flight, begun and ended of its models.
func (f *Fleet) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	now := f.now()
	for _, w := range want {
		m := f.models[w.Target.Name]
		if m == nil || w.Target.Kind != coordinator.TargetModel {
			continue
		}
		s := coordinator.Sample{Series: w, At: now, Quality: policy.OK, Cumulative: true}
		switch t := (lag.Totals{Begun: m.begun, Ended: m.ended}); w.Name {
		case policy.Begun:
			s.Value = float64(t.Begun)
		case policy.Ended:
			s.Value = float64(t.Ended)
		case policy.InFlight:
			s.Value, s.Cumulative = float64(t.InFlight()), false
		default:
			continue
		}
		dst = append(dst, s)
	}
	return dst, nil
}

// errRefused is what the fleet says to an action that makes no sense.
var errRefused = errors.New("coordinatortest: not possible")

// Apply carries out an action, once.
func (f *Fleet) Apply(ctx context.Context, a coordinator.Action) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	if a.Kind == coordinator.ScaleGroup {
		return f.scale(a)
	}
	_, s := f.find(a.Group, a.Server)
	if s == nil {
		return fmt.Errorf("%w: no server %s in %s", errRefused, a.Server, a.Group)
	}
	if older(a, s.epoch, s.generation) {
		return coordinator.ErrFenced
	}
	i, r := s.find(a.Model)
	switch {
	case a.Kind == coordinator.Load:
		return f.load(s, i, r, a)
	case r == nil && a.Kind == coordinator.Unload:
		return nil // gone already
	case r == nil:
		return fmt.Errorf("%w: no %s on %s", errRefused, a.Model, a.Server)
	}
	possible := a.Kind == coordinator.Unload ||
		a.Kind == coordinator.Route && r.phase != coordinator.Loading && r.phase != coordinator.Broken ||
		a.Kind == coordinator.Unroute && (r.phase == coordinator.Serving || r.phase == coordinator.Draining)
	if !possible {
		return fmt.Errorf("%w: %v a %v replica", errRefused, a.Kind, r.phase)
	}
	if done, err := accept(a, &r.epoch, &r.generation, &r.version, &r.done); done || err != nil {
		return err
	}
	s.raise(a)
	now := f.now()
	switch {
	case a.Kind == coordinator.Route && (r.phase == coordinator.Loaded || r.phase == coordinator.Draining):
		r.phase, r.since = coordinator.Serving, now
		f.dispatch(r.model)
	case a.Kind == coordinator.Unroute && r.phase == coordinator.Serving:
		r.phase, r.since = coordinator.Draining, now
	case a.Kind == coordinator.Unload:
		r.model.ended += uint64(r.inFlight) // cut off by a drain's deadline
		s.replicas = slices.Delete(s.replicas, i, i+1)
		s.version++
	}
	return nil
}

// raise notes that an action on something that the server holds was accepted.
func (s *server) raise(a coordinator.Action) {
	s.epoch, s.generation = a.Epoch, a.Generation
}

// remove takes a server away with all it holds; what it was serving ends.
func (g *fleetGroup) remove(s *server) {
	for _, r := range s.replicas {
		r.model.ended += uint64(r.inFlight)
	}
	g.servers = slices.DeleteFunc(g.servers, func(x *server) bool { return x == s })
}

func (f *Fleet) load(s *server, i int, r *replica, a coordinator.Action) error {
	m := f.models[a.Model]
	switch {
	case m == nil:
		return fmt.Errorf("%w: no model %s", errRefused, a.Model)
	case r != nil && r.done[a.ID]:
		return nil
	case r != nil:
		return fmt.Errorf("%w: %s is on %s already", coordinator.ErrConflict, a.Model, a.Server)
	case f.now().Before(s.upAt):
		return fmt.Errorf("%w: %s is booting", errRefused, a.Server)
	case a.IfVersion != "" && a.IfVersion != version(s.version):
		return coordinator.ErrConflict
	}
	s.raise(a)
	s.version++
	s.replicas = slices.Insert(s.replicas, i, &replica{
		model: m, phase: coordinator.Loading, since: f.now(),
		epoch: a.Epoch, generation: a.Generation, done: map[string]bool{a.ID: true},
	})
	return nil
}

func (f *Fleet) scale(a coordinator.Action) error {
	g, _ := f.find(a.Group, "")
	if g == nil {
		return fmt.Errorf("%w: no group %s", errRefused, a.Group)
	}
	if done, err := accept(a, &g.epoch, &g.generation, &g.version, &g.done); done || err != nil {
		return err
	}
	for _, name := range a.Victims {
		if _, s := f.find(g.Name, name); s != nil {
			g.remove(s)
		}
	}
	for g.Ordinal && g.staying() > a.Replicas {
		highest := -1
		for i, s := range g.servers {
			if !s.leaving && (highest < 0 || s.ordinal > g.servers[highest].ordinal) {
				highest = i
			}
		}
		g.remove(g.servers[highest])
	}
	g.grow(a.Replicas, f.now())
	return nil
}

// accept fences an action on a subject; done means that it was accepted before.
func accept(a coordinator.Action, epoch, generation, ver *uint64, ids *map[string]bool) (done bool, err error) {
	switch {
	case older(a, *epoch, *generation):
		return false, coordinator.ErrFenced
	case *epoch == a.Epoch && *generation == a.Generation && (*ids)[a.ID]:
		return true, nil
	case a.IfVersion != "" && a.IfVersion != version(*ver):
		return false, coordinator.ErrConflict
	}
	if *ids == nil || *epoch != a.Epoch || *generation != a.Generation {
		*ids = map[string]bool{}
	}
	(*ids)[a.ID] = true
	*epoch, *generation = a.Epoch, a.Generation
	*ver++
	return false, nil
}

func older(a coordinator.Action, epoch, generation uint64) bool {
	return a.Epoch < epoch || a.Epoch == epoch && a.Generation < generation
}

func version(n uint64) string { return strconv.FormatUint(n, 10) }

// catchUp replaces servers that leave and lets loads that are over be so.
func (f *Fleet) catchUp() {
	now := f.now()
	for _, g := range f.groups {
		g.grow(g.desired, now)
		for _, s := range g.servers {
			for _, r := range s.replicas {
				if end := r.since.Add(r.model.Load); r.phase == coordinator.Loading && !now.Before(end) {
					r.phase, r.since = coordinator.Loaded, end
				}
			}
		}
	}
}

// dispatch gives waiting requests to serving replicas.
func (f *Fleet) dispatch(m *fleetModel) {
	for m.waiting > 0 {
		var least *replica
		f.each(m, func(r *replica) {
			if r.phase == coordinator.Serving && (least == nil || r.inFlight < least.inFlight) {
				least = r
			}
		})
		if least == nil {
			return
		}
		least.inFlight++
		m.waiting--
	}
}

// each calls do with every replica of a model.
func (f *Fleet) each(m *fleetModel, do func(*replica)) {
	for _, g := range f.groups {
		for _, s := range g.servers {
			if _, r := s.find(m.Name); r != nil {
				do(r)
			}
		}
	}
}

func (f *Fleet) find(group, name string) (*fleetGroup, *server) {
	i, found := slices.BinarySearchFunc(f.groups, group, func(g *fleetGroup, name string) int { return cmp.Compare(g.Name, name) })
	if !found {
		return nil, nil
	}
	g := f.groups[i]
	for _, s := range g.servers {
		if s.name == name {
			return g, s
		}
	}
	return g, nil
}

// find returns the replica of a model, or where it would be.
func (s *server) find(model string) (int, *replica) {
	i, found := slices.BinarySearchFunc(s.replicas, model, func(r *replica, name string) int { return cmp.Compare(r.model.Name, name) })
	if !found {
		return i, nil
	}
	return i, s.replicas[i]
}

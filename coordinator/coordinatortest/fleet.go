package coordinatortest

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// A Fleet is a world in memory: servers that take time to boot, models that take
// time to load, services whose replicas take time to start, requests that wait where they enter until a replica serves. It
// is both an Actuator and a MetricSource, and keeps the contracts of both until
// [Fleet.Inject] says otherwise.
//
// NewFleet makes one. A Fleet is safe for concurrent use. The same calls at the
// same times have the same effects; those that may come concurrently, Apply of
// different actions and Read beside Observe, in whatever order.
type Fleet struct {
	mu       sync.Mutex
	now      func() time.Time
	groups   []*fleetGroup          // sorted by name
	services []*fleetService        // sorted by name
	models   map[string]*fleetModel // and what counts the requests of services
	uses     uint64                 // of any replica: the order of use
	epoch    uint64                 // older leaders are refused everywhere
	newest   uint64                 // the latest epoch seen in an action
	chance   chances
	echoes   []coordinator.Action // accepted ones that will be delivered again
	echoed   int                  // deliveries beyond the first
	before   map[coordinator.Series]coordinator.Sample
}

// A FleetGroup is how a server group behaves.
type FleetGroup struct {
	Name    string
	Servers int           // up at the start
	Boot    time.Duration // from order to up
	Ordinal bool          // removes the highest ordinals, not named victims
	Zones   []string      // a new server comes up where there are fewest, in the first of equals

	Memory     int64   // of one server, in the unit of FleetModel.Memory; 0 is without limit
	Overcommit float64 // fraction of Memory that models may take beyond it; >= 0
}

// A FleetModel is how a model behaves.
type FleetModel struct {
	Name   string
	Load   time.Duration // from order to loaded
	Memory int64         // of one replica; >= 0
	Reload time.Duration // from the disk, after an eviction; 0 is at once
}

type fleetGroup struct {
	FleetGroup
	fence
	desired int
	servers []*server // sorted by name
	next    int       // ordinal of the next server, unless the lowest free one is taken
	orders  int       // of servers, ever
	lost    []time.Time
	past    map[string]fence // of servers that are gone: an ordinal that comes back keeps it
	version uint64
}

type server struct {
	fence
	group    *fleetGroup
	name     string
	ordinal  int
	zone     string
	ordered  time.Time
	upAt     time.Time
	fails    bool // it vanishes instead of being up
	leaving  bool
	replicas []*replica // sorted by model, then version
	version  uint64
}

type replica struct {
	model    *fleetModel
	of       string // its model's version
	on       *server
	phase    coordinator.ReplicaPhase
	since    time.Time
	loadedAt time.Time // or Broken then
	fails    bool
	dies     time.Time // zero: never
	inFlight int
	version  uint64

	onDisk bool      // evicted from memory, or never there; a request brings it back
	back   time.Time // when its last reload is over
	used   uint64    // Fleet.uses of its last request

	reloads uint64 // from the disk
}

type fleetModel struct {
	FleetModel
	begun, ended         uint64
	sinceBegun, sinceEnd uint64 // what the counters started from
	waiting              int    // requests that no replica serves yet
	loads                int    // ordered, ever
	reloads              int
}

// NewFleet returns a fleet whose time is now's; nil is time.Now. Names must be
// unique, those of models and services together.
func NewFleet(now func() time.Time, groups []FleetGroup, models []FleetModel, services ...FleetService) *Fleet {
	if now == nil {
		now = time.Now
	}
	f := &Fleet{now: now, models: map[string]*fleetModel{}, before: map[coordinator.Series]coordinator.Sample{}}
	for _, g := range groups {
		fg := &fleetGroup{FleetGroup: g}
		f.grow(fg, g.Servers, now().Add(-g.Boot))
		f.groups = append(f.groups, fg)
	}
	slices.SortFunc(f.groups, func(a, b *fleetGroup) int { return cmp.Compare(a.Name, b.Name) })
	for _, m := range models {
		f.models[m.Name] = &fleetModel{FleetModel: m}
	}
	f.addServices(services)
	return f
}

// catchUp lets happen what is due: servers that leave or do not come up are
// replaced, loads end, replicas die, models come back from the disk.
func (f *Fleet) catchUp() {
	now := f.now()
	for _, s := range f.services {
		s.catchUp(f, now)
	}
	for _, g := range f.groups {
		g.lost = slices.DeleteFunc(g.lost, func(until time.Time) bool { return !now.Before(until) })
		for _, s := range slices.Clone(g.servers) {
			if s.fails && !now.Before(s.upAt) {
				g.remove(s)
				g.version++
			}
		}
		f.grow(g, g.desired, now)
		for _, s := range g.servers {
			for _, r := range s.replicas {
				f.age(r, now)
			}
		}
	}
	f.reload()
}

// age takes a replica through the phases that come by themselves.
func (f *Fleet) age(r *replica, now time.Time) {
	if r.phase == coordinator.Loading && !now.Before(r.loadedAt) {
		r.phase, r.since = coordinator.Loaded, r.loadedAt
		r.version++
		if r.fails {
			r.phase = coordinator.Broken
		}
	}
	if !r.dies.IsZero() && !now.Before(r.dies) && r.phase != coordinator.Broken {
		f.fail(r, r.dies)
	}
}

// each calls do with every replica of a model.
func (f *Fleet) each(m *fleetModel, do func(*replica)) {
	for _, g := range f.groups {
		for _, s := range g.servers {
			for _, r := range s.replicas {
				if r.model == m {
					do(r)
				}
			}
		}
	}
}

// find returns a group, and its server of a name; nil where there is none.
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

// find returns the replica of a model's version, or where it would be.
func (s *server) find(model, of string) (int, *replica) {
	i, found := slices.BinarySearchFunc(s.replicas, model, func(r *replica, name string) int {
		return cmp.Or(cmp.Compare(r.model.Name, name), cmp.Compare(r.of, of))
	})
	if !found {
		return i, nil
	}
	return i, s.replicas[i]
}

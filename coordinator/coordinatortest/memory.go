package coordinatortest

import (
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// Servers with a Memory take models up to Memory × (1 + Overcommit), of which
// those that do not fit into Memory lie on the disk. A request for one of these
// brings it back, and the least recently used idle ones go to the disk for it.

// Resident names the models that a server holds in memory, sorted; those that
// are just coming back included.
func (f *Fleet) Resident(group, name string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catchUp()
	var names []string
	if _, s := f.find(group, name); s != nil {
		for _, r := range s.replicas {
			if !r.onDisk {
				names = append(names, r.model.Name)
			}
		}
	}
	return names
}

// Reloads is how often a replica of a model came back from the disk.
func (f *Fleet) Reloads(model string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.models[model]; m != nil {
		return m.reloads
	}
	return 0
}

// present reports whether the replica can work on requests.
func (r *replica) present(now time.Time) bool { return !r.onDisk && !now.Before(r.back) }

// use notes a request for a replica.
func (f *Fleet) use(r *replica) {
	f.uses++
	r.used = f.uses
	f.bringBack(r)
}

// reload brings back what has requests and could not come back before.
func (f *Fleet) reload() {
	for _, g := range f.groups {
		for _, s := range g.servers {
			for _, r := range s.replicas {
				if r.inFlight > 0 {
					f.bringBack(r)
				}
			}
		}
	}
}

func (f *Fleet) bringBack(r *replica) {
	if r.onDisk && r.on.makeRoom(r) {
		r.onDisk, r.back = false, f.now().Add(r.model.Reload)
		r.model.reloads++
		r.reloads++
	}
}

// admits reports whether the server may be given one more replica of m.
func (s *server) admits(m *fleetModel) bool {
	g := s.group
	total := m.Memory
	for _, r := range s.replicas {
		total += r.model.Memory
	}
	return g.Memory == 0 || total <= g.Memory+int64(float64(g.Memory)*g.Overcommit)
}

// makeRoom evicts until the replica of its argument fits into memory; when that
// takes too much, it evicts nothing and returns false.
func (s *server) makeRoom(in *replica) bool {
	excess := in.model.Memory - s.group.Memory
	idle := int64(0)
	for _, r := range s.replicas {
		if r != in && !r.onDisk {
			excess += r.model.Memory
			if r.idle() {
				idle += r.model.Memory
			}
		}
	}
	if s.group.Memory == 0 || excess <= 0 {
		return true
	}
	if idle < excess {
		return false
	}
	for excess > 0 {
		var oldest *replica
		for _, r := range s.replicas {
			if r != in && !r.onDisk && r.idle() && (oldest == nil || r.used < oldest.used) {
				oldest = r
			}
		}
		oldest.onDisk = true
		excess -= oldest.model.Memory
	}
	return true
}

// idle reports whether a replica may be evicted.
func (r *replica) idle() bool { return r.inFlight == 0 && r.phase != coordinator.Loading }

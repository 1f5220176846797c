package coordinator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Memory that is overcommitted holds what is used now and then. A copy that is
// evicted and loaded again all the time is not of that kind: each load costs the
// requests that wait for it, and evicts another that is used as well. So a model
// whose copy was loaded again thrashLoads times on one server within its keep time
// is resident: all of its needs count as pinned, until nothing has come for it for
// as long as that. It begins with reloads and ends with idleness, so it does not
// flap with what it is there to end.
const thrashLoads = 3

// A reloading is what is remembered of one copy.
type reloading struct {
	Server  string
	Reloads uint64      // as last seen
	Loading bool        // it was last seen so, having served before
	At      []time.Time // when it was seen to be loaded again: the last thrashLoads, ascending
}

// note notes that the copy was loaded again n times by now.
func (x *reloading) note(n uint64, now time.Time) {
	for range min(n, thrashLoads) {
		if len(x.At) == thrashLoads {
			x.At = append(x.At[:0], x.At[1:]...)
		}
		x.At = append(x.At, now)
	}
}

// see takes in what is seen of the copy. One that served and is Loading now is
// loaded again, too: nobody ordered it.
func (x *reloading) see(r *ReplicaState, now time.Time) {
	switch loads := r.Phase == Loading; {
	case loads && !x.Loading:
		x.note(1, now)
	case !loads && !x.Loading && r.Reloads > x.Reloads:
		x.note(r.Reloads-x.Reloads, now)
	}
	x.Reloads, x.Loading = r.Reloads, r.Phase == Loading
}

// keep is for how long a copy is worth its memory without a request: as many times
// as long as its load takes.
func (m *model) keep() time.Duration {
	return min(max(keepLoads*m.loads.orElse(0.9, m.LoadTime), keepAtLeast), keepAtMost)
}

// noteReloads finds out which models of a pool are resident.
func (g *group) noteReloads(now time.Time) {
	for _, m := range g.packed {
		u := &m.use
		if g.Overcommit == nil { // it may have been
			u.Copies, u.Resident = nil, time.Time{}
			continue
		}
		m.seeReloads(now)
		switch {
		case !u.Resident.IsZero():
			if u.InFlight <= 0 && time.Duration(u.Quiet)*time.Second >= m.keep() {
				u.Resident = time.Time{}
			}
		case slices.ContainsFunc(u.Copies, func(x reloading) bool { return len(x.At) == thrashLoads && now.Sub(x.At[0]) <= m.keep() }):
			u.Resident, u.Quiet = now, 0
		}
	}
}

// seeReloads takes in what is seen of a model's copies.
func (m *model) seeReloads(now time.Time) {
	u := &m.use
	old := u.Copies
	u.Copies = u.copiesBuf[:0]
	for _, at := range m.places { // ascending by server
		r := at.replica()
		if !m.owns(at) || r.Phase == Draining || r.Phase == Broken {
			continue
		}
		i, found := slices.BinarySearchFunc(old, at.name(), func(x reloading, name string) int { return cmp.Compare(x.Server, name) })
		switch {
		case found:
			x := old[i]
			x.see(r, now)
			u.Copies = append(u.Copies, x)
		case r.Phase != Loading:
			u.Copies = append(u.Copies, reloading{Server: at.name(), Reloads: r.Reloads})
		}
	}
	u.copiesBuf = old
}

// checkReloads refuses what no planner has saved.
func checkReloads(list []reloading) error {
	for i, x := range list {
		switch {
		case i > 0 && x.Server <= list[i-1].Server:
			return errors.New("copies are out of order")
		case len(x.At) > thrashLoads || !slices.IsSortedFunc(x.At, time.Time.Compare):
			return fmt.Errorf("reloads on %q at %v", x.Server, x.At)
		}
	}
	return nil
}

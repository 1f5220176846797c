package coordinatortest

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

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

// grow orders servers at an instant until n stay; orders that were lost count.
func (f *Fleet) grow(g *fleetGroup, n int, at time.Time) {
	g.desired = n
	for g.staying()+len(g.lost) < n {
		g.orders++
		fate := f.chance.boot(g)
		if fate.lost {
			g.lost = append(g.lost, at.Add(f.chance.retry()))
			continue
		}
		ordinal := g.next
		if g.Ordinal { // the lowest that is free, under its old name
			ordinal = g.lowest()
		}
		g.next = ordinal + 1
		s := &server{
			group: g, name: g.Name + "-" + pad(ordinal), ordinal: ordinal, zone: g.emptiest(), fence: g.past[g.Name+"-"+pad(ordinal)],
			ordered: at, upAt: at.Add(g.Boot + fate.late), fails: fate.fails,
		}
		i, _ := slices.BinarySearchFunc(g.servers, s.name, func(s *server, name string) int { return cmp.Compare(s.name, name) })
		g.servers = slices.Insert(g.servers, i, s)
	}
}

// lowest is the lowest ordinal that no server has.
func (g *fleetGroup) lowest() int {
	taken := make([]bool, len(g.servers)+1)
	for _, s := range g.servers {
		if s.ordinal < len(taken) {
			taken[s.ordinal] = true
		}
	}
	return slices.Index(taken, false)
}

// emptiest is the zone with the fewest servers, the first of equals.
func (g *fleetGroup) emptiest() string {
	if len(g.Zones) == 0 {
		return ""
	}
	n := map[string]int{}
	for _, s := range g.servers {
		n[s.zone]++
	}
	return slices.MinFunc(g.Zones, func(a, b string) int { return cmp.Compare(n[a], n[b]) })
}

// pad keeps the order of names that of ordinals.
func pad(n int) string {
	s := strconv.Itoa(n)
	for len(s) < 4 {
		s = "0" + s
	}
	return s
}

// remove takes a server away with all it holds; what it was serving ends.
func (g *fleetGroup) remove(s *server) {
	for _, r := range s.replicas {
		r.model.ended += uint64(r.inFlight)
	}
	if g.Ordinal {
		if g.past == nil {
			g.past = map[string]fence{}
		}
		g.past[s.name] = s.fence
	}
	g.servers = slices.DeleteFunc(g.servers, func(x *server) bool { return x == s })
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

// Break makes the replicas of a model on a server fail; the requests they were
// serving wait again.
func (f *Fleet) Break(group, server, model string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, s := f.find(group, server); s != nil {
		for _, r := range s.replicas {
			if r.model.Name == model {
				f.fail(r, f.now())
			}
		}
	}
}

// fail makes a replica broken since an instant.
func (f *Fleet) fail(r *replica, since time.Time) {
	r.model.waiting += r.inFlight
	r.inFlight, r.phase, r.since = 0, coordinator.Broken, since
	r.version++
	f.dispatch(r.model)
}

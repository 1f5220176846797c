package sim

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
)

// The hall does what the rules say, step by step, whatever is ordered of it.
func TestHallAgainstSlowModel(t *testing.T) {
	happened := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		models := []string{"a", "b", "c", "d"}
		slots := rapid.IntRange(1, 3).Draw(t, "slots")
		memory := rapid.Int64Range(2, 4).Draw(t, "memory")
		registered := memory + rapid.Int64Range(0, 3).Draw(t, "overcommit")
		loadTime := rapid.Int64Range(1, 20).Draw(t, "load time")
		from := rapid.Int64Range(0, 30).Draw(t, "from")
		fast := &hall{slots: slots, memory: memory, from: from, expect: func(int64) {}}
		fast.fate = func(*tenant) (int64, bool) { return loadTime, false }
		slow := &slowHall{slots: slots, memory: memory, loadTime: loadTime, from: from, waits: map[string][]int64{}, cold: map[string]int{}}
		waits := map[string]*histogram{}
		for i, m := range models {
			x := &tenant{name: m, index: i, size: rapid.Int64Range(1, 2).Draw(t, "size")}
			waits[m] = &histogram{}
			x.score.waits = waits[m]
			fast.tenants = append(fast.tenants, x)
		}
		now, next := int64(0), int32(0)
		for range rapid.IntRange(20, 120).Draw(t, "events") {
			end := now + rapid.Int64Range(1, 15).Draw(t, "gap")
			var come []slowRequest
			for range rapid.IntRange(0, 8).Draw(t, "requests") {
				come = append(come, slowRequest{
					rapid.SampledFrom(models).Draw(t, "model"),
					rapid.Int64Range(now, end-1).Draw(t, "at"), rapid.Int64Range(1, 25).Draw(t, "service"),
				})
			}
			slices.SortStableFunc(come, func(a, b slowRequest) int { // as merge does
				return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.model, b.model))
			})
			for _, q := range come {
				fast.advance(q.at)
				fast.arrive(fast.tenants[slices.Index(models, q.model)], Request{time.Duration(q.at), time.Duration(q.service)})
			}
			fast.advance(end)
			slow.advance(come, end)
			now = end
			for range rapid.IntRange(1, 3).Draw(t, "changes") {
				change(t, fast, slow, &next, registered, happened)
			}
			if a, b := fast.String(), slow.String(models); a != b {
				t.Fatalf("at %d:\n%s\nwant\n%s", now, a, b)
			}
		}
		for _, x := range fast.tenants {
			var want histogram
			for _, w := range slow.waits[x.name] {
				want.add(w)
			}
			if *waits[x.name] != want || int(x.cold) != slow.cold[x.name] {
				t.Fatalf("%s waited otherwise than %v, or %d of %d were cold", x.name, slow.waits[x.name], x.cold, slow.cold[x.name])
			}
		}
		if int(fast.loads) != slow.loads {
			t.Fatalf("%d loads, want %d", fast.loads, slow.loads)
		}
	})
	for _, what := range []string{"server", "load", "route", "unroute", "return", "unload", "cancel", "doom", "asleep", "waking"} {
		if happened[what] < 20 {
			t.Errorf("%s happened %d times", what, happened[what])
		}
	}
}

// change draws one order and gives it to both.
func change(t *rapid.T, fast *hall, slow *slowHall, next *int32, registered int64, happened map[string]int) {
	if len(fast.hosts) == 0 || rapid.IntRange(0, 9).Draw(t, "new server") == 0 {
		fast.hosts = append(fast.hosts, &host{id: *next, free: fast.slots})
		slow.servers = append(slow.servers, &slowServer{id: *next})
		*next++
		happened["server"]++
		return
	}
	i := rapid.IntRange(0, len(fast.hosts)-1).Draw(t, "server")
	x := fast.tenants[rapid.IntRange(0, len(fast.tenants)-1).Draw(t, "of")]
	s, z := fast.hosts[i], slow.servers[i]
	g, c := s.find(x), slow.copy(z, x.name)
	if g != nil && g.phase == coordinator.Serving && !g.resident {
		happened["asleep"]++
		if g.pending {
			happened["waking"]++
		}
	}
	switch {
	case g == nil:
		sum := x.size
		for _, y := range s.guests {
			sum += y.tenant.size
		}
		if sum <= registered {
			fast.order(s, x)
			slow.order(z, x.name, x.size)
			happened["load"]++
		}
	case g.phase == coordinator.Loaded:
		g.phase, c.phase = coordinator.Serving, coordinator.Serving
		fast.open(g)
		slow.match()
		happened["route"]++
	case g.phase == coordinator.Serving && rapid.Bool().Draw(t, "stays"):
	case g.phase == coordinator.Serving:
		g.phase, c.phase = coordinator.Draining, coordinator.Draining
		drained := slow.now
		for _, r := range z.running {
			if r.model == x.name {
				drained = max(drained, r.at)
			}
		}
		if got := fast.shut(g); got != drained {
			t.Fatalf("drained at %d, want %d", got, drained)
		}
		happened["unroute"]++
	case g.phase == coordinator.Draining && !g.doomed && rapid.Bool().Draw(t, "comes back"):
		g.phase, c.phase = coordinator.Serving, coordinator.Serving
		if g.takes() {
			fast.open(g)
		}
		slow.match()
		happened["return"]++
	case g.running == 0 && !g.doomed:
		switch {
		case g.pending && s.busy && s.loads[0] == g:
			happened["doom"]++
		case g.pending:
			happened["cancel"]++
		default:
			happened["unload"]++
		}
		fast.remove(g)
		slow.remove(z, c)
	}
}

// String is all that may be compared of a hall.
func (h *hall) String() (s string) {
	for _, t := range h.tenants {
		s += fmt.Sprintf("%s: %d wait %d run; ", t.name, len(t.queue)-t.head, t.running)
	}
	for _, x := range h.hosts {
		s += fmt.Sprintf("\n%d: %d run, %d to load, under way %v:", x.id, h.slots-x.free, len(x.loads), x.busy)
		for _, g := range x.guests {
			s += fmt.Sprintf(" %s %v %v %v", g.tenant.name, g.phase, g.resident, g.doomed)
		}
	}
	return s
}

package coordinator

import (
	"cmp"
	"slices"
)

// waiting is how many requests wait for a slot, as far as is known.
func (u *usage) waiting() float64 { return max(0, u.InFlight-u.running) }

// relieve gives models whose requests wait, though all slots of their servers are
// taken, a copy on a server with free ones.
func (a *allotment) relieve() {
	var list []*model
	for _, m := range a.g.packed {
		u := &m.use
		if u.waiting() >= 1 && u.At.Equal(a.last) && u.busy && u.loading+u.more == 0 && u.active < m.most() && !a.comes(m) {
			list = append(list, m)
		}
	}
	if len(list) > 0 {
		a.appraise()
	}
	slices.SortStableFunc(list, func(x, y *model) int { return cmp.Compare(y.use.waiting(), x.use.waiting()) })
	for _, m := range list {
		best, victims := -1, []int(nil)
		for i := range a.desks {
			t := &a.desks[i]
			if !a.idle(m, i) || t.taken >= float64(a.g.pool.slots) || best >= 0 && t.taken >= a.desks[best].taken {
				continue
			}
			var goes []int
			if !a.takes(i, m, nil) {
				if a.takes(i, m, t.draining) {
					continue // in a moment
				}
				var ok bool
				var lost float64
				if goes, lost, ok = a.evictable(i, m, none, false); !ok {
					continue
				}
				if gain := beyond(a.gain(m, i), lost); gain <= 0 || !a.improves(&exchange{m: m, server: i, victims: goes, gain: gain}) {
					continue
				}
			}
			best, victims = i, goes
		}
		if best < 0 {
			continue
		}
		a.desks[best].taken++ // the next one elsewhere, if it can
		if len(victims) > 0 {
			a.begin(&exchange{m: m, server: best, victims: victims})
		} else {
			a.put(m, best, nil, Relieves)
		}
	}
}

// leastLoad is what a model must have in flight on average to be given a copy
// beyond what is desired.
const leastLoad = 1e-6

// wantsMore reports whether a model may have one more copy than it is to have.
func (a *allotment) wantsMore(m *model) bool {
	u := &m.use
	return u.copies() < min(m.most(), len(a.desks)) && u.load() > leastLoad
}

// idle reports whether a server could begin a load of m now, if there is room.
func (a *allotment) idle(m *model, server int) bool {
	t := &a.desks[server]
	if !t.usable || !t.up || t.loading || m.has(server) || a.reserved(server, m) {
		return false
	}
	_, avoided := m.avoids(a.g.state.Servers[server].Name, a.last)
	return !avoided
}

// fill loads copies into free room, one at a time on each server: what adds most
// there, where the least load is expected first.
func (a *allotment) fill() {
	order := make([]int, 0, len(a.desks))
	for i := range a.desks {
		if t := &a.desks[i]; t.usable && t.up && !t.loading {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(a.desks[i].expected, a.desks[j].expected) })
	for _, i := range order {
		var best *model
		most := 0.0
		for _, m := range a.g.packed {
			if a.wantsMore(m) && a.idle(m, i) && a.takes(i, m, nil) {
				if gain := a.gain(m, i); best == nil || gain > most {
					best, most = m, gain
				}
			}
		}
		if best != nil {
			a.put(best, i, nil, FillsRoom)
		}
	}
}

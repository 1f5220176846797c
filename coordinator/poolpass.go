package coordinator

import "slices"

// pass goes on with the exchanges that are on their way, of which no two have to do
// with the same server, and keeps the room of those that are left.
func (a *allotment) pass() {
	q := a.g.pool
	left := q.passages[:0]
	for _, w := range q.passages {
		if a.goOn(&w) {
			left = append(left, w)
		}
	}
	q.passages = left
	a.reserve()
}

// goOn makes the next step of a passage, if it can. It reports whether others
// are to follow.
func (a *allotment) goOn(w *passage) bool {
	at, found := a.g.serverIndex(w.From)
	x := a.byName[w.For]
	if !found || x == nil || x.group != a.g || !a.desks[at].usable || x.has(at) {
		return false // it has come about, or cannot
	}
	if w.Model != "" {
		return a.move(w, x, at)
	}
	if !a.takes(at, x, nil) { // what is desired may have taken the room
		return a.takes(at, x, a.desks[at].draining) || a.last.Sub(w.Since) <= swapPause
	}
	if a.idle(x, at) && a.wantsMore(x) {
		a.put(x, at, nil, FillsRoom)
		return false
	}
	return a.last.Sub(w.Since) <= passageTime
}

// move lets a copy that is needed where x is to come serve elsewhere first.
func (a *allotment) move(w *passage, x *model, from int) bool {
	m := a.byName[w.Model]
	to, found := a.g.serverIndex(w.To)
	if m == nil || m.group != a.g || !found || !a.desks[to].usable || !m.has(from) ||
		a.last.Sub(w.Since) > passageTime+m.loads.orElse(0.9, m.LoadTime) {
		return false
	}
	if !m.has(to) {
		if a.idle(m, to) && a.takes(to, m, nil) {
			a.put(m, to, nil, MakesWay)
		}
		return true
	}
	for _, k := range a.desks[from].copies {
		if c := &a.copies[k]; c.m == m && a.mayGo(c) {
			victims, _, ok := a.evictable(from, x, k, false)
			if !ok {
				return true
			}
			for _, v := range append(victims, k) {
				a.stop(v)
			}
			w.Model, w.To, w.Since = "", "", a.last
			a.g.pool.swapped = a.last
			return true
		}
	}
	return true
}

// A reservation is room on a server that only one model may fill.
type reservation struct {
	server int
	m      *model
}

// reserve keeps the room of the passages.
func (a *allotment) reserve() {
	a.kept = a.kept[:0]
	for i := range a.g.pool.passages {
		w := &a.g.pool.passages[i]
		for _, r := range [2]struct{ server, model string }{{w.From, w.For}, {w.To, w.Model}} {
			if i, found := a.g.serverIndex(r.server); found && r.model != "" {
				a.kept = append(a.kept, reservation{i, a.byName[r.model]})
			}
		}
	}
}

// comes reports whether room is being made for a model.
func (a *allotment) comes(m *model) bool {
	return slices.ContainsFunc(a.g.pool.passages, func(w passage) bool { return w.For == m.Name })
}

// reserved reports whether the room on a server is kept for another model.
func (a *allotment) reserved(server int, m *model) bool {
	for _, r := range a.kept {
		if r.server == server && r.m != m {
			return true
		}
	}
	return false
}

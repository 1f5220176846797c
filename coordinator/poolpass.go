package coordinator

// pass goes on with a passage.
func (a *allotment) pass() {
	w := &a.g.pool.passage
	at, found := a.g.serverIndex(w.From)
	x := a.byName[w.For]
	if !found || x == nil || x.group != a.g || !a.desks[at].usable || x.has(at) {
		*w = passage{} // it has come about, or cannot
		return
	}
	if w.Model != "" {
		a.move(x, at)
		return
	}
	switch {
	case a.takes(at, x.size, nil):
		if a.idle(x, at) && a.wantsMore(x) {
			a.put(x, at, nil, FillsRoom)
			*w = passage{}
		} else if a.last.Sub(w.Since) > passageTime {
			*w = passage{}
		}
	case !a.takes(at, x.size, a.desks[at].draining) && a.last.Sub(w.Since) > swapPause:
		*w = passage{} // what is desired has taken the room
	}
}

// move lets a copy that is needed where x is to come serve elsewhere first.
func (a *allotment) move(x *model, from int) {
	w := &a.g.pool.passage
	m := a.byName[w.Model]
	to, found := a.g.serverIndex(w.To)
	if m == nil || m.group != a.g || !found || !a.desks[to].usable || !m.has(from) ||
		a.last.Sub(w.Since) > passageTime+m.loads.orElse(0.9, m.LoadTime) {
		*w = passage{}
		return
	}
	if !m.has(to) {
		if a.idle(m, to) && a.takes(to, m.size, nil) {
			a.put(m, to, nil, MakesWay)
		}
		return
	}
	victims, _, ok := a.evictable(from, x, m.size, false)
	if !ok {
		return
	}
	for _, k := range a.desks[from].copies {
		if c := &a.copies[k]; c.m == m && a.mayGo(c) {
			for _, v := range append(victims, k) {
				a.stop(v)
			}
			w.Model, w.To, w.Since = "", "", a.last
			a.g.pool.swapped = a.last
			a.reserve()
			return
		}
	}
}

// A reservation is room on a server that only one model may fill.
type reservation struct {
	server int
	m      *model
}

// reserve keeps the room of the passage.
func (a *allotment) reserve() {
	w := &a.g.pool.passage
	a.kept = a.kept[:0]
	for _, r := range [2]struct{ server, model string }{{w.From, w.For}, {w.To, w.Model}} {
		if i, found := a.g.serverIndex(r.server); found && r.model != "" {
			a.kept = append(a.kept, reservation{i, a.byName[r.model]})
		}
	}
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

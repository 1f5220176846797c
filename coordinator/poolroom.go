package coordinator

import "slices"

// What fits on a server of a pool. Needs add up to at most its capacity with what
// is overcommitted. Where that is more than the capacity, what is pinned of all
// copies there, and the largest rest of any of them, which must be there to serve,
// add up to at most the capacity itself; as in packing.

// freed is room that becomes free on a server.
type freed struct {
	size []int64
	held []int32 // the copies that leave it, where memory is overcommitted: indices in the server's Replicas
}

// leave adds a copy to what leaves.
func (f *freed) leave(at place, size []int64) {
	if f.size == nil {
		f.size = make([]int64, len(size))
	}
	add(f.size, size)
	if at.group.Overcommit != nil {
		f.held = append(f.held, at.index)
	}
}

// copy is one that can grow by itself.
func (f *freed) copy(dims int) freed {
	c := freed{size: make([]int64, dims)}
	if f != nil {
		add(c.size, f.size)
		c.held = append(c.held, f.held...)
	}
	return c
}

// takes reports whether a server has room for a copy of m, once free has gone.
func (a *allotment) takes(server int, m *model, free *freed) bool {
	var gone []int64
	if free != nil {
		gone = free.size
	}
	return leaves(a.g.views[server].used, gone, m.size, a.g.limit) &&
		(a.g.Overcommit == nil || a.g.loadable(append(a.staying(server, free), m)))
}

// leaves reports whether used, without what has gone (nil: nothing), leaves room
// for size within limit.
func leaves(used, gone, size, limit []int64) bool {
	for d, x := range size {
		if gone != nil {
			x -= gone[d]
		}
		if used[d]+x > limit[d] {
			return false
		}
	}
	return true
}

// staying lists the models of the copies that are or will be on a server, once
// free has gone. It is valid until the next call.
func (a *allotment) staying(server int, free *freed) []*model {
	list := a.listBuf[:0]
	for j, h := range a.g.views[server].holds {
		gone := false
		for k := 0; free != nil && k < len(free.held) && !gone; k++ {
			gone = free.held[k] == int32(j)
		}
		if h.m != nil && !gone {
			list = append(list, h.m)
		}
	}
	list = append(list, a.desks[server].comes...)
	a.listBuf = list
	return list
}

// loadable reports whether each of some models can be in a server's memory beside
// what is pinned of the others.
func (g *group) loadable(list []*model) bool {
	for d, c := range g.capacity {
		if g.limit[d] > c && g.lacksOf(list, d) > 0 {
			return false
		}
	}
	return true
}

// lacksOf is by how much what is pinned of some models, and the largest rest, exceeds
// the capacity of a server in a dimension.
func (g *group) lacksOf(list []*model, d int) int64 {
	pinned, rest := int64(0), int64(0)
	for _, m := range list {
		size, keeps := m.sizeOn(g)[d], m.coreOn(g)[d]
		pinned += keeps
		rest = max(rest, size-keeps)
	}
	return pinned + rest - g.capacity[d]
}

// coreOn is the part of sizeOn that is never evicted from a server of an
// overcommitted group, or must not be.
func (m *model) coreOn(g *group) []int64 {
	switch {
	case g != m.group:
		return m.pinnedOn(g)
	case !m.use.Resident.IsZero():
		return m.size
	}
	return m.core
}

// A roster is what is used of a server, and by which models: of one that is there
// only where it is overcommitted.
type roster struct {
	used   []int64
	models []*model
}

// admits reports whether there is room for one more copy of m.
func (g *group) admits(r *roster, m *model) bool {
	return leaves(r.used, nil, m.size, g.limit) && (g.Overcommit == nil || g.loadable(append(r.models, m)))
}

// add takes in a copy.
func (r *roster) add(m *model) {
	add(r.used, m.size)
	r.models = append(r.models, m)
}

// remove takes one out.
func (r *roster) remove(m *model) {
	for d, x := range m.size {
		r.used[d] -= x
	}
	if i := slices.Index(r.models, m); i >= 0 {
		r.models = slices.Delete(r.models, i, i+1)
	}
}

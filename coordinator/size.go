package coordinator

// sizeOn is what a replica of m takes of a server of g: with it, the room for
// what sits with it, which takes none itself.
func (m *model) sizeOn(g *group) []int64 {
	if g == m.group {
		return m.size
	}
	return m.newSize(g)
}

func (m *model) newSize(g *group) []int64 {
	v := make([]int64, len(g.dims))
	if m.host != nil {
		return v
	}
	add(v, m.needsOn(g))
	for _, c := range m.with {
		add(v, c.needsOn(g))
	}
	for d, name := range g.dims {
		if name == dedication {
			v[d] = shareOfOne
			if m.Dedicated {
				v[d] = wholeServer
			}
		}
	}
	return v
}

// strayOn is what a companion takes of a server of g where no room is kept for it:
// it shares the server like any other.
func (m *model) strayOn(g *group) []int64 {
	v := m.needsOn(g)
	for d, name := range g.dims {
		if name == dedication {
			v[d] = shareOfOne
		}
	}
	return v
}

// needsOn is what a replica of m alone needs of a server of g.
func (m *model) needsOn(g *group) []int64 { return vector(m.Needs, g.dims) }

// pinnedOn is the part of sizeOn that is never evicted; nil is nothing.
func (m *model) pinnedOn(g *group) []int64 {
	if g.Overcommit == nil {
		return nil
	}
	v := vector(m.Pinned, g.dims)
	for _, c := range m.with {
		add(v, vector(c.Pinned, g.dims))
	}
	return v
}

// measure sets the dimensions and capacities of a group's servers.
func (g *group) measure(dedicated bool) {
	if dedicated {
		g.dims = append(g.dims, dedication)
	}
	g.capacity = vector(g.Capacity, g.dims)
	if dedicated {
		g.capacity[len(g.dims)-1] = wholeServer
	}
	g.limit = g.capacity
	if g.Overcommit == nil {
		return
	}
	g.limit = g.virtual(g.dims)
	if dedicated {
		g.limit[len(g.dims)-1] = wholeServer
	}
}

// virtual is the capacity of a server with what is overcommitted.
func (g *ServerGroup) virtual(dims []string) []int64 {
	v := vector(g.Capacity, dims)
	for d, name := range dims {
		v[d] += int64(float64(v[d]) * g.Overcommit[name])
	}
	return v
}

func vector(r Resources, dims []string) []int64 {
	v := make([]int64, len(dims))
	for i, name := range dims {
		v[i] = r[name]
	}
	return v
}

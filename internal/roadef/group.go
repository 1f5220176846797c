package roadef

// A group knows where the processes of each service are.
type group struct {
	service        []int32 // of each process
	spread         []int32
	dependsOn      [][]int32
	dependents     [][]int32
	location       []int32 // of each machine
	neighbourhood  []int32
	locations      int
	neighbourhoods int
	words          int      // of a set of machines
	hosts          []uint64 // service times words: machines that host it
	inLocation     []int32  // service times locations: processes there
	spreads        []int32  // locations with one
	inNeighbours   []int32  // service times neighbourhoods
	broken         int      // locations that services lack, and dependencies that are not met
}

func newGroup(in *Instance) group {
	g := group{words: (len(in.Machines) + 63) / 64}
	for i := range in.Machines {
		m := &in.Machines[i]
		g.location = append(g.location, int32(m.Location))
		g.neighbourhood = append(g.neighbourhood, int32(m.Neighbourhood))
		g.locations = max(g.locations, m.Location+1)
		g.neighbourhoods = max(g.neighbourhoods, m.Neighbourhood+1)
	}
	n := len(in.Services)
	g.dependsOn, g.dependents = make([][]int32, n), make([][]int32, n)
	for i := range in.Services {
		g.spread = append(g.spread, int32(in.Services[i].Spread))
		for _, d := range in.Services[i].DependsOn {
			if d != i {
				g.dependsOn[i] = append(g.dependsOn[i], int32(d))
				g.dependents[d] = append(g.dependents[d], int32(i))
			}
		}
	}
	for i := range in.Processes {
		g.service = append(g.service, int32(in.Processes[i].Service))
	}
	g.hosts = make([]uint64, n*g.words)
	g.inLocation = make([]int32, n*g.locations)
	g.spreads = make([]int32, n)
	g.inNeighbours = make([]int32, n*g.neighbourhoods)
	for _, spread := range g.spread {
		g.broken += int(spread)
	}
	return g
}

// host notes that a machine hosts a service.
func (g *group) host(service, m int) { g.hosts[service*g.words+m>>6] |= 1 << (m & 63) }

// rehost finds out anew which machines host which services. While processes of
// one service pass one another, that is not known.
func (g *group) rehost(at []int32) {
	clear(g.hosts)
	for p, m := range at {
		g.host(int(g.service[p]), int(m))
	}
}

// enter notes that a process of a service came to a machine.
func (g *group) enter(service, m int) {
	g.host(service, m)
	l := service*g.locations + int(g.location[m])
	if g.inLocation[l] == 0 {
		if g.spreads[service] < g.spread[service] {
			g.broken--
		}
		g.spreads[service]++
	}
	g.inLocation[l]++
	n := int(g.neighbourhood[m])
	if g.inNeighbours[service*g.neighbourhoods+n] == 0 {
		g.broken += g.unmet(service, n) - g.waiting(service, n)
	}
	g.inNeighbours[service*g.neighbourhoods+n]++
}

// leave notes that a process of a service left a machine.
func (g *group) leave(service, m int) {
	g.hosts[service*g.words+m>>6] &^= 1 << (m & 63)
	l := service*g.locations + int(g.location[m])
	g.inLocation[l]--
	if g.inLocation[l] == 0 {
		g.spreads[service]--
		if g.spreads[service] < g.spread[service] {
			g.broken++
		}
	}
	n := int(g.neighbourhood[m])
	g.inNeighbours[service*g.neighbourhoods+n]--
	if g.inNeighbours[service*g.neighbourhoods+n] == 0 {
		g.broken -= g.unmet(service, n) - g.waiting(service, n)
	}
}

// unmet counts the services that a service depends on and that are not in a
// neighbourhood.
func (g *group) unmet(service, neighbourhood int) int {
	n := 0
	for _, d := range g.dependsOn[service] {
		if g.inNeighbours[int(d)*g.neighbourhoods+neighbourhood] == 0 {
			n++
		}
	}
	return n
}

// waiting counts the services in a neighbourhood that depend on a service.
func (g *group) waiting(service, neighbourhood int) int {
	n := 0
	for _, d := range g.dependents[service] {
		if g.inNeighbours[int(d)*g.neighbourhoods+neighbourhood] > 0 {
			n++
		}
	}
	return n
}

func (g *group) hosted(service, m int) bool {
	return g.hosts[service*g.words+m>>6]>>(m&63)&1 != 0
}

// allows reports whether a process of a service may go from one machine to
// another as far as conflicts, spread and dependencies go.
func (g *group) allows(service, from, to int) bool {
	if g.hosted(service, to) {
		return false
	}
	if a, b := g.location[from], g.location[to]; a != b && g.spread[service] > 0 {
		spreads := g.spreads[service]
		if g.inLocation[service*g.locations+int(a)] == 1 {
			spreads--
		}
		if g.inLocation[service*g.locations+int(b)] == 0 {
			spreads++
		}
		if spreads < g.spread[service] {
			return false
		}
	}
	a, b := int(g.neighbourhood[from]), int(g.neighbourhood[to])
	if a == b {
		return true
	}
	if g.inNeighbours[service*g.neighbourhoods+b] == 0 && g.unmet(service, b) > 0 {
		return false
	}
	return g.inNeighbours[service*g.neighbourhoods+a] > 1 || g.waiting(service, a) == 0
}

package roadef

// A state is an assignment with everything that tells what a change costs and
// whether it may be. Vectors are flat: machine or process times resources.
type state struct {
	in   *Instance
	res  int
	at   []int32
	home []int32

	needs  []int64 // per process
	abroad []int64 // per process: what it takes of room away from home
	atHome []int64 // and at home, where transient use counts whether it is there or not
	room   []int64 // per machine: what may still be taken; transient use counts
	slack  []int64 // per machine: safety capacity less load
	free   []int64 // per machine: capacity less load

	weight   []int64 // of load per resource
	penalty  []int64 // of what is beyond capacity, per resource
	over     int     // machines beyond capacity
	cost     []int64 // per machine: load and balance
	distance []int64 // machine-move cost times its weight, machine times machine
	moveCost []int64 // per process, times its weight

	on    [][]int32 // processes on each machine
	index []int32   // of each process there

	group
	moved    []int32 // processes away from home, per service
	byMoved  []int32 // services with that many of them
	maxMoved int
	total    int64
	dirty    []int32 // processes moved since somebody emptied it; may repeat
}

func newState(in *Instance, at []int) *state {
	n, m, r := len(in.Processes), len(in.Machines), len(in.Resources)
	s := &state{
		in: in, res: r, at: make([]int32, n), home: make([]int32, n),
		needs: make([]int64, n*r), abroad: make([]int64, n*r), atHome: make([]int64, n*r),
		room: make([]int64, m*r), slack: make([]int64, m*r), free: make([]int64, m*r),
		cost: make([]int64, m), moveCost: make([]int64, n),
		on: make([][]int32, m), index: make([]int32, n),
		moved: make([]int32, len(in.Services)), byMoved: make([]int32, n+1),
	}
	s.byMoved[0] = int32(len(in.Services))
	for i := range in.Machines {
		copy(s.room[i*r:], in.Machines[i].Capacity)
		copy(s.free[i*r:], in.Machines[i].Capacity)
		copy(s.slack[i*r:], in.Machines[i].Safety)
		for to, c := range in.Machines[i].MoveCost {
			if to == i {
				c = 0 // what stays pays nothing, whatever stands there
			}
			s.distance = append(s.distance, c*in.MachineMove)
		}
	}
	for _, resource := range in.Resources {
		s.weight = append(s.weight, resource.LoadCost)
		s.penalty = append(s.penalty, 0)
	}
	s.group = newGroup(in)
	for p := range in.Processes {
		s.settle(p)
	}
	for i := range in.Machines {
		s.cost[i] = s.machineCost(i)
		s.total += s.cost[i]
	}
	for p, to := range at {
		if int(s.at[p]) != to {
			s.move(p, to)
		}
	}
	return s
}

// settle puts a process where it is at first.
func (s *state) settle(p int) {
	process, m := &s.in.Processes[p], s.in.Initial[p]
	s.moveCost[p] = process.MoveCost * s.in.ProcessMove
	s.at[p], s.home[p] = int32(m), int32(m)
	s.index[p] = int32(len(s.on[m]))
	s.on[m] = append(s.on[m], int32(p))
	for d, x := range process.Needs {
		i, j := p*s.res+d, m*s.res+d
		s.needs[i], s.abroad[i] = x, x
		s.room[j] -= x
		s.free[j] -= x
		s.slack[j] -= x
		if !s.in.Resources[d].Transient {
			s.atHome[i] = x
		}
	}
	s.group.enter(process.Service, m)
}

// takes is what p takes of the room of machine m.
func (s *state) takes(p, m int) []int64 {
	if int(s.home[p]) == m {
		return s.atHome[p*s.res : (p+1)*s.res]
	}
	return s.abroad[p*s.res : (p+1)*s.res]
}

// machineCost is the load and balance cost of m as it is, and the penalty of
// what is beyond its capacity.
func (s *state) machineCost(m int) int64 {
	cost := int64(0)
	room := s.room[m*s.res : (m+1)*s.res]
	for d, x := range s.slack[m*s.res : (m+1)*s.res] {
		cost -= s.weight[d]*min(0, x) + s.penalty[d]*min(0, room[d])
	}
	for i := range s.in.Balances {
		b := &s.in.Balances[i]
		cost += b.Weight * max(0, b.Target*s.free[m*s.res+b.First]-s.free[m*s.res+b.Second])
	}
	return cost
}

// costWith is the cost of m with p added and q removed; either may be none.
func (s *state) costWith(m, p, q int) int64 {
	r := s.res
	slack := s.slack[m*r : (m+1)*r]
	room := s.room[m*r : (m+1)*r][:len(slack)]
	weight, penalty := s.weight[:len(slack)], s.penalty[:len(slack)]
	cost := int64(0)
	switch {
	case q == none:
		add, take := s.needs[p*r : (p+1)*r][:len(slack)], s.takes(p, m)[:len(slack)]
		for d, x := range slack {
			cost -= weight[d]*min(0, x-add[d]) + penalty[d]*min(0, room[d]-take[d])
		}
	case p == none:
		sub, give := s.needs[q*r : (q+1)*r][:len(slack)], s.takes(q, m)[:len(slack)]
		for d, x := range slack {
			cost -= weight[d]*min(0, x+sub[d]) + penalty[d]*min(0, room[d]+give[d])
		}
	default:
		add, take := s.needs[p*r : (p+1)*r][:len(slack)], s.takes(p, m)[:len(slack)]
		sub, give := s.needs[q*r : (q+1)*r][:len(slack)], s.takes(q, m)[:len(slack)]
		for d, x := range slack {
			cost -= weight[d]*min(0, x-add[d]+sub[d]) + penalty[d]*min(0, room[d]-take[d]+give[d])
		}
	}
	for i := range s.in.Balances {
		b := &s.in.Balances[i]
		first, second := s.free[m*r+b.First], s.free[m*r+b.Second]
		if p != none {
			first, second = first-s.needs[p*r+b.First], second-s.needs[p*r+b.Second]
		}
		if q != none {
			first, second = first+s.needs[q*r+b.First], second+s.needs[q*r+b.Second]
		}
		cost += b.Weight * max(0, b.Target*first-second)
	}
	return cost
}

// none stands for no process.
const none = -1

// journey is by how much the cost of p's and its machine's move grows if it
// goes to machine m, its service aside.
func (s *state) journey(p, m int) int64 {
	home, from := int(s.home[p]), int(s.at[p])
	row := s.distance[home*len(s.on):]
	delta := row[m] - row[from]
	if from == home {
		delta += s.moveCost[p]
	}
	if m == home {
		delta -= s.moveCost[p]
	}
	return delta
}

// moveDelta is by how much the total grows if p alone goes to m.
func (s *state) moveDelta(p, m int) int64 {
	from := int(s.at[p])
	return s.costWith(m, p, none) - s.cost[m] + s.costWith(from, none, p) - s.cost[from] +
		s.journey(p, m) + s.in.ServiceMove*int64(s.mostWith(p, m)-s.maxMoved)
}

// mostWith is the largest number of moved processes of a service if p went to m.
func (s *state) mostWith(p, m int) int {
	service, home := s.in.Processes[p].Service, int(s.home[p])
	n := int(s.moved[service])
	switch from := int(s.at[p]); {
	case from == home && m != home:
		return max(s.maxMoved, n+1)
	case from != home && m == home && n == s.maxMoved && s.byMoved[n] == 1:
		return n - 1
	}
	return s.maxMoved
}

// move puts p on machine m.
func (s *state) move(p, m int) {
	from, home := int(s.at[p]), int(s.home[p])
	r := s.res
	s.total += s.journey(p, m) - s.cost[from] - s.cost[m] - s.in.ServiceMove*int64(s.maxMoved)
	need := s.needs[p*r : (p+1)*r]
	s.over -= s.beyond(from) + s.beyond(m)
	give, take := s.takes(p, from), s.takes(p, m)
	for d, x := range need {
		s.room[from*r+d] += give[d]
		s.room[m*r+d] -= take[d]
		s.free[from*r+d] += x
		s.free[m*r+d] -= x
		s.slack[from*r+d] += x
		s.slack[m*r+d] -= x
	}
	list := s.on[from]
	last := list[len(list)-1]
	list[s.index[p]], s.index[last] = last, s.index[p]
	s.on[from] = list[:len(list)-1]
	s.index[p] = int32(len(s.on[m]))
	s.on[m] = append(s.on[m], int32(p))
	s.at[p] = int32(m)
	s.dirty = append(s.dirty, int32(p))
	s.cost[from], s.cost[m] = s.machineCost(from), s.machineCost(m)
	s.over += s.beyond(from) + s.beyond(m)

	service := s.in.Processes[p].Service
	s.group.leave(service, from)
	s.group.enter(service, m)
	if from == home {
		s.count(service, 1)
	} else if m == home {
		s.count(service, -1)
	}
	s.total += s.cost[from] + s.cost[m] + s.in.ServiceMove*int64(s.maxMoved)
}

// exchange swaps two processes on different machines, perhaps of one service.
func (s *state) exchange(p, q int) {
	a, b := int(s.at[p]), int(s.at[q])
	s.move(p, b)
	s.move(q, a)
	s.group.host(int(s.service[p]), b)
}

// beyond is 1 if machine m is beyond capacity, else 0.
func (s *state) beyond(m int) int {
	for _, x := range s.room[m*s.res : (m+1)*s.res] {
		if x < 0 {
			return 1
		}
	}
	return 0
}

// count notes that n more processes of a service are away from home.
func (s *state) count(service int, n int32) {
	was := s.moved[service]
	s.byMoved[was]--
	s.byMoved[was+n]++
	s.moved[service] += n
	s.maxMoved = max(s.maxMoved, int(was+n))
	if s.byMoved[s.maxMoved] == 0 {
		s.maxMoved--
	}
}

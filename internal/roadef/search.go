package roadef

import (
	"cmp"
	"math/bits"
	"slices"
)

// Options of Search.
type Options struct {
	Steps int         // changes tried
	Seed  uint64      // of the random choices
	Stop  func() bool // asked now and then, ends the search; nil: never
}

// Search looks for an assignment of less cost than the initial one, which must
// keep every constraint.
//
// It is simulated annealing over shifts, swaps and chains of two moves, first
// among them those that send home what is in the way: where transient use is
// tight, little else fits. Capacity may be exceeded on the way, for a penalty per
// resource that grows while that resource is exceeded anywhere and shrinks
// otherwise. Conflicts, spread and dependencies hold at every step.
func Search(in *Instance, o Options) []int {
	s := &search{state: newState(in, in.Initial), rnd: random(o.Seed)}
	s.best, s.bestAt = s.total, slices.Clone(s.at)
	s.sortProcesses()
	rise := s.rise()
	// The first heat decides much, and by chance: so there are two beginnings,
	// and half of the time is for the better one.
	for _, quarter := range []int{1, 2, 4} {
		hot := rise / hotness(len(s.at), o.Steps/4)
		if quarter == 4 {
			s.restart(s.bestAt)
			hot /= 4
		} else {
			s.restart(s.home)
		}
		if !s.anneal(hot+1, rise/coldest, o.Steps*quarter/4, o.Stop) {
			break
		}
	}
	at := make([]int, len(s.bestAt))
	for p, m := range s.bestAt {
		at[p] = int(m)
	}
	return at
}

type search struct {
	*state
	rnd    random
	done   int   // steps
	heat   int64 // how much worse a change may be, in the mean
	best   int64
	bestAt []int32

	order [][]int32 // per resource: processes by need
	rank  [][]int32 // per resource: of each process in that order
}

func (s *search) sortProcesses() {
	for d := range s.res {
		order := make([]int32, len(s.at))
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, func(a, b int32) int {
			return cmp.Compare(s.needs[int(a)*s.res+d], s.needs[int(b)*s.res+d])
		})
		rank := make([]int32, len(s.at))
		for i, p := range order {
			rank[p] = int32(i)
		}
		s.order, s.rank = append(s.order, order), append(s.rank, rank)
	}
}

// The heat falls from a fraction of the mean rise of a random move to a smaller
// one, in levels of equally many steps.
const (
	hottest = 1
	coldest = 4000
	cooling = 20 // a level is colder than the one before by one in so many
	balance = 10 // steps per process between changes of penalties
)

// hotness is the mean rise over the heat to begin with. With few steps for each
// process it is better to begin cold: there is no time to mend what heat
// disorders.
func hotness(processes, steps int) int64 {
	const enough = 31_000                                   // steps per process
	scarce := min(enough*processes/max(1, steps/16), 16*20) // in sixteenths
	return int64(hottest + scarce*scarce/256)
}

// restart puts all processes to given places.
func (s *search) restart(at []int32) {
	for p, m := range at {
		if s.at[p] != m {
			s.move(p, int(m))
		}
	}
	s.group.rehost(s.at)
	s.startPenalties()
}

// anneal searches until so many steps are done in all, while the heat falls
// from hot to cold. It reports whether nothing stopped it.
func (s *search) anneal(hot, cold int64, until int, stop func() bool) bool {
	levels := 0
	for heat := hot; heat > cold; heat -= heat/cooling + 1 {
		levels++
	}
	from := s.done
	s.heat = hot
	for level := range levels {
		for ; s.done < from+(until-from)*(level+1)/levels; s.done++ {
			if s.done&1023 == 0 && stop != nil && stop() {
				return false
			}
			if s.done%(balance*len(s.at)) == 0 {
				s.adapt()
			}
			s.step()
		}
		s.heat -= s.heat/cooling + 1
	}
	return true
}

// rise is the mean rise of cost of moves that make it rise.
func (s *search) rise() int64 {
	sum, n := int64(0), int64(0)
	for range 10000 {
		p, m := s.rnd.below(len(s.at)), s.rnd.below(len(s.on))
		if int(s.at[p]) == m {
			continue
		}
		if d := s.moveDelta(p, m); d > 0 {
			sum += d
			n++
		}
	}
	return sum / max(n, 1)
}

// startPenalties makes what a mean process takes beyond capacity cost alike in
// all resources: as much as the costliest of them costs as load.
func (s *search) startPenalties() {
	sum := make([]int64, s.res)
	for i, x := range s.needs {
		sum[i%s.res] += x
	}
	top := int64(1)
	for d, x := range sum {
		top = max(top, x*s.weight[d])
	}
	for d, x := range sum {
		s.penalty[d] = min(top/max(1, x)+1, maxPenalty)
	}
	s.recost()
}

const maxPenalty = 1 << 30

// adapt raises the penalty of resources that are exceeded and lowers the others.
func (s *search) adapt() {
	over := make([]bool, s.res)
	for i, x := range s.room {
		if x < 0 {
			over[i%s.res] = true
		}
	}
	for d, x := range s.penalty {
		if over[d] {
			s.penalty[d] = min(x+x/16+1, maxPenalty)
		} else {
			s.penalty[d] -= x / 32
		}
	}
	s.recost()
}

// recost counts with new penalties.
func (s *search) recost() {
	for m := range s.cost {
		s.total -= s.cost[m]
		s.cost[m] = s.machineCost(m)
		s.total += s.cost[m]
	}
	slices.Sort(s.dirty) // and do not let it grow without end
	s.dirty = slices.Compact(s.dirty)
}

// tolerance draws how much worse a change may be: exponentially distributed, in
// whole numbers.
func (s *search) tolerance() int64 {
	x := s.rnd.next()
	part, _ := bits.Mul64(x<<8, uint64(s.heat))
	return s.heat*int64(bits.TrailingZeros64(x|1<<40)) + int64(part)
}

// step tries one change: a chain in half of all cases, a shift in an eighth,
// else a swap, every second of which is of processes alike in some resource.
func (s *search) step() {
	switch k := s.rnd.next(); {
	case k&7 < 4:
		s.randomChain()
	case k&7 == 4:
		s.shift(s.rnd.below(len(s.at)), s.rnd.below(len(s.on)))
	case k>>3&1 == 0:
		s.similarSwap(int(k>>8%uint64(s.res)), k>>4&1 == 0)
	default:
		if q := s.anywhere(); q != none {
			s.swap(s.rnd.below(len(s.at)), q)
		}
	}
}

// anywhere is a random process of a random machine: those that fill a machine
// with few others come up more often. It is none if the machine is empty.
func (s *search) anywhere() int {
	on := s.on[s.rnd.below(len(s.on))]
	if len(on) == 0 {
		return none
	}
	return int(on[s.rnd.below(len(on))])
}

// randomChain moves a random process to the place of another, and that one home
// or, if it is at home, to a random machine. Half the time it looks for one that
// is not at home.
func (s *search) randomChain() {
	q := s.anywhere()
	if q == none {
		return
	}
	if on := s.on[s.at[q]]; s.rnd.below(2) == 0 {
		for range 4 {
			if s.home[q] != s.at[q] {
				break
			}
			q = int(on[s.rnd.below(len(on))])
		}
	}
	c := int(s.home[q])
	if c == int(s.at[q]) {
		c = s.rnd.below(len(s.on))
	}
	s.chain(s.rnd.below(len(s.at)), q, c)
}

// similarSwap swaps a random process with one that is not far from it in the
// order by resource d; how far is uniform over orders of magnitude.
func (s *search) similarSwap(d int, up bool) {
	p := s.rnd.below(len(s.at))
	far := 1 + s.rnd.below(1+len(s.at)>>(1+s.rnd.below(7)))
	if !up {
		far = -far
	}
	if r := int(s.rank[d][p]) + far; r >= 0 && r < len(s.at) {
		s.swap(p, int(s.order[d][r]))
	}
}

// note keeps the assignment if it is the best so far.
func (s *search) note() {
	if s.total >= s.best || s.over > 0 {
		return
	}
	s.best = s.total
	for _, p := range s.dirty {
		s.bestAt[p] = s.at[p]
	}
	s.dirty = s.dirty[:0]
}

// The changes count the machine that gets more first: what the others lose is
// at most what they cost, so that most changes are refused at half the price.

func (s *search) shift(p, m int) {
	from, service := int(s.at[p]), int(s.service[p])
	if from == m || !s.allows(service, from, m) {
		return
	}
	slack := s.tolerance()
	d := s.costWith(m, p, none) - s.cost[m] + s.journey(p, m)
	if d > slack+s.cost[from] {
		return
	}
	d += s.costWith(from, none, p) - s.cost[from] + s.in.ServiceMove*int64(s.mostWith(p, m)-s.maxMoved)
	if d <= slack {
		s.move(p, m)
		s.note()
	}
}

func (s *search) swap(p, q int) {
	a, b := int(s.at[p]), int(s.at[q])
	alike := s.service[p] == s.service[q]
	if a == b || !alike && (s.hosted(int(s.service[p]), b) || s.hosted(int(s.service[q]), a)) {
		return
	}
	slack := s.tolerance()
	d := s.costWith(b, p, q) - s.cost[b] + s.journey(p, b) + s.journey(q, a)
	if d > slack+s.cost[a] {
		return
	}
	d += s.costWith(a, q, p) - s.cost[a]
	if d > slack || !alike && !s.bothAllowed(p, b, q, a) {
		return
	}
	most := s.maxMoved
	s.exchange(p, q)
	if d+s.in.ServiceMove*int64(s.maxMoved-most) > slack {
		s.exchange(p, q)
		return
	}
	s.note()
}

// chain moves p to where q is, and q to machine c.
func (s *search) chain(p, q, c int) {
	a, b := int(s.at[p]), int(s.at[q])
	alike := s.service[p] == s.service[q]
	if a == b || a == c || b == c || !alike && s.hosted(int(s.service[p]), b) || s.hosted(int(s.service[q]), c) {
		return
	}
	slack := s.tolerance()
	d := s.costWith(b, p, q) - s.cost[b] + s.journey(p, b) + s.journey(q, c)
	if d > slack+s.cost[a]+s.cost[c] {
		return
	}
	d += s.costWith(c, q, none) - s.cost[c]
	if d > slack+s.cost[a] {
		return
	}
	d += s.costWith(a, none, p) - s.cost[a]
	if d > slack || !s.bothAllowed(q, c, p, b) {
		return
	}
	most := s.maxMoved
	s.move(q, c)
	s.move(p, b)
	if d+s.in.ServiceMove*int64(s.maxMoved-most) > slack {
		s.move(p, a)
		s.move(q, b)
		return
	}
	s.note()
}

// bothAllowed reports whether p may go to machine a and q to b at once, as far
// as spread and dependencies go.
func (s *search) bothAllowed(p, a, q, b int) bool {
	x, y, c, d := int(s.service[p]), int(s.service[q]), int(s.at[p]), int(s.at[q])
	s.group.leave(x, c)
	s.group.leave(y, d)
	s.group.enter(x, a)
	s.group.enter(y, b)
	ok := s.broken == 0
	s.group.leave(x, a)
	s.group.leave(y, b)
	s.group.enter(x, c)
	s.group.enter(y, d)
	return ok
}

// StepsIn is about how many steps take so many seconds of one present core: the
// more there is to look at, the longer a step waits for memory.
func StepsIn(in *Instance, seconds int) int {
	const nanoseconds = 70
	step := nanoseconds + 3*len(in.Resources) + len(in.Processes)/80
	return seconds * 1_000_000_000 / step
}

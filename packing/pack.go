package packing

// Pack finds a place for every item of p that does not sit anywhere yet. What
// sits stays, surplus included. Bins in use fill first, then empty ones, then
// new ones; a search then tries to do with fewer, as long as Options.Effort
// allows. In a shortage minimums go first, then higher priorities, then whoever
// has the least for its weight.
//
// The error is p's Validate; refusals are part of the result.
func Pack(p *Problem, o Options) (*Assignment, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	s := newState(newLayout(p))
	r := &run{Options: o, s: s}
	r.pack()
	if len(s.shortOnes()) > 0 { // who gets what matters only then
		r.s = newState(s.layout)
		newIndex(r.s)
		r.s.share(nil)
	}
	return r.result(), nil
}

// A run is one call's search, and what it spent.
type run struct {
	Options
	s        *state
	rng      *source
	steps    int64
	stopped  bool
	least    int       // bins, proven on the way
	fillings [][]int32 // of single bins, that were good for something
}

// result is the state as an Assignment, refusals and bounds included.
func (r *run) result() *Assignment {
	a := r.s.assignment()
	a.Refusals = r.s.refusals()
	switch r.Effort {
	case Fast:
		a.LowerBound = r.s.quickBound()
	case Tick:
		a.LowerBound = r.s.bound()
	default:
		const steps = 100_000
		a.LowerBound = r.s.prove(&budget{limit: steps, stop: r.Stop})
	}
	a.LowerBound = max(a.LowerBound, r.least)
	a.Proven = a.Used <= a.LowerBound
	a.Steps, a.Stopped = r.steps, r.stopped
	return a
}

// pack places what is missing, as far as there is room.
func (r *run) pack() {
	s := r.s
	switch {
	case r.Prefer == Even:
		newIndex(s)
		s.even()
		return
	case r.Effort == Fast:
		newIndex(s)
		s.firstFit()
		return
	}
	r.build()
	newIndex(s)
	for _, c := range s.bySize(s.shortOnes()) { // soft rules give way
		s.fill(c, s.short(c))
	}
	if len(s.shortOnes()) == 0 {
		s.watch = nil
		r.shrink()
	}
}

// build fills bin after bin by squares.
func (r *run) build() {
	f := newBuilder(r.s)
	r.s.fillAll(f)
	r.steps += (f.looks + f.tree.looks) / looksPerStep
}

// A filler fills bins one after the other.
type filler interface {
	done() bool
	fill(b int32)
	template() int32 // to open next; -1 if none may be
}

// fillAll fills the bins in use, the empty ones, new ones.
func (s *state) fillAll(f filler) {
	for _, empty := range []bool{false, true} {
		for b := 0; b < len(s.binIn) && !f.done(); b++ {
			if s.open[b] && (len(s.items[b]) == 0) == empty {
				f.fill(int32(b))
				s.log = s.log[:0]
			}
		}
	}
	for !f.done() {
		t := f.template()
		if t < 0 {
			break
		}
		f.fill(s.openNew(t))
		s.log = s.log[:0]
	}
}

// template is the one to open for the longest class that may have a new bin.
func (f *builder) template() int32 {
	for f.front < len(f.active) && f.missing[f.active[f.front]] == 0 {
		f.front++
	}
	for _, c := range f.active[f.front:] {
		if f.missing[c] > 0 {
			if t := f.s.template(c); t >= 0 {
				return t
			}
		}
	}
	return -1
}

// What a step buys.
const (
	looksPerStep  = 256
	trialsPerStep = 16
)

// trials is how many changes an annealer may try on so many items.
func (e Effort) trials(items int) int64 {
	switch e {
	case Fast:
		return 0
	case Second:
		return max(15e6, 400*int64(items))
	case HalfMinute:
		return max(450e6, 2000*int64(items))
	}
	return min(100e3, 200*int64(items))
}

// Searches that look at every item again and again suit so many.
const maxPool = 2000

// shrink does with fewer bins, by one search after the other. Items may move
// that do not sit anywhere at the beginning.
func (r *run) shrink() {
	s := r.s
	least := s.bound()
	if s.used <= least || r.Effort == Fast {
		return
	}
	r.rng = newSource(s.layout, r.Seed)
	items := 0
	for c := range s.at {
		items += len(s.at[c]) - len(s.home[c])
	}
	trials := r.Effort.trials(items)
	movable := func(c, b int32) bool { return !s.isHome(c, b) }
	if items <= maxPool {
		r.value(least, 2*trials)
		r.tile(least)
		least = r.dive(least)
		r.least = least
		s = r.s
		if s.used <= least {
			return
		}
		p := newPool(s, r.rng, movable)
		r.stopped = r.stopped || s.used > least && p.shrink(least, 3*trials, r.Stop)
		r.steps += p.looks / looksPerStep
		trials /= 4
	}
	if s.used <= least || r.stopped || trials < int64(items) {
		return // with less than a trial an item nothing comes of it
	}
	if a := newAnnealer(s, r.rng, movable); a != nil {
		r.stopped = a.shrink(least, trials, r.Stop)
		r.steps += a.moves / trialsPerStep
		s.log = s.log[:0]
	}
}

// maxFillings is how many are remembered.
const maxFillings = 3000

// value packs again from the beginning, by value, pass after pass, and keeps
// the best.
func (r *run) value(least int, looks int64) {
	v := newValuer(newState(r.s.layout), r.rng)
	for v.looks < looks && r.s.used > least && !r.stopped {
		s := newState(r.s.layout)
		v.start(s)
		s.fillAll(v)
		r.fillings = append(r.fillings, s.items[:min(len(s.items), maxFillings-len(r.fillings))]...)
		if len(s.shortOnes()) == 0 && (s.cost < r.s.cost || s.cost == r.s.cost && s.used < r.s.used) {
			r.s = s
		}
		r.stopped = r.Stop != nil && r.Stop()
	}
	r.steps += v.looks / looksPerStep
}

// even puts every missing item, the largest first, where the most loaded
// dimension is left lowest; new bins only when nothing else takes it.
func (s *state) even() {
	for _, c := range s.bySize(s.shortOnes()) {
		for range s.short(c) {
			b := s.emptiest(c)
			if b < 0 {
				break
			}
			s.add(c, b)
		}
		s.fill(c, s.short(c))
	}
	s.log = s.log[:0]
}

// emptiest is the open bin that would be least full with an item of c; -1 if
// none takes it.
func (s *state) emptiest(c int32) int32 {
	best, most := int32(-1), share{}
	want := s.wanted(c, anyLoad)
	for b := s.watch.first(0, c, want); b >= 0; b = s.watch.first(b+1, c, want) {
		if !s.may(c, b) {
			continue
		}
		least := share{1, 1} // of the capacity, that is left
		for d, capacity := range s.kinds[s.kind[b]].bin.Capacity {
			if left := (share{max(0, s.room(b)[d]-s.needs(c)[d]), max(capacity, 1)}); left.less(least) {
				least = left
			}
		}
		if best < 0 || most.less(least) {
			best, most = b, least
		}
	}
	return best
}

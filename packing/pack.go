package packing

import (
	"cmp"
	"math/bits"
	"slices"
)

// Pack places every item of p that does not sit anywhere yet. What sits stays.
// Classes are taken by the largest share that an item takes of the largest bin,
// descending, then by count, descending, then by index; each item goes into the
// first bin that takes it, by index, and only then into a new one.
//
// The error is p's Validate; refusals are part of the result.
func Pack(p *Problem, _ Options) (*Assignment, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	s := newOldState(p)
	a := &Assignment{Bins: make([][]int, len(p.Classes))}
	for _, i := range s.order() {
		c := &p.Classes[i]
		bins := slices.Clone(c.At)
		bins = s.fill(c, bins)
		slices.Sort(bins)
		a.Bins[i] = bins
	}
	for i := range p.Classes {
		if short := p.Classes[i].Count - len(a.Bins[i]); short > 0 {
			a.Refusals = append(a.Refusals, s.refusal(&p.Classes[i], a.Bins[i], short))
		}
	}
	a.Opened = s.opened
	a.Used = s.used(a.Bins)
	a.LowerBound = lowerBound(p, a.Bins)
	return a, nil
}

type oldState struct {
	p      *Problem
	free   [][]int64 // per bin, new ones behind; may be negative where a bin is overfull
	peak   []int64   // largest capacity of any bin, per dimension
	opened []int
}

func newOldState(p *Problem) *oldState {
	s := &oldState{p: p, peak: make([]int64, len(p.Dimensions))}
	for i := range p.Bins {
		s.free = append(s.free, room(&p.Bins[i]))
		s.raise(p.Bins[i].Capacity)
	}
	for i := range p.Templates {
		s.raise(p.Templates[i].Capacity)
	}
	for i := range p.Classes {
		for _, b := range p.Classes[i].At {
			take(s.free[b], p.Classes[i].Size)
		}
	}
	return s
}

func (s *oldState) raise(capacity []int64) {
	for d, x := range capacity {
		s.peak[d] = max(s.peak[d], x)
	}
}

// order is the order in which classes are placed.
func (s *oldState) order() []int {
	order := make([]int, len(s.p.Classes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &s.p.Classes[i], &s.p.Classes[j]
		return cmp.Or(s.compareShare(b, a), cmp.Compare(b.Count, a.Count))
	})
	return order
}

// compareShare compares the largest shares of two classes, exactly.
func (s *oldState) compareShare(a, b *Class) int {
	x, y := s.share(a), s.share(b)
	// x.n/x.d against y.n/y.d
	hi1, lo1 := bits.Mul64(uint64(x.n), uint64(y.d))
	hi2, lo2 := bits.Mul64(uint64(y.n), uint64(x.d))
	return cmp.Or(cmp.Compare(hi1, hi2), cmp.Compare(lo1, lo2))
}

type fraction struct{ n, d int64 } // n >= 0, d > 0

// share is the largest fraction of a bin's peak capacity that an item takes.
func (s *oldState) share(c *Class) fraction {
	best := fraction{0, 1}
	for d, size := range c.Size {
		f := fraction{size, max(s.peak[d], 1)}
		hi1, lo1 := bits.Mul64(uint64(f.n), uint64(best.d))
		hi2, lo2 := bits.Mul64(uint64(best.n), uint64(f.d))
		if hi1 > hi2 || hi1 == hi2 && lo1 > lo2 {
			best = f
		}
	}
	return best
}

// fill adds bins until the class has its count or nothing takes another.
func (s *oldState) fill(c *Class, bins []int) []int {
	for b := 0; len(bins) < c.Count; b++ {
		if b == len(s.free) {
			t := s.template(c)
			if t < 0 {
				break
			}
			s.free = append(s.free, room(&s.p.Templates[t].Bin))
			s.opened = append(s.opened, t)
		}
		if slices.Contains(c.At, b) {
			continue
		}
		if b < len(s.p.Bins) && s.p.Bins[b].State != Open || !c.takes(s.bin(b).Capabilities) {
			continue
		}
		if d, _ := lacks(s.free[b], c.Size); d < 0 {
			take(s.free[b], c.Size)
			bins = append(bins, b)
		}
	}
	return bins
}

// template is the first that may still be opened and takes an item of c; -1 if
// there is none.
func (s *oldState) template(c *Class) int {
	for t := range s.p.Templates {
		d, _ := lacks(room(&s.p.Templates[t].Bin), c.Size)
		if d < 0 && c.takes(s.p.Templates[t].Capabilities) && s.left(t) > 0 {
			return t
		}
	}
	return -1
}

func (s *oldState) left(t int) int {
	n := s.p.Templates[t].Max
	for _, o := range s.opened {
		if o == t {
			n--
		}
	}
	return n
}

// bin is the bin of an index, the template for new ones.
func (s *oldState) bin(b int) *Bin {
	if b < len(s.p.Bins) {
		return &s.p.Bins[b]
	}
	return &s.p.Templates[s.opened[b-len(s.p.Bins)]].Bin
}

// refusal names the bin that came nearest to taking one more item of c.
func (s *oldState) refusal(c *Class, bins []int, short int) Refusal {
	r := Refusal{Class: c.Name, Items: short, Reason: NoBin}
	rank := map[Reason]int{NoBin: 0, Capability: 1, BinClosed: 2, OneOfEach: 3, Capacity: 4}
	consider := func(reason Reason, name string, d int, by int64) {
		nearer := rank[reason] > rank[r.Reason]
		if reason == Capacity && r.Reason == Capacity {
			nearer = by < r.Short
		}
		if !nearer {
			return
		}
		r.Reason, r.Bin, r.Dim, r.Short = reason, name, "", 0
		if reason == Capacity {
			r.Dim, r.Short = s.p.Dimensions[d], by
		}
	}
	for b := range s.free {
		name := ""
		if b < len(s.p.Bins) {
			name = s.p.Bins[b].Name
		}
		switch d, by := lacks(s.free[b], c.Size); {
		case !c.takes(s.bin(b).Capabilities):
			consider(Capability, name, 0, 0)
		case b < len(s.p.Bins) && s.p.Bins[b].State != Open:
			consider(BinClosed, name, 0, 0)
		case slices.Contains(bins, b):
			consider(OneOfEach, name, 0, 0)
		case d >= 0:
			consider(Capacity, name, d, by)
		}
	}
	for t := range s.p.Templates {
		if s.p.Templates[t].Max == 0 {
			continue
		}
		if !c.takes(s.p.Templates[t].Capabilities) {
			consider(Capability, "", 0, 0)
		} else if d, by := lacks(room(&s.p.Templates[t].Bin), c.Size); d >= 0 {
			consider(Capacity, "", d, by)
		}
	}
	return r
}

// used counts the bins that hold an item.
func (s *oldState) used(placed [][]int) int {
	held := make([]bool, len(s.free))
	n := 0
	for _, bins := range placed {
		for _, b := range bins {
			if !held[b] {
				held[b] = true
				n++
			}
		}
	}
	return n
}

// room is what a bin has left for items.
func room(b *Bin) []int64 {
	free := slices.Clone(b.Capacity)
	if b.Used != nil {
		take(free, b.Used)
	}
	return free
}

func take(free, size []int64) {
	for d, x := range size {
		free[d] -= x
	}
}

// lacks returns the first dimension in which size exceeds free, and by how
// much; -1 if none does.
func lacks(free, size []int64) (dim int, by int64) {
	for d, x := range size {
		if x > free[d] && x > 0 {
			return d, x - free[d]
		}
	}
	return -1, 0
}

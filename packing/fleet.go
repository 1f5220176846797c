package packing

import (
	"cmp"
	"fmt"
	"slices"
)

// A Fleet keeps a placement and its index from one tick to the next, so that a
// tick costs what changed and not what there is. It starts from where the items
// sit; counts and states of bins change; Settle then does what Rebalance does.
// New bins stay numbered as they were first reported. A Fleet serves one
// goroutine.
type Fleet struct {
	s       *state
	p       Problem
	class   map[string]int32
	bin     map[string]int32
	rankIn  []int32 // per input index, the class
	pending []int32 // classes that may be short or have surplus
	dirty   []bool  // per class: it is pending
	new     []int32 // per new bin as reported, its number in the state
	number  map[int32]int
}

// NewFleet takes a problem as it stands; later changes of p make no difference.
// The error is p's Validate.
func NewFleet(p *Problem) (*Fleet, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	f := &Fleet{p: *p, class: make(map[string]int32, len(p.Classes)), bin: make(map[string]int32, len(p.Bins)), number: map[int32]int{}}
	f.p.Bins, f.p.Classes, f.p.Templates = slices.Clone(p.Bins), slices.Clone(p.Classes), slices.Clone(p.Templates)
	f.s = newState(newLayout(&f.p))
	newIndex(f.s)
	f.rankIn = inverse(f.s.classIn)
	f.dirty = make([]bool, len(p.Classes))
	for c := range f.s.classIn {
		f.class[f.s.class(int32(c)).Name] = int32(c)
		f.touch(int32(c))
	}
	for b, in := range f.s.binIn {
		f.bin[p.Bins[in].Name] = int32(b)
	}
	return f, nil
}

func (f *Fleet) touch(c int32) {
	if !f.dirty[c] {
		f.dirty[c] = true
		f.pending = append(f.pending, c)
	}
}

// SetCount changes how many items of a class are wanted. A count below the
// class's Min is a smaller minimum too, until the count grows again.
func (f *Fleet) SetCount(class string, count int) error {
	c, found := f.class[class]
	if !found {
		return fmt.Errorf("packing: no class %q", class)
	}
	if count < 0 || count > 1<<30 {
		return fmt.Errorf("packing: class %q: count must be in [0, 2^30], is %d", class, count)
	}
	f.s.class(c).Count, f.s.want[c] = count, int32(count)
	f.touch(c)
	return nil
}

// SetState opens or closes a bin of the problem, or makes it drain.
func (f *Fleet) SetState(bin string, state BinState) error {
	b, found := f.bin[bin]
	if !found {
		return fmt.Errorf("packing: no bin %q", bin)
	}
	if state > Draining {
		return fmt.Errorf("packing: bin %q: no state %d", bin, state)
	}
	f.p.Bins[f.s.binIn[b]].State = state
	f.s.open[b] = state == Open
	f.s.touch(b)
	for r := range f.s.rules { // which zones count may have changed
		f.s.rules[r].zones = f.s.zonesFor(f.s.class(f.s.rules[r].class))
	}
	return nil
}

// A Settlement is what a tick changes.
type Settlement struct {
	Changes   []Change // by class, then bin, both in the problem's order
	Opened    []int    // templates of new bins that were first used, as in Assignment
	Used      int      // bins that hold an item
	Moved     int      // items that left their bin for another
	MovedCost int64
	Refusals  []Refusal
	Steps     int64
	Stopped   bool
}

// A Change is an item that came into a bin or left it.
type Change struct {
	Class, Bin int // indices, as in Assignment.Bins
	Left       bool
}

// Settle places what is missing and lets go what is too much, as Rebalance
// does, and reports what changed.
func (f *Fleet) Settle(o Options) *Settlement {
	s := f.s
	s.log = s.log[:0]
	r := &run{Options: o, s: s}
	slices.Sort(f.pending)
	r.rebalance(f.pending)
	t := &Settlement{Used: s.used, Steps: r.steps, Stopped: r.stopped}
	f.report(t)
	short := s.shortOnes() // whoever gave way is among them
	for _, c := range f.pending {
		f.dirty[c] = false
	}
	f.pending = f.pending[:0]
	for _, c := range short {
		f.touch(c)
	}
	if len(short) > 0 {
		t.Refusals = s.refusals()
	}
	return t
}

// report turns the log into changes: what came and left again is none.
func (f *Fleet) report(t *Settlement) {
	s := f.s
	log := slices.Clone(s.log)
	slices.SortStableFunc(log, func(a, b change) int {
		return cmp.Or(cmp.Compare(s.classIn[a.class], s.classIn[b.class]), cmp.Compare(a.bin, b.bin))
	})
	came, left := 0, 0
	for i := 0; i < len(log); {
		ch, net := log[i], 0
		for ; i < len(log) && log[i].class == ch.class && log[i].bin == ch.bin; i++ {
			if log[i].came {
				net++
			} else {
				net--
			}
		}
		if net != 0 {
			t.Changes = append(t.Changes, Change{Class: int(s.classIn[ch.class]), Bin: f.numberOf(ch.bin, t), Left: net < 0})
			came, left = came+max(net, 0), left+max(-net, 0)
		}
		if i == len(log) || log[i].class != ch.class {
			moved := min(came, left)
			t.Moved += moved
			t.MovedCost += int64(moved) * s.class(ch.class).MoveCost
			came, left = 0, 0
		}
	}
	slices.SortFunc(t.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Bin, b.Bin))
	})
}

// numberOf is the number under which a bin is reported.
func (f *Fleet) numberOf(b int32, t *Settlement) int {
	if int(b) < len(f.s.binIn) {
		return int(f.s.binIn[b])
	}
	n, found := f.number[b]
	if !found {
		n = len(f.s.binIn) + len(f.new)
		f.number[b] = n
		f.new = append(f.new, b)
		t.Opened = append(t.Opened, int(f.s.kind[b]))
	}
	return n
}

// Bins are the bins that hold an item of a class, ascending; nil if there is no
// such class.
func (f *Fleet) Bins(class string) []int {
	c, found := f.class[class]
	if !found {
		return nil
	}
	var bins []int
	for _, b := range f.s.at[c] {
		bins = append(bins, f.numberOf(b, &Settlement{}))
	}
	slices.Sort(bins)
	return bins
}

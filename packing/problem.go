package packing

import "slices"

// A Problem asks for a place for every item of its classes.
//
// The order of Bins and Classes carries no meaning: bins are taken by Ordinal,
// then Name, and whatever else needs an order goes by name. The order of
// Templates is that in which equally good ones are opened.
type Problem struct {
	Dimensions []string // names, for refusals; as many as each vector has entries
	Bins       []Bin
	Classes    []Class
	Templates  []Template // bins that may be opened

	// Zones are such as count for every class's Spread though no open bin or
	// template need be in them: bins there are closed, or yet to come.
	Zones []string

	// Strict makes an item that is larger than every bin and template a fault
	// instead of a refusal.
	Strict bool
}

// A Bin holds items.
type Bin struct {
	Name     string  // unique among the bins of a Problem, not empty
	Capacity []int64 // physical, per dimension, >= 0

	// Virtual is how much the sizes in the bin may add up to where memory is
	// overcommitted, per dimension, >= Capacity; nil is Capacity. Where it is
	// larger, Capacity bounds what is pinned and the largest load in flight: see
	// Class.Pinned.
	Virtual []int64

	Used         []int64  // by what is no item of the problem; nil is nothing; >= 0, may exceed Capacity
	Capabilities []string // what classes may require
	Zone         string   // for Spread; "" is a zone like any other
	Ordinal      int      // the lowest fill first; with ordinal removal the highest leave first
	Cost         int64    // per unit of time that the bin exists, >= 0; 0 counts as 1
	State        BinState
	Settling     bool // changed lately: consolidation leaves it alone
}

// A Template describes bins that may be opened. Name may be empty and need not
// be unique; Used counts in every opened bin; Ordinal, State and Settling mean
// nothing.
type Template struct {
	Bin
	Max int // so many at most, >= 0
}

// A BinState is what may happen to the items of a bin.
type BinState uint8

// The states.
const (
	Open     BinState = iota // takes items
	Closed                   // takes nothing new; what sits there stays
	Draining                 // takes nothing new, and what sits there is to leave
)

func (s BinState) String() string {
	switch s {
	case Open:
		return "open"
	case Closed:
		return "closed"
	case Draining:
		return "draining"
	}
	return "BinState(" + itoa(int(s)) + ")"
}

// A Class is a number of equal items, no two of which may share a bin.
type Class struct {
	Name string  // unique among the classes of a Problem, not empty
	Size []int64 // of each item, per dimension, >= 0

	// Pinned is the part of Size that can not be evicted, per dimension, <= Size;
	// nil is nothing. It matters where Bin.Virtual exceeds Capacity: there the
	// pinned parts in a bin and the largest other part (that of an item being
	// loaded, which evicts the rest) must fit into Capacity together.
	Pinned []int64

	Count    int   // items wanted, >= 0
	Min      int   // of these, so many go before what any class has beyond its Min; <= Count
	Priority int   // in a shortage the higher goes first
	Weight   int64 // share in a shortage among equal priorities, >= 0; 0 counts as 1

	Requires []string // capabilities that a bin must have, all of them
	Forbids  []string // capabilities that a bin must not have, none of them
	Prefers  []string // capabilities that a bin had better have
	Spread   Spread

	MoveCost int64 // of moving one item, >= 0

	// At are the indices of bins that hold one item each, each bin once. There
	// may be more than Count: Rebalance chooses which of them go.
	At       []int
	Settling bool // changed lately: consolidation leaves its items alone
}

// A Spread keeps the items of a class apart over zones: the numbers of its
// items in any two zones differ by MaxSkew at most. The zones are those of the
// open bins and templates that meet the class's requirements, full or not, and
// Problem.Zones.
//
// Where items sit too unevenly already nothing is moved for it, and no new item
// goes where it would be more than MaxSkew above the emptiest zone.
type Spread struct {
	MaxSkew int  // 0 is no rule
	Soft    bool // prefer it, but rather place an item than keep it
}

// takes reports whether capabilities have all that c requires and nothing that
// it forbids.
func (c *Class) takes(capabilities []string) bool {
	for _, r := range c.Requires {
		if !slices.Contains(capabilities, r) {
			return false
		}
	}
	for _, f := range c.Forbids {
		if slices.Contains(capabilities, f) {
			return false
		}
	}
	return true
}

// cost is what the bin's existence costs per unit of time, > 0.
func (b *Bin) cost() int64 { return max(b.Cost, 1) }

// weight is the class's share, > 0.
func (c *Class) weight() int64 { return max(c.Weight, 1) }

package packing

import (
	"math"

	"github.com/bellows-go/bellows/internal/check"
)

// A Consolidation says what may be disturbed to empty bins. Its zero value
// empties as many as it can, whichever they are, whatever the moves cost.
type Consolidation struct {
	Options
	Removal Removal

	// Quiet is what a unit of Bin.Cost that is saved is worth, in the unit of
	// MoveCost: the time for which the load is expected to stay as it is, in the
	// bins' unit of time, if both costs have one currency. A bin is emptied only
	// if it saves as much as its moves cost. 0 asks nothing of the moves.
	Quiet int64

	MaxMoves     int   // items that move, at most; 0 is no limit
	MaxCost      int64 // the sum of their costs, at most; 0 is no limit
	MaxDisrupted int   // items of any one class that move, at most; 0 is no limit
}

// Removal is which bins may be emptied.
type Removal uint8

// The rules of removal.
const (
	Free    Removal = iota // any
	Ordinal                // only those with the highest ordinals, as StatefulSets remove
)

func (r Removal) String() string {
	switch r {
	case Free:
		return "free"
	case Ordinal:
		return "ordinal"
	}
	return "Removal(" + itoa(int(r)) + ")"
}

// Validate reports every fault.
func (c *Consolidation) Validate() error {
	var f check.Faults
	f.Require(c.Removal <= Ordinal, "Removal", "must be Free or Ordinal, is %d", c.Removal)
	f.Require(c.Quiet >= 0, "Quiet", "must be >= 0, is %d", c.Quiet)
	f.Require(c.MaxMoves >= 0, "MaxMoves", "must be >= 0, is %d", c.MaxMoves)
	f.Require(c.MaxCost >= 0, "MaxCost", "must be >= 0, is %d", c.MaxCost)
	f.Require(c.MaxDisrupted >= 0, "MaxDisrupted", "must be >= 0, is %d", c.MaxDisrupted)
	return f.Err()
}

// Consolidate moves items so that as many bins as possible, by cost, hold
// nothing, and of the ways to do so takes one that moves little. It neither
// adds nor drops an item and opens no bin; with free removal it puts nothing
// into empty ones. The bins that hold nothing in the result may be removed: all
// of them, or with ordinal removal those above the last that holds something.
//
// What sits in closed or settling bins stays, and so do the items of settling
// classes and of those with more than Count: Rebalance first. Soft rules of
// spread and preferred capabilities bind here like hard ones, for nothing forces
// a move.
//
// The result has no Refusals: nothing was asked for. The errors are those of
// Validate.
func Consolidate(p *Problem, c Consolidation) (*Assignment, error) {
	var f check.Faults
	f.Add(p.Validate())
	f.Under("Consolidation", c.Validate())
	if err := f.Err(); err != nil {
		return nil, err
	}
	l := newLayout(p)
	k := newConsolidator(l, &c)
	k.search()
	a := k.best.assignment()
	a.LowerBound = k.best.prove(k.budget)
	a.Proven = a.Used <= a.LowerBound
	a.MovedBound = k.lv.movedBound(k.best)
	if k.exact {
		a.MovedBound = a.MovedCost
	}
	a.Steps, a.Stopped = k.budget.steps, k.budget.stopped
	return a, nil
}

// value is what saved costs are worth beyond the cost of the moves.
func (c *Consolidation) value(saved, moved int64) int64 {
	if c.Quiet == 0 {
		return saved
	}
	if saved > math.MaxInt64/2/c.Quiet {
		return math.MaxInt64/2 - moved
	}
	return saved*c.Quiet - moved
}

// allows reports whether a result keeps within the budgets and pays.
func (c *Consolidation) allows(saved int64, moves int, cost int64) bool {
	return (c.MaxMoves == 0 || moves <= c.MaxMoves) && (c.MaxCost == 0 || cost <= c.MaxCost) && c.value(saved, cost) >= 0
}

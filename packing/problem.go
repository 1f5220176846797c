package packing

import (
	"math"
	"slices"

	"github.com/bellows-go/bellows/internal/check"
)

// A Bin holds items.
type Bin struct {
	Name         string   // unique among the bins of a Problem, not empty
	Capacity     []int64  // per dimension, >= 0
	Used         []int64  // by what is no item of the problem; nil is nothing; >= 0, may exceed Capacity
	Capabilities []string // what classes may require
	Closed       bool     // takes no new item; what sits there stays
}

// A Class is a number of equal items, no two of which may share a bin.
type Class struct {
	Name     string   // unique among the classes of a Problem, not empty
	Size     []int64  // of each item, per dimension, >= 0
	Count    int      // items wanted, >= len(At)
	Requires []string // capabilities that a bin must have, all of them
	At       []int    // indices of bins that hold one already, each once
}

// A Problem asks for a place for every item. The zero value of New opens no
// bins.
type Problem struct {
	Dimensions []string // names, for refusals; as many as each vector has entries
	Bins       []Bin
	Classes    []Class
	// New is the template of bins that may be opened: MaxNew of them at most.
	// Its Name and Closed mean nothing.
	New    Bin
	MaxNew int // >= 0
}

// Validate reports every fault of p. Sums that could overflow are faults.
func (p *Problem) Validate() error {
	var f check.Faults
	dims := len(p.Dimensions)
	f.Require(dims > 0, "Dimensions", "must not be empty")
	vector := func(field string, v []int64) {
		f.Require(len(v) == dims, field, "has %d entries for %d dimensions", len(v), dims)
		for d, x := range v {
			f.Require(x >= 0, at(field, d), "must be >= 0, is %d", x)
			f.Require(x <= math.MaxInt64/4, at(field, d), "must be <= %d, is %d", int64(math.MaxInt64/4), x)
		}
	}
	names := map[string]bool{}
	for i := range p.Bins {
		b, field := &p.Bins[i], at("Bins", i)
		f.Require(b.Name != "", field+".Name", "must not be empty")
		f.Require(!names[b.Name], field+".Name", "%q stands twice", b.Name)
		names[b.Name] = true
		vector(field+".Capacity", b.Capacity)
		if b.Used != nil {
			vector(field+".Used", b.Used)
		}
	}
	f.Require(p.MaxNew >= 0, "MaxNew", "must be >= 0, is %d", p.MaxNew)
	if p.MaxNew > 0 {
		vector("New.Capacity", p.New.Capacity)
		if p.New.Used != nil {
			vector("New.Used", p.New.Used)
		}
	}
	names = map[string]bool{}
	for i := range p.Classes {
		c, field := &p.Classes[i], at("Classes", i)
		f.Require(c.Name != "", field+".Name", "must not be empty")
		f.Require(!names[c.Name], field+".Name", "%q stands twice", c.Name)
		names[c.Name] = true
		vector(field+".Size", c.Size)
		f.Require(c.Count >= len(c.At), field+".Count", "must be >= the %d that are placed, is %d", len(c.At), c.Count)
		for j, b := range c.At {
			f.Require(b >= 0 && b < len(p.Bins), at(field+".At", j), "no bin has index %d", b)
			f.Require(!slices.Contains(c.At[:j], b), at(field+".At", j), "bin %d stands twice", b)
		}
	}
	if f.Err() == nil {
		p.checkSums(&f)
	}
	return f.Err()
}

// checkSums notes a fault for each dimension in which the sum of all sizes is
// beyond what integers hold.
func (p *Problem) checkSums(f *check.Faults) {
	for d, name := range p.Dimensions {
		sum := int64(0)
		add := func(x, times int64) bool {
			if x > 0 && times > (math.MaxInt64/4-sum)/x {
				return false
			}
			sum += x * times
			return true
		}
		ok := true
		for i := range p.Classes {
			ok = ok && add(p.Classes[i].Size[d], int64(p.Classes[i].Count))
		}
		for i := range p.Bins {
			if p.Bins[i].Used != nil {
				ok = ok && add(p.Bins[i].Used[d], 1)
			}
		}
		if !ok {
			f.Require(false, "Classes", "the sizes in %q add up to more than %d", name, int64(math.MaxInt64/4))
		}
	}
}

func at(field string, i int) string { return field + "[" + itoa(i) + "]" }

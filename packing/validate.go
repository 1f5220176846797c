package packing

import (
	"math"
	"strconv"

	"github.com/bellows-go/bellows/internal/check"
)

// limit bounds every amount and every sum of amounts, so that no arithmetic of
// this package overflows.
const limit = math.MaxInt64 / 4

// Validate reports every fault of p. Sums that could overflow are faults.
func (p *Problem) Validate() error {
	v := validator{p: p, dims: len(p.Dimensions)}
	v.Require(v.dims > 0, "Dimensions", "must not be empty")
	names := make(map[string]bool, len(p.Bins))
	for i := range p.Bins {
		v.name(names, "Bins", i, p.Bins[i].Name)
		v.bin("Bins", i, &p.Bins[i])
		if p.Bins[i].State > Draining {
			v.Require(false, at("Bins", i)+".State", "must be Open, Closed or Draining, is %d", p.Bins[i].State)
		}
	}
	for i := range p.Templates {
		v.bin("Templates", i, &p.Templates[i].Bin)
		v.Require(p.Templates[i].Max >= 0, at("Templates", i)+".Max", "must be >= 0, is %d", p.Templates[i].Max)
	}
	names = make(map[string]bool, len(p.Classes))
	held := make([]int, len(p.Bins)) // the last class that was seen in the bin, plus one
	for i := range p.Classes {
		v.name(names, "Classes", i, p.Classes[i].Name)
		v.class(i, held)
	}
	if v.Err() == nil {
		v.sums()
		if p.Strict {
			v.oversize()
		}
	}
	return v.Err()
}

type validator struct {
	check.Faults
	p    *Problem
	dims int
}

// The path of a field is built only for a fault: a problem has 100,000 fields.

func (v *validator) name(seen map[string]bool, list string, i int, name string) {
	if name == "" {
		v.Require(false, at(list, i)+".Name", "must not be empty")
	} else if seen[name] {
		v.Require(false, at(list, i)+".Name", "%q stands twice", name)
	}
	seen[name] = true
}

func (v *validator) vector(list string, i int, field string, x []int64) bool {
	fine := len(x) == v.dims
	if !fine {
		v.Require(false, at(list, i)+"."+field, "has %d entries for %d dimensions", len(x), v.dims)
	}
	for d := range x {
		if uint64(x[d]) > limit {
			fine = false
			v.amount(list, i, field+"["+itoa(d)+"]", x[d])
		}
	}
	return fine
}

func (v *validator) amount(list string, i int, field string, x int64) {
	if x < 0 {
		v.Require(false, at(list, i)+"."+field, "must be >= 0, is %d", x)
	} else if x > limit {
		v.Require(false, at(list, i)+"."+field, "must be <= %d, is %d", int64(limit), x)
	}
}

func (v *validator) bin(list string, i int, b *Bin) {
	fine := v.vector(list, i, "Capacity", b.Capacity)
	if b.Virtual != nil && v.vector(list, i, "Virtual", b.Virtual) && fine {
		for d, x := range b.Virtual {
			if x < b.Capacity[d] {
				v.Require(false, at(at(list, i)+".Virtual", d), "must be >= Capacity %d, is %d", b.Capacity[d], x)
			}
		}
	}
	if b.Used != nil {
		v.vector(list, i, "Used", b.Used)
	}
	v.amount(list, i, "Cost", b.Cost)
}

func (v *validator) class(i int, held []int) {
	c := &v.p.Classes[i]
	fine := v.vector("Classes", i, "Size", c.Size)
	if c.Pinned != nil && v.vector("Classes", i, "Pinned", c.Pinned) && fine {
		for d, x := range c.Pinned {
			if x > c.Size[d] {
				v.Require(false, at(at("Classes", i)+".Pinned", d), "must be <= Size %d, is %d", c.Size[d], x)
			}
		}
	}
	if c.Count < 0 {
		v.Require(false, at("Classes", i)+".Count", "must be >= 0, is %d", c.Count)
	}
	if c.Min < 0 || c.Min > max(c.Count, 0) {
		v.Require(false, at("Classes", i)+".Min", "must be in [0, Count %d], is %d", c.Count, c.Min)
	}
	if c.Spread.MaxSkew < 0 {
		v.Require(false, at("Classes", i)+".Spread.MaxSkew", "must be >= 0, is %d", c.Spread.MaxSkew)
	}
	v.amount("Classes", i, "Weight", c.Weight)
	v.amount("Classes", i, "MoveCost", c.MoveCost)
	for j, b := range c.At {
		switch {
		case b < 0 || b >= len(held):
			v.Require(false, at(at("Classes", i)+".At", j), "no bin has index %d", b)
		case held[b] == i+1:
			v.Require(false, at(at("Classes", i)+".At", j), "bin %d stands twice", b)
		default:
			held[b] = i + 1
		}
	}
}

// sums notes a fault for each sum that is beyond what integers hold.
func (v *validator) sums() {
	for d, name := range v.p.Dimensions {
		volume := sum{}
		for i := range v.p.Classes {
			c := &v.p.Classes[i]
			volume.add(c.Size[d], max(c.Count, len(c.At)))
		}
		room := sum{}
		bin := func(b *Bin, times int) {
			room.add(b.Capacity[d], times)
			if b.Used != nil {
				volume.add(b.Used[d], times)
			}
			if b.Virtual != nil {
				room.add(b.Virtual[d]-b.Capacity[d], times)
			}
		}
		for i := range v.p.Bins {
			bin(&v.p.Bins[i], 1)
		}
		for i := range v.p.Templates {
			bin(&v.p.Templates[i].Bin, 1) // few of Max are ever opened: see newState
		}
		v.Require(!volume.over, "Classes", "the sizes in %q add up to more than %d", name, int64(limit))
		v.Require(!room.over, "Bins", "the capacities in %q add up to more than %d", name, int64(limit))
	}
	costs, moves := sum{}, sum{}
	for i := range v.p.Bins {
		costs.add(v.p.Bins[i].cost(), 1)
	}
	items := sum{}
	for i := range v.p.Classes {
		c := &v.p.Classes[i]
		moves.add(c.MoveCost, max(c.Count, len(c.At)))
		items.add(1, c.Count)
	}
	for i := range v.p.Templates {
		// Never more new bins than items.
		t := &v.p.Templates[i]
		costs.add(t.cost(), int(min(int64(t.Max), items.n)))
	}
	v.Require(!costs.over, "Bins", "the costs add up to more than %d", int64(limit))
	v.Require(!moves.over, "Classes", "the costs of moves add up to more than %d", int64(limit))
	v.Require(items.n <= math.MaxInt32 && !items.over, "Classes", "the counts add up to more than %d", math.MaxInt32)
}

// A sum adds amounts >= 0 and notes when it passes the limit.
type sum struct {
	n    int64
	over bool
}

func (s *sum) add(x int64, times int) {
	if s.over || x > 0 && int64(times) > (limit-s.n)/x {
		s.over = true
		return
	}
	s.n += x * int64(times)
}

// oversize notes a fault for each class whose items are larger than every bin
// and template.
func (v *validator) oversize() {
	for i := range v.p.Classes {
		c := &v.p.Classes[i]
		if c.Count > 0 && !v.holds(c) {
			v.Require(false, at("Classes", i)+".Size", "is larger than every bin: %v", c.Size)
		}
	}
}

func (v *validator) holds(c *Class) bool {
	for i := range v.p.Bins {
		if within(c.Size, v.p.Bins[i].Capacity) {
			return true
		}
	}
	for i := range v.p.Templates {
		if within(c.Size, v.p.Templates[i].Capacity) {
			return true
		}
	}
	return false
}

// within reports whether no entry of a exceeds that of b.
func within(a, b []int64) bool {
	for d, x := range a {
		if x > b[d] {
			return false
		}
	}
	return true
}

func at(field string, i int) string { return field + "[" + itoa(i) + "]" }

func itoa(i int) string { return strconv.Itoa(i) }

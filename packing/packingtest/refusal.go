package packingtest

import (
	"math/big"
	"slices"

	"github.com/bellows-go/bellows/packing"
)

// refusals checks that what is short is refused, once and for a true reason,
// and that nothing is refused that has a place.
func (j *judge) refusals() {
	short := map[string]int{}
	for _, r := range j.a.Refusals {
		if r.Items <= 0 || short[r.Class] != 0 {
			j.fault("refusal of %d of %s: no count, or the second one", r.Items, r.Class)
		}
		short[r.Class] += r.Items
		if (r.Reason == packing.Capacity) != (r.Short > 0) || (r.Reason == packing.Capacity) != (r.Dim != "") {
			j.fault("refusal of %s: %s with dimension %q, short by %d", r.Class, r.Reason, r.Dim, r.Short)
		}
		i := slices.IndexFunc(j.p.Classes, func(c packing.Class) bool { return c.Name == r.Class })
		if i < 0 {
			j.fault("refusal of %s: no such class", r.Class)
			continue
		}
		if !j.so(i, r) {
			j.fault("refusal of %s: not so: %+v", r.Class, r)
		}
		if !j.relaxes(i, r) {
			j.fault("refusal of %s: no place with %v", r.Class, r.Relax)
		}
	}
	for i, c := range j.p.Classes {
		want := max(0, c.Count-len(j.a.Bins[i]))
		if short[c.Name] != want {
			j.fault("%s: %d not placed, %d refused", c.Name, want, short[c.Name])
		}
		if want == 0 || j.a.Stopped {
			continue
		}
		if where := j.place(i, c); where != "" {
			j.fault("%s: refused, yet %s", c.Name, where)
		}
	}
}

// place says where one more item of a class could go; "" is nowhere.
func (j *judge) place(i int, c packing.Class) string {
	for b := range j.bins() {
		if bin := j.bin(b); !slices.Contains(j.a.Bins[i], b) && j.takes(i, c, bin, j.loads[b]) {
			if bin.Name == "" {
				return "a new bin has room"
			}
			return "bin " + bin.Name + " has room"
		}
	}
	opened := make([]int, len(j.p.Templates))
	for _, t := range j.a.Opened {
		opened[t]++
	}
	for t, template := range j.p.Templates {
		if bin := fresh(template.Bin); opened[t] < template.Max && j.takes(i, c, bin, j.empty(bin)) {
			return "a bin could be opened"
		}
	}
	return ""
}

// takes reports whether a bin that holds none of a class takes one.
func (j *judge) takes(i int, c packing.Class, bin packing.Bin, loads []load) bool {
	return bin.State == packing.Open && misfit(c, bin) == "" && j.room(c, bin, loads) && j.evenWith(i, c, bin.Zone)
}

func (j *judge) empty(bin packing.Bin) []load {
	var loads []load
	for d := range j.p.Dimensions {
		loads = append(loads, emptyLoad(bin, d))
	}
	return loads
}

// A candidate is a bin that a refusal may speak of.
type candidate struct {
	packing.Bin
	loads []load
	holds bool // one of the class
}

// named lists what a refusal's bin may be: that bin, or where it has no name
// any opened one and any template.
func (j *judge) named(i int, name string) []candidate {
	var list []candidate
	for b := range j.bins() {
		if bin := j.bin(b); bin.Name == name {
			list = append(list, candidate{bin, j.loads[b], slices.Contains(j.a.Bins[i], b)})
		}
	}
	if name == "" {
		for _, t := range j.p.Templates {
			if t.Max > 0 {
				list = append(list, candidate{fresh(t.Bin), j.empty(t.Bin), false})
			}
		}
	}
	return list
}

// so reports whether what a refusal says of its bin is true.
func (j *judge) so(i int, r packing.Refusal) bool {
	c := j.p.Classes[i]
	list := j.named(i, r.Bin)
	if r.Reason == packing.NoBin {
		return len(j.p.Bins) == 0 && len(j.named(i, "")) == 0
	}
	for _, b := range list {
		switch r.Reason {
		case packing.Capability:
			if misfit(c, b.Bin) != "" {
				return true
			}
		case packing.BinClosed:
			if b.State != packing.Open {
				return true
			}
		case packing.OneOfEach:
			if b.holds {
				return true
			}
		case packing.Skew:
			if !j.evenWith(i, c, b.Zone) {
				return true
			}
		case packing.Capacity:
			if j.short(c, b, r) {
				return true
			}
		}
	}
	return false
}

// short reports whether a bin lacks just what a refusal says, in the first
// dimension that lacks.
func (j *judge) short(c packing.Class, b candidate, r packing.Refusal) bool {
	for d, name := range j.p.Dimensions {
		if lack := j.lack(c, b, d); lack.Sign() > 0 {
			return name == r.Dim && lack.Cmp(big.NewInt(r.Short)) == 0
		}
	}
	return false
}

// lack is how much room for one more item of c is missing in a dimension.
func (j *judge) lack(c packing.Class, b candidate, d int) *big.Int {
	if c.Size[d] == 0 {
		return new(big.Int)
	}
	l := b.loads[d].clone()
	l.add(c, d)
	sum, peak := l.beyond(b.Bin, d)
	if peak.Cmp(sum) > 0 {
		return peak
	}
	return sum
}

// relaxes reports whether with the relaxation that a refusal names one more item has a place.
func (j *judge) relaxes(i int, r packing.Refusal) bool {
	x, c := r.Relax, j.p.Classes[i]
	parts := 0
	for _, set := range []bool{len(x.Room) > 0, x.OpenBin, len(x.Capabilities) > 0, x.MaxSkew > 0, x.OneMoreBin} {
		if set {
			parts++
		}
	}
	if parts == 0 {
		return r.Reason == packing.NoBin // nothing that could be relaxed
	}
	drop := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(x.Capabilities, s) })
	}
	c.Requires, c.Forbids = drop(c.Requires), drop(c.Forbids)
	if x.MaxSkew > 0 {
		c.Spread.MaxSkew = x.MaxSkew
	}
	list := j.named(i, x.Bin)
	for _, b := range list {
		if x.OpenBin {
			b.State = packing.Open
		}
		if x.OneMoreBin {
			b.loads, b.holds = j.empty(b.Bin), false
		}
		for _, room := range x.Room {
			j.grow(&b.Bin, room)
		}
		if !b.holds && j.takes(i, c, b.Bin, b.loads) {
			return true
		}
	}
	return false
}

// grow adds room to a bin.
func (j *judge) grow(b *packing.Bin, room packing.Room) {
	d := slices.Index(j.p.Dimensions, room.Dim)
	if d < 0 || room.By <= 0 {
		return
	}
	b.Capacity = slices.Clone(b.Capacity)
	b.Capacity[d] += room.By
	if b.Virtual != nil {
		b.Virtual = slices.Clone(b.Virtual)
		b.Virtual[d] += room.By
	}
}

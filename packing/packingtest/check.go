// Package packingtest judges assignments of package packing with arithmetic of
// its own, and draws random problems.
package packingtest

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/bellows-go/bellows/packing"
)

// Check reports everything that is wrong with a as an answer to p: bins that do
// not exist, items moved, doubled, lost or placed against a requirement, bins
// beyond capacity, false counts and bounds, refusals that are missing, false or
// needless. It returns nil for a right answer. p must be valid.
func Check(p *packing.Problem, a *packing.Assignment) error {
	j := &judge{p: p, a: a}
	if len(a.Bins) != len(p.Classes) {
		j.fault("%d classes, but places for %d", len(p.Classes), len(a.Bins))
		return j.err()
	}
	if len(a.Opened) > maxNew(p) {
		j.fault("%d bins opened, at most %d allowed", len(a.Opened), maxNew(p))
		return j.err()
	}
	for i := range p.Classes {
		j.class(i)
	}
	if len(j.faults) > 0 {
		return j.err() // what follows needs sane places
	}
	j.capacity()
	j.refusals()
	j.counts()
	return j.err()
}

type judge struct {
	p      *packing.Problem
	a      *packing.Assignment
	faults []error
}

func (j *judge) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Errorf(format, args...))
}

func (j *judge) err() error { return errors.Join(j.faults...) }

func (j *judge) bins() int { return len(j.p.Bins) + len(j.a.Opened) }

// bin is the bin of an index; fresh is true for an opened one.
func (j *judge) bin(i int) (b packing.Bin, fresh bool) {
	if i >= len(j.p.Bins) {
		return template(j.p), true
	}
	return j.p.Bins[i], false
}

func (j *judge) class(i int) {
	c := j.p.Classes[i]
	sat := map[int]bool{}
	for _, b := range c.At {
		sat[b] = true
	}
	seen := map[int]bool{}
	last := -1
	for _, b := range j.a.Bins[i] {
		switch {
		case b < 0 || b >= j.bins():
			j.fault("%s: no bin %d", c.Name, b)
			return
		case seen[b]:
			j.fault("%s: twice in bin %d", c.Name, b)
		case b < last:
			j.fault("%s: bins not ascending", c.Name)
		}
		seen[b], last = true, b
		if sat[b] {
			delete(sat, b)
			continue
		}
		bin, fresh := j.bin(b)
		if bin.State != packing.Open && !fresh {
			j.fault("%s: placed in closed bin %d", c.Name, b)
		}
		if miss := missing(c.Requires, bin.Capabilities); miss != "" {
			j.fault("%s: bin %d lacks capability %s", c.Name, b, miss)
		}
	}
	if len(sat) > 0 {
		j.fault("%s: %d items moved away from where they sat", c.Name, len(sat))
	}
	if len(j.a.Bins[i]) > c.Count {
		j.fault("%s: %d placed, %d wanted", c.Name, len(j.a.Bins[i]), c.Count)
	}
}

// load is what is in a bin in one dimension, items and others.
func (j *judge) load(b, dim int) *big.Int {
	bin, _ := j.bin(b)
	sum := new(big.Int)
	if bin.Used != nil {
		sum.SetInt64(bin.Used[dim])
	}
	for i, bins := range j.a.Bins {
		for _, at := range bins {
			if at == b {
				sum.Add(sum, big.NewInt(j.p.Classes[i].Size[dim]))
			}
		}
	}
	return sum
}

// placedAnew reports whether anything with a size in dim was put into bin b.
func (j *judge) placedAnew(b, dim int) bool {
	for i, bins := range j.a.Bins {
		c := j.p.Classes[i]
		if c.Size[dim] > 0 && contains(bins, b) && !contains(c.At, b) {
			return true
		}
	}
	return false
}

func (j *judge) capacity() {
	for b := range j.bins() {
		bin, _ := j.bin(b)
		for d, name := range j.p.Dimensions {
			if load := j.load(b, d); load.Cmp(big.NewInt(bin.Capacity[d])) > 0 && j.placedAnew(b, d) {
				j.fault("bin %d: %v of %d %s", b, load, bin.Capacity[d], name)
			}
		}
	}
}

// fits reports whether one more item of class i could go into bin b, where
// load tells what is in it.
func (j *judge) fits(i int, bin packing.Bin, load func(dim int) *big.Int) bool {
	c := j.p.Classes[i]
	if missing(c.Requires, bin.Capabilities) != "" {
		return false
	}
	for d, size := range c.Size {
		if size > 0 && new(big.Int).Add(load(d), big.NewInt(size)).Cmp(big.NewInt(bin.Capacity[d])) > 0 {
			return false
		}
	}
	return true
}

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
	}
	for _, r := range j.a.Refusals {
		for i := range j.p.Classes {
			if j.p.Classes[i].Name == r.Class {
				j.reason(i, r)
			}
		}
	}
	for i, c := range j.p.Classes {
		want := c.Count - len(j.a.Bins[i])
		if short[c.Name] != want {
			j.fault("%s: %d not placed, %d refused", c.Name, want, short[c.Name])
		}
		if want == 0 {
			continue
		}
		for b := range j.bins() {
			bin, fresh := j.bin(b)
			if bin.State != packing.Open && !fresh || contains(j.a.Bins[i], b) {
				continue
			}
			if j.fits(i, bin, func(d int) *big.Int { return j.load(b, d) }) {
				j.fault("%s: refused, yet bin %d has room", c.Name, b)
			}
		}
		if len(j.a.Opened) < maxNew(j.p) {
			used := func(d int) *big.Int {
				if template(j.p).Used == nil {
					return new(big.Int)
				}
				return big.NewInt(template(j.p).Used[d])
			}
			if j.fits(i, template(j.p), used) {
				j.fault("%s: refused, yet a bin could be opened", c.Name)
			}
		}
	}
}

func (j *judge) counts() {
	used := 0
	over := false
	for b := range j.bins() {
		bin, _ := j.bin(b)
		holds := false
		for i := range j.a.Bins {
			holds = holds || contains(j.a.Bins[i], b)
		}
		if holds {
			used++
		} else if b >= len(j.p.Bins) {
			j.fault("bin %d was opened for nothing", b)
		}
		for d := range j.p.Dimensions {
			over = over || j.load(b, d).Cmp(big.NewInt(bin.Capacity[d])) > 0
		}
	}
	if used != j.a.Used {
		j.fault("%d bins in use, said %d", used, j.a.Used)
	}
	if least := j.least(); j.a.LowerBound < least {
		j.fault("lower bound %d, yet %d bins are needed by volume or by the largest class alone", j.a.LowerBound, least)
	}
	if j.a.LowerBound > used && !over {
		j.fault("lower bound %d above the %d bins of this very packing", j.a.LowerBound, used)
	}
}

// least is a bound of the judge's own: the largest class, and in each dimension
// the volume over the largest bin.
func (j *judge) least() int {
	n := 0
	for _, bins := range j.a.Bins {
		n = max(n, len(bins))
	}
	for d := range j.p.Dimensions {
		volume, largest := new(big.Int), int64(0)
		for i, bins := range j.a.Bins {
			volume.Add(volume, new(big.Int).Mul(big.NewInt(j.p.Classes[i].Size[d]), big.NewInt(int64(len(bins)))))
		}
		for _, b := range j.p.Bins {
			largest = max(largest, b.Capacity[d])
		}
		if maxNew(j.p) > 0 {
			largest = max(largest, template(j.p).Capacity[d])
		}
		if largest > 0 {
			q, r := new(big.Int).DivMod(volume, big.NewInt(largest), new(big.Int))
			if r.Sign() > 0 {
				q.Add(q, big.NewInt(1))
			}
			n = max(n, int(q.Int64()))
		}
	}
	return n
}

// reason checks that what a refusal says of its bin is so.
func (j *judge) reason(i int, r packing.Refusal) {
	c := j.p.Classes[i]
	at := -1
	for b := range j.p.Bins {
		if j.p.Bins[b].Name == r.Bin && r.Bin != "" {
			at = b
		}
	}
	if at < 0 && r.Bin != "" {
		j.fault("refusal of %s: no bin %q", r.Class, r.Bin)
		return
	}
	if r.Reason == packing.NoBin {
		if len(j.p.Bins)+maxNew(j.p) > 0 {
			j.fault("refusal of %s: there are bins", r.Class)
		}
		return
	}
	bin, fresh := template(j.p), true
	if at >= 0 {
		bin, fresh = j.p.Bins[at], false
	}
	so := false
	switch r.Reason {
	case packing.Capability:
		so = missing(c.Requires, bin.Capabilities) != ""
	case packing.BinClosed:
		so = bin.State != packing.Open && !fresh
	case packing.OneOfEach:
		for b := range j.bins() {
			other, isNew := j.bin(b)
			so = so || contains(j.a.Bins[i], b) && (b == at || at < 0 && isNew || other.Name == r.Bin)
		}
	case packing.Capacity:
		for b := range j.bins() { // an opened bin has no name: any will do
			if b != at && (at >= 0 || b < len(j.p.Bins)) {
				continue
			}
			so = so || j.short(i, bin, r, func(d int) *big.Int { return j.load(b, d) })
		}
		so = so || at < 0 && j.short(i, bin, r, func(d int) *big.Int {
			if bin.Used == nil {
				return new(big.Int)
			}
			return big.NewInt(bin.Used[d])
		})
	}
	if !so {
		j.fault("refusal of %s: not so: %+v", r.Class, r)
	}
}

// short reports whether a bin lacks just what a refusal says.
func (j *judge) short(i int, bin packing.Bin, r packing.Refusal, load func(int) *big.Int) bool {
	for d, name := range j.p.Dimensions {
		size := j.p.Classes[i].Size[d]
		over := new(big.Int).Add(load(d), big.NewInt(size))
		over.Sub(over, big.NewInt(bin.Capacity[d]))
		if size > 0 && over.Sign() > 0 {
			return name == r.Dim && over.Cmp(big.NewInt(r.Short)) == 0 // the first that does not fit
		}
	}
	return false
}

func missing(need, have []string) string {
	for _, n := range need {
		found := false
		for _, h := range have {
			found = found || h == n
		}
		if !found {
			return n
		}
	}
	return ""
}

func contains(list []int, x int) bool {
	for _, y := range list {
		if y == x {
			return true
		}
	}
	return false
}

func maxNew(p *packing.Problem) int {
	if len(p.Templates) == 0 {
		return 0
	}
	return p.Templates[0].Max
}

func template(p *packing.Problem) packing.Bin {
	if len(p.Templates) == 0 {
		return packing.Bin{}
	}
	return p.Templates[0].Bin
}

package packingtest

import (
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/bellows-go/bellows/packing"
)

// Next is the problem after an assignment was carried out: what was opened are
// bins now, and items sit where it says.
func Next(p *packing.Problem, a *packing.Assignment) *packing.Problem {
	next := *p
	next.Bins = slices.Clone(p.Bins)
	next.Templates = slices.Clone(p.Templates)
	for i, t := range a.Opened {
		b := fresh(p.Templates[t].Bin)
		b.Ordinal = len(next.Bins)
		b.Name = "opened-" + strconv.Itoa(i)
		for taken := 0; slices.ContainsFunc(p.Bins, func(old packing.Bin) bool { return old.Name == b.Name }); taken++ {
			b.Name = "opened-" + strconv.Itoa(i) + "-" + strconv.Itoa(taken)
		}
		next.Bins = append(next.Bins, b)
		next.Templates[t].Max--
	}
	next.Classes = slices.Clone(p.Classes)
	for i := range next.Classes {
		next.Classes[i].At = slices.Clone(a.Bins[i])
	}
	return &next
}

// Churn is p after some of what happens to a fleet: models scaled up, down, to
// nothing, grown or gone, servers closed, reopened, draining or lost. p is left
// as it is.
func Churn(r *rand.Rand, p *packing.Problem) *packing.Problem {
	next := *p
	next.Bins, next.Classes = slices.Clone(p.Bins), slices.Clone(p.Classes)
	for i := range next.Bins {
		if r.IntN(6) == 0 {
			next.Bins[i].State = packing.BinState(r.IntN(3))
		}
		next.Bins[i].Settling = r.IntN(6) == 0
	}
	for i := range next.Classes {
		c := &next.Classes[i]
		c.Settling = r.IntN(6) == 0
		switch r.IntN(6) {
		case 0:
			c.Count = 0
		case 1:
			c.Count = max(0, c.Count-1-r.IntN(2))
		case 2:
			c.Count += 1 + r.IntN(2)
		}
		c.Min = min(c.Min, c.Count)
		if r.IntN(12) == 0 {
			grow(r, c)
		}
	}
	if n := len(next.Bins); n > 0 && r.IntN(4) == 0 {
		lose(&next, r.IntN(n))
	}
	if n := len(next.Classes); n > 0 && r.IntN(6) == 0 {
		i := r.IntN(n)
		next.Classes = slices.Delete(next.Classes, i, i+1)
	}
	return &next
}

// grow makes the items of c larger, perhaps beyond what their bins hold.
func grow(r *rand.Rand, c *packing.Class) {
	c.Size = slices.Clone(c.Size)
	for d := range c.Size {
		c.Size[d] += r.Int64N(3)
	}
}

// lose takes bin b away, and what sat there with it.
func lose(p *packing.Problem, b int) {
	p.Bins = slices.Delete(p.Bins, b, b+1)
	for i := range p.Classes {
		c := &p.Classes[i]
		var at []int
		for _, x := range c.At {
			switch {
			case x < b:
				at = append(at, x)
			case x > b:
				at = append(at, x-1)
			}
		}
		c.At = at
	}
}

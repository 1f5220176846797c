// Package packingtest judges assignments and schedules of package packing with
// arithmetic of its own, and draws random problems, planted optima and churn.
package packingtest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bellows-go/bellows/packing"
)

// Check reports everything that is wrong with a as an answer to p: bins that do
// not exist, items doubled, lost or placed against a requirement, a spread or a
// closed bin, bins beyond capacity, false counts, costs and bounds, refusals
// that are missing, false or needless. It returns nil for a right answer. p must
// be valid.
//
// What is wrong already where items sit, such as an overfull bin, may stay so
// but not become worse.
func Check(p *packing.Problem, a *packing.Assignment) error {
	j := newJudge(p, a)
	if !j.shape() {
		return j.err() // what follows needs sane places
	}
	j.load()
	for i := range p.Classes {
		j.class(i)
		j.spread(i)
	}
	j.capacity()
	j.refusals()
	j.counts()
	j.bounds()
	return j.err()
}

// CheckStays is Check, and that every item that sat somewhere still does, as
// Pack promises.
func CheckStays(p *packing.Problem, a *packing.Assignment) error {
	j := newJudge(p, a)
	if j.shape() {
		for i, c := range p.Classes {
			for _, b := range c.At {
				if !slices.Contains(a.Bins[i], b) {
					j.fault("%s: moved away from bin %d", c.Name, b)
				}
			}
		}
	}
	return errors.Join(Check(p, a), j.err())
}

type judge struct {
	p      *packing.Problem
	a      *packing.Assignment
	faults []error
	loads  [][]load // bin, dimension; as the assignment has it
	grown  [][]bool // bin, dimension: something with a size there was put in
	holds  []int    // items in each bin
}

func newJudge(p *packing.Problem, a *packing.Assignment) *judge {
	return &judge{p: p, a: a}
}

func (j *judge) fault(format string, args ...any) {
	j.faults = append(j.faults, fmt.Errorf(format, args...))
}

func (j *judge) err() error { return errors.Join(j.faults...) }

func (j *judge) bins() int { return len(j.p.Bins) + len(j.a.Opened) }

// bin is the bin of an index: one of the problem's, or an open one made from
// its template.
func (j *judge) bin(i int) packing.Bin {
	if i < len(j.p.Bins) {
		return j.p.Bins[i]
	}
	return fresh(j.p.Templates[j.a.Opened[i-len(j.p.Bins)]].Bin)
}

// fresh is the bin that a template opens.
func fresh(b packing.Bin) packing.Bin {
	b.Name, b.State, b.Settling = "", packing.Open, false
	return b
}

// shape reports whether every index means something.
func (j *judge) shape() bool {
	if len(j.a.Bins) != len(j.p.Classes) {
		j.fault("%d classes, but places for %d", len(j.p.Classes), len(j.a.Bins))
	}
	opened := make([]int, len(j.p.Templates))
	for _, t := range j.a.Opened {
		if t < 0 || t >= len(opened) {
			j.fault("no template %d", t)
			continue
		}
		opened[t]++
	}
	for t, n := range opened {
		if limit := j.p.Templates[t].Max; n > limit {
			j.fault("%d bins of template %d opened, at most %d allowed", n, t, limit)
		}
	}
	for i, bins := range j.a.Bins {
		for _, b := range bins {
			if b < 0 || b >= j.bins() {
				j.fault("class %d: no bin %d", i, b)
			}
		}
	}
	return len(j.faults) == 0
}

// class checks each place of a class for itself.
func (j *judge) class(i int) {
	c := j.p.Classes[i]
	sat := map[int]bool{}
	for _, b := range c.At {
		sat[b] = true
	}
	seen := map[int]bool{}
	last, anew := -1, 0
	for _, b := range j.a.Bins[i] {
		switch {
		case seen[b]:
			j.fault("%s: twice in bin %d", c.Name, b)
		case b < last:
			j.fault("%s: bins not ascending", c.Name)
		}
		seen[b], last = true, b
		if sat[b] {
			continue
		}
		anew++
		bin := j.bin(b)
		if bin.State != packing.Open {
			j.fault("%s: placed in bin %d, which is %v", c.Name, b, bin.State)
		}
		if miss := misfit(c, bin); miss != "" {
			j.fault("%s: bin %d %s", c.Name, b, miss)
		}
	}
	if n := len(j.a.Bins[i]); n > c.Count && anew > 0 {
		j.fault("%s: %d placed, %d wanted", c.Name, n, c.Count)
	}
}

// misfit says which capability keeps a class out of a bin; "" is none.
func misfit(c packing.Class, b packing.Bin) string {
	for _, r := range c.Requires {
		if !slices.Contains(b.Capabilities, r) {
			return "lacks capability " + r
		}
	}
	for _, f := range c.Forbids {
		if slices.Contains(b.Capabilities, f) {
			return "has the forbidden capability " + f
		}
	}
	return ""
}

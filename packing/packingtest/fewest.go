package packingtest

import (
	"slices"

	"github.com/bellows-go/bellows/packing"
)

// fewest is the least number of bins that hold as many items of each class as
// the assignment has placed, found by trying all ways; known is false where
// there are too many. An item may stay where it sits or go wherever it might be
// placed anew.
func (j *judge) fewest() (n int, known bool) {
	w := ways{judge: j}
	for b, bin := range j.p.Bins {
		w.bins = append(w.bins, bin)
		w.old = append(w.old, b)
	}
	for _, t := range j.p.Templates {
		for range min(t.Max, j.a.Used) {
			w.bins = append(w.bins, fresh(t.Bin))
			w.old = append(w.old, -1)
		}
	}
	ways := 1.0
	for i := range j.p.Classes {
		ways *= float64(choose(len(w.bins), len(j.a.Bins[i])))
	}
	if ways > 3000 {
		return 0, false
	}
	for _, bin := range w.bins {
		w.loads = append(w.loads, j.empty(bin))
	}
	w.held = make([]int, len(w.bins))
	w.best = j.a.Used
	w.try(0, 0, len(j.a.Bins), nil)
	return w.best, true
}

func choose(n, k int) int {
	c := 1
	for i := range min(k, n-k) {
		c = c * (n - i) / (i + 1)
		if c > 1e6 {
			break
		}
	}
	return c
}

type ways struct {
	*judge
	bins  []packing.Bin
	old   []int // index in the problem, -1 for new ones
	loads [][]load
	held  []int
	best  int
}

// try places what is left: items of class i in bins from b on, beside those in
// mine, then the classes behind it.
func (w *ways) try(i, b, classes int, mine []int) {
	if i == classes {
		used := 0
		for _, n := range w.held {
			used += min(n, 1)
		}
		w.best = min(w.best, used)
		return
	}
	c := w.p.Classes[i]
	if len(mine) == len(w.a.Bins[i]) {
		if w.even(c, mine) {
			w.try(i+1, 0, classes, nil)
		}
		return
	}
	for ; b < len(w.bins); b++ {
		bin := w.bins[b]
		sits := w.old[b] >= 0 && slices.Contains(c.At, w.old[b])
		if !sits && (bin.State != packing.Open || misfit(c, bin) != "") || !w.room(c, bin, w.loads[b]) {
			continue
		}
		was := w.loads[b]
		w.loads[b] = nil
		for d, l := range was {
			l = l.clone()
			l.add(c, d)
			w.loads[b] = append(w.loads[b], l)
		}
		w.held[b]++
		w.try(i, b+1, classes, append(slices.Clip(mine), b))
		w.held[b]--
		w.loads[b] = was
	}
}

// even reports whether a class spread over these bins keeps its skew.
func (w *ways) even(c packing.Class, mine []int) bool {
	if c.Spread.MaxSkew == 0 || c.Spread.Soft {
		return true
	}
	n := w.zones(c, nil)
	for _, b := range mine {
		if _, counts := n[w.bins[b].Zone]; counts {
			n[w.bins[b].Zone]++
		}
	}
	for _, high := range n {
		for _, low := range n {
			if high-low > c.Spread.MaxSkew {
				return false
			}
		}
	}
	return true
}

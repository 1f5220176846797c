package packing

import "slices"

// An Assignment says where the items of a Problem go.
type Assignment struct {
	// Bins holds, per class, the indices of the bins with one of its items,
	// ascending. Indices from len(Problem.Bins) on are new bins.
	Bins [][]int
	// Opened holds, per new bin, the index of its template. Each holds an item.
	Opened []int
	// Used is the number of bins that hold an item, new ones included, and Cost
	// the sum of their costs.
	Used int
	Cost int64
	// LowerBound is a count of bins below which no packing of the placed items
	// goes, wherever they sit now. Only bins that are overfull already can make
	// Used smaller. Proven is true when Used is the minimum, shown by this bound
	// or by an exhaustive search.
	LowerBound int
	Proven     bool
	// Moved is the number of items that leave their bin for another, MovedCost
	// the sum of their costs; an item in the place of an equal one has not moved.
	// MovedBound is a cost below which no way of reaching Used bins goes; 0 where
	// nobody asked.
	Moved      int
	MovedCost  int64
	MovedBound int64
	// Refusals has one entry per class that is short of items, in class order.
	Refusals []Refusal
	// Steps is what the search took, in the unit of Effort. Stopped is true when
	// Options.Stop ended it.
	Steps   int64
	Stopped bool
}

// Gap is by how much Used exceeds LowerBound, as a fraction of it; 0 if both
// are 0.
func (a *Assignment) Gap() float64 {
	if a.LowerBound == 0 {
		return 0
	}
	return float64(a.Used-a.LowerBound) / float64(a.LowerBound)
}

// assignment is what the state is, in the input's numbers. Empty new bins are
// left out.
func (s *state) assignment() *Assignment {
	a := &Assignment{Bins: make([][]int, len(s.classIn)), Used: s.used, Cost: s.cost}
	number := make([]int, len(s.kind)) // of each bin, in the input
	items := 0
	for b := range s.kind {
		items += len(s.items[b])
		if b < len(s.binIn) {
			number[b] = int(s.binIn[b])
		} else if len(s.items[b]) > 0 {
			number[b] = len(s.binIn) + len(a.Opened)
			a.Opened = append(a.Opened, int(s.kind[b]))
		}
	}
	flat := make([]int, 0, items)
	for c, in := range s.classIn {
		from := len(flat)
		for _, b := range s.at[c] {
			flat = append(flat, number[b])
		}
		if bins := flat[from:len(flat):len(flat)]; len(bins) > 0 {
			slices.Sort(bins)
			a.Bins[in] = bins
		}
		moved, cost := s.moved(int32(c))
		a.Moved += moved
		a.MovedCost += cost
	}
	return a
}

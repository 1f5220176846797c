package packing

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

package packing

import "strconv"

// An Assignment says where the items of a Problem go.
type Assignment struct {
	// Bins holds, per class, the indices of the bins with one of its items,
	// ascending: those of Class.At first of all kept, then added to. Indices from
	// len(Problem.Bins) on are new bins.
	Bins [][]int
	// Opened is the number of new bins in use.
	Opened int
	// Used is the number of bins that hold an item, new ones included.
	Used int
	// LowerBound is a count of bins below which no packing of the placed items
	// goes, wherever they sit now. Only bins that are overfull already can make
	// Used smaller.
	LowerBound int
	// Refusals has one entry per class that is short of items, in class order.
	Refusals []Refusal
}

// Gap is by how much Used exceeds LowerBound, as a fraction of it; 0 if both
// are 0.
func (a *Assignment) Gap() float64 {
	if a.LowerBound == 0 {
		return 0
	}
	return float64(a.Used-a.LowerBound) / float64(a.LowerBound)
}

// A Refusal says why items of a class found no place.
type Refusal struct {
	Class  string
	Items  int    // how many; > 0
	Reason Reason // of the bin that came nearest to taking one
	Bin    string // that bin; "" if it is a new one or there is none
	Dim    string // when Reason is Capacity: the first dimension that did not fit
	Short  int64  // and by how much, in Dim's unit; > 0
}

// String reads like "2 of llama refused: capacity (server-3 lacks 1024 of memory_mib)".
func (r Refusal) String() string {
	s := itoa(r.Items) + " of " + r.Class + " refused: " + string(r.Reason)
	bin := r.Bin
	if bin == "" {
		bin = "a new one"
	}
	if r.Reason == Capacity {
		s += " (" + bin + " lacks " + strconv.FormatInt(r.Short, 10) + " of " + r.Dim + ")"
	}
	return s
}

// Reason is why a bin does not take an item.
type Reason string

// The reasons, from the nearest miss to the farthest.
const (
	Capacity   Reason = "capacity"    // too little room in a dimension
	OneOfEach  Reason = "one of each" // every other bin that could take it holds one already
	BinClosed  Reason = "closed"      // the bin takes nothing new
	Capability Reason = "capability"  // a requirement is not among the capabilities
	NoBin      Reason = "no bin"      // there is none, and none may be opened
)

func itoa(i int) string { return strconv.Itoa(i) }

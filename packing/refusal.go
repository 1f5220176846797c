package packing

import (
	"strconv"
	"strings"
)

// A Refusal says why items of a class found no place.
type Refusal struct {
	Class  string
	Items  int    // how many; > 0
	Reason Reason // of the bin that came nearest to taking one
	Bin    string // that bin; "" if it is a new one or there is none
	Dim    string // when Reason is Capacity: the first dimension that did not fit
	Short  int64  // and by how much, in Dim's unit; > 0
	Relax  Relaxation
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
	Skew       Reason = "skew"        // the zone has too many of the class already
	OneOfEach  Reason = "one of each" // every other bin that could take it holds one already
	BinClosed  Reason = "closed"      // the bin takes nothing new
	Capability Reason = "capability"  // a requirement is not among the capabilities, or a forbidden one is
	NoBin      Reason = "no bin"      // there is none, and none may be opened
)

// A Relaxation is the least change of the problem that would place one more
// item of a refused class: exactly one of its parts is set.
type Relaxation struct {
	Room         []Room   // more capacity of Bin, one entry per dimension that lacks
	OpenBin      bool     // Bin, which is closed or draining, takes new items
	Capabilities []string // the class no longer requires or forbids these
	MaxSkew      int      // the class's MaxSkew is this
	OneMoreBin   bool     // one more bin like Bin, or like the template if Bin is ""
	Bin          string   // "" is a new bin
}

// Room is an amount of capacity.
type Room struct {
	Dim string
	By  int64 // > 0
}

// String reads like "+512 memory_mib on server-3".
func (r Relaxation) String() string {
	bin := r.Bin
	if bin == "" {
		bin = "a new bin"
	}
	switch {
	case len(r.Room) > 0:
		var parts []string
		for _, x := range r.Room {
			parts = append(parts, "+"+strconv.FormatInt(x.By, 10)+" "+x.Dim)
		}
		return strings.Join(parts, ", ") + " on " + bin
	case r.OpenBin:
		return "open " + bin
	case len(r.Capabilities) > 0:
		return "drop capability " + strings.Join(r.Capabilities, ", ")
	case r.MaxSkew > 0:
		return "max skew " + itoa(r.MaxSkew)
	case r.OneMoreBin && r.Bin != "":
		return "one more bin like " + r.Bin
	case r.OneMoreBin:
		return "one more bin"
	}
	return "none"
}

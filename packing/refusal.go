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
// item of a refused class: all the parts that are set, together. The zero value
// means that there are neither bins nor templates.
type Relaxation struct {
	Room         []Room   // more capacity of Bin, one entry per dimension that lacks
	MaxSkew      int      // the class's MaxSkew is this
	OpenBin      bool     // Bin, which is closed or draining, takes new items
	OneMoreBin   bool     // one more bin like Bin, or like the template if Bin is ""
	Capabilities []string // the class no longer requires or forbids these
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
	var parts []string
	for _, x := range r.Room {
		parts = append(parts, "+"+strconv.FormatInt(x.By, 10)+" "+x.Dim)
	}
	if len(parts) > 0 {
		parts = []string{strings.Join(parts, ", ") + " on " + bin}
	}
	if r.MaxSkew > 0 {
		parts = append(parts, "max skew "+itoa(r.MaxSkew))
	}
	if r.OpenBin {
		parts = append(parts, "open "+bin)
	}
	if r.OneMoreBin && r.Bin != "" {
		parts = append(parts, "one more bin like "+r.Bin)
	} else if r.OneMoreBin {
		parts = append(parts, "one more bin")
	}
	if len(r.Capabilities) > 0 {
		parts = append(parts, "drop capability "+strings.Join(r.Capabilities, ", "))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

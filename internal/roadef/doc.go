// Package roadef reads, judges and improves instances of the machine
// reassignment problem of the ROADEF/EURO challenge 2012: move processes among
// machines for the least cost, under capacity, conflicts, spread over
// locations, dependencies within neighbourhoods, and transient use of what is
// moved. It measures the search under those constraints; no user needs it.
//
// Read reads an [Instance], [Evaluate] is the slow and obvious judge, [Search]
// the annealing over shifts, swaps and ejections.
//
// The problem is defined in "Google ROADEF/EURO challenge 2011-2012: Machine
// Reassignment", section 2, the names of constraints and costs are from there.
package roadef

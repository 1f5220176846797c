// Package packing assigns items to bins, model replicas to servers, and says
// why the rest did not fit.
//
// A [Problem] holds bins and classes: a class is a number of equal items (a
// model and its replicas), some of which may sit in bins already, at most one in
// a bin. Whatever the call, an item is put only where the bin is open, has the
// capabilities that the class requires and none that it forbids, where the
// class's spread over zones allows it and where there is room in every
// dimension, overcommitted or not.
//
// [Pack] builds in bulk and leaves what sits where it is. [Rebalance] follows a
// change with few moves, [Fleet] does so from tick to tick, [Consolidate] empties
// bins that need not exist, and [Order] turns the difference between two
// placements into steps of which every prefix is a valid state. [Bound] only says
// how few bins there can be. Every [Assignment] carries a lower bound, so that the
// gap is always known, and a [Refusal] with the least relaxation for whatever found
// no place.
//
// Sizes are integers in any unit, one per dimension, and so is everything that
// decides whether an item fits, what a placement costs and how ties are broken;
// floats only order candidates. Searches are bounded in steps ([Effort]), never
// in time. Results depend on the problem and the options alone: not on the order
// of bins and classes, which are taken by name, nor on the machine.
//
// # Methods
//
// The fast path is first fit decreasing on a tree of bins (Coffman, Garey and
// Johnson, "Approximation Algorithms for Bin Packing: A Survey"). Bulk building
// fills bin after bin by weighted squares (Panigrahy, Talwar, Uyeda and Wieder,
// "Heuristics for Vector Bin Packing"), and finds what suits in a k-d tree of
// classes (Bentley, "Multidimensional Binary Search Trees Used for Associative
// Searching"). For few items, passes that learn what items are worth follow
// (Belov and Scheithauer, "Setup and Open-Stacks Minimization in One-Dimensional
// Stock Cutting"), and a pool of items that eject one another (Nagata and Bräysy,
// "A Powerful Route Minimization Heuristic for the Vehicle Routing Problem with
// Time Windows"); for any number, annealing with bins over capacity. Where bins
// are alike, diving into the linear programme of their fillings comes between
// (Gilmore and Gomory; Sadykov and others, "Primal Heuristics for Branch and
// Price"), and before it, where few bins have to be full to the brim, an exact
// cover by such fillings (Knuth, "Dancing Links"). Shortages are shared as in
// Ghodsi and others, "Dominant Resource Fairness". The bounds are volume, dual
// feasible functions (Martello and Toth; Carlier, Clautiaux and Moukrim), counts,
// cliques, generated columns (Farley) and, for few items, all ways.
package packing

// Package packing assigns items to bins, model replicas to servers, and says
// why the rest did not fit.
//
// A [Problem] holds bins and classes: a class is a number of equal items (a
// model and its replicas), some of which may sit in bins already. [Pack] leaves
// what sits where it is and places the rest, at most one item of a class in a
// bin, every requirement among the bin's capabilities, no bin beyond capacity
// in any dimension. New bins may be opened from a template. The [Assignment]
// carries a lower bound on the bins that any packing of the same items needs,
// so that the gap is always known, and a [Refusal] for whatever found no place.
//
// Sizes are integers in any unit, one per dimension. Results depend on nothing
// but the Problem: classes and bins are taken in the order that Pack documents,
// ties go to the lower index.
//
// The method is first fit decreasing by the largest share of a bin, see Coffman,
// Garey and Johnson, "Approximation Algorithms for Bin Packing: A Survey"; the
// bound is the larger of the volume bound per dimension and the largest class.
package packing

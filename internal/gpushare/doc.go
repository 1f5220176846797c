// Package gpushare places tasks that share GPUs, one by one as they arrive and
// for good: a task takes processor time and memory of a node, and either a share
// of one of its GPUs or several whole ones. No vector of a node's room says
// whether such a task fits, so package packing does not do it; this measures how
// far the same ideas go on a published production trace.
//
// A task goes where the GPUs that the expected mix of tasks could not use grow
// least: Weng et al., "Beware of Fragmentation: Scheduling GPU-Sharing Workloads
// with Fragmentation Gradient Descent", USENIX ATC 2023, section 4. To it we
// add that processors and GPUs of a node should run out together; the gradient
// alone sees a shortage of processors only when it is there; and that a model of
// which the mix wants more than there is be left to the tasks that need it.
package gpushare

// Package sim replays a workload against a fleet that exists in numbers only,
// scaled by the same coordinator.Planner that runs in production, and reports
// what a policy would have cost and missed.
//
// It is a discrete-event simulation in which each model stands alone: one queue,
// first come first served, over the slots of its serving replicas; one replica
// on each server of a group of its own. A server takes Boot from its order to be
// up, a replica then takes Start to load. The simulated fleet is the planner's
// MetricSource and Actuator and tells it what a real one could: whole past
// seconds of counters, and the world. When a boot, a load or a drain ends, the
// planner plans at once, as a control plane that is woken by its platform does
// (coordinator.Coordinator.Wake), else every Tick.
//
// Arrivals and service times are drawn once, from a seed, and shared by all
// policies compared. Times are nanoseconds since the start of the workload;
// equal inputs give equal reports, whatever the number of processors.
//
// # What is counted
//
// A replica costs from the order of its load to its removal, a server from its
// order to its removal, draining included. A request misses when it waits for a
// slot longer than the limit, or is never served. The first Warmup counts for
// neither. A model enters with the first minute in which it has a request, with
// replicas for 70 % utilisation of that minute, ready.
//
// # What to compare with
//
// Clairvoyant finds a cheap schedule that knows the future, BestStatic the best
// counts that never change, and LowerBound what no schedule undercuts, proven.
// Trials run several seeds and worlds in parallel, Estimated is a mean over seeds
// with its confidence interval, Frontier tells which policies no other beats in
// both cost and misses. Faults make the world a harder one, the same for all.
package sim

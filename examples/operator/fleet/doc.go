// Package fleet is the operator: it plans the server groups, models and services
// that custom resources declare, with one coordinator.Planner for each unit, and
// acts through package kube.
//
// # Units
//
// A unit is what one planner must see together: server groups that models link, by
// their fallbacks or as long as they move from one to another, or a single service.
// Each is planned by one operator replica, its leader. The Kubernetes API is all that
// replicas share, so a fleet that is too large for one machine takes more replicas, as
// long as it is more than one unit.
//
// # Leaders
//
// Each replica of the operator renews a Lease of its own, as long as it lives. A
// unit belongs to the live replica that has the highest hash of both names
// (rendezvous hashing): when a replica comes or goes, only units that it gains or
// had move. Who leads a group or service stands in a Lease of that one: the holder,
// and as leaseTransitions the epoch of its actions. That Lease is not renewed;
// its holder lives as long as its own Lease does. A replica takes over when the
// holder has let go or is dead: it writes the Lease on the version it has seen, raises the fences
// of all workloads and servers to the new epoch (kube.Actuator.Raise), and
// restores the memory. From then on whatever an older leader still sends is
// refused. What could not be told of the epoch is held until it is.
//
// # Memory
//
// A planner's state is saved in ConfigMaps before its actions are sent, so that
// who takes over knows every count that was decided: see [Memory]. When it cannot be
// saved nothing is sent.
//
// # Calls
//
// A pass reads from caches. It writes what has changed: actions, memory when
// there are actions or a count has changed, and status. Otherwise memory is saved once in
// Options.SaveEvery, and a replica renews its Lease.
package fleet

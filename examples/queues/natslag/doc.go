// Package natslag reads the backlog of NATS JetStream consumers: it is a
// [coordinator.MetricSource] whose load is what waits in streams.
//
// For each target, whose replicas share one durable consumer, it answers for the
// series [policy.InFlight]: messages that the consumer has not delivered (pending)
// and those that it has and nobody acknowledged. Pending alone would fall to zero
// while every replica is still at work.
//
// Exact counts of what came and went are not to be had from a consumer, which
// counts deliveries: policies that look at seconds (Observation.Seconds) learn
// nothing here.
//
// A consumer that could not be asked is not returned, and Read has an error: its
// reading is [policy.Failed]. What is returned is what the server had counted at the
// Read, which is exact but for what was published in the very moment before it.
//
// # The cap
//
// A consumer gives out no more than MaxAckPending messages before the first is
// acknowledged. Where a replica holds so many at once, Consumer.PerReplica, more
// replicas than MaxAckPending/PerReplica have no work; [Source.Useful] is that
// number as of the last Read, for coordinator.Service.Useful.
//
// # Versions
//
// The module is versioned by itself, tags examples/queues/vX.Y.Z; before v1 a
// minor version may change the interface.
package natslag

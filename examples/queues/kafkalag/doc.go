// Package kafkalag reads the lag of Kafka consumer groups: it is a
// [coordinator.MetricSource] whose load is what waits in topics.
//
// For each target, which consumes some topics as one group, it answers for these
// series, of whole records:
//
//   - [policy.InFlight]: records that are in the topics and not committed, so
//     those that a consumer holds are among them. It is exact as of the Read, and never
//     below zero: commits are asked for before ends.
//   - [policy.Begun], a count for each partition: records that came in.
//   - [policy.Ended], a count for each partition: records that were committed, or
//     deleted before anybody read them.
//
// Of policy.Errors and policy.BusySeconds, which a broker does not know, there is
// nothing; policies that look at seconds do without.
//
// Any policy scales on that: the number of replicas that work off the backlog, not
// how busy they are. It wakes from zero, since nobody needs to run for records to
// wait.
//
// # What an answer is worth
//
// Partitions that could not be asked make InFlight [policy.Partial], with how
// many of how many answered; when none could, the series is not returned and Read
// has an error. A topic that does not exist is an error, too. A group that never
// committed, or that is not there, has all of its topics before it (or nothing,
// see Group.FromEnd): it is the normal state of what was never started. So is a
// commit beyond the end, which a topic leaves behind that was made anew.
//
// Offsets are counted, not records: in a compacted topic, and where transactions
// leave markers, there are fewer records than the lag says. It still falls to zero.
//
// # The cap
//
// Of a group no more members get records than its topics have partitions.
// [Source.Useful] is that number as of the last Read, for
// coordinator.Service.Useful; it rises when partitions are added.
//
// # Versions
//
// The module is versioned by itself, tags examples/queues/vX.Y.Z; before v1 a
// minor version may change the interface.
package kafkalag

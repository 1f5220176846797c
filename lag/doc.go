// Package lag turns what passes through a request path into statistics as of a
// given instant.
//
// A [Meter] sits on the hot path and counts requests begun, ended and failed; a
// [Registry] holds the meters of many targets. From two readings of [Totals]
// follow arrivals, completions, the requests in flight and the lag over a
// period: what came in minus what went out, which may be negative; an [Idle]
// tells since when nothing has passed. A Meter belongs where requests enter (a
// router), so that it also sees a model with no replica at all; package laghttp
// puts it there.
//
// A [Counter] turns readings of a cumulative count, one's own or another
// process's, into increments, and knows a restart when it sees one. Windows keep
// the samples of their last span and answer as of an instant:
//
//   - [Window]: last, mean, largest, and rate; (value, ok), for "no data" is
//     never zero.
//   - [QuantileWindow], [Trend], [Backlog], [Dispersion], [Envelope]: quantiles
//     within a stated error, slope and projection, drain time, burstiness of
//     counts, and the capacity that the worst recent burst would have needed.
//   - [LinearWindow], [WeightedWindow], [MaxWindow]: Knative's own, exactly, for
//     who must decide as it does. They take silence for zero where it does.
//
// Units are the caller's, one per window; times are instants given as
// arguments, never read from a clock. Memory is bounded whatever the rate.
// Nothing here locks, logs or starts a goroutine; only Meter and Registry are
// safe for concurrent use.
//
// Lag over a period is defined as in "Autoscaling models" of the Seldon Core 2
// documentation.
package lag

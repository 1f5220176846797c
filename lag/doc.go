// Package lag turns what passes through a request path into statistics as of a
// given instant.
//
// A [Meter] sits on the hot path and counts requests begun, ended and failed.
// From two readings of its [Totals] follow the requests in flight and the lag
// over a period: what came in minus what went out, which may be negative. It
// belongs where requests enter (a router), so that it also sees a model with no
// replica at all.
//
// A [Counter] turns readings of a cumulative count, one's own or another
// process's, into increments, and knows a restart when it sees one. A [Window]
// keeps the samples of its last span and answers as of an instant with
// (value, ok): "no data" is never zero.
//
// Units are the caller's, one per Window; times are instants given as
// arguments, never read from a clock. Nothing here locks, logs or starts a
// goroutine.
//
// Lag over a period is defined as in "Autoscaling models" of the Seldon Core 2
// documentation.
package lag

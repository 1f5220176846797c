// Package bellows is a library that scales machine-learning model serving. It
// decides how many replicas every model should have, how many servers must exist
// to host them, which replica sits on which server, and in which order to change
// the world so that nobody who sends a request notices. It is imported into
// control planes and operators: no daemon, no custom resource, no metric store
// that it insists on.
//
// This package holds only this page. The work is done by four others, each
// usable alone:
//
//   - lag turns what passes through a request path into statistics as of an
//     instant, in which "no data" is never zero.
//   - policy turns what is observed about one model into a replica count, and
//     says how it got there.
//   - packing assigns replicas to servers, and says why the rest did not fit.
//   - coordinator joins them: a pure planner from one snapshot of the world to
//     one ordered plan, and the loop around it.
//
// # The way of the data
//
// Data goes round once a tick, in one direction:
//
//	requests ──> lag.Meter ──┐
//	                         ├─ MetricSource.Read ──> samples ─┐
//	Prometheus, queues… ─────┘                                 │
//	                                                           ▼
//	world ── Actuator.Observe ──> World ────────────────> Snapshot
//	  ▲                                                        │
//	  │                               Planner.Plan: pure       ▼
//	  │   windows ─> policies ─> bounds ─> budgets ─> packing ─> servers ─> order
//	  │                                                        │
//	  └── Actuator.Apply(Action) <── Plan: what to do now, what waits, and why
//
// MetricSource and Actuator are the user's. lag, policy and packing never import
// each other or coordinator; they and the planner are pure: time comes in as an
// argument, equal inputs give equal outputs, and nothing in them starts a
// goroutine, reads a clock or logs.
//
// # Four ways in
//
// An author of a control plane runs coordinator.Coordinator. An author of an
// operator, who has a loop already, calls coordinator.Planner inside it. An
// author of a policy implements policy.Policy and replays recorded traffic with
// coordinator/sim. Someone with one question imports lag, policy or packing and
// gets one value back from one call.
//
// # What it promises
//
// New capacity stands before old capacity goes. A server is removed only when
// nothing is on it. Missing, stale, failed or partial data never removes
// capacity. No server is planned beyond what it can hold, transient loads
// counted. The same snapshots give the same plans, byte for byte. Every
// decision, hold and refusal carries its reason and its numbers.
package bellows

// Package promsource reads load from a Prometheus server, or from anything that
// speaks its HTTP API (Thanos, Mimir, VictoriaMetrics): it is a
// [coordinator.MetricSource].
//
// A [Query] says in PromQL how one series is read, either for all targets at
// once, told apart by a label,
//
//	Query{Name: "in_flight", Expr: `sum by (model) (router_requests_in_flight)`, Label: "model"}
//
// or for each target by itself:
//
//	Query{Name: "in_flight", Expr: `sum(router_requests_in_flight{model="$target"})`}
//
// The first is one request a tick for any number of targets; with the second one
// target's failure is no other's. All queries of one Read are evaluated at the same
// instant, the Source's own now.
//
// # What an answer is worth
//
// Prometheus answers with a number, or with nothing; it does not say how old the
// number is, nor how many it is the sum of. A fleet that takes a sum of two
// routers out of three for the whole shrinks. So:
//
//   - No element, or NaN (nothing divided by nothing): nobody counted. The series is
//     not returned, which is [policy.Missing]. It is never zero.
//   - No answer, an error, an answer that is too large, malformed or ambiguous, an
//     infinite value or a negative counter: [policy.Failed].
//   - A value older than Options.Stale: [policy.Stale]. The age is known where Expr
//     is a range (router_requests_total[1m]), which answers with raw samples and
//     their times, or where Query.Stamp asks for it. Without either an instant query
//     is as of now, although the server looks back up to five minutes for a series
//     that ended without a mark, as it does when the server itself was down.
//   - Some sources did not answer: [policy.Partial]. It is known where Query.Sources
//     asks for it, where Query.Origin tells sources apart (the planner then notices
//     which one is silent), and where the server answers with warnings, as Thanos
//     does when a store is out of reach.
//
// With any of these nothing shrinks, see package coordinator. So let what is
// scraped export a zero for each target that it knows: a series that only appears
// with the first request is missing until then, and an idle target whose router was
// restarted would keep its replicas for ever.
//
// Ages are reckoned by the Source's own clock: where the server's is behind it by
// more than Options.Stale, all values whose age is known are stale.
//
// # Versions
//
// The module is versioned by itself, tags examples/prometheus/vX.Y.Z; before v1 a
// minor version may change the interface.
package promsource

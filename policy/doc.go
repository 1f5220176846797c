// Package policy turns what is observed about one target into a replica count,
// and says how it got there.
//
// A [Config] is plain data; its New makes a [Policy] for one target. Decide maps
// an [Observation] to a [Decision]: the count, whether it is a proposal, a hold
// or no opinion, and the steps that led there, each with its [Reason] and the
// numbers it compared. Policies are deterministic and do no I/O; their only
// clock is Observation.Now.
//
//	readings ─> Track / SeldonLag ─> Stabilize ─> Pace ─> Bound ─> Decision
//
// Two families share the interface. The originals decide as their upstreams do,
// quirks included: [HPA], [KPA], [KEDA] and [SeldonLag], each a thin policy over
// an exact core with an input type of its own ([HPAInput] and [HPADecider],
// [KPADecider], [KEDADecider], [SeldonInput]), for those who want one answer
// from one call. Ours: [Track], target tracking on any signal in both directions,
// and those that go by whole seconds: [Adaptive], [SLO], [Forecast], [Envelope],
// [Season] and [Backlog].
//
// These six are told no load. From the seconds of an observation and the requests
// in flight they learn when requests come and how long they are served. Adaptive is
// the one to begin with: it stands alone, is told a waiting limit, and buys the
// replicas that what it has seen makes worth their cost. Each of the others answers
// one question:
//
//	SLO       how many, so that few wait too long, at the rate of now
//	Forecast  how many, for the rate one start-up time ahead
//	Envelope  how many, for bursts like those of the last quarter of an hour
//	Season    how many, if it is as it was a day or a week ago, where it often is
//	Backlog   how many, so that what waits is served by a deadline
//
// Each holds until it knows a service time (it may be told one to begin with), goes
// both ways, and stands alone; together they are parts of a [Highest]. A [Valuer],
// as Adaptive and SLO are, can also say what a count is worth, see [Value].
//
// The combinators wrap a Config and are Configs themselves, each with its law:
// [Bound], [Stabilize], [Pace], [Every], [Tolerate], [Cooldown], [FlapBudget],
// [Idle], [Fallback], [Freeze], [Useful], [Calendar]; and of several parts
// [Highest], [Lowest] and [First].
//
// A reading has a [Quality]. Silence is not idleness: what is missing, stale,
// failed or partial may raise a count where it says enough, and never lowers it.
// A value that is no number says nothing, whatever its quality; the originals
// treat it as a metric that failed. The originals keep to their own rules in
// silence too, which may lower: who wants more puts a [Fallback] around them, and
// package coordinator guards them from outside.
//
// [Needs] asks for pods by lists, each of one resource or metric, rather than
// with a yes or no: an HPA on cpu and on a metric of pods needs both.
//
// A Config in JSON names its kind, see [Kinds]. ParseHPA reads an HPA from the
// JSON of an autoscaling/v2 spec.
//
// Counts are replicas, rates are per second, ratios are fractions of one unless
// a name says Percent. Every policy of this package also implements [Saver].
package policy

// Package coordinator scales a fleet: how many replicas every model has, how
// many servers exist to host them, which replica sits where, and in which order
// the world changes so that nobody who sends a request notices.
//
// [Model], [ServerGroup] and [Service], which is not packed, declare what there is
// to scale. A [MetricSource] reads load, an [Actuator] observes and changes the world; both are the
// user's. A [Planner] turns one [Snapshot] into one [Plan]; it is pure and may
// be called from any loop, a Kubernetes operator's Reconcile for one. A
// [Coordinator] is the loop around it for those who have none:
//
//	MetricSource.Read ─┐
//	                   ├─> Snapshot ─> Planner.Plan ─> Plan ─> Actuator.Apply
//	Actuator.Observe ──┘
//
// Within Plan data goes one way:
//
//	samples ─> readings ─> policy of each model and service ─> bounds ─> budgets
//	  ─> companions ─> group of each model, fallbacks ─> packing, by zones ─> server counts ─> actions
//
// Samples become readings; each policy decides, and shadows beside it; the bounds of
// each and the budgets of several are kept. A service's count is sent as it is. A
// model lives on its group or a fallback, its replicas are packed onto servers,
// those of its declared version, companions beside their hosts; server counts
// follow, and what differs from the world becomes actions.
//
// An [Approach] gives models their policies: on lag or on any metric as others
// scale them, with models and servers one to one, or both ways as we would.
// [Recommend] says which; [Lint] warns of settings that are legal and foolish.
// An approach is applied once, to [Declarations]; the planner knows of policies only.
//
// # What holds
//
// A desired count lies within its bounds. No action lowers a model's serving
// replicas below what it had or should have, whichever is less: the new one
// loads, becomes ready and is routed before an old one drains, unless
// Model.MinReady allows less. A server goes only when it holds nothing. Silence is not idleness: with a reading that is
// not OK, or a world that could not be seen, nothing shrinks. No server is
// planned beyond its capacity, overcommitted or not, what is loading or draining
// included, and no server holds one version of a model twice. Equal snapshots give
// equal plans.
//
// Plan.Now holds the actions whose preconditions are true in this very snapshot;
// they are independent of one another. Plan.Later shows what must wait and for
// what. Every tick computes everything anew, so an action that was lost is
// simply planned again.
//
// # Where a model sits
//
// A model lives on one group: its Group, until it finds too little room there; then
// on the first of Group and Fallbacks that can hold all of it. It moves as a whole,
// and stays.
// Another Version is a rolling update: each new replica serves before an old one
// stops, or, where MinReady allows it, takes its place. A model may have
// servers to itself (Dedicated), sit With another as its companion, be spread over
// zones ([Spread]), and share memory that is overcommitted.
//
// # More than one model
//
// A [Budget] limits what several models have together; where they want more, it is
// shared out by minimums, priorities and weights. A [Shadow] is a policy that is
// asked beside the one that decides and never acts.
//
// Models that share the compute of the servers they sit on make their group a
// [Pool]: the number of servers goes by the sum of what comes in, each model keeps the
// copies that its policy desires, and room that is left goes to those that add most.
//
// # What is remembered
//
// A planner remembers what policies learned, samples, counts, how long loads and
// boots take, and moves under way. AppendState and StateParts save it, Restore
// goes on elsewhere as if nothing had happened. Status tells how a model stands, and
// exactly whether its present wish is fulfilled. Explain tells why a model has its
// count and what would change it; a [ReplayLog] writes down what was seen and
// planned, and [Replay] plans it again, byte for byte.
//
// Servers that are half full when demand has fallen are emptied by moving what is
// left on them, see [Consolidation].
//
// # What is unusual
//
// A plan is no script: there is no queue of actions, no transaction and no undo, since
// what was true when a script was written may not be when its last line runs.
// Decisions about models come before those about servers, and servers have no policy:
// two loops on two signals drift apart and fight over the same load. A version, a
// fallback or a server that leaves is no mode of its own either: each is a replica
// in the wrong place, and the same rules put it right. Counts start from what
// is found, not from a minimum, so that a restart is no event.
//
// # Units
//
// Resources are integers in the user's units, the same within a group. Times
// come from the snapshot, never from a clock; only Coordinator owns one.
package coordinator

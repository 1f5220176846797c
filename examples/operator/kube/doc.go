// Package kube is a coordinator.Actuator for Kubernetes. A server group is a
// workload with a scale subresource (StatefulSet, Deployment, or any kind), its
// servers are the pods that the scale's selector selects, and a service is any
// object with a scale subresource.
//
// # The contract with servers
//
// What a server is to hold stands in an annotation of its pod,
// [PlacementAnnotation]: a [Placement] in JSON, which only the Actuator writes. An
// agent in the pod, or beside the pods, reads it and answers in another, [ReportAnnotation], a
// [Report] that only the agent writes:
//
//	placement: {"epoch":2,"generation":9,"seq":14,"models":[
//	             {"model":"llama","version":"v1","load":12,"state":"route","seq":14,"since":"2026-01-01T00:00:00Z"}]}
//	report:    {"models":[{"model":"llama","version":"v1","load":12,"phase":"loaded","since":"2026-01-01T00:00:07Z"}]}
//
// A server loads what is placed and not loaded, unloads what it holds and is not
// placed, and says so. Load names one order to load: a report of an older one is
// no report. While a replica drains the agent reports its requests in flight, with the Seq that it
// had seen when it counted; without that the drain lasts until its deadline.
// What is reported and no longer placed is still being unloaded, and takes room.
//
// # The contract with routers
//
// A pod that gets requests for a model has the label
// route.bellows-go.github.io/MODEL=true, see [RouteLabel], and no other has. A Service that
// selects this label gets its endpoints from Kubernetes itself, from pods that are ready; a
// router may as well watch the pods. Route and Unroute change label and
// placement in one write.
//
// # Fences
//
// The epoch and generation that a subject last accepted, and which actions, stand
// on the subject: a server's in its placement, a workload's in [FenceAnnotation].
// Each write carries the resourceVersion of what it was decided on, so an older
// epoch cannot slip in between. A count is changed in two writes: first the
// workload is told whose wish it accepts, then its scale subresource is patched, on the
// resourceVersion that the first one made. What was told and not done is done when the action
// comes again, and is otherwise without effect.
//
// A server that has not been told anything since a new epoch began does not know
// of it: whoever starts an epoch calls [Actuator.Raise] first, and pods that come
// later are guarded by [Options.Leads]. What Raise could not tell is unseen until it
// is told, see [Actuator.Untold].
//
// # What is removed
//
// A StatefulSet removes its highest ordinals. Of a Deployment, and of any other
// workload whose controller heeds the annotation, exactly the chosen pods go: they are
// given the least possible controller.kubernetes.io/pod-deletion-cost, and the count falls
// a quarter of a second after the cache has seen that. Before they are chosen a controller
// that is behind its last count is waited for, up to two seconds. A ReplicaSet takes pods
// that are not running or not ready before it looks at costs, so as long as one of these
// would go in their place, or a rollout is under way, nothing is removed, and Apply says
// why. Pods that have failed or succeeded count as gone.
//
// # Reads
//
// Observe reads from a cache that watches keep, and makes no call of the API but for the
// count of a workload that has changed. A group whose watches are broken is
// listed in World.Unseen, see [Watches].
package kube

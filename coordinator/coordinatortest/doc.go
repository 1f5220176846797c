// Package coordinatortest helps to test what package coordinator is connected
// to, and what is built on it.
//
// # Adapters
//
// [TestActuator] and [TestMetricSource] prove that an adapter keeps the contracts
// that a coordinator relies on. Their user makes a fresh world for every check,
// and says how to wait for it, and how to disturb it, by hooks:
//
//	func TestActuator(t *testing.T) {
//		coordinatortest.TestActuator(t, func() (coordinatortest.ActuatorWorld, error) {
//			cluster, err := startCluster("gpu", "cpu")
//			return coordinatortest.ActuatorWorld{
//				Actuator: myadapter.New(cluster.URL),
//				Groups:   []coordinator.ServerGroup{{Name: "gpu"}, {Name: "cpu", Removal: coordinator.Ordinal}},
//				Models:   []string{"llama", "whisper"},
//				Settle:   cluster.WaitUntilQuiet,
//				Hang:     cluster.Pause, // returns cluster.Continue
//				Close:    cluster.Stop,
//			}, err
//		}, coordinatortest.Options{})
//	}
//
// Services are tried along with groups, where ActuatorWorld.Services names some.
//
// Each contract is a subtest. [CheckActuator] and [CheckMetricSource] try one
// and return what they find: for adapters that are known to be broken.
//
// The contracts of an Actuator:
//
//   - [Observed]: groups, servers and replicas are sorted and stand once; each has
//     a Version; nothing is of the future, counts are numbers >= 0, ordinals under
//     ordinal removal differ; every group is seen or listed in Unseen. While
//     nobody acts, nothing but versions and requests in flight changes. Every
//     other check asks for all of this too.
//   - [LifeCycle]: what was accepted shows: Load makes Loaded, Route Serving,
//     Unroute Draining, Route Serving again, Unload nothing, ScaleGroup as many
//     servers; the subject then has the action's Epoch and Generation and another
//     Version.
//   - [Idempotent]: an action that was accepted is accepted again and changes
//     nothing: at once, though its IfVersion is over by then, and after other
//     actions of its generation. Of an older generation it may be called fenced.
//   - [Fenced]: what is older than its subject's epoch, or its generation of the
//     same epoch, is ErrFenced and changes nothing; the same generation may have
//     other actions; a later epoch starts at any generation; groups and servers
//     are subjects of their own.
//   - [Conflicts]: another IfVersion than the subject's is ErrConflict and
//     changes nothing; an empty one is any; what was refused may come again.
//   - [AnyOrder]: the actions of a plan make the same world in reverse.
//   - [FreeRemoval], [OrdinalRemoval]: exactly the victims go; or the highest
//     ordinals do.
//   - [Unknown]: an action on a group, server or replica that there is not is an
//     error, and makes none.
//   - [Deadline]: a call returns soon after its context ends. An Apply that could
//     not ask its world is an error other than ErrFenced and ErrConflict, an
//     Observe an error, or a world that accounts for every group; the action may
//     come again and is done once.
//   - [Concurrent]: one action delivered several times at once is done once; of
//     several for one version, one is accepted; actions on several servers, and
//     observations, do not disturb one another.
//   - [PartialFailure]: a group out of reach is in Unseen without an error, its
//     actions fail, those of other groups do not.
//   - [Batch], of a BatchActuator: each action of a batch is answered at its own
//     place, with what Apply would have said, and done if accepted; one failure
//     stops no other; none stays without an answer while there is time.
//   - [BatchDeadline]: a batch returns soon after its context ends, claims nothing
//     that nobody can know, and may come again; a group out of reach stops no other.
//   - [Remembered]: fences and accepted IDs outlive the Actuator.
//   - [NoGoroutineLeft]: after Close none that was started since is running.
//
// The contracts of a MetricSource:
//
//   - [Answers]: every series gets a sample that is OK, and later a newer one.
//     Whatever is returned, here and in every other check: of wanted series alone;
//     a value is finite and has a time that is not to come; counters are >= 0;
//     Partial says how many of how many; samples of one series and origin ascend.
//   - [Appends]: what stands in dst stays.
//   - [OnlyWanted]: one series, none, or all in another order; want is not changed.
//   - [Once]: samples of one series, origin and instant have one value.
//   - [Counters]: a Cumulative series never falls but at a restart, and stays
//     Cumulative.
//   - [Silence]: a series that nobody counts, or no longer, gets no sample that
//     is OK and new, but what was under way when it vanished; the others do.
//   - [Deadline]: Read returns soon after its context ends, with the targets that
//     did answer, and writes nothing into what it returned later.
//   - [PartialFailure]: an error, or a sample that is not OK, says so, and what is
//     returned besides is valid and complete.
//   - [NoGoroutineLeft]: as above.
//
// Worlds in memory whose time is time.Now are tested fastest in a bubble of
// testing/synctest: [Options].Bubble.
//
// # Coordinators
//
// A [Fleet] is a world in memory, on a clock of one's own or in a bubble, for
// tests of what is built on package coordinator. It keeps all the contracts
// above, until [Fleet.Inject] makes it break them: [Faults] are chances by seed.
// Servers and loads are slow, fail or get lost; replicas die; samples are
// missing, late, partial or no numbers; actions fail before or after their
// effect, are delivered twice, or meet a new leader; the clock jumps. Servers
// may be overcommitted: models then share a memory too small for all of them.
package coordinatortest

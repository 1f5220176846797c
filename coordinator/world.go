package coordinator

import (
	"time"

	"github.com/bellows-go/bellows/policy"
)

// A World is what an Actuator observed. Groups and services are sorted by name,
// servers by name within their group and replicas by model, then version, within
// their server.
//
// Groups, servers and services carry the Epoch and Generation of the last action
// on them that was accepted (0 for none); an action on a replica is one on its
// server.
// Every subject has an opaque Version for Action.IfVersion.
//
// Who knows what has changed may say so, and a planner then looks at nothing
// else: see Base and GroupState.Changed. A World is whole all the same, and means
// the same without: a planner to which it says nothing, because its last World
// was another one, it was restored or updated, or the group could not be seen,
// looks at all of it and plans just that.
type World struct {
	Groups []GroupState
	Unseen []string // groups that could not be seen: held, never taken for gone

	Services       []ServiceState
	UnseenServices []string // as Unseen

	// Seq numbers the Worlds of whoever observes; 0 is no number. No two Worlds that
	// one planner gets may share one, so who starts again goes on elsewhere: at the
	// time in nanoseconds, say.
	Seq uint64
	// Base is the Seq of the World from which each GroupState.Changed tells the
	// differences; 0: what has changed is not known.
	Base uint64
}

// A GroupState is one observed server group.
type GroupState struct {
	Name       string
	Desired    int // the wanted number of servers in force; those that have not appeared yet included
	Servers    []ServerState
	Generation uint64
	Epoch      uint64
	Version    string

	// Changed names the Servers that differ from those of World.Base or were not
	// among them, sorted; of those that are gone nothing need be said. InFlight,
	// Reloads and Version of replicas may differ on others, too. A server that is not named but
	// differs in its own fields, or in how many replicas it has, is a fault of the
	// plan, and is looked at.
	Changed []string
}

// A ServerState is one observed server.
type ServerState struct {
	Name       string
	Ordinal    int // its place in the order of removal, >= 0
	Zone       string
	Phase      ServerPhase
	Since      time.Time // of Phase
	Leaving    bool      // something outside ends it: it takes nothing new
	Replicas   []ReplicaState
	Generation uint64
	Epoch      uint64
	Version    string
}

// ServerPhase is where a server is in its life.
type ServerPhase uint8

// The phases of a server.
const (
	Booting ServerPhase = iota // ordered, not up
	Up
)

// A ReplicaState is one observed replica of a model on a server. It uses its
// model's needs in every phase.
type ReplicaState struct {
	Model        string
	ModelVersion string // that it was loaded as: Action.ModelVersion of its Load
	Phase        ReplicaPhase
	Since        time.Time      // of Phase; zero: a drain counts from when it is first seen
	InFlight     policy.Reading // requests it is serving; not OK, or read before Since, is not zero
	Version      string
	// Reloads is how often its server, whose memory is overcommitted, has evicted it
	// and loaded it again for a request. It only grows while the replica is there, in
	// whatever phase it is shown meanwhile; 0 where it is not known. A replica that
	// Serves and is then shown as Loading is taken to be loaded again as well.
	Reloads uint64
}

// ReplicaPhase is where a replica is in its life.
type ReplicaPhase uint8

// The phases of a replica.
const (
	Loading  ReplicaPhase = iota // ordered, not loaded
	Loaded                       // could serve, gets no requests yet
	Serving                      // gets requests
	Draining                     // gets no more requests, finishes what it has
	Broken                       // did not load, or died: serves nothing
)

package coordinator

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// Errors that an Actuator's Apply wraps. Any other error means that the effect
// is unknown: the next Observe tells.
var (
	// ErrFenced: the subject has accepted an action of a later epoch, or of a
	// later generation of the same epoch.
	ErrFenced = errors.New("coordinator: fenced by a later epoch or generation")
	// ErrConflict: the subject is no longer of version Action.IfVersion.
	ErrConflict = errors.New("coordinator: conflict: the subject has changed")
)

// An Actuator observes and changes the world.
type Actuator interface {
	// Observe reports the whole world; what it could not see is listed in
	// World.Unseen and World.UnseenServices. With an error the World is not used, and
	// nothing is seen. The caller does not change or keep it beyond the next call.
	Observe(ctx context.Context) (World, error)
	// Apply returns when the wish is accepted, not when it is done. It is
	// idempotent per (Epoch, Generation, ID), refuses with ErrFenced what is
	// older than the subject's (Epoch, Generation), and with ErrConflict an
	// IfVersion that the subject no longer has. One that restores wishes by itself
	// (tells a router that came back what to route, say) counts that as a change of
	// the subject. It is safe for concurrent use.
	Apply(ctx context.Context, a Action) error
}

// An Action is one wish. It is absolute, so sending it again is harmless.
type Action struct {
	ID     string // equal wishes of one generation have equal IDs
	Kind   Kind
	Group  string
	Server string // "" for ScaleGroup
	Model  string // "" for ScaleGroup
	// ModelVersion is the version of the model's replica, Model.Version for a Load.
	// A server may hold replicas of several versions of a model, one of each.
	ModelVersion string
	// Service is set for ScaleService, and then no other name is.
	Service string

	Replicas int // ScaleGroup: how many servers to have; ScaleService: how many replicas
	// Victims are, under free removal, exactly the servers to remove. When
	// Replicas falls by more, the others have not appeared and need not.
	Victims []string

	Epoch, Generation uint64
	IfVersion         string // the subject's version as seen; "" for any
	// Deadline is, of an Unroute, when the drain that it begins ends at the latest.
	Deadline time.Time
	Why      Explanation
}

// String reads like "load llama on gpu/gpu-3".
func (a Action) String() string {
	if a.Kind == ScaleGroup {
		s := "scale " + a.Group + " to " + strconv.Itoa(a.Replicas)
		for _, v := range a.Victims {
			s += " -" + v
		}
		return s
	}
	if a.Kind == ScaleService {
		return a.Kind.String() + " " + a.Service + " to " + strconv.Itoa(a.Replicas)
	}
	s := a.Kind.String() + " " + a.Model
	if a.ModelVersion != "" {
		s += "@" + a.ModelVersion
	}
	s += " on " + a.Group
	if a.Server != "" {
		s += "/" + a.Server
	}
	return s
}

// Kind is what an Action does.
type Kind uint8

// The kinds of action, in the order in which a plan lists them. Shrinking is a
// ScaleGroup or ScaleService too and comes last.
const (
	ScaleGroup   Kind = iota // have Replicas servers in Group
	ScaleService             // have Replicas replicas of Service
	Load                     // load Model on Server
	Route                    // send requests to the replica of Model on Server
	Unroute                  // send it no more
	Unload                   // remove it
)

// An Explanation says which rule made an action, and for a model's or service's
// action the decision behind it.
type Explanation struct {
	Reason Reason
	Have   int // what the rule compared: replicas or servers there are
	Want   int // and should be
	// Steps are those of the decision in this tick, in the plan's own memory; nil for
	// a group's actions.
	Steps []policy.Step
}

func (e Explanation) String() string {
	s := string(e.Reason) + " (have " + strconv.Itoa(e.Have) + ", want " + strconv.Itoa(e.Want) + ")"
	for i, step := range e.Steps {
		if i == 0 {
			s += ": "
		} else {
			s += "; "
		}
		s += step.String()
	}
	return s
}

// A Reason names the rule behind an action or a wait.
type Reason string

// The reasons for actions.
const (
	ReplicaShort  Reason = "replica short"   // Load: fewer replicas than desired
	ReplicaLoaded Reason = "replica loaded"  // Route: it is ready for requests
	Consolidating Reason = "consolidating"   // Load: it moves here, so that another server empties
	Revived       Reason = "wanted again"    // Route: it was draining
	ReplicaSpare  Reason = "replica spare"   // Unroute, Unload: more replicas than desired
	HostLeaves    Reason = "host leaves"     // Unroute, Unload: the replica that it sits with goes
	ServerLeaving Reason = "server leaving"  // Unroute, Unload: replaced elsewhere
	VersionOld    Reason = "old version"     // Unroute, Unload: replaced by the declared one
	GroupLeft     Reason = "group left"      // Unroute, Unload: the model lives on another group now
	Drained       Reason = "drained"         // Unload: nothing is in flight
	DrainTooLong  Reason = "drain timed out" // Unload: the drain's deadline passed
	LoadFailed    Reason = "replica broken"  // Unload: it did not load or died
	NoRoom        Reason = "no room"         // ScaleGroup: replicas find no place
	BelowMinimum  Reason = "below minimum"   // ScaleGroup: fewer servers than Min
	ServerNeeded  Reason = "server needed"   // ScaleGroup: fewer are ordered than there are, and none of these can go
	ServerEmpty   Reason = "server empty"    // ScaleGroup: it holds nothing and none is planned there
)

// The reasons for waiting.
const (
	WaitsBoot        Reason = "waits for the server to be up"
	WaitsRoom        Reason = "waits for room on the server"
	WaitsServer      Reason = "waits for a server that is ordered"
	WaitsHost        Reason = "waits for a replica to sit with"
	WaitsCompanion   Reason = "waits for what sits with it to go"
	WaitsReplacement Reason = "waits for a replacement to serve"
	WaitsDrain       Reason = "waits for requests in flight"
	WaitsLoad        Reason = "waits for the load"
	WaitsRetry       Reason = "waits after failed loads"
)

// The reasons of the planner's own steps in a model's decision.
const (
	// Silence: a step down became a hold because a reading or the world was not
	// OK. Have is the number of readings that were not.
	Silence policy.Reason = "silence"
	// WithHost: there are never more replicas than of the model that they sit With.
	// Limit is its count.
	WithHost policy.Reason = "with host"
	// FirstSight: a step down became a hold because the planner, without a
	// history, sees the model for the first time, or has not yet seen all servers of
	// its group up.
	FirstSight policy.Reason = "first sight"
	// PolicyPanicked: the policy did, and its model is held.
	PolicyPanicked policy.Reason = "policy panicked"
	// Unexplained: the policy gave a decision without a step, which is not taken.
	Unexplained policy.Reason = "unexplained"
)

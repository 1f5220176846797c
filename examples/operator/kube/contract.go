package kube

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// Names on pods and workloads.
const (
	Domain = "bellows-go.github.io"
	// PlacementAnnotation, of a pod, is a Placement. Only the Actuator writes it.
	PlacementAnnotation = Domain + "/placement"
	// ReportAnnotation, of a pod, is a Report. Only the server's agent writes it.
	ReportAnnotation = Domain + "/report"
	// FenceAnnotation, of a workload, is whose wish for a count was accepted last.
	FenceAnnotation = Domain + "/fence"

	deletionCost = "controller.kubernetes.io/pod-deletion-cost"
	firstToGo    = "-2147483648"
)

// RouteLabel is the label of pods that get requests for a model.
func RouteLabel(model string) string { return "route." + Domain + "/" + model }

// A State is what is to become of a replica.
type State string

// The states of a replica.
const (
	Load  State = "load"  // be loaded
	Route State = "route" // be loaded and get requests
	Drain State = "drain" // finish the requests it has
)

// A Placement is what a server is to hold.
type Placement struct {
	Epoch      uint64   `json:"epoch"`
	Generation uint64   `json:"generation"`
	IDs        []string `json:"ids,omitempty"` // of the actions accepted in this generation, shortened
	Seq        uint64   `json:"seq"`           // of the last change
	Loads      uint64   `json:"loads"`         // Seq of the last Load or Unload
	Models     []Placed `json:"models"`        // sorted by model, then version
}

// A Placed is one replica on a server.
type Placed struct {
	Model   string     `json:"model"`
	Version string     `json:"version,omitempty"`
	Load    uint64     `json:"load"` // Placement.Seq when it was ordered
	State   State      `json:"state"`
	Seq     uint64     `json:"seq"`             // Placement.Seq when State changed
	Since   time.Time  `json:"since"`           // of State
	Until   *time.Time `json:"until,omitempty"` // when a drain ends at the latest
}

// A Report is what a server holds.
type Report struct {
	Models []Reported `json:"models"`
}

// A Phase is how far a server is with a replica.
type Phase string

// The phases of a replica. Any other is taken for Loading.
const (
	Loading Phase = "loading"
	Loaded  Phase = "loaded"
	Failed  Phase = "failed" // did not load, or died
)

// A Reported is one replica that a server holds.
type Reported struct {
	Model   string    `json:"model"`
	Version string    `json:"version,omitempty"`
	Load    uint64    `json:"load"` // Placed.Load
	Phase   Phase     `json:"phase"`
	Since   time.Time `json:"since"`
	// InFlight are requests that it works on, as counted at At by a server that had
	// seen Placed.Seq of Seq; nil is unknown.
	InFlight *int64    `json:"inFlight,omitempty"`
	Seq      uint64    `json:"seq,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

func readPlacement(annotations map[string]string) (p Placement, err error) {
	text := annotations[PlacementAnnotation]
	if text == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, fmt.Errorf("annotation %s: %w", PlacementAnnotation, err)
	}
	return p, nil
}

// readReport reads what an agent wrote. What cannot be read is no report: its
// replicas are loading.
func readReport(annotations map[string]string) (r Report) {
	if err := json.Unmarshal([]byte(annotations[ReportAnnotation]), &r); err != nil {
		return Report{}
	}
	return r
}

// find returns the replica of a model's version, nil if there is none.
func (p *Placement) find(model, version string) *Placed {
	for i := range p.Models {
		if p.Models[i].Model == model && p.Models[i].Version == version {
			return &p.Models[i]
		}
	}
	return nil
}

// of returns what was reported of a replica, nil if nothing was.
func (r *Report) of(x *Placed) *Reported {
	for i := range r.Models {
		if m := &r.Models[i]; m.Model == x.Model && m.Version == x.Version && m.Load == x.Load {
			return m
		}
	}
	return nil
}

// routed reports whether any version of a model gets requests.
func (p *Placement) routed(model string) bool {
	return slices.ContainsFunc(p.Models, func(x Placed) bool { return x.Model == model && x.State == Route })
}

func (p *Placement) clone() Placement {
	c := *p
	c.IDs, c.Models = slices.Clone(p.IDs), slices.Clone(p.Models)
	return c
}

// A fence is what a workload remembers of the actions it accepted.
type fence struct {
	Epoch      uint64   `json:"epoch"`
	Generation uint64   `json:"generation"`
	IDs        []string `json:"ids,omitempty"`
	Seq        uint64   `json:"seq"`
	// The last wish, and the workload's metadata.generation by which it was accepted.
	// As long as it has not risen the wish has not been carried out.
	Last     string `json:"last,omitempty"`
	Replicas int    `json:"replicas"`
	At       int64  `json:"at"`
}

func readFence(annotations map[string]string) (f fence, err error) {
	text := annotations[FenceAnnotation]
	if text == "" {
		return f, nil
	}
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		return f, fmt.Errorf("annotation %s: %w", FenceAnnotation, err)
	}
	return f, nil
}

// admit reports whether a subject of this epoch and generation has accepted the
// action before, or refuses it.
func admit(epoch, generation uint64, ids []string, a *coordinator.Action) (done bool, err error) {
	if a.Epoch < epoch || a.Epoch == epoch && a.Generation < generation {
		return false, fmt.Errorf("%w: epoch %d, generation %d", coordinator.ErrFenced, epoch, generation)
	}
	return a.Epoch == epoch && a.Generation == generation && slices.Contains(ids, short(a.ID)), nil
}

// raise are the IDs of a subject that accepts an action.
func raise(epoch, generation uint64, ids []string, a *coordinator.Action) []string {
	if a.Epoch != epoch || a.Generation != generation {
		ids = nil
	}
	return append(slices.Clone(ids), short(a.ID))
}

// short names an action in little room.
func short(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:6])
}

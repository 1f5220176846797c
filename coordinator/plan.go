package coordinator

import (
	"slices"
	"time"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/policy"
)

// A Snapshot is everything a plan is made from: one value, one instant. It is
// borrowed; Plan keeps none of its slices.
type Snapshot struct {
	Now     time.Time
	Samples []Sample // of Planner.Wants; unwanted ones are ignored
	// ReadFailed: the source gave an error, so that wanted series without a
	// sample are Failed, not Missing.
	ReadFailed bool
	Pods       []PodList // of Planner.WantsPods; those that are not among them could not be read
	World      World
}

// A Plan is what to do now, what must wait, and why. Its slices belong to the
// planner and are valid until its next Plan; Clone to keep one.
type Plan struct {
	At       time.Time
	Now      []Action      // preconditions true in the snapshot; independent of one another
	Later    []Waiting     // shown, never sent
	Models   []ModelPlan   // sorted by name
	Services []ServicePlan // sorted by name
	Groups   []GroupPlan   // sorted by name
	Budgets  []BudgetPlan  // sorted by name
	Refused  []Refusal     // replicas that find no place, even on servers yet to come
	Faults   []string      // what was wrong with the snapshot; those parts are held
}

// A Waiting action lacks a precondition.
type Waiting struct {
	Action
	For   Reason
	Until time.Time // the latest end of the wait, if known
}

// A ModelPlan is what was decided about one model.
type ModelPlan struct {
	Model    string
	Group    string // that it lives on
	Was      int    // desired before
	Desired  int    // desired now
	Ready    int    // serving
	Starting int    // ordered, not serving yet
	Draining int
	// Unseen: its group could not be seen, the counts are the last known; or, before
	// anything is known of it, another group that may have all its replicas.
	Unseen   bool
	Decision policy.Decision
	Readings []policy.Reading // as the policy saw them
	Shadows  []ShadowPlan     // in the order of Model.Shadows
	// Extra is how many replicas beyond Desired it has or is given, because there is
	// room for them; 0 outside a Pool.
	Extra int
	// Resident is since when all of its needs count as pinned in an overcommitted
	// Pool, because a copy was evicted and loaded again and again; zero: they do not.
	Resident time.Time
}

// A GroupPlan is what was decided about one server group.
type GroupPlan struct {
	Group      string
	Servers    int     // observed: booting, up or leaving
	Was        int     // the wanted number in force
	Desired    int     // wanted now
	LowerBound int     // servers that any placement of the desired replicas needs
	OverMax    int     // of Desired, beyond ServerGroup.Max: nothing that serves is taken away for it
	Cost       float64 // of Desired servers per hour, in the unit of ServerGroup.Cost
	Unseen     bool
	Emptying   []string // servers from which what is left moves to others; sorted
	// Decision and Readings are those of Pool.Policy: its count is one of servers.
	Decision policy.Decision
	Readings []policy.Reading
	Retiring []string // servers of a Pool that are to go; sorted
}

// A Refusal is a shortage of places within a group.
type Refusal struct {
	Group string
	packing.Refusal
}

// Clone returns a plan that shares nothing with the planner.
func (p Plan) Clone() Plan {
	p.Now = slices.Clone(p.Now)
	for i := range p.Now {
		p.Now[i] = p.Now[i].clone()
	}
	p.Later = slices.Clone(p.Later)
	for i := range p.Later {
		p.Later[i].Action = p.Later[i].Action.clone()
	}
	p.Models = slices.Clone(p.Models)
	for i := range p.Models {
		m := &p.Models[i]
		m.Decision = m.Decision.Clone()
		m.Readings = slices.Clone(m.Readings)
		m.Shadows = cloneShadows(m.Shadows)
	}
	p.Services = slices.Clone(p.Services)
	for i := range p.Services {
		s := &p.Services[i]
		s.Decision = s.Decision.Clone()
		s.Readings = slices.Clone(s.Readings)
		s.Shadows = cloneShadows(s.Shadows)
	}
	p.Groups = slices.Clone(p.Groups)
	for i := range p.Groups {
		g := &p.Groups[i]
		g.Decision = g.Decision.Clone()
		g.Readings = slices.Clone(g.Readings)
		g.Retiring = slices.Clone(g.Retiring)
	}
	p.Budgets = slices.Clone(p.Budgets)
	p.Refused = slices.Clone(p.Refused)
	p.Faults = slices.Clone(p.Faults)
	return p
}

func (a Action) clone() Action {
	a.Victims = slices.Clone(a.Victims)
	a.Why.Steps = slices.Clone(a.Why.Steps)
	return a
}

package debug

import (
	"slices"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// A poolPart is what a group shows that is a pool.
type poolPart struct {
	Slots    int          `json:"slots"`   // of one server
	Desired  int          `json:"desired"` // servers, as its policy decided
	Reason   string       `json:"reason"`  // the decision as text; "" if no policy decides
	Steps    []stepRow    `json:"steps"`
	Readings []readingRow `json:"readings"`
	Retiring []string     `json:"retiring"`
	Extra    int          `json:"extra"` // copies beyond those desired, of all its models
	Resident []string     `json:"resident"`
	Room     []fill       `json:"room"` // on servers that are up and stay, with what is overcommitted; in the order of the group's resources
}

// pool tells of a group that is declared a pool; nil of any other.
func (g *glance) pool(declared *coordinator.ServerGroup, state *coordinator.GroupState, plan *coordinator.GroupPlan) *poolPart {
	if declared == nil || declared.Pool == nil {
		return nil
	}
	p := &poolPart{
		Slots: declared.Pool.Slots, Desired: plan.Decision.Replicas, Reason: why(plan.Decision.Steps), Steps: stepRows(plan.Decision.Steps),
		Retiring: some(plan.Retiring), Resident: []string{}, Room: []fill{},
	}
	var signals []policy.Signal
	if c := declared.Pool.Policy; c != nil && c.Validate() == nil {
		signals = c.Needs().Signals
	}
	p.Readings = readings(signals, plan.Readings)
	for i := range g.picture.plan.Models {
		if m := &g.picture.plan.Models[i]; m.Group == state.Name {
			if p.Extra += m.Extra; !m.Resident.IsZero() {
				p.Resident = append(p.Resident, m.Model)
			}
		}
	}
	names := resources(declared)
	for _, name := range names {
		p.Room = append(p.Room, fill{Resource: name})
	}
	for i := range state.Servers {
		s := &state.Servers[i]
		if s.Phase != coordinator.Up || s.Leaving || slices.Contains(plan.Retiring, s.Name) {
			continue
		}
		for d, f := range g.server(state.Name, s, names).Fill {
			p.Room[d].Used += f.Used
			p.Room[d].Capacity += f.Capacity + int64(float64(f.Capacity)*declared.Overcommit[f.Resource])
		}
	}
	return p
}

// Spare is what is left of a resource.
func (f fill) Spare() int64 { return f.Capacity - f.Used }

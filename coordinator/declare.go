package coordinator

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/internal/check"
	"github.com/bellows-go/bellows/policy"
)

// Resources are amounts by the name of the resource, in the user's own units:
// {"memory_mib": 16384, "gpus": 1}. Amounts are >= 0; an absent name is zero.
type Resources map[string]int64

// A Model is a target whose replicas are packed onto the servers of a group, at
// most one on each.
type Model struct {
	Name  string // unique, not empty
	Group string // the server group that hosts it

	Needs    Resources // of one replica; names are among the group's Capacity
	Requires []string  // capabilities that its servers must have

	Min, Max int           // replicas: 0 <= Min <= Max, Max >= 1
	Policy   policy.Config // decides between them

	Slots        int           // requests one replica serves at once; 0 unknown
	LoadTime     time.Duration // an estimate, from order to loaded; 0 unknown
	DrainTimeout time.Duration // after which a drain ends whatever is in flight; 0: 5 min
	// RetryInterval is how long a server is avoided on which it failed to load, or
	// died, twice in a row; each further time it is avoided about twice as long, up
	// to 30 min. 0 is 30 s.
	RetryInterval time.Duration

	// Priority tells whose replicas come first where there is not enough for all:
	// higher ones do. It may be negative.
	Priority int
	// Weight is the model's share among models of its Priority under a Budget: one
	// of weight 2 gets two replicas for each of a model of weight 1. In [0, 1000]; 0
	// is 1.
	Weight int

	Shadows []Shadow // policies that are asked beside Policy, and never act
}

// A ServerGroup is a number of equal servers.
type ServerGroup struct {
	Name         string    // unique, not empty
	Capacity     Resources // of one server
	Capabilities []string
	Min, Max     int           // servers: 0 <= Min <= Max, Max >= 1
	Removal      Removal       // which servers may go
	BootTime     time.Duration // an estimate, from order to up; 0 unknown

	Consolidation Consolidation
}

// Removal says which servers of a group can be taken away.
type Removal uint8

// The ways to remove. The zero value is Free.
const (
	Free    Removal = iota // any: the actuator removes exactly the named ones
	Ordinal                // only those with the highest ordinals, as a StatefulSet does
)

// Declarations are everything a planner scales.
type Declarations struct {
	Models   []Model
	Groups   []ServerGroup
	Services []Service
	Budgets  []Budget
}

const defaultDrainTimeout = 5 * time.Minute

// Validate reports every fault of d, each with its field path. That a model's
// replica is too large for its group's servers is one.
func (d Declarations) Validate() error {
	var f check.Faults
	groups := map[string]*ServerGroup{}
	for i := range d.Groups {
		g := &d.Groups[i]
		field := path("Groups", i)
		f.Require(g.Name != "", field+".Name", "must not be empty")
		f.Require(groups[g.Name] == nil, field+".Name", "%q stands twice", g.Name)
		groups[g.Name] = g
		f.Require(len(g.Capacity) > 0, field+".Capacity", "must not be empty")
		amounts(&f, field+".Capacity", g.Capacity)
		bounds(&f, field, g.Min, g.Max)
		f.Require(g.Removal <= Ordinal, field+".Removal", "unknown: %d", g.Removal)
		g.Consolidation.validate(&f, field+".Consolidation")
		f.Require(g.BootTime >= 0, field+".BootTime", "must be >= 0, is %v", g.BootTime)
	}
	names := map[string]bool{}
	for i := range d.Models {
		m := &d.Models[i]
		field := path("Models", i)
		f.Require(m.Name != "", field+".Name", "must not be empty")
		f.Require(!names[m.Name], field+".Name", "%q stands twice", m.Name)
		names[m.Name] = true
		m.validate(&f, field, groups[m.Group])
	}
	d.validateServices(&f)
	d.validateBudgets(&f)
	return f.Err()
}

func (m *Model) validate(f *check.Faults, field string, g *ServerGroup) {
	f.Require(g != nil, field+".Group", "no group is named %q", m.Group)
	amounts(f, field+".Needs", m.Needs)
	if g != nil {
		for _, name := range slices.Sorted(maps.Keys(m.Needs)) {
			have, known := g.Capacity[name]
			if !known {
				f.Require(false, field+".Needs."+name, "group %q has no such resource", m.Group)
			} else if m.Needs[name] >= 0 {
				f.Require(m.Needs[name] <= have, field+".Needs."+name, "%d is more than the %d of a server of %q", m.Needs[name], have, m.Group)
			}
		}
		for _, c := range m.Requires {
			f.Require(slices.Contains(g.Capabilities, c), field+".Requires", "servers of %q lack %q", m.Group, c)
		}
	}
	bounds(f, field, m.Min, m.Max)
	f.Require(m.Slots >= 0, field+".Slots", "must be >= 0, is %d", m.Slots)
	f.Require(m.LoadTime >= 0, field+".LoadTime", "must be >= 0, is %v", m.LoadTime)
	f.Require(m.DrainTimeout >= 0, field+".DrainTimeout", "must be >= 0, is %v", m.DrainTimeout)
	f.Require(m.Weight >= 0 && m.Weight <= maxWeight, field+".Weight", "must be in [0, %d], is %d", maxWeight, m.Weight)
	f.Require(m.RetryInterval >= 0, field+".RetryInterval", "must be >= 0, is %v", m.RetryInterval)
	validateShadows(f, field+".Shadows", m.Shadows)
	if m.Policy == nil {
		f.Require(false, field+".Policy", "must be set")
		return
	}
	validatePolicy(f, field+".Policy", m.Policy)
}

func bounds(f *check.Faults, field string, low, high int) {
	f.Require(low >= 0, field+".Min", "must be >= 0, is %d", low)
	f.Require(high >= 1, field+".Max", "must be >= 1, is %d", high)
	f.Require(high >= low, field+".Max", "must be >= Min %d, is %d", low, high)
	f.Require(high <= maxCount, field+".Max", "must be <= %d, is %d", maxCount, high)
}

func amounts(f *check.Faults, field string, r Resources) {
	for _, name := range slices.Sorted(maps.Keys(r)) {
		f.Require(name != "", field, "a resource must have a name")
		f.Require(r[name] >= 0, field+"."+name, "must be >= 0, is %d", r[name])
		f.Require(r[name] <= maxAmount, field+"."+name, "must be <= %d, is %d", int64(maxAmount), r[name])
	}
}

// maxCount is the most replicas of a model and servers of a group.
const maxCount = 1_000_000

// maxAmount keeps sums over ten thousand servers far within integers.
const maxAmount = math.MaxInt64 >> 16

package coordinator

import (
	"maps"
	"math"
	"slices"

	"github.com/bellows-go/bellows/internal/check"
)

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
		g.validate(&f, field)
	}
	models := map[string]*Model{}
	for i := range d.Models {
		m := &d.Models[i]
		field := path("Models", i)
		f.Require(m.Name != "", field+".Name", "must not be empty")
		f.Require(models[m.Name] == nil, field+".Name", "%q stands twice", m.Name)
		models[m.Name] = m
	}
	with := map[string]Resources{} // what a model's companions need together, each on every server
	for i := range d.Models {
		m := &d.Models[i]
		if host := models[m.With]; m.With != "" {
			m.validateWith(&f, path("Models", i), host)
			with[m.With] = sum(with[m.With], m.Needs)
		}
	}
	for i := range d.Models {
		m := &d.Models[i]
		field := path("Models", i)
		m.validate(&f, field)
		m.validateGroup(&f, field, field+".Group", m.Group, groups[m.Group], with[m.Name])
		for j, name := range m.Fallbacks {
			at := path(field+".Fallbacks", j)
			f.Require(name != m.Group && !slices.Contains(m.Fallbacks[:j], name), at, "%q stands twice", name)
			m.validateGroup(&f, field, at, name, groups[name], with[m.Name])
		}
	}
	d.validateServices(&f)
	d.validateBudgets(&f)
	d.pairs(&f)
	d.validatePools(&f)
	return f.Err()
}

func (g *ServerGroup) validate(f *check.Faults, field string) {
	f.Require(len(g.Capacity) > 0, field+".Capacity", "must not be empty")
	amounts(f, field+".Capacity", g.Capacity)
	for _, name := range slices.Sorted(maps.Keys(g.Overcommit)) {
		x := g.Overcommit[name]
		_, known := g.Capacity[name]
		f.Require(known, field+".Overcommit."+name, "is no resource of Capacity")
		f.Require(x >= 0 && x <= maxOvercommit, field+".Overcommit."+name, "must lie in [0, %d], is %v", maxOvercommit, x)
	}
	for i, zone := range g.Zones {
		f.Require(!slices.Contains(g.Zones[:i], zone), path(field+".Zones", i), "%q stands twice", zone)
	}
	if !g.Fixed {
		f.Require(g.Max >= 1, field+".Max", "must be >= 1, is %d", g.Max)
		bounds(f, field, g.Min, g.Max)
	}
	f.Require(g.Removal <= Ordinal, field+".Removal", "unknown: %d", g.Removal)
	f.Require(g.BootTime >= 0, field+".BootTime", "must be >= 0, is %v", g.BootTime)
	f.Require(g.Cost >= 0 && !math.IsInf(g.Cost, 0), field+".Cost", "must be >= 0 and finite, is %v", g.Cost)
	g.Consolidation.validate(f, field+".Consolidation")
}

func (m *Model) validate(f *check.Faults, field string) {
	amounts(f, field+".Needs", m.Needs)
	amounts(f, field+".Pinned", m.Pinned)
	for _, name := range slices.Sorted(maps.Keys(m.Pinned)) {
		f.Require(m.Pinned[name] <= m.Needs[name], field+".Pinned."+name, "%d is more than the %d needed", m.Pinned[name], m.Needs[name])
	}
	f.Require(m.Spread.MaxSkew >= 0, field+".Spread.MaxSkew", "must be >= 0, is %d", m.Spread.MaxSkew)
	f.Require(m.Weight >= 0 && m.Weight <= maxWeight, field+".Weight", "must be in [0, %d], is %d", maxWeight, m.Weight)
	f.Require(m.MinReady >= 0, field+".MinReady", "must be >= 0, is %d", m.MinReady)
	f.Require(m.Slots >= 0, field+".Slots", "must be >= 0, is %d", m.Slots)
	f.Require(m.LoadTime >= 0, field+".LoadTime", "must be >= 0, is %v", m.LoadTime)
	f.Require(m.DrainTimeout >= 0, field+".DrainTimeout", "must be >= 0, is %v", m.DrainTimeout)
	f.Require(m.RetryInterval >= 0, field+".RetryInterval", "must be >= 0, is %v", m.RetryInterval)
	validateShadows(f, field+".Shadows", m.Shadows)
	bounds(f, field, m.Min, m.Max)
	f.Require(m.Replicas >= 0 && m.Replicas <= maxCount, field+".Replicas", "must lie in [0, %d], is %d", maxCount, m.Replicas)
	if m.Policy == nil {
		f.Require(m.Max == 0, field+".Policy", "must be set where Max is")
		return
	}
	f.Require(m.Max > 0 || m.Min > 0, field+".Max", "must be >= 1 where Policy is set, is %d", m.Max)
	f.Require(m.Replicas == 0, field+".Replicas", "is a fixed count: Policy must not be set beside it")
	validatePolicy(f, field+".Policy", m.Policy)
}

// validateGroup checks that servers of a group can host m and what sits with it.
func (m *Model) validateGroup(f *check.Faults, field, at, name string, g *ServerGroup, with Resources) {
	if g == nil {
		f.Require(false, at, "no group is named %q", name)
		return
	}
	for _, resource := range slices.Sorted(maps.Keys(m.Needs)) {
		have, known := g.Capacity[resource]
		need, more := m.Needs[resource], with[resource]
		switch {
		case !known:
			f.Require(false, field+".Needs."+resource, "group %q has no such resource", name)
		case need > have:
			f.Require(false, field+".Needs."+resource, "%d is more than the %d of a server of %q", need, have, name)
		case need >= 0 && more > have-need:
			f.Require(false, field+".Needs."+resource, "%d, and %d of what is With it, is more than the %d of a server of %q", need, more, have, name)
		}
	}
	for _, c := range m.Requires {
		f.Require(slices.Contains(g.Capabilities, c), field+".Requires", "servers of %q lack %q", name, c)
	}
}

// validateWith checks a model that sits with a host.
func (m *Model) validateWith(f *check.Faults, field string, host *Model) {
	if host == nil || host == m {
		f.Require(false, field+".With", "no other model is named %q", m.With)
		return
	}
	f.Require(host.With == "", field+".With", "%q sits with another model itself", m.With)
	f.Require(m.Group == host.Group && slices.Equal(m.Fallbacks, host.Fallbacks), field+".Group", "must be that of %q, with the same Fallbacks", m.With)
	f.Require(!m.Dedicated, field+".Dedicated", "is that of %q", m.With)
	f.Require(m.Spread == (Spread{}), field+".Spread", "is that of %q", m.With)
	low, _ := m.bounds()
	hostLow, _ := host.bounds()
	f.Require(low <= hostLow, field+".Min", "%d is more than the %d of %q, which it sits with", low, hostLow, m.With)
}

// bounds are the counts that a policy, or a fixed count, leaves.
func (m *Model) bounds() (low, high int) {
	if m.Max == 0 && m.Policy == nil {
		return m.Replicas, m.Replicas
	}
	return m.Min, m.Max
}

func bounds(f *check.Faults, field string, low, high int) {
	f.Require(low >= 0, field+".Min", "must be >= 0, is %d", low)
	f.Require(high >= low, field+".Max", "must be >= Min %d, is %d", low, high)
	f.Require(high <= maxCount, field+".Max", "must be <= %d, is %d", maxCount, high)
}

func amounts(f *check.Faults, field string, r Resources) {
	for _, name := range slices.Sorted(maps.Keys(r)) {
		f.Require(name != "", field, "a resource must have a name")
		f.Require(r[name] >= 0, field+"."+name, "must be >= 0, is %d", r[name])
		f.Require(name != dedication, field+"."+name, "is a name that is taken: see Model.Dedicated")
		f.Require(r[name] <= maxAmount, field+"."+name, "must be <= %d, is %d", int64(maxAmount), r[name])
	}
}

// sum adds to a the amounts of b; a nil a is new.
func sum(a, b Resources) Resources {
	if a == nil {
		a = Resources{}
	}
	for name, x := range b {
		a[name] += x
	}
	return a
}

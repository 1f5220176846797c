package coordinator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Update replaces the declarations. What is remembered of models that stay is
// kept; one whose Policy differs starts its policy anew, and one that its group
// does not host any more moves. On an error nothing changes. Replicas of models
// that are no longer declared are left alone.
func (p *Planner) Update(d Declarations) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("coordinator: declarations: %w", err)
	}
	groups, byGroup := newGroups(d)
	for _, old := range p.groups {
		if g := byGroup[old.Name]; g != nil {
			g.met, g.frozen, g.boots, g.starting = old.met, old.frozen, old.boots, old.starting
			if g.OneToOne {
				g.frozen = time.Time{} // it has no size of its own that could stand
			}
			g.tried = old.tried // and what has changed counts from now
			g.found, g.complete = old.found, old.complete
			g.pool.inherit(old.pool)
		}
	}
	models, byName := newModels(d, byGroup)
	for _, m := range models {
		m.group = m.homes[0]
		if old := p.byName[m.Name]; old != nil {
			m.adopt(old)
		}
	}
	for _, m := range models {
		m.joinHost()
		m.settleOn(m.group)
		m.wishes.declare(&m.Model)
	}
	p.declared = Declarations{Models: slices.Clone(d.Models), Groups: slices.Clone(d.Groups), Services: slices.Clone(d.Services), Budgets: slices.Clone(d.Budgets)}
	p.models, p.groups, p.byName, p.world = models, groups, byName, 0
	p.recountTimes()
	p.updateServices(d.Services)
	p.updateBudgets(d.Budgets)
	p.targets, p.movers = nil, nil
	for _, m := range models {
		p.targets = append(p.targets, &m.scaled)
		if len(m.homes) > 1 && m.host == nil {
			p.movers = append(p.movers, m)
		}
	}
	for _, s := range p.services {
		p.targets = append(p.targets, &s.scaled)
	}
	p.connect()
	p.connectPods()
	return nil
}

// newGroups makes the groups of d, sorted by name.
func newGroups(d Declarations) (groups []*group, byName map[string]*group) {
	// In every group: a replica may still be where its model lives no more.
	dedicated := slices.ContainsFunc(d.Models, func(m Model) bool { return m.Dedicated })
	byName = map[string]*group{}
	for _, decl := range d.Groups {
		g := &group{ServerGroup: decl, dims: slices.Sorted(maps.Keys(decl.Capacity))}
		g.measure(dedicated)
		if decl.Pool != nil {
			g.pool = newPool(decl)
		}
		groups = append(groups, g)
		byName[g.Name] = g
	}
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Compare(a.Name, b.Name) })
	for i, g := range groups {
		g.rank = i
	}
	return groups, byName
}

// newModels makes the models of d, sorted by name, without a history and a group
// to live on.
func newModels(d Declarations, groups map[string]*group) (models []*model, byName map[string]*model) {
	byName = make(map[string]*model, len(d.Models))
	made := make([]model, len(d.Models)) // side by side: every tick goes through all
	sorted := slices.Clone(d.Models)
	slices.SortFunc(sorted, func(a, b Model) int { return cmp.Compare(a.Name, b.Name) })
	for i, decl := range sorted {
		m := &made[i]
		m.Model, m.rank, m.scaled = decl, i, scaled{id: TargetID{TargetModel, decl.Name}}
		m.low, m.high = decl.bounds()
		if m.DrainTimeout == 0 {
			m.DrainTimeout = defaultDrainTimeout
		}
		m.shadows = newShadows(m.Shadows)
		if m.config = m.Policy; m.config == nil {
			m.config = fixedCount{decl.Replicas}
		}
		m.homes = append(m.homes, groups[m.Group])
		if groups[m.Group].pool != nil {
			m.hears = &m.use
		}
		for _, name := range m.Fallbacks {
			m.homes = append(m.homes, groups[name])
		}
		models = append(models, m)
		byName[m.Name] = m
	}
	for _, m := range models {
		if m.With != "" {
			m.host = byName[m.With]
			m.host.with = append(m.host.with, m)
		}
	}
	return models, byName
}

func byModelName(a, b *model) int { return cmp.Compare(a.Name, b.Name) }

// adopt takes over what is remembered of the model as it was declared before.
func (m *model) adopt(old *model) {
	m.inherit(&old.scaled)
	m.wishes, m.seen, m.current = old.wishes, old.seen, old.current
	m.refused, m.counts, m.drains, m.loads = old.refused, old.counts, old.drains, old.loads
	if m.hears != nil {
		m.use.savedUsage = old.use.savedUsage
	}
	for _, home := range m.homes {
		if home.Name == old.group.Name {
			m.group = home
		}
	}
	if m.group.Name == old.group.Name && m.Version == old.Version {
		m.starting, m.failed = old.starting, old.failed
	}
}

// joinHost makes a companion live where its host does: it may have been declared
// when that one had already moved.
func (m *model) joinHost() {
	if m.host != nil && m.group != m.host.group {
		m.group, m.starting, m.failed = m.host.group, nil, nil
	}
}

// settleOn makes g, one of its homes, the group that a model lives on.
func (m *model) settleOn(g *group) {
	isM := func(x *model) bool { return x == m }
	m.group.models = slices.DeleteFunc(m.group.models, isM)
	m.group.packed = slices.DeleteFunc(m.group.packed, isM)
	m.group, m.size, m.still = g, m.newSize(g), false
	m.core = m.pinnedOn(g)
	i, _ := slices.BinarySearchFunc(g.models, m, byModelName)
	g.models = slices.Insert(g.models, i, m)
	if m.host == nil {
		i, _ = slices.BinarySearchFunc(g.packed, m, byModelName)
		g.packed = slices.Insert(g.packed, i, m)
	}
}

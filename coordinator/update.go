package coordinator

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/bellows-go/bellows/policy"
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
			g.tried = old.tried // and what has changed counts from now
			g.found, g.complete = old.found, old.complete
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
		m.settleOn(m.group)
	}
	p.declared = Declarations{Models: slices.Clone(d.Models), Groups: slices.Clone(d.Groups)}
	p.models, p.groups, p.byName, p.world = models, groups, byName, 0
	p.movers = nil
	for _, m := range models {
		if len(m.homes) > 1 && m.host == nil {
			p.movers = append(p.movers, m)
		}
	}
	p.connect()
	p.connectPods()
	return nil
}

// newGroups makes the groups of d, sorted by name.
func newGroups(d Declarations) (groups []*group, byName map[string]*group) {
	dedicated := map[string]bool{}
	for _, m := range d.Models {
		if m.Dedicated {
			dedicated[m.Group] = true
			for _, name := range m.Fallbacks {
				dedicated[name] = true
			}
		}
	}
	byName = map[string]*group{}
	for _, decl := range d.Groups {
		g := &group{ServerGroup: decl, dims: slices.Sorted(maps.Keys(decl.Capacity))}
		g.measure(dedicated[g.Name])
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
		m.Model, m.rank = decl, i
		if m.DrainTimeout == 0 {
			m.DrainTimeout = defaultDrainTimeout
		}
		if m.Policy == nil {
			m.Policy, m.Min, m.Max = fixedCount{decl.Replicas}, decl.Replicas, decl.Replicas
		}
		m.needs = m.Policy.Needs()
		m.homes = append(m.homes, groups[m.Group])
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
	m.desired, m.refused, m.seconds, m.counts, m.drains, m.frozen = old.desired, old.refused, old.seconds, old.counts, old.drains, old.frozen
	m.history, m.said, m.loads = old.history, old.said, old.loads
	for _, home := range m.homes {
		if home.Name == old.group.Name {
			m.group = home
		}
	}
	if m.group.Name == old.group.Name && m.Version == old.Version {
		m.starting, m.failed = old.starting, old.failed
	}
	if reflect.DeepEqual(old.Policy, m.Policy) {
		m.policy, m.steps = old.policy, old.steps
	}
}

// settleOn makes g, one of its homes, the group that a model lives on.
func (m *model) settleOn(g *group) {
	isM := func(x *model) bool { return x == m }
	m.group.models = slices.DeleteFunc(m.group.models, isM)
	m.group.packed = slices.DeleteFunc(m.group.packed, isM)
	m.group, m.size, m.still = g, m.newSize(g), false
	i, _ := slices.BinarySearchFunc(g.models, m, byModelName)
	g.models = slices.Insert(g.models, i, m)
	if m.host == nil {
		i, _ = slices.BinarySearchFunc(g.packed, m, byModelName)
		g.packed = slices.Insert(g.packed, i, m)
	}
}

// fixedCount is the policy of a model with a fixed count.
type fixedCount struct{ Replicas int }

// FixedCount is the reason of a fixed count's steps.
const FixedCount policy.Reason = "fixed count"

func (c fixedCount) Validate() error                  { return nil }
func (c fixedCount) Needs() policy.Needs              { return policy.Needs{} }
func (c fixedCount) New(time.Time, int) policy.Policy { return c }
func (c fixedCount) Decide(o policy.Observation) policy.Decision {
	return o.Propose(FixedCount, c.Replicas)
}

// connect makes the feeds that the models' policies need, and keeps the history
// of those there were.
func (p *Planner) connect() {
	old := p.feedOf
	p.wants, p.feeds, p.feedOf, p.timed = nil, nil, map[Series]*feed{}, nil
	want := func(m *model, name string) *feed {
		id := Series{TargetID{TargetModel, m.Name}, name}
		f := p.feedOf[id]
		if f == nil {
			f = &feed{id: id}
			p.feedOf[id] = f
			p.feeds = append(p.feeds, f)
			p.wants = append(p.wants, id)
		}
		return f
	}
	for _, m := range p.models {
		for _, sig := range m.needs.Signals {
			f := want(m, sig.Name)
			i := slices.Index(f.signals, sig)
			if i < 0 {
				i = len(f.signals)
				f.signals, f.totals = append(f.signals, sig), append(f.totals, newTotals(sig))
			}
			m.feeds, m.indexes = append(m.feeds, f), append(m.indexes, i)
		}
		m.readings = make([]policy.Reading, len(m.needs.Signals))
		if !m.needs.Seconds {
			m.seconds = nil
			continue
		}
		if m.seconds == nil {
			m.seconds = &secondsLog{}
		}
		p.timed = append(p.timed, m)
		for c, name := range secondCounts {
			f := want(m, name)
			f.seconds, f.count = m.seconds, count(c)
			if count(c) == countBegun {
				m.begun = f
			}
		}
	}
	for _, f := range p.feeds {
		if was := old[f.id]; was != nil {
			f.adopt(was)
		}
	}
}

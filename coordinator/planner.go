package coordinator

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// A Planner makes plans. It is a deterministic state machine: from the same
// state, the same snapshots give the same plans. It does no I/O; its only clock
// is Snapshot.Now. A Planner serves one goroutine.
//
// NewPlanner makes one. Without a history it starts from what it finds: each
// model's desired count is the number of its replicas, so that a restart never
// shrinks anything by itself.
type Planner struct {
	options  PlannerOptions
	declared Declarations // as given
	models   []*model     // sorted by name
	groups   []*group     // sorted by name
	byName   map[string]*model
	services []*service // sorted by name
	budgets  []*budget  // sorted by name
	stakes   [][]stake  // in budgets; as models
	claims   []claim    // lent to share
	targets  []*scaled  // of models, then of services
	wants    []Series
	feeds    []*feed // as wants
	feedOf   map[Series]*feed

	wantsPods []PodSeries
	podFeeds  []*podFeed // as wantsPods
	podFeedOf map[PodSeries]*podFeed

	tick uint64
	last time.Time // Now of the last plan
	plan Plan
	lost []string // what a Restore could not give back; faults of the next plan
}

// PlannerOptions are settings with useful zero values.
type PlannerOptions struct {
	// Stale is the age from which a sample is no longer current. 0 is 30 s. An
	// origin that stops answering makes its series partial for ten times as long;
	// then it is taken to be gone.
	Stale time.Duration
	// Epoch is stamped on every action: the number of times that leadership has
	// changed, say. An actuator refuses older ones.
	Epoch uint64
	// StartupWait is for how long nothing shrinks in a group that a planner without
	// a history finds incomplete: until all of its servers are up. 0 is 10 min.
	StartupWait time.Duration
	// History is how many decisions that changed something are kept of each model.
	// 0 is 8.
	History int
}

// model is a declared model and what the planner remembers of it.
type model struct {
	Model
	scaled
	group *group
	size  []int64 // Needs in the order of the group's dimensions

	loads    durations            // from order to loaded
	failed   []failedLoad         // sorted by server
	starting startingSince        // loads under way, by server
	drains   map[string]time.Time // first seen draining, by server, where the world does not say since when
	refused  int                  // replicas without a place in the last plan

	// Of the present snapshot:
	counts
	places  []place
	missing int   // replicas that have no place yet
	excess  int   // of the missing, those beyond all servers there could be
	spare   []int // places that are given up
	late    []int // places that load for too long to count
	revived []int // draining places that are wanted again
	planned []int // servers that get a new replica now
}

// counts are numbers of replicas by what they do.
type counts struct {
	serving, loaded, loading, draining, broken int
	tardy                                      int // loading for so long that they do not count as such
	leaving                                    int // serving on a server that leaves
}

// place is one observed replica.
type place struct {
	server  int // index in GroupState.Servers
	replica *ReplicaState
}

// NewPlanner returns a planner for d. The error is that of d.Validate or names
// a bad option.
func NewPlanner(d Declarations, o PlannerOptions) (*Planner, error) {
	if o.Stale < 0 {
		return nil, fmt.Errorf("coordinator: PlannerOptions.Stale must be >= 0, is %v", o.Stale)
	}
	if o.History < 0 {
		return nil, fmt.Errorf("coordinator: PlannerOptions.History must be >= 0, is %d", o.History)
	}
	if o.Stale == 0 {
		o.Stale = 30 * time.Second
	}
	if o.StartupWait < 0 {
		return nil, fmt.Errorf("coordinator: PlannerOptions.StartupWait must be >= 0, is %v", o.StartupWait)
	}
	if o.StartupWait == 0 {
		o.StartupWait = 10 * time.Minute
	}
	if o.History == 0 {
		o.History = 8
	}
	p := &Planner{options: o}
	if err := p.Update(d); err != nil {
		return nil, err
	}
	return p, nil
}

// Update replaces the declarations. What is remembered of models that stay is
// kept; one whose Policy differs starts its policy anew. On an error nothing
// changes. Replicas of models that are no longer declared are left alone.
func (p *Planner) Update(d Declarations) error {
	if err := d.Validate(); err != nil {
		return fmt.Errorf("coordinator: declarations: %w", err)
	}
	for _, m := range d.Models {
		if old := p.byName[m.Name]; old != nil && old.Group != m.Group {
			return fmt.Errorf("coordinator: declarations: model %s: moving from group %q to %q is not supported yet: declare it under another name", m.Name, old.Group, m.Group)
		}
	}
	groups := make([]*group, len(d.Groups))
	byGroup := map[string]*group{}
	for i, g := range d.Groups {
		groups[i] = &group{ServerGroup: g, dims: slices.Sorted(maps.Keys(g.Capacity))}
		groups[i].capacity = vector(g.Capacity, groups[i].dims)
		byGroup[g.Name] = groups[i]
	}
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Compare(a.Name, b.Name) })
	for _, old := range p.groups {
		if g := byGroup[old.Name]; g != nil {
			g.met, g.frozen, g.boots, g.starting = old.met, old.frozen, old.boots, old.starting
			g.tried = old.tried // and what has changed counts from now
			g.found, g.complete = old.found, old.complete
		}
	}

	models := make([]*model, len(d.Models))
	byName := make(map[string]*model, len(d.Models))
	for i, decl := range d.Models {
		m := &model{Model: decl, scaled: scaled{id: TargetID{TargetModel, decl.Name}, low: decl.Min, high: decl.Max}}
		m.config, m.shadows = m.Policy, newShadows(m.Shadows)
		if m.DrainTimeout == 0 {
			m.DrainTimeout = defaultDrainTimeout
		}
		g := byGroup[m.Group]
		m.group, m.size = g, vector(m.Needs, g.dims)
		if old := p.byName[m.Name]; old != nil {
			m.inherit(&old.scaled)
			m.refused, m.counts, m.drains = old.refused, old.counts, old.drains
			m.loads, m.starting, m.failed = old.loads, old.starting, old.failed
		}
		models[i] = m
		byName[m.Name] = m
		g.models = append(g.models, m)
	}
	byModelName := func(a, b *model) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(models, byModelName)
	for _, g := range groups {
		slices.SortFunc(g.models, byModelName)
	}
	p.declared = Declarations{Models: slices.Clone(d.Models), Groups: slices.Clone(d.Groups), Services: slices.Clone(d.Services), Budgets: slices.Clone(d.Budgets)}
	p.models, p.groups, p.byName = models, groups, byName
	p.updateServices(d.Services)
	p.updateBudgets(d.Budgets)
	p.targets = nil
	for _, m := range models {
		p.targets = append(p.targets, &m.scaled)
	}
	for _, s := range p.services {
		p.targets = append(p.targets, &s.scaled)
	}
	p.connect()
	p.connectPods()
	return nil
}

// Wants are the series that a snapshot should have samples of. The slice is the
// planner's; it changes with Update.
func (p *Planner) Wants() []Series { return p.wants }

// Groups are the names of the declared server groups, sorted.
func (p *Planner) Groups() []string {
	names := make([]string, len(p.groups))
	for i, g := range p.groups {
		names[i] = g.Name
	}
	return names
}

// Plan turns a snapshot into a plan. Called with a Now that is not later than
// the last one, it returns the last plan again and remembers nothing of s.
func (p *Planner) Plan(s Snapshot) Plan {
	if p.tick > 0 && !s.Now.After(p.last) {
		return p.plan
	}
	p.tick++
	p.last = s.Now
	p.plan = Plan{
		At: s.Now, Now: p.plan.Now[:0], Later: p.plan.Later[:0], Models: p.plan.Models[:0],
		Services: p.plan.Services[:0], Budgets: p.plan.Budgets[:0],
		Groups: p.plan.Groups[:0], Refused: p.plan.Refused[:0], Faults: p.plan.Faults[:0],
	}
	p.plan.Faults = append(p.plan.Faults, p.lost...)
	p.lost = nil
	p.listen(&s)
	p.listenPods(s.Pods)
	p.look(&s.World)
	p.lookServices(&s.World)
	for _, m := range p.models {
		p.decide(m, &s)
	}
	for _, x := range p.services {
		p.decideService(x, &s)
	}
	p.keepBudgets()
	p.take()
	for _, g := range p.groups {
		p.arrange(g)
	}
	p.scaleServices()
	slices.SortStableFunc(p.plan.Now, func(a, b Action) int { return cmp.Compare(rank(&a), rank(&b)) })
	return p.plan
}

// rank orders actions: growth first, shrinking last.
func rank(a *Action) int {
	if (a.Kind == ScaleGroup || a.Kind == ScaleService) && a.Why.Want < a.Why.Have {
		return int(Unload) + 1
	}
	return int(a.Kind)
}

func (p *Planner) fault(format string, args ...any) {
	p.plan.Faults = append(p.plan.Faults, fmt.Sprintf(format, args...))
}

// listen takes in the samples.
func (p *Planner) listen(s *Snapshot) {
	for _, t := range p.targets {
		if t.seconds != nil {
			t.seconds.start(s.Now)
		}
	}
	cursor := 0 // sources tend to answer in the order they were asked
	for i := range s.Samples {
		sample := &s.Samples[i]
		var f *feed
		for range min(2, len(p.wants)) {
			if p.wants[cursor] == sample.Series {
				f = p.feeds[cursor]
				break
			}
			cursor = (cursor + 1) % len(p.wants)
		}
		if f == nil {
			if f = p.feedOf[sample.Series]; f == nil {
				continue
			}
		}
		if err := f.take(sample, s.Now, p.tick); err != nil {
			p.fault("%v", err)
		}
	}
	for _, f := range p.feeds {
		f.forget(s.Now, p.options.Stale)
	}
}

// look counts the replicas of the world.
func (p *Planner) look(w *World) {
	for _, m := range p.models {
		m.places, m.planned = m.places[:0], m.planned[:0]
	}
	for _, g := range p.groups {
		g.state, g.fault = nil, nil
	}
	next := 0
	for i := range w.Groups {
		state := &w.Groups[i]
		g := p.group(state.Name, &next)
		if g == nil {
			continue // nobody declared it
		}
		if g.state != nil {
			g.fault = errors.New("listed twice")
			continue
		}
		g.state = state
	}
	for _, g := range p.groups {
		switch {
		case slices.Contains(w.Unseen, g.Name):
			g.state = nil
		case g.fault == nil && g.state == nil:
			g.fault = errors.New("not in the world, nor among the unseen")
		case g.fault == nil:
			g.fault = g.look(p.byName)
		}
		if g.fault != nil {
			p.fault("group %s: %v", g.Name, g.fault)
			g.state = nil
		}
		if g.state != nil {
			g.assemble(p.last, p.options.StartupWait)
			g.learnTimes()
			for _, m := range g.models {
				m.count(g.state, p.last)
			}
		}
	}
}

// group finds a declared group; hint is where to look first.
func (p *Planner) group(name string, hint *int) *group {
	if *hint < len(p.groups) && p.groups[*hint].Name == name {
		*hint++
		return p.groups[*hint-1]
	}
	i, found := slices.BinarySearchFunc(p.groups, name, func(g *group, name string) int { return cmp.Compare(g.Name, name) })
	if !found {
		return nil
	}
	*hint = i + 1
	return p.groups[i]
}

// count sorts the model's places by what they do.
func (m *model) count(g *GroupState, now time.Time) {
	m.counts = counts{}
	for _, at := range m.places {
		switch at.replica.Phase {
		case Serving:
			m.serving++
			if g.Servers[at.server].Leaving {
				m.leaving++
			}
		case Loaded:
			m.loaded++
		case Loading:
			if m.overdue(at.replica, now) {
				m.tardy++
			} else {
				m.loading++
			}
		case Draining:
			m.draining++
		default:
			m.broken++
		}
	}
}

func vector(r Resources, dims []string) []int64 {
	v := make([]int64, len(dims))
	for i, name := range dims {
		v[i] = r[name]
	}
	return v
}

func path(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

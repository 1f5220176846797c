package coordinator

import (
	"cmp"
	"fmt"
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
	bids     bids       // and to fillByValue
	targets  []*scaled  // of models, then of services
	movers   []*model   // those with several homes; a companion goes with its host
	timed    []*scaled  // those with seconds
	loads    usual      // of models
	boots    usual      // of groups
	wants    []Series
	feeds    []*feed // as wants
	feedOf   map[Series]*feed

	wantsPods []PodSeries
	podFeeds  []*podFeed // as wantsPods
	podFeedOf map[PodSeries]*podFeed

	world uint64 // World.Seq of the last one; 0: none, or it had none
	tick  uint64
	last  time.Time // Now of the last plan
	plan  Plan
	lost  []string // what a Restore could not give back; faults of the next plan
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
	// a history finds incomplete: until all of its servers are up. As long a model of
	// which nothing is found waits for those of its Fallbacks that cannot be seen. 0
	// is 10 min.
	StartupWait time.Duration
	// History is how many decisions that changed something are kept of each model.
	// 0 is 8.
	History int
}

// model is a declared model and what the planner remembers of it.
type model struct {
	Model
	scaled
	homes []*group // that may host it, in order of preference
	rank  int      // among the models by name
	group *group   // of these, the one that does
	size  []int64  // what a replica takes of a server of the group, companions included; none if it is one
	core  []int64  // of size, what is never evicted; nil where nothing is overcommitted
	host  *model   // that it sits With
	with  []*model // its companions, sorted by name

	loads    durations            // from order to loaded
	failed   []failedLoad         // sorted by server
	starting startingSince        // loads under way, by server
	drains   map[string]time.Time // first seen draining, by server, where the world does not say since when
	wishes   wishes
	use      usage // in a pool
	seen     bool  // in the last plan
	before   int   // desired, before this plan
	current  int   // serving as declared, when last seen
	refused  int   // replicas without a place in the last plan

	// Of the present snapshot:
	counts
	places  []place // by group, server, index
	still   bool    // counts are those of places, whatever the time
	missing int     // replicas that have no place yet
	coming  int     // of those, the ones that Plan.Later shows a place for
	excess  int     // of the missing, those beyond all servers there could be
	spare   []int   // places that are given up
	late    []int   // places that load for too long to count
	revived []int   // draining places that are wanted again
	planned []int   // servers that get a new replica now
}

// counts are numbers of replicas by what they do.
type counts struct {
	serving, loaded, loading, draining, broken int
	tardy                                      int // loading for so long that they do not count as such
	leaving                                    int // serving where it does not stay
	old                                        int // not serving yet, and not to
}

// place is one observed replica, or where one is to be. It holds from one
// snapshot to the next, while the server is as it was.
type place struct {
	group  *group
	server int   // index in group.state.Servers
	index  int32 // in the server's Replicas
	phase  ReplicaPhase
	old    bool // not of the version that is declared
	seen   bool // it is one that was observed
}

// name of the server.
func (at place) name() string { return at.group.state.Servers[at.server].Name }

func (at place) replica() *ReplicaState { return &at.group.state.Servers[at.server].Replicas[at.index] }

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
	for _, g := range p.groups {
		p.decidePool(g, &s)
	}
	for _, x := range p.services {
		p.decideService(x, &s)
	}
	p.keepWithHosts()
	p.keepBudgets()
	if p.keepWithHosts() {
		p.recountBudgets()
	}
	p.take()
	p.arrange()
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

// ofOldVersion reports whether a sample is about a version that is not declared.
func (p *Planner) ofOldVersion(s *Sample) bool {
	m := p.byName[s.Target.Name]
	return s.Target.Kind == TargetModel && m != nil && m.Version != s.ModelVersion
}

func (p *Planner) fault(format string, args ...any) {
	p.plan.Faults = append(p.plan.Faults, fmt.Sprintf(format, args...))
}

// listen takes in the samples.
func (p *Planner) listen(s *Snapshot) {
	for _, t := range p.timed {
		t.seconds.start(s.Now)
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
		if sample.ModelVersion != "" && p.ofOldVersion(sample) {
			continue
		}
		if err := f.take(sample, s.Now, p.tick); err != nil {
			p.fault("%v", err)
		}
	}
	for _, f := range p.feeds {
		f.forget(s.Now, p.options.Stale)
	}
}

func path(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

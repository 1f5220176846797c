package coordinator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bellows-go/bellows/internal/plain"
	"github.com/bellows-go/bellows/policy"
)

// stateVersion is the version of saved state.
const stateVersion = 2

// savedPlanner is what a planner remembers, all lists sorted.
type savedPlanner struct {
	V      int
	At     time.Time // of the last plan; zero: none was made
	Groups []savedGroup
}

// savedGroup is the memory of one group and its models. Series can be lost: a
// planner without them waits for new samples and shrinks nothing until then.
type savedGroup struct {
	Name     string
	Met      bool
	Found    time.Time
	Complete bool
	Frozen   time.Time
	Boots    durations
	Starting startingSince
	Moving   *moving
	Changed  time.Time
	Tried    time.Time
	Pool     *savedPool
	Models   []savedModel
	Services []savedService // in the group without a name, which has nothing but them
	Series   []savedSeries
}

type savedModel struct {
	savedScaled
	Refused  int
	Wishes   wishes
	Counts   savedCounts
	Drains   map[string]time.Time
	Loads    durations
	Failed   []failedLoad
	Starting startingSince
	Use      *savedUsage // in a pool
}

// savedCounts are the counts of a model as last seen.
type savedCounts struct{ Serving, Loaded, Loading, Draining, Broken, Tardy, Leaving, Old int }

type savedSeries struct {
	Model, Name string // in the group without a name, Model is a service
	Origins     []savedOrigin
	Totals      []savedTotals // of the quantiles
}

type savedOrigin struct {
	Name         string
	Now          bool // it answered in the last plan
	Heard, At    time.Time
	Last         float64
	Quality      policy.Quality
	Answered, Of int32
	Cumulative   bool
	Counter      json.RawMessage
	Rate         float64
	Rated        bool
	Windows      []savedWindow
}

type savedWindow struct {
	Signal policy.Signal
	State  json.RawMessage
}

type savedTotals struct {
	Signal policy.Signal
	Last   time.Time
	State  json.RawMessage
}

// AppendState appends what the planner remembers to dst, as versioned JSON.
// StateParts gives the same in parts of limited size.
func (p *Planner) AppendState(dst []byte) []byte {
	s := p.saved()
	return appendPlain(dst, &s)
}

func (p *Planner) saved() savedPlanner {
	s := savedPlanner{V: stateVersion, At: p.last}
	if len(p.services) > 0 {
		s.Groups = append(s.Groups, p.saveServices())
	}
	for _, g := range p.groups {
		s.Groups = append(s.Groups, p.saveGroup(g))
	}
	return s
}

// Restore replaces what the planner remembers by a saved state, of these
// declarations or others: what is not declared any more is left out, and what
// is new starts anew. A model whose policy refuses its memory (it is of another
// kind, say) keeps its count, and its policy starts anew: the next plan's Faults
// name it. Plan goes on as if nothing had happened for snapshots later than the
// last plan; of that one itself nothing is kept.
//
// On an error nothing has changed, so that the planner starts safely from what
// it finds.
func (p *Planner) Restore(state []byte) error {
	s, err := readState(state)
	if err != nil {
		return err
	}
	return p.restore(s)
}

func readState(data []byte) (*savedPlanner, error) {
	var s savedPlanner
	if err := plain.Decode(data, &s, nil); err != nil {
		return nil, fmt.Errorf("coordinator: restore: %w", err)
	}
	if s.V < 1 || s.V > stateVersion { // 1 had no Wishes: they start anew
		return nil, fmt.Errorf("coordinator: restore: version %d, can read 1 to %d", s.V, stateVersion)
	}
	return &s, nil
}

func (p *Planner) saveGroup(g *group) savedGroup {
	s := savedGroup{Name: g.Name, Met: g.met, Found: g.found, Complete: g.complete, Frozen: g.frozen, Boots: g.boots, Starting: g.starting, Moving: g.moving, Changed: g.changed, Tried: g.tried, Pool: g.pool.save()}
	for _, m := range g.models {
		s.Models = append(s.Models, m.save())
	}
	s.Series = p.saveSeries(func(id TargetID) bool { return id.Kind == TargetModel && p.byName[id.Name].group == g })
	return s
}

// saveSeries saves what was heard of some targets, sorted.
func (p *Planner) saveSeries(of func(TargetID) bool) (list []savedSeries) {
	for _, f := range p.feeds {
		if of(f.id.Target) && len(f.origins) > 0 {
			list = append(list, f.save(p.tick))
		}
	}
	slices.SortFunc(list, func(a, b savedSeries) int { return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Name, b.Name)) })
	return list
}

func (m *model) save() savedModel {
	c := m.counts
	var use *savedUsage
	if m.hears != nil {
		use = &m.use.savedUsage
	}
	return savedModel{
		savedScaled: m.scaled.save(), Refused: m.refused, Wishes: m.wishes,
		Counts: savedCounts{c.serving, c.loaded, c.loading, c.draining, c.broken, c.tardy, c.leaving, c.old}, Drains: m.drains,
		Loads: m.loads, Starting: m.starting, Failed: m.failed, Use: use,
	}
}

func (f *feed) save(tick uint64) savedSeries {
	s := savedSeries{Model: f.id.Target.Name, Name: f.id.Name}
	for _, o := range f.origins {
		so := savedOrigin{
			Name: o.name, Now: o.tick == tick, Heard: o.heard, At: o.at, Last: o.last, Quality: o.quality, Answered: o.answered, Of: o.of,
			Cumulative: o.cumulative, Counter: o.counter.AppendState(nil), Rate: o.rate, Rated: o.rated,
		}
		for i, w := range o.windows {
			if w != nil {
				so.Windows = append(so.Windows, savedWindow{f.signals[i], w.AppendState(nil)})
			}
		}
		s.Origins = append(s.Origins, so)
	}
	for i, t := range f.totals {
		if t != nil {
			s.Totals = append(s.Totals, savedTotals{f.signals[i], t.last, t.window.AppendState(nil)})
		}
	}
	return s
}

// check refuses what no planner has saved.
func (s *savedPlanner) check() error {
	groups, models := map[string]bool{}, map[string]bool{}
	for _, g := range s.Groups {
		if groups[g.Name] {
			return fmt.Errorf("group %q stands twice", g.Name)
		}
		groups[g.Name] = true
		if err := g.Moving.check(); err != nil {
			return fmt.Errorf("group %q: %w", g.Name, err)
		}
		if err := g.Boots.check(); err != nil {
			return fmt.Errorf("group %q: %w", g.Name, err)
		}
		if err := g.Pool.check(); err != nil {
			return fmt.Errorf("group %q: %w", g.Name, err)
		}
		for _, m := range g.Models {
			c := m.Counts
			for _, n := range []int{m.Desired, m.Refused, c.Serving, c.Loaded, c.Loading, c.Draining, c.Broken, c.Tardy, c.Leaving, c.Old} {
				if n < 0 || n > maxCount {
					return fmt.Errorf("model %q: a count of %d", m.Name, n)
				}
			}
			if models[m.Name] {
				return fmt.Errorf("model %q stands twice", m.Name)
			}
			models[m.Name] = true
			if !slices.IsSortedFunc(m.Failed, func(a, b failedLoad) int { return cmp.Compare(a.Server, b.Server) }) {
				return fmt.Errorf("model %q: failed loads out of order", m.Name)
			}
			for _, f := range m.Failed {
				if f.Times < 1 || f.Times > maxCount {
					return fmt.Errorf("model %q: %d failed loads on %q", m.Name, f.Times, f.Server)
				}
			}
			if err := m.Wishes.check(); err != nil {
				return fmt.Errorf("model %q: %w", m.Name, err)
			}
			if err := m.Loads.check(); err != nil {
				return fmt.Errorf("model %q: %w", m.Name, err)
			}
			if err := m.Use.check(); err != nil {
				return fmt.Errorf("model %q: %w", m.Name, err)
			}
			if err := m.Seconds.check(); err != nil {
				return fmt.Errorf("model %q: %w", m.Name, err)
			}
			if err := checkShadows(m.Shadows); err != nil {
				return fmt.Errorf("model %q: %w", m.Name, err)
			}
		}
		if err := checkServices(g.Services); err != nil {
			return err
		}
	}
	return nil
}

// restore checks all of s, then takes it over.
func (p *Planner) restore(s *savedPlanner) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("coordinator: restore: %w", err)
	}
	series := map[Series]*feed{}
	for _, g := range s.Groups {
		for i := range g.Series {
			id := Series{TargetID{TargetModel, g.Series[i].Model}, g.Series[i].Name}
			if g.Name == "" {
				id.Target.Kind = TargetService
			}
			f := p.feedOf[id]
			if f == nil {
				continue
			}
			fresh, err := f.restored(&g.Series[i])
			if err != nil {
				return fmt.Errorf("coordinator: restore: %v %q: %s: %w", id.Target.Kind, id.Target.Name, id.Name, err)
			}
			series[id] = fresh
		}
	}
	p.forgetWorld()
	p.tick, p.last, p.plan, p.lost = 0, s.At, Plan{}, nil
	if !s.At.IsZero() {
		p.tick = 1
	}
	for i, f := range p.feeds {
		fresh := series[f.id]
		if fresh == nil {
			fresh = &feed{id: f.id, signals: f.signals, totals: freshTotals(f.signals)}
		}
		p.feeds[i].origins, p.feeds[i].totals = fresh.origins, fresh.totals
	}
	saved := map[string]*savedModel{}
	groups := map[string]*savedGroup{}
	for i := range s.Groups {
		groups[s.Groups[i].Name] = &s.Groups[i]
		for j := range s.Groups[i].Models {
			saved[s.Groups[i].Models[j].Name] = &s.Groups[i].Models[j]
		}
	}
	for _, g := range p.groups {
		g.met, g.frozen, g.boots, g.starting = false, time.Time{}, durations{}, nil
		g.moving, g.changed, g.tried = nil, time.Time{}, time.Time{}
		g.found, g.complete = time.Time{}, false
		if was := groups[g.Name]; was != nil {
			g.met, g.frozen, g.boots, g.starting = was.Met, was.Frozen, was.Boots, maps.Clone(was.Starting)
			if g.OneToOne {
				g.frozen = time.Time{}
			}
			g.moving, g.changed, g.tried = was.Moving, was.Changed, was.Tried
			g.found, g.complete = was.Found, was.Complete
		}
	}
	for _, g := range p.groups {
		if g.pool == nil {
			continue
		}
		var was *savedPool
		if saved := groups[g.Name]; saved != nil {
			was = saved.Pool
		}
		if err := g.pool.restore(was, s.At, 0); err != nil {
			p.lost = append(p.lost, fmt.Sprintf("group %s: its policy's memory is lost: %v", g.Name, err))
		}
	}
	for i := range s.Groups {
		for j := range s.Groups[i].Models {
			p.rehouse(s.Groups[i].Models[j].Name, s.Groups[i].Name)
		}
	}
	for _, m := range p.models {
		if m.host != nil {
			m.settleOn(m.host.group) // that it may not have sat with when it was saved
		}
		if err := m.restore(saved[m.Name], s.At); err != nil {
			p.lost = append(p.lost, fmt.Sprintf("model %s: its policy's memory is lost: %v", m.Name, err))
		}
	}
	p.recountTimes()
	p.restoreServices(groups[""], s.At)
	return nil
}

// restore takes over what was saved of a model, if anything. The error is the
// policy's, which then starts anew.
func (m *model) restore(s *savedModel, at time.Time) error {
	m.refused, m.counts, m.drains = 0, counts{}, nil
	m.loads, m.starting, m.failed = durations{}, nil, nil
	m.wishes, m.seen, m.current = wishes{}, false, 0
	m.use.savedUsage = savedUsage{}
	if s != nil {
		m.wishes = s.Wishes
	}
	m.wishes.declare(&m.Model)
	if s == nil {
		return m.scaled.restore(nil, at, 0)
	}
	c := s.Counts
	m.counts = counts{c.Serving, c.Loaded, c.Loading, c.Draining, c.Broken, c.Tardy, c.Leaving, c.Old}
	m.loads, m.starting, m.failed = s.Loads, maps.Clone(s.Starting), s.Failed
	m.refused, m.drains = s.Refused, maps.Clone(s.Drains)
	if s.Use != nil && m.hears != nil {
		m.use.savedUsage = *s.Use
	}
	return m.scaled.restore(&s.savedScaled, at, m.serving)
}

// restored is a feed like f with a saved history.
func (f *feed) restored(s *savedSeries) (*feed, error) {
	fresh := &feed{id: f.id, signals: f.signals, totals: freshTotals(f.signals)}
	for i := range s.Origins {
		so := &s.Origins[i]
		if i > 0 && so.Name <= s.Origins[i-1].Name {
			return nil, fmt.Errorf("origin %q is out of order", so.Name)
		}
		o := f.newOrigin(so.Name)
		o.heard, o.at, o.last, o.quality, o.answered, o.of = so.Heard, so.At, so.Last, so.Quality, so.Answered, so.Of
		o.cumulative, o.rate, o.rated = so.Cumulative, so.Rate, so.Rated
		if so.Now {
			o.tick = 1
		}
		if err := o.counter.Restore(so.Counter); err != nil {
			return nil, err
		}
		for _, w := range so.Windows {
			j := slices.Index(f.signals, w.Signal)
			if j < 0 || o.windows[j] == nil {
				continue // nobody asks for it any more
			}
			if err := o.windows[j].Restore(w.State); err != nil {
				return nil, err
			}
		}
		fresh.origins = append(fresh.origins, o)
	}
	for _, t := range s.Totals {
		j := slices.Index(f.signals, t.Signal)
		if j < 0 || fresh.totals[j] == nil {
			continue
		}
		if err := fresh.totals[j].window.Restore(t.State); err != nil {
			return nil, err
		}
		fresh.totals[j].last = t.Last
	}
	return fresh, nil
}

func freshTotals(signals []policy.Signal) []*totals {
	list := make([]*totals, len(signals))
	for i, sig := range signals {
		list[i] = newTotals(sig)
	}
	return list
}

func appendPlain(dst []byte, s any) []byte {
	dst, err := plain.Append(dst, s, nil)
	if err != nil {
		panic("coordinator: a memory that is no JSON: " + err.Error()) // ours alone, all plain data
	}
	return dst
}

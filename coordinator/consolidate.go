package coordinator

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bellows-go/bellows/internal/check"
	"github.com/bellows-go/bellows/packing"
)

// A Consolidation says how a group's servers are emptied by moving what is left
// on them, so that fewer are needed. Each replica that moves is loaded and
// serves in its new place before it stops in the old one. The zero value
// consolidates with the defaults.
type Consolidation struct {
	Off bool // servers go only when they have emptied by themselves
	// Settle is for how long nothing must have changed in the group before, nor
	// anything be consolidated again after. 0 is 5 min.
	Settle time.Duration
	// Quiet is for how long the load is expected to stay as it is: a server is
	// emptied only if all loads that this takes, added up, are over sooner. 0 is
	// 30 min.
	Quiet    time.Duration
	MaxMoves int // replicas that move at once, at most; 0 is 16
}

const (
	defaultSettle   = 5 * time.Minute
	defaultQuiet    = 30 * time.Minute
	defaultMaxMoves = 16

	// moveTimeout is for how long moves are waited for; then they are given up.
	moveTimeout = 30 * time.Minute
)

func (c *Consolidation) validate(f *check.Faults, field string) {
	f.Require(c.Settle >= 0, field+".Settle", "must be >= 0, is %v", c.Settle)
	f.Require(c.Quiet >= 0, field+".Quiet", "must be >= 0, is %v", c.Quiet)
	f.Require(c.MaxMoves >= 0, field+".MaxMoves", "must be >= 0, is %d", c.MaxMoves)
}

func orElse[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// A moving is a consolidation under way: where replicas of some models are to
// sit, and which servers are to be empty then.
type moving struct {
	Since time.Time
	Empty []string // servers, sorted
	To    []movingTo
}

// movingTo are the servers that a model's replicas move to or stay on, sorted.
type movingTo struct {
	Model   string
	Servers []string
}

func (mv *moving) check() error {
	if mv == nil {
		return nil
	}
	byModel := func(a, b movingTo) int { return cmp.Compare(a.Model, b.Model) }
	if !slices.IsSorted(mv.Empty) || !slices.IsSortedFunc(mv.To, byModel) {
		return errors.New("moves out of order")
	}
	for _, t := range mv.To {
		if len(t.Servers) == 0 || !slices.IsSorted(t.Servers) || len(slices.Compact(slices.Clone(t.Servers))) < len(t.Servers) {
			return fmt.Errorf("moves of %q that cannot be", t.Model)
		}
	}
	return nil
}

func (mv *moving) empties(server string) bool {
	if mv == nil {
		return false
	}
	_, found := slices.BinarySearch(mv.Empty, server)
	return found
}

// to returns where a model's replicas are to sit; nil if it has no part in it.
func (mv *moving) to(model string) []string {
	if mv == nil {
		return nil
	}
	i, found := slices.BinarySearchFunc(mv.To, model, func(t movingTo, name string) int { return cmp.Compare(t.Model, name) })
	if !found {
		return nil
	}
	return mv.To[i].Servers
}

// consolidate begins moves where the group has been quiet for long enough, goes
// on with those under way, or gives them up.
func (p *Planner) consolidate(g *group) {
	now := p.last
	switch {
	case g.moving == nil:
	case !g.possible(now):
		g.moving, g.changed = nil, now
	case g.done():
		g.moving, g.changed = nil, now // nothing reverts it for a while
	}
	if g.moving != nil {
		return
	}
	settle := orElse(g.Consolidation.Settle, defaultSettle)
	switch {
	case !g.quiet() || g.changed.IsZero():
		g.changed = now
	case g.Consolidation.Off || now.Before(g.frozen) || now.Sub(g.changed) < settle || now.Sub(g.tried) < settle:
	case g.Fixed || len(g.state.Servers) <= g.Min || g.bound() >= len(g.state.Servers):
	default:
		g.tried = now
		p.beginMoves(g)
	}
}

// quiet reports whether everything in the group is as it should be.
func (g *group) quiet() bool {
	servers, ghosts := g.current()
	if g.guests > 0 || ghosts > 0 || servers != len(g.state.Servers) {
		return false
	}
	if g.tally.booting+g.tally.foreign > 0 {
		return false
	}
	for _, m := range g.models {
		if m.counts != (counts{serving: m.desired}) || len(m.failed) > 0 {
			return false
		}
	}
	return true
}

// possible reports whether moves under way still make sense: as many replicas
// are wanted, and every server they go to is there.
func (g *group) possible(now time.Time) bool {
	if now.Sub(g.moving.Since) > moveTimeout || now.Before(g.frozen) {
		return false
	}
	for _, t := range g.moving.To {
		i := slices.IndexFunc(g.models, func(m *model) bool { return m.Name == t.Model })
		if i < 0 || g.models[i].desired != len(t.Servers) {
			return false
		}
		for _, name := range t.Servers {
			j, found := g.serverIndex(name)
			if !found || g.state.Servers[j].Leaving || g.state.Servers[j].Phase != Up {
				return false
			}
		}
	}
	for _, m := range g.models {
		if m.serving+m.loaded+m.loading+m.draining < m.desired {
			return false // something else has become more urgent
		}
	}
	return true
}

// done reports whether every replica sits where it was to go.
func (g *group) done() bool {
	for _, m := range g.models {
		to := g.moving.to(m.Name)
		if to == nil {
			continue
		}
		if m.counts != (counts{serving: m.desired}) {
			return false
		}
		for _, at := range m.places {
			if _, found := slices.BinarySearch(to, at.name()); !found {
				return false
			}
		}
	}
	return true
}

func (g *group) serverIndex(name string) (int, bool) {
	return slices.BinarySearchFunc(g.state.Servers, name, func(s ServerState, name string) int { return cmp.Compare(s.Name, name) })
}

// beginMoves looks for servers that can be emptied, and begins if the moves have
// an order in which every state is a valid one.
func (p *Planner) beginMoves(g *group) {
	problem := g.whole()
	removal := packing.Free
	if g.Removal == Ordinal {
		removal = packing.Ordinal
	}
	a, err := packing.Consolidate(problem, packing.Consolidation{
		Removal: removal, MaxMoves: orElse(g.Consolidation.MaxMoves, defaultMaxMoves),
		Quiet: orElse(g.Consolidation.Quiet, defaultQuiet).Milliseconds(),
	})
	if err != nil {
		p.fault("group %s: consolidation: %v", g.Name, err)
		return
	}
	if a.Moved == 0 {
		return
	}
	s, err := packing.Order(problem, a)
	if err != nil {
		p.fault("group %s: consolidation: %v", g.Name, err)
		return
	}
	if len(s.Left) > 0 || s.Detours > 0 {
		return // not without downtime, or not worth the way round
	}
	g.moving = &moving{Since: p.last}
	holds := make([]bool, len(g.state.Servers))
	for c, m := range g.packed {
		for _, b := range a.Bins[c] {
			holds[b] = true
		}
		if !slices.Equal(a.Bins[c], problem.Classes[c].At) {
			t := movingTo{Model: m.Name}
			for _, b := range a.Bins[c] { // ascending, as names are
				t.Servers = append(t.Servers, g.state.Servers[b].Name)
			}
			g.moving.To = append(g.moving.To, t)
		}
	}
	for i, h := range holds {
		if !h && g.views[i].replicas > 0 {
			g.moving.Empty = append(g.moving.Empty, g.state.Servers[i].Name)
		}
	}
}

// whole is the packing problem of everything that sits in the group: bins are
// its servers, classes its models, both in the order of their names. Companions
// go with their hosts.
func (g *group) whole() *packing.Problem {
	p := &packing.Problem{Dimensions: g.dims, Zones: g.Zones}
	for i := range g.state.Servers {
		s := &g.state.Servers[i]
		b := g.bin()
		b.Name, b.Zone, b.Ordinal, b.Used = s.Name, s.Zone, s.Ordinal, slices.Clone(g.views[i].used)
		if !g.open(i) && !g.moving.empties(s.Name) {
			b.State = packing.Closed
		}
		p.Bins = append(p.Bins, b)
	}
	for _, m := range g.packed {
		c := m.class(g)
		c.Count, c.MoveCost = m.desired, max(1, m.loads.orElse(0.9, m.LoadTime).Milliseconds())
		for _, with := range m.with {
			c.MoveCost += with.loads.orElse(0.9, with.LoadTime).Milliseconds()
		}
		for _, at := range m.places {
			if !m.owns(at) {
				continue
			}
			switch at.phase {
			case Loading, Loaded, Serving: // what does anything else takes room until it is gone
				c.At = append(c.At, at.server)
				for d, x := range m.size {
					p.Bins[at.server].Used[d] -= x
				}
			}
		}
		p.Classes = append(p.Classes, c)
	}
	return p
}

// moveNow loads replicas in the places they move to, as far as the order of the
// moves allows at this instant.
func (p *Planner) moveNow(g *group) {
	problem := g.whole()
	a := &packing.Assignment{Bins: make([][]int, len(g.packed))}
	for c, m := range g.packed {
		a.Bins[c] = problem.Classes[c].At
		if to := g.moving.to(m.Name); to != nil {
			a.Bins[c] = nil
			for _, name := range to {
				i, _ := g.serverIndex(name) // g.possible has found it
				a.Bins[c] = append(a.Bins[c], i)
			}
		}
	}
	s, err := packing.Order(problem, a)
	if err != nil {
		p.fault("group %s: consolidation: %v", g.Name, err)
		return
	}
	for _, step := range s.Steps {
		m := g.packed[step.Class]
		if step.Kind != packing.Load || len(step.After) > 0 || !g.fits(step.Bin, m.size) || m.has(step.Bin) {
			continue
		}
		p.load(g, m, step.Bin, Consolidating)
	}
}

// fits reports whether a server has room for a size more, whatever it holds.
func (g *group) fits(server int, size []int64) bool {
	for d, size := range size {
		if g.views[server].used[d]+size > g.limit[d] {
			return false
		}
	}
	return true
}

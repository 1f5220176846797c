package coordinator

import (
	"reflect"
	"slices"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// pool warns of pools that share less than they seem to.
func (l *linter) pool(d Declarations, g *ServerGroup, field string) {
	if g.Pool == nil {
		return
	}
	var models []int // in d.Models
	l.lead, l.most, l.calm = 0, g.Max, false
	for i := range d.Models {
		if d.Models[i].Group == g.Name {
			models = append(models, i)
			l.lead = max(l.lead, d.Models[i].LoadTime)
		}
	}
	l.lead += g.BootTime
	l.config(field+".Pool.Policy", g.Pool.Policy)
	if g.Pool.Policy == nil && !g.Fixed && g.Max > g.Min && len(models) > 1 {
		l.warn(field+".Pool.Policy", "give it one, which is shown the sum of its models: Adaptive, say",
			"without one there are as many servers as the copies need places, whatever its %d models have to do together", len(models))
	}
	if g.Consolidation != (Consolidation{}) && !g.Consolidation.Off {
		l.warn(field+".Consolidation", "leave it out", "does nothing: the servers of a pool are emptied by retiring")
	}
	l.valued(d, models)
	for _, i := range models {
		m, at := &d.Models[i], path("Models", i)
		if m.Slots != 0 && m.Slots != g.Pool.Slots {
			l.warn(at+".Slots", "leave it out", "%d is not looked at: a copy in the pool %q has its %d", m.Slots, g.Name, g.Pool.Slots)
		}
		wait, ok := waits(m.Policy)
		if ok && m.LoadTime > wait && m.evicted(g) {
			l.warn(at+".Pinned", "pin all that it needs, or do not overcommit",
				"%q overcommits: a copy can be evicted, and a request that finds it so waits %v for a load, which is longer than the %v that its policy is to keep", g.Name, m.LoadTime, wait)
		}
	}
}

// valued warns of a model whose policy says nothing of what a copy is worth where
// others' do.
func (l *linter) valued(d Declarations, models []int) {
	has := func(i int) bool { return values(d.Models[i].Policy) }
	first := slices.IndexFunc(models, has)
	if first < 0 {
		return
	}
	for _, i := range models {
		if d.Models[i].Policy != nil && !has(i) {
			l.warn(path("Models", i)+".Policy", "use one that is a Valuer for all, as SLO and Adaptive are",
				"says nothing of what a copy beyond the desired ones is worth, and that of %q does: free room in the pool goes to the latter", d.Models[models[first]].Name)
		}
	}
}

// evicted reports whether a copy can be evicted from a server of the group.
func (m *Model) evicted(g *ServerGroup) bool {
	for name, fraction := range g.Overcommit {
		if fraction > 0 && m.Needs[name] > m.Pinned[name] {
			return true
		}
	}
	return false
}

// waits is the shortest wait that a policy, or one within it, is to keep.
func waits(c policy.Config) (least time.Duration, ok bool) {
	walk("", reflect.ValueOf(c), func(_ string, c policy.Config, within func()) {
		within()
		wait := time.Duration(0)
		switch c := c.(type) {
		case policy.SLO:
			wait = c.Wait
		case policy.Adaptive:
			wait = c.Wait
		case policy.Envelope:
			wait = c.Wait
		default:
			return
		}
		if !ok || wait < least {
			least, ok = wait, true
		}
	})
	return least, ok
}

// values reports whether a policy is a Valuer, or wraps one whose values policy.Value
// finds: a First and a Lowest have none, whatever they are of.
func values(c policy.Config) (found bool) {
	walk("", reflect.ValueOf(c), func(_ string, c policy.Config, within func()) {
		switch c.(type) {
		case policy.First, policy.Lowest:
			return
		}
		within()
		defer func() { _ = recover() }() // one that is not ours
		if !found && c.Validate() == nil {
			_, found = c.New(time.Unix(0, 0), 0).(policy.Valuer)
		}
	})
	return found
}

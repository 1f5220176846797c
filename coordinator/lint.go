package coordinator

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/policy"
)

// A Warning is a setting that is legal and foolish.
type Warning struct {
	Field  string // its path, as in Validate's errors
	Issue  string // what is foolish, with the numbers
	Advice string // what to do instead
}

// String reads like "Models[0].Policy.CoolDown: 1m0s is over before ...; wait ...".
func (w Warning) String() string { return w.Field + ": " + w.Issue + "; " + w.Advice }

// Lint warns of settings that Validate accepts and that will not do what they
// seem to: cool-downs and stabilization that end before what was ordered is
// ready, minimums for which there is no room, windows that hold no two samples,
// targets that count replicas twice, tolerances too small to act, several scalers
// of one model, policies that nothing reaches, pools that share less than they
// seem to. interval is how often samples come (a store's scrape interval); 0 leaves
// out what depends on it. What is not valid is passed over.
func Lint(d Declarations, interval time.Duration) []Warning {
	l := &linter{interval: interval}
	for i := range d.Models {
		m := &d.Models[i]
		field := path("Models", i)
		_, high := m.bounds()
		l.lead, l.most, l.calm = m.LoadTime, high, false
		for j := range d.Groups {
			if d.Groups[j].Name == m.Group {
				l.group(m, &d.Groups[j], field)
			}
		}
		l.config(field+".Policy", m.Policy)
		l.shadows(field+".Shadows", m.Shadows)
	}
	l.services(d.Services)
	l.budgets(d)
	for i := range d.Groups {
		l.minimums(d, &d.Groups[i], path("Groups", i))
		l.pool(d, &d.Groups[i], path("Groups", i))
	}
	return l.found
}

type linter struct {
	interval time.Duration
	lead     time.Duration // of the target that is looked at
	most     int           // its Max
	calm     bool          // something around the policy that is looked at slows steps down
	found    []Warning
}

func (l *linter) warn(field, advice, format string, args ...any) {
	l.found = append(l.found, Warning{field, fmt.Sprintf(format, args...), advice})
}

func (l *linter) group(m *Model, g *ServerGroup, field string) {
	if g.Pool == nil {
		l.lead += g.BootTime // else it is loaded on a server that is there
	}
	if _, high := m.bounds(); high > g.Max && !g.Fixed {
		l.warn(field+".Max", "raise the group's Max, or lower this", "%d replicas, one on each server, but %q has %d servers at most", high, g.Name, g.Max)
	}
}

// config looks at a target's policy and at those within it, if it is a valid one.
func (l *linter) config(field string, c policy.Config) {
	if c == nil || c.Validate() != nil {
		return
	}
	for _, s := range c.Needs().Signals {
		l.signal(field, s)
	}
	walk(field, reflect.ValueOf(c), func(field string, c policy.Config, within func()) {
		l.policy(field, c)
		defer func(was bool) { l.calm = was }(l.calm)
		l.calm = l.calm || calms(c)
		within()
	})
}

// signal warns of windows that two samples need not fall into.
func (l *linter) signal(field string, s policy.Signal) {
	if s.Stat != policy.Last && l.interval > 0 && s.Window < 2*l.interval {
		l.warn(field, "make it at least two intervals long", "%v: the window is shorter than two intervals of %v between samples, and will be empty at times", s, l.interval)
	}
}

var configType = reflect.TypeFor[policy.Config]()

// walk visits a policy, which stands in a field, and those within it, none if v is
// nil. A visit ends the walk there unless it calls within.
func walk(field string, v reflect.Value, visit func(field string, c policy.Config, within func())) {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return
	}
	within := func() {
		switch v.Kind() {
		case reflect.Slice:
			if v.Type().Elem() == configType {
				for i := range v.Len() {
					walk(path(field+".Parts", i), v.Index(i), visit)
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.IsExported() && f.Type == configType {
					walk(field+"."+f.Name, v.Field(i), visit)
				}
			}
		}
	}
	if c, ok := v.Interface().(policy.Config); ok {
		visit(field, c, within)
	} else {
		within()
	}
}

func (l *linter) policy(field string, c policy.Config) {
	early := func(name string, d, def time.Duration) {
		if d == 0 {
			d = def
		}
		if l.lead > d {
			l.warn(field+"."+name, "make it longer than that", "%v is over before a new replica is ready, which takes %v: the next step comes too early", d, l.lead)
		}
	}
	l.calmness(field, c)
	l.parts(field, c)
	switch c := c.(type) {
	case policy.SeldonLag:
		early("CoolDown", c.CoolDown, time.Minute)
		if c.Min == 0 && c.Max == 0 {
			l.warn(field, "set the model's bounds here too", "neither Min nor Max is set, which switches scaling off")
		}
	case policy.Cooldown:
		if c.Up > 0 {
			early("Up", c.Up, 0)
		}
	case policy.HPA:
		for i, m := range c.Metrics {
			if m.Kind == policy.ObjectValue || m.Kind == policy.ExternalValue {
				l.warn(path(field+".Metrics", i), useAverage, "a Value target is compared with the whole and multiplied by the replicas there are")
			}
		}
	case policy.KEDA:
		for i, t := range c.Triggers {
			if t.Value {
				l.warn(path(field+".Triggers", i)+".Value", useAverage, "a Value target is compared with the whole and multiplied by the replicas there are")
			}
		}
	case policy.KPA:
		window := c.PanicWindow
		if window == 0 {
			window = max(time.Second, orElse(c.StableWindow, time.Minute)/10)
		}
		if l.interval > window {
			l.warn(field+".PanicWindow", "make it at least two intervals long, or sample more often", "%v is shorter than the interval of %v between samples: panic goes by single ones", window, l.interval)
		}
	case policy.First:
		for i, part := range c {
			if never(part) && i < len(c)-1 {
				l.warn(path(field+".Parts", i), "move it to the end, or leave the rest out", "always has an opinion: what follows is never asked")
				break
			}
		}
	}
}

const useAverage = "use AverageValue, for what grows with load: the replicas that count differ while models and servers change"

// never reports whether a policy of ours is never without an opinion.
func never(c policy.Config) bool {
	switch c.(type) {
	case policy.Track, policy.SeldonLag:
		return true
	}
	return false
}

// minimums warns when the minimums of a group's models do not fit on all the
// servers that it may have.
func (l *linter) minimums(d Declarations, g *ServerGroup, field string) {
	if g.Fixed {
		return // how many there are is not ours to know
	}
	dims := slices.Sorted(maps.Keys(g.Capacity))
	bin := packing.Bin{Capacity: vector(g.Capacity, dims), Capabilities: g.Capabilities}
	if g.Overcommit != nil {
		bin.Virtual = g.virtual(dims)
	}
	problem := &packing.Problem{Dimensions: dims, Templates: []packing.Template{{Bin: bin, Max: g.Max}}}
	for i := range d.Models {
		m := &d.Models[i]
		if low, _ := m.bounds(); m.Group == g.Name && low > 0 && m.With == "" {
			c := packing.Class{Name: m.Name, Size: vector(m.Needs, dims), Count: low, Requires: m.Requires}
			if g.Overcommit != nil {
				c.Pinned = vector(m.Pinned, dims)
			}
			problem.Classes = append(problem.Classes, c)
		}
	}
	if len(problem.Classes) == 0 {
		return
	}
	a, err := packing.Pack(problem, packing.Options{})
	if err != nil || len(a.Refusals) == 0 {
		return
	}
	var what []string
	for _, r := range a.Refusals {
		what = append(what, r.String())
	}
	l.warn(field+".Max", "raise it, or lower a Min", "the minimums of its models find no room on %d servers: %s", g.Max, strings.Join(what, "; "))
}

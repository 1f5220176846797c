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
	Field string // its path, as in Validate's errors
	Issue string
}

// String reads like "Models[0].Policy.CoolDown: 1m0s is shorter than ...".
func (w Warning) String() string { return w.Field + ": " + w.Issue }

// Lint warns of settings that Validate accepts and that will not do what they
// seem to: cool-downs and stabilization that end before what was ordered is
// ready, minimums for which there is no room, windows that hold no two samples,
// targets that count replicas twice, policies that nothing reaches. interval is
// how often samples come; 0 leaves out what depends on it. d must be valid.
func Lint(d Declarations, interval time.Duration) []Warning {
	l := &linter{interval: interval}
	for i := range d.Models {
		m := &d.Models[i]
		field := path("Models", i)
		l.lead = m.LoadTime
		for j := range d.Groups {
			if d.Groups[j].Name == m.Group {
				l.group(m, &d.Groups[j], field)
			}
		}
		if m.Policy == nil {
			continue
		}
		for _, s := range m.Policy.Needs().Signals {
			l.signal(field+".Policy", s)
		}
		l.walk(field+".Policy", reflect.ValueOf(m.Policy))
	}
	for i := range d.Groups {
		l.minimums(d, &d.Groups[i], path("Groups", i))
	}
	return l.found
}

type linter struct {
	interval time.Duration
	lead     time.Duration // of the model that is looked at
	found    []Warning
}

func (l *linter) warn(field, format string, args ...any) {
	l.found = append(l.found, Warning{field, fmt.Sprintf(format, args...)})
}

func (l *linter) group(m *Model, g *ServerGroup, field string) {
	l.lead += g.BootTime
	if _, high := m.bounds(); high > g.Max && !g.Fixed {
		l.warn(field+".Max", "%d replicas, one on each server, but %q has %d servers at most", high, g.Name, g.Max)
	}
}

// signal warns of windows that two samples need not fall into.
func (l *linter) signal(field string, s policy.Signal) {
	if s.Stat != policy.Last && l.interval > 0 && s.Window < 2*l.interval {
		l.warn(field, "%v: the window is shorter than two intervals of %v between samples, and will be empty at times", s, l.interval)
	}
}

var configType = reflect.TypeFor[policy.Config]()

// walk looks at a policy and at those within it.
func (l *linter) walk(field string, v reflect.Value) {
	if v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		if !v.IsNil() {
			l.walk(field, v.Elem())
		}
		return
	}
	if c, ok := v.Interface().(policy.Config); ok {
		l.policy(field, c)
	}
	switch v.Kind() {
	case reflect.Slice:
		if v.Type().Elem() == configType {
			for i := range v.Len() {
				l.walk(path(field+".Parts", i), v.Index(i))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Type == configType {
				l.walk(field+"."+f.Name, v.Field(i))
			}
		}
	}
}

func (l *linter) policy(field string, c policy.Config) {
	early := func(name string, d, def time.Duration) {
		if d == 0 {
			d = def
		}
		if l.lead > d {
			l.warn(field+"."+name, "%v is over before a new replica is ready, which takes %v: the next step comes too early", d, l.lead)
		}
	}
	switch c := c.(type) {
	case policy.SeldonLag:
		early("CoolDown", c.CoolDown, time.Minute)
		if c.Min == 0 && c.Max == 0 {
			l.warn(field, "neither Min nor Max is set, which switches scaling off")
		}
	case policy.Cooldown:
		early("Up", c.Up, 0)
	case policy.HPA:
		for i, m := range c.Metrics {
			if m.Kind == policy.ObjectValue || m.Kind == policy.ExternalValue {
				l.warn(path(field+".Metrics", i), "a Value target is compared with the whole and multiplied by the replicas there are; AverageValue is for what grows with load")
			}
		}
	case policy.KPA:
		window := c.PanicWindow
		if window == 0 {
			window = max(time.Second, orElse(c.StableWindow, time.Minute)/10)
		}
		if l.interval > window {
			l.warn(field+".PanicWindow", "%v is shorter than the interval of %v between samples: panic goes by single ones", window, l.interval)
		}
	case policy.First:
		for i, part := range c {
			if never(part) && i < len(c)-1 {
				l.warn(path(field+".Parts", i), "always has an opinion: what follows is never asked")
				break
			}
		}
	}
}

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
	problem := &packing.Problem{Dimensions: dims, Templates: []packing.Template{{
		Bin: packing.Bin{Capacity: vector(g.Capacity, dims), Capabilities: g.Capabilities}, Max: g.Max,
	}}}
	for i := range d.Models {
		m := &d.Models[i]
		if low, _ := m.bounds(); m.Group == g.Name && low > 0 && m.With == "" {
			problem.Classes = append(problem.Classes, packing.Class{Name: m.Name, Size: vector(m.Needs, dims), Count: low, Requires: m.Requires})
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
	l.warn(field+".Max", "the minimums of its models find no room on %d servers: %s", g.Max, strings.Join(what, "; "))
}

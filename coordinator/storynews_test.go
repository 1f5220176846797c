package coordinator_test

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// A telling remembers what a story has told.
type telling struct {
	models map[string]string // the last line on each
	before map[string]bool   // other lines of the last plan
}

// lines are what a plan says beyond "all is well", by kind.
type lines struct {
	models, now []string
	later       []string // without the ends of waits
	until       []string // and these
	rest        []string
}

func linesOf(p coordinator.Plan) (l lines) {
	for _, m := range p.Models {
		line := fmt.Sprintf("%s: %v (serving %d, starting %d, draining %d", m.Model, m.Decision, m.Ready, m.Starting, m.Draining)
		if m.Extra > 0 {
			line += fmt.Sprintf(", extra %d", m.Extra)
		}
		if !m.Resident.IsZero() {
			line += ", resident"
		}
		l.models = append(l.models, line+")")
	}
	for _, a := range p.Now {
		l.now = append(l.now, fmt.Sprintf("now %v: %s", a, a.Why.Reason))
	}
	for _, w := range p.Later {
		until := ""
		if !w.Until.IsZero() {
			until = fmt.Sprintf(", %v at most", w.Until.Sub(p.At))
		}
		l.later, l.until = append(l.later, fmt.Sprintf("later %v: %s", w.Action, w.For)), append(l.until, until)
	}
	for _, g := range p.Groups {
		if len(g.Decision.Steps) > 0 {
			l.rest = append(l.rest, fmt.Sprintf("pool %s: %v", g.Group, g.Decision))
		}
		for _, name := range g.Retiring {
			l.rest = append(l.rest, fmt.Sprintf("pool %s: %s retires", g.Group, name))
		}
	}
	for _, r := range p.Refused {
		l.rest = append(l.rest, fmt.Sprintf("refused in %s: %v", r.Group, r.Refusal))
	}
	for _, f := range p.Faults {
		l.rest = append(l.rest, "fault: "+f)
	}
	return l
}

// news is everything in a plan, a line each.
func news(p coordinator.Plan) string {
	l := linesOf(p)
	for i := range l.later {
		l.later[i] += l.until[i]
	}
	return strings.Join(short(l.models, l.now, l.later, l.rest), "")
}

// news is what stood in no plan before: actions, and whatever has changed.
func (t *telling) news(p coordinator.Plan) []string {
	l := linesOf(p)
	fresh := lines{now: l.now}
	if t.models == nil {
		t.models = map[string]string{}
	}
	for i, m := range p.Models {
		line, before := l.models[i], t.models[m.Model]
		if !alike(line, before) {
			t.models[m.Model] = line
			fresh.models = append(fresh.models, line)
		}
	}
	before := t.before
	t.before = map[string]bool{}
	for _, line := range l.later {
		if t.before[line] = true; !before[line] {
			fresh.later = append(fresh.later, line)
		}
	}
	for _, line := range l.rest {
		if t.before[line] = true; !before[line] {
			fresh.rest = append(fresh.rest, line)
		}
	}
	return short(fresh.models, fresh.now, fresh.later, fresh.rest)
}

// alike reports whether a line on a model says nothing that the one before did not:
// the same, or that it is no time to decide.
func alike(line, before string) bool {
	const pause = ": " + string(policy.BetweenPeriods) + " ("
	desired, counts, paused := strings.Cut(line, pause)
	return line == before || paused && strings.HasPrefix(before, desired+": ") && strings.HasSuffix(before, " ("+counts)
}

// many is from how many lines on those that differ in the numbers of names alone
// are told as one.
const many = 5

var numbers = regexp.MustCompile(`\d{3,}`)

// short tells lines, and once those of which there are many alike; a star stands
// for numbers that differ.
func short(kinds ...[]string) (all []string) {
	for _, kind := range kinds {
		alike := map[string][]string{}
		for _, line := range kind {
			pattern := numbers.ReplaceAllString(line, "*")
			alike[pattern] = append(alike[pattern], line)
		}
		for _, line := range kind {
			pattern := numbers.ReplaceAllString(line, "*")
			switch same := alike[pattern]; {
			case len(same) == 0: // told already
			case len(same) < many:
				all = append(all, line+"\n")
			default:
				all = append(all, fmt.Sprintf("%s (%d times)\n", common(same), len(same)))
				alike[pattern] = nil
			}
		}
	}
	return all
}

// common is what lines have in common that differ in numbers alone.
func common(same []string) string {
	differ := map[int]bool{}
	first := numbers.FindAllString(same[0], -1)
	for _, line := range same {
		for i, n := range numbers.FindAllString(line, -1) {
			differ[i] = differ[i] || n != first[i]
		}
	}
	i := -1
	return numbers.ReplaceAllStringFunc(same[0], func(n string) string {
		if i++; differ[i] {
			return "*"
		}
		return n
	})
}

package promsource

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bellows-go/bellows/coordinator"
)

// placeholder stands for a target's name in a Query for each target.
const placeholder = "$target"

// A Query says how one series of some targets is read.
type Query struct {
	Name string                 // of the series, as in policy.Signal; not empty
	Kind coordinator.TargetKind // of the targets
	// Target is whom alone it is for; "" is all targets of Kind. A query for one
	// target goes before one for all.
	Target string

	// Expr is PromQL that gives a number per target (an instant vector or a scalar)
	// or raw samples (a range vector), in the unit that the policies reckon in. Of raw
	// samples those since the last Read are taken. Not empty.
	Expr string
	// Label is whose value names the target. "" asks Expr once for each target: it
	// then says $target, within double quotes and behind = or !=, unless Target is set.
	Label string
	// Origin is the label that names who counted; "" is one value per target. Values
	// of several origins add up.
	Origin     string
	Cumulative bool // a count since some start; Expr then has no rate or increase
	// Stamp is PromQL for the time of the sample behind each value, in Unix seconds,
	// labelled as Expr's values are: min by (model) (timestamp(x)), say. A value
	// whose Stamp has not changed is the one that was read first. "" is unknown.
	Stamp string
	// Sources is PromQL for who should count: an element for each, above zero if it
	// answers, as up{job="router"} is. Elements with Label are for that target alone,
	// others for all. With fewer than all of them, or none known, a value is Partial.
	// "" is unknown.
	Sources string
}

// expressions are what q asks.
func (q *Query) expressions() [3]string { return [3]string{q.Expr, q.Stamp, q.Sources} }

// validate reports every fault of q.
func (q *Query) validate(field string) error {
	var errs []error
	need := func(ok bool, name, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("promsource: %s.%s: %s", field, name, fmt.Sprintf(format, args...)))
		}
	}
	need(q.Name != "", "Name", "must not be empty")
	need(q.Kind <= coordinator.TargetService, "Kind", "unknown: %v", q.Kind)
	need(strings.TrimSpace(q.Expr) != "", "Expr", "must not be empty")
	need(q.Label == "" || labelName(q.Label), "Label", "%q is no label's name", q.Label)
	need(q.Origin == "" || labelName(q.Origin), "Origin", "%q is no label's name", q.Origin)
	need(q.Origin == "" || q.Origin != q.Label, "Origin", "must not be Label: each target would be its own origin")
	asks := strings.Contains(q.Expr, placeholder)
	need(q.Label != "" || q.Target != "" || asks, "Expr", "must say %s where there is neither Label nor Target: every target would get the same value", placeholder)
	for i, name := range []string{"Expr", "Stamp", "Sources"} {
		e := q.expressions()[i]
		need(q.Label == "" || !strings.Contains(e, placeholder), name, "must not say %s beside Label: it is asked once for all targets", placeholder)
		need(quoted(e), name, "%s must stand within double quotes", placeholder)
	}
	return errors.Join(errs...)
}

// labelName reports whether name is the name of a label in every version of
// Prometheus.
func labelName(name string) bool {
	for i, r := range name {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// quoted reports whether each placeholder of a PromQL expression stands within
// double quotes, where a name can be escaped.
func quoted(expr string) bool {
	var quote byte
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '$' && strings.HasPrefix(expr[i:], placeholder) && quote != '"':
			return false
		case quote == 0 && (c == '"' || c == '\'' || c == '`'):
			quote = c
		case quote == 0 && c == '#': // a comment, to the end of the line
			end := strings.IndexByte(expr[i:], '\n')
			if end < 0 {
				return !strings.Contains(expr[i:], placeholder)
			}
			if strings.Contains(expr[i:i+end], placeholder) {
				return false
			}
			i += end
		case quote != 0 && quote != '`' && c == '\\':
			i++
		case c == quote:
			quote = 0
		}
	}
	return true
}

// escape makes a name safe within double quotes in PromQL, whose strings are
// escaped as Go's are. What is not UTF-8 matches nothing.
var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\x00", `\x00`)

// forTarget is an expression of q for a target.
func (q *Query) forTarget(expr, target string) string {
	if q.Label != "" || expr == "" {
		return expr
	}
	return strings.ReplaceAll(expr, placeholder, escape.Replace(target))
}

package coordinator

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// calms reports whether a combinator slows the steps down of what it wraps.
func calms(c policy.Config) bool {
	switch c := c.(type) {
	case policy.Stabilize:
		return c.Down > 0
	case policy.Cooldown:
		return c.Down > 0
	case policy.Pace:
		return c.Down != policy.Limit{}
	case policy.FlapBudget:
		return true
	}
	return false
}

// calmness warns of what should calm a count and cannot.
func (l *linter) calmness(field string, c policy.Config) {
	short := func(name string, d time.Duration) {
		if d > 0 && d < l.lead {
			l.warn(field+"."+name, "make it longer than that", "%v is shorter than the %v that a new replica takes: what was ordered for a peak goes before it serves", d, l.lead)
		}
	}
	switch c := c.(type) {
	case policy.Stabilize:
		short("Down", c.Down)
	case policy.Cooldown:
		short("Down", c.Down)
	case policy.Idle:
		short("After", c.After)
	case policy.HPA:
		if c.DownscaleStabilization != nil {
			short("DownscaleStabilization", *c.DownscaleStabilization)
		}
		if c.Behavior != nil && c.Behavior.ScaleDown != nil && c.Behavior.ScaleDown.StabilizationWindow != nil {
			short("Behavior.ScaleDown.StabilizationWindow", *c.Behavior.ScaleDown.StabilizationWindow)
		}
	case policy.KEDA:
		if c.CooldownPeriod != nil {
			short("CooldownPeriod", *c.CooldownPeriod)
		}
	case policy.Track:
		if !l.calm {
			l.tolerance(field+".Tolerance", c.Tolerance, "steps down by one replica")
		}
	case policy.Tolerate:
		l.tolerance(field+".Up", c.Up, "steps up by one replica")
		l.tolerance(field+".Down", c.Down, "steps down by one replica")
	}
}

// tolerance warns of one that is always smaller than a whole replica.
func (l *linter) tolerance(field string, t float64, what string) {
	const slack = 1e-9 // 10 × 0.1 is enough
	if t > 0 && t*float64(l.most) < 1-slack {
		advice := "wait instead: Stabilize, Cooldown or FlapBudget"
		l.warn(field, advice, "%v of fewer than %d replicas is less than one, and there are %d at most: %s are never held back", t, int(min(math.Ceil(1/t-slack), maxCount)), l.most, what)
	}
}

// parts warns of parts of one policy that do not go together.
func (l *linter) parts(field string, c policy.Config) {
	var parts []policy.Config
	highest := false
	switch c := c.(type) {
	case policy.Highest:
		parts, highest = c, true
	case policy.Lowest:
		parts = c
	case policy.First:
		parts = c
	default:
		return
	}
	var scalers []string
	for i, part := range parts {
		if name := original(reflect.ValueOf(part)); name != "" {
			scalers = append(scalers, fmt.Sprintf("%s (%s)", name, path("Parts", i)))
		}
		l.silent(path(field+".Parts", i), parts, i, highest)
	}
	if len(scalers) > 1 {
		l.warn(field, "keep one, with all metrics: an HPA takes the highest of them; or use policies that keep no count of their own, as Track",
			"several scalers of one target: %s each go by the count as though nobody else changed it", strings.Join(scalers, " and "))
	}
}

// silent warns of a target that another one on the same signal always outdoes.
func (l *linter) silent(field string, parts []policy.Config, i int, highest bool) {
	part, ok := parts[i].(policy.Track)
	if !ok {
		return
	}
	for j, other := range parts {
		o, ok := other.(policy.Track)
		if !ok || j == i || o.Signal != part.Signal || o.Tolerance > part.Tolerance {
			continue
		}
		outdone := highest && (o.Value < part.Value || o.Value == part.Value && j < i)
		if outdone {
			l.warn(field, "leave it out", "never decides: %s has the same signal and no higher Value", path("Parts", j))
			return
		}
	}
}

// original names the scaler of other systems that a policy is or wraps, "" for
// none: one that remembers the counts it gave.
func original(v reflect.Value) string {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return ""
	}
	switch v.Interface().(type) {
	case policy.HPA, policy.KPA, policy.KEDA, policy.SeldonLag:
		return v.Type().Name()
	}
	if v.Kind() == reflect.Slice && v.Type().Elem() == configType {
		for i := range v.Len() {
			if name := original(v.Index(i)); name != "" {
				return name
			}
		}
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && f.Type == configType {
			if name := original(v.Field(i)); name != "" {
				return name
			}
		}
	}
	return ""
}

package policy_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

type kedaConfig struct {
	CooldownSeconds        *float64
	InitialCooldownSeconds float64
	Min, Max               int
	Idle                   *int
	Paused                 bool
	PausedScaleIn          bool
	PausedScaleOut         bool
	ForceActivation        bool
	Fallback               *struct {
		FailureThreshold, Replicas int
		Behavior                   string
	}
	Formula *struct {
		Expression, Target, Activation, TargetType string
	}
	Triggers []struct {
		Name, TargetType             string
		Resource                     json.RawMessage
		TargetMilli, ActivationMilli int64
		Cached                       bool
	}
}

func (c *kedaConfig) spec(t *testing.T) policy.KEDASpec {
	s := policy.KEDASpec{
		InitialCooldownPeriod: seconds(c.InitialCooldownSeconds), Min: c.Min, Max: c.Max, Idle: c.Idle,
		Paused: c.Paused, PausedScaleIn: c.PausedScaleIn, PausedScaleOut: c.PausedScaleOut, ForceActivation: c.ForceActivation,
	}
	if c.CooldownSeconds != nil {
		d := seconds(*c.CooldownSeconds)
		s.CooldownPeriod = &d
	}
	if f := c.Fallback; f != nil {
		s.Fallback = &policy.KEDAFallback{FailureThreshold: f.FailureThreshold, Replicas: f.Replicas, Behavior: map[string]policy.FallbackBehavior{
			"static": policy.FallbackStatic, "currentReplicas": policy.FallbackCurrent, "currentReplicasIfHigher": policy.FallbackCurrentIfHigher,
			"currentReplicasIfLower": policy.FallbackCurrentIfLower, "scalingModifiers": policy.FallbackToScalingModifiers,
		}[f.Behavior]}
	}
	if f := c.Formula; f != nil {
		number := func(text string) float64 {
			if text == "" {
				return 0
			}
			x, err := strconv.ParseFloat(text, 64)
			require.NoError(t, err)
			return x
		}
		s.Formula = &policy.KEDAFormula{
			Eval: func(get policy.FormulaValues) (float64, policy.FormulaResult) { return evaluate(t, f.Expression, get) }, Target: number(f.Target),
			Value: f.TargetType == "value", Activation: number(f.Activation), Coalesces: strings.Contains(f.Expression, "??"),
		}
	}
	for _, x := range c.Triggers {
		s.Triggers = append(s.Triggers, policy.KEDATrigger{
			Name: x.Name, Resource: len(x.Resource) > 0 && string(x.Resource) != "false", Value: x.TargetType == "value",
			TargetMilli: x.TargetMilli, ActivationMilli: x.ActivationMilli, Cached: x.Cached,
		})
	}
	return s
}

var kedaStates = map[policy.KEDAState]string{
	policy.KEDAStopped: "", policy.KEDAActive: "active", policy.KEDAInactive: "inactive", policy.KEDACooling: "cooling",
}

func kedaTimeline(t *testing.T, line []byte) (good, all int) {
	var s struct {
		Name    string
		Created float64
		Config  kedaConfig
		Ticks   []struct {
			T                                  float64
			Update                             *kedaConfig
			Ask                                *int
			Current, Ready                     int
			HPAActive, ReadFailed, WriteFailed bool
			Milli                              []*int64
			Want                               struct {
				Replicas   *int
				State      string
				LastActive *int64
				Failures   []int
				Milli      *int64
				Error      bool
			}
		}
	}
	require.NoError(t, json.Unmarshal(line, &s))
	c := s.Config
	d := policy.NewKEDADecider(c.spec(t), vectorTime(s.Created))
	first := true
	for i, tick := range s.Ticks {
		if tick.Update != nil {
			c = *tick.Update
			d.Update(c.spec(t))
		}
		in := policy.KEDAInput{Now: vectorTime(tick.T), Current: tick.Current, Ready: tick.Ready, ReadFailed: tick.ReadFailed, HPAActive: tick.HPAActive}
		for _, m := range tick.Milli {
			if m == nil {
				in.Triggers = append(in.Triggers, policy.KEDASample{Failed: true})
			} else {
				in.Triggers = append(in.Triggers, policy.KEDASample{Milli: *m})
			}
		}
		want, got := tick.Want, tick.Want
		if tick.Ask != nil {
			milli, err := d.Query(in, *tick.Ask)
			got.Error, got.Milli = err != nil, nil
			if err == nil {
				got.Milli = &milli
			}
		} else {
			out := d.Poll(in)
			got.State, got.Replicas, got.LastActive = kedaStates[out.State], nil, nil
			switch {
			case out.Set && tick.WriteFailed:
				d.NotSet()
			case out.Set:
				got.Replicas = &out.Replicas
			}
			if at, ok := d.Active(); ok {
				unix := at.Unix() - vectorTime(0).Unix()
				got.LastActive = &unix
			}
		}
		got.Failures = nil
		if c.Fallback != nil {
			for j := range c.Triggers {
				got.Failures = append(got.Failures, d.Failed(j))
			}
		}
		all++
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			wrong(t, &first, "%s tick %d at %v:\n got %s\nwant %s", s.Name, i, tick.T, a, b)
			continue
		}
		good++
	}
	return good, all
}

// evaluate computes a formula of the vectors' small language: + - * /, max, min,
// ?:, >, ?? and parentheses.
func evaluate(t *testing.T, text string, get policy.FormulaValues) (float64, policy.FormulaResult) {
	e := evaluator{t: t, rest: text, get: get}
	v := e.choice()
	e.space()
	require.Empty(t, e.rest, text)
	switch {
	case e.failed:
		return 0, policy.FormulaFails
	case v == nil:
		return 0, policy.FormulaNil
	}
	return *v, policy.FormulaNumber
}

type evaluator struct {
	t      *testing.T
	rest   string
	get    policy.FormulaValues
	failed bool // nil met an operator
	idle   bool // in a branch that is not taken
}

func (e *evaluator) space() { e.rest = strings.TrimLeft(e.rest, " ") }

func (e *evaluator) eat(token string) bool {
	e.space()
	rest, found := strings.CutPrefix(e.rest, token)
	if found && (token != "?" || !strings.HasPrefix(rest, "?")) {
		e.rest = rest
		return true
	}
	return false
}

func (e *evaluator) both(a, b *float64, f func(x, y float64) float64) *float64 {
	if a == nil || b == nil {
		e.failed = e.failed || !e.idle
		return nil
	}
	v := f(*a, *b)
	return &v
}

func (e *evaluator) choice() *float64 {
	a := e.compare()
	if !e.eat("?") {
		return a
	}
	yes := a != nil && *a != 0
	was := e.idle
	e.idle = was || !yes
	b := e.choice()
	require.True(e.t, e.eat(":"))
	e.idle = was || yes
	c := e.choice()
	e.idle = was
	if yes {
		return b
	}
	return c
}

func (e *evaluator) compare() *float64 {
	a := e.sum()
	if !e.eat(">") {
		return a
	}
	return e.both(a, e.sum(), func(x, y float64) float64 {
		if x > y {
			return 1
		}
		return 0
	})
}

func (e *evaluator) sum() *float64 {
	a := e.product()
	for {
		switch {
		case e.eat("+"):
			a = e.both(a, e.product(), func(x, y float64) float64 { return x + y })
		case e.eat("-"):
			a = e.both(a, e.product(), func(x, y float64) float64 { return x - y })
		default:
			return a
		}
	}
}

func (e *evaluator) product() *float64 {
	a := e.coalesce()
	for {
		switch {
		case e.eat("*"):
			a = e.both(a, e.coalesce(), func(x, y float64) float64 { return x * y })
		case e.eat("/"):
			a = e.both(a, e.coalesce(), func(x, y float64) float64 { return x / y })
		default:
			return a
		}
	}
}

func (e *evaluator) coalesce() *float64 {
	a := e.atom()
	for e.eat("??") {
		if b := e.atom(); a == nil {
			a = b
		}
	}
	return a
}

func (e *evaluator) atom() *float64 {
	for name, f := range map[string]func(x, y float64) float64{"max(": math.Max, "min(": math.Min} {
		if e.eat(name) {
			a := e.choice()
			require.True(e.t, e.eat(","))
			b := e.choice()
			require.True(e.t, e.eat(")"))
			return e.both(a, b, f)
		}
	}
	if e.eat("(") {
		v := e.choice()
		require.True(e.t, e.eat(")"))
		return v
	}
	e.space()
	n := strings.IndexFunc(e.rest, func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz_0123456789.", r) })
	if n < 0 {
		n = len(e.rest)
	}
	word := e.rest[:n]
	e.rest = e.rest[n:]
	require.NotEmpty(e.t, word, fmt.Sprintf("at %q", e.rest))
	if x, err := strconv.ParseFloat(word, 64); err == nil {
		return &x
	}
	if x, ok := e.get(word); ok {
		return &x
	}
	return nil
}

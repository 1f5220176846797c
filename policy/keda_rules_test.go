package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// kedaTurn is a poll, or a query by the HPA, at seconds after the creation.
type kedaTurn struct {
	in     policy.KEDAInput
	ask    int
	query  bool
	lose   bool                     // the count cannot be set
	change func(s *policy.KEDASpec) // before it, if not nil
	want   kedaSeen
}

// kedaSeen is all that can be seen after a turn.
type kedaSeen struct {
	Poll     policy.KEDADecision
	Milli    int64
	Err      error
	Active   any // seconds after the creation; nil: never
	Failures []int
}

func milli(n int64) policy.KEDASample { return policy.KEDASample{Milli: n} }

var down = policy.KEDASample{Failed: true}

func kedaInput(at float64, current int, samples []policy.KEDASample) policy.KEDAInput {
	return policy.KEDAInput{Now: start.Add(sec(at)), Current: current, Ready: 4, Triggers: samples}
}

// poll finds nothing to do and no activity ever, unless told otherwise.
func poll(at float64, current int, samples ...policy.KEDASample) kedaTurn {
	return kedaTurn{in: kedaInput(at, current, samples), want: kedaSeen{Poll: policy.KEDADecision{State: policy.KEDAInactive}}}
}

func query(at float64, current, ask int, samples ...policy.KEDASample) kedaTurn {
	return kedaTurn{in: kedaInput(at, current, samples), ask: ask, query: true}
}

func (k kedaTurn) sets(n int) kedaTurn {
	k.want.Poll.Set, k.want.Poll.Replicas = true, n
	return k
}

func (k kedaTurn) active(at int) kedaTurn     { k.want.Poll.State = policy.KEDAActive; return k.last(at) }
func (k kedaTurn) unrenewed() kedaTurn        { k.want.Poll.State = policy.KEDAActive; return k }
func (k kedaTurn) last(at int) kedaTurn       { k.want.Active = float64(at); return k }
func (k kedaTurn) cooling() kedaTurn          { k.want.Poll.State = policy.KEDACooling; return k }
func (k kedaTurn) stops() kedaTurn            { k.want.Poll.State = policy.KEDAStopped; return k }
func (k kedaTurn) failures(n ...int) kedaTurn { k.want.Failures = n; return k }
func (k kedaTurn) is(milli int64) kedaTurn    { k.want.Milli = milli; return k }
func (k kedaTurn) fails() kedaTurn            { k.want.Err = policy.ErrNoValue; return k }
func (k kedaTurn) unread() kedaTurn           { k.in.ReadFailed = true; return k }
func (k kedaTurn) ready(n int) kedaTurn       { k.in.Ready = n; return k }
func (k kedaTurn) hpa() kedaTurn              { k.in.HPAActive = true; return k }
func (k kedaTurn) lost() kedaTurn             { k.lose = true; return k }
func (k kedaTurn) after(change func(*policy.KEDASpec)) kedaTurn {
	k.change = change
	return k
}

type kedaRule struct {
	name  string
	spec  policy.KEDASpec
	turns []kedaTurn
}

func kedaFollows(t *testing.T, rules []kedaRule) {
	for _, c := range rules {
		t.Run(c.name, func(t *testing.T) {
			spec := c.spec
			d := policy.NewKEDADecider(spec, start)
			var got, want []kedaSeen
			for _, k := range c.turns {
				if k.change != nil {
					k.change(&spec)
					d.Update(spec)
				}
				var s kedaSeen
				if k.query {
					s.Milli, s.Err = d.Query(k.in, k.ask)
				} else if s.Poll = d.Poll(k.in); k.lose {
					d.NotSet()
				}
				if at, ok := d.Active(); ok {
					s.Active = at.Sub(start).Seconds()
				}
				for i := range spec.Triggers {
					s.Failures = append(s.Failures, d.Failed(i))
				}
				if k.want.Failures == nil {
					k.want.Failures = make([]int, len(spec.Triggers))
				}
				got, want = append(got, s), append(want, k.want)
			}
			require.Equal(t, want, got)
		})
	}
}

// scaledObject is a ScaledObject of one trigger, ten per replica and active above
// five, changed.
func scaledObject(change ...func(*policy.KEDASpec)) policy.KEDASpec {
	s := policy.KEDASpec{Max: 100, Triggers: []policy.KEDATrigger{{Name: "a", TargetMilli: 10_000, ActivationMilli: 5}}}
	for _, f := range change {
		f(&s)
	}
	return s
}

func least(n int) func(*policy.KEDASpec) { return func(s *policy.KEDASpec) { s.Min = n } }
func idle(n int) func(*policy.KEDASpec)  { return func(s *policy.KEDASpec) { s.Idle = &n } }
func cooldown(d float64) func(*policy.KEDASpec) {
	return func(s *policy.KEDASpec) { c := sec(d); s.CooldownPeriod = &c }
}

func initial(d float64) func(*policy.KEDASpec) {
	return func(s *policy.KEDASpec) { s.InitialCooldownPeriod = sec(d) }
}
func force(s *policy.KEDASpec)  { s.ForceActivation = true }
func paused(s *policy.KEDASpec) { s.Paused = true }
func noIn(s *policy.KEDASpec)   { s.PausedScaleIn = true }
func noOut(s *policy.KEDASpec)  { s.PausedScaleOut = true }
func second(s *policy.KEDASpec) {
	s.Triggers = append(s.Triggers, policy.KEDATrigger{Name: "b", TargetMilli: 1000})
}

func resource(s *policy.KEDASpec) {
	s.Triggers = append(s.Triggers, policy.KEDATrigger{Name: "cpu", Resource: true})
}
func resourceAlone(s *policy.KEDASpec) { s.Triggers[0].Resource = true }
func cached(s *policy.KEDASpec)        { s.Triggers[0].Cached = true }
func whole(s *policy.KEDASpec)         { s.Triggers[0].Value = true }

func fallback(threshold, replicas int, b policy.FallbackBehavior) func(*policy.KEDASpec) {
	return func(s *policy.KEDASpec) {
		s.Fallback = &policy.KEDAFallback{FailureThreshold: threshold, Replicas: replicas, Behavior: b}
	}
}

func TestKEDAPollRules(t *testing.T) {
	static := policy.FallbackStatic
	kedaFollows(t, []kedaRule{
		{"what was never active goes to zero at the first poll, from any count", scaledObject(), []kedaTurn{poll(1, 7, milli(0)).sets(0)}},
		{"not at the instant of its creation", scaledObject(), []kedaTurn{poll(0, 7, milli(0)).cooling()}},
		{"an initial cooldown needs strictly more", scaledObject(initial(30)), []kedaTurn{poll(30, 7, milli(0)).cooling(), poll(30.001, 7, milli(0)).sets(0)}},
		{"at the activation value it is inactive, above it wakes to one", scaledObject(), []kedaTurn{poll(1, 0, milli(5)), poll(2, 0, milli(6)).sets(1).active(2)}},
		{"or to the minimum", scaledObject(least(3)), []kedaTurn{poll(2, 0, milli(6)).sets(3).active(2)}},
		{"a cooldown of 300 s begins at a whole second and needs strictly more", scaledObject(), []kedaTurn{
			poll(30.9, 2, milli(6)).active(30), poll(330, 2, milli(0)).cooling().last(30), poll(330.001, 2, milli(0)).sets(0).last(30),
		}},
		{"its own cooldown", scaledObject(cooldown(10), initial(99)), []kedaTurn{
			poll(30, 0, milli(6)).sets(1).active(30), poll(40, 2, milli(0)).cooling().last(30), poll(40.5, 2, milli(0)).sets(0).last(30),
		}},
		{"none at all", scaledObject(cooldown(0)), []kedaTurn{poll(30, 2, milli(6)).active(30), poll(30.5, 2, milli(0)).sets(0).last(30)}},
		{"waking in part of a second counts from the whole one", scaledObject(), []kedaTurn{poll(30.9, 0, milli(6)).sets(1).active(30)}},
		{"an active target below the minimum is the HPA's", scaledObject(least(3)), []kedaTurn{poll(1, 2, milli(6)).active(1)}},
		{"not with an idle count", scaledObject(least(3), idle(1)), []kedaTurn{poll(1, 2, milli(6)).sets(3).active(1), poll(2, 3, milli(6)).active(2)}},
		{"above the maximum it is the HPA's, too", scaledObject(func(s *policy.KEDASpec) { s.Max = 5 }), []kedaTurn{poll(1, 20, milli(6)).active(1)}},
		{"an inactive target goes to idle once it has cooled", scaledObject(least(3), idle(1)), []kedaTurn{
			poll(1, 5, milli(6)).active(1), poll(9, 5, milli(0)).cooling().last(1), poll(302, 5, milli(0)).sets(1).last(1), poll(303, 2, milli(0)).sets(1).last(1),
		}},
		{"at idle or below it stays, below the minimum", scaledObject(least(3), idle(1)), []kedaTurn{poll(1, 1, milli(0)), poll(2, 0, milli(0))}},
		{"idle may be zero without a minimum", scaledObject(idle(0)), []kedaTurn{poll(1, 2, milli(0)).sets(0), poll(2, 0, milli(0))}},
		{"inactive below the minimum it is raised at once, which is no activity", scaledObject(least(3), initial(60)), []kedaTurn{
			poll(1, 2, milli(0)).sets(3), poll(2, 0, milli(0)).sets(3), poll(3, 3, milli(0)), poll(400, 5, milli(0)),
		}},
		{"pausing the way out blocks waking, and what comes of it", scaledObject(noOut), []kedaTurn{poll(1, 0, milli(6)).unrenewed(), poll(2, 1, milli(6)).active(2)}},
		{"not the raise to the minimum", scaledObject(noOut, least(3)), []kedaTurn{poll(1, 2, milli(0)).sets(3)}},
		{"pausing the way in blocks going down, cooled or not", scaledObject(noIn), []kedaTurn{poll(0, 2, milli(0)), poll(1, 2, milli(0))}},
		{"paused, nothing happens, but failures count", scaledObject(paused, fallback(3, 4, static)), []kedaTurn{poll(1, 0, milli(6)).stops(), poll(2, 2, down).stops().failures(1)}},
		{"with an unknown count, too", scaledObject(fallback(3, 4, static)), []kedaTurn{poll(1, 0, milli(6)).unread().stops(), poll(2, 0, down).unread().stops().failures(1)}},
		{"a count that cannot be set is no activity", scaledObject(), []kedaTurn{poll(1, 0, milli(6)).sets(1).unrenewed().lost(), poll(9, 1, milli(6)).active(9), poll(20, 0, milli(6)).sets(1).active(9).lost()}},
		{"forced, it is active whatever it says", scaledObject(force), []kedaTurn{poll(1, 0, milli(0)).sets(1).active(1), poll(2, 3, milli(0)).active(2)}},

		{"a trigger that fails holds", scaledObject(), []kedaTurn{poll(1, 7, down), poll(2, 0, down)}},
		{"even below the minimum", scaledObject(least(3)), []kedaTurn{poll(1, 2, down)}},
		{"one active trigger among failing ones renews nothing, but wakes", scaledObject(second), []kedaTurn{poll(1, 3, down, milli(6)).unrenewed(), poll(2, 0, down, milli(6)).sets(1).active(2)}},
		{"forced, a failing one renews nothing, too", scaledObject(force), []kedaTurn{poll(1, 3, down).unrenewed()}},
		{"one inactive trigger among failing ones holds", scaledObject(second), []kedaTurn{poll(1, 3, down, milli(0))}},
		{"one active trigger is enough", scaledObject(second), []kedaTurn{poll(1, 3, milli(0), milli(6)).active(1), poll(2, 3, milli(6), milli(0)).active(2)}},
		{"resources alone are always active", scaledObject(resourceAlone), []kedaTurn{poll(1, 3, down).active(1), poll(2, 0, milli(0)).sets(1).active(2)}},
		{"beside others they say nothing", scaledObject(resource), []kedaTurn{poll(1, 3, milli(0), milli(99)).sets(0), poll(2, 0, milli(0), down)}},

		{"a fallback bears failures up to the threshold, then is active", scaledObject(fallback(2, 4, static)), []kedaTurn{
			poll(1, 3, down).failures(1), poll(2, 3, down).failures(2), poll(3, 3, down).active(3).failures(3), poll(4, 0, down).sets(1).active(4).failures(4),
		}},
		{"a success begins anew", scaledObject(fallback(1, 4, static)), []kedaTurn{
			poll(1, 3, down).failures(1), poll(2, 3, milli(6)).active(2), poll(3, 3, down).last(2).failures(1), poll(4, 3, down).active(4).failures(2),
		}},
		{"not while the fallback is unusable", scaledObject(fallback(3, 4, static)), []kedaTurn{
			poll(1, 3, down).failures(1), poll(2, 3, milli(6)).active(2).failures(1).after(fallback(-1, 4, static)),
		}},
		{"each trigger has a count of its own", scaledObject(second, fallback(1, 4, static)), []kedaTurn{
			poll(1, 3, down, milli(0)).failures(1, 0), poll(2, 3, milli(0), down).failures(0, 1), poll(3, 3, milli(0), down).active(3).failures(0, 2),
		}},
		{"quirk: a fallback to zero lets go below the threshold and wakes above", scaledObject(fallback(1, 0, static)), []kedaTurn{
			poll(1, 3, down).sets(0).failures(1), poll(2, 0, down).sets(1).active(2).failures(2),
		}},
		{"a negative threshold makes it unusable: nothing counts, but it holds", scaledObject(fallback(-1, 4, static)), []kedaTurn{poll(1, 3, down)}},
		{"unusable and of zero replicas it does not even hold", scaledObject(fallback(-1, 0, static)), []kedaTurn{poll(1, 3, down).sets(0)}},
		{"negative replicas make it unusable, too", scaledObject(fallback(0, -1, static)), []kedaTurn{poll(1, 3, down)}},
		{"quirk: as scaling modifiers an only trigger's failure lets go", scaledObject(fallback(1, 4, policy.FallbackToScalingModifiers)), []kedaTurn{
			poll(1, 3, down).failures(1), poll(2, 3, down).sets(0).failures(2),
		}},
		{"a fallback that cannot know the count is an error", scaledObject(whole, fallback(0, 4, static)), []kedaTurn{poll(1, 3, down).ready(0).failures(1), poll(2, 3, down).active(2).failures(2)}},

		{"with a minimum a poll takes what the HPA saw last", scaledObject(least(1)), []kedaTurn{query(1, 3, 0, milli(6)).is(6), poll(2, 3, milli(0)).hpa().active(2)}},
		{"unless the HPA does not scale", scaledObject(least(1)), []kedaTurn{query(1, 3, 0, milli(6)).is(6), poll(2, 3, milli(0))}},
		{"or has seen nothing", scaledObject(least(1)), []kedaTurn{poll(2, 3, milli(6)).hpa().active(2)}},
		{"or there is no minimum", scaledObject(), []kedaTurn{query(1, 3, 0, milli(6)).is(6), poll(2, 3, milli(0)).hpa().sets(0)}},
		{"or an idle count", scaledObject(least(1), idle(0)), []kedaTurn{query(1, 3, 0, milli(6)).is(6), poll(2, 3, milli(0)).hpa().sets(0)}},
		{"or the configuration has changed since", scaledObject(least(1)), []kedaTurn{query(1, 3, 0, milli(6)).is(6), poll(2, 3, milli(0)).hpa().after(least(2))}},
		{"what it saw may be an error, which does not count twice", scaledObject(least(1), fallback(3, 4, static)), []kedaTurn{
			query(1, 3, 0, down).fails().failures(1), poll(2, 3, milli(6)).hpa().failures(1), poll(3, 3, milli(6)).active(3),
		}},
		{"a changed configuration keeps activity and counters", scaledObject(fallback(3, 4, static)), []kedaTurn{
			poll(1, 3, milli(6)).active(1), poll(2, 3, down).last(1).failures(1), poll(3, 3, down).after(least(2)).last(1).failures(2),
		}},
	})
}

func TestKEDAQueryRules(t *testing.T) {
	static, unset, current := policy.FallbackStatic, policy.FallbackUnset, policy.FallbackCurrent
	higher, lower, modifiers := policy.FallbackCurrentIfHigher, policy.FallbackCurrentIfLower, policy.FallbackToScalingModifiers
	at := func(now int) kedaTurn { return query(1, now, 0, down).failures(1) }
	asked := func(name string, b policy.FallbackBehavior, k kedaTurn, change ...func(*policy.KEDASpec)) kedaRule {
		return kedaRule{name, scaledObject(append(change, fallback(0, 4, b))...), []kedaTurn{k}}
	}
	target := func(milli int64) func(*policy.KEDASpec) {
		return func(s *policy.KEDASpec) { s.Triggers[0].TargetMilli = milli }
	}
	kedaFollows(t, []kedaRule{
		{"a value is passed on", scaledObject(), []kedaTurn{query(1, 3, 0, milli(1234)).is(1234)}},
		{"of the trigger that is asked for", scaledObject(second), []kedaTurn{query(1, 3, 1, down, milli(9)).is(9), query(1, 3, 0, down, milli(9)).fails()}},
		{"an error, too", scaledObject(), []kedaTurn{query(1, 3, 0, down).fails()}},
		{"queries and polls count into one counter", scaledObject(fallback(2, 4, static)), []kedaTurn{
			query(1, 3, 0, down).fails().failures(1), poll(2, 3, down).failures(2), query(3, 3, 0, down).is(40_000).failures(3), query(4, 3, 0, milli(7)).is(7), query(5, 3, 0, down).fails().failures(1),
		}},
		asked("static: its replicas", static, at(6).is(40_000)),
		asked("unset: the same", unset, at(6).is(40_000)),
		asked("the current count", current, at(6).is(60_000)),
		asked("the higher: current", higher, at(6).is(60_000)),
		asked("the higher: replicas", higher, at(2).is(40_000)),
		asked("the lower: replicas", lower, at(6).is(40_000)),
		asked("the lower: current", lower, at(2).is(20_000)),
		asked("static does not need the count", static, at(6).unread().is(40_000)),
		asked("unset does", unset, at(6).unread().fails()),
		asked("so does the current count", current, at(6).unread().fails()),
		asked("and the lower", lower, at(6).unread().fails()),
		asked("quirk: scaling modifiers are minus one and no error", modifiers, at(6).unread().is(-1000)),
		asked("of the whole, replicas are divided by those ready, and the value truncated", static, at(6).ready(3).is(13_333), whole),
		asked("of which there must be some", static, at(6).ready(0).fails(), whole),
		asked("of thousandths that are multiplied, not divided", static, at(6).is(4004), target(1001)),
		asked("quirk: the value is computed in doubles, left to right", static, at(6).is(16_027), target(4007)),

		{"a cached trigger is not asked again", scaledObject(cached), []kedaTurn{query(1, 3, 0, milli(7)).is(7), poll(2, 3, milli(8)).active(2), query(3, 3, 0, milli(9)).is(8).last(2)}},
		{"what a query saw is not stored for queries", scaledObject(cached), []kedaTurn{query(1, 3, 0, milli(7)).is(7), query(2, 3, 0, milli(8)).is(8)}},
		{"a stored error counts with each query", scaledObject(cached, fallback(2, 4, static)), []kedaTurn{
			poll(1, 3, down).failures(1), query(2, 3, 0, milli(9)).fails().failures(2), query(3, 3, 0, milli(9)).is(40_000).failures(3),
		}},
		{"quirk: a stored fallback resets the counter", scaledObject(cached, fallback(0, 4, static)), []kedaTurn{poll(1, 3, down).active(1).failures(1), query(2, 3, 0, down).is(40_000).last(1)}},
		{"a poll asks cached triggers, whatever the HPA saw", scaledObject(cached, least(1)), []kedaTurn{poll(1, 3, milli(6)).active(1), poll(2, 3, milli(0)).hpa().last(1)}},
		{"a cached trigger ends what the HPA saw of the others", scaledObject(second, cached, least(1)), []kedaTurn{query(1, 3, 1, milli(0), milli(6)).is(6), poll(2, 3, milli(0), milli(0)).hpa()}},
		{"a changed configuration forgets what is cached", scaledObject(cached), []kedaTurn{poll(1, 3, milli(8)).active(1), query(2, 3, 0, milli(9)).is(9).last(1).after(noIn)}},
	})
}

// The formula is a+b at a target of ten per replica, unless told otherwise.
func TestKEDAFormulaRules(t *testing.T) {
	static, modifiers := policy.FallbackStatic, policy.FallbackToScalingModifiers
	sum := func(get policy.FormulaValues) (float64, policy.FormulaResult) {
		a, okA := get("a")
		b, okB := get("b")
		if !okA || !okB {
			return 0, policy.FormulaFails
		}
		return a + b, policy.FormulaNumber
	}
	onlyA := func(get policy.FormulaValues) (float64, policy.FormulaResult) {
		if a, ok := get("a"); ok {
			return a, policy.FormulaNumber
		}
		return 0, policy.FormulaNil
	}
	aOrB := func(get policy.FormulaValues) (float64, policy.FormulaResult) {
		if a, ok := get("a"); ok {
			return a, policy.FormulaNumber
		}
		b, _ := get("b")
		return b, policy.FormulaNumber
	}
	with := func(change ...func(*policy.KEDASpec)) policy.KEDASpec {
		return scaledObject(append([]func(*policy.KEDASpec){second, func(s *policy.KEDASpec) { s.Formula = &policy.KEDAFormula{Eval: sum, Target: 10} }}, change...)...)
	}
	formula := func(change func(*policy.KEDAFormula)) func(*policy.KEDASpec) {
		return func(s *policy.KEDASpec) { change(s.Formula) }
	}
	eval := func(f func(policy.FormulaValues) (float64, policy.FormulaResult), coalesces bool) func(*policy.KEDASpec) {
		return formula(func(k *policy.KEDAFormula) { k.Eval, k.Coalesces = f, coalesces })
	}
	activation := func(x float64) func(*policy.KEDASpec) {
		return formula(func(k *policy.KEDAFormula) { k.Activation = x })
	}
	target := func(x float64) func(*policy.KEDASpec) {
		return formula(func(k *policy.KEDAFormula) { k.Target = x })
	}
	constant := func(x float64) func(*policy.KEDASpec) {
		return eval(func(policy.FormulaValues) (float64, policy.FormulaResult) { return x, policy.FormulaNumber }, false)
	}
	kedaFollows(t, []kedaRule{
		{"queries are answered with the composite value, whatever they ask", with(), []kedaTurn{query(1, 3, 0, milli(1500), milli(2000)).is(3500), query(1, 3, 1, milli(1500), milli(2000)).is(3500)}},
		{"its thousandths are truncated", with(constant(1.2349)), []kedaTurn{query(1, 3, 0, milli(0), milli(0)).is(1234)}},
		{"also below zero", with(constant(-1.2349)), []kedaTurn{query(1, 3, 0, milli(0), milli(0)).is(-1234)}},
		{"one error is an error", with(), []kedaTurn{query(1, 3, 0, milli(1500), down).fails()}},
		{"a formula that fails is one", with(eval(func(policy.FormulaValues) (float64, policy.FormulaResult) { return 7, policy.FormulaFails }, true), fallback(0, 4, static)), []kedaTurn{query(1, 3, 0, milli(1), milli(2)).fails()}},
		{"an unknown name is nil", with(eval(func(get policy.FormulaValues) (float64, policy.FormulaResult) {
			if _, ok := get("c"); ok {
				return 1, policy.FormulaNumber
			}
			return 2, policy.FormulaNumber
		}, false)), []kedaTurn{query(1, 3, 0, milli(1), milli(2)).is(2000)}},
		{"resources are left out", with(resource), []kedaTurn{query(1, 3, 0, milli(1500), milli(2000), down).is(3500), poll(2, 3, milli(1), milli(1), down).active(2)}},
		{"active above zero by default", with(), []kedaTurn{poll(1, 3, milli(0), milli(0)).sets(0), poll(2, 3, milli(1), milli(0)).active(2)}},
		{"the triggers' own activity does not count", with(activation(20)), []kedaTurn{poll(1, 3, milli(9000), milli(9000)).sets(0)}},
		{"at the formula's activation it is inactive", with(activation(3.5)), []kedaTurn{poll(1, 3, milli(1500), milli(2000)).sets(0), poll(2, 3, milli(1501), milli(2000)).active(2)}},
		{"one error: not active, and held", with(), []kedaTurn{poll(1, 3, milli(9000), down)}},
		{"without a result: not active, and no error either", with(eval(onlyA, false), fallback(0, 4, modifiers)), []kedaTurn{poll(1, 3, down, milli(1)).sets(0).failures(1, 0)}},

		{"a fallback's value stands for the formula", with(fallback(0, 4, static)), []kedaTurn{query(1, 3, 0, down, milli(2000)).is(40_000).failures(1, 0)}},
		{"whatever errors others have", with(fallback(1, 4, static)), []kedaTurn{
			query(1, 3, 0, down, milli(0)).fails().failures(1, 0), query(2, 3, 0, down, down).is(40_000).failures(2, 1),
		}},
		{"wherever they stand", with(fallback(1, 4, static)), []kedaTurn{
			query(1, 3, 0, milli(0), down).fails().failures(0, 1), query(2, 3, 0, down, down).is(40_000).failures(1, 2),
		}},
		{"an error ends activity all the same", with(fallback(1, 4, static)), []kedaTurn{poll(1, 3, down, milli(0)).failures(1, 0), poll(2, 3, down, down).failures(2, 1), poll(3, 3, down, down).active(3).failures(3, 2)}},
		{"fallback alone does not activate: it must exceed the activation", with(fallback(0, 4, static), activation(40)), []kedaTurn{poll(1, 3, down, milli(0)).sets(0).failures(1, 0)}},
		{"if it does it activates", with(fallback(0, 4, static), activation(39.9)), []kedaTurn{poll(1, 3, down, milli(0)).active(1).failures(1, 0)}},
		{"the formula's type divides by those ready", with(fallback(0, 4, static), formula(func(f *policy.KEDAFormula) { f.Value = true })), []kedaTurn{query(1, 3, 0, down, milli(0)).ready(3).is(13_333).failures(1, 0)}},
		{"the trigger's does not", with(fallback(0, 4, static), whole), []kedaTurn{query(1, 3, 0, down, milli(0)).ready(3).is(40_000).failures(1, 0)}},
		{"quirk: a fractional target switches the fallback off, though it still holds", with(fallback(0, 4, static), target(2.5)), []kedaTurn{query(1, 3, 0, down, milli(0)).fails(), poll(2, 3, down, milli(0))}},

		{"scaling modifiers: a trigger beyond the threshold is nil", with(eval(aOrB, true), fallback(1, 4, modifiers)), []kedaTurn{
			query(1, 3, 0, down, milli(2000)).fails().failures(1, 0), query(2, 3, 0, down, milli(2000)).is(2000).failures(2, 0), query(3, 3, 0, milli(7), milli(2000)).is(7),
		}},
		{"other behaviors make none nil", with(eval(aOrB, true), fallback(0, 4, static)), []kedaTurn{query(1, 3, 0, down, milli(2000)).is(40_000).failures(1, 0)}},
		{"a nil result with ?? is the replicas times the target", with(eval(onlyA, true), fallback(0, 4, modifiers)), []kedaTurn{query(1, 3, 0, down, milli(0)).is(40_000).failures(1, 0)}},
		{"without it there is none", with(eval(onlyA, false), fallback(0, 4, modifiers)), []kedaTurn{query(1, 3, 0, down, milli(0)).fails().failures(1, 0)}},
		{"quirk: a stored fallback has lost its trigger's name, and is nil", with(cached, eval(aOrB, true), fallback(0, 4, static)), []kedaTurn{
			poll(1, 3, down, milli(2000)).active(1).failures(1, 0), query(2, 3, 0, milli(7), milli(2000)).is(2000).last(1),
		}},
		{"quirk: a stored nil has reset the counter, and is minus one", with(cached, eval(aOrB, true), fallback(0, 4, modifiers)), []kedaTurn{
			poll(1, 3, down, milli(2000)).active(1).failures(1, 0), query(2, 3, 0, milli(7), milli(2000)).is(-1000).last(1),
		}},
		{"a formula does not take what the HPA saw", with(least(1)), []kedaTurn{query(1, 3, 0, milli(9), milli(0)).is(9), poll(2, 3, milli(0), milli(0)).hpa()}},
	})
}

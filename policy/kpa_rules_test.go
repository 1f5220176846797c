package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// tenEach is what the rules of KPA are shown on: ten per replica, ten times up
// and half down, panic at twice the ready count.
var tenEach = policy.KPA{TargetValue: 10, TotalValue: 20, MaxScaleUpRate: 10, MaxScaleDownRate: 2, PanicThreshold: 2, StableWindow: time.Minute}

func kpaWith(change func(*policy.KPA)) policy.KPA {
	c := tenEach
	change(&c)
	return c
}

// calm is a decision of the stable window: what both want, and what is left of it.
func calm(wantStable, wantPanic, stable, panic int) policy.KPADecision {
	return policy.KPADecision{
		Valid: true, WantStable: wantStable, WantPanic: wantPanic, Stable: stable, Panic: panic,
		Desired: stable, Undelayed: stable,
	}
}

// alarmed is one in panic, which keeps floor.
func alarmed(wantStable, wantPanic, stable, panic, floor int) policy.KPADecision {
	d := calm(wantStable, wantPanic, stable, panic)
	d.Panicking, d.Desired, d.Undelayed = true, floor, floor
	return d
}

func delayed(d policy.KPADecision, n int) policy.KPADecision { d.Desired = n; return d }

func spare(d policy.KPADecision, n int) policy.KPADecision { d.ExcessBurst = n; return d }

// One decision of a decider that was born with one replica.
func TestKPADecisionRules(t *testing.T) {
	up := func(rate float64) policy.KPA { return kpaWith(func(c *policy.KPA) { c.MaxScaleUpRate = rate }) }
	down := func(rate float64) policy.KPA { return kpaWith(func(c *policy.KPA) { c.MaxScaleDownRate = rate }) }
	active := func(n int) policy.KPA { return kpaWith(func(c *policy.KPA) { c.ActivationScale = n }) }
	slow := kpaWith(func(c *policy.KPA) { c.ActivationScale, c.MaxScaleUpRate = 5, 2 })
	panics := func(at float64) policy.KPA { return kpaWith(func(c *policy.KPA) { c.PanicThreshold = at }) }
	burst := func(n float64) policy.KPA { return kpaWith(func(c *policy.KPA) { c.TargetBurstCapacity = n }) }
	alone := kpaWith(func(c *policy.KPA) { c.Unreachable = true })
	rps := policy.KPA{ScalingMetric: policy.RPS}
	for _, c := range []struct {
		name          string
		config        policy.KPA
		ready         int
		stable, panic float64
		want          policy.KPADecision
	}{
		{"an exact number of replicas", tenEach, 5, 50, 50, calm(5, 5, 5, 5)},
		{"part of a replica rounds up", tenEach, 5, 40.1, 30.1, calm(5, 4, 5, 4)},
		{"the rate up rounds up", up(1.5), 3, 100, 10, calm(10, 1, 5, 1)},
		{"and holds for the panic window", up(1.5), 2, 10, 40, alarmed(1, 4, 1, 3, 3)},
		{"the rate down rounds down", tenEach, 5, 10, 10, calm(1, 1, 2, 2)},
		{"down at a third", down(3), 8, 0, 0, calm(0, 0, 2, 2)},
		{"of one ready nothing may be left", tenEach, 1, 0, 0, calm(0, 0, 0, 0)},
		{"none ready counts as one for the rate up", tenEach, 0, 200, 10, calm(20, 1, 10, 1)},
		{"without a route there is no rate down", alone, 9, 10, 0, calm(1, 0, 1, 0)},

		{"an activation scale of two acts", active(2), 1, 5, 5, calm(1, 1, 2, 2)},
		{"an activation scale of one does not", active(1), 1, 5, 0, calm(1, 0, 1, 0)},
		{"nothing wanted activates nothing", active(4), 1, 0, 0, calm(0, 0, 0, 0)},
		{"nor does what the rate down leaves", active(4), 5, 0, 0, calm(0, 0, 2, 2)},
		{"each window activates for itself: stable", active(4), 1, 5, 0, calm(1, 0, 4, 0)},
		{"each window activates for itself: panic", active(4), 1, 0, 5, calm(0, 1, 0, 4)},
		{"more than the activation scale stays", active(3), 5, 50, 40, calm(5, 4, 5, 4)},
		{"the activation scale overrides the rate up", slow, 1, 15, 10, calm(2, 1, 5, 5)},

		{"just below the panic threshold is calm", tenEach, 5, 50, 90, calm(5, 9, 5, 9)},
		{"the panic threshold itself panics", tenEach, 5, 50, 100, alarmed(5, 10, 5, 10, 10)},
		{"what panic wants is rounded up before it is compared", tenEach, 1, 5, 11, alarmed(1, 2, 1, 2, 2)},
		{"the ratio is not rounded up", panics(1.7), 3, 10, 50, calm(1, 5, 1, 5)},
		{"nor down", panics(1.5), 3, 10, 50, alarmed(1, 5, 1, 5, 5)},
		{"the panic window alone decides on panic", tenEach, 1, 100, 10, calm(10, 1, 10, 1)},
		{"none ready counts as one for panic", tenEach, 0, 10, 20, alarmed(1, 2, 1, 2, 2)},
		{"in panic the larger stable number counts", tenEach, 1, 50, 20, alarmed(5, 2, 5, 2, 5)},
		{"what the threshold looks at is not capped", up(1.5), 1, 10, 30, alarmed(1, 3, 1, 2, 2)},

		{"no burst capacity wanted, none reported", burst(0), 5, 50, 50, calm(5, 5, 5, 5)},
		{"all of it wanted", burst(-1), 5, 50, 50, spare(calm(5, 5, 5, 5), -1)},
		{"what is spare over the panic average rounds down", burst(30), 5, 50, 40.5, spare(calm(5, 5, 5, 5), 29)},
		{"also below zero", burst(30), 1, 10, 0.5, spare(calm(1, 1, 1, 1), -11)},
		{"and none ready has none", burst(30), 0, 10, 0.5, spare(calm(1, 1, 1, 1), -31)},

		{"default target 70", policy.KPA{}, 2, 140, 141, calm(2, 3, 2, 3)},
		{"default target of requests 140", rps, 2, 280, 281, calm(2, 3, 2, 3)},
		{"default total 100", policy.KPA{TargetBurstCapacity: 1}, 3, 70, 0, spare(calm(1, 0, 1, 1), 299)},
		{"default total of requests 200", policy.KPA{ScalingMetric: policy.RPS, TargetBurstCapacity: 1}, 3, 140, 0, spare(calm(1, 0, 1, 1), 599)},
		{"default rate up 1000", policy.KPA{}, 1, 70 * 1001, 0, calm(1001, 0, 1000, 0)},
		{"default rate down 2, default panic threshold 2", policy.KPA{}, 4, 0, 70 * 7, calm(0, 7, 2, 7)},
		{"default panic threshold 2 panics", policy.KPA{}, 4, 0, 70 * 8, alarmed(0, 8, 2, 8, 8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := policy.NewKPADecider(c.config, start, 1)
			require.Equal(t, c.want, d.Decide(policy.KPAInput{Now: start.Add(2 * time.Second), Ready: c.ready, Stable: c.stable, Panic: c.panic}))
		})
	}
}

// kpaTick is one decision of several, at seconds after the decider's birth.
type kpaTick struct {
	at            float64
	ready         int
	stable, panic float64
	want          policy.KPADecision
	change        func(*policy.KPA) // before it, if not nil
	fails         func(*policy.KPAInput)
}

func TestKPARulesOverTime(t *testing.T) {
	countFails := func(in *policy.KPAInput) { in.ReadyFailed = true }
	noData := func(in *policy.KPAInput) { in.NoData = true }
	delay := func(s float64) policy.KPA { return kpaWith(func(c *policy.KPA) { c.ScaleDownDelay = sec(s) }) }
	route := func(there bool) func(*policy.KPA) { return func(c *policy.KPA) { c.Unreachable = !there } }
	window := func(s float64) func(*policy.KPA) { return func(c *policy.KPA) { c.StableWindow = sec(s) } }
	scaleDownDelay := func(s float64) func(*policy.KPA) { return func(c *policy.KPA) { c.ScaleDownDelay = sec(s) } }
	five, three := calm(5, 0, 5, 2), calm(3, 0, 3, 2) // of five ready
	tick := func(at float64, ready int, stable, panic float64, want policy.KPADecision) kpaTick {
		return kpaTick{at: at, ready: ready, stable: stable, panic: panic, want: want}
	}
	changed := func(by func(*policy.KPA), k kpaTick) kpaTick { k.change = by; return k }
	none := policy.KPADecision{}
	for _, c := range []struct {
		name   string
		config policy.KPA
		born   int
		ticks  []kpaTick
	}{
		{"born with none it is calm", tenEach, 0, []kpaTick{tick(2, 1, 0, 0, calm(0, 0, 0, 0))}},
		{"born with one it is calm, too", tenEach, 1, []kpaTick{tick(2, 1, 0, 0, calm(0, 0, 0, 0))}},
		{"born with two it panics, up to and with a stable window later", tenEach, 2, []kpaTick{
			tick(2, 2, 0, 0, alarmed(0, 0, 1, 1, 2)),
			tick(60, 2, 0, 0, alarmed(0, 0, 1, 1, 2)),
			tick(60.001, 2, 0, 0, calm(0, 0, 1, 1)),
		}},
		{"what it is born with is the floor of that panic", tenEach, 7, []kpaTick{tick(2, 3, 10, 0, alarmed(1, 0, 1, 1, 7))}},
		{"each tick over the threshold prolongs panic", tenEach, 1, []kpaTick{
			tick(0, 1, 10, 30, alarmed(1, 3, 1, 3, 3)),
			tick(30, 2, 10, 40, alarmed(1, 4, 1, 4, 4)),
			tick(61, 4, 10, 10, alarmed(1, 1, 2, 2, 4)),
			tick(90, 4, 10, 10, alarmed(1, 1, 2, 2, 4)),
			tick(90.001, 4, 10, 10, calm(1, 1, 2, 2)),
		}},
		{"in panic nothing goes down, and the stable window may go up", tenEach, 1, []kpaTick{
			tick(0, 1, 10, 100, alarmed(1, 10, 1, 10, 10)),
			tick(2, 10, 50, 0, alarmed(5, 0, 5, 5, 10)),
			tick(4, 10, 150, 0, alarmed(15, 0, 15, 5, 15)),
			tick(6, 15, 50, 0, alarmed(5, 0, 7, 7, 15)),
		}},
		{"in panic the panic window may go up below the threshold", tenEach, 1, []kpaTick{
			tick(0, 1, 10, 30, alarmed(1, 3, 1, 3, 3)), tick(2, 3, 10, 50, alarmed(1, 5, 1, 5, 5)),
		}},
		{"a second panic does not remember the first", tenEach, 1, []kpaTick{
			tick(0, 1, 10, 100, alarmed(1, 10, 1, 10, 10)),
			tick(61, 1, 10, 10, calm(1, 1, 1, 1)),
			tick(63, 1, 10, 20, alarmed(1, 2, 1, 2, 2)),
		}},
		{"a tick without a count prolongs nothing", tenEach, 1, []kpaTick{
			tick(0, 1, 10, 30, alarmed(1, 3, 1, 3, 3)),
			{at: 30, ready: 1, panic: 900, fails: countFails},
			tick(61, 1, 10, 10, calm(1, 1, 1, 1)),
		}},
		{"a tick without data prolongs and ends nothing", tenEach, 1, []kpaTick{
			tick(0, 1, 10, 30, alarmed(1, 3, 1, 3, 3)),
			{at: 30, ready: 1, panic: 900, fails: noData},
			{at: 61, ready: 1, panic: 900, fails: noData},
			tick(61, 1, 10, 20, alarmed(1, 2, 1, 2, 3)),
		}},
		{"a tick without data has no delay and no spare capacity", delay(10), 1, []kpaTick{
			tick(0, 5, 50, 0, five),
			changed(func(c *policy.KPA) { c.TargetBurstCapacity = -1 }, kpaTick{at: 2, ready: 5, stable: 90, want: none, fails: noData}),
			tick(4, 5, 30, 0, spare(delayed(three, 5), -1)), // the change counts all the same
		}},
		{"a changed stable window holds for a panic that has begun", tenEach, 1, []kpaTick{
			tick(0, 1, 10, 30, alarmed(1, 3, 1, 3, 3)),
			changed(window(10), tick(10, 1, 10, 10, alarmed(1, 1, 1, 1, 3))),
			tick(10.001, 1, 10, 10, calm(1, 1, 1, 1)),
		}},

		{"a delay of 10 s holds five slots of 2 s, the present one included", delay(10), 1, []kpaTick{
			tick(0, 5, 50, 0, five), tick(8, 5, 30, 0, delayed(three, 5)), tick(9.999, 5, 30, 0, delayed(three, 5)), tick(10, 5, 30, 0, three),
		}},
		{"slots are aligned to even seconds", delay(10), 1, []kpaTick{tick(1.9, 5, 50, 0, five), tick(9.9, 5, 30, 0, delayed(three, 5)), tick(10, 5, 30, 0, three)}},
		{"part of a slot counts as one", delay(8.5), 1, []kpaTick{tick(0, 5, 50, 0, five), tick(8, 5, 30, 0, delayed(three, 5)), tick(10, 5, 30, 0, three)}},
		{"a delay of 2 s only merges one slot", delay(2), 1, []kpaTick{tick(0, 5, 50, 0, five), tick(1.9, 5, 30, 0, delayed(three, 5)), tick(2, 5, 30, 0, three)}},
		{"a delay does not hold the way up", delay(10), 1, []kpaTick{tick(0, 5, 30, 0, three), tick(1, 5, 50, 0, five)}},
		{"no delay, no memory", tenEach, 1, []kpaTick{tick(0, 5, 50, 0, five), tick(1, 5, 30, 0, three)}},
		{"the delay remembers what panic decided", delay(10), 1, []kpaTick{
			changed(window(6), tick(0, 1, 10, 100, alarmed(1, 10, 1, 10, 10))), tick(7, 5, 30, 0, delayed(three, 10)), tick(10, 5, 30, 0, three),
		}},
		{"without a route nothing is delayed, nor remembered", delay(10), 1, []kpaTick{
			tick(0, 5, 50, 0, five),
			changed(route(false), tick(2, 5, 90, 0, calm(9, 0, 9, 0))),
			tick(4, 5, 0, 0, calm(0, 0, 0, 0)),
			changed(route(true), tick(6, 5, 30, 0, delayed(three, 5))),
			tick(10, 5, 30, 0, three),
		}},
		{"a delay configured later never acts", tenEach, 1, []kpaTick{
			changed(scaleDownDelay(10), tick(0, 5, 50, 0, five)), tick(2, 5, 30, 0, three),
		}},
		{"one taken away stays", delay(10), 1, []kpaTick{
			tick(0, 5, 50, 0, five), changed(scaleDownDelay(0), tick(2, 5, 30, 0, delayed(three, 5))),
		}},
		{"nor is it made longer", delay(4), 1, []kpaTick{
			tick(0, 5, 50, 0, five), changed(scaleDownDelay(60), tick(2, 5, 30, 0, delayed(three, 5))), tick(4, 5, 30, 0, three),
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, config := policy.NewKPADecider(c.config, start, c.born), c.config
			var got, want []policy.KPADecision
			for _, k := range c.ticks {
				if k.change != nil {
					k.change(&config)
					d.Update(config)
				}
				in := policy.KPAInput{Now: start.Add(sec(k.at)), Ready: k.ready, Stable: k.stable, Panic: k.panic}
				if k.fails != nil {
					k.fails(&in)
				}
				got, want = append(got, d.Decide(in)), append(want, k.want)
			}
			require.Equal(t, want, got)
		})
	}
}

// The panic window is a tenth of the stable one, in whole seconds, at least one.
func TestKPANeeds(t *testing.T) {
	needs := func(name string, stat policy.Stat, stable, panic time.Duration) policy.Needs {
		return policy.Needs{Signals: []policy.Signal{{Name: name, Stat: stat, Window: stable}, {Name: name, Stat: stat, Window: panic}}}
	}
	for _, c := range []struct {
		name   string
		config policy.KPA
		want   policy.Needs
	}{
		{"by default", policy.KPA{}, needs(policy.InFlight, policy.Mean, time.Minute, 6*time.Second)},
		{"a tenth rounds to the nearest second", policy.KPA{StableWindow: sec(15)}, needs(policy.InFlight, policy.Mean, sec(15), sec(2))},
		{"down below a half", policy.KPA{StableWindow: sec(14)}, needs(policy.InFlight, policy.Mean, sec(14), sec(1))},
		{"one second at least", policy.KPA{StableWindow: sec(4)}, needs(policy.InFlight, policy.Mean, sec(4), sec(1))},
		{"its own", policy.KPA{PanicWindow: sec(9)}, needs(policy.InFlight, policy.Mean, time.Minute, sec(9))},
		{"requests", policy.KPA{ScalingMetric: policy.RPS}, needs(policy.Begun, policy.Rate, time.Minute, 6*time.Second)},
		{"weighted", policy.KPA{Aggregation: policy.WeightedExponential}, needs(policy.InFlight, policy.Weighted, time.Minute, 6*time.Second)},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, c.config.Needs()) })
	}
}

// Of windows without data, Valid says what requireData does upstream.
func TestKPAWithoutData(t *testing.T) {
	missing := policy.Reading{Quality: policy.Missing}
	failed := policy.Reading{Quality: policy.Failed}
	type answer struct {
		Replicas int
		Verdict  policy.Verdict
	}
	for _, c := range []struct {
		name          string
		allow, counts bool
		stable, panic policy.Reading
		want          answer
	}{
		{"both windows have data", false, true, ok(30), ok(10), answer{3, policy.Propose}},
		{"an empty window decides nothing", false, true, missing, missing, answer{1, policy.NoOpinion}},
		{"allowed, it counts as zero", true, true, missing, missing, answer{0, policy.Propose}},
		{"a failure is never zero", true, true, failed, failed, answer{1, policy.NoOpinion}},
		{"an empty panic window alone counts as zero", false, true, ok(30), missing, answer{3, policy.Propose}},
		{"an unknown count decides nothing", true, false, ok(30), ok(10), answer{1, policy.NoOpinion}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := tenEach
			config.AllowNoData = c.allow
			d := config.New(start, 1).Decide(policy.Observation{
				Now: start, Desired: 1, Current: 1, Ready: 1, ReadyFailed: !c.counts, Readings: []policy.Reading{c.stable, c.panic},
			})
			require.Equal(t, c.want, answer{d.Replicas, d.Verdict})
		})
	}
}

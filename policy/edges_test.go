package policy_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// observe is an observation of a settled fleet in which every reading is v.
func observe(c policy.Config, now time.Time, desired int, v float64) policy.Observation {
	o := policy.Observation{Now: now, Desired: desired, Current: desired, Ready: desired}
	for range c.Needs().Signals {
		o.Readings = append(o.Readings, ok(v))
	}
	return o
}

// Asked before it was made (a clock that runs behind), a policy with periods has
// nothing to repeat.
func TestAskedBeforeItWasMade(t *testing.T) {
	all := restorable()
	all["keda of its queue"] = policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: queue}, Of: ofQueue("queue")}
	for name, c := range all {
		d := c.New(start, 5).Decide(observe(c, start.Add(-time.Millisecond), 5, 50))
		require.GreaterOrEqual(t, d.Replicas, 3, "%s: %v", name, d)
	}
}

// What is no number says nothing, whatever its quality: nothing shrinks.
func TestNoNumberIsSilence(t *testing.T) {
	for name, c := range restorable() {
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			p := c.New(start, 3)
			o := observe(c, start, 3, v)
			for i := range 40 {
				before := o.Now
				o.Now = start.Add(time.Duration(i) * 30 * time.Second)
				o.Seconds = quiet(before, o.Now)
				d := p.Decide(o)
				if name == "keda" && i > 0 {
					break // as upstream does, a trigger that failed is inactive
				}
				require.GreaterOrEqual(t, d.Replicas, 3, "%s on %v: %v", name, v, d)
				p.(policy.Saver).AppendState(nil)
			}
		}
	}
}

// Seconds that nobody saw are no idleness, and what ends later than now, or has
// no number, is no second.
func TestUnseenSecondsAreNoIdleness(t *testing.T) {
	hold := policy.Track{Signal: policy.Signal{Name: "x"}, Value: 1}
	for name, c := range map[string]policy.Config{
		"idle": policy.Idle{After: time.Minute, Of: hold}, "lag": policy.SeldonLag{Max: 9, Inactive: time.Minute, CoolDown: time.Second},
		"every": policy.Every{Period: 2 * time.Hour, Of: policy.Idle{After: 50 * time.Minute, Of: hold}},
	} {
		t.Run(name, func(t *testing.T) {
			p := c.New(start, 3)
			ask := func(at time.Duration, seconds []policy.Second) int {
				o := observe(c, start.Add(at), 3, 0)
				if name != "lag" {
					o.Readings[0].Value = 3
				}
				o.Seconds = seconds
				return p.Decide(o).Replicas
			}
			require.Equal(t, 3, ask(2*time.Hour, nil), "none seen")
			last := quiet(start.Add(4*time.Hour-time.Second), start.Add(4*time.Hour))
			require.Equal(t, 3, ask(4*time.Hour, last), "one seen")
			future := append(quiet(start.Add(9*time.Hour), start.Add(10*time.Hour)), policy.Second{Unix: start.UnixMilli() * 1000, Known: true})
			require.Equal(t, 3, ask(6*time.Hour, future), "those to come")
			odd := quiet(start.Add(7*time.Hour), start.Add(8*time.Hour))
			for i := range odd {
				odd[i].Busy = math.NaN()
			}
			if name == "every" {
				require.Equal(t, 3, ask(8*time.Hour, odd), "no number")
			}
			p.(policy.Saver).AppendState(nil)
			require.Less(t, ask(10*time.Hour, quiet(start.Add(8*time.Hour), start.Add(10*time.Hour))), 3, "all seen")
		})
	}
}

// Damaged memories are refused, and change nothing.
func TestDamagedStates(t *testing.T) {
	const begun = `"Start":"2023-11-14T22:13:20Z","Next":"2149-11-14T22:13:20Z"`
	for _, c := range []struct {
		name   string
		config policy.Config
		state  string
	}{
		{"a delay beyond all counts", policy.KPA{ScaleDownDelay: time.Minute}, `{"V":1,"Own":{"Decider":{"PanicSince":"0001-01-01T00:00:00Z","PanicFloor":0,"Delay":{"Slots":30,"Entries":[{"Slot":1,"Value":1e+300}]}},"Beat":{` + begun + `,"Replicas":0,"Verdict":"hold"}}}`},
		{"a delay out of order", policy.KPA{ScaleDownDelay: time.Minute}, `{"V":1,"Own":{"Decider":{"PanicSince":"0001-01-01T00:00:00Z","PanicFloor":0,"Delay":{"Slots":30,"Entries":[{"Slot":2,"Value":3},{"Slot":1,"Value":2}]}},"Beat":{` + begun + `,"Replicas":0,"Verdict":"hold"}}}`},
		{"a negative count", policy.Every{Period: time.Second, Of: track}, `{"V":1,"Own":{"Beat":{` + begun + `,"Replicas":-7,"Verdict":"propose"}},"Of":[{"V":1}]}`},
		{"a negative cap", policy.Useful{Max: 3, Of: track}, `{"V":1,"Own":{"Cap":-5},"Of":[{"V":1}]}`},
		{"no cap", policy.Useful{Max: 3, Of: track}, `{"V":1,"Own":{},"Of":[{"V":1}]}`},
		{"null for a memory", policy.Useful{Max: 3, Of: track}, `{"V":1,"Own":null,"Of":[{"V":1}]}`},
		{"twice the same", policy.Useful{Max: 3, Of: track}, `{"V":1,"Own":{"Cap":3,"Cap":2},"Of":[{"V":1}]}`},
		{"other parts", policy.Useful{Max: 3, Of: track}, `{"V":1,"Own":{"Cap":3},"Of":[{"V":1},{"V":1}]}`},
		{"a negative reset", policy.SeldonLag{Max: 3}, `{"V":1,"Own":{"Starts":{"Last":"2023-11-14T22:13:20Z","Seen":"2023-11-14T22:13:20Z"},"Changed":"2023-11-14T22:13:20Z","Called":false,"Desired":0,"Reset":-1,"Beat":{` + begun + `,"Replicas":0,"Verdict":"hold"}}}`},
		{"seen before it began", policy.Idle{After: time.Minute, Of: track}, `{"V":1,"Own":{"Starts":{"Last":"2023-11-14T22:13:21Z","Seen":"2023-11-14T22:13:20Z"}},"Of":[{"V":1}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, c.config.Validate())
			p := c.config.New(start, 2).(policy.Saver)
			before := string(p.AppendState(nil))
			require.ErrorContains(t, p.Restore([]byte(c.state)), "policy: restore")
			require.Equal(t, before, string(p.AppendState(nil)))
		})
	}
}

// Neither restores when one part does not fit.
func TestKEDARestoresAllOrNothing(t *testing.T) {
	c := func(triggers ...policy.KEDATrigger) policy.KEDA {
		return policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: triggers}, Of: policy.Stabilize{Down: time.Hour, Of: track}}
	}
	a, b := policy.KEDATrigger{Name: "a", TargetMilli: 1}, policy.KEDATrigger{Name: "b", TargetMilli: 1}
	p := c(a).New(start, 1).(policy.Saver)
	before := string(p.AppendState(nil))
	require.ErrorContains(t, p.Restore(c(a, b).New(start, 77).(policy.Saver).AppendState(nil)), "other triggers")
	require.Equal(t, before, string(p.AppendState(nil)))
}

func TestFallbackKeepsItsLaw(t *testing.T) {
	queue := policy.HPA{MaxReplicas: 60, MinReplicas: new(int), DownscaleStabilization: new(time.Duration), Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "queue", Target: 10_000}}}
	c := policy.Fallback{After: time.Minute, Replicas: 4, Of: queue}
	p := c.New(start, 9)
	o := observe(c, start, 9, 90)
	require.Equal(t, "9: target ratio", p.Decide(o).String())
	o.Now = start.Add(15 * time.Second)
	o.Readings[0] = policy.Reading{Value: 10, Quality: policy.Stale}
	require.Equal(t, 9, p.Decide(o).Replicas, "not below Desired while the reading is not OK")
	c.MayLower = true
	lower := c.New(start, 9)
	lower.Decide(observe(c, start, 9, 90))
	require.Less(t, lower.Decide(o).Replicas, 9)

	// Switched off by hand: that is the HPA's decision, and its reading is OK.
	p = c.New(start, 0)
	for i := range 10 {
		d := p.Decide(observe(c, start.Add(time.Duration(i)*time.Minute), 0, 90))
		require.Equal(t, "0: ScalingDisabled", d.String())
	}
}

// Requests in flight that are not known keep Idle from lowering, whatever else
// its part has to go by.
func TestIdleWithoutFlight(t *testing.T) {
	c := policy.Idle{After: time.Hour, Of: policy.Track{Signal: policy.Signal{Name: "x"}, Value: 10}}
	o := observe(c, start, 5, 20)
	o.Readings[1].Quality = policy.Stale
	require.Equal(t, "5: target ratio 5->2; signal not ok 2->5", c.New(start, 5).Decide(o).String())
	o.Readings[1] = ok(math.NaN())
	require.Equal(t, "5: target ratio 5->2; signal not ok 2->5", c.New(start, 5).Decide(o).String())
}

func TestBoundsOfNothing(t *testing.T) {
	require.EqualError(t, policy.Bound{Of: track}.Validate(), "Max: neither Min nor Max bounds anything")
	require.EqualError(t, policy.Freeze{Replicas: 1, Of: track}.Validate(), "Until: must be set")
	require.NoError(t, policy.Bound{Min: 2, Of: track}.Validate())
	d := policy.Bound{Min: 2, Of: track}.New(start, 3).Decide(settled(3, 1e5))
	require.Greater(t, d.Replicas, 1000, "no maximum")
}

// A gap that only the panic window sees is a panic window of zero, as in the
// core.
func TestKPAPanicWindowGap(t *testing.T) {
	p := policy.KPA{}.New(start, 2)
	o := settled(2, 140)
	o.Readings = append(o.Readings, policy.Reading{})
	require.Equal(t, "2: stable window", p.Decide(o).String())
	o.Readings[1] = policy.Reading{Value: 1e6, Quality: policy.Failed}
	require.Equal(t, "2: stable window", policy.KPA{}.New(start, 1).Decide(o).String(), "nor does one that failed say anything")
	p = policy.KPA{AllowNoData: true}.New(start, 1)
	o = settled(1, 0)
	o.Readings = []policy.Reading{{}, ok(700)}
	require.Equal(t, policy.Propose, p.Decide(o).Verdict, "an empty stable window counts as zero, if it may")
	p = policy.KPA{AllowNoData: true}.New(start, 1)
	o.Readings[0].Quality = policy.Failed
	require.Equal(t, policy.NoOpinion, p.Decide(o).Verdict, "one that failed does not")
}

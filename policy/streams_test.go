package policy_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/policy"
)

// A target has requests that are served for a fixed time as soon as they come, and
// a fleet that follows each decision at once.
type target struct {
	p       policy.Policy
	service float64 // seconds
	desired int
	now     time.Time
	busy    []float64 // ends of what is being served, seconds since start
	extra   []policy.Reading
}

func newTarget(c policy.Config, service float64, n int) *target {
	return &target{p: c.New(start, n), service: service, desired: n, now: start}
}

// live goes on for so many seconds with so many requests in each, and decides at
// each end.
func (x *target) live(seconds, each int) (d policy.Decision) {
	for range seconds {
		d = x.decide(x.second(each))
	}
	return d
}

func (x *target) second(each int) policy.Second {
	from := x.now.Sub(start).Seconds()
	s := policy.Second{Unix: x.now.Unix(), Begun: int64(each), Known: true}
	for i := range each {
		x.busy = append(x.busy, from+float64(i)/float64(each)+x.service)
	}
	keep := 0
	for _, end := range x.busy {
		s.Busy += min(end, from+1) - max(end-x.service, from)
		if end > from+1 {
			x.busy[keep] = end
			keep++
		} else {
			s.Ended++
		}
	}
	x.busy = x.busy[:keep]
	x.now = x.now.Add(time.Second)
	return s
}

func (x *target) see(seconds ...policy.Second) policy.Observation {
	o := policy.Observation{
		Now: x.now, Desired: x.desired, Current: x.desired, Ready: x.desired, Slots: 2, Lead: 30 * time.Second,
		Readings: []policy.Reading{ok(float64(len(x.busy)))}, Seconds: seconds,
	}
	o.Readings = append(o.Readings, x.extra...)
	return o
}

func (x *target) decide(seconds ...policy.Second) policy.Decision {
	d := x.p.Decide(x.see(seconds...))
	x.desired = d.Replicas
	return d
}

// streams are the policies that go by whole seconds.
var streams = map[string]policy.Config{
	"adaptive": policy.Adaptive{Wait: 500 * time.Millisecond},
	"slo":      policy.SLO{Wait: 200 * time.Millisecond, Miss: 0.02},
	"forecast": policy.Forecast{},
	"envelope": policy.Envelope{Wait: 500 * time.Millisecond, Window: time.Minute},
	"season":   policy.Season{Periods: []time.Duration{20 * time.Minute}, Gaps: true},
	"backlog":  policy.Backlog{Within: time.Minute},
}

func TestStreams(t *testing.T) {
	for _, c := range []struct {
		name string
		c    policy.Config
		live func(x *target) policy.Decision
		want string
	}{
		{"adaptive learns first", streams["adaptive"], func(x *target) policy.Decision { return x.live(1, 0) }, "3: learning"},
		{"adaptive of a steady load", streams["adaptive"], func(x *target) policy.Decision { return x.live(900, 10) }, "3: worth its cost"},
		{"adaptive jumps", streams["adaptive"], func(x *target) policy.Decision { x.live(900, 10); return x.live(5, 40) }, "9: jump"},
		{"slo learns first", streams["slo"], func(x *target) policy.Decision { return x.live(2, 1) }, "3: learning"},
		// Load 4: by Erlang's C and a metronome's variability.
		{"slo of a steady load", streams["slo"], func(x *target) policy.Decision { return x.live(400, 10) }, "4: wait limit"},
		{"slo jumps", streams["slo"], func(x *target) policy.Decision { x.live(400, 10); return x.live(5, 40) }, "10: wait limit"},
		{"slo to zero", streams["slo"], func(x *target) policy.Decision { x.live(100, 10); return x.live(70, 0) }, "0: wait limit"},
		{"forecast of a steady load", streams["forecast"], func(x *target) policy.Decision { return x.live(600, 10) }, "3: forecast"},
		{"forecast jumps", streams["forecast"], func(x *target) policy.Decision { x.live(600, 10); return x.live(5, 40) }, "12: jump"},
		// 40 in each of ten seconds, served for 0.4 s: 400 * 0.4 / 10.5 = 15.2 slots.
		{"envelope remembers a burst", streams["envelope"], func(x *target) policy.Decision {
			x.live(300, 10)
			x.live(10, 40)
			return x.live(30, 0)
		}, "8: arrival envelope"},
		{"envelope forgets it after its window", streams["envelope"], func(x *target) policy.Decision {
			x.live(300, 10)
			x.live(10, 40)
			return x.live(125, 0)
		}, "0: arrival envelope"},
		{"season knows none", streams["season"], func(x *target) policy.Decision { return x.live(600, 10) }, "3: no season"},
		{"backlog of none", streams["backlog"], func(x *target) policy.Decision { return x.live(300, 9) }, "2: drain by deadline"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newTarget(c.c, 0.4, 3)
			d := c.live(x)
			got := d.String()
			if i := strings.IndexByte(got, ' '); strings.Contains(got, "->") {
				got = got[:i] + " " + string(d.Steps[0].Reason)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// What waits is drained by the deadline, by replicas that come after a lead.
func TestBacklogDrains(t *testing.T) {
	c := policy.Backlog{Within: time.Minute, Signal: policy.Signal{Name: "queue"}, Service: 1900 * time.Millisecond}
	x := newTarget(c, 1.9, 1)
	x.extra = []policy.Reading{ok(0)}
	x.live(300, 1) // a load of 1.9 slots
	x.extra = []policy.Reading{ok(450)}
	d := x.decide(x.second(1))
	// 450 messages of 1.9 s in the 30 s that remain after the lead are 28.5 slots more.
	require.Equal(t, 16, d.Replicas, "%v", d)
	x.desired = 40 // as many serve already: 78 spare slots do 1200 in the lead
	d = x.decide(x.second(1))
	require.Equal(t, 1, d.Replicas, "%v", d)

	// A reading that is old, or not whole, does not lower.
	x.extra[0] = policy.Reading{Value: 450, Quality: policy.Stale}
	x.desired = 40
	d = x.decide(x.second(1))
	require.Equal(t, "40: signal not ok", d.String())

	// No more slots than there are requests.
	few := newTarget(policy.Backlog{Within: 10 * time.Second, Service: time.Minute}, 60, 0)
	few.busy = []float64{900, 900, 900}
	d = few.decide(few.second(0))
	require.Equal(t, 2, d.Replicas, "%v: three slots for three requests", d)
}

// Seconds that are not known, and readings that are not OK, never lower; they may
// raise.
func TestStreamsInSilence(t *testing.T) {
	for name, c := range streams {
		if name == "season" {
			continue
		}
		x := newTarget(c, 0.4, 3)
		x.live(700, 10)
		x.desired = 9
		unknown := x.second(0)
		unknown.Known = false
		d := x.decide(unknown)
		require.Equal(t, "9: seconds unknown", d.String(), name)
		o := x.see(x.second(0))
		o.Readings[0].Quality = policy.Stale
		require.Equal(t, "9: signal not ok", x.p.Decide(o).String(), name)
		o = x.see(x.second(0))
		o.ReadyFailed = true
		require.Equal(t, "9: count unknown", x.p.Decide(o).String(), name)
		o = x.see(x.second(0))
		o.Readings[0].Value = -1
		require.Equal(t, "9: signal not ok", x.p.Decide(o).String(), name)
		x.desired = 0
		x.second(30)
		for range 10 {
			o = x.see(x.second(30))
			o.Readings[0].Quality = policy.Stale
			o.Readings[0].Value = 1e6
			d = x.p.Decide(o)
		}
		require.Positive(t, d.Replicas, name)
	}
}

// What an SLO goes by is the mean of a minute.
func TestSLOGoesByAMinute(t *testing.T) {
	x := newTarget(streams["slo"], 0.4, 3)
	x.live(400, 20)
	x.live(30, 10) // three in four of what came before
	d := x.live(1, 10)
	require.InDelta(t, 15*0.4, d.Steps[0].Have, 0.1, "%v", d)
}

// A forecast is no less than what came in the last minute, and reaches from the
// newest second that is known.
func TestForecastLooksAhead(t *testing.T) {
	x := newTarget(policy.Forecast{}, 0.4, 3)
	x.live(600, 40)
	x.live(30, 1)
	d := x.live(10, 1) // of smoothing a fourth of that is left, of the minute a third
	require.InDelta(t, (20*40+40*1)/60.0, d.Steps[0].Have, 0.1, "%v", d)

	rising := func(late time.Duration) float64 {
		x := newTarget(policy.Forecast{}, 0.4, 3)
		var d policy.Decision
		for i := range 60 {
			for range 10 {
				s := x.second(20 + 4*i)
				o := x.see(s)
				o.Now = o.Now.Add(late)
				d = x.p.Decide(o)
			}
		}
		return d.Steps[0].Have
	}
	require.Greater(t, rising(30*time.Second), rising(0)*1.005, "what is late reaches less far")

	// However wrong it was, it asks for no more than three times what it foresees.
	x = newTarget(policy.Forecast{Quantile: 0.99}, 0.4, 3)
	for range 60 {
		x.live(50, 2)
		x.live(10, 100)
	}
	d = x.live(60, 2)
	require.Less(t, d.Steps[0].Have, 20.0, "%v", d)

	// More than a forecast that has fallen, and no more than chance above the last
	// minute, is no jump.
	x = newTarget(policy.Forecast{}, 0.4, 3)
	x.live(600, 40)
	x.live(40, 1)
	d = x.live(5, 17)
	require.Equal(t, policy.ForecastRate, d.Steps[0].Reason, "%v", d)
}

func TestEnvelopeMargin(t *testing.T) {
	slots := func(margin float64) float64 {
		x := newTarget(policy.Envelope{Wait: time.Second, Window: time.Minute, Margin: margin}, 0.4, 3)
		return x.live(300, 10).Steps[0].Have
	}
	require.InEpsilon(t, 1.5*slots(0), slots(0.5), 1e-9)
}

func TestSeasonsUnlessToldOthers(t *testing.T) {
	state := policy.Season{}.New(start, 1).(policy.Saver).AppendState(nil)
	day := policy.Season{Periods: []time.Duration{24 * time.Hour, 7 * 24 * time.Hour}}
	require.NoError(t, day.New(start, 1).(policy.Saver).Restore(state))
}

// The same time a period ago raises before the load comes.
func TestSeasonIsAheadOfTheLoad(t *testing.T) {
	x := newTarget(streams["season"], 0.4, 3)
	random := rand.New(rand.NewPCG(1, 1))
	steps := make([]int, 10)
	for i := range steps {
		steps[i] = 2 + random.IntN(20)
	}
	steps[6], steps[7] = 3, 60
	for m := range 200 {
		x.live(60, steps[m/2%10]) // of two minutes
	}
	// Now is the first minute of a period: on to within a minute of the seventh step.
	for m := range 14 {
		x.live(60, steps[m/2%10])
		if m == 11 {
			require.Less(t, x.desired, 10)
		}
	}
	d := x.decide(x.second(3))
	require.Equal(t, policy.SameTime, d.Steps[0].Reason, "%v", d)
	require.Equal(t, 1200.0, d.Steps[0].Limit)
	require.InDelta(t, 60*0.4/0.7/2, d.Replicas, 5)
}

// Worth is in [0, 1], never less for more, concave, and never below the share in
// time.
func TestSLOValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := policy.SLO{Wait: time.Duration(rapid.Int64Range(1, 5e9).Draw(t, "wait")), Service: time.Duration(rapid.Int64Range(1e6, 1e10).Draw(t, "service"))}
		p := c.New(start, 1)
		x := newTarget(c, 0.1, 1)
		x.p = p
		x.live(70, rapid.IntRange(0, 60).Draw(t, "rate"))
		o := x.see()
		before := p.(policy.Saver).AppendState(nil)
		last, gain := 0.0, 2.0
		for n := range 150 {
			v := policy.Value(p, o, 1, n)
			if v < last-1e-12 || v > 1 || v-last > gain+1e-12 && n > 0 {
				t.Fatalf("%d replicas are worth %v, one less %v, which gained %v", n, v, last, gain)
			}
			if n > 0 {
				gain = v - last
			}
			last = v
		}
		if last < 0.5 && c.Service < time.Second {
			t.Fatalf("150 replicas are worth %v", last)
		}
		require.Equal(t, string(before), string(p.(policy.Saver).AppendState(nil)), "it changes nothing")
	})
}

// What a count is worth goes through combinators; others give the share of what
// was decided.
func TestValueThroughCombinators(t *testing.T) {
	slo := streams["slo"]
	inner := newTarget(slo, 0.4, 3)
	inner.live(100, 10)
	want := policy.Value(inner.p, inner.see(), 7, 2)
	require.Greater(t, want, 0.1)
	require.Less(t, want, 1.0)
	later := policy.Freeze{Replicas: 1, Until: start.Add(time.Second), Of: slo}
	for _, c := range []policy.Config{
		slo,
		policy.Bound{Min: 1, Max: 50, Of: policy.Stabilize{Down: time.Second, Of: policy.Pace{Of: slo}}},
		policy.Every{Period: time.Second, Of: policy.Tolerate{Of: policy.Cooldown{Of: policy.FlapBudget{Reversals: 9, Per: time.Hour, Of: slo}}}},
		policy.Fallback{Of: policy.Calendar{Entries: []policy.CalendarEntry{{Min: 1}}, Of: later}},
		policy.Idle{After: time.Hour, Of: slo},
		policy.Useful{Signal: policy.Signal{Name: "x"}, Of: slo},
		policy.Highest{policy.SLO{Wait: time.Hour, Service: 400 * time.Millisecond}, slo, track},
	} {
		require.NoError(t, c.Validate())
		x := newTarget(c, 0.4, 3)
		for range len(c.Needs().Signals) - 1 {
			x.extra = append(x.extra, ok(20))
		}
		x.live(100, 10)
		require.InDelta(t, want, policy.Value(x.p, x.see(), 7, 2), 1e-9, "%T", c)
	}
	for _, c := range []policy.Config{policy.Bound{Max: 2, Of: slo}, policy.Useful{Max: 2, Of: slo}} {
		capped := newTarget(c, 0.4, 3)
		capped.live(100, 10)
		require.InDelta(t, want, policy.Value(capped.p, capped.see(), 7, 5), 1e-9, "%T: more than two are of no use", c)
	}
	for _, c := range []policy.Config{
		track,
		policy.Lowest{slo, track},
		policy.First{slo},
		policy.Highest{track},
		policy.Freeze{Replicas: 1, Until: start.Add(time.Hour), Of: slo},
	} {
		x := newTarget(c, 0.4, 3)
		for range len(c.Needs().Signals) - 1 {
			x.extra = append(x.extra, ok(20))
		}
		x.live(100, 10)
		require.Equal(t, 0.25, policy.Value(x.p, x.see(), 8, 2), "%T", c)
		require.Equal(t, 1.0, policy.Value(x.p, x.see(), 8, 9), "%T", c)
		require.Equal(t, 0.0, policy.Value(x.p, x.see(), 8, -1), "%T", c)
		require.Equal(t, 1.0, policy.Value(x.p, x.see(), 0, 0), "%T", c)
	}
}

func TestStreamsValidate(t *testing.T) {
	require.EqualError(t, policy.SLO{Miss: 1, Service: -1, Variability: -1}.Validate(), strings.Join([]string{
		"Wait: must be > 0, is 0s", "Miss: must be in [0, 1), is 1", "Service: must be >= 0, is -1ns", "Variability: must be finite and >= 0, is -1",
	}, "\n"))
	require.EqualError(t, policy.Adaptive{Share: 0.4, Service: -1}.Validate(), strings.Join([]string{
		"Wait: must be > 0, is 0s", "Share: must be in [0.5, 0.99999], is 0.4", "Service: must be >= 0, is -1ns",
	}, "\n"))
	require.EqualError(t, policy.Forecast{Utilization: 2, Quantile: -1, Lead: -1, Service: -1}.Validate(), strings.Join([]string{
		"Utilization: must be in [0, 1], is 2", "Quantile: must be in [0, 1), is -1", "Lead: must be >= 0, is -1ns", "Service: must be >= 0, is -1ns",
	}, "\n"))
	require.EqualError(t, policy.Envelope{Wait: -1, Quantile: 1, Window: time.Second, Margin: -1}.Validate(), strings.Join([]string{
		"Wait: must be >= 0, is -1ns", "Quantile: must be in [0, 1), is 1", "Window: must be whole seconds in [10s, 4h0m0s], is 1s", "Margin: must be finite and >= 0, is -1",
	}, "\n"))
	require.EqualError(t, policy.Season{Periods: []time.Duration{time.Hour, time.Second}, Utilization: -1}.Validate(), strings.Join([]string{
		"Periods[1]: must be whole minutes in [15m, 192h0m0s], is 1s", "Utilization: must be in [0, 1], is -1",
	}, "\n"))
	require.EqualError(t, policy.Backlog{Signal: policy.Signal{Stat: policy.Max}, Lead: -1}.Validate(), strings.Join([]string{
		"Within: must be > 0, is 0s", "Signal.Name: must not be empty", "Signal.Window: must be > 0 for max, is 0s", "Lead: must be >= 0, is -1ns",
	}, "\n"))
	for _, c := range streams {
		require.NoError(t, c.Validate())
	}
}

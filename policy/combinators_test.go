package policy_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/policy"
)

// say proposes what the reading of its number says, and has no opinion where it
// is missing.
type say struct{ name string }

func (say) Validate() error { return nil }
func (s say) Needs() policy.Needs {
	return policy.Needs{Signals: []policy.Signal{{Name: s.name}}}
}
func (s say) New(time.Time, int) policy.Policy { return s }

func (s say) Decide(o policy.Observation) policy.Decision {
	if o.Readings[0].Quality == policy.Missing {
		d := o.Hold("silent")
		d.Verdict = policy.NoOpinion
		return d
	}
	return o.Propose(policy.Reason(s.name), int(o.Readings[0].Value))
}

func (say) AppendState(dst []byte) []byte { return append(dst, "null"...) }
func (say) Restore([]byte) error          { return nil }

// tick is one call of a timeline: at seconds, what is said, and what comes out.
type tick struct {
	at   float64
	say  []float64 // NaN is missing
	want string
}

// follow plays a timeline; the fleet follows each decision.
func follow(t *testing.T, c policy.Config, desired int, ticks []tick) {
	t.Helper()
	require.NoError(t, c.Validate())
	p := c.New(start, desired)
	buf := make([]policy.Step, 0, 16)
	o := policy.Observation{Desired: desired}
	for _, k := range ticks {
		o.Now = start.Add(sec(k.at))
		o.Ready, o.Current = o.Desired, o.Desired
		o.Readings = nil
		for _, v := range k.say {
			r := ok(v)
			if math.IsNaN(v) {
				r = policy.Reading{}
			}
			o.Readings = append(o.Readings, r)
		}
		d := p.Decide(o.Lend(buf))
		require.Equal(t, k.want, d.String(), "at %v", k.at)
		o.Desired = d.Replicas
		again := c.New(start.Add(time.Hour), 99)
		require.NoError(t, again.(policy.Saver).Restore(p.(policy.Saver).AppendState(nil)))
		p = again
	}
}

func TestSeveral(t *testing.T) {
	none := math.NaN()
	a, b, c := say{"a"}, say{"b"}, say{"c"}
	follow(t, policy.Highest{a, b, c}, 5, []tick{
		{0, []float64{3, 7, 6}, "7: b 5->7; highest"},
		{1, []float64{none, 2, 4}, "4: c 7->4; highest"},
		{2, []float64{none, none, none}, "4: silent; highest"},
		{3, []float64{9, none, none}, "9: a 4->9; highest"},
	})
	follow(t, policy.Lowest{a, b}, 5, []tick{
		{0, []float64{3, 7}, "3: a 5->3; lowest"},
		{1, []float64{none, 8}, "8: b 3->8; lowest"},
	})
	follow(t, policy.First{a, b}, 5, []tick{
		{0, []float64{3, 7}, "3: a 5->3; first"},
		{1, []float64{none, 8}, "8: b 3->8; first"},
	})
	require.EqualError(t, policy.Highest{a, nil, policy.Track{}}.Validate(), "Parts[1]: must be set\nParts[2].Signal.Name: must not be empty\nParts[2].Value: must be finite and > 0, is 0")
	require.EqualError(t, policy.First{}.Validate(), "Parts: must not be empty")
	require.Len(t, policy.Lowest{a, b}.Needs().Signals, 2)
}

func TestTolerate(t *testing.T) {
	follow(t, policy.Tolerate{Up: 0.2, Down: 0.3, Of: say{"a"}}, 10, []tick{
		{0, []float64{12}, "10: a 10->12; within tolerance 12->10"},
		{1, []float64{7}, "10: a 10->7; within tolerance 7->10"},
		{2, []float64{13}, "13: a 10->13"},
		{3, []float64{9}, "9: a 13->9"},
		{4, []float64{0}, "0: a 9->0"},
		{5, []float64{1}, "1: a 0->1"},
	})
}

func TestCooldown(t *testing.T) {
	follow(t, policy.Cooldown{Up: 10 * time.Second, Down: 30 * time.Second, Of: say{"a"}}, 5, []tick{
		{0, []float64{6}, "6: a 5->6"}, // nothing changed before
		{9, []float64{7}, "6: a 6->7; cooling down 7->6"},
		{10, []float64{7}, "7: a 6->7"},
		{39, []float64{3}, "7: a 7->3; cooling down 3->7"},
		{40, []float64{3}, "3: a 7->3"},
	})
}

func TestFlapBudget(t *testing.T) {
	follow(t, policy.FlapBudget{Reversals: 2, Per: time.Minute, Of: say{"a"}}, 5, []tick{
		{0, []float64{6}, "6: a 5->6"},
		{1, []float64{5}, "5: a 6->5"}, // the first
		{2, []float64{6}, "6: a 5->6"},
		{3, []float64{5}, "5: a 6->5"}, // the second
		{4, []float64{4}, "4: a 5->4"}, // further down is no reversal
		{5, []float64{9}, "9: a 4->9"}, // up never waits
		{6, []float64{5}, "9: a 9->5; flap budget spent 5->9"},
		{60, []float64{5}, "9: a 9->5; flap budget spent 5->9"},
		{61, []float64{5}, "5: a 9->5"}, // the first is paid back
		{62, []float64{3}, "3: a 5->3"},
	})
}

// Whatever happens, no more steps go down after one that went up than the
// budget has for any hour.
func TestFlapBudgetIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := policy.FlapBudget{Reversals: rapid.IntRange(1, 3).Draw(t, "reversals"), Per: time.Minute, Of: say{"a"}}
		p := c.New(start, 5)
		o := policy.Observation{Desired: 5}
		var flaps []time.Time
		up := false
		now := start
		for range 40 {
			now = now.Add(sec(float64(rapid.IntRange(1, 20).Draw(t, "gap"))))
			o.Now, o.Ready, o.Current = now, o.Desired, o.Desired
			o.Readings = []policy.Reading{ok(float64(rapid.IntRange(1, 6).Draw(t, "load")))}
			n := p.Decide(o).Replicas
			if n < o.Desired && up {
				flaps = append(flaps, now)
				if k := len(flaps) - 1 - c.Reversals; k >= 0 && now.Sub(flaps[k]) < c.Per {
					t.Fatalf("%d down after up within %v: %v", c.Reversals+1, c.Per, flaps)
				}
			}
			if n != o.Desired {
				up = n > o.Desired
			}
			o.Desired = n
		}
	})
}

// A change by others is dated when it is seen: it may just have happened.
func TestChangesByOthers(t *testing.T) {
	calm := policy.Cooldown{Down: time.Minute, Of: say{"a"}}.New(start, 5)
	o := policy.Observation{Now: start, Desired: 5, Readings: []policy.Reading{ok(5)}}
	require.Equal(t, "5: a", calm.Decide(o).String())
	o.Now, o.Desired = start.Add(time.Hour), 9
	require.Equal(t, "9: a 9->5; cooling down 5->9", calm.Decide(o).String(), "not an hour ago, as far as is known")
	o.Now = o.Now.Add(time.Minute)
	require.Equal(t, "5: a 9->5", calm.Decide(o).String())

	slow := policy.Pace{Down: policy.Limit{Count: 4, Period: time.Minute}, Of: say{"a"}}.New(start, 9)
	o = policy.Observation{Now: start, Desired: 9, Readings: []policy.Reading{ok(9)}}
	require.Equal(t, "9: a", slow.Decide(o).String())
	o.Now, o.Desired, o.Readings[0].Value = start.Add(time.Hour), 5, 1
	require.Equal(t, "5: a 5->1; pace limit 1->5", slow.Decide(o).String(), "somebody took four off just now, perhaps")
}

// A pace as large as a count may be never turns up into down.
func TestPaceSaturates(t *testing.T) {
	c := policy.Pace{Up: policy.Limit{Count: math.MaxInt32, Percent: 1e300, Period: time.Minute}, Of: say{"a"}}
	follow(t, c, 5, []tick{{0, []float64{9}, "9: a 5->9"}})
	c.Up.Count = math.MaxInt
	require.ErrorContains(t, c.Validate(), "Up.Count: must be in [0, 2147483647]")
}

func TestFreeze(t *testing.T) {
	follow(t, policy.Freeze{Replicas: 4, Until: start.Add(10 * time.Second), Of: say{"a"}}, 5, []tick{
		{0, []float64{9}, "4: a 5->9; frozen 9->4"},
		{9.9, []float64{1}, "4: a 4->1; frozen 1->4"},
		{10, []float64{1}, "1: a 4->1"},
	})
}

func TestUseful(t *testing.T) {
	c := policy.Useful{Max: 8, Signal: policy.Signal{Name: "partitions"}, Of: say{"a"}}
	follow(t, c, 5, []tick{
		{0, []float64{9, math.NaN()}, "8: a 5->9; useful parallelism 9->8"},
		{1, []float64{9, 6.7}, "6: a 8->9; useful parallelism 9->6"},
		{2, []float64{9, math.NaN()}, "6: a 6->9; useful parallelism 9->6"}, // as it was last
		{3, []float64{5, 100}, "5: a 6->5"},
		{4, []float64{50, 100}, "8: a 5->50; useful parallelism 50->8"},
	})
	require.Equal(t, 400, policy.UsefulGateways(250, 100, 4))
	require.Equal(t, 12, policy.UsefulGateways(3, 100, 4))
	require.Equal(t, 20, policy.UsefulDataflow(5, 4))
	require.Equal(t, math.MaxInt32, policy.UsefulDataflow(math.MaxInt, 4))
	require.Zero(t, policy.UsefulGateways(-1, 100, 4))
}

func TestIdle(t *testing.T) {
	c := policy.Idle{After: 20 * time.Second, Wake: 2, Of: track}
	require.NoError(t, c.Validate())
	p := c.New(start, 3)
	o := policy.Observation{Desired: 3}
	before := start
	step := func(at float64, load float64, q policy.Quality, begun int64, known bool, want string) {
		t.Helper()
		o.Now = start.Add(sec(at))
		o.Ready = o.Desired
		o.Readings = []policy.Reading{{Value: load, Quality: q}, {Value: load, Quality: q}}
		o.Seconds = quiet(before, o.Now)
		before = o.Now
		o.Seconds[len(o.Seconds)-1].Begun, o.Seconds[len(o.Seconds)-1].Known = begun, known
		d := p.Decide(o)
		require.Equal(t, want, d.String(), "at %v", at)
		o.Desired = d.Replicas
		again := c.New(start, 9)
		require.NoError(t, again.(policy.Saver).Restore(p.(policy.Saver).AppendState(nil)))
		p = again
	}
	step(1, 0, policy.OK, 1, true, "1: target ratio 3->0; never below one 0->1")
	step(20, 0, policy.OK, 0, true, "1: target ratio 1->0; never below one 0->1")
	step(21, 0, policy.Stale, 0, true, "1: signal not ok")
	step(22, 0, policy.OK, 0, true, "0: target ratio 1->0; idle to zero")
	step(30, 0, policy.OK, 0, true, "0: target ratio; asleep")
	step(31, 0, policy.Missing, 0, false, "0: signal not ok; asleep")
	step(32, 0, policy.OK, 1, true, "2: target ratio; awake 0->2") // it came and went within a second
	step(33, 25, policy.OK, 0, true, "3: target ratio 2->3")
	step(50, 0, policy.OK, 0, false, "1: target ratio 3->0; never below one 0->1") // nobody saw that second
	step(69, 0, policy.OK, 0, true, "1: target ratio 1->0; never below one 0->1")
	step(70, 3, policy.OK, 0, true, "1: target ratio") // still in flight
	step(71, 0, policy.OK, 0, true, "0: target ratio 1->0; idle to zero")
}

func TestFallback(t *testing.T) {
	none := math.NaN()
	ticks := func(n int) []tick {
		return []tick{
			{0, []float64{5}, "5: a"},
			{1, []float64{none}, "5: silent"},
			{10, []float64{none}, "5: silent"},
			{11, []float64{none}, fmt.Sprintf("%d: silent; falling back 5->%d", n, n)},
			{12, []float64{6}, fmt.Sprintf("6: a %d->6", n)},
			{13, []float64{none}, "6: silent"},
		}
	}
	for _, c := range []struct {
		fallback policy.Fallback
		want     int
	}{
		{policy.Fallback{Replicas: 8}, 8},
		{policy.Fallback{Replicas: 2, MayLower: true}, 2},
		{policy.Fallback{Replicas: 8, Behavior: policy.FallbackCurrentIfHigher}, 8},
		{policy.Fallback{Replicas: 2, Behavior: policy.FallbackCurrentIfLower, MayLower: true}, 2},
	} {
		c.fallback.After, c.fallback.Of = 10*time.Second, say{"a"}
		follow(t, c.fallback, 5, ticks(c.want))
	}
	for _, f := range []policy.Fallback{{Replicas: 2}, {Behavior: policy.FallbackCurrent}, {Replicas: 2, Behavior: policy.FallbackCurrentIfLower}} {
		f.Of = say{"a"}
		follow(t, f, 5, []tick{{0, []float64{none}, "5: silent; falling back"}})
	}
}

func TestCalendar(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("needs time zones: %v", err)
	}
	office := policy.Calendar{Zone: berlin, Of: say{"a"}, Entries: []policy.CalendarEntry{
		{Days: []time.Weekday{time.Monday}, From: 8 * time.Hour, To: 18 * time.Hour, Min: 5},
		{From: 22 * time.Hour, To: 2 * time.Hour, Max: 2},
		{Days: []time.Weekday{time.Sunday}, From: 2*time.Hour + 30*time.Minute, To: 3 * time.Hour, Min: 9},
	}}
	require.NoError(t, office.Validate())
	p := office.New(start, 3)
	at := func(text string, want int) {
		t.Helper()
		now, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		d := p.Decide(policy.Observation{Now: now, Desired: 3, Readings: []policy.Reading{ok(3)}})
		require.Equal(t, want, d.Replicas, "%s: %v", text, d)
	}
	at("2026-11-23T07:59:59+01:00", 3)
	at("2026-11-23T08:00:00+01:00", 5)
	at("2026-11-23T17:59:59.9+01:00", 5)
	at("2026-11-23T18:00:00+01:00", 3)
	at("2026-11-24T12:00:00+01:00", 3) // a Tuesday
	at("2026-11-24T22:00:00+01:00", 2)
	at("2026-11-25T01:59:59+01:00", 2) // past midnight
	at("2026-11-25T02:00:00+01:00", 3)
	// Summer: eight by the clock on the wall is six in UTC.
	at("2026-07-20T06:00:00Z", 5)
	at("2026-07-20T05:59:59Z", 3)
	// 25 October 2026: the hour from two comes twice.
	at("2026-10-25T00:29:59Z", 3)
	at("2026-10-25T00:30:00Z", 9)
	at("2026-10-25T01:00:00Z", 3)
	at("2026-10-25T01:30:00Z", 9)
	at("2026-10-25T02:00:00Z", 3)
	// 29 March 2026: it does not come at all.
	at("2026-03-29T00:59:59Z", 2)
	at("2026-03-29T01:00:00Z", 3)
	at("2026-03-29T01:30:00Z", 3)
}

func TestKEDAPolicy(t *testing.T) {
	c := policy.KEDA{
		KEDASpec: policy.KEDASpec{Max: 10, Triggers: []policy.KEDATrigger{{Name: "a", TargetMilli: 1000}}},
		Of:       say{"b"},
	}
	cooldown := time.Minute
	c.CooldownPeriod = &cooldown
	follow(t, c, 0, []tick{
		{0, []float64{0, 9}, "0: scaler state"},
		{10, []float64{5, 9}, "0: scaler state"}, // between polls
		{30, []float64{5, 9}, "1: KEDAScaleTargetActivated 0->1"},
		{31, []float64{5, 40}, "10: b 1->40; above max 40->10"},
		{60, []float64{5, 0}, "1: b 10->0; below min 0->1"},
		{90, []float64{0, 3}, "3: b 1->3"},
		{120, []float64{0, 3}, "3: b"},
		{121, []float64{0, 3}, "3: b"},
		{150, []float64{0, 3}, "0: KEDAScaleTargetDeactivated 3->0"},
	})
	bad := policy.KEDA{KEDASpec: policy.KEDASpec{Min: -1, Idle: new(int)}, PollingInterval: -1, Of: policy.Track{}}
	err := bad.Validate()
	for _, want := range []string{"Min: must be >= 0", "Triggers: must not be empty", "PollingInterval: must be >= 0", "Of.Value"} {
		require.ErrorContains(t, err, want)
	}
}

func ExampleKEDA() {
	c := policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: []policy.KEDATrigger{{Name: "queue", TargetMilli: 5000}}}}
	p := c.New(start, 0)
	fmt.Println(p.Decide(policy.Observation{Now: start, Readings: []policy.Reading{ok(3)}}))
	// Output: 1: KEDAScaleTargetActivated 0->1
}

func ExampleCalendar() {
	nights := policy.Calendar{Of: track, Entries: []policy.CalendarEntry{{From: 20 * time.Hour, To: 6 * time.Hour, Max: 2}}}
	o := settled(4, 85)
	o.Now = time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	fmt.Println(nights.New(o.Now, 4).Decide(o))
	// Output: 2: target ratio 4->9; calendar ceiling 9->2
}

func ExampleHighest() {
	rate := policy.Track{Signal: policy.Signal{Name: policy.Begun, Stat: policy.Rate, Window: time.Minute}, Value: 30}
	p := policy.Highest{track, rate}.New(start, 4)
	o := settled(4, 51)
	o.Readings = append(o.Readings, ok(200))
	fmt.Println(p.Decide(o))
	// Output: 7: target ratio 4->7; highest
}

// The core, rule by rule.
func TestSeldonLagCore(t *testing.T) {
	base := policy.SeldonInput{Now: start, Replicas: 3, Mean: 10, LastStart: start, Changed: start.Add(-time.Hour), Available: true}
	with := func(change func(*policy.SeldonInput)) policy.SeldonInput {
		in := base
		change(&in)
		return in
	}
	c := policy.SeldonLag{Min: 1, Max: 4}
	for _, x := range []struct {
		name string
		c    policy.SeldonLag
		in   policy.SeldonInput
		want string
	}{
		{"quiet", c, base, "lag below"},
		{"the mean at the threshold", c, with(func(in *policy.SeldonInput) { in.Mean = 30 }), "lag threshold 3->4"},
		{"just below", c, with(func(in *policy.SeldonInput) { in.Mean = 29.9 }), "lag below"},
		{"any replica", c, with(func(in *policy.SeldonInput) { in.InFlight = []float64{1, 30, 2} }), "lag threshold 3->4"},
		{"replicas count, not the mean", c, with(func(in *policy.SeldonInput) { in.Mean, in.InFlight = 99, []float64{1, 2} }), "lag below"},
		{"at the most", c, with(func(in *policy.SeldonInput) { in.Mean, in.Replicas = 30, 4 }), "above max"},
		{"the newest version does not serve", c, with(func(in *policy.SeldonInput) { in.Mean, in.Available = 30, false }), "version not available"},
		{"idle for just long enough", c, with(func(in *policy.SeldonInput) { in.LastStart = start.Add(-600 * time.Second) }), "idle 3->2"},
		{"a moment less", c, with(func(in *policy.SeldonInput) { in.LastStart = start.Add(-600*time.Second + 1) }), "lag below"},
		{"idle, yet it changed", c, with(func(in *policy.SeldonInput) {
			in.LastStart, in.Changed = start.Add(-time.Hour), start.Add(-60*time.Second+1)
		}), "cooling down"},
		{"it changed a minute ago", c, with(func(in *policy.SeldonInput) {
			in.LastStart, in.Changed = start.Add(-time.Hour), start.Add(-60*time.Second)
		}), "idle 3->2"},
		{"going down does not ask for the version", c, with(func(in *policy.SeldonInput) {
			in.LastStart, in.Available = start.Add(-time.Hour), false
		}), "idle 3->2"},
		{"never below one", policy.SeldonLag{Max: 4}, with(func(in *policy.SeldonInput) {
			in.LastStart, in.Replicas = start.Add(-time.Hour), 1
		}), "never below one"},
		{"nor below Min", policy.SeldonLag{Min: 3}, with(func(in *policy.SeldonInput) { in.LastStart = start.Add(-time.Hour) }), "never below one"},
		{"no most", policy.SeldonLag{Min: 3}, with(func(in *policy.SeldonInput) { in.Mean, in.Replicas = 30, 99 }), "lag threshold 99->100"},
		{"off", policy.SeldonLag{}, with(func(in *policy.SeldonInput) { in.Mean = 99 }), "scaling off"},
	} {
		n, why := x.c.Decide(x.in)
		require.Equal(t, x.want, why.String(), x.name)
		require.Equal(t, why.To, n)
	}
}

// With the defect of the count, what is in flight at a trigger no longer counts.
func TestSeldonLagResetOnTrigger(t *testing.T) {
	p := policy.SeldonLag{Min: 1, ResetOnTrigger: true}.New(start, 1)
	o := settled(1, 0)
	for i, k := range []struct{ load, want float64 }{{40, 2}, {70, 2}, {100, 3}, {20, 3}, {109, 3}, {110, 4}} {
		o.Now = start.Add(sec(float64(20 * i)))
		o.Ready = o.Desired
		o.Readings[0].Value = k.load
		o.Desired = p.Decide(o).Replicas
		require.EqualValues(t, k.want, o.Desired, "%v", k)
	}
}

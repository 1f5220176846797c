package policy_test

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/policy"
)

var update = flag.Bool("update", false, "rewrite the golden stories")

var start = time.Unix(1_700_000_000, 0)

func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func ok(v float64) policy.Reading { return policy.Reading{Value: v, Quality: policy.OK} }

// settled is an observation at start of n replicas, all ready, under a load.
func settled(n int, load float64) policy.Observation {
	return policy.Observation{
		Now: start, Desired: n, Current: n, Ready: n, Slots: 1,
		Readings: []policy.Reading{ok(load)},
	}
}

var track = policy.Track{
	Signal:    policy.Signal{Name: policy.InFlight, Stat: policy.Mean, Window: time.Minute},
	Value:     10,
	Tolerance: 0.1,
}

func step(r policy.Reason, from, to int, have, limit float64) policy.Decision {
	d := policy.Decision{Replicas: to, Verdict: policy.Propose, Steps: []policy.Step{{Reason: r, From: from, To: to, Have: have, Limit: limit}}}
	return d
}

func hold(n int, r policy.Reason, have, limit float64) policy.Decision {
	d := step(r, n, n, have, limit)
	d.Verdict = policy.Hold
	return d
}

func TestTrack(t *testing.T) {
	with := func(o policy.Observation, change func(*policy.Observation)) policy.Observation {
		change(&o)
		return o
	}
	quality := func(n int, load float64, q policy.Quality) policy.Observation {
		return with(settled(n, load), func(o *policy.Observation) { o.Readings[0].Quality = q })
	}
	for _, c := range []struct {
		name string
		o    policy.Observation
		want policy.Decision
	}{
		{"inside the band holds", settled(4, 43), hold(4, policy.WithinTolerance, 1.075, 0.1)},
		{"the band's edge holds", settled(10, 110), hold(10, policy.WithinTolerance, 1.1, 0.1)},
		{"the lower edge holds", settled(10, 91), hold(10, policy.WithinTolerance, 0.91, 0.1)},
		{"part of a replica rounds up", settled(4, 51), step(policy.TargetRatio, 4, 6, 51, 10)},
		{"down goes at once", settled(4, 11), step(policy.TargetRatio, 4, 2, 11, 10)},
		{"to zero", settled(1, 0), step(policy.TargetRatio, 1, 0, 0, 10)},
		{"zero ready has no band", settled(0, 10), step(policy.TargetRatio, 0, 1, 10, 10)},
		{
			"what is starting counts on the way up",
			with(settled(8, 84), func(o *policy.Observation) { o.Ready, o.Starting = 4, 4 }),
			hold(8, policy.WithinTolerance, 1.05, 0.1),
		},
		{
			"what is starting does not turn up into down",
			with(settled(8, 50), func(o *policy.Observation) { o.Ready, o.Starting = 4, 4 }),
			hold(8, policy.WithinTolerance, 1, 0.1),
		},
		{"missing holds", quality(4, 99, policy.Missing), hold(4, policy.SignalNotOK, 0, 0)},
		{"failed holds", quality(4, 99, policy.Failed), hold(4, policy.SignalNotOK, 3, 0)},
		{"stale may raise", quality(4, 51, policy.Stale), step(policy.TargetRatio, 4, 6, 51, 10)},
		{"stale never lowers", quality(4, 11, policy.Stale), hold(4, policy.SignalNotOK, 2, 0)},
		{"partial never lowers", quality(4, 11, policy.Partial), hold(4, policy.SignalNotOK, 4, 0)},
		{"a negative load is no load", settled(4, -1), hold(4, policy.SignalNotOK, 1, 0)},
		{"no number is no load", settled(4, math.NaN()), hold(4, policy.SignalNotOK, 1, 0)},
		{"a huge load saturates", settled(4, math.MaxFloat64), step(policy.TargetRatio, 4, math.MaxInt32, math.MaxFloat64, 10)},
		{
			"an unknown count is not lowered",
			with(settled(4, 11), func(o *policy.Observation) { o.ReadyFailed = true }),
			hold(4, policy.CountUnknown, 0, 0),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, track.New(start, c.o.Ready).Decide(c.o))
		})
	}
}

// At a settled fleet, more load never asks for fewer replicas.
func TestTrackMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := track
		c.Value = rapid.Float64Range(1e-3, 1e3).Draw(t, "value")
		c.Tolerance = rapid.Float64Range(0, 0.99).Draw(t, "tolerance")
		n := rapid.IntRange(0, 100).Draw(t, "n")
		a := rapid.Float64Range(0, 1e6).Draw(t, "a")
		b := rapid.Float64Range(a, 1e6).Draw(t, "b")
		less, more := c.New(start, n).Decide(settled(n, a)), c.New(start, n).Decide(settled(n, b))
		if less.Replicas > more.Replicas {
			t.Fatalf("load %v: %v; load %v: %v", a, less, b, more)
		}
	})
}

func TestValidateNamesEveryField(t *testing.T) {
	bad := policy.Every{Of: policy.Bound{
		Min: 3, Max: 2,
		Of: policy.Pace{
			Up:   policy.Limit{Count: -1, Period: -1},
			Down: policy.Limit{Period: time.Second},
			Of: policy.Stabilize{
				Up: -1, Down: -1,
				Of: policy.Track{Value: math.NaN(), Tolerance: 1, Signal: policy.Signal{Stat: policy.Quantile, P: 1}},
			},
		},
	}}
	require.EqualError(t, bad.Validate(), strings.Join([]string{
		`Period: must be > 0, is 0s`,
		`Of.Max: must be 0 or >= Min 3, is 2`,
		`Of.Of.Up.Count: must be in [0, 2147483647], is -1`,
		`Of.Of.Up.Period: must be > 0, is -1ns`,
		`Of.Of.Down.Period: has neither Count nor Percent to limit`,
		`Of.Of.Of.Up: must be >= 0, is -1ns`,
		`Of.Of.Of.Down: must be >= 0, is -1ns`,
		`Of.Of.Of.Of.Signal.Name: must not be empty`,
		`Of.Of.Of.Of.Signal.Window: must be > 0 for quantile, is 0s`,
		`Of.Of.Of.Of.Signal.P: must be in (0, 1), is 1`,
		`Of.Of.Of.Of.Value: must be finite and > 0, is NaN`,
		`Of.Of.Of.Of.Tolerance: must be in [0, 1), is 1`,
	}, "\n"))
	require.EqualError(t, policy.Every{Period: 1}.Validate(), "Of: must be set")
	require.EqualError(t, policy.SeldonLag{LagThreshold: math.Inf(1), Inactive: -1, Period: -1, CoolDown: -1, Min: -1}.Validate(),
		strings.Join([]string{
			`Min: must be >= 0, is -1`,
			`LagThreshold: must be finite and >= 0, is +Inf`,
			`Inactive: must be >= 0, is -1ns`,
			`Period: must be >= 0, is -1ns`,
			`CoolDown: must be >= 0, is -1ns`,
		}, "\n"))
	require.NoError(t, policy.SeldonLag{}.Validate())
	require.NoError(t, track.Validate())
}

// configs are the stories' policies, by name.
var configs = map[string]policy.Config{
	"track":     track,
	"stabilize": policy.Stabilize{Up: 20 * time.Second, Down: time.Minute, Of: track},
	"pace":      policy.Pace{Up: policy.Limit{Count: 4, Percent: 100, Period: 15 * time.Second}, Down: policy.Limit{Count: 1, Period: time.Minute}, Of: track},
	"every":     policy.Every{Period: 15 * time.Second, Of: track},
	"seldonlag": policy.SeldonLag{Min: 1},
	"all": policy.Every{Period: 15 * time.Second, Of: policy.Bound{Min: 1, Max: 20, Of: policy.Pace{
		Up: policy.Limit{Count: 4, Percent: 100, Period: 15 * time.Second},
		Of: policy.Stabilize{Down: 5 * time.Minute, Of: track},
	}}},
	"seldon-bound": policy.Bound{Min: 1, Max: 5, Of: policy.SeldonLag{Min: 2, LagThreshold: 5, Inactive: 2 * time.Minute}},
}

// TestStories runs testdata/*.story: lines "use POLICY ready=N", "observe at=T
// load=X [desired=N] [ready=N] [starting=N] [quality=Q] [begun=N]" and comments.
// Between observations the fleet follows each decision at once. The answers
// stand below "----".
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".story"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			got := tell(t, string(raw))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			require.Equal(t, string(raw), got)
		})
	}
}

// tell runs a story and returns it with its answers.
func tell(t *testing.T, story string) string {
	var out strings.Builder
	var p policy.Policy
	o := policy.Observation{}
	var before time.Time
	answers := false
	lines := bufio.NewScanner(strings.NewReader(story))
	for lines.Scan() {
		line := lines.Text()
		words := strings.Fields(line)
		switch {
		case answers && len(words) > 0 && words[0] != "use" && words[0] != "observe":
			continue // an old answer
		case len(words) == 0 || strings.HasPrefix(line, "#"):
			answers = false
			fmt.Fprintln(&out, line)
			continue
		case line == "----":
			answers = true
			continue
		}
		answers = false
		fmt.Fprintln(&out, line)
		args := map[string]string{}
		for _, w := range words[1:] {
			k, v, _ := strings.Cut(w, "=")
			args[k] = v
		}
		number := func(key string, def int) int {
			if args[key] == "" {
				return def
			}
			n, err := strconv.Atoi(args[key])
			require.NoError(t, err, line)
			return n
		}
		switch words[0] {
		case "use":
			n := number("ready", 0)
			o = policy.Observation{Desired: n, Ready: n}
			p, before = configs[words[1]].New(start, n), start
		case "observe":
			at, err := time.ParseDuration(args["at"])
			require.NoError(t, err, line)
			load, err := strconv.ParseFloat(args["load"], 64)
			require.NoError(t, err, line)
			o.Now = start.Add(at)
			o.Desired = number("desired", o.Desired)
			o.Ready = number("ready", o.Desired)
			o.Starting = number("starting", 0)
			o.Current = o.Ready + o.Starting
			r := ok(load)
			for q := policy.Missing; q <= policy.Partial; q++ {
				if q.String() == args["quality"] {
					r.Quality = q
				}
			}
			o.Readings = []policy.Reading{r}
			o.Seconds = quiet(before, o.Now)
			before = o.Now
			if n := len(o.Seconds); n > 0 && args["begun"] == "?" {
				o.Seconds[n-1].Known = false
			} else if n > 0 {
				o.Seconds[n-1].Begun = int64(number("begun", 0))
			}
			d := p.Decide(o)
			fmt.Fprintf(&out, "----\n%v\n", d)
			o.Desired = d.Replicas
		default:
			t.Fatalf("what is %q?", line)
		}
	}
	return out.String()
}

// quiet are the whole seconds between two instants, in which nothing began.
func quiet(from, to time.Time) (list []policy.Second) {
	for u := from.Unix(); u < to.Unix(); u++ {
		list = append(list, policy.Second{Unix: u, Known: true})
	}
	return list
}

func drawConfig(t *rapid.T, depth int) policy.Config {
	if depth == 0 {
		if rapid.Bool().Draw(t, "seldon") {
			return policy.SeldonLag{
				Min: 1, LagThreshold: rapid.Float64Range(1, 20).Draw(t, "threshold"), Inactive: sec(float64(rapid.IntRange(1, 60).Draw(t, "inactive"))),
				Period: sec(float64(rapid.IntRange(1, 20).Draw(t, "period"))), CoolDown: sec(float64(rapid.IntRange(1, 60).Draw(t, "cooldown"))),
			}
		}
		return policy.Track{Signal: track.Signal, Value: rapid.Float64Range(0.5, 20).Draw(t, "value"), Tolerance: rapid.Float64Range(0, 0.5).Draw(t, "tolerance")}
	}
	of := drawConfig(t, depth-1)
	span := func(name string) time.Duration { return sec(float64(rapid.IntRange(0, 60).Draw(t, name))) }
	limit := func(name string) policy.Limit {
		if rapid.Bool().Draw(t, name) {
			return policy.Limit{}
		}
		return policy.Limit{Count: rapid.IntRange(1, 5).Draw(t, name+".count"), Percent: rapid.Float64Range(0, 200).Draw(t, name+".percent"), Period: span(name+".period") + 1}
	}
	switch rapid.IntRange(0, 3).Draw(t, "combinator") {
	case 0:
		low := rapid.IntRange(0, 5).Draw(t, "min")
		return policy.Bound{Min: low, Max: max(low, 1) + rapid.IntRange(0, 30).Draw(t, "max"), Of: of}
	case 1:
		return policy.Stabilize{Up: span("up"), Down: span("down"), Of: of}
	case 2:
		return policy.Pace{Up: limit("up"), Down: limit("down"), Of: of}
	}
	return policy.Every{Period: span("every") + time.Second, Of: of}
}

func drawObservation(t *rapid.T, before policy.Observation) policy.Observation {
	o := before
	gap := rapid.IntRange(0, 30).Draw(t, "gap")
	o.Now = before.Now.Add(sec(float64(gap)))
	if rapid.IntRange(0, 9).Draw(t, "meddle") == 0 {
		o.Desired = rapid.IntRange(0, 40).Draw(t, "desired")
	}
	o.Ready = rapid.IntRange(0, o.Desired).Draw(t, "ready")
	o.Starting = o.Desired - o.Ready
	o.Current = o.Desired
	o.Readings = []policy.Reading{{
		Value:   float64(rapid.IntRange(0, 400).Draw(t, "load")),
		Quality: rapid.SampledFrom([]policy.Quality{policy.OK, policy.OK, policy.OK, policy.Stale, policy.Partial, policy.Missing, policy.Failed}).Draw(t, "quality"),
	}}
	o.Seconds = nil
	for s := before.Now.Unix(); s < o.Now.Unix(); s++ {
		o.Seconds = append(o.Seconds, policy.Second{Unix: s, Begun: int64(rapid.IntRange(0, 1).Draw(t, "begun")), Known: true})
	}
	return o
}

// Laws that every policy here keeps, over random policies and timelines.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t, rapid.IntRange(0, 4).Draw(t, "depth"))
		if err := c.Validate(); err != nil {
			t.Fatalf("drawn config %+v: %v", c, err)
		}
		ready := rapid.IntRange(0, 20).Draw(t, "ready")
		p, twin := c.New(start, ready), c.New(start, ready)
		o := policy.Observation{Now: start, Desired: ready}
		buf := make([]policy.Step, 0, 8)
		for range rapid.IntRange(1, 30).Draw(t, "ticks") {
			o = drawObservation(t, o)
			d := p.Decide(o.Lend(buf))

			// Determinism; and state carried elsewhere goes on as if nothing had happened.
			saved := twin.(policy.Saver).AppendState(nil)
			twin = c.New(start.Add(time.Hour), 99)
			if err := twin.(policy.Saver).Restore(saved); err != nil {
				t.Fatalf("restore %s: %v", saved, err)
			}
			if again := twin.Decide(o); again.String() != d.String() || again.Verdict != d.Verdict {
				t.Fatalf("%+v at %v:\n%v %v, restored twin:\n%v %v", c, o.Now.Sub(start), d, d.Verdict, again, again.Verdict)
			}
			// Steps lead from Desired to Replicas; only a proposal moves.
			at := o.Desired
			for _, s := range d.Steps {
				if s.From != at {
					t.Fatalf("%v: a step starts at %d, not %d", d, s.From, at)
				}
				at = s.To
			}
			if len(d.Steps) == 0 || at != d.Replicas || d.Verdict != policy.Propose && d.Replicas != o.Desired {
				t.Fatalf("%v (%v): steps end at %d, desired %d", d, d.Verdict, at, o.Desired)
			}
			// Bounds: an outermost Bound has the last word.
			if b, isBound := c.(policy.Bound); isBound && (d.Replicas < b.Min || d.Replicas > b.Max) {
				t.Fatalf("%v outside [%d, %d]", d, b.Min, b.Max)
			}
			o.Desired = d.Replicas
		}
	})
}

// Between the two counts that it wraps, and never past them.
func TestStabilizeAndPaceStayBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inner := drawConfig(t, 0)
		c := rapid.SampledFrom([]policy.Config{
			policy.Stabilize{Up: 10 * time.Second, Down: 20 * time.Second, Of: inner},
			policy.Pace{Up: policy.Limit{Count: 2, Period: 10 * time.Second}, Down: policy.Limit{Percent: 50, Period: 10 * time.Second}, Of: inner},
		}).Draw(t, "combinator")
		p, alone := c.New(start, 5), inner.New(start, 5)
		o := policy.Observation{Now: start, Desired: 5}
		for range 20 {
			o = drawObservation(t, o)
			raw, d := alone.Decide(o).Replicas, p.Decide(o)
			if d.Replicas < min(raw, o.Desired) || d.Replicas > max(raw, o.Desired) {
				t.Fatalf("%v: outside [desired %d, wrapped %d]", d, o.Desired, raw)
			}
			o.Desired = d.Replicas
		}
	})
}

// Silence never lowers: with the signal gone no policy that is not bounded from
// above takes a replica away, unless it had decided so before.
func TestSilenceNeverLowers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfig(t, rapid.IntRange(0, 1).Draw(t, "depth"))
		if b, isBound := c.(policy.Bound); isBound {
			c = b.Of
		}
		p := c.New(start, 10)
		o := settled(10, 0)
		for i := range 20 {
			o.Now = start.Add(sec(float64(i * 60)))
			o.Readings[0] = policy.Reading{Quality: rapid.SampledFrom([]policy.Quality{policy.Missing, policy.Failed, policy.Stale, policy.Partial}).Draw(t, "quality")}
			o.Seconds = []policy.Second{{Unix: o.Now.Unix() - 1}}
			if d := p.Decide(o); d.Replicas < o.Desired {
				t.Fatalf("%+v: %v on %v", c, d, o.Readings[0].Quality)
			}
		}
	})
}

func TestRestoreRefuses(t *testing.T) {
	c := configs["all"]
	p := c.New(start, 3)
	p.Decide(settled(3, 50))
	saver := p.(policy.Saver)
	before := string(saver.AppendState(nil))
	for name, raw := range map[string]string{
		"nothing":        ``,
		"no JSON":        `{`,
		"two values":     before + before,
		"garbage behind": before + "]garbage",
		"other version":  strings.Replace(before, `{"V":1`, `{"V":2`, 1),
		"inner version":  strings.Replace(before, `"Of":[{"V":1`, `"Of":[{"V":7`, 1),
		"other policy":   `{"V":1}`,
		"unknown field":  strings.Replace(before, `"Beat"`, `"Bead"`, 1),
		"emptied window": strings.Replace(before, `"Highest":{"Queue":[{`, `"Highest":{"Queue":[],"x":[{`, 1),
		"no memory":      strings.Replace(before, `"Highest":{"Queue":`, `"Highest":{"Queue":null},"Gone":{"Queue":`, 1),
	} {
		require.Error(t, saver.Restore([]byte(raw)), name)
		require.Equal(t, before, string(saver.AppendState(nil)), "%s: must stay as it was", name)
	}
	for name, c := range configs {
		p := c.New(start, 1).(policy.Saver)
		if strings.Contains(string(p.AppendState(nil)), `"Own"`) {
			require.Error(t, p.Restore([]byte(`{"V":1,"Own":{},"Of":[{"V":1}]}`)), name)
			require.Error(t, p.Restore([]byte(`{"V":1,"Own":{}}`)), name)
		}
	}
	empty := policy.Stabilize{Down: time.Minute, Of: track}.New(start, 0).(policy.Saver)
	require.ErrorContains(t, empty.Restore([]byte(`{"V":1,"Own":{"Highest":{"Queue":[]},"Lowest":{"Queue":[]}},"Of":[{"V":1}]}`)), "without a memory")
	require.NoError(t, saver.Restore([]byte(before)))
}

func TestDecideAllocatesNothing(t *testing.T) {
	for name, c := range configs {
		p := c.New(start, 5)
		buf := make([]policy.Step, 0, 8)
		o := settled(5, 0)
		o.Seconds = []policy.Second{{Known: true, Begun: 1}}
		i := 0
		tick := func() {
			i++
			o.Now = start.Add(sec(float64(i)))
			o.Seconds[0].Unix = o.Now.Unix() - 1
			o.Readings[0].Value = float64(50 + 20*(i/20%2))
			o.Desired = p.Decide(o.Lend(buf)).Replicas
			o.Ready = o.Desired
		}
		for range 700 {
			tick() // warm-up: windows fill
		}
		require.Zero(t, testing.AllocsPerRun(500, tick), name)
	}
}

func ExampleTrack() {
	keepTen := policy.Track{
		Signal: policy.Signal{Name: policy.InFlight, Stat: policy.Mean, Window: time.Minute},
		Value:  10, // in flight per replica
	}
	p := policy.Bound{Min: 1, Max: 6, Of: keepTen}.New(start, 4)
	fmt.Println(p.Decide(settled(4, 85)))
	// Output: 6: target ratio 4->9; above max 9->6
}

func ExampleSeldonLag() {
	p := policy.SeldonLag{Min: 1}.New(start, 2)
	fmt.Println(p.Decide(settled(2, 75)))
	// Output: 3: lag threshold 2->3
}

func ExampleStabilize() {
	p := policy.Stabilize{Down: time.Minute, Of: track}.New(start, 9)
	fmt.Println(p.Decide(settled(9, 30)))
	// Output: 9: target ratio 9->3; stabilizing 3->9
}

func ExamplePace() {
	p := policy.Pace{Up: policy.Limit{Percent: 100, Period: 15 * time.Second}, Of: track}.New(start, 2)
	fmt.Println(p.Decide(settled(2, 90)))
	// Output: 4: target ratio 2->9; pace limit 9->4
}

func ExampleStep_Detail() {
	d := track.New(start, 4).Decide(settled(4, 51))
	fmt.Println(d.Steps[0].Detail())
	// Output: target ratio 4->6 (have 51, limit 10)
}

func ExampleEvery() {
	p := policy.Every{Period: 15 * time.Second, Of: track}.New(start, 4)
	fmt.Println(p.Decide(settled(4, 51)))
	later := settled(6, 99)
	later.Now = start.Add(5 * time.Second)
	fmt.Println(p.Decide(later))
	// Output:
	// 6: target ratio 4->6
	// 6: between periods
}

func BenchmarkDecide(b *testing.B) {
	for _, name := range []string{"track", "seldonlag", "all"} {
		b.Run(name, func(b *testing.B) {
			p := configs[name].New(start, 5)
			buf := make([]policy.Step, 0, 8)
			o := settled(5, 50)
			b.ReportAllocs()
			for b.Loop() {
				o.Now = o.Now.Add(time.Second)
				p.Decide(o.Lend(buf))
			}
		})
	}
}

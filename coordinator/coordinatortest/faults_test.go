package coordinatortest_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

// lab is a fleet of one group whose clock stands still until it is moved.
type lab struct {
	*testing.T
	*coordinatortest.Fleet
	now time.Time
	ids int
}

func newLab(t *testing.T, servers int, faults coordinatortest.Faults) *lab {
	l := &lab{T: t, now: epoch}
	l.Fleet = coordinatortest.NewFleet(func() time.Time { return l.now },
		[]coordinatortest.FleetGroup{{Name: "g", Servers: servers, Boot: 10 * time.Second}},
		[]coordinatortest.FleetModel{{Name: "m", Load: 5 * time.Second}})
	l.Inject(faults)
	return l
}

func (l *lab) send(k coordinator.Kind, server, n int) error {
	l.ids++
	a := coordinator.Action{ID: fmt.Sprint(l.ids), Kind: k, Group: "g", Generation: 1, Epoch: 1}
	if k == coordinator.ScaleGroup {
		a.Replicas = n
	} else {
		a.Model, a.Server = "m", fmt.Sprintf("g-%04d", server)
	}
	return l.Apply(context.Background(), a)
}

// after tells the world some time later: "up: serving, booting".
func (l *lab) after(d time.Duration) string {
	l.now = l.now.Add(d)
	w, err := l.Observe(context.Background())
	require.NoError(l, err)
	var servers []string
	for _, s := range w.Groups[0].Servers {
		text := map[coordinator.ServerPhase]string{coordinator.Booting: "booting", coordinator.Up: "up"}[s.Phase]
		for _, r := range s.Replicas {
			text += " " + r.Phase.String()
		}
		servers = append(servers, text)
	}
	return strings.Join(servers, ", ")
}

func TestBootTrouble(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults coordinatortest.Faults
		at     []time.Duration // one after the other
		want   []string
	}{
		{"none", coordinatortest.Faults{}, []time.Duration{9 * time.Second, time.Second}, []string{"booting", "up"}},
		{"slow", coordinatortest.Faults{Boot: coordinatortest.Trouble{Slow: 1, By: 20 * time.Second}}, []time.Duration{29 * time.Second, time.Second}, []string{"booting", "up"}},
		{"slow by a minute", coordinatortest.Faults{Boot: coordinatortest.Trouble{Slow: 1}}, []time.Duration{69 * time.Second, time.Second}, []string{"booting", "up"}},
		{"fails, and is ordered anew", coordinatortest.Faults{Boot: coordinatortest.Trouble{Fail: 1}}, []time.Duration{0, 10 * time.Second, 9 * time.Second}, []string{"booting", "booting", "booting"}},
		{"lost", coordinatortest.Faults{Boot: coordinatortest.Trouble{Lose: 1}}, []time.Duration{9 * time.Minute}, []string{""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, 0, c.faults)
			require.NoError(t, l.send(coordinator.ScaleGroup, 0, 1))
			for i, d := range c.at {
				require.Equal(t, c.want[i], l.after(d))
			}
		})
	}
}

// A server that failed to boot comes back under another name; an order that was
// lost is repeated in time, or by the next action.
func TestBootsAreOrderedAnew(t *testing.T) {
	l := newLab(t, 0, coordinatortest.Faults{Boot: coordinatortest.Trouble{Fail: 1}})
	require.NoError(t, l.send(coordinator.ScaleGroup, 0, 1))
	l.after(10 * time.Second)
	l.Inject(coordinatortest.Faults{})
	require.Equal(t, "booting", l.after(9*time.Second), "what was to fail fails nonetheless, 10 s after its order")
	w, _ := l.Observe(context.Background())
	require.Equal(t, "g-0001", w.Groups[0].Servers[0].Name)

	for name, repeat := range map[string]func(*lab) string{
		"by time":   func(l *lab) string { return l.after(10 * time.Minute) },
		"by action": func(l *lab) string { require.NoError(t, l.send(coordinator.ScaleGroup, 0, 1)); return l.after(0) },
	} {
		l := newLab(t, 0, coordinatortest.Faults{Boot: coordinatortest.Trouble{Lose: 1}})
		require.NoError(t, l.send(coordinator.ScaleGroup, 0, 1))
		l.Inject(coordinatortest.Faults{})
		require.Equal(t, "", l.after(0))
		require.Equal(t, "booting", repeat(l), name)
	}
}

func TestLoadTrouble(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults coordinatortest.Faults
		before string // 1 ns before the end of the load
		want   string
	}{
		{"none", coordinatortest.Faults{}, "up loading", "up loaded"},
		{"slow", coordinatortest.Faults{Load: coordinatortest.Trouble{Slow: 1}}, "up loading", "up loading"},
		{"fails", coordinatortest.Faults{Load: coordinatortest.Trouble{Fail: 1}}, "up loading", "up broken"},
		{"lost", coordinatortest.Faults{Load: coordinatortest.Trouble{Lose: 1}}, "up", "up"},
		{"dies at once", coordinatortest.Faults{Life: 1}, "up loading", "up broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, 1, c.faults)
			require.NoError(t, l.send(coordinator.Load, 0, 0))
			require.Equal(t, c.before, l.after(5*time.Second-1))
			require.Equal(t, c.want, l.after(time.Second))
		})
	}
}

// A replica that dies gives its requests back.
func TestDeathLosesNoRequest(t *testing.T) {
	l := newLab(t, 2, coordinatortest.Faults{})
	for i := range 2 {
		l.Inject(coordinatortest.Faults{Life: time.Duration(i) * time.Hour}) // the second will die
		require.NoError(t, l.send(coordinator.Load, i, 0))
		l.after(5 * time.Second)
		require.NoError(t, l.send(coordinator.Route, i, 0))
	}
	l.Arrive("m", 4)
	require.Equal(t, "up serving, up broken", l.after(100*time.Hour))
	require.Equal(t, 4, l.Finish("m", 9))
}

func TestMetricFaults(t *testing.T) {
	series := func(name string) coordinator.Series {
		return coordinator.Series{Target: coordinator.TargetID{Name: "m"}, Name: name}
	}
	want := []coordinator.Series{series(policy.InFlight), series(policy.Begun)}
	sample := func(i int, value float64, at time.Time, q policy.Quality) coordinator.Sample {
		return coordinator.Sample{Series: want[i], Cumulative: i == 1, Value: value, At: at, Quality: q}
	}
	later := epoch.Add(time.Minute)
	partial := func(s coordinator.Sample) coordinator.Sample {
		s.Answered, s.Of = 1, 2
		return s
	}
	// Four requests came before the first read, two before the second, a minute
	// later: these are what the second returns.
	for _, c := range []struct {
		name   string
		faults coordinatortest.MetricFaults
		want   []coordinator.Sample
		fails  bool
	}{
		{"none", coordinatortest.MetricFaults{}, []coordinator.Sample{sample(0, 6, later, policy.OK), sample(1, 6, later, policy.OK)}, false},
		{"missing", coordinatortest.MetricFaults{Missing: 1}, nil, false},
		{"failed", coordinatortest.MetricFaults{Failed: 1}, []coordinator.Sample{sample(0, 0, time.Time{}, policy.Failed), sample(1, 0, time.Time{}, policy.Failed)}, false},
		{"stale", coordinatortest.MetricFaults{Stale: 1}, []coordinator.Sample{sample(0, 4, epoch, policy.Stale), sample(1, 4, epoch, policy.Stale)}, false},
		{"late", coordinatortest.MetricFaults{Late: 1}, []coordinator.Sample{sample(0, 4, epoch, policy.OK), sample(1, 4, epoch, policy.OK)}, false},
		{"partial", coordinatortest.MetricFaults{Partial: 1}, []coordinator.Sample{partial(sample(0, 3, later, policy.Partial)), partial(sample(1, 6, later, policy.Partial))}, false},
		{"restart", coordinatortest.MetricFaults{Restart: 1}, []coordinator.Sample{sample(0, 6, later, policy.OK), sample(1, 0, later, policy.OK)}, false},
		{"error", coordinatortest.MetricFaults{Error: 1}, nil, true},
		{"time-out", coordinatortest.MetricFaults{TimeOut: 1}, nil, true},
		{"of another model", coordinatortest.MetricFaults{Missing: 1, Only: []string{"x"}}, []coordinator.Sample{sample(0, 6, later, policy.OK), sample(1, 6, later, policy.OK)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, 0, coordinatortest.Faults{})
			l.Arrive("m", 4)
			_, err := l.Read(context.Background(), want, nil)
			require.NoError(t, err)
			l.Arrive("m", 2)
			l.now = later
			l.Inject(coordinatortest.Faults{Metrics: c.faults})
			got, err := l.Read(context.Background(), want, nil)
			require.Equal(t, c.fails, err != nil)
			require.Equal(t, c.want, got)
		})
	}
	l := newLab(t, 0, coordinatortest.Faults{Metrics: coordinatortest.MetricFaults{NaN: 1}})
	got, err := l.Read(context.Background(), want[:1], nil)
	require.NoError(t, err)
	require.True(t, math.IsNaN(got[0].Value) && got[0].Quality == policy.OK)
}

func TestApplyFaults(t *testing.T) {
	deadline := context.DeadlineExceeded
	for _, c := range []struct {
		name   string
		faults coordinatortest.ApplyFaults
		err    error // nil: none; errors.ErrUnsupported: any other than those below
		want   string
	}{
		{"none", coordinatortest.ApplyFaults{}, nil, "booting"},
		{"error before", coordinatortest.ApplyFaults{ErrorBefore: 1}, errors.ErrUnsupported, ""},
		{"error after", coordinatortest.ApplyFaults{ErrorAfter: 1}, errors.ErrUnsupported, "booting"},
		{"time-out before", coordinatortest.ApplyFaults{TimeOutBefore: 1}, deadline, ""},
		{"time-out after", coordinatortest.ApplyFaults{TimeOutAfter: 1}, deadline, "booting"},
		{"twice", coordinatortest.ApplyFaults{Twice: 1}, nil, "booting"},
		{"deposed", coordinatortest.ApplyFaults{Depose: 1}, coordinator.ErrFenced, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, 0, coordinatortest.Faults{Apply: c.faults})
			err := l.send(coordinator.ScaleGroup, 0, 1)
			switch {
			case c.err == nil:
				require.NoError(t, err)
			case errors.Is(c.err, errors.ErrUnsupported):
				require.ErrorContains(t, err, "injected")
			default:
				require.ErrorIs(t, err, c.err)
			}
			require.Equal(t, c.want, l.after(0))
		})
	}
}

// An echo is delivered at once and late, and a later leader's fence stops it.
func TestEchoIsFenced(t *testing.T) {
	l := newLab(t, 0, coordinatortest.Faults{Apply: coordinatortest.ApplyFaults{Twice: 1}})
	require.NoError(t, l.send(coordinator.ScaleGroup, 0, 3))
	require.Equal(t, uint64(2), l.Lead())
	require.Equal(t, uint64(2), l.Epoch())
	require.ErrorIs(t, l.send(coordinator.ScaleGroup, 0, 4), coordinator.ErrFenced)
	err := l.Apply(context.Background(), coordinator.Action{ID: "new", Kind: coordinator.ScaleGroup, Group: "g", Replicas: 3, Epoch: 2})
	require.NoError(t, err)
	require.Equal(t, 2, l.Echoes(), "of each at once")
	l.after(0)
	require.Equal(t, 4, l.Echoes(), "and of each before it is observed")
	w, _ := l.Observe(context.Background())
	require.Equal(t, []any{3, uint64(2)}, []any{w.Groups[0].Desired, w.Groups[0].Epoch})
}

func TestObserveFaults(t *testing.T) {
	l := newLab(t, 1, coordinatortest.Faults{Observe: coordinatortest.ObserveFaults{Unseen: 1}})
	w, err := l.Observe(context.Background())
	require.NoError(t, err)
	require.Equal(t, coordinator.World{Unseen: []string{"g"}}, w)
	l.Inject(coordinatortest.Faults{Observe: coordinatortest.ObserveFaults{Error: 1}})
	_, err = l.Observe(context.Background())
	require.ErrorContains(t, err, "injected")
	l.Inject(coordinatortest.Faults{Observe: coordinatortest.ObserveFaults{TimeOut: 1}})
	_, err = l.Observe(context.Background())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	l.Inject(coordinatortest.Faults{Unreachable: []string{"g"}})
	require.ErrorContains(t, l.send(coordinator.ScaleGroup, 0, 2), "unreachable")
}

// The clock jumps both ways, by no more than it may, and stays in between.
func TestClockJumps(t *testing.T) {
	l := newLab(t, 1, coordinatortest.Faults{Seed: 3, JumpEvery: time.Minute, JumpBy: 30 * time.Second})
	ahead, behind := 0, 0
	for i := range 40 {
		w, err := l.Observe(context.Background())
		require.NoError(t, err)
		off := l.Clock().Sub(l.now)
		require.Equal(t, i == 0, off == 0, "right until the first jump")
		require.Equal(t, epoch.Add(off), w.Groups[0].Servers[0].Since)
		require.LessOrEqual(t, off.Abs(), 30*time.Second)
		l.now = l.now.Add(59 * time.Second)
		if off > 0 {
			ahead++
		} else if off < 0 {
			behind++
		}
		l.now = l.now.Add(time.Second)
	}
	require.Greater(t, min(ahead, behind), 10)
}

// everything goes wrong now and then.
func everything(seed uint64) coordinatortest.Faults {
	return coordinatortest.Faults{
		Seed: seed,
		Boot: coordinatortest.Trouble{Slow: 0.2, Fail: 0.1, Lose: 0.05},
		Load: coordinatortest.Trouble{Slow: 0.2, Fail: 0.1, Lose: 0.1},
		Life: 10 * time.Minute, Retry: 3 * time.Minute,
		Metrics: coordinatortest.MetricFaults{
			Missing: 0.02, Failed: 0.02, Partial: 0.02, Stale: 0.02, Late: 0.02, NaN: 0.02, Restart: 0.02, Error: 0.02, TimeOut: 0.02,
		},
		Observe:   coordinatortest.ObserveFaults{Unseen: 0.02, Error: 0.02, TimeOut: 0.02},
		Apply:     coordinatortest.ApplyFaults{ErrorBefore: 0.05, ErrorAfter: 0.05, TimeOutBefore: 0.05, TimeOutAfter: 0.05, Twice: 0.1, Depose: 0.01},
		JumpEvery: 5 * time.Minute, JumpBy: 20 * time.Second,
	}
}

var declared = coordinator.Declarations{
	Groups: []coordinator.ServerGroup{
		{Name: "free", Capacity: coordinator.Resources{"slots": 2}, Max: 6},
		{Name: "ordinal", Capacity: coordinator.Resources{"slots": 1}, Max: 6, Removal: coordinator.Ordinal},
	},
	Models: []coordinator.Model{
		{Name: "llama", Group: "free", Needs: coordinator.Resources{"slots": 1}, Min: 1, Max: 4, Policy: inFlight(2)},
		{Name: "mistral", Group: "free", Needs: coordinator.Resources{"slots": 1}, Max: 4, Policy: inFlight(3)},
		{Name: "whisper", Group: "ordinal", Needs: coordinator.Resources{"slots": 1}, Max: 4, Policy: inFlight(2)},
	},
}

func inFlight(n float64) policy.Config {
	return policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: n, Tolerance: 0.1}
}

// tick makes one turn of a coordinator's loop over f, as a program does that is
// started anew when another leader took over. It returns what was tried.
func tick(t *testing.T, f *coordinatortest.Fleet, c **coordinator.Coordinator, judge *laws.Judge) (log string) {
	if *c == nil {
		p, err := coordinator.NewPlanner(declared, coordinator.PlannerOptions{Epoch: f.Epoch()})
		require.NoError(t, err)
		*c, err = coordinator.New(p, f, f, coordinator.Options{Parallel: 1}) // equal stories need one order
		require.NoError(t, err)
	}
	done := (*c).Tick(t.Context())
	for i, a := range done.Plan.Now {
		log += fmt.Sprintf("%v %v\n", a, done.ApplyErrs[i])
		if errors.Is(done.ApplyErrs[i], coordinator.ErrFenced) {
			*c = nil
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if w, err := f.Observe(ctx); err == nil {
		require.NoError(t, judge.World(w))
	}
	<-time.After(2 * time.Second)
	return log
}

// Whatever goes wrong, no server holds too much or a model twice, and when
// nothing goes wrong any more all is soon as it should be. Equal seeds tell equal
// stories.
func TestFleetHealsAfterEverything(t *testing.T) {
	story := func(t *testing.T, seed uint64) (log string) {
		f := coordinatortest.NewFleet(nil,
			[]coordinatortest.FleetGroup{{Name: "free", Boot: 20 * time.Second}, {Name: "ordinal", Boot: 10 * time.Second, Ordinal: true}},
			[]coordinatortest.FleetModel{{Name: "llama", Load: 5 * time.Second}, {Name: "mistral", Load: 3 * time.Second}, {Name: "whisper", Load: 9 * time.Second}})
		judge := laws.For(declared)
		var c *coordinator.Coordinator
		f.Inject(everything(seed))
		for i := range 400 {
			m := declared.Models[i%3].Name
			f.Arrive(m, (i/20)%4)
			f.Finish(m, 1+i%4)
			log += tick(t, f, &c, judge)
		}
		f.Inject(coordinatortest.Faults{})
		for _, m := range declared.Models {
			f.Finish(m.Name, 1000)
			f.Arrive(m.Name, 4)
		}
		quiet := 0
		for i := 0; quiet < 20; i++ {
			require.Less(t, i, 400, "it does not come to rest:\n%s", log)
			quiet++
			if did := tick(t, f, &c, judge); did != "" {
				quiet = 0
				log += did
			}
		}
		for _, m := range declared.Models {
			require.GreaterOrEqual(t, f.Finish(m.Name, 1000), 4, "%s does not answer", m.Name)
		}
		return log
	}
	for seed := range uint64(5) {
		var logs [2]string
		for i := range logs {
			synctest.Test(t, func(t *testing.T) { logs[i] = story(t, seed) })
		}
		require.Equal(t, logs[0], logs[1], "seed %d", seed)
		require.Contains(t, logs[0], "injected fault")
		require.Contains(t, logs[0], "deadline exceeded")
	}
}

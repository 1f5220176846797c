package coordinator_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// shadowed is a planner of two replicas of "bad" under a policy with shadows, and
// what plans for it with a load.
func shadowed(t *testing.T, live policy.Config, shadows ...coordinator.Shadow) (*coordinator.Planner, func(load float64) coordinator.Plan) {
	p, s := twoModels(t, live)
	d := p.Declarations()
	d.Models = slices.Clone(d.Models)
	d.Models[0].Shadows = shadows
	require.NoError(t, p.Update(d))
	s.Now = epoch
	return p, func(load float64) coordinator.Plan {
		s.Now = s.Now.Add(2 * time.Second)
		s.Samples = []coordinator.Sample{sampleOf("bad", policy.InFlight, s.Now, load), sampleOf("bad", "backlog", s.Now, load/2)}
		return p.Plan(s)
	}
}

// tellShadows renders the shadows of a plan's first model.
func tellShadows(p coordinator.Plan) (text string) {
	for _, x := range p.Models[0].Shadows {
		text += fmt.Sprintf("%s %d (%+d) %v %v; %d: %d above, %d below\n", x.Shadow, x.Desired, x.Differs, x.Readings, x.Decision, x.Asked, x.Above, x.Below)
	}
	return text
}

var backlog = policy.Track{Signal: policy.Signal{Name: "backlog"}, Value: 1}

// A shadow is asked about the same things, by its own signals too, and says where
// it differs; nothing but that is told of it.
func TestShadows(t *testing.T) {
	p, plan := shadowed(t, perReplica(10), coordinator.Shadow{Name: "same", Policy: perReplica(10)}, coordinator.Shadow{Name: "backlog", Policy: backlog})
	require.Contains(t, p.Wants(), coordinator.Series{Target: coordinator.TargetID{Name: "bad"}, Name: "backlog"})
	plan(20)
	now := plan(4)
	require.Equal(t, 1, now.Models[0].Desired)
	reading := func(v float64) string {
		return fmt.Sprint([]policy.Reading{{Value: v, At: now.At, Quality: policy.OK}})
	}
	require.Equal(t, "same 1 (+0) "+reading(4)+" 1: target ratio 2->1; 2: 0 above, 0 below\n"+
		"backlog 2 (+1) "+reading(2)+" 2: within tolerance; 2: 2 above, 0 below\n", tellShadows(now))
	kept, text := now.Clone(), tellShadows(now)
	last := plan(100)
	require.Equal(t, text, tellShadows(kept), "a clone shares nothing")
	require.Contains(t, tellShadows(last), "backlog 9 (+0)", "both are kept within bounds")
	require.Contains(t, tellShadows(last), "target ratio 1->50; above max 50->9")

	e, err := p.Explain("bad")
	require.NoError(t, err)
	require.Equal(t, [][]policy.Signal{{{Name: policy.InFlight}}, {{Name: "backlog"}}}, e.ShadowSignals)
	require.Equal(t, tellShadows(last), tellShadows(coordinator.Plan{Models: []coordinator.ModelPlan{e.ModelPlan}}))

	d := p.Declarations()
	d.Models = slices.Clone(d.Models)
	d.Models[0].Shadows = []coordinator.Shadow{{Name: "backlog", Policy: backlog}, {Name: "same", Policy: backlog}}
	require.NoError(t, p.Update(d))
	require.Contains(t, tellShadows(plan(100)), "; 4: 2 above, 0 below\nsame", "what stays is remembered")
	require.Contains(t, tellShadows(plan(100)), "; 2: 0 above, 0 below\n", "what has changed starts anew")
}

// A shadow that wants less counts as below, and its silence is its own.
func TestShadowBelow(t *testing.T) {
	_, plan := shadowed(t, perReplica(10), coordinator.Shadow{Name: "missing", Policy: policy.Track{Signal: policy.Signal{Name: "nobody"}, Value: 1}}, coordinator.Shadow{Name: "less", Policy: always{N: 1}}, coordinator.Shadow{Name: "deaf", Policy: deaf{always{N: 1}}})
	plan(20)
	now := plan(40)
	require.Equal(t, "4: target ratio 2->4", now.Models[0].Decision.String())
	require.Contains(t, tellShadows(now), "missing 2 (-2)")
	require.Contains(t, tellShadows(now), "signal not ok; 2: 0 above, 1 below")
	require.Contains(t, tellShadows(now), "less 1 (-3) [] 1: always 2->1; 2: 0 above, 1 below")
	require.Contains(t, tellShadows(now), "2: always 2->1; silence 1->2", "what it would do is kept within the laws")
}

// deaf asks for what nobody answers, and does not care.
type deaf struct{ always }

func (deaf) Needs() policy.Needs                { return policy.Needs{Signals: []policy.Signal{{Name: "nobody"}}} }
func (d deaf) New(time.Time, int) policy.Policy { return d }

// A shadow that panics is contained: it holds, and all else goes on.
func TestShadowPanics(t *testing.T) {
	_, plan := shadowed(t, perReplica(10),
		coordinator.Shadow{Name: "panics", Policy: raw(func(policy.Observation) policy.Decision { panic("oops") })}, coordinator.Shadow{Name: "unborn", Policy: unborn{}}, coordinator.Shadow{Name: "same", Policy: perReplica(10)})
	plan(20)
	now := plan(40)
	require.Equal(t, []string{"model bad: shadow panics: policy: panic: oops", "model bad: shadow unborn: policy: panic: in New: unborn"}, now.Faults)
	require.Equal(t, 4, now.Models[0].Desired)
	require.Contains(t, tellShadows(now), "panics 2 (-2) [] 2: policy panicked")
	require.Contains(t, tellShadows(now), "same 4 (+0)")
}

// Seconds are handed to whoever asks, each once, and to nobody else.
func TestShadowSeconds(t *testing.T) {
	var live, beside []policy.Observation
	p, s := twoModels(t, lookout{&live})
	d := p.Declarations()
	d.Models = slices.Clone(d.Models)
	d.Models[0].Shadows = []coordinator.Shadow{{Name: "s", Policy: secondly{lookout{&beside}}}, {Name: "t", Policy: secondly{lookout{&beside}}}}
	require.NoError(t, p.Update(d))
	for i, at := range []float64{0.5, 2.5, 4.5} {
		s.Now = sec(at)
		s.Samples = []coordinator.Sample{sampleOf("bad", policy.Begun, sec(2*float64(i)), float64(4*i))}
		s.Samples[0].Cumulative = true
		p.Plan(s)
	}
	require.Len(t, beside, 6)
	for _, o := range live {
		require.Empty(t, o.Seconds)
	}
	require.Equal(t, [3]int{0, 2, 2}, [3]int{len(beside[0].Seconds), len(beside[2].Seconds), len(beside[4].Seconds)})
	require.Equal(t, len(beside[4].Seconds), len(beside[5].Seconds))
}

// secondly asks for seconds.
type secondly struct{ lookout }

func (secondly) Needs() policy.Needs                { return policy.Needs{Seconds: true} }
func (l secondly) New(time.Time, int) policy.Policy { return l }

func TestShadowFaults(t *testing.T) {
	bad := []coordinator.Shadow{{}, {Name: "x", Policy: policy.Track{}}, {Name: "x", Policy: backlog}}
	d := coordinator.Declarations{
		Groups:   []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 1}, Max: 1}},
		Models:   []coordinator.Model{{Name: "m", Group: "g", Max: 1, Policy: backlog, Shadows: bad}},
		Services: []coordinator.Service{{Name: "s", Replicas: 1, Shadows: bad}},
	}
	err := d.Validate()
	for _, field := range []string{"Models[0]", "Services[0]"} {
		for _, what := range []string{".Shadows[0].Name: must not be empty", ".Shadows[0].Policy: must be set", ".Shadows[1].Policy.Value: ", `.Shadows[2].Name: "x" stands twice`} {
			require.ErrorContains(t, err, field+what)
		}
	}
	lag := []coordinator.Shadow{{Name: "lag", Policy: policy.SeldonLag{}}}
	d.Models[0].Shadows, d.Services[0].Shadows = lag, lag
	require.NoError(t, d.Validate())
	require.Equal(t, []string{
		"Models[0].Shadows[0].Policy: neither Min nor Max is set, which switches scaling off; set the model's bounds here too",
		"Services[0].Shadows[0].Policy: neither Min nor Max is set, which switches scaling off; set the model's bounds here too",
	}, texts(coordinator.Lint(d, time.Second)))
}

// Shadows never change what is decided and done; what they remember outlives a
// restart; a log of them plans again byte for byte.
func TestShadowsNeverAct(t *testing.T) {
	kinds := policy.BuiltinKinds()
	kinds["wild"] = wild{}
	differ, restarts := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		bare := tr.planner(t)
		for i := range tr.d.Models {
			m := &tr.d.Models[i]
			m.Shadows = []coordinator.Shadow{
				{Name: "a", Policy: rapid.SampledFrom([]policy.Config{wild{m.Max, i}, wild{m.Max, i + 3}, backlog}).Draw(t, "shadow")},
				{Name: "b", Policy: policy.Stabilize{Down: 20 * time.Second, Of: track}},
			}
		}
		tr.renew(t)
		var file bytes.Buffer
		log := coordinator.NewReplayLog(&file, kinds)
		if err := log.Start(tr.first); err != nil {
			t.Fatal(err)
		}
		ticks := rapid.IntRange(3, 12).Draw(t, "ticks")
		for range ticks {
			tr.happen(t)
			s := tr.snapshot(t)
			if rapid.IntRange(0, 4).Draw(t, "restart") == 0 {
				tr.restart(t)
				restarts++
			}
			plan, without := tr.first.Plan(s), bare.Plan(s)
			with := plan
			with.Faults, without.Faults = nil, nil // more series can have faults
			if tell(with) != tell(without) {
				t.Fatalf("with shadows\n%s\nwithout\n%s", tell(with), tell(without))
			}
			differ += sameShadows(t, plan, tr.second.Plan(s))
			if err := log.Tick(s, plan); err != nil {
				t.Fatal(err)
			}
			for _, a := range plan.Now {
				if err := tr.fleet.Apply(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n, err := coordinator.Replay(&file, kinds); err != nil || n != ticks {
			t.Fatalf("%d of %d ticks: %v", n, ticks, err)
		}
	})
	if differ < 100 || restarts < 20 {
		t.Errorf("%d differ, %d restarts", differ, restarts)
	}
}

// sameShadows requires that two plans tell the same of shadows, and returns how
// many differ from what was decided.
func sameShadows(t *rapid.T, plan, second coordinator.Plan) (differ int) {
	for i := range plan.Models {
		one, twin := coordinator.Plan{Models: plan.Models[i : i+1]}, coordinator.Plan{Models: second.Models[i : i+1]}
		if tellShadows(one) != tellShadows(twin) {
			t.Fatalf("law 11: one has\n%s\nthe other\n%s", tellShadows(one), tellShadows(twin))
		}
		for _, x := range plan.Models[i].Shadows {
			if x.Differs != 0 {
				differ++
			}
		}
	}
	return differ
}

func TestShadowsAllocateNothing(t *testing.T) {
	p, next := fullFleet(t, 50, 10)
	d := p.Declarations()
	d.Models = slices.Clone(d.Models)
	for i := range d.Models {
		d.Models[i].Shadows = []coordinator.Shadow{{Name: "s", Policy: perReplica(7)}}
	}
	require.NoError(t, p.Update(d))
	now := epoch
	tick := func() {
		now = now.Add(2 * time.Second)
		if plan := p.Plan(next(now)); plan.Models[0].Shadows[0].Differs != 2 {
			t.Fatal(tellShadows(plan))
		}
	}
	tick()
	require.Zero(t, testing.AllocsPerRun(50, tick))
}

// A service has shadows as a model has.
func TestServiceShadows(t *testing.T) {
	g := newGateway(t, 2, func(s *coordinator.Service) { s.Shadows = []coordinator.Shadow{{Name: "half", Policy: perReplica(5)}} })
	g.at(20)
	require.Contains(t, g.at(20), "gateway 2->2")
	plan := g.Plan(g.Snapshot)
	require.Equal(t, []int{4, 2}, []int{plan.Services[0].Shadows[0].Desired, plan.Services[0].Shadows[0].Differs})
	e, err := g.ExplainService("gateway")
	require.NoError(t, err)
	require.Len(t, e.ShadowSignals, 1)
	require.Equal(t, 20.0, plan.Clone().Services[0].Shadows[0].Readings[0].Value)

	fresh := newGateway(t, 2, func(s *coordinator.Service) { s.Shadows = []coordinator.Shadow{{Name: "half", Policy: perReplica(5)}} })
	require.NoError(t, fresh.Restore(g.AppendState(nil)))
	fresh.Now = g.Now
	fresh.at(20)
	require.Equal(t, int64(3), fresh.Plan(fresh.Snapshot).Services[0].Shadows[0].Asked)
	broken := bytes.Replace(g.AppendState(nil), []byte(`"asked":2`), []byte(`"asked":1`), 1)
	require.ErrorContains(t, fresh.Restore(broken), `service "gateway": shadow "half": 2 above and 0 below of 1`)
}

package coordinator_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

// withServices adds random services to a trial, and makes its fleet, judge and
// planners anew.
func (tr *trial) withServices(t *rapid.T) {
	var behave []coordinatortest.FleetService
	for i := range rapid.IntRange(1, 4).Draw(t, "services") {
		s := coordinator.Service{
			Name: "s" + string(rune('0'+i)), StartTime: time.Duration(rapid.IntRange(0, 9).Draw(t, "estimate")) * time.Second,
			Useful: rapid.IntRange(0, 6).Draw(t, "useful"),
		}
		if rapid.IntRange(0, 3).Draw(t, "fixed") == 0 {
			s.Replicas = rapid.IntRange(1, 3).Draw(t, "replicas")
		} else {
			s.Min = rapid.IntRange(0, 3).Draw(t, "least")
			s.Max = max(1, s.Min) + rapid.IntRange(0, 5).Draw(t, "most")
			s.Policy = rapid.SampledFrom([]policy.Config{wild{s.Max, i}, wild{s.Max, i + 9}, track, policy.SeldonLag{Min: 1, Inactive: 20 * time.Second, LagThreshold: 3}}).Draw(t, "policy")
		}
		tr.d.Services = append(tr.d.Services, s)
		behave = append(behave, coordinatortest.FleetService{
			Name: s.Name, Replicas: rapid.IntRange(0, 6).Draw(t, "there"), Start: time.Duration(rapid.IntRange(0, 12).Draw(t, "start")) * time.Second,
		})
	}
	tr.d.Models, tr.d.Groups = nil, nil
	tr.fleet = coordinatortest.NewFleet(func() time.Time { return tr.now }, nil, nil, behave...)
	tr.renew(t)
}

// renew makes the judge and the planners of changed declarations.
func (tr *trial) renew(t *rapid.T) {
	tr.judge = laws.For(tr.d)
	tr.judge.Stale, tr.judge.Patience, tr.judge.Startup = staleAfter, 10*staleAfter, startup
	tr.first, tr.second = tr.planner(t), tr.planner(t)
}

// serve is what goes on between two ticks, and the world as it is seen then.
func (tr *trial) serve(t *rapid.T) (s coordinator.Snapshot) {
	tr.now = tr.now.Add(time.Duration(rapid.IntRange(1, 8000).Draw(t, "ms")) * time.Millisecond)
	name := tr.d.Services[rapid.IntRange(0, len(tr.d.Services)-1).Draw(t, "which")].Name
	switch rapid.IntRange(0, 3).Draw(t, "event") {
	case 0:
		tr.fleet.Arrive(name, rapid.IntRange(0, 9).Draw(t, "requests"))
	case 1:
		tr.fleet.Finish(name, rapid.IntRange(0, 9).Draw(t, "ended"))
	case 2:
		tr.fleet.Lose(name, rapid.IntRange(1, 2).Draw(t, "lost"))
	}
	s.Now = tr.now
	s.World, _ = tr.fleet.Observe(t.Context())
	s.Samples, _ = tr.fleet.Read(t.Context(), tr.first.Wants(), nil)
	switch rapid.IntRange(0, 5).Draw(t, "sight") {
	case 0:
		i := rapid.IntRange(0, len(s.World.Services)-1).Draw(t, "unseen")
		s.World.UnseenServices = []string{s.World.Services[i].Name}
		s.World.Services = slices.Delete(s.World.Services, i, i+1)
	case 1:
		s.Samples, s.ReadFailed = nil, rapid.Bool().Draw(t, "failed")
	case 2:
		for i := range s.Samples {
			s.Samples[i].Quality = rapid.SampledFrom([]policy.Quality{policy.OK, policy.Failed, policy.Partial, policy.Missing}).Draw(t, "quality")
		}
	}
	return s
}

// The laws of services, on random small fleets, judged after every action:
// bounds, silence, determinism, restarts whole or in parts, replay.
func TestServiceLaws(t *testing.T) {
	tempted := map[string]int{}
	actions := 0
	kinds := policy.BuiltinKinds()
	kinds["wild"] = wild{}
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		tr.withServices(t)
		var file bytes.Buffer
		log := coordinator.NewReplayLog(&file, kinds)
		if err := log.Start(tr.first); err != nil {
			t.Fatal(err)
		}
		ticks := rapid.IntRange(10, 40).Draw(t, "ticks")
		for range ticks {
			s := tr.serve(t)
			switch rapid.IntRange(0, 5).Draw(t, "restart") {
			case 0:
				tr.restart(t)
			case 1:
				tr.restartParts(t)
			}
			plan := tr.first.Plan(s)
			text := tellServices(plan)
			if twin := tellServices(tr.second.Plan(s)); twin != text {
				t.Fatalf("laws 10 and 11: one plan\n%s\nthe other\n%s", text, twin)
			}
			if err := tr.judge.Plan(s, plan); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if err := log.Tick(s, plan); err != nil {
				t.Fatal(err)
			}
			for _, a := range plan.Now {
				before, _ := tr.fleet.Observe(t.Context())
				if err := tr.judge.Action(before, a); err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				for range 2 {
					if err := tr.fleet.Apply(t.Context(), a); err != nil {
						t.Fatalf("%v: %v\n%s", a, err, text)
					}
				}
				actions++
			}
		}
		if n, err := coordinator.Replay(&file, kinds); err != nil || n != ticks {
			t.Fatalf("%d of %d ticks: %v", n, ticks, err)
		}
		for law, n := range tr.judge.Tempted {
			tempted[law] += n
		}
	})
	t.Logf("%d actions; tempted: %v", actions, tempted)
	if actions < 100 || tempted["1 bounds"] < 20 || tempted["4 silence"] < 20 {
		t.Errorf("rarely tempted: %d actions, %v", actions, tempted)
	}
}

// restartParts replaces the second planner by a new one with its memory in parts.
func (tr *trial) restartParts(t *rapid.T) {
	planner := tr.planner(t)
	parts, err := tr.second.StateParts(1000)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(parts)
	if err := planner.RestoreParts(parts); err != nil {
		t.Fatal(err)
	}
	if state, again := tr.second.AppendState(nil), planner.AppendState(nil); !bytes.Equal(state, again) {
		t.Fatalf("law 11: saved\n%s\nrestored\n%s", state, again)
	}
	tr.second = planner
}

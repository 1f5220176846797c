package coordinator_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/policy"
)

var update = flag.Bool("update", false, "rewrite the golden stories")

// perReplica keeps n requests in flight on each replica.
func perReplica(n float64) policy.Config {
	return policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: n, Tolerance: 0.1}
}

// worlds are the fleets that stories are told of. Servers boot in 10 s, models
// load in 4 s.
var worlds = map[string]coordinator.Declarations{
	"one": {
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Max: 3, BootTime: 10 * time.Second}},
		Models: []coordinator.Model{{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 1, Max: 5, Policy: perReplica(2), LoadTime: 4 * time.Second, DrainTimeout: 20 * time.Second}},
	},
	"two": {
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80, "slots": 2}, Max: 2}},
		Models: []coordinator.Model{
			{Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60, "slots": 1}, Max: 2, Policy: perReplica(2)},
			{Name: "whisper", Group: "gpu", Needs: coordinator.Resources{"gib": 30, "slots": 1}, Max: 2, Policy: perReplica(2)},
		},
	},
	"ordinal": {
		Groups: []coordinator.ServerGroup{{Name: "set", Capacity: coordinator.Resources{"slots": 1}, Max: 4, Removal: coordinator.Ordinal}},
		Models: []coordinator.Model{
			{Name: "a", Group: "set", Needs: coordinator.Resources{"slots": 1}, Max: 4, Policy: perReplica(1)},
			{Name: "b", Group: "set", Needs: coordinator.Resources{"slots": 1}, Max: 4, Policy: perReplica(1)},
		},
	},
}

// TestStories runs testdata/*.story. A line is "use WORLD servers=N", a thing
// that happens (arrive MODEL N, finish MODEL N, leave SERVER, gone SERVER, break
// SERVER MODEL, blind: the next read fails, unseen: the next observation does),
// or "tick T": time goes on by T, a plan is made, what is new is told below
// "----", and all its actions are applied.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".story"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			got := play(t, string(raw))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
			}
			require.Equal(t, string(raw), got)
		})
	}
}

func play(t *testing.T, story string) string {
	ctx := context.Background()
	var (
		out           strings.Builder
		now           = epoch
		fleet         *coordinatortest.Fleet
		planner       *coordinator.Planner
		group         string
		blind, unseen bool
		answers       bool
	)
	commands := map[string]bool{"use": true, "arrive": true, "finish": true, "leave": true, "gone": true, "break": true, "blind": true, "unseen": true, "tick": true}
	lines := bufio.NewScanner(strings.NewReader(story))
	for lines.Scan() {
		line := lines.Text()
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			answers = false
			fmt.Fprintln(&out, line)
			continue
		}
		if line == "----" || answers && !commands[words[0]] {
			answers = true
			continue
		}
		answers = false
		fmt.Fprintln(&out, line)
		number := func(s string) int {
			n, err := strconv.Atoi(s)
			require.NoError(t, err, line)
			return n
		}
		switch words[0] {
		case "use":
			d := worlds[words[1]]
			group = d.Groups[0].Name
			g := coordinatortest.FleetGroup{Name: group, Boot: 10 * time.Second, Ordinal: d.Groups[0].Removal == coordinator.Ordinal}
			g.Servers = number(strings.TrimPrefix(words[2], "servers="))
			var models []coordinatortest.FleetModel
			for _, m := range d.Models {
				models = append(models, coordinatortest.FleetModel{Name: m.Name, Load: 4 * time.Second})
			}
			fleet = coordinatortest.NewFleet(func() time.Time { return now }, []coordinatortest.FleetGroup{g}, models)
			var err error
			planner, err = coordinator.NewPlanner(d, coordinator.PlannerOptions{})
			require.NoError(t, err)
		case "arrive":
			fleet.Arrive(words[1], number(words[2]))
		case "finish":
			require.Equal(t, number(words[2]), fleet.Finish(words[1], number(words[2])), line)
		case "leave":
			fleet.Leave(group, words[1])
		case "gone":
			fleet.Gone(group, words[1])
		case "break":
			fleet.Break(group, words[1], words[2])
		case "blind":
			blind = true
		case "unseen":
			unseen = true
		case "tick":
			d, err := time.ParseDuration(words[1])
			require.NoError(t, err, line)
			now = now.Add(d)
			s := coordinator.Snapshot{Now: now, ReadFailed: blind}
			s.World, _ = fleet.Observe(ctx)
			if unseen {
				s.World = coordinator.World{Unseen: planner.Groups()}
			}
			if !blind {
				s.Samples, _ = fleet.Read(ctx, planner.Wants(), nil)
			}
			blind, unseen = false, false
			plan := planner.Plan(s)
			fmt.Fprintf(&out, "----\n%s", news(plan))
			for _, a := range plan.Now {
				require.NoError(t, fleet.Apply(ctx, a))
			}
		default:
			t.Fatalf("what is %q?", line)
		}
	}
	return out.String()
}

// news is what a plan says beyond "all is well".
func news(p coordinator.Plan) string {
	var b strings.Builder
	for _, m := range p.Models {
		fmt.Fprintf(&b, "%s: %v (serving %d, starting %d, draining %d)\n", m.Model, m.Decision, m.Ready, m.Starting, m.Draining)
	}
	for _, a := range p.Now {
		fmt.Fprintf(&b, "now %v: %s\n", a, a.Why.Reason)
	}
	for _, w := range p.Later {
		fmt.Fprintf(&b, "later %v: %s", w.Action, w.For)
		if !w.Until.IsZero() {
			fmt.Fprintf(&b, ", %v at most", w.Until.Sub(p.At))
		}
		fmt.Fprintln(&b)
	}
	for _, r := range p.Refused {
		fmt.Fprintf(&b, "refused in %s: %v\n", r.Group, r.Refusal)
	}
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "fault: %s\n", f)
	}
	return b.String()
}

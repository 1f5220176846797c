package coordinator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

var epoch = time.Unix(1_700_000_000, 0)

// wild is a policy without manners: it proposes what a hash of its inputs says,
// readings or not.
type wild struct{ Top, Salt int }

func (wild) Validate() error { return nil }
func (c wild) Needs() policy.Needs {
	return policy.Needs{Signals: []policy.Signal{{Name: policy.InFlight}, {Name: policy.Begun, Stat: policy.Rate, Window: 10 * time.Second}}, Seconds: c.Salt%2 == 0}
}
func (c wild) New(time.Time, int) policy.Policy { return c }

func (c wild) Decide(o policy.Observation) policy.Decision {
	n := int(o.Now.Unix()/7)*31 + int(o.Readings[0].Value)*17 + c.Salt
	return o.Propose("wild", n%(c.Top+3)-1)
}

var track = policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 2, Tolerance: 0.1}

// staleAfter and startup are short, so that they pass within a trial.
const (
	staleAfter = 5 * time.Second
	startup    = time.Minute
)

// trial is a random fleet, its planner and what happens to it.
type trial struct {
	d      coordinator.Declarations
	now    time.Time
	fleet  *coordinatortest.Fleet
	groups []coordinatortest.FleetGroup // of the fleet
	models []coordinatortest.FleetModel
	judge  *laws.Judge
	first  *coordinator.Planner
	second *coordinator.Planner // sees the same, must plan the same
	epoch  uint64               // of both

	last time.Time // Now of the last plan of these two
	calm bool      // little traffic, so that things come to rest

	routers int                  // that count requests, each a part
	before  []coordinator.Sample // what they said last

	sent    []coordinator.Action // accepted, newest last
	deposed []coordinator.Action // of leaders that lost their place
	hands   uint64               // actions of operators
	log     []string             // the latest deliveries
	actions int
	counts  map[string]int // what happened

	reloads   map[string]uint64 // by server and model, beside those of the fleet
	thrashing bool              // they grow
}

// planner makes a new one, without a history.
func (tr *trial) planner(t *rapid.T) *coordinator.Planner {
	p, err := coordinator.NewPlanner(tr.d, coordinator.PlannerOptions{Stale: staleAfter, StartupWait: startup, Epoch: tr.epoch})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p
}

func (tr *trial) pick(t *rapid.T) coordinator.Model {
	return tr.d.Models[rapid.IntRange(0, len(tr.d.Models)-1).Draw(t, "which")]
}

func drawSeconds(t *rapid.T, top int, label string) time.Duration {
	return time.Duration(rapid.IntRange(0, top).Draw(t, label)) * time.Second
}

func drawTrial(t *rapid.T) *trial {
	tr := &trial{now: epoch, counts: map[string]int{}}
	tr.calm = rapid.IntRange(0, 2).Draw(t, "calm") == 0
	for i := range rapid.IntRange(1, 2).Draw(t, "groups") {
		g := drawGroup(t, "g"+string(rune('0'+i)))
		tr.d.Groups = append(tr.d.Groups, g)
		tr.groups = append(tr.groups, coordinatortest.FleetGroup{
			Name: g.Name, Servers: rapid.IntRange(0, 3).Draw(t, "servers"), Boot: time.Second + drawSeconds(t, 9, "boot"), Ordinal: g.Removal == coordinator.Ordinal,
		})
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "models") {
		g := tr.d.Groups[rapid.IntRange(0, len(tr.d.Groups)-1).Draw(t, "group")]
		m := drawModel(t, i, g, tr.calm)
		tr.d.Models = append(tr.d.Models, m)
		tr.models = append(tr.models, coordinatortest.FleetModel{Name: m.Name, Load: drawSeconds(t, 10, "load")})
	}
	tr.people()
	tr.judge = laws.For(tr.d)
	tr.judge.Stale, tr.judge.Patience, tr.judge.Startup = staleAfter, 10*staleAfter, startup
	tr.routers = rapid.IntRange(1, 3).Draw(t, "routers")
	tr.first, tr.second = tr.planner(t), tr.planner(t)
	return tr
}

// people makes the fleet.
func (tr *trial) people() {
	tr.fleet = coordinatortest.NewFleet(func() time.Time { return tr.now }, tr.groups, tr.models)
}

func drawGroup(t *rapid.T, name string) coordinator.ServerGroup {
	return coordinator.ServerGroup{
		Name:         name,
		Capacity:     coordinator.Resources{"memory": rapid.Int64Range(4, 12).Draw(t, "memory"), "slots": rapid.Int64Range(1, 4).Draw(t, "slots")},
		Capabilities: []string{"a", "b"},
		Min:          rapid.IntRange(0, 2).Draw(t, "min servers"),
		Max:          rapid.IntRange(2, 6).Draw(t, "max servers"),
		Removal:      rapid.SampledFrom([]coordinator.Removal{coordinator.Free, coordinator.Ordinal}).Draw(t, "removal"),

		Consolidation: coordinator.Consolidation{Settle: time.Second + drawSeconds(t, 19, "settle"), MaxMoves: rapid.IntRange(0, 3).Draw(t, "max moves")},
	}
}

func drawModel(t *rapid.T, i int, g coordinator.ServerGroup, calm bool) coordinator.Model {
	m := coordinator.Model{
		Name: "m" + string(rune('0'+i)), Group: g.Name,
		Needs:         coordinator.Resources{"memory": rapid.Int64Range(1, 4).Draw(t, "needs"), "slots": 1},
		Requires:      rapid.SampledFrom([][]string{nil, {"a"}}).Draw(t, "requires"),
		Min:           rapid.IntRange(0, 2).Draw(t, "min"),
		LoadTime:      drawSeconds(t, 10, "load time"),
		DrainTimeout:  1 + drawSeconds(t, 20, "drain"),
		RetryInterval: time.Second,
	}
	m.Max = max(1, m.Min) + rapid.IntRange(0, 5).Draw(t, "max")
	m.Policy = rapid.SampledFrom(policies(m.Max, i)).Draw(t, "policy")
	if _, ok := m.Policy.(wild); ok && calm {
		m.Policy = track
	}
	return m
}

// policies are ours, the originals with short times, and those without manners.
func policies(top, salt int) []policy.Config {
	short := 20 * time.Second
	hpa := policy.HPA{
		MaxReplicas: top, Period: 5 * time.Second, DownscaleStabilization: &short,
		Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: policy.InFlight, Target: 2000}},
	}
	return []policy.Config{
		track,
		wild{top, salt},
		wild{top, salt + 8},
		policy.SeldonLag{Min: 1, Inactive: short, LagThreshold: 3, Period: 5 * time.Second, CoolDown: 5 * time.Second},
		policy.KPA{TargetValue: 2, StableWindow: short},
		hpa,
		policy.KEDA{PollingInterval: 5 * time.Second, Of: hpa, KEDASpec: policy.KEDASpec{
			CooldownPeriod: &short, Max: top, Triggers: []policy.KEDATrigger{{Name: policy.InFlight, TargetMilli: 2000}},
		}},
	}
}

// snapshot is the world as the planner gets to see it: what the fleet's faults
// leave of it, and now and then without a group, or without some or all samples.
func (tr *trial) snapshot(t *rapid.T) (s coordinator.Snapshot) {
	s = coordinator.Snapshot{Now: tr.now}
	var err error
	if s.World, err = tr.fleet.Observe(context.Background()); err != nil {
		s.World = coordinator.World{Unseen: tr.first.Groups()}
	}
	tr.reload(t, &s.World)
	whole, err := tr.fleet.Read(context.Background(), tr.first.Wants(), nil)
	s.ReadFailed = err != nil
	for _, x := range whole {
		for r := range tr.routers {
			part := x
			part.Origin = string(rune('a' + r))
			part.Value = x.Value / float64(tr.routers)
			s.Samples = append(s.Samples, part)
		}
	}
	defer func() { tr.before = s.Samples }()
	switch rapid.IntRange(0, 24).Draw(t, "sight") {
	case 3: // one router answers as before, of the same instant
		for i := range s.Samples {
			for _, old := range tr.before {
				if old.Series == s.Samples[i].Series && old.Origin == s.Samples[i].Origin && old.Origin == "a" {
					s.Samples[i].At, s.Samples[i].Value = old.At, old.Value
				}
			}
		}
	case 4: // one router does not answer
		gone := string(rune('a' + rapid.IntRange(0, tr.routers-1).Draw(t, "gone")))
		s.Samples = slices.DeleteFunc(s.Samples, func(x coordinator.Sample) bool { return x.Origin == gone })
	case 5: // one router fails, with no time to its answer
		for i := range s.Samples {
			if s.Samples[i].Origin == "a" {
				s.Samples[i].Quality, s.Samples[i].At = policy.Failed, time.Time{}
			}
		}
	case 0:
		if len(s.World.Groups) == 0 {
			break
		}
		i := rapid.IntRange(0, len(s.World.Groups)-1).Draw(t, "unseen")
		s.World.Unseen = append(s.World.Unseen, s.World.Groups[i].Name)
		s.World.Groups = slices.Delete(s.World.Groups, i, i+1)
	case 1:
		s.Samples, s.ReadFailed = nil, rapid.Bool().Draw(t, "failed")
	case 2:
		for i := range s.Samples {
			s.Samples[i].Quality = rapid.SampledFrom([]policy.Quality{policy.OK, policy.Failed, policy.Partial, policy.Missing}).Draw(t, "quality")
			s.Samples[i].At = s.Samples[i].At.Add(-time.Duration(rapid.IntRange(0, 1).Draw(t, "late")) * 10 * time.Second)
		}
	}
	return s
}

// tell renders a plan, everything that decides included.
func tell(p coordinator.Plan) string {
	var b strings.Builder
	for _, m := range p.Models {
		fmt.Fprintf(&b, "model %s %d->%d ready=%d starting=%d draining=%d unseen=%v %v", m.Model, m.Was, m.Desired, m.Ready, m.Starting, m.Draining, m.Unseen, m.Decision)
		if m.Extra != 0 {
			fmt.Fprintf(&b, " extra=%d", m.Extra)
		}
		b.WriteByte('\n')
	}
	for _, g := range p.Groups {
		fmt.Fprintf(&b, "group %s servers=%d %d->%d bound=%d unseen=%v", g.Group, g.Servers, g.Was, g.Desired, g.LowerBound, g.Unseen)
		if len(g.Decision.Steps) > 0 || len(g.Retiring) > 0 {
			fmt.Fprintf(&b, " pool %v retiring=%v", g.Decision, g.Retiring)
		}
		b.WriteByte('\n')
	}
	for _, a := range p.Now {
		fmt.Fprintf(&b, "now %v: %v\n", a, a.Why)
	}
	for _, a := range p.Later {
		fmt.Fprintf(&b, "later %v: %s\n", a.Action, a.For)
	}
	for _, r := range p.Refused {
		fmt.Fprintf(&b, "refused %s: %v\n", r.Group, r.Refusal)
	}
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "fault %s\n", f)
	}
	return b.String()
}

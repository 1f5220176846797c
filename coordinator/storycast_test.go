package coordinator_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/internal/laws"
	"github.com/bellows-go/bellows/policy"
)

// perReplica keeps n requests in flight on each replica.
func perReplica(n float64) policy.Config {
	return policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: n, Tolerance: 0.1}
}

// hasty is a policy without manners: it takes for zero what it does not know.
type hasty struct{ PerReplica float64 }

func (hasty) Validate() error { return nil }
func (hasty) Needs() policy.Needs {
	return policy.Needs{Signals: []policy.Signal{{Name: policy.InFlight}}}
}
func (c hasty) New(time.Time, int) policy.Policy { return c }
func (c hasty) Decide(o policy.Observation) policy.Decision {
	return o.Propose("hasty", int(math.Ceil(o.Readings[0].Value/c.PerReplica)))
}

// worlds are fleets for "use". Servers boot in 10 s, models load in 4 s.
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

// A cast is who takes part: declarations, and the fleet that keeps them company.
type cast struct {
	declared coordinator.Declarations
	groups   []coordinatortest.FleetGroup
	models   []coordinatortest.FleetModel
	placed   []place
}

// place is a server and what serves on it from the beginning.
type place struct {
	server string
	models []string
}

func (st *story) use(words []string) {
	require.Nil(st.t, st.fleet, st.line)
	words = st.words(words, 3)
	st.cast.declared = worlds[words[1]]
	for _, g := range st.cast.declared.Groups {
		st.cast.groups = append(st.cast.groups, coordinatortest.FleetGroup{
			Name: g.Name, Boot: 10 * time.Second, Ordinal: g.Removal == coordinator.Ordinal,
			Servers: st.number(strings.TrimPrefix(words[2], "servers=")),
		})
	}
	for _, m := range st.cast.declared.Models {
		st.cast.models = append(st.cast.models, coordinatortest.FleetModel{Name: m.Name, Load: 4 * time.Second})
	}
}

// declare reads "group NAME field..." or "model NAME GROUP field...". A model
// NAME*N stands for NAME000 and so on.
func (st *story) declare(words []string) {
	require.Nil(st.t, st.fleet, "%s: too late: update", st.line)
	if words[0] == "group" {
		g := coordinator.ServerGroup{Name: words[1], Max: 9, BootTime: 10 * time.Second}
		f := coordinatortest.FleetGroup{Name: words[1], Boot: 10 * time.Second}
		st.groupFields(&g, &f, words[2:])
		st.cast.declared.Groups = append(st.cast.declared.Groups, g)
		st.cast.groups = append(st.cast.groups, f)
		return
	}
	for _, name := range st.names(words[1]) {
		m := coordinator.Model{Name: name, Group: words[2], Max: 9, Policy: perReplica(2), LoadTime: 4 * time.Second}
		f := coordinatortest.FleetModel{Name: name, Load: 4 * time.Second}
		st.modelFields(&m, &f, words[3:])
		st.cast.declared.Models = append(st.cast.declared.Models, m)
		st.cast.models = append(st.cast.models, f)
	}
}

// names are those that a word stands for: "m*3" is m000, m001 and m002.
func (st *story) names(word string) []string {
	stem, count, many := strings.Cut(word, "*")
	if !many {
		return []string{word}
	}
	var all []string
	for i := range st.number(count) {
		all = append(all, fmt.Sprintf("%s%03d", stem, i))
	}
	return all
}

func (st *story) groupFields(g *coordinator.ServerGroup, f *coordinatortest.FleetGroup, fields []string) {
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "min":
			g.Min = st.number(value)
		case "max":
			g.Max = st.number(value)
		case "fixed": // the number of servers is another's
			g.Fixed, g.Max = true, 0
		case "ordinal":
			g.Removal, f.Ordinal = coordinator.Ordinal, true
		case "boot":
			g.BootTime, f.Boot = st.span(value), st.span(value)
		case "pool":
			if g.Pool == nil {
				g.Pool = &coordinator.Pool{}
			}
			g.Pool = &coordinator.Pool{Slots: st.number(value), Policy: g.Pool.Policy}
		case "pool-track":
			g.Pool = &coordinator.Pool{Slots: g.Pool.Slots, Policy: perReplica(float64(st.number(value)))}
		case "settle":
			g.Consolidation.Settle = st.span(value)
		case "spread": // never consolidated
			g.Consolidation.Off = true
		case "servers":
			f.Servers = st.number(value)
		case "memory":
			f.Memory = int64(st.number(value))
		case "overcommit":
			f.Overcommit = float64(st.number(strings.TrimSuffix(value, "%"))) / 100
			g.Overcommit = map[string]float64{"mb": f.Overcommit}
		default:
			g.Capacity = st.amount(g.Capacity, name, value)
		}
	}
}

func (st *story) modelFields(m *coordinator.Model, f *coordinatortest.FleetModel, fields []string) {
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "min":
			m.Min = st.number(value)
		case "max":
			m.Max = st.number(value)
		case "replicas": // exactly
			m.Min, m.Max, m.Policy, m.Replicas = 0, 0, nil, st.number(value)
		case "fallback":
			m.Fallbacks = []string{value}
		case "version":
			m.Version = value
		case "min-ready":
			m.MinReady = st.number(value)
		case "track":
			m.Policy = perReplica(float64(st.number(value)))
		case "seldon": // as the original, by lag and inactivity, its thresholds by default
			m.Policy = policy.SeldonLag{Min: m.Min, Max: m.Max}
		case "seldon-quick": // with an inactivity of 10 s, and periods of 2 s
			m.Policy = policy.SeldonLag{Min: m.Min, Max: m.Max, Inactive: 10 * time.Second, Period: 2 * time.Second}
		case "hasty":
			m.Policy = hasty{PerReplica: float64(st.number(value))}
		case "load":
			m.LoadTime, f.Load = st.span(value), st.span(value)
		case "reload":
			f.Reload = st.span(value)
		case "memory":
			f.Memory = int64(st.number(value))
		case "pinned":
			m.Pinned = st.amount(m.Pinned, "mb", value)
		case "drain":
			m.DrainTimeout = st.span(value)
		case "retry":
			m.RetryInterval = st.span(value)
		default:
			m.Needs = st.amount(m.Needs, name, value)
		}
	}
}

func (st *story) amount(r coordinator.Resources, name, value string) coordinator.Resources {
	require.Contains(st.t, []string{"slots", "gib", "mb"}, name, st.line)
	if r = maps.Clone(r); r == nil { // a planner may have it
		r = coordinator.Resources{}
	}
	r[name] = int64(st.number(value))
	return r
}

// place lets models serve on a server before the story begins.
func (st *story) place(words []string) {
	require.Nil(st.t, st.fleet, st.line)
	p := place{server: words[1]}
	for _, word := range words[2:] {
		p.models = append(p.models, st.names(word)...)
	}
	st.cast.placed = append(st.cast.placed, p)
}

// begin raises the curtain.
func (st *story) begin() {
	if st.fleet != nil {
		return
	}
	const before = time.Hour
	st.now = st.began.Add(-before)
	st.fleet = coordinatortest.NewFleet(func() time.Time { return st.now }, st.cast.groups, st.cast.models)
	for _, k := range []coordinator.Kind{coordinator.Load, coordinator.Route} {
		for _, p := range st.cast.placed {
			for _, m := range p.models {
				a := coordinator.Action{Kind: k, Group: st.groupOf(p.server), Server: p.server, Model: m, ModelVersion: st.version(m)}
				a.ID = a.String()
				require.NoError(st.t, st.fleet.Apply(context.Background(), a))
			}
		}
		st.now = st.now.Add(before / 2)
	}
	st.hire()
	st.judge = laws.For(st.cast.declared)
}

// version is a model's as it is declared.
func (st *story) version(model string) string {
	for _, m := range st.cast.declared.Models {
		if m.Name == model {
			return m.Version
		}
	}
	return ""
}

// groupOf is that of a server by its name.
func (st *story) groupOf(server string) string {
	i := strings.LastIndex(server, "-")
	require.Positive(st.t, i, "%s: no server %q", st.line, server)
	return server[:i]
}

// hire takes on a planner that knows nothing.
func (st *story) hire() {
	var err error
	st.planner, err = coordinator.NewPlanner(st.cast.declared, coordinator.PlannerOptions{Epoch: st.epoch})
	require.NoError(st.t, err)
}

// update changes fields of a group or of models.
func (st *story) update(words []string) {
	st.begin()
	d := coordinator.Declarations{Models: slices.Clone(st.cast.declared.Models), Groups: slices.Clone(st.cast.declared.Groups)}
	for i := range d.Groups {
		if words[1] == "group" && words[2] == d.Groups[i].Name {
			st.groupFields(&d.Groups[i], &coordinatortest.FleetGroup{}, words[3:])
		}
	}
	for _, name := range st.names(words[2]) {
		for i := range d.Models {
			if words[1] == "model" && name == d.Models[i].Name {
				st.modelFields(&d.Models[i], &coordinatortest.FleetModel{}, words[3:])
			}
		}
	}
	st.declareNow(d)
}

// drop ends the declaration of models.
func (st *story) drop(words []string) {
	d := st.cast.declared
	d.Models = slices.DeleteFunc(slices.Clone(d.Models), func(m coordinator.Model) bool { return slices.Contains(words[1:], m.Name) })
	require.Len(st.t, d.Models, len(st.cast.declared.Models)-len(words)+1, st.line)
	st.declareNow(d)
}

func (st *story) declareNow(d coordinator.Declarations) {
	require.NotEqual(st.t, st.cast.declared, d, "%s: changes nothing", st.line)
	st.cast.declared = d
	require.NoError(st.t, st.planner.Update(d))
	st.judge.Declare(d)
}

// restart replaces the planner by one of the next epoch: "restart" without a
// memory, "restart saved" with that of the one before.
func (st *story) restart(words []string) {
	st.begin()
	state := st.planner.AppendState(nil)
	st.epoch++
	st.hire()
	if len(words) > 1 {
		require.Equal(st.t, "saved", words[1], st.line)
		require.NoError(st.t, st.planner.Restore(state))
		return
	}
	st.judge.Forget()
}

func (st *story) freeze(words []string) {
	st.begin()
	words = st.words(words, 4)
	id := coordinator.TargetID{Kind: coordinator.TargetModel, Name: words[2]}
	if words[1] == "group" {
		id.Kind = coordinator.TargetGroup
	}
	require.NoError(st.t, st.planner.Freeze(id, st.now.Add(st.span(words[3]))))
}

package coordinator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// lived is a group of servers a and b, up, with model m on them as told.
func lived(now float64, replicas ...coordinator.ReplicaState) coordinator.Snapshot {
	group := coordinator.GroupState{Name: "g", Desired: 3}
	for i, name := range []string{"a", "b", "c"} {
		s := coordinator.ServerState{Name: name, Phase: coordinator.Up, Since: sec(-100)}
		if i < len(replicas) && replicas[i].Model != "" {
			s.Replicas = replicas[i : i+1]
		}
		group.Servers = append(group.Servers, s)
	}
	return coordinator.Snapshot{Now: sec(now), World: coordinator.World{Groups: []coordinator.GroupState{group}}}
}

func replica(p coordinator.ReplicaPhase, since float64) coordinator.ReplicaState {
	return coordinator.ReplicaState{Model: "m", Phase: p, Since: sec(since)}
}

func learner(t *testing.T, want int, seen *[]policy.Observation) *coordinator.Planner {
	p, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "g", Capacity: coordinator.Resources{"x": 9}, Min: 3, Max: 3, BootTime: time.Minute}},
		Models: []coordinator.Model{{Name: "m", Group: "g", Max: 3, LoadTime: time.Hour, Policy: raw(func(o policy.Observation) policy.Decision {
			*seen = append(*seen, o)
			return o.Propose("want", want)
		})}},
	}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	return p
}

// The time from order to ready is learned from what is seen, within a quarter,
// and kept over a restart; an estimate stands until three loads were seen.
func TestLearnedLoadTimes(t *testing.T) {
	var seen []policy.Observation
	p := learner(t, 1, &seen)
	lead := func() time.Duration { return seen[len(seen)-1].Lead }
	for i := range 4 {
		at := float64(100 * i)
		p.Plan(lived(at+1, replica(coordinator.Loading, at)))
		p.Plan(lived(at+2, replica(coordinator.Loading, at)))
		p.Plan(lived(at+40, replica(coordinator.Loaded, at+8)))
		p.Plan(lived(at + 50))
		if i < 2 {
			require.Equal(t, time.Hour+time.Minute, lead())
		}
	}
	require.GreaterOrEqual(t, lead(), time.Minute+8*time.Second)
	require.LessOrEqual(t, lead(), time.Minute+10*time.Second, "at most a quarter too high; boots were not seen")
	state := p.AppendState(nil)
	q := learner(t, 1, &seen)
	require.NoError(t, q.Restore(state))
	was := lead()
	q.Plan(lived(1000))
	require.Equal(t, was, lead())
	for range 100 { // what is long ago weighs little
		at := seen[len(seen)-1].Now.Sub(sec(0)).Seconds()
		q.Plan(lived(at+1, replica(coordinator.Loading, at+1)))
		q.Plan(lived(at+3, replica(coordinator.Serving, at+3)))
		q.Plan(lived(at + 4))
	}
	require.LessOrEqual(t, lead(), time.Minute+3*time.Second)
}

// A load that takes three times what nine in ten take no longer counts: another
// is ordered, and once that serves the late one goes. One that makes it after
// all is as good as any.
func TestOverdueLoads(t *testing.T) {
	var seen []policy.Observation
	p := learner(t, 1, &seen)
	for i := range 4 {
		at := float64(100 * i)
		p.Plan(lived(at+1, replica(coordinator.Loading, at)))
		p.Plan(lived(at+9, replica(coordinator.Serving, at+8)))
		p.Plan(lived(at + 50))
	}
	now := func(s coordinator.Snapshot) (all []string) {
		for _, a := range p.Plan(s).Now {
			all = append(all, fmt.Sprint(a.Kind, " ", a.Server, ": ", a.Why.Reason))
		}
		return all
	}
	stuck := replica(coordinator.Loading, 1000)
	require.Empty(t, now(lived(1024, stuck)))
	require.Equal(t, 1, seen[len(seen)-1].Starting)
	require.Equal(t, []string{"load b: replica short"}, now(lived(1031, stuck)))
	require.Empty(t, now(lived(1032, stuck, replica(coordinator.Loading, 1031))), "not before the other is there")
	require.Equal(t, []string{"unload a: replica spare"}, now(lived(1040, stuck, replica(coordinator.Serving, 1039))))
	require.Equal(t, []string{"unroute b: replica spare"}, now(lived(1041, replica(coordinator.Serving, 1040), replica(coordinator.Serving, 1039))), "it made it")
}

// Who has learned nothing and was told nothing takes what nine in ten of the
// others take; an estimate goes before it. A restored planner knows the same.
func TestUsualLoadTimes(t *testing.T) {
	seen := map[string]policy.Observation{}
	d := coordinator.Declarations{}
	for i := range 12 {
		name := fmt.Sprintf("m%02d", i)
		m := coordinator.Model{Name: name, Group: name, Max: 3, Policy: raw(func(o policy.Observation) policy.Decision {
			seen[name] = o
			return o.Propose("want", 1)
		})}
		if i == 11 {
			m.LoadTime = time.Hour
		}
		d.Models = append(d.Models, m)
		d.Groups = append(d.Groups, coordinator.ServerGroup{Name: name, Capacity: coordinator.Resources{"x": 9}, Min: 1, Max: 1, BootTime: time.Minute})
	}
	p, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	lead := func(p *coordinator.Planner, now float64, loads ...float64) time.Duration {
		for _, at := range []struct {
			now   float64
			phase coordinator.ReplicaPhase
		}{{now, coordinator.Loading}, {now + 1000, coordinator.Loaded}} {
			s := coordinator.Snapshot{Now: sec(at.now + 1)}
			for i := range 12 {
				name := fmt.Sprintf("m%02d", i)
				server := coordinator.ServerState{Name: "a", Phase: coordinator.Up, Since: sec(-100)}
				if i < len(loads) {
					since := at.now
					if at.phase == coordinator.Loaded {
						since = now + loads[i]
					}
					server.Replicas = []coordinator.ReplicaState{{Model: name, Phase: at.phase, Since: sec(since)}}
				}
				s.World.Groups = append(s.World.Groups, coordinator.GroupState{Name: name, Desired: 1, Servers: []coordinator.ServerState{server}})
			}
			p.Plan(s)
		}
		return seen["m10"].Lead - time.Minute
	}
	require.Zero(t, lead(p, 0))
	one := lead(p, 10_000, 8)
	require.Equal(t, []bool{true, true}, []bool{one >= 8*time.Second, one <= 10*time.Second}, "one load of one model is believed: %v", one)
	require.Equal(t, one, lead(p, 20_000, 8, 8, 8, 8, 8, 8, 8, 8, 8, 400), "one of ten that takes long does not count")
	two := lead(p, 30_000, 8, 8, 8, 8, 8, 8, 8, 8, 400, 400)
	require.GreaterOrEqual(t, two, 400*time.Second, "two do")
	require.Equal(t, time.Hour, seen["m11"].Lead-time.Minute, "an estimate is an estimate")
	q, err := coordinator.NewPlanner(d, coordinator.PlannerOptions{})
	require.NoError(t, err)
	require.NoError(t, q.Restore(p.AppendState(nil)))
	require.Equal(t, two, lead(q, 40_000))
	d.Models, d.Groups = d.Models[8:], d.Groups[8:] // most of those that knew better go
	require.NoError(t, q.Update(d))
	require.Equal(t, two, lead(q, 50_000))
	d.Models, d.Groups = d.Models[2:], d.Groups[2:]
	require.NoError(t, q.Update(d))
	require.Zero(t, lead(q, 60_000))
}

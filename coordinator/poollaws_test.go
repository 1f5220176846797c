package coordinator_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// poolSeldom is what seldom is, where groups are pools.
var poolSeldom = map[string]int{
	"1 bounds": 5000, "2 make before break": 100, "3 no live removal": 100, "4 silence": 150, "4 silence of pools": 20,
	"5 capacity": 200, "5 pinned": 20, "6 one of each": 200, "7 twice": 600, "8 convergence": 12, "10 again": 1000, "11 restored": 60,
	"12 fencing": 200, "13 decisions": 5000, "13 holds": 1500, "pool retires": 50, "pool fills": 200, "pool makes room": 50,
	"pool resident": 100, "pool separates": 2,
}

// All laws on fleets whose groups are pools, sized by a policy or by nothing but
// what their copies need.
func TestPoolLaws(t *testing.T) {
	tempted, happened := map[string]int{}, map[string]int{}
	trials := 0
	trial := func(t *rapid.T) {
		tr := drawTrial(t)
		tr.pool(t)
		defer func() {
			add(tempted, tr.judge.Tempted)
			add(happened, tr.counts)
			trials++
		}()
		tr.thrashing = true
		for range rapid.IntRange(20, 60).Draw(t, "ticks") {
			tr.weather(t)
			tr.happen(t)
			tr.tick(t)
		}
		tr.thrashing = false
		for i := range tr.d.Groups {
			if p := *tr.d.Groups[i].Pool; p.Policy != nil {
				p.Policy = track
				tr.d.Groups[i].Pool = &p
			}
		}
		tr.converge(t)
		for _, top := range []int{9, 3, 9} { // another model has the load now, and wants the room
			tr.load(t, top)
			tr.calmTicks(t, 12)
		}
		tr.thrashing = true
		tr.calmTicks(t, 6)
		tr.thrashing = false
		tr.rest(t)
	}
	seldom := func() (laws []string) {
		for law, n := range poolSeldom {
			if tempted[law] < n*trials/100 {
				laws = append(laws, law)
			}
		}
		slices.Sort(laws)
		return laws
	}
	// What a few trials in a hundred tempt, often at a time, is none of one hundred
	// now and then: it must be of several.
	for round := 0; round == 0 || round < 4 && len(seldom()) > 0; round++ {
		rapid.Check(t, trial)
	}
	t.Logf("%d trials\nhappened: %s\ntempted: %s", trials, list(happened), list(tempted))
	for _, law := range seldom() {
		t.Errorf("law %s was tempted %d times only", law, tempted[law])
	}
}

// reload lets some copies on servers with overcommitted memory have been loaded
// again.
func (tr *trial) reload(t *rapid.T, w *coordinator.World) {
	if tr.reloads == nil {
		return
	}
	for i := range w.Groups {
		for j := range w.Groups[i].Servers {
			s := &w.Groups[i].Servers[j]
			for k := range s.Replicas {
				key := s.Name + " " + s.Replicas[k].Model
				if tr.thrashing && rapid.IntRange(0, 5).Draw(t, "reloaded") == 0 {
					tr.reloads[key] += uint64(rapid.IntRange(1, 3).Draw(t, "times"))
				}
				s.Replicas[k].Reloads += tr.reloads[key]
			}
		}
	}
}

// pool makes pools of the groups.
func (tr *trial) pool(t *rapid.T) {
	for i := range tr.d.Groups {
		g := &tr.d.Groups[i]
		g.Pool = &coordinator.Pool{
			Slots:  rapid.IntRange(1, 4).Draw(t, "slots of a server"),
			Policy: rapid.SampledFrom(append([]policy.Config{nil, track}, policies(g.Max, i)...)).Draw(t, "pool policy"),
		}
		if _, ok := g.Pool.Policy.(wild); ok && tr.calm {
			g.Pool.Policy = track
		}
		if rapid.Bool().Draw(t, "overcommits") {
			g.Overcommit = map[string]float64{"memory": 1}
			g.Capacity = coordinator.Resources{"memory": rapid.Int64Range(4, 6).Draw(t, "little memory"), "slots": 4}
			tr.groups[i].Memory, tr.groups[i].Overcommit = g.Capacity["memory"], 1
		}
	}
	for i := range tr.d.Models {
		m := &tr.d.Models[i]
		tr.models[i].Memory, tr.models[i].Reload = m.Needs["memory"], drawSeconds(t, 3, "reload")
		m.Pinned = coordinator.Resources{"memory": rapid.Int64Range(0, m.Needs["memory"]).Draw(t, "pinned")}
	}
	tr.people()
	tr.reloads = map[string]uint64{}
	tr.renew(t)
}

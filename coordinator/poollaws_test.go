package coordinator_test

import (
	"maps"
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
}

// All laws on fleets whose groups are pools, sized by a policy or by nothing but
// what their copies need.
func TestPoolLaws(t *testing.T) {
	tempted, happened := map[string]int{}, map[string]int{}
	trials := 0
	rapid.Check(t, func(t *rapid.T) {
		tr := drawTrial(t)
		tr.pool(t)
		defer func() {
			add(tempted, tr.judge.Tempted)
			add(happened, tr.counts)
			trials++
		}()
		for range rapid.IntRange(20, 60).Draw(t, "ticks") {
			tr.weather(t)
			tr.happen(t)
			tr.tick(t)
		}
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
	})
	t.Logf("%d trials\nhappened: %s\ntempted: %s", trials, list(happened), list(tempted))
	for _, law := range slices.Sorted(maps.Keys(poolSeldom)) {
		if tempted[law] < poolSeldom[law]*trials/100 {
			t.Errorf("law %s was tempted %d times only", law, tempted[law])
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
			g.Overcommit = map[string]float64{"memory": 0.5}
		}
	}
	for i := range tr.d.Models {
		m := &tr.d.Models[i]
		m.Pinned = coordinator.Resources{"memory": rapid.Int64Range(0, m.Needs["memory"]).Draw(t, "pinned")}
	}
	tr.renew(t)
}

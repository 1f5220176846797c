package laws

import (
	"math"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// source is one that counts for a series: when it last answered, and of when its
// newest value is.
type source struct{ answered, newest time.Time }

// listen finds the targets of which some wanted signal is not wholly known: a
// source that answered before did not answer now, or not with a current value.
func (j *Judge) listen(s coordinator.Snapshot) map[coordinator.TargetID]bool {
	good := map[coordinator.Series]map[string]bool{}
	for _, x := range s.Samples {
		if j.answered[x.Series] == nil {
			j.answered[x.Series] = map[string]*source{}
		}
		from := j.answered[x.Series][x.Origin]
		if from == nil {
			from = &source{}
			j.answered[x.Series][x.Origin] = from
		}
		from.answered = s.Now
		odd := x.Quality.HasValue() && (math.IsNaN(x.Value) || math.IsInf(x.Value, 0) || x.At.Sub(s.Now) > j.Ahead)
		if x.Quality.HasValue() && !odd && x.At.After(from.newest) {
			from.newest = x.At
		}
		if good[x.Series] == nil {
			good[x.Series] = map[string]bool{}
		}
		good[x.Series][x.Origin] = x.Quality == policy.OK && !odd && s.Now.Sub(from.newest) <= j.Stale
	}
	silent := func(id coordinator.Series) bool {
		if len(good[id]) == 0 {
			return true
		}
		for origin, from := range j.answered[id] {
			if s.Now.Sub(from.answered) <= j.Patience && !good[id][origin] {
				return true
			}
		}
		return false
	}
	silence := map[coordinator.TargetID]bool{}
	for target, c := range j.policies() {
		for _, sig := range c.Needs().Signals {
			if silent(coordinator.Series{Target: target, Name: sig.Name}) {
				silence[target] = true
			}
		}
	}
	// A pool hears all of its models.
	for name, m := range j.models {
		pool := j.groups[m.Group].Pool
		if pool == nil || pool.Policy == nil {
			continue
		}
		for _, sig := range pool.Policy.Needs().Signals {
			if silent(coordinator.Series{Target: coordinator.TargetID{Kind: coordinator.TargetModel, Name: name}, Name: sig.Name}) {
				silence[coordinator.TargetID{Kind: coordinator.TargetGroup, Name: m.Group}] = true
			}
		}
	}
	return silence
}

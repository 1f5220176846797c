package policy_test

import (
	"sort"
	"testing"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// restorable are policies with every kind of memory.
func restorable() map[string]policy.Config {
	all := map[string]policy.Config{
		"kpa":      policy.KPA{ScaleDownDelay: 10 * time.Second},
		"hpa":      policy.HPA{MaxReplicas: 9, Behavior: &policy.HPABehavior{}, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "a", Target: 1000}}},
		"keda":     policy.KEDA{KEDASpec: policy.KEDASpec{Fallback: &policy.KEDAFallback{}, Triggers: []policy.KEDATrigger{{Name: "a", TargetMilli: 1000, Cached: true}}}, Of: track},
		"flaps":    policy.FlapBudget{Reversals: 1, Per: time.Hour, Of: track},
		"cooldown": policy.Cooldown{Down: time.Minute, Of: track},
		"idle":     policy.Idle{After: time.Minute, Of: track},
		"fallback": policy.Fallback{After: time.Minute, Of: track},
		"useful":   policy.Useful{Max: 3, Of: track},
		"highest":  policy.Highest{track, policy.Stabilize{Down: time.Minute, Of: track}},
	}
	for name, c := range streams {
		all[name] = c
	}
	for name, c := range configs {
		all[name] = c
	}
	return all
}

// Whatever is restored, it is refused, or decides without a panic and can be
// saved again.
func FuzzRestore(f *testing.F) {
	all := restorable()
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	sort.Strings(names)
	observe := func(c policy.Config, i int) policy.Observation {
		o := policy.Observation{Now: start.Add(time.Duration(i) * 40 * time.Second), Desired: i % 4, Ready: i % 4, Current: i % 4}
		for range c.Needs().Signals {
			o.Readings = append(o.Readings, ok(float64(i*13%60)))
		}
		o.Seconds = []policy.Second{{Unix: o.Now.Unix() - 1, Begun: int64(i % 2), Known: i%3 > 0}}
		return o
	}
	for i, name := range names {
		p := all[name].New(start, 2)
		for k := range 9 {
			p.Decide(observe(all[name], k))
		}
		f.Add(uint8(i), p.(policy.Saver).AppendState(nil))
	}
	f.Fuzz(func(t *testing.T, which uint8, state []byte) {
		c := all[names[int(which)%len(names)]]
		p := c.New(start, 2)
		before := string(p.(policy.Saver).AppendState(nil))
		if p.(policy.Saver).Restore(state) != nil {
			if after := string(p.(policy.Saver).AppendState(nil)); after != before {
				t.Fatalf("refused, yet changed: %s to %s", before, after)
			}
			return
		}
		for k := range 12 {
			p.Decide(observe(c, k))
		}
		p.(policy.Saver).AppendState(nil)
	})
}

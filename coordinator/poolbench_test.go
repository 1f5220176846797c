//go:build unix

package coordinator_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// pooled makes a pool of a yard's group, sized by what is in flight.
func (y *yard) pooled(tb testing.TB) {
	d := y.planner.Declarations()
	d.Groups[0].Pool = &coordinator.Pool{Slots: 1000, Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 10 * yardTarget, Tolerance: 0.1}}
	require.NoError(tb, y.planner.Update(d))
	old := map[coordinator.Series]float64{}
	for i, s := range y.s.Samples {
		old[s.Series] = y.level[i]
	}
	y.s.Samples, y.level = nil, nil
	for _, w := range y.planner.Wants() {
		y.s.Samples = append(y.s.Samples, coordinator.Sample{Series: w, Quality: policy.OK})
		y.level = append(y.level, old[coordinator.Series{Target: w.Target, Name: policy.InFlight}])
	}
}

// A tick of a fleet whose servers are a pool.
func BenchmarkPoolTick(b *testing.B) {
	for _, c := range []struct{ models, servers, each, changes int }{
		{100, 10, 4, 10},
		{1000, 100, 4, 0},
		{1000, 100, 4, 100},
	} {
		b.Run(fmt.Sprintf("models=%d/servers=%d/changes=%d", c.models, c.servers, c.changes), func(b *testing.B) {
			y := newYard(b, c.models, c.servers, c.each, yardPolicies["kpa"])
			y.pooled(b)
			y.warm(b, c.changes)
			benchTicks(b, y, c.changes)
		})
	}
}

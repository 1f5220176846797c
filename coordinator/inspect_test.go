package coordinator_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// What a loop saves after a tick, another goes on from; and saving disturbs
// neither the loop nor those who freeze meanwhile (the race detector looks on).
func TestStateOfARunningLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := newFleet()
		target := coordinator.TargetID{Name: "llama"}
		var c *coordinator.Coordinator
		var saved []byte
		c = loop(t, fleet, fleet, coordinator.Options{OnTick: func(coordinator.Tick) { saved = c.AppendState([]byte("kept ")) }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		until := time.Now().Add(time.Hour)
		var others sync.WaitGroup
		for range 2 {
			others.Go(func() {
				for ctx.Err() == nil {
					require.NoError(t, c.Freeze(target, until))
					c.AppendState(nil)
					<-time.After(time.Second) // in a bubble: it takes no time
				}
			})
		}
		require.ErrorIs(t, c.Run(ctx), context.DeadlineExceeded)
		others.Wait()

		require.Equal(t, "kept ", string(saved[:5]))
		next, err := coordinator.NewPlanner(worlds["one"], coordinator.PlannerOptions{})
		require.NoError(t, err)
		require.NoError(t, next.Restore(saved[5:]))
		require.Equal(t, string(saved[5:]), string(next.AppendState(nil)))
		status, err := next.Status("llama")
		require.NoError(t, err)
		require.Equal(t, 1, status.Desired)
		require.True(t, until.Equal(next.Frozen()[target]))
	})
}

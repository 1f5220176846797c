package coordinator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// What is counted as learning goes on is what a count of all would find.
func TestUsualCounts(t *testing.T) {
	p, err := NewPlanner(Declarations{
		Groups: []ServerGroup{{Name: "g", Capacity: Resources{"x": 9}, Min: 1, Max: 9}},
		Models: []Model{{Name: "m", Group: "g", Min: 1, Max: 1, Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 1}}},
	}, PlannerOptions{})
	require.NoError(t, err)
	at := func(s int) time.Time { return time.Unix(1e9+int64(s), 0) }
	for i, took := range []int{2, 3, 50, 50, 50, 1, 300, 300, 2} {
		began := 1000 * (i + 1)
		for _, now := range []int{began, began + took} {
			boot, load := ServerState{Name: "b", Phase: Booting, Since: at(began)}, ReplicaState{Model: "m", Phase: Loading, Since: at(began)}
			if now > began {
				boot.Phase, boot.Since, load.Phase, load.Since = Up, at(now), Loaded, at(now)
			}
			p.Plan(Snapshot{Now: at(now), World: World{Groups: []GroupState{{Name: "g", Desired: 2, Servers: []ServerState{
				{Name: "a", Phase: Up, Since: at(0), Replicas: []ReplicaState{load}}, boot,
			}}}}})
		}
		loads, boots := p.loads, p.boots
		p.recountTimes()
		require.Equal(t, p.loads, loads)
		require.Equal(t, p.boots, boots)
		require.NotZero(t, boots.orElse(0))
		require.Equal(t, loads.orElse(0), boots.orElse(0), "both took as long")
	}
}

package lag_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/lag"
)

var idleStart = time.Unix(1_700_000_000, 0)

// Idle since the reading that followed the last event, or saw a request in
// flight.
func TestIdle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			m      lag.Meter
			tokens []*lag.Token
			idle   lag.Idle
			active = true // something passed since the last reading
			since  time.Time
		)
		now := idleStart
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "gap")) * time.Second)
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				token := m.Begin()
				tokens, active = append(tokens, &token), true
			case 1:
				if len(tokens) > 0 {
					tokens[0].End()
					tokens, active = tokens[1:], true
				}
			default:
				require.True(t, idle.Observe(now, m.Totals()))
				if active || len(tokens) > 0 {
					since, active = now, false
				}
				at, ok := idle.Since()
				require.Equal(t, len(tokens) == 0, ok)
				if ok {
					require.Equal(t, since, at)
				}
			}
		}
	})
}

func TestIdleNeverGoesBack(t *testing.T) {
	var idle lag.Idle
	_, ok := idle.Since()
	require.False(t, ok, "nothing seen is not idle")
	require.True(t, idle.Observe(idleStart, lag.Totals{Begun: 3, Ended: 3}))
	require.False(t, idle.Observe(idleStart.Add(-1), lag.Totals{Begun: 4, Ended: 3}))
	at, ok := idle.Since()
	require.True(t, ok)
	require.Equal(t, idleStart, at)
	require.True(t, idle.Observe(idleStart.Add(time.Minute), lag.Totals{}), "restarted")
	at, _ = idle.Since()
	require.Equal(t, idleStart.Add(time.Minute), at)
	idle.Observe(idleStart.Add(2*time.Minute), lag.Totals{Begun: 5, Ended: 3})
	idle.Observe(idleStart.Add(3*time.Minute), lag.Totals{Begun: 3, Ended: 3})
	at, _ = idle.Since()
	require.Equal(t, idleStart.Add(3*time.Minute), at, "restarted with as many ended")
}

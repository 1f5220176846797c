package slide

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Current and Since find what a look at every value would.
func TestMax(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Max{Slots: rapid.Int64Range(1, 8).Draw(t, "slots")}
		require.Zero(t, m.Current())
		var all []Entry
		slot := int64(-20)
		for range rapid.IntRange(1, 40).Draw(t, "values") {
			slot += rapid.Int64Range(0, 3).Draw(t, "step")
			e := Entry{slot, float64(rapid.IntRange(0, 9).Draw(t, "value"))}
			m.Record(e.Slot, e.Value)
			all = append(all, e)
			most := func(from int64) (v float64) {
				for _, e := range all {
					if e.Slot >= from {
						v = max(v, e.Value)
					}
				}
				return v
			}
			require.Equal(t, most(slot-m.Slots+1), m.Current())
			back := rapid.Int64Range(0, m.Slots-1).Draw(t, "back")
			require.Equal(t, most(slot-back), m.Since(slot-back))
			require.Zero(t, m.Since(slot+1))
			require.NoError(t, m.Valid(9))
		}
	})
}

package policy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is being served does not wait, and where the lead takes up the time to the
// deadline a quarter of it remains.
func TestBacklogOfWhatWaits(t *testing.T) {
	for _, c := range []struct {
		name            string
		within, service time.Duration
		inFlight        float64
		want            int
	}{
		// Two slots begin one of six in the lead of 30 s; 5 * 60 s in 90 s are 3.3 slots.
		{"two of eight are served", 2 * time.Minute, time.Minute, 8, 2},
		// Sixty of 160 are begun in the lead, a hundred remain for 8 s.
		{"a quarter remains", 32 * time.Second, time.Second, 162, 7},
	} {
		p := Backlog{Within: c.within, Service: c.service}.New(time.Unix(0, 0), 1)
		o := Observation{
			Now: time.Unix(100, 0), Desired: 1, Ready: 1, Slots: 2, Lead: 30 * time.Second,
			Readings: []Reading{{Value: c.inFlight, Quality: OK}},
		}
		require.Equal(t, c.want, p.Decide(o).Replicas, c.name)
	}
}

// A reading sets right what is in flight only where it is of the end of the last
// second.
func TestAnchor(t *testing.T) {
	o := Observation{Now: time.Unix(105, 0)}
	for at, sure := range map[int64]bool{99: false, 100: true, 101: false, 105: false} {
		f := follower{Last: 99, Started: true}
		f.anchor(&o, &Reading{Value: 3, Quality: OK, At: time.Unix(at, 0)})
		require.Equal(t, sure, f.Sure, "a reading of %d", at)
		require.EqualValues(t, 5, f.age(&o))
	}
}

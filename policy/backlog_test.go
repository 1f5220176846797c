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

// No more slots than there are requests: those that wait, those that are served, or
// would be, and those that come within the lead.
func TestBacklogOfFew(t *testing.T) {
	d := draining{Waiting: 2, Rate: 1, Service: 60, Lead: 30, Within: 10}
	require.Equal(t, 2+60+30.0, d.slots())
	d.Waiting, d.Serving = 10, 70
	require.Equal(t, 10+70+30.0, d.slots())
}

// What runs for long keeps its slots when nothing comes any more, whatever counts as
// waiting; slots that are free do not.
func TestBacklogKeepsWhatRuns(t *testing.T) {
	for _, c := range []struct {
		flight float64
		want   int
	}{{0, 0}, {1, 1}, {3, 2}, {8, 4}, {1000, 4}} {
		p := Backlog{Within: time.Hour, Service: 2 * time.Minute, Signal: Signal{Name: "queue"}}.New(time.Unix(0, 0), 4)
		o := Observation{Desired: 4, Ready: 4, Slots: 2, Readings: []Reading{{Value: c.flight, Quality: OK}, {Quality: OK}}}
		var d Decision
		for at := range int64(90) {
			o.Now = time.Unix(at+1, 0)
			o.Seconds = []Second{{Unix: at, Known: true}}
			d = p.Decide(o)
		}
		require.Equal(t, c.want, d.Replicas, "%v in flight: %v", c.flight, d)
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

// Seconds that are not over, or come again, tell nothing; after one that is missing
// nobody knows what is in flight.
func TestFollowerTakesEachSecondOnce(t *testing.T) {
	o := Observation{Now: time.Unix(105, 0)}
	f := follower{Last: 99, Started: true, Sure: true}
	for _, c := range []struct {
		unix     int64
		ok, sure bool
	}{{99, false, false}, {105, false, false}, {100, true, true}, {100, false, false}, {102, true, false}, {103, true, false}} {
		ok, sure, _ := f.next(&o, &Second{Unix: c.unix, Known: true})
		require.Equal(t, [2]bool{c.ok, c.sure}, [2]bool{ok, sure}, "second %d", c.unix)
	}
}

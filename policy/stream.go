package policy

// A stream is what every policy of this package that goes by whole seconds learns
// of its target: when requests came, and how long they are served.
type stream struct {
	Follow   follower
	Arrivals arrivals
	Served   service
}

// newStream remembers the arrivals of so many seconds.
func newStream(span int) stream { return stream{Arrivals: newArrivals(span)} }

func (m *stream) valid() error {
	if err := m.Follow.valid(); err != nil {
		return err
	}
	return m.Served.valid()
}

// second takes in a second. ok is false when it tells nothing.
func (m *stream) second(o *Observation, x *Second) (ok bool) {
	ok, sure, flight := m.Follow.next(o, x)
	if !ok {
		return false
	}
	m.Arrivals.add(whole(x.Begun))
	m.Served.second(x, sure, flight, slotsServing(o), o.Ready)
	return true
}

// streamNeeds are what a stream is learned from: the requests in flight, as the
// first signal, and whole seconds.
func streamNeeds() Needs { return Needs{Signals: []Signal{{Name: InFlight}}, Seconds: true} }

// settle proposes n for the reason r, unless that would lower the count on too
// little: without a known second since the last decision (fresh), a reading of the
// requests in flight, or the replicas counted.
func settle(o *Observation, fresh bool, r Reason, n int, numbers ...float64) Decision {
	if n < o.Desired {
		switch load := &o.Readings[0]; {
		case load.Quality != OK || !load.usable() || load.Value < 0:
			return o.Hold(SignalNotOK, float64(load.Quality))
		case o.ReadyFailed:
			return o.Hold(CountUnknown)
		case !fresh:
			return o.Hold(SecondsUnknown)
		}
	}
	return o.Propose(r, n, numbers...)
}

// replicas is how many have so many slots.
func replicas(slots float64, each int) int { return ceil(slots / float64(each)) }

// The reasons of policies that go by whole seconds.
const (
	SecondsUnknown Reason = "seconds unknown" // none was known since the last decision
	// Learning: the service time is not known yet; Have: requests seen to end. Of
	// Adaptive also: too few seconds are known to lower; Have: how many, Limit: enough.
	Learning Reason = "learning"
)

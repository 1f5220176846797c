package lag

import (
	"math"
	"time"
)

// A Counter turns readings of a cumulative count into increments. A fall means
// that the counting process restarted: what it counted since is the increment,
// as with rate() in the Prometheus documentation.
//
// Time never goes back for a Counter: a reading stamped ahead of the clock makes
// it refuse those up to that stamp, and the first one after gets all that was
// added meanwhile.
//
// The zero value has seen nothing. A Counter is not safe for concurrent use.
type Counter struct {
	last float64
	at   time.Time
	seen bool
}

// Observe takes the count v (finite, >= 0) as read at instant at and returns
// what was added since the reading before and over how long. ok is false for
// the first reading, one no later than the last, and a value that is no count.
func (c *Counter) Observe(at time.Time, v float64) (added float64, over time.Duration, ok bool) {
	if !(v >= 0) || math.IsInf(v, 1) || (c.seen && !at.After(c.at)) {
		return 0, 0, false
	}
	added, over, ok = v-c.last, at.Sub(c.at), c.seen
	if added < 0 {
		added = v
	}
	c.last, c.at, c.seen = v, at, true
	if !ok {
		return 0, 0, false
	}
	return added, over, true
}

package lag

import "time"

// An Idle follows readings of a target's [Totals] and tells since when nothing
// has passed. What happens between two readings counts as if at the later one,
// so that a target is never called idle for longer than it has been. A restart
// of the counter counts as activity: what it lost may have been some.
//
// Time never goes back for an Idle: after a reading stamped ahead of the clock it
// is blind until the clock has caught up. What passes meanwhile is seen then; until
// then Observe says false, and who decides by Since should mind it.
//
// The zero value has seen nothing. An Idle is not safe for concurrent use.
type Idle struct {
	last  Totals
	at    time.Time // of the last reading
	since time.Time // of the last activity
	seen  bool
}

// Observe takes the totals as read at instant at. It reports false, and changes
// nothing, when at is before the last reading.
func (i *Idle) Observe(at time.Time, t Totals) bool {
	if i.seen && at.Before(i.at) {
		return false
	}
	if !i.seen || t != i.last {
		i.since = at
	}
	i.last, i.at, i.seen = t, at, true
	return true
}

// Since returns since when, as far as the readings tell, no request has begun,
// ended or been in flight: a reading's instant. ok is false before the first
// reading, and while there are requests in flight.
func (i *Idle) Since() (at time.Time, ok bool) {
	if !i.seen || i.last.InFlight() > 0 {
		return time.Time{}, false
	}
	return i.since, true
}

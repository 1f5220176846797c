package policy

import (
	"errors"
	"time"
)

// starts follows when a request last began, from whole seconds. What nobody
// saw may have been a start: a second that is not known, and one that was left
// out.
type starts struct {
	Last time.Time // of a start, at the latest
	Seen time.Time // up to when every second was seen; never before Last
}

func newStarts(at time.Time) starts { return starts{at, at} }

func (s *starts) valid() error {
	if s.Last.IsZero() || s.Seen.Before(s.Last) {
		return errors.New("idleness without a beginning")
	}
	return nil
}

// follow takes in the seconds of an observation; came reports a start among
// them. Seconds that end after now are none.
func (s *starts) follow(o *Observation) (came bool) {
	for _, x := range o.Seconds {
		if x.Unix >= o.Now.Unix() {
			break
		}
		begin, end := time.Unix(x.Unix, 0), time.Unix(x.Unix+1, 0)
		if !end.After(s.Seen) {
			continue
		}
		if begin.After(s.Seen) {
			s.Last = begin // nothing is known of what lies between
		}
		if x.Begun > 0 || !x.Known {
			s.Last = end
			came = came || x.Known
		}
		s.Seen = end
	}
	return came
}

// idle is for how long no request has begun, as far as is known: what lies
// between the last second seen and now is no idleness, but for the second that
// is under way.
func (s *starts) idle(now time.Time) time.Duration {
	if now.Unix() > s.Seen.Unix() {
		now = s.Seen
	}
	return max(0, now.Sub(s.Last))
}

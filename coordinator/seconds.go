package coordinator

import (
	"math"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// A count is one of the counts of a second.
type count int

const (
	countBegun count = iota
	countEnded
	countFailed
	countBusy
)

// secondCounts are the series that fill a secondsLog, in the order of count.
var secondCounts = [...]string{policy.Begun, policy.Ended, policy.Errors, policy.BusySeconds}

// maxSeconds is the longest stretch of seconds handed out at once; what lies
// further back is an unknown past.
const maxSeconds = 3600

// A secondsLog turns increments of counters into whole seconds and hands out
// each second once, in order: when its requests begun are known, or when it is
// so old that they will not be.
type secondsLog struct {
	buf   []policy.Second // ascending, without gaps, never empty once started
	since int64           // Unix nanoseconds from which requests begun are counted; 0 never
}

// start begins the log with the whole second that holds now.
func (l *secondsLog) start(now time.Time) {
	if len(l.buf) == 0 {
		l.buf = append(l.buf, policy.Second{Unix: now.Unix()})
	}
}

// add spreads what was added during (at-over, at] evenly over its seconds.
func (l *secondsLog) add(c count, at time.Time, over time.Duration, added float64) {
	to := at.UnixNano()
	from := to - int64(over)
	if c == countBegun && l.since == 0 {
		l.since = from
	}
	last := floorSecond(to - 1)
	if last < l.buf[0].Unix {
		return
	}
	l.extend(last)
	// came is what was added before the second s began.
	came := func(s int64) float64 {
		share := min(max(float64(s*1e9-from)/float64(to-from), 0), 1)
		if c == countBusy {
			return added * share
		}
		return math.Floor(added*share + 1e-9)
	}
	first := max(floorSecond(from), l.buf[0].Unix)
	before := came(first)
	for s := first; s <= last; s++ {
		after := came(s + 1)
		addTo(&l.buf[s-l.buf[0].Unix], c, after-before)
		before = after
	}
}

func addTo(s *policy.Second, c count, n float64) {
	whole := int64(min(max(n, 0), 1e15))
	switch c {
	case countBegun:
		s.Begun += whole
	case countEnded:
		s.Ended += whole
	case countFailed:
		s.Failed += whole
	case countBusy:
		s.Busy += n
	}
}

// extend makes the log reach the second unix.
func (l *secondsLog) extend(unix int64) {
	if unix > l.buf[0].Unix+2*maxSeconds {
		l.buf = append(l.buf[:0], policy.Second{Unix: unix - maxSeconds})
	}
	for next := l.buf[len(l.buf)-1].Unix + 1; next <= unix; next++ {
		l.buf = append(l.buf, policy.Second{Unix: next})
	}
}

// ready returns the seconds to hand out now, given the instant up to which
// requests begun are known and the age at which waiting for them ends.
func (l *secondsLog) ready(now, known time.Time, stale time.Duration) []policy.Second {
	until := min(max(known.Unix(), now.Add(-stale).Unix()), now.Unix())
	if until <= l.buf[0].Unix {
		return nil
	}
	l.extend(until)
	n := max(0, int(until-l.buf[0].Unix))
	for i := range l.buf[:n] {
		s := &l.buf[i]
		s.Known = l.since != 0 && s.Unix*1e9 >= l.since && s.Unix < known.Unix()
	}
	return l.buf[:n]
}

// drop forgets the first n seconds, which were handed out.
func (l *secondsLog) drop(n int) {
	if n > 0 {
		l.buf = append(l.buf[:0], l.buf[n:]...)
	}
}

func floorSecond(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}

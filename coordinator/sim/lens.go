package sim

import "math"

// A lens cuts a model's time into intervals and says what each of them needs,
// for LowerBound. Times are in seconds.
type lens struct {
	from, end   float64 // of what counts
	span        float64 // of an interval, at most
	most        float64 // service times count up to this
	wait, start float64
	slots       float64
	low         int  // replicas that are always there
	stood       bool // the model was there before from

	now       float64 // when the present interval begins, less from
	reqs      []job
	intervals []interval
	layers    int // the most that any interval can use
}

// job is a request of the present interval.
type job struct{ at, service float64 }

// interval is what one interval needs.
type interval struct {
	begin  float64 // less from
	length float64 // D
	late   []int32 // with low, low+1, ... replicas, while any
	work   float64 // W
	worst  float64 // s, the most that a request takes
}

// take takes in requests, all of what counts. An interval ends after its span,
// or before a request that comes when all is quiet: then nothing is cut in two.
func (l *lens) take(reqs []Request) {
	for _, q := range reqs {
		at := q.At.Seconds() - l.from
		if n := len(l.reqs); n > 0 && at-l.reqs[n-1].at > l.wait+l.most && at-l.now > l.span/4 {
			l.close(at)
		}
		l.reach(at)
		l.reqs = append(l.reqs, job{at, min(q.Service.Seconds(), l.most)})
	}
}

// reach closes intervals until the present one holds an instant.
func (l *lens) reach(at float64) {
	for at >= l.now+l.span {
		l.close(l.now + l.span)
	}
}

// close works out the present interval, which ends now, and begins the next.
func (l *lens) close(end float64) {
	x := interval{begin: l.now, length: end - l.now}
	due := 0 // those that could wait in vain before the end
	for _, q := range l.reqs {
		x.work += min(q.service, max(0, end-q.at-l.wait))
		x.worst = max(x.worst, q.service)
		if q.at+l.wait < end {
			due++
		}
	}
	// Well below the load, what cannot be done is told from the work alone: work
	// less what a number of replicas can do, over the most that a miss takes away.
	easy := int(0.75 * x.work / (l.slots * x.length))
	before := math.MaxInt32
	for n := l.low; n < due || n < easy; n++ { // with a slot each nobody needs to wait
		var late int
		if n < easy {
			late = int(math.Ceil((x.work-float64(n)*l.slots*x.length)/x.worst - 1e-6))
		} else {
			late = l.late(l.reqs[:due], float64(n)*l.slots, x.worst)
		}
		late = min(late, before) // never more than with fewer replicas
		before = late
		if late <= 0 {
			break
		}
		x.late = append(x.late, int32(min(late, math.MaxInt32)))
	}
	l.layers = max(l.layers, len(x.late), int(math.Ceil(x.work/(l.slots*l.span)))-l.low)
	l.intervals = append(l.intervals, x)
	l.reqs = l.reqs[:0]
	l.now = end
}

// late is how many of the requests miss at least, all of which come in an
// interval and could wait in vain within it, with never more than c slots.
//
// Proof. Let B(t) be the work of the requests that came in the interval and do not
// miss, as far as it is not done at t; what misses is taken out as it comes. It
// falls by at most c a second. At a+wait, a request's last moment to start, all
// that came up to a have started: at most c of them still run, for at most worst
// each. So B(a) <= c·wait + c·worst. Here b is B of a schedule that misses
// nothing until that is violated; then one request is taken out, as large as any.
// Throughout b <= B + (misses so far - taken out so far)·worst, and taken out <=
// misses: what comes adds the same to both sides or, if it misses, no less to the
// right one; b falls by c wherever it is above zero; and where b is beyond the
// limit B is not, so that there is a miss more than were taken out.
func (l *lens) late(reqs []job, c, worst float64) (n int) {
	limit := c*(l.wait+worst)*(1+1e-9) + 1e-9
	b, at := 0.0, l.now
	for i := range reqs {
		q := &reqs[i]
		b = max(0, b-c*(q.at-at)) + q.service
		at = q.at
		if b > limit {
			n++
			b = max(0, b-worst)
		}
	}
	return n
}

// least is the least that cost and misses at a price can be together, in
// replica-seconds, without the replicas that are always there.
func (l *lens) least(price float64) (sum float64) {
	low := float64(l.low)
	for i := range l.intervals {
		x := &l.intervals[i]
		if price >= x.worst/l.slots {
			sum += max(0, x.work/l.slots-low*x.length)
		}
	}
	for layer := range l.layers {
		off, on := 0.0, 0.0
		for i := range l.intervals {
			x := &l.intervals[i]
			s, p, g := l.start, 0.0, 0.0
			if l.stood {
				s = min(s, x.begin)
			}
			worth := price
			if price >= x.worst/l.slots {
				worth -= x.worst / l.slots
				g = min(x.length, max(0, x.work/l.slots-(low+float64(layer))*x.length))
			}
			if layer < len(x.late) {
				late := x.late[layer]
				if layer+1 < len(x.late) {
					late -= x.late[layer+1]
				}
				p = worth * float64(late)
			}
			off, on = min(off+min(p, s), on), min(off+s, on+min(x.length-g, s))
		}
		sum += min(off, on)
	}
	return sum
}

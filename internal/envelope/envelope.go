// Package envelope keeps the empirical arrival envelope of a stream of
// requests, for the packages lag and policy.
//
// An arrival envelope bounds what may arrive within any interval of a length
// (Le Boudec and Thiran, "Network Calculus", Springer 2001, section 1.2). Here
// it is measured: A_T(s) is what arrived in the T seconds that end with second
// s. All of it is served within the limit w on waiting if the service rate is
// at least A_T/(T+w), so the rate a second asks for is the maximum of that over
// the lengths T, and the rate to provide is a quantile of those.
package envelope

import "github.com/bellows-go/bellows/internal/histogram"

// MaxCount is the most that may arrive in one second; sums of whole counts
// stay exact.
const MaxCount = 1e12

// An Envelope keeps the rates that the last seconds asked for. Seconds are
// numbered by the caller and never go back; each takes time in proportion to
// the lengths, amortized.
//
// New makes one. It serves one goroutine, also for questions.
type Envelope struct {
	lengths []int64   // seconds, > 0
	limit   float64   // seconds, >= 0
	sums    []float64 // of the counts in the last lengths[i] closed seconds
	counts  []float64 // ring of closed seconds, as many as the longest length
	rates   []float64 // ring of closed seconds; those in (open-len, open), from first
	hist    histogram.Histogram
	open    int64   // the second that still gathers arrivals
	first   int64   // first second known; meaningless unless started
	count   float64 // arrivals of the open second
	stale   int     // closed seconds since the sums were last added up
	started bool
}

// New returns an empty envelope of the lengths, seconds > 0, at least one; for
// a limit on waiting in seconds, >= 0; over a window of seconds, > 0.
func New(lengths []int64, limit float64, window int) *Envelope {
	var longest int64
	for _, n := range lengths {
		longest = max(longest, n)
	}
	return &Envelope{
		lengths: append([]int64(nil), lengths...),
		limit:   limit,
		sums:    make([]float64, len(lengths)),
		counts:  make([]float64, longest),
		rates:   make([]float64, window),
	}
}

// Add counts n arrivals in a second and closes those before it. It reports
// false, and changes nothing, when n is negative or no number, the second is
// closed, or it would have more than MaxCount.
func (e *Envelope) Add(second int64, n float64) bool {
	if !(n >= 0 && n <= MaxCount) || e.started && (second < e.open || second == e.open && e.count+n > MaxCount) {
		return false
	}
	e.Close(second)
	e.count += n
	return true
}

// Close says that all arrivals before a second are counted. The first second
// ever given is the first that is known.
func (e *Envelope) Close(second int64) {
	if !e.started {
		e.open, e.first, e.started = second, second, true
	}
	if second <= e.open {
		return
	}
	e.close()
	if silent := second - e.open; silent > int64(len(e.counts)+len(e.rates)) {
		e.silence(second)
	}
	for e.open < second {
		e.close()
	}
}

// close makes the open second one of the window and opens the next.
func (e *Envelope) close() {
	var rate float64
	for i, n := range e.lengths {
		e.sums[i] += e.count - e.counts[mod(e.open-n, len(e.counts))]
		rate = max(rate, e.sums[i]/(float64(n)+e.limit))
	}
	e.counts[mod(e.open, len(e.counts))] = e.count
	slot := mod(e.open, len(e.rates))
	if e.open-e.first >= int64(len(e.rates)) {
		e.hist.Remove(e.rates[slot], 1)
	}
	e.rates[slot] = rate
	e.hist.Add(rate, 1)
	e.open++
	e.count = 0
	if e.stale++; e.stale >= len(e.counts) {
		e.mend()
	}
}

// mend adds the sums up afresh: those of fractions drift.
func (e *Envelope) mend() {
	e.stale = 0
	for i, n := range e.lengths {
		e.sums[i] = 0
		for k := range n {
			e.sums[i] += e.counts[mod(e.open-1-k, len(e.counts))]
		}
	}
}

// silence opens a second after more silent ones than anything is kept of.
func (e *Envelope) silence(second int64) {
	clear(e.counts)
	clear(e.sums)
	clear(e.rates)
	e.hist.Reset()
	e.hist.Add(0, uint64(len(e.rates)))
	e.open, e.stale = second, 0
}

// Quantile returns the q-quantile, within histogram.RelativeError, of the rates
// per second that the seconds from..to asked for, as far as they are closed and
// within the window. ok is false when there is none or q is not in [0, 1]. It
// takes time in proportion to the seconds of the window that are left out.
func (e *Envelope) Quantile(from, to int64, q float64) (perSecond float64, ok bool) {
	if !e.started {
		return 0, false
	}
	oldest := max(e.first, e.open-int64(len(e.rates)))
	from, to = max(from, oldest), min(to, e.open-1)
	if from > to {
		return 0, false
	}
	for s := oldest; s < from; s++ {
		e.hist.Remove(e.rates[mod(s, len(e.rates))], 1)
	}
	for s := to + 1; s < e.open; s++ {
		e.hist.Remove(e.rates[mod(s, len(e.rates))], 1)
	}
	perSecond, ok = e.hist.Quantile(q)
	for s := oldest; s < from; s++ {
		e.hist.Add(e.rates[mod(s, len(e.rates))], 1)
	}
	for s := to + 1; s < e.open; s++ {
		e.hist.Add(e.rates[mod(s, len(e.rates))], 1)
	}
	return perSecond, ok
}

func mod(i int64, n int) int {
	m := int(i % int64(n))
	if m < 0 {
		m += n
	}
	return m
}

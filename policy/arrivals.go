package policy

import (
	"encoding/json"
	"errors"
	"math"
	"sort"
)

// maxCount is the most that may happen in one second; more counts as that.
const maxCount = 1e9

// arrivals remember how many requests began in each of the last seconds that are
// known. Seconds of which nothing is known take no time here: silence is neither
// traffic nor its absence. newArrivals makes them; their memory is eight bytes a
// second.
type arrivals struct {
	sums  []int64 // ring: sums[i] is what began up to the end of a second
	at    int     // the place of the newest second
	known int     // seconds in the ring, < len(sums)
	clock int64   // seconds ever
}

// newArrivals remembers span seconds, > 0.
func newArrivals(span int) arrivals { return arrivals{sums: make([]int64, span+1)} }

// add makes n the requests of the next second; n is in [0, maxCount].
func (a *arrivals) add(n int64) {
	before := a.sums[a.at]
	if a.at++; a.at == len(a.sums) {
		a.at = 0
	}
	a.sums[a.at] = before + n
	a.known = min(a.known+1, len(a.sums)-1)
	a.clock++
}

// span is for how many seconds arrivals are known.
func (a *arrivals) span() int { return a.known }

// most is for how many they are remembered.
func (a *arrivals) most() int { return len(a.sums) - 1 }

// sum is what began in the last t seconds, as far as they are known.
func (a *arrivals) sum(t int) int64 { return a.sumBefore(0, t) }

// sumBefore is what began in the t seconds that end skip seconds before now.
func (a *arrivals) sumBefore(skip, t int) int64 {
	skip = min(max(skip, 0), a.known)
	t = min(max(t, 0), a.known-skip)
	return a.sums[a.back(skip)] - a.sums[a.back(skip+t)]
}

// back is the place of the second that is i before the newest.
func (a *arrivals) back(i int) int {
	if i = a.at - i; i < 0 {
		i += len(a.sums)
	}
	return i
}

// rate is requests per second over the last t, 0 if nothing is known.
func (a *arrivals) rate(t int) float64 {
	t = min(t, a.known)
	if t <= 0 {
		return 0
	}
	return float64(a.sum(t)) / float64(t)
}

// holding is the fewest seconds from now back, in [least, most], in which events
// requests began; most if there were fewer.
func (a *arrivals) holding(events int64, least, most int) int {
	return least + sort.Search(max(most-least, 0), func(i int) bool { return a.sum(least+i) >= events })
}

// dispersion is the index of dispersion of counts in bins of so many seconds over
// the last span: the variance of the counts over their mean, 1 for a Poisson
// process, more for bursts (Cox and Lewis, "The Statistical Analysis of Series of
// Events", 1966). ok is false when fewer than thirty bins are known, or nothing began in them.
func (a *arrivals) dispersion(bin, span int) (index float64, ok bool) {
	bin = max(bin, 1)
	n := min(span, a.known) / bin
	total := float64(a.sum(n * bin))
	if n < 30 || !(total > 0) {
		return 0, false
	}
	mean, squares := total/float64(n), 0.0
	last, place := a.sums[a.at], a.at
	for range n {
		if place -= bin; place < 0 {
			place += len(a.sums)
		}
		d := float64(last-a.sums[place]) - mean
		last = a.sums[place]
		squares += float64(d * d)
	}
	return squares / float64(n-1) / mean, true
}

// spans reports whether a, which was read, has room for so many seconds.
func (a *arrivals) spans(span int) error {
	if len(a.sums) != span+1 {
		return errors.New("arrivals of another span")
	}
	return nil
}

type savedArrivals struct {
	Span   int
	Clock  int64
	Counts varints `json:",omitempty"` // of the seconds, ascending
}

func (a *arrivals) MarshalJSON() ([]byte, error) {
	saved := savedArrivals{Span: len(a.sums) - 1, Clock: a.clock, Counts: make(varints, 0, a.known)}
	for i := a.known - 1; i >= 0; i-- {
		saved.Counts = append(saved.Counts, a.sumBefore(i, 1))
	}
	return json.Marshal(saved)
}

func (a *arrivals) UnmarshalJSON(raw []byte) error {
	var saved savedArrivals
	if err := strictly(raw, &saved); err != nil {
		return err
	}
	n := int64(len(saved.Counts))
	if saved.Span < 1 || saved.Span > math.MaxUint16 || saved.Clock < n || saved.Clock > 1e12 || n != min(saved.Clock, int64(saved.Span)) {
		return errors.New("arrivals of seconds that cannot be")
	}
	*a = newArrivals(saved.Span)
	for _, c := range saved.Counts {
		a.add(c)
	}
	a.clock = saved.Clock
	return nil
}

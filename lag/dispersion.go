package lag

import (
	"math"
	"time"
)

// A Dispersion measures how bursty a stream is by the index of dispersion of
// counts: the variance of the counts in bins of equal length, divided by their
// mean (Cox and Lewis, "The Statistical Analysis of Series of Events", 1966;
// for queues Sriram and Whitt, "Characterizing Superposition Arrival Processes
// in Packet Multiplexers for Voice and Data", IEEE JSAC 4(6), 1986). It is 1 for a Poisson process whatever the bin, 0 for a constant
// count, above 1 for bursts. The variance is that of a sample, divided by n-1.
//
// Add alone says nothing of silence: a bin without a sample may be one that
// nobody watched. Observe says up to when all has been added. A bin without a
// sample counts as zero when it lies whole between the earliest instant given
// to Add or Observe and the latest given to Observe; else it is left out.
//
// Samples may arrive out of order; those older than the span are dropped. An
// Add takes constant time, a question time in proportion to span/bin, which is
// also the memory. Bins begin on multiples of their length since the Unix
// epoch, end before the next. NewDispersion makes one. A Dispersion is not safe
// for concurrent use.
type Dispersion struct {
	bins    ring[float64]
	since   int64 // earliest instant given, Unix nanoseconds; if started
	seen    int64 // latest given to Observe, Unix nanoseconds; if watched
	started bool
	watched bool
}

// NewDispersion returns an empty dispersion. bin must be > 0 and divide span,
// which may have up to MaxBuckets bins. For queues, a bin of about the service
// time is telling.
func NewDispersion(span, bin time.Duration) (*Dispersion, error) {
	r, err := newRing[float64]("dispersion", span, bin, MaxBuckets)
	if err != nil {
		return nil, err
	}
	return &Dispersion{bins: r}, nil
}

// Add counts events at instant at. It reports false, and changes nothing, when
// n is negative, infinite or NaN, or at is older than the span. Zero is a
// sample, too.
func (d *Dispersion) Add(at time.Time, n float64) bool {
	if !count(n) {
		return false
	}
	bin, stale := d.bins.at(at)
	if bin == nil {
		return false
	}
	if stale {
		*bin = 0
	}
	*bin += n
	d.begin(at)
	return true
}

// Observe says that all events before instant at have been added. It never
// takes back an earlier call; samples that are late nevertheless still count.
func (d *Dispersion) Observe(at time.Time) {
	d.begin(at)
	if ns := at.UnixNano(); !d.watched || ns > d.seen {
		d.seen, d.watched = ns, true
	}
}

func (d *Dispersion) begin(at time.Time) {
	if ns := at.UnixNano(); !d.started || ns < d.since {
		d.since, d.started = ns, true
	}
}

// IndexAt returns the index of dispersion, >= 0, of the bins that end in
// (t-span, t], in the unit of the counts; a count of events makes it a pure
// number. ok is false when fewer than two of them count, or their mean is zero.
func (d *Dispersion) IndexAt(t time.Time) (index float64, ok bool) {
	var n, mean, squares float64 // Welford's: squares is the sum of (x-mean)^2
	to := floorDiv(t.UnixNano(), d.bins.grain) - 1
	for i := to - int64(len(d.bins.slots)) + 1; i <= to; i++ {
		x, ok := d.bin(i)
		if !ok {
			continue
		}
		n++
		delta := x - mean
		mean += delta / n
		squares += float64(delta * (x - mean))
	}
	if n < 2 || !(mean > 0) {
		return 0, false
	}
	index = squares / (n - 1) / mean
	return index, !math.IsNaN(index) && !math.IsInf(index, 0)
}

// bin returns the count of a bin, if it is known and still kept.
func (d *Dispersion) bin(i int64) (n float64, ok bool) {
	if d.bins.any && i <= d.bins.newest-int64(len(d.bins.slots)) {
		return 0, false // dropped, whether or not its slot has been taken
	}
	if x := d.bins.get(i); x != nil {
		return *x, true
	}
	return 0, d.watched && i*d.bins.grain >= d.since && (i+1)*d.bins.grain <= d.seen
}

package lag

import (
	"errors"
	"fmt"
	"time"

	"github.com/bellows-go/bellows/internal/envelope"
)

const (
	// MaxEnvelopeLength is the longest of EnvelopeConfig.Lengths.
	MaxEnvelopeLength = time.Hour
	// MaxEnvelopeLengths is how many there may be.
	MaxEnvelopeLengths = 32
)

// An EnvelopeConfig says what an Envelope keeps. The zero value is ready: no
// waiting, and the default of every other field.
type EnvelopeConfig struct {
	// Lengths of the intervals in which arrivals are counted: whole seconds in
	// [1 s, MaxEnvelopeLength], distinct, at most MaxEnvelopeLengths of them.
	// Empty means 1, 2, 5, 10, 20 and 60 s, which suit service times of up to
	// ten seconds; beyond, scale them with it.
	Lengths []time.Duration

	// WaitingLimit is how long a request may wait before its service begins:
	// >= 0, say a latency objective less a high quantile of the service time.
	WaitingLimit time.Duration

	// Window over which quantiles are taken: whole seconds, up to MaxBuckets.
	// Zero means 15 minutes.
	Window time.Duration
}

// An Envelope is the empirical arrival envelope of a stream of requests. For
// each whole second it keeps
//
//	r(s) = max over T of A_T(s) * S / (T + w)
//
// where A_T is the number of arrivals in the T seconds that end with s, S the
// mean service time and w the limit on waiting: the requests to be served at
// the same time for all of A_T to begin within w. A quantile of r over the
// last window, divided by the slots of a replica, is a number of replicas that
// remembers bursts and assumes no model of arrivals. Arrival envelopes are in
// Le Boudec and Thiran, "Network Calculus", Springer 2001, section 1.2.
//
// Arrivals are an ordered stream: an Add or Observe in a later second closes
// the seconds before it for good, and one without arrivals had none. The first
// instant given begins what is known; before, nothing arrived. S is given when
// asked, so that what is learned of it holds for the past, too.
//
// A second takes time in proportion to the lengths, an arrival constant time.
// Memory is 20 kB and 8 bytes for each second of the window and of the longest
// length. NewEnvelope makes one. It is not safe for concurrent use, not even
// for questions alone.
type Envelope struct {
	core   *envelope.Envelope
	window int64 // nanoseconds
}

// NewEnvelope returns an empty envelope. The error names every bad field.
func NewEnvelope(c EnvelopeConfig) (*Envelope, error) {
	if c.Window == 0 {
		c.Window = 15 * time.Minute
	}
	lengths := []int64{1, 2, 5, 10, 20, 60}
	var errs []error
	if len(c.Lengths) > 0 {
		lengths = nil
	}
	if len(c.Lengths) > MaxEnvelopeLengths {
		errs = append(errs, fmt.Errorf("lag: envelope: at most %d lengths, are %d", MaxEnvelopeLengths, len(c.Lengths)))
		c.Lengths = nil
	}
	seen := make(map[time.Duration]bool)
	for i, d := range c.Lengths {
		if d < time.Second || d > MaxEnvelopeLength || d%time.Second != 0 || seen[d] {
			errs = append(errs, fmt.Errorf("lag: envelope: length %d must be whole seconds in [1s, %v] and distinct, is %v", i, MaxEnvelopeLength, d))
			continue
		}
		seen[d] = true
		lengths = append(lengths, int64(d/time.Second))
	}
	if c.WaitingLimit < 0 {
		errs = append(errs, fmt.Errorf("lag: envelope: waiting limit must be >= 0, is %v", c.WaitingLimit))
	}
	if c.Window < time.Second || c.Window > MaxBuckets*time.Second || c.Window%time.Second != 0 {
		errs = append(errs, fmt.Errorf("lag: envelope: window must be whole seconds in [1s, %v], is %v", MaxBuckets*time.Second, c.Window))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Envelope{
		core:   envelope.New(lengths, c.WaitingLimit.Seconds(), int(c.Window/time.Second)),
		window: int64(c.Window),
	}, nil
}

// Add counts n arrivals at instant at. It reports false, and changes nothing,
// when n is negative or NaN, the second has been closed, or it would have more
// than 1e12 arrivals.
func (e *Envelope) Add(at time.Time, n float64) bool { return e.core.Add(second(at), n) }

// Observe says that all arrivals before instant at have been added: its second
// may still gather some, those before it are closed. It never goes back.
func (e *Envelope) Observe(at time.Time) { e.core.Close(second(at)) }

// QuantileAt returns the quantile q of r, requests in service at the same time,
// over the closed seconds that end in (t-window, t], for a mean service time,
// >= 0. It is the value of rank max(1, ceil(q*n)) of the n seconds, within 1 %
// (exactly 0.02/2.02). Far from the latest second it takes time in proportion
// to the seconds that are left out.
//
// ok is false when there is no such second, which is not a stream without
// arrivals, when q is not in [0, 1], and when service is negative.
func (e *Envelope) QuantileAt(t time.Time, q float64, service time.Duration) (inService float64, ok bool) {
	if service < 0 {
		return 0, false
	}
	const s = int64(time.Second)
	from, to := floorDiv(t.UnixNano()-e.window, s), floorDiv(t.UnixNano(), s)-1
	r, ok := e.core.Quantile(from, to, q)
	return r * service.Seconds(), ok
}

func second(t time.Time) int64 { return floorDiv(t.UnixNano(), int64(time.Second)) }

package coordinator

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/lag"
	"github.com/bellows-go/bellows/policy"
)

// maxSpan is the longest window that a signal may have.
const maxSpan = 24 * time.Hour

// A feed is what the planner keeps of one wanted series.
type feed struct {
	id      Series
	origins []*origin // sorted by name
	signals []policy.Signal
	totals  []*totals   // one per signal; nil unless it is a Quantile
	seconds *secondsLog // of the model, if its policy asks for seconds
	count   count       // which count of the log it is
}

// An origin is one counter of a series. Values of all origins add up.
type origin struct {
	name     string
	tick     uint64    // when it last answered, whatever it said
	heard    time.Time // Now of that tick
	at       time.Time // of its newest value; zero: it never gave one
	last     float64
	quality  policy.Quality
	answered int32
	of       int32

	cumulative bool
	counter    lag.Counter
	rate       float64       // of the newest increment, per second
	rated      bool          // there was one
	windows    []*lag.Window // one per feed.signals; nil for Last and Quantile
}

// take records one sample of tick; it reports what is wrong with it.
func (f *feed) take(s *Sample, now time.Time, tick uint64) error {
	i, found := slices.BinarySearchFunc(f.origins, s.Origin, func(o *origin, name string) int { return cmp.Compare(o.name, name) })
	if !found {
		f.origins = slices.Insert(f.origins, i, f.newOrigin(s.Origin))
	}
	o := f.origins[i]
	o.tick, o.heard = tick, now
	switch {
	case !s.Quality.HasValue():
		o.quality = s.Quality
		return nil
	case math.IsNaN(s.Value) || math.IsInf(s.Value, 0):
		o.quality = policy.Failed
		return fmt.Errorf("%v %s: value %v", s.Target, s.Name, s.Value)
	case now.Sub(s.At) > maxSpan: // beyond every window; an instant that is not set, too
		o.quality = policy.Failed
		return fmt.Errorf("%v %s: a sample of %v", s.Target, s.Name, s.At)
	case s.At.Sub(now) > maxAhead:
		o.quality = policy.Failed
		return fmt.Errorf("%v %s: a sample from %v ahead", s.Target, s.Name, s.At.Sub(now))
	case !o.at.IsZero() && !s.At.After(o.at):
		o.quality = s.Quality // the value is known already, or a newer one
		return nil
	}
	if s.At.After(now) {
		ahead := *s
		ahead.At = now // or it would hide the next one
		s = &ahead
	}
	o.at, o.last, o.quality, o.answered, o.of = s.At, s.Value, s.Quality, s.Answered, s.Of
	if !s.Cumulative {
		for i, w := range o.windows {
			if w != nil && f.signals[i].Stat != policy.Rate {
				w.Add(s.At, s.Value)
			}
		}
		return nil
	}
	o.cumulative = true
	added, over, ok := o.counter.Observe(s.At, s.Value)
	if !ok {
		return nil
	}
	o.rate, o.rated = added/over.Seconds(), true
	for i, w := range o.windows {
		switch {
		case w == nil:
		case f.signals[i].Stat == policy.Max:
			w.Add(s.At, o.rate)
		default:
			w.AddOver(over, s.At, added)
		}
	}
	if f.seconds != nil {
		f.seconds.add(f.count, s.At, over, added)
	}
	return nil
}

func (f *feed) newOrigin(name string) *origin {
	o := &origin{name: name}
	for _, sig := range f.signals {
		o.windows = append(o.windows, newWindow(sig))
	}
	return o
}

// newWindow makes the window of a signal: of one-second grains up to ten
// minutes, and of at most 600 beyond. nil for Last and Quantile.
func newWindow(sig policy.Signal) *lag.Window {
	if sig.Stat == policy.Last || sig.Stat == policy.Quantile {
		return nil
	}
	grain := time.Second
	if sig.Window < grain {
		grain = sig.Window
	}
	for sig.Window > 600*grain {
		grain *= 2
	}
	span := (sig.Window + grain - 1) / grain * grain
	w, err := lag.NewWindow(span, grain)
	if err != nil {
		panic("coordinator: " + err.Error()) // Validate has checked the span
	}
	return w
}

// quantileSlots is into how many slots the window of a Quantile is cut: it ages
// in steps of a sixteenth.
const quantileSlots = 16

// totals are the values of a target over a Quantile's window, each once. The
// quantiles of several origins would not add up to that of their sum.
type totals struct {
	window *lag.QuantileWindow
	last   time.Time // of the newest one
}

func newTotals(sig policy.Signal) *totals {
	if sig.Stat != policy.Quantile {
		return nil
	}
	grain := max(1, (sig.Window+quantileSlots-1)/quantileSlots)
	w, err := lag.NewQuantileWindow(grain*quantileSlots, grain)
	if err != nil {
		panic("coordinator: " + err.Error()) // Validate has checked the span
	}
	return &totals{window: w}
}

// reading records a total that is wholly known and reads the quantile, which is
// worth what that total is.
func (t *totals) reading(total policy.Reading, p float64, now time.Time) policy.Reading {
	if total.Quality == policy.OK && total.At.After(t.last) {
		t.window.Add(total.At, total.Value)
		t.last = total.At
	}
	v, ok := t.window.QuantileAt(now, p)
	if !ok {
		return policy.Reading{Quality: policy.Missing}
	}
	total.Value = v
	return total
}

// adopt takes over the history of an older feed of the same series.
func (f *feed) adopt(old *feed) {
	for i, sig := range f.signals {
		if was := slices.Index(old.signals, sig); was >= 0 {
			f.totals[i] = old.totals[was]
		}
	}
	for _, was := range old.origins {
		o := *was
		o.windows = nil
		for _, sig := range f.signals {
			i := slices.Index(old.signals, sig)
			if i >= 0 {
				o.windows = append(o.windows, was.windows[i])
			} else {
				o.windows = append(o.windows, newWindow(sig))
			}
		}
		f.origins = append(f.origins, &o)
	}
}

// until is the instant up to which every live origin has counted.
func (f *feed) until() (at time.Time) {
	for i, o := range f.origins {
		if i == 0 || o.at.Before(at) {
			at = o.at
		}
	}
	return at
}

// maxAhead is how far a source's clock may run ahead.
const maxAhead = time.Second

// lifetime is for how many times Stale an origin that no longer answers is
// waited for. Until then the reading is partial.
const lifetime = 10

// forget drops origins that have not answered for their lifetime, but the last
// one: what it said goes stale, it does not vanish.
func (f *feed) forget(now time.Time, stale time.Duration) {
	if len(f.origins) < 2 {
		return
	}
	newest := f.origins[0]
	for _, o := range f.origins {
		if o.heard.After(newest.heard) {
			newest = o
		}
	}
	f.origins = slices.DeleteFunc(f.origins, func(o *origin) bool {
		return o != newest && now.Sub(o.heard) > lifetime*stale
	})
}

// reading is the signal number i of the feed as of now.
func (f *feed) reading(i int, now time.Time, tick uint64, stale time.Duration, readFailed bool) policy.Reading {
	r := policy.Reading{Quality: policy.Missing}
	var good, partial, old, failed int32
	for _, o := range f.origins {
		switch q := o.standing(now, tick, stale, readFailed); q {
		case policy.Missing:
			continue
		case policy.Failed:
			failed++
			continue
		case policy.Stale:
			old++
		case policy.Partial:
			partial++
		default:
			good++
		}
		v, ok := o.value(f.signals[i], i, now)
		if !ok {
			return policy.Reading{Quality: policy.Missing} // an origin too young for the statistic
		}
		r.Value += v
		if o.at.After(r.At) {
			r.At = o.at
		}
	}
	all := int32(len(f.origins))
	switch {
	case math.IsInf(r.Value, 0):
		return policy.Reading{Quality: policy.Failed} // finite values whose sum is not
	case all == 0 && readFailed:
		return policy.Reading{Quality: policy.Failed}
	case good == all && all > 0:
		r.Quality = policy.OK
	case good+partial+old == 0 && failed > 0:
		return policy.Reading{Quality: policy.Failed}
	case good+partial+old == 0:
		return policy.Reading{Quality: policy.Missing}
	case good+partial == 0:
		r.Quality = policy.Stale
	default:
		r.Quality, r.Answered, r.Of = policy.Partial, good+partial, all
	}
	if r.Quality == policy.Partial && all == 1 {
		r.Answered, r.Of = f.origins[0].answered, f.origins[0].of
	}
	if t := f.totals[i]; t != nil {
		return t.reading(r, f.signals[i].P, now)
	}
	return r
}

// standing is the quality of an origin in this tick.
func (o *origin) standing(now time.Time, tick uint64, stale time.Duration, readFailed bool) policy.Quality {
	switch {
	case o.tick != tick && readFailed:
		return policy.Failed
	case o.tick != tick:
		return policy.Missing
	case o.quality == policy.OK && now.Sub(o.at) > stale:
		return policy.Stale
	}
	return o.quality
}

// value is the origin's part of the signal number i. Of a Quantile it is the
// present value, from which feed.reading goes on.
func (o *origin) value(s policy.Signal, i int, now time.Time) (float64, bool) {
	switch s.Stat {
	case policy.Last:
		return o.last, true
	case policy.Quantile:
		if o.cumulative { // the quantile of a count is that of its rate
			return o.rate, o.rated
		}
		return o.last, true
	case policy.Max:
		return o.windows[i].MaxAt(now)
	case policy.Rate:
		return o.windows[i].RateAt(now)
	case policy.Weighted:
		if o.cumulative {
			return o.windows[i].WeightedRateAt(now)
		}
		return o.windows[i].WeightedAt(now)
	}
	if o.cumulative { // the mean of a count is that of its rate
		return o.windows[i].RateAt(now)
	}
	return o.windows[i].MeanAt(now)
}

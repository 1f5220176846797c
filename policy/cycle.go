package policy

import (
	"errors"
	"fmt"
	"math"

	"github.com/bellows-go/bellows/internal/histogram"
)

// A cycle remembers a stream minute by minute, and forecasts that it will be as it
// was one period ago, scaled by how the last quarter of an hour compares with the
// same one then. It is believed only while it earns that: each forecast is scored
// against a plain one made at the same time (see holt), and the mean of what it
// was better by must be clear of its own noise, as in the test of Diebold and
// Mariano, "Comparing Predictive Accuracy", JBES 13(3), 1995. newCycle makes one;
// its memory is two bytes a minute of the longest period and 15 kB.
type cycle struct {
	Minutes packed  // ring by minute: bucket of the rate; unknownMinute: not known
	Open    int64   // the minute that is filling: Unix / 60; meaningless unless Started
	Started bool    // a second has been seen
	Count   float64 // requests of the open minute
	Known   int64   // seconds of it that are known
	Plain   holt    // of one minute a bin
	Periods []earning
}

// An earning is what one period has shown so far.
type earning struct {
	Period int64 // minutes
	// Ahead is a ring by minute of what was forecast for it by this period; -1:
	// nothing.
	Ahead   []float64
	Scored  float64 // forecasts, discounted
	Gain    float64 // mean of the plain loss less this one's
	Squares float64 // mean of its square
	Earns   bool
}

const (
	unknownMinute = math.MaxUint16
	cycleAhead    = 64 // minutes; farther nothing is forecast
	cycleQuarter  = 15 // minutes that are compared with those of a period ago
	cycleLeast    = 60 // forecasts scored before any is believed
	cycleClear    = 2  // standard errors that a gain must be clear of
	// Errors of neighbouring minutes go together: so many count as one.
	cycleTogether = 15
	mostPeriod    = 8 * 24 * 60 // minutes
)

// newCycle looks for periods of so many minutes, each in [15, mostPeriod].
func newCycle(periods []int64) cycle {
	var longest int64
	c := cycle{Plain: newHolt(60)}
	for _, p := range periods {
		longest = max(longest, p)
		e := earning{Period: p, Ahead: make([]float64, cycleAhead)}
		for i := range e.Ahead {
			e.Ahead[i] = -1
		}
		c.Periods = append(c.Periods, e)
	}
	c.Minutes = make(packed, longest+2*cycleQuarter)
	for i := range c.Minutes {
		c.Minutes[i] = unknownMinute
	}
	return c
}

// fits reports whether a cycle that was read may stand for c.
func (c *cycle) fits(as *cycle) error {
	ok := len(c.Minutes) == len(as.Minutes) && len(c.Periods) == len(as.Periods) && c.Plain.Bin == as.Plain.Bin &&
		c.Count >= 0 && c.Count <= 60*maxCount && c.Known >= 0 && c.Known <= 60 && c.Open > -1<<60 && c.Open < 1<<60
	for _, m := range c.Minutes {
		ok = ok && (m < histogram.Buckets || m == unknownMinute)
	}
	for i := range c.Periods {
		if !ok {
			break
		}
		e := &c.Periods[i]
		ok = e.Period == as.Periods[i].Period && len(e.Ahead) == cycleAhead && e.Scored >= 0 && e.Scored <= 1e9 &&
			math.Abs(e.Gain) <= 1e3 && e.Squares >= 0 && e.Squares <= 1e6
		for _, x := range e.Ahead {
			ok = ok && (x == -1 || x >= 0 && x <= 10*maxCount)
		}
	}
	if !ok {
		return fmt.Errorf("seasons of other periods, or that cannot be")
	}
	return c.Plain.valid()
}

// second takes in a known second, with n requests; lead is for how many seconds
// ahead a forecast is wanted, which is what is scored.
func (c *cycle) second(unix int64, n float64, lead int64) {
	minute := unix / 60
	switch {
	case !c.Started:
		c.Open, c.Started = minute, true
	case minute > c.Open:
		c.close(lead)
		if minute-c.Open > int64(len(c.Minutes)) {
			c.Open = minute - int64(len(c.Minutes)) // all that lies before is dropped anyhow
		}
		for c.Open++; c.Open < minute; c.Open++ {
			c.Minutes[c.at(c.Open)] = unknownMinute
			for i := range c.Periods {
				c.Periods[i].Ahead[ahead(c.Open)] = -1
			}
		}
		c.Count, c.Known = 0, 0
	}
	// The plain forecast closes its bin with the same second, after the minute was
	// scored against what it said before.
	c.Plain.second(unix, n, lead)
	c.Count += n
	c.Known++
}

func (c *cycle) at(minute int64) int {
	n := int64(len(c.Minutes))
	return int((minute%n + n) % n)
}

func ahead(minute int64) int { return int((minute%cycleAhead + cycleAhead) % cycleAhead) }

// minute is the rate of a minute, requests per second.
func (c *cycle) minute(m int64) (perSecond float64, ok bool) {
	if m >= c.Open || m < c.Open-int64(len(c.Minutes)) {
		return 0, false
	}
	b := c.Minutes[c.at(m)]
	if b == unknownMinute {
		return 0, false
	}
	return histogram.Value(int(b)), true
}

// close ends the open minute: it is scored, remembered and looked ahead from.
func (c *cycle) close(lead int64) {
	steps := min(max((lead+59)/60, 1), cycleAhead-1)
	known := c.Known >= 30
	rate := c.Count / float64(max(c.Known, 1))
	plain := c.Plain.Ahead[at(c.Open)]
	c.Minutes[c.at(c.Open)] = unknownMinute
	if known {
		c.Minutes[c.at(c.Open)] = uint16(histogram.Bucket(rate))
	}
	closed := c.Open
	for i := range c.Periods {
		e := &c.Periods[i]
		if mine := e.Ahead[ahead(closed)]; known && mine >= 0 && plain >= 0 {
			e.score(rate, mine, plain)
		}
		e.Ahead[ahead(closed)] = -1
	}
	c.Open++ // so that the minute just closed is one of the known
	for i := range c.Periods {
		e := &c.Periods[i]
		if x, ok := c.then(e.Period, closed+steps, closed+steps); ok {
			e.Ahead[ahead(closed+steps)] = x
		}
	}
	c.Open--
}

// score compares two forecasts of a rate: by how far each is off in proportion,
// one request a minute being as good as none.
func (e *earning) score(rate, mine, plain float64) {
	const grain = 1.0 / 60
	loss := func(f float64) float64 { return math.Abs(math.Log((rate + grain) / (f + grain))) }
	gain := loss(plain) - loss(mine)
	// Three periods are remembered, by their weight.
	weight := max(1/(e.Scored+1), 1/(3*float64(e.Period)))
	e.Scored = min(e.Scored+1, 3*float64(e.Period))
	e.Gain += float64(weight * (gain - e.Gain))
	e.Squares += float64(weight * (float64(gain*gain) - e.Squares))
	noise := math.Sqrt(max(0, e.Squares-float64(e.Gain*e.Gain)) * cycleTogether / e.Scored)
	switch {
	case e.Scored < cycleLeast || e.Gain <= 0:
		e.Earns = false
	case e.Gain > float64(cycleClear*noise):
		e.Earns = true
	}
}

// then is the most that a period ago came in any minute of [from, to], scaled by
// how the last quarter of an hour compares with the one before from then.
func (c *cycle) then(period, from, to int64) (perSecond float64, ok bool) {
	for m := from - period; m <= to-period; m++ {
		if x, known := c.minute(m); known {
			perSecond, ok = max(perSecond, x), true
		}
	}
	if !ok {
		return 0, false
	}
	var now, before float64
	compared := 0
	for m := c.Open - cycleQuarter; m < c.Open; m++ {
		x, a := c.minute(m)
		y, b := c.minute(m - period)
		if a && b {
			now, before, compared = now+x, before+y, compared+1
		}
	}
	if compared < cycleQuarter/2 {
		return 0, false
	}
	const grain = 1.0 / 60
	scale := (now + grain) / (before + grain)
	return perSecond * min(max(scale, 0.3), 1.3), true
}

// season is the forecast of the period that earns the most: the most of any minute
// from now to lead seconds ahead and one minute on. period is in minutes. ok is
// false while none earns its keep.
func (c *cycle) season(lead int64) (perSecond float64, period int64, ok bool) {
	best := 0.0
	for i := range c.Periods {
		e := &c.Periods[i]
		if !e.Earns || e.Gain <= best {
			continue
		}
		if x, known := c.then(e.Period, c.Open, c.Open+min(lead/60, cycleAhead)+1); known {
			perSecond, period, best, ok = x, e.Period, e.Gain, true
		}
	}
	return perSecond, period, ok
}

// gaps learn a target that times itself: bursts that come so long after the last
// one, whatever the clock says (a renewal process). Gaps are between the beginnings
// of bursts. They are believed when there were enough and they are alike.
type gaps struct {
	Base   float64   // rate between bursts, requests per second
	Bins   int64     // bins seen
	Open   int64     // the bin of ten seconds that is filling: Unix / 10
	Count  float64   // its requests
	Known  int64     // its seconds that are known
	Began  int64     // Unix of the last burst's beginning; 0: none
	Ended  int64     // Unix of its end; 0 while it lasts
	Quiet  int64     // bins in a row that were quiet, in a burst
	Peak   float64   // of the burst that lasts, or the last one
	Lost   bool      // seconds were not known since Began: its gap will not count
	Gaps   []float64 // of the last bursts, seconds
	Peaks  []float64 // requests per second
	Sorted []float64 `json:"-"` // Gaps, ascending
}

const (
	gapBin    = 10 // seconds
	gapBase   = 0.02
	gapQuiet  = 6  // bins that end a burst
	gapMemory = 32 // gaps
	gapEnough = 8
	gapAlike  = 0.5 // what the gaps between the 5th and the 95th percentile may span, of their median
)

func newGaps() gaps {
	return gaps{
		Gaps: make([]float64, 0, gapMemory+1), Peaks: make([]float64, 0, gapMemory+1), Sorted: make([]float64, 0, gapMemory),
	}
}

func (g *gaps) valid() error {
	ok := g.Base >= 0 && g.Base <= maxCount && g.Count >= 0 && g.Count <= gapBin*maxCount && g.Known >= 0 && g.Known <= gapBin &&
		g.Peak >= 0 && g.Peak <= maxCount && len(g.Gaps) <= gapMemory && len(g.Peaks) <= gapMemory && g.Bins >= 0 && g.Quiet >= 0
	for _, list := range [2][]float64{g.Gaps, g.Peaks} {
		for _, x := range list {
			ok = ok && x >= 0 && x <= 1e12
		}
	}
	for _, x := range [3]int64{g.Began, g.Ended, g.Open} {
		ok = ok && x > -1<<60 && x < 1<<60
	}
	if !ok {
		return errors.New("bursts that cannot be")
	}
	gaps, peaks := g.Gaps, g.Peaks
	room := newGaps()
	g.Gaps, g.Peaks, g.Sorted = append(room.Gaps, gaps...), append(room.Peaks, peaks...), room.Sorted
	g.sort()
	return nil
}

// second takes in a known second, with n requests.
func (g *gaps) second(unix int64, n float64) {
	bin := unix / gapBin
	if g.Known > 0 && bin != g.Open {
		g.close()
		g.Lost = g.Lost || bin != g.Open+1
		g.Count, g.Known = 0, 0
	}
	g.Open = bin
	g.Count += n
	g.Known++
}

func (g *gaps) close() {
	rate := g.Count / float64(g.Known)
	g.Bins++
	lasts := g.Began != 0 && g.Ended == 0
	burst := g.Count >= 5 && rate >= max(3*g.Base, g.Base+float64(4*math.Sqrt(max(g.Base, 0.2)/gapBin)))
	switch {
	case lasts:
		g.Peak = max(g.Peak, rate)
		if rate > max(1.5*g.Base, g.Peak/4) {
			g.Quiet = 0
		} else if g.Quiet++; g.Quiet >= gapQuiet {
			g.Ended = g.Open * gapBin
			g.Peaks = remember(g.Peaks, g.Peak)
		}
	case burst && g.Bins > 6:
		began := g.Open * gapBin
		if g.Began != 0 && !g.Lost {
			g.Gaps = remember(g.Gaps, float64(began-g.Began))
			g.sort()
		}
		g.Began, g.Ended, g.Quiet, g.Peak, g.Lost = began, 0, 0, rate, false
	default:
		// Steadier the longer it lasts, and quick in the beginning.
		g.Base += max(gapBase, 1/float64(g.Bins)) * (rate - g.Base)
	}
}

// remember appends x to a list that holds gapMemory.
func remember(list []float64, x float64) []float64 {
	if len(list) == gapMemory {
		list = append(list[:0], list[1:]...)
	}
	return append(list, x)
}

// sort orders the gaps, few of them, by insertion.
func (g *gaps) sort() {
	g.Sorted = g.Sorted[:0]
	for _, x := range g.Gaps {
		i := len(g.Sorted)
		g.Sorted = append(g.Sorted, x)
		for ; i > 0 && g.Sorted[i-1] > x; i-- {
			g.Sorted[i] = g.Sorted[i-1]
		}
		g.Sorted[i] = x
	}
}

func (g *gaps) quantile(q float64) float64 {
	return g.Sorted[max(0, ceil(q*float64(len(g.Sorted)))-1)]
}

// alike reports whether gaps have been seen that can be reckoned with.
func (g *gaps) alike() bool {
	return len(g.Sorted) >= gapEnough && g.quantile(0.95)-g.quantile(0.05) <= gapAlike*g.quantile(0.5)
}

// due reports whether a burst is to be expected within lead seconds from now, a
// Unix second, and its rate: that of the larger ones so far. It is due from the
// 5th percentile of the gaps to the 95th.
func (g *gaps) due(now, lead int64) (perSecond float64, due bool) {
	if g.Began == 0 || g.Ended == 0 || g.Lost || !g.alike() || len(g.Peaks) == 0 {
		return 0, false
	}
	since := float64(now - g.Began)
	if since+float64(lead) < g.quantile(0.05) || since > g.quantile(0.95)+gapBin {
		return 0, false
	}
	for _, p := range g.Peaks {
		perSecond = max(perSecond, p)
	}
	return perSecond, true
}

package policy

import (
	"fmt"
	"math"
	"time"
)

// Freeze keeps the count at Replicas until Until, whatever Of decides; Of goes
// on deciding all the while. It is an operator's override.
//
// Law: Replicas before Until, Of's decision from then on.
type Freeze struct {
	Replicas int       // >= 0
	Until    time.Time // must be set
	Of       Config
}

// Validate reports every fault of c and of what it wraps.
func (c Freeze) Validate() error {
	var f faults
	f.Require(c.Replicas >= 0 && c.Replicas <= maxReplicas, "Replicas", "must be in [0, %d], is %d", maxReplicas, c.Replicas)
	f.Require(!c.Until.IsZero(), "Until", "must be set")
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c Freeze) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of.
func (c Freeze) New(at time.Time, ready int) Policy { return &freeze{c, c.Of.New(at, ready)} }

type freeze struct {
	Freeze
	of Policy
}

func (p *freeze) Decide(o Observation) Decision {
	d := p.of.Decide(o)
	if !o.Now.Before(p.Until) {
		return d
	}
	d = o.Amend(d, Frozen, p.Replicas, float64(d.Replicas), float64(p.Replicas))
	d.Steps[len(d.Steps)-1].Until = p.Until
	return d
}

func (p *freeze) AppendState(dst []byte) []byte { return appendState(dst, nil, p.of) }
func (p *freeze) Restore(state []byte) error    { return restoreState[none](state, nil, p.of) }

// Useful caps the count at how many replicas can be of use, which is often a
// number of another system's: partitions, say. The cap is Max, the whole part of
// a Signal's reading, or the lower of both. A reading that is not OK leaves the
// cap as it was last.
//
// Law: no higher than the cap, and equal to Of's decision where that is not.
type Useful struct {
	Max    int    // 0: none
	Signal Signal // Name "": none
	Of     Config
}

// Validate reports every fault of c and of what it wraps.
func (c Useful) Validate() error {
	var f faults
	f.Require(c.Max >= 0, "Max", "must be >= 0, is %d", c.Max)
	f.Require(c.Max > 0 || c.Signal.Name != "", "Max", "must be set where there is no Signal")
	if c.Signal.Name != "" {
		f.Under("Signal", c.Signal.Validate())
	}
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of, then the Signal.
func (c Useful) Needs() Needs {
	n := c.Of.Needs()
	if c.Signal.Name != "" {
		n.Signals = append(append([]Signal{}, n.Signals...), c.Signal)
	}
	return n
}

// New makes the policy of Of.
func (c Useful) New(at time.Time, ready int) Policy {
	p := &useful{Useful: c, of: c.Of.New(at, ready)}
	p.Cap = orDefault(c.Max, maxReplicas)
	return p
}

type useful struct {
	Useful
	of Policy
	usefulMemory
}

type usefulMemory struct{ Cap int }

func (m *usefulMemory) valid() error {
	if m.Cap < 0 || m.Cap > maxReplicas {
		return fmt.Errorf("a cap of %d", m.Cap)
	}
	return nil
}

func (p *useful) Decide(o Observation) Decision {
	inner := o
	if p.Signal.Name != "" {
		last := len(o.Readings) - 1
		if r := &o.Readings[last]; r.Quality == OK && r.usable() && r.Value >= 0 {
			p.Cap = min(orDefault(p.Max, maxReplicas), int(min(math.Floor(r.Value), maxReplicas)))
		}
		inner.Readings = o.Readings[:last]
	}
	d := p.of.Decide(inner)
	if d.Replicas <= p.Cap {
		return d
	}
	return o.Amend(d, UsefulCap, p.Cap, float64(d.Replicas), float64(p.Cap))
}

func (p *useful) AppendState(dst []byte) []byte { return appendState(dst, &p.usefulMemory, p.of) }
func (p *useful) Restore(state []byte) error    { return restoreState(state, &p.usefulMemory, p.of) }

// UsefulGateways is how many replicas of a gateway are of use that reads, for
// each of its pipelines or models, from so many partitions, with at most
// maxConsumers consumers: min(targets, maxConsumers) * partitions, as in "Scaling
// core services" of the Seldon Core 2 documentation, whose default is 100
// consumers.
func UsefulGateways(targets, maxConsumers, partitions int) int {
	return product(min(max(targets, 0), max(maxConsumers, 0)), partitions)
}

// UsefulDataflow is how many replicas of a dataflow engine are of use: pipelines
// * partitions, ibidem.
func UsefulDataflow(pipelines, partitions int) int { return product(pipelines, partitions) }

// product multiplies counts, saturating.
func product(a, b int) int {
	return ceil(float64(max(a, 0)) * float64(max(b, 0)))
}

// Calendar bounds the count by the time of the week: while an entry is in force
// the count is at least its Min and at most its Max. Of several in force the
// highest Min counts and the lowest Max, and Min before Max.
//
// Law: within the bounds in force, and equal to Of's decision where that is.
type Calendar struct {
	Zone    *time.Location // nil: UTC
	Entries []CalendarEntry
	Of      Config
}

// CalendarEntry is in force on Days from From to To, by the clock on the wall: on
// the day when clocks go back an hour that comes twice counts twice, and one that
// is skipped does not come. To <= From reaches into the next day.
type CalendarEntry struct {
	Days     []time.Weekday // on which it begins; empty: every day
	From, To time.Duration  // since midnight, [0, 24h]
	Min      int            // >= 0
	Max      int            // >= Min; 0: none
}

// Validate reports every fault of c and of what it wraps.
func (c Calendar) Validate() error {
	var f faults
	f.Require(len(c.Entries) > 0, "Entries", "must not be empty")
	for i, e := range c.Entries {
		field := fmt.Sprintf("Entries[%d]", i)
		f.Require(e.From >= 0 && e.From <= 24*time.Hour, field+".From", "must be in [0, 24h], is %v", e.From)
		f.Require(e.To >= 0 && e.To <= 24*time.Hour, field+".To", "must be in [0, 24h], is %v", e.To)
		f.Require(e.Min >= 0, field+".Min", "must be >= 0, is %d", e.Min)
		f.Require(e.Max == 0 || e.Max >= e.Min, field+".Max", "must be 0 or >= Min, is %d", e.Max)
		for _, d := range e.Days {
			f.Require(d >= time.Sunday && d <= time.Saturday, field+".Days", "unknown: %d", int(d))
		}
	}
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c Calendar) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of.
func (c Calendar) New(at time.Time, ready int) Policy { return &calendar{c, c.Of.New(at, ready)} }

type calendar struct {
	Calendar
	of Policy
}

func (p *calendar) Decide(o Observation) Decision {
	d := p.of.Decide(o)
	low, high := p.bounds(o.Now)
	switch n := d.Replicas; {
	case n < low:
		return o.Amend(d, CalendarFloor, low, float64(n), float64(low))
	case n > high:
		return o.Amend(d, CalendarCeiling, high, float64(n), float64(high))
	}
	return d
}

// bounds are those in force at an instant.
func (c *Calendar) bounds(at time.Time) (low, high int) {
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := at.In(zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	today := local.Weekday()
	yesterday := (today + 6) % 7
	high = maxReplicas
	for i := range c.Entries {
		e := &c.Entries[i]
		overnight := e.To <= e.From
		if !(e.on(today) && clock >= e.From && (clock < e.To || overnight) ||
			overnight && e.on(yesterday) && clock < e.To) {
			continue
		}
		low = max(low, e.Min)
		if e.Max > 0 {
			high = min(high, e.Max)
		}
	}
	return low, max(low, high)
}

func (e *CalendarEntry) on(day time.Weekday) bool {
	for _, d := range e.Days {
		if d == day {
			return true
		}
	}
	return len(e.Days) == 0
}

func (p *calendar) AppendState(dst []byte) []byte { return appendState(dst, nil, p.of) }
func (p *calendar) Restore(state []byte) error    { return restoreState[none](state, nil, p.of) }

// The reasons of overrides. Have: what was decided, Limit: what it became.
const (
	Frozen          Reason = "frozen" // Until: when it thaws
	UsefulCap       Reason = "useful parallelism"
	CalendarFloor   Reason = "calendar floor"
	CalendarCeiling Reason = "calendar ceiling"
)

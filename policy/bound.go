package policy

import "time"

// Bound keeps what Of decides in [Min, Max]. A count in force that lies outside
// is brought back even when Of holds or has no opinion: bounds are the
// operator's word, not the signal's.
//
// Law: the result lies in [Min, Max], and equals Of's where that does.
type Bound struct {
	Min int // >= 0
	Max int // >= Min; 0: none
	Of  Config
}

// Validate reports every fault of c and of what it wraps.
func (c Bound) Validate() error {
	var f faults
	f.Require(c.Min >= 0, "Min", "must be >= 0, is %v", c.Min)
	f.Require(c.Max == 0 || c.Max >= c.Min, "Max", "must be 0 or >= Min %v, is %v", c.Min, c.Max)
	f.Require(c.Min != 0 || c.Max != 0, "Max", "neither Min nor Max bounds anything")
	f.Require(c.Min <= maxReplicas && c.Max <= maxReplicas, "Max", "must be <= %d", maxReplicas)
	f.wrapped(c.Of)
	return f.Err()
}

// Needs are those of Of.
func (c Bound) Needs() Needs { return c.Of.Needs() }

// New makes the policy of Of.
func (c Bound) New(at time.Time, ready int) Policy { return &bound{c, c.Of.New(at, ready)} }

type bound struct {
	Bound
	of Policy
}

func (p *bound) Decide(o Observation) Decision {
	d := p.of.Decide(o)
	switch n := d.Replicas; {
	case p.Max > 0 && n > p.Max:
		return o.Amend(d, AboveMax, p.Max, float64(n), float64(p.Max))
	case n < p.Min:
		return o.Amend(d, BelowMin, p.Min, float64(n), float64(p.Min))
	}
	return d
}

func (p *bound) AppendState(dst []byte) []byte { return appendState(dst, nil, p.of) }
func (p *bound) Restore(state []byte) error    { return restoreState[none](state, nil, p.of) }

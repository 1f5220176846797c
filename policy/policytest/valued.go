package policytest

import (
	"math"

	"github.com/bellows-go/bellows/policy"
)

// tryValued asks after each decision what counts are worth.
func tryValued(s *subject, tl Timeline) (tempted int, v *Violation) {
	alone := s.run(tl)
	r := s.runner(tl)
	for _, k := range tl.Ticks {
		o := r.see(k)
		d := r.decided(r.p.Decide(o))
		if diff := r.differs(alone); diff != "" {
			return 0, s.violation(Valued, r, "alone, and asked for values in between: %s", diff)
		}
		o.Seconds = nil // they are not new any more
		for _, from := range [2]int{0, max(0, d.Replicas-5)} {
			if v := s.tryWorth(r, o, d.Replicas, from); v != nil {
				return 0, v
			}
		}
		tempted++
	}
	return tempted, nil
}

// tryWorth looks at the values of some counts in a row.
func (s *subject) tryWorth(r *runner, o policy.Observation, desired, from int) *Violation {
	const rounding = 1e-9
	last, gain := 0.0, math.Inf(1)
	for n := from; n < from+12; n++ {
		worth := policy.Value(r.p, o, desired, n)
		switch {
		case !(worth >= 0 && worth <= 1):
			return s.violation(Valued, r, "%d replicas are worth %v", n, worth)
		case n == from:
		case worth < last-rounding:
			return s.violation(Valued, r, "%d replicas are worth %v, and %d only %v", n-1, last, n, worth)
		case worth-last > gain+rounding:
			return s.violation(Valued, r, "the replica after %d is worth %v, the one before only %v", n-1, worth-last, gain)
		default:
			gain = worth - last
		}
		last = worth
	}
	return nil
}

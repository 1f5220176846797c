package coordinator

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// savedPool is the memory of a pool.
type savedPool struct {
	savedScaled
	Retiring       []retiree
	Tried, Swapped time.Time
	Passages       []passage
	Sum            []policy.Second // of its models' seconds
	Given          int             // of Sum, handed out
}

func (q *pool) save() *savedPool {
	if q == nil {
		return nil
	}
	return &savedPool{q.scaled.save(), q.retiring, q.tried, q.swapped, q.passages, q.sum.buf, q.sum.given}
}

// check refuses what no planner has saved.
func (s *savedPool) check() error {
	if s == nil {
		return nil
	}
	if s.Desired < 0 || s.Desired > maxCount {
		return fmt.Errorf("pool: a count of %d", s.Desired)
	}
	if !slices.IsSortedFunc(s.Retiring, func(a, b retiree) int { return cmp.Compare(a.Server, b.Server) }) {
		return errors.New("pool: servers that retire are out of order")
	}
	for i := 1; i < len(s.Retiring); i++ {
		if s.Retiring[i].Server == s.Retiring[i-1].Server {
			return fmt.Errorf("pool: %q retires twice", s.Retiring[i].Server)
		}
	}
	if s.Given < 0 || s.Given > len(s.Sum) {
		return fmt.Errorf("pool: %d seconds of %d handed out", s.Given, len(s.Sum))
	}
	if len(s.Sum) > 0 {
		return (&savedSeconds{Seconds: s.Sum}).check()
	}
	return nil
}

// restore takes over what was saved of a pool, if anything. The error is the
// policy's, which then starts anew.
func (q *pool) restore(s *savedPool, at time.Time, ready int) error {
	q.retiring, q.tried, q.swapped, q.passages, q.sum, q.decision = nil, time.Time{}, time.Time{}, nil, secondsSum{}, policy.Decision{}
	q.policy, q.desired, q.counted = nil, 0, false
	if s == nil {
		return nil
	}
	q.retiring, q.tried, q.swapped, q.passages = slices.Clone(s.Retiring), s.Tried, s.Swapped, slices.Clone(s.Passages)
	if q.config == nil {
		return nil
	}
	q.sum = secondsSum{slices.Clone(s.Sum), s.Given}
	return q.scaled.restore(&s.savedScaled, at, ready)
}

// check refuses what no planner has saved.
func (u *savedUsage) check() error {
	if u == nil {
		return nil
	}
	for _, x := range []float64{u.InFlight, u.Fast, u.Slow, u.Long} {
		if !(x >= 0) || math.IsInf(x, 0) {
			return fmt.Errorf("%v requests in flight", x)
		}
	}
	if u.Quiet < 0 || u.Quiet > math.MaxInt64/int64(2*time.Second) {
		return fmt.Errorf("%d quiet seconds", u.Quiet)
	}
	if err := checkReloads(u.Copies); err != nil {
		return err
	}
	return u.Gaps.check()
}

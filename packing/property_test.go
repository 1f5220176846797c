package packing_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

var fleets = flag.Int("fleets", 2000, "random fleets that live through TestFleetsLive; a million take hours")

// Random fleets are placed, churned, rebalanced and consolidated, and every
// answer, and every state on every way, is right. To see one fail again, run its
// seed alone with -first and -fleets 1.
var firstFleet = flag.Uint64("first", 0, "seed of the first fleet of TestFleetsLive")

func TestFleetsLive(t *testing.T) {
	seen := life{}
	for seed := *firstFleet; seed < *firstFleet+uint64(*fleets); seed++ {
		if err := seen.live(rand.New(rand.NewPCG(seed, 4))); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if seed%10_000 == 9_999 {
			t.Logf("%d fleets: %+v", seed+1, seen)
		}
	}
	t.Logf("%d fleets: %+v", *fleets, seen)
	// What never happens proves nothing.
	if *fleets >= 1000 && (seen.placed < *fleets || seen.refused < *fleets/10 || seen.emptied < *fleets/50 || seen.steps < *fleets) {
		t.Errorf("too little happened to %d fleets: %+v", *fleets, seen)
	}
}

// A life counts what happened.
type life struct {
	placed, refused, moved, opened, emptied, steps, detours, left int
}

func (l *life) live(r *rand.Rand) error {
	p := packingtest.Random(r)
	o := packing.Options{Effort: packing.Effort(r.IntN(2)), Seed: r.Uint64(), Prefer: packing.Preference(r.IntN(2))}
	a, err := packing.Pack(p, o)
	if err != nil {
		return fmt.Errorf("pack: %w", err)
	}
	if err := l.judge("pack", p, a, packingtest.CheckStays(p, a)); err != nil {
		return err
	}
	for range 2 {
		p = packingtest.Churn(r, packingtest.Next(p, a))
		if a, err = packing.Rebalance(p, o); err != nil {
			return fmt.Errorf("rebalance: %w", err)
		}
		if err := l.judge("rebalance", p, a, packingtest.CheckRebalanced(p, a)); err != nil {
			return err
		}
		p = packingtest.Next(p, a)
		c := consolidation(r, o)
		if a, err = packing.Consolidate(p, c); err != nil {
			return fmt.Errorf("consolidate: %w", err)
		}
		if err := l.judge(fmt.Sprintf("consolidate %+v", c), p, a, packingtest.CheckConsolidated(p, a, c)); err != nil {
			return err
		}
		l.emptied += packed(p) - a.Used
	}
	return nil
}

func consolidation(r *rand.Rand, o packing.Options) packing.Consolidation {
	c := packing.Consolidation{Options: o, Removal: packing.Removal(r.IntN(2))}
	if r.IntN(3) == 0 {
		c.Quiet = 1 + r.Int64N(10)
	}
	if r.IntN(3) == 0 {
		c.MaxMoves = 1 + r.IntN(4)
	}
	if r.IntN(4) == 0 {
		c.MaxCost = 1 + r.Int64N(20)
	}
	if r.IntN(4) == 0 {
		c.MaxDisrupted = 1
	}
	return c
}

// packed is how many bins hold something.
func packed(p *packing.Problem) int {
	holds := map[int]bool{}
	for _, c := range p.Classes {
		for _, b := range c.At {
			holds[b] = true
		}
	}
	return len(holds)
}

// judge orders the steps to an answer and says what is wrong with either.
func (l *life) judge(what string, p *packing.Problem, a *packing.Assignment, wrong error) error {
	s, err := packing.Order(p, a)
	if err == nil {
		err = packingtest.CheckSchedule(p, a, s)
	}
	if err := errors.Join(wrong, err); err != nil {
		return fmt.Errorf("%s: %w\n%+v\n%+v\n%+v", what, err, p, a, s)
	}
	for i, bins := range a.Bins {
		l.placed += max(0, len(bins)-len(p.Classes[i].At))
	}
	for _, r := range a.Refusals {
		l.refused += r.Items
	}
	l.moved += a.Moved
	l.opened += len(a.Opened)
	l.steps += len(s.Steps)
	l.detours += s.Detours
	l.left += len(s.Left)
	return nil
}

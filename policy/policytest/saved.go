package policytest

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"

	"github.com/bellows-go/bellows/policy"
)

func random(tl Timeline) *rand.Rand { return rand.New(rand.NewPCG(tl.Seed, 1)) }

func trySaved(s *subject, tl Timeline) (int, *Violation) {
	alone := s.run(tl)
	if _, ok := alone.p.(policy.Saver); !ok {
		return 0, s.violation(Saved, nil, "%T is no policy.Saver", alone.p)
	}
	if v := s.tryRestored(tl, alone); v != nil {
		return 0, v
	}
	if v := s.tryDamaged(tl, alone); v != nil {
		return 0, v
	}
	return len(tl.Ticks), nil
}

// elsewhere makes a policy that has nothing in common with those of tl.
func (s *subject) elsewhere(tl Timeline) policy.Policy {
	return s.New(tl.Start.Add(-100*time.Hour), tl.Ready+17)
}

// tryRestored moves the state into another policy before each tick.
func (s *subject) tryRestored(tl Timeline, alone *runner) *Violation {
	r := s.runner(tl)
	for _, k := range tl.Ticks {
		before := []byte("before")
		state := r.p.(policy.Saver).AppendState(slices.Clone(before))
		if !bytes.HasPrefix(state, before) {
			return s.violation(Saved, r, "AppendState does not append: %q", state)
		}
		state = state[len(before):]
		if again := r.p.(policy.Saver).AppendState(nil); !bytes.Equal(again, state) {
			return s.violation(Saved, r, "AppendState gives %s\n  and then %s", state, again)
		}
		if !json.Valid(state) {
			return s.violation(Saved, r, "the state is no JSON: %q", state)
		}
		r.p = s.elsewhere(tl)
		given := slices.Clone(state)
		if err := r.p.(policy.Saver).Restore(given); err != nil {
			return s.violation(Saved, r, "Restore of %s: %v", state, err)
		}
		clear(given) // borrowed
		if again := r.p.(policy.Saver).AppendState(nil); !bytes.Equal(again, state) {
			return s.violation(Saved, r, "restored from %s\n  but saves %s", state, again)
		}
		r.tick(k)
		if d := r.differs(alone); d != "" {
			return s.violation(Saved, r, "undisturbed, and restored from %s: %s", state, d)
		}
	}
	return nil
}

// version finds the version in a state.
var version = regexp.MustCompile(`(?i)"v(?:ersion)?":\s*[0-9]+`)

// tryDamaged offers damaged states before each tick.
func (s *subject) tryDamaged(tl Timeline, alone *runner) *Violation {
	pick := random(tl)
	r := s.runner(tl)
	for i, k := range tl.Ticks {
		before := r.p.(policy.Saver).AppendState(nil)
		flipped := slices.Clone(before)
		flipped[pick.IntN(len(flipped))] ^= 1 << pick.IntN(8)
		// A later state, so that what is half applied shows.
		later := alone.p.(policy.Saver).AppendState(nil)
		other := otherVersion(later)
		for _, damaged := range [][]byte{
			nil,
			before[:pick.IntN(len(before))],
			later[:pick.IntN(len(later))],
			append(slices.Clone(later), "]garbage"...),
			other,
			flipped,
		} {
			must := !json.Valid(damaged) || bytes.Equal(damaged, other)
			p := r.p
			if !must {
				// It may be accepted: then by a policy that is not needed any more.
				p = s.elsewhere(tl)
				if err := p.(policy.Saver).Restore(before); err != nil {
					return s.violation(Saved, r, "Restore of %s: %v", before, err)
				}
			}
			err := p.(policy.Saver).Restore(slices.Clone(damaged))
			switch {
			case err == nil && must:
				return s.violation(Saved, r, "Restore accepts the damaged state %q", damaged)
			case err == nil:
				s.goOn(p, tl, i)
				r.s.last = r
				continue
			}
			if after := p.(policy.Saver).AppendState(nil); !bytes.Equal(after, before) {
				return s.violation(Saved, r, "Restore refuses %q, yet changes the state from %s\n  to %s", damaged, before, after)
			}
		}
		r.tick(k)
		if d := r.differs(alone); d != "" {
			return s.violation(Saved, r, "undisturbed, and after states that were refused: %s", d)
		}
	}
	return nil
}

// goOn leads p along the rest of a timeline and sees that nothing panics, and
// that it can be saved again.
func (s *subject) goOn(p policy.Policy, tl Timeline, from int) {
	rest := tl
	rest.Ticks = tl.Ticks[from:]
	r := s.runner(rest)
	for _, k := range tl.Ticks[:from] {
		r.now = r.now.Add(k.Gap)
	}
	r.p = p
	for _, k := range rest.Ticks {
		r.tick(k)
	}
	p.(policy.Saver).AppendState(nil)
}

// otherVersion changes the first version in a state, or returns nil if there is
// none.
func otherVersion(state []byte) []byte {
	found := version.FindIndex(state)
	if found == nil {
		return nil
	}
	return slices.Insert(slices.Clone(state), found[1], '7', '7')
}

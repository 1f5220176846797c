package packing_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/packing"
	"github.com/bellows-go/bellows/packing/packingtest"
)

// The same fleet gives the same bytes in whatever order its classes and bins
// come, on one processor or two, alone or beside others.
func TestIdenticalWhateverTheOrder(t *testing.T) {
	const shuffles = 100
	for _, c := range []struct {
		name string
		p    *packing.Problem
	}{
		{"planted", planted(1, 30)},
		{"to consolidate", scaledDown(2, 20)},
		{"random", random(13)},
		{"random, crowded", random(17)},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := outcome(c.p)
			require.Equal(t, want, outcome(c.p), "twice")
			for _, procs := range []int{1, 2} {
				was := runtime.GOMAXPROCS(procs)
				var together sync.WaitGroup
				for i := range shuffles / 2 {
					together.Go(func() {
						r := rand.New(rand.NewPCG(uint64(i), uint64(procs)))
						if got := outcome(reordered(r, c.p)); got != want {
							t.Errorf("shuffle %d on %d processors:\n%s\nnot\n%s", i, procs, got, want)
						}
					})
				}
				together.Wait()
				runtime.GOMAXPROCS(was)
			}
		})
	}
}

func planted(seed uint64, bins int) *packing.Problem {
	p, _ := packingtest.Planted(rand.New(rand.NewPCG(seed, 5)), bins)
	return p
}

func random(seed uint64) *packing.Problem {
	return packingtest.Random(rand.New(rand.NewPCG(seed, 6)))
}

// scaledDown is a planted fleet, of each class of which about half is left.
func scaledDown(seed uint64, bins int) *packing.Problem {
	r := rand.New(rand.NewPCG(seed, 7))
	p := packingtest.Next(packingtest.Planted(r, bins))
	for i := range p.Classes {
		c := &p.Classes[i]
		c.At = slices.DeleteFunc(c.At, func(int) bool { return r.IntN(2) == 0 })
		c.Count, c.Spread = len(c.At), packing.Spread{}
	}
	return p
}

// outcome is all that the package makes of a problem, in names, so that it does
// not depend on the order of the input.
func outcome(p *packing.Problem) string {
	var s string
	for _, effort := range []packing.Effort{packing.Fast, packing.Tick} {
		o := packing.Options{Effort: effort, Seed: 7}
		s += told(p, "pack", func() (*packing.Assignment, error) { return packing.Pack(p, o) })
		s += told(p, "rebalance", func() (*packing.Assignment, error) { return packing.Rebalance(p, o) })
		for _, removal := range []packing.Removal{packing.Free, packing.Ordinal} {
			s += told(p, "consolidate "+removal.String(), func() (*packing.Assignment, error) {
				return packing.Consolidate(p, packing.Consolidation{Options: o, Removal: removal})
			})
		}
	}
	return s
}

func told(p *packing.Problem, what string, f func() (*packing.Assignment, error)) string {
	a, err := f()
	if err != nil {
		return fmt.Sprintf("%s: %v\n", what, err)
	}
	var lines []string
	opened := 0
	for i, c := range p.Classes {
		var names []string
		for _, b := range a.Bins[i] {
			if b < len(p.Bins) {
				names = append(names, p.Bins[b].Name)
			} else {
				names = append(names, fmt.Sprintf("new-%d of template %d", b-len(p.Bins), a.Opened[b-len(p.Bins)]))
				opened++
			}
		}
		slices.Sort(names)
		lines = append(lines, fmt.Sprintf("  %s %q\n", c.Name, names))
	}
	for _, r := range a.Refusals {
		lines = append(lines, fmt.Sprintf("  %v, %v\n", r, r.Relax))
	}
	slices.Sort(lines)
	s, err := packing.Order(p, a)
	if err != nil {
		return fmt.Sprintf("%s: order: %v\n", what, err)
	}
	rest := *a
	rest.Bins, rest.Refusals = nil, nil
	return fmt.Sprintf("%s: %+v, %d steps, %d left, %d detours, %d times a new bin\n%s", what, rest, len(s.Steps), len(s.Left), s.Detours, opened, lines)
}

// reordered is p with its classes, bins and places in another order.
func reordered(r *rand.Rand, p *packing.Problem) *packing.Problem {
	q := *p
	q.Bins, q.Classes = slices.Clone(p.Bins), slices.Clone(p.Classes)
	to := r.Perm(len(p.Bins)) // bin b becomes bin to[b]
	for b, i := range to {
		q.Bins[i] = p.Bins[b]
	}
	for i := range q.Classes {
		c := &q.Classes[i]
		c.At = slices.Clone(c.At)
		for j, b := range c.At {
			c.At[j] = to[b]
		}
		r.Shuffle(len(c.At), func(i, j int) { c.At[i], c.At[j] = c.At[j], c.At[i] })
	}
	r.Shuffle(len(q.Classes), func(i, j int) { q.Classes[i], q.Classes[j] = q.Classes[j], q.Classes[i] })
	return &q
}

package packingtest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/bellows-go/bellows/packing"
)

// CheckSchedule reports everything that is wrong with s as a way from where p's
// items sit to a: steps that mean nothing or wait for later ones, an end that is
// not a, and any set of steps that may be done together with a state that is not
// valid: a bin beyond capacity, in which something was loaded; a class twice in
// a bin, or with fewer items than it had and is to have; a rule of spread that
// held and no longer does.
//
// What may be in a bin at worst is found for all sets of steps at once, as a
// closure of greatest weight. Spread is checked in all sets where there are few
// steps, else along random orders.
func CheckSchedule(p *packing.Problem, a *packing.Assignment, s *packing.Schedule) error {
	j := newJudge(p, a)
	if !j.shape() {
		return j.err()
	}
	v := &orders{judge: j, steps: s.Steps}
	if !v.sound(s.Steps) || !v.sound(s.Left) {
		return j.err()
	}
	v.waits()
	for i := range s.Steps {
		v.landing(i)
	}
	for b := range j.bins() {
		v.crowd(b)
	}
	for i := range p.Classes {
		v.enough(i)
		v.once(i)
	}
	if len(j.faults) == 0 {
		v.walk()
		v.end(s)
	}
	return j.err()
}

// Orders are all the orders in which steps may be done.
type orders struct {
	*judge
	steps  []packing.Step
	before []map[int]bool // per step: all that must be done before it
}

func (v *orders) sound(steps []packing.Step) bool {
	for i, s := range steps {
		if s.Class < 0 || s.Class >= len(v.p.Classes) || s.Bin < 0 || s.Bin >= v.bins() || s.Kind > packing.Unload {
			v.fault("step %d: %v of class %d at bin %d means nothing", i, s.Kind, s.Class, s.Bin)
			return false
		}
		for k, w := range s.After {
			if w < 0 || w >= i || k > 0 && w <= s.After[k-1] {
				v.fault("step %d: waits for %v", i, s.After)
				return false
			}
		}
	}
	return true
}

func (v *orders) waits() {
	for _, s := range v.steps {
		all := map[int]bool{}
		for _, w := range s.After {
			all[w] = true
			for x := range v.before[w] {
				all[x] = true
			}
		}
		v.before = append(v.before, all)
	}
}

func (v *orders) name(i int) string {
	return fmt.Sprintf("step %d (%v %s at bin %d)", i, v.steps[i].Kind, v.p.Classes[v.steps[i].Class].Name, v.steps[i].Bin)
}

// landing checks that the bin of a load may take the class at all.
func (v *orders) landing(i int) {
	s := v.steps[i]
	if s.Kind != packing.Load {
		return
	}
	bin := v.bin(s.Bin)
	if bin.State != packing.Open {
		v.fault("%s: the bin is %v", v.name(i), bin.State)
	}
	if miss := misfit(v.p.Classes[s.Class], bin); miss != "" {
		v.fault("%s: the bin %s", v.name(i), miss)
	}
}

// sits reports whether a bin holds one of a class at the beginning.
func (v *orders) sits(class, b int) bool { return slices.Contains(v.p.Classes[class].At, b) }

// most is the greatest sum of gains over the sets of steps that may be done,
// with all of must among them and none of never.
func (v *orders) most(gain func(i int) int64, must, never []int) int64 {
	forced, barred := map[int]bool{}, map[int]bool{}
	for _, i := range must {
		forced[i] = true
		for x := range v.before[i] {
			forced[x] = true
		}
	}
	for i := range v.steps {
		barred[i] = slices.ContainsFunc(never, func(x int) bool { return i == x || v.before[i][x] })
	}
	sum := int64(0)
	c := closure{}
	for i := range v.steps {
		switch g := gain(i); {
		case forced[i]:
			sum += g
		case barred[i]:
		case g > 0:
			sum += g
			c.gains = append(c.gains, g)
			c.wants = append(c.wants, nil)
			for x := range v.before[i] {
				if !forced[x] && gain(x) < 0 {
					c.wants[len(c.wants)-1] = append(c.wants[len(c.wants)-1], x)
				}
			}
		}
	}
	return sum - c.cut(func(x int) int64 { return -gain(x) })
}

// crowd checks that a bin never holds more than it may once something was
// loaded there: of all together, and of what is pinned beside any one item.
func (v *orders) crowd(b int) {
	var loads []int
	for i, s := range v.steps {
		if s.Bin == b && s.Kind == packing.Load {
			loads = append(loads, i)
		}
	}
	bin := v.bin(b)
	for d, dim := range v.p.Dimensions {
		start, virtual := v.startLoad(b, d), capacity(bin.Capacity, bin.Virtual, d)
		size := func(c packing.Class) int64 { return c.Size[d] }
		pinned := func(c packing.Class) int64 { return part(c, d) }
		for _, l := range loads {
			c := v.p.Classes[v.steps[l].Class]
			if c.Size[d] == 0 {
				continue
			}
			if most := start.sum.Int64() + v.most(v.changes(b, size), []int{l}, nil); most > virtual {
				v.fault("bin %d: up to %d of %d %s, with %s", b, most, virtual, dim, v.name(l))
			}
			for _, top := range v.tops(b) {
				must, never := []int{l}, top.never
				if top.load >= 0 {
					must = append(must, top.load)
				}
				if slices.ContainsFunc(must, func(i int) bool {
					return slices.ContainsFunc(never, func(x int) bool { return i == x || v.before[i][x] })
				}) {
					continue // not both there at once
				}
				t := v.p.Classes[top.class]
				peak := start.pinned.Int64() + v.most(v.changes(b, pinned), must, never) + t.Size[d] - part(t, d)
				if peak > bin.Capacity[d] {
					v.fault("bin %d: up to %d of %d %s pinned and being loaded, with %s", b, peak, bin.Capacity[d], dim, v.name(l))
				}
			}
		}
	}
}

func (v *orders) startLoad(b, d int) load {
	l := emptyLoad(v.bin(b), d)
	for i, c := range v.p.Classes {
		if v.sits(i, b) {
			l.add(c, d)
		}
	}
	return l
}

// changes is what each step adds to a bin.
func (v *orders) changes(b int, of func(packing.Class) int64) func(int) int64 {
	return func(i int) int64 {
		s := v.steps[i]
		switch {
		case s.Bin != b:
			return 0
		case s.Kind == packing.Load:
			return of(v.p.Classes[s.Class])
		}
		return -of(v.p.Classes[s.Class])
	}
}

// A presence is an item in a bin from its load on, -1 for one that sits there,
// while its unload is never done.
type presence struct {
	class, load int
	never       []int
}

// tops are the items that may be in a bin while something is loaded there.
func (v *orders) tops(b int) []presence {
	var list []presence
	for class := range v.p.Classes {
		var unloads []int
		for i, s := range v.steps {
			if s.Bin == b && s.Class == class && s.Kind == packing.Unload {
				unloads = append(unloads, i)
			}
		}
		if v.sits(class, b) {
			list = append(list, presence{class, -1, unloads})
		}
		for i, s := range v.steps {
			if s.Bin == b && s.Class == class && s.Kind == packing.Load {
				after := slices.DeleteFunc(slices.Clone(unloads), func(u int) bool { return v.before[i][u] })
				list = append(list, presence{class, i, after})
			}
		}
	}
	return list
}

func part(c packing.Class, d int) int64 {
	if c.Pinned == nil {
		return 0
	}
	return c.Pinned[d]
}

// enough checks that a class never has fewer items than it had and is to have.
func (v *orders) enough(class int) {
	at := len(v.p.Classes[class].At)
	lost := v.most(func(i int) int64 {
		switch s := v.steps[i]; {
		case s.Class != class:
			return 0
		case s.Kind == packing.Unload:
			return 1
		}
		return -1
	}, nil, nil)
	if least, want := at-int(lost), min(at, len(v.a.Bins[class])); least < want {
		v.fault("%s: down to %d items of %d", v.p.Classes[class].Name, least, want)
	}
}

// once checks that no bin ever holds two of a class, or less than none.
func (v *orders) once(class int) {
	for b := range v.bins() {
		change := func(sign int64) func(int) int64 {
			return func(i int) int64 {
				switch s := v.steps[i]; {
				case s.Class != class || s.Bin != b:
					return 0
				case s.Kind == packing.Load:
					return sign
				}
				return -sign
			}
		}
		if !slices.ContainsFunc(v.steps, func(s packing.Step) bool { return s.Class == class && s.Bin == b }) {
			continue
		}
		start := int64(0)
		if v.sits(class, b) {
			start = 1
		}
		if most := start + v.most(change(1), nil, nil); most > 1 {
			v.fault("%s: up to %d in bin %d", v.p.Classes[class].Name, most, b)
		}
		if least := start - v.most(change(-1), nil, nil); least < 0 {
			v.fault("%s: unloaded from bin %d, where none is", v.p.Classes[class].Name, b)
		}
	}
}

// walk checks spread in every set of steps that may be done, or along random
// orders where there are many.
func (v *orders) walk() {
	if n := len(v.steps); n <= 10 {
		for set := range 1 << n {
			done := func(i int) bool { return set>>i&1 != 0 }
			if v.mayBe(done) {
				v.spreads(done)
			}
		}
		return
	}
	r := rand.New(rand.NewPCG(1, uint64(len(v.steps))))
	for range 4 {
		did := map[int]bool{}
		for len(did) < len(v.steps) {
			i := r.IntN(len(v.steps))
			for did[i] || slices.ContainsFunc(v.steps[i].After, func(w int) bool { return !did[w] }) {
				i = (i + 1) % len(v.steps)
			}
			did[i] = true
			v.spreads(func(i int) bool { return did[i] })
		}
	}
}

// mayBe reports whether a set holds all that its steps wait for.
func (v *orders) mayBe(done func(int) bool) bool {
	for i, s := range v.steps {
		if done(i) && slices.ContainsFunc(s.After, func(w int) bool { return !done(w) }) {
			return false
		}
	}
	return true
}

// spreads checks the classes with a hard rule and a number that stays. Items
// on their way count once: not in the fullest zones.
func (v *orders) spreads(done func(int) bool) {
	for class, c := range v.p.Classes {
		if c.Spread.MaxSkew == 0 || c.Spread.Soft || len(c.At) != len(v.a.Bins[class]) || v.skew(v.zones(c, c.At)) > c.Spread.MaxSkew {
			continue
		}
		at := v.places(class, done)
		zones := v.zones(c, at)
		for range len(at) - len(c.At) {
			fullest := ""
			for z, n := range zones {
				if _, any := zones[fullest]; !any || n > zones[fullest] {
					fullest = z
				}
			}
			zones[fullest]--
		}
		if v.skew(zones) > c.Spread.MaxSkew {
			v.fault("%s: spread as %v on the way, skew %d allowed", c.Name, zones, c.Spread.MaxSkew)
		}
	}
}

func (v *orders) skew(zones map[string]int) int {
	low, high := 0, 0
	first := true
	for _, n := range zones {
		if first || n < low {
			low = n
		}
		if first || n > high {
			high = n
		}
		first = false
	}
	return high - low
}

// places are the bins that hold one of a class after some steps.
func (v *orders) places(class int, done func(int) bool) []int {
	n := map[int]int{}
	for _, b := range v.p.Classes[class].At {
		n[b]++
	}
	for i, s := range v.steps {
		switch {
		case s.Class != class || !done(i):
		case s.Kind == packing.Load:
			n[s.Bin]++
		default:
			n[s.Bin]--
		}
	}
	var at []int
	for b, k := range n {
		if k > 0 {
			at = append(at, b)
		}
	}
	slices.Sort(at)
	return at
}

// end checks that all steps, with what is left, lead to the assignment.
func (v *orders) end(s *packing.Schedule) {
	all := orders{judge: v.judge, steps: slices.Concat(s.Steps, s.Left)}
	for class, c := range v.p.Classes {
		got := all.places(class, func(int) bool { return true })
		if !slices.Equal(got, v.a.Bins[class]) {
			v.fault("%s: ends in bins %v, not %v", c.Name, got, v.a.Bins[class])
		}
	}
}

package packingtest

import (
	"math/rand/v2"
	"strconv"

	"github.com/bellows-go/bellows/packing"
)

// Planted makes a problem of which the least number of bins is known: that many
// equal bins were filled to the brim in every dimension, so that fewer can not
// hold the items, and the rules were then made so that this filling keeps them.
// Half of the bins have a GPU, which a quarter of the classes require; the bins
// lie in three zones; memory is overcommitted by half. The filling is returned
// beside the problem.
func Planted(r *rand.Rand, bins int) (*packing.Problem, *packing.Assignment) {
	g := planter{r: r, p: &packing.Problem{Dimensions: []string{"memory", "gpu_memory", "slots"}}}
	for k := range 6 {
		kind := packing.Bin{Capacity: []int64{32768, 40960, 40}, Virtual: []int64{49152, 40960, 40}, Zone: "zone-" + strconv.Itoa(k/2)}
		if k%2 == 1 {
			kind.Capabilities = []string{"gpu"}
		}
		g.p.Templates = append(g.p.Templates, packing.Template{Bin: kind})
	}
	for b := range bins {
		k := b % len(g.p.Templates)
		g.p.Templates[k].Max++
		g.a.Opened = append(g.a.Opened, k)
		g.fill(b, &g.p.Templates[k].Bin)
	}
	g.finish()
	return g.p, &g.a
}

type planter struct {
	r      *rand.Rand
	p      *packing.Problem
	a      packing.Assignment
	shared []int // classes that may get more items
}

// fill plants a bin that is full: some items of classes that there are, some of
// new ones, and one that takes what is left.
func (g *planter) fill(index int, b *packing.Bin) {
	left := append([]int64(nil), b.Virtual...)
	pinned, top := int64(0), int64(0)
	has := map[int]bool{}
	add := func(i int) {
		c := &g.p.Classes[i]
		c.Count++
		has[i] = true
		g.a.Bins[i] = append(g.a.Bins[i], index)
		for d, size := range c.Size {
			left[d] -= size
		}
		pinned += c.Pinned[0]
		top = max(top, c.Size[0]-c.Pinned[0])
	}
	fits := func(i int) bool {
		c := &g.p.Classes[i]
		for d, size := range c.Size {
			if size > left[d] {
				return false
			}
		}
		return !has[i] && misfit(*c, *b) == "" && pinned+c.Pinned[0]+max(top, c.Size[0]-c.Pinned[0]) <= b.Capacity[0]
	}
	for range 4 + g.r.IntN(8) {
		i := g.newClass(b)
		if len(g.shared) > 0 && g.r.IntN(3) > 0 {
			i = g.shared[g.r.IntN(len(g.shared))]
		}
		if fits(i) {
			add(i)
		}
	}
	// What is left, in pieces none of which is too large to load beside the rest.
	for left[0]+left[1]+left[2] > 0 {
		size := append([]int64(nil), left...)
		size[0] = min(size[0], b.Capacity[0]-pinned)
		add(g.class(size, 0, nil))
	}
	if len(g.shared) > 40 {
		g.shared = g.shared[len(g.shared)-40:]
	}
}

// newClass adds a class of random size, small ones more often than large.
func (g *planter) newClass(b *packing.Bin) int {
	size := make([]int64, len(b.Capacity))
	scale := 1 + g.r.Int64N(40)
	for d, c := range b.Capacity {
		size[d] = g.r.Int64N(c/scale + 1)
	}
	var requires []string
	if len(b.Capabilities) > 0 && g.r.IntN(2) == 0 {
		requires = b.Capabilities
	}
	i := g.class(size, size[0]/4, requires)
	g.shared = append(g.shared, i)
	return i
}

func (g *planter) class(size []int64, pinned int64, requires []string) int {
	i := len(g.p.Classes)
	g.p.Classes = append(g.p.Classes, packing.Class{
		Name: "class-" + strconv.Itoa(i), Size: size, Pinned: []int64{pinned, size[1], size[2]}, Requires: requires, MoveCost: size[0],
	})
	g.a.Bins = append(g.a.Bins, nil)
	return i
}

// finish gives every second class the smallest skew that the filling keeps,
// drops the classes that found no place, and counts.
func (g *planter) finish() {
	j := newJudge(g.p, &g.a)
	classes, places := g.p.Classes[:0], g.a.Bins[:0]
	for i, c := range g.p.Classes {
		bins := g.a.Bins[i]
		if c.Count == 0 {
			continue
		}
		if i%2 == 0 {
			low, high := c.Count, 0
			for _, n := range j.zones(c, bins) {
				low, high = min(low, n), max(high, n)
			}
			c.Spread.MaxSkew = max(1, high-low)
		}
		classes, places = append(classes, c), append(places, bins)
	}
	g.p.Classes, g.a.Bins = classes, places
	n := len(g.a.Opened)
	g.a.Used, g.a.Cost, g.a.LowerBound, g.a.Proven = n, int64(n), n, true
}

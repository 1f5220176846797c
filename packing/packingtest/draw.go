package packingtest

import (
	"math/rand/v2"
	"strconv"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/packing"
)

// Draw makes a valid random problem with something of everything: few
// dimensions, overcommitted at times, zones, capabilities, some bins overfull,
// closed or draining, some items sitting already, some of them against a rule or
// too many, some that fit nowhere.
func Draw(t *rapid.T) *packing.Problem {
	return draw(func(low, high int, label string) int { return rapid.IntRange(low, high).Draw(t, label) })
}

// Random makes a problem like Draw's out of a stream of random numbers, much
// faster.
func Random(r *rand.Rand) *packing.Problem { return draw(chooseFrom(r)) }

// A chooser picks a number in [low, high].
type chooser func(low, high int, label string) int

func chooseFrom(r *rand.Rand) chooser {
	return func(low, high int, _ string) int { return low + r.IntN(high-low+1) }
}

func draw(pick chooser) *packing.Problem {
	d := drawer{pick: pick, dims: pick(1, 3, "dims"), zones: pick(1, 3, "zones")}
	d.over = d.oneIn(3, "overcommit")
	p := &packing.Problem{}
	for i := range d.dims {
		p.Dimensions = append(p.Dimensions, string(rune('a'+i)))
	}
	for i := range pick(0, 7, "bins") {
		p.Bins = append(p.Bins, d.bin("bin-"+strconv.Itoa(i), i))
	}
	for range pick(0, 2, "templates") {
		p.Templates = append(p.Templates, packing.Template{Bin: d.bin("", 0), Max: pick(0, 3, "max")})
	}
	if d.oneIn(6, "zones beside") {
		p.Zones = []string{"z1", "z9"}
	}
	for i := range pick(0, 6, "classes") {
		p.Classes = append(p.Classes, d.class("class-"+strconv.Itoa(i), len(p.Bins)))
	}
	return p
}

type drawer struct {
	pick        chooser
	dims, zones int
	over        bool
}

// oneIn is true once in n times.
func (d *drawer) oneIn(n int, label string) bool { return d.pick(1, n, label) == n }

func (d *drawer) vector(least, most int, label string) []int64 {
	v := make([]int64, d.dims)
	for i := range v {
		v[i] = int64(d.pick(least, most, label))
	}
	return v
}

// capabilities are none in so many of eight cases.
func (d *drawer) capabilities(none int, label string) []string {
	k := d.pick(1, 8, label)
	switch {
	case k <= none:
		return nil
	case k == 8:
		return []string{"gpu", "fast"}
	}
	return []string{"gpu"}
}

func (d *drawer) bin(name string, ordinal int) packing.Bin {
	b := packing.Bin{
		Name: name, Ordinal: ordinal,
		Capacity:     d.vector(6, 30, "capacity"),
		Capabilities: d.capabilities(2, "capabilities"),
		Zone:         "z" + strconv.Itoa(d.pick(1, d.zones, "zone")),
		Cost:         int64(d.pick(0, 3, "cost")),
		Settling:     d.oneIn(6, "settling"),
	}
	if d.over {
		b.Virtual = d.vector(0, 10, "virtual")
		for i := range b.Virtual {
			b.Virtual[i] += b.Capacity[i]
		}
	}
	if d.oneIn(4, "used") {
		b.Used = d.vector(0, 8, "used")
	}
	if d.oneIn(6, "not open") {
		b.State = packing.BinState(d.pick(int(packing.Closed), int(packing.Draining), "state"))
	}
	return b
}

func (d *drawer) class(name string, bins int) packing.Class {
	c := packing.Class{
		Name:     name,
		Size:     d.vector(0, 8, "size"),
		Priority: d.pick(0, 2, "priority"),
		Weight:   int64(d.pick(0, 3, "weight")),
		Requires: d.capabilities(6, "requires"),
		Prefers:  d.capabilities(5, "prefers"),
		MoveCost: int64(d.pick(0, 5, "move cost")),
		Settling: d.oneIn(6, "settling"),
	}
	if d.oneIn(8, "forbids") {
		c.Forbids = []string{"fast"}
	}
	if d.over {
		c.Pinned = make([]int64, d.dims)
		for i, size := range c.Size {
			c.Pinned[i] = int64(d.pick(0, int(size), "pinned"))
		}
	}
	if d.oneIn(3, "spread") {
		c.Spread = packing.Spread{MaxSkew: d.pick(1, 2, "skew"), Soft: d.oneIn(3, "soft")}
	}
	for b := range bins {
		if d.oneIn(4, "sits") {
			c.At = append(c.At, b)
		}
	}
	c.Count = max(0, len(c.At)+d.pick(-1, 4, "more"))
	c.Min = d.pick(0, c.Count, "min")
	return c
}

package packingtest

import (
	"strconv"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/packing"
)

// Draw makes a valid random problem with something of everything: few
// dimensions, overcommitted at times, zones, capabilities, some bins overfull,
// closed or draining, some items sitting already, some of them against a rule or
// too many, some that fit nowhere.
func Draw(t *rapid.T) *packing.Problem {
	d := drawer{t: t, dims: rapid.IntRange(1, 3).Draw(t, "dims"), zones: rapid.IntRange(1, 3).Draw(t, "zones")}
	d.over = rapid.IntRange(0, 2).Draw(t, "overcommit") == 0
	p := &packing.Problem{}
	for i := range d.dims {
		p.Dimensions = append(p.Dimensions, string(rune('a'+i)))
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "bins") {
		p.Bins = append(p.Bins, d.bin("bin-"+strconv.Itoa(i), i))
	}
	for range rapid.IntRange(0, 2).Draw(t, "templates") {
		p.Templates = append(p.Templates, packing.Template{Bin: d.bin("", 0), Max: rapid.IntRange(0, 3).Draw(t, "max")})
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "classes") {
		p.Classes = append(p.Classes, d.class("class-"+strconv.Itoa(i), len(p.Bins)))
	}
	return p
}

type drawer struct {
	t           *rapid.T
	dims, zones int
	over        bool
}

// oneIn is true once in n times.
func (d *drawer) oneIn(n int, label string) bool {
	return rapid.IntRange(1, n).Draw(d.t, label) == n
}

func (d *drawer) vector(top int64, label string) []int64 {
	v := make([]int64, d.dims)
	for i := range v {
		v[i] = rapid.Int64Range(0, top).Draw(d.t, label)
	}
	return v
}

func (d *drawer) capabilities(label string) []string {
	return rapid.SampledFrom([][]string{nil, nil, {"gpu"}, {"gpu", "fast"}}).Draw(d.t, label)
}

func (d *drawer) bin(name string, ordinal int) packing.Bin {
	b := packing.Bin{
		Name: name, Ordinal: ordinal,
		Capacity:     d.vector(20, "capacity"),
		Capabilities: d.capabilities("capabilities"),
		Zone:         string(rune('p' + rapid.IntRange(1, d.zones).Draw(d.t, "zone"))),
		Cost:         rapid.Int64Range(0, 3).Draw(d.t, "cost"),
		Settling:     d.oneIn(6, "settling"),
	}
	if d.over {
		b.Virtual = d.vector(10, "virtual")
		for i := range b.Virtual {
			b.Virtual[i] += b.Capacity[i]
		}
	}
	if d.oneIn(3, "used") {
		b.Used = d.vector(8, "used")
	}
	if d.oneIn(4, "state") {
		b.State = rapid.SampledFrom([]packing.BinState{packing.Closed, packing.Draining}).Draw(d.t, "which")
	}
	return b
}

func (d *drawer) class(name string, bins int) packing.Class {
	c := packing.Class{
		Name:     name,
		Size:     d.vector(10, "size"),
		Priority: rapid.IntRange(0, 2).Draw(d.t, "priority"),
		Weight:   rapid.Int64Range(0, 3).Draw(d.t, "weight"),
		Requires: d.capabilities("requires"),
		Prefers:  d.capabilities("prefers"),
		MoveCost: rapid.Int64Range(0, 5).Draw(d.t, "move cost"),
		Settling: d.oneIn(6, "settling"),
	}
	if d.oneIn(5, "forbids") {
		c.Forbids = []string{"fast"}
	}
	if d.over {
		c.Pinned = make([]int64, d.dims)
		for i, size := range c.Size {
			c.Pinned[i] = rapid.Int64Range(0, size).Draw(d.t, "pinned")
		}
	}
	if d.oneIn(3, "spread") {
		c.Spread = packing.Spread{MaxSkew: rapid.IntRange(1, 2).Draw(d.t, "skew"), Soft: d.oneIn(3, "soft")}
	}
	for b := range bins {
		if d.oneIn(4, "sits") {
			c.At = append(c.At, b)
		}
	}
	c.Count = max(0, len(c.At)+rapid.IntRange(-1, 4).Draw(d.t, "more"))
	c.Min = rapid.IntRange(0, c.Count).Draw(d.t, "min")
	return c
}

package packingtest

import (
	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/packing"
)

// Draw makes a valid random problem: few dimensions, some bins overfull or
// closed, some items sitting already, some that fit nowhere.
func Draw(t *rapid.T) *packing.Problem {
	dims := rapid.IntRange(1, 3).Draw(t, "dims")
	p := &packing.Problem{}
	maxNew := rapid.IntRange(0, 3).Draw(t, "max new")
	for d := range dims {
		p.Dimensions = append(p.Dimensions, string(rune('a'+d)))
	}
	vector := func(top int64, label string) []int64 {
		v := make([]int64, dims)
		for d := range v {
			v[d] = rapid.Int64Range(0, top).Draw(t, label)
		}
		return v
	}
	capabilities := func(label string) []string {
		return rapid.SampledFrom([][]string{nil, {"gpu"}, {"gpu", "fast"}}).Draw(t, label)
	}
	bin := func(name string) packing.Bin {
		b := packing.Bin{Name: name, Capacity: vector(20, "capacity"), Capabilities: capabilities("capabilities")}
		if rapid.IntRange(0, 5).Draw(t, "closed") == 0 {
			b.State = packing.Closed
		}
		if rapid.Bool().Draw(t, "used") {
			b.Used = vector(8, "used")
		}
		return b
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "bins") {
		p.Bins = append(p.Bins, bin("bin-"+string(rune('0'+i))))
	}
	if maxNew > 0 {
		p.Templates = []packing.Template{{Bin: bin(""), Max: maxNew}}
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "classes") {
		c := packing.Class{Name: "class-" + string(rune('0'+i)), Size: vector(10, "size"), Requires: capabilities("requires")}
		for b := range p.Bins {
			if rapid.IntRange(0, 4).Draw(t, "sits") == 0 {
				c.At = append(c.At, b)
			}
		}
		c.Count = len(c.At) + rapid.IntRange(0, 4).Draw(t, "more")
		p.Classes = append(p.Classes, c)
	}
	return p
}

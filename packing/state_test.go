package packing

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawProblem makes a small valid problem with every feature in it.
func drawProblem(t *rapid.T) *Problem {
	dims := rapid.IntRange(1, 3).Draw(t, "dims")
	vector := func(top int64, label string) []int64 {
		v := make([]int64, dims)
		for d := range v {
			v[d] = rapid.Int64Range(0, top).Draw(t, label)
		}
		return v
	}
	capabilities := rapid.SampledFrom([][]string{nil, {"gpu"}, {"fast", "gpu"}, {"old"}})
	over := rapid.Bool().Draw(t, "overcommit")
	bin := func(name string) Bin {
		b := Bin{
			Name: name, Capacity: vector(20, "capacity"), Capabilities: capabilities.Draw(t, "capabilities"),
			Zone: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "zone"), Cost: rapid.Int64Range(0, 3).Draw(t, "cost"),
		}
		if rapid.IntRange(0, 3).Draw(t, "used") == 0 {
			b.Used = vector(8, "used")
		}
		if over {
			b.Virtual = slices.Clone(b.Capacity)
			for d, x := range vector(8, "virtual") {
				b.Virtual[d] += x
			}
		}
		return b
	}
	p := &Problem{}
	for d := range dims {
		p.Dimensions = append(p.Dimensions, string(rune('a'+d)))
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "bins") {
		b := bin("bin-" + string(rune('0'+i)))
		b.State = rapid.SampledFrom([]BinState{Open, Open, Open, Closed, Draining}).Draw(t, "state")
		b.Ordinal = rapid.IntRange(0, 2).Draw(t, "ordinal")
		p.Bins = append(p.Bins, b)
	}
	for range rapid.IntRange(0, 2).Draw(t, "templates") {
		p.Templates = append(p.Templates, Template{bin(""), rapid.IntRange(0, 3).Draw(t, "max")})
	}
	for i := range rapid.IntRange(0, 6).Draw(t, "classes") {
		c := Class{
			Name: "class-" + string(rune('0'+i)), Size: vector(10, "size"), Requires: capabilities.Draw(t, "requires"),
			Priority: rapid.IntRange(0, 1).Draw(t, "priority"), Weight: rapid.Int64Range(0, 3).Draw(t, "weight"),
			MoveCost: rapid.Int64Range(0, 5).Draw(t, "move cost"),
		}
		if rapid.IntRange(0, 4).Draw(t, "forbids") == 0 {
			c.Forbids = []string{"old"}
		}
		if over {
			c.Pinned = slices.Clone(c.Size)
			for d, x := range vector(10, "pinned") {
				c.Pinned[d] = min(c.Pinned[d], x)
			}
		}
		c.Spread = Spread{rapid.IntRange(0, 2).Draw(t, "skew"), rapid.Bool().Draw(t, "soft")}
		for b := range p.Bins {
			if rapid.IntRange(0, 4).Draw(t, "sits") == 0 {
				c.At = append(c.At, b)
			}
		}
		c.Count = max(0, len(c.At)+rapid.IntRange(-2, 4).Draw(t, "more"))
		c.Min = rapid.IntRange(0, c.Count).Draw(t, "min")
		p.Classes = append(p.Classes, c)
	}
	return p
}

// slowRoom decides from nothing but the problem whether an item of c has room
// beside others in a bin.
func slowRoom(b *Bin, held []*Class, c *Class) bool {
	for d := range c.Size {
		if c.Size[d] == 0 {
			continue
		}
		size, pinned, largest := c.Size[d], c.Size[d], int64(0)
		if b.Used != nil {
			size += b.Used[d]
			pinned += b.Used[d]
		}
		virtual := b.Capacity[d]
		if b.Virtual != nil {
			virtual = b.Virtual[d]
		}
		pinned -= c.Size[d]
		for _, x := range append(slices.Clone(held), c) {
			own := int64(0)
			if x.Pinned != nil {
				own = x.Pinned[d]
			}
			pinned += own
			largest = max(largest, x.Size[d]-own)
		}
		for _, x := range held {
			size += x.Size[d]
		}
		if size > virtual || pinned+largest > b.Capacity[d] {
			return false
		}
	}
	return true
}

// After any adding, removing and undoing the state says of every class and bin
// what the slow model says.
func TestStateFollowsModel(t *testing.T) {
	tempted := 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawProblem(t)
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		s := newState(newLayout(p))
		for i := range p.Templates {
			for range min(2, p.Templates[i].Max) {
				s.openNew(int32(i))
			}
		}
		if len(p.Classes) == 0 || len(s.kind) == 0 {
			return
		}
		start := describe(s)
		for range rapid.IntRange(0, 20).Draw(t, "changes") {
			c := int32(rapid.IntRange(0, len(p.Classes)-1).Draw(t, "class"))
			b := int32(rapid.IntRange(0, len(s.kind)-1).Draw(t, "bin"))
			if s.holds(c, b) {
				s.remove(c, b)
			} else {
				s.add(c, b)
			}
		}
		for b := range s.kind {
			var held []*Class
			for _, c := range s.items[b] {
				held = append(held, s.class(c))
			}
			for c := range p.Classes {
				want := slowRoom(s.kinds[s.kind[b]].bin, held, s.class(int32(c)))
				if got := s.fits(int32(c), int32(b)); got != want {
					t.Fatalf("%+v\nclass %d fits bin %d: %v, want %v", p, c, b, got, want)
				}
				tempted++
			}
		}
		s.undo(0)
		if got := describe(s); got != start {
			t.Fatalf("undone:\n%s\nbefore:\n%s", got, start)
		}
	})
	if tempted < 300 {
		t.Errorf("only %d questions", tempted)
	}
}

// describe prints all that matters of a state, lists sorted.
func describe(s *state) string {
	text := fmt.Sprintln(s.free, s.loads, s.inZone, s.used, s.cost, s.spareNew)
	for _, list := range s.items {
		list = slices.Clone(list)
		slices.Sort(list)
		text += fmt.Sprintln(list)
	}
	for _, list := range s.at {
		list = slices.Clone(list)
		slices.Sort(list)
		text += fmt.Sprintln(list)
	}
	return text
}

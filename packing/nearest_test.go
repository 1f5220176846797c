package packing

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The tree finds an item that leaves as little as any that looking at every
// class finds, whatever left the tree since.
func TestNearestLeavesLeast(t *testing.T) {
	found, spared := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 5).Draw(t, "dimensions")
		unit := rapid.SampledFrom([]int64{1, 1 << 30}).Draw(t, "unit")
		vector := func(least, most int64, what string) []int64 {
			v := rapid.SliceOfN(rapid.Int64Range(least, most), width, width).Draw(t, what)
			for k := range v {
				v[k] *= unit
			}
			return v
		}
		p := &Problem{Dimensions: []string{"a", "b", "c", "d", "e"}[:width], Templates: []Template{{Bin{Capacity: vector(20, 30, "capacity")}, 1}}}
		var left []int32
		for i := range rapid.IntRange(0, 60).Draw(t, "classes") {
			p.Classes = append(p.Classes, Class{Name: fmt.Sprintf("%02d", i), Count: 1, Size: vector(0, 20, "size")})
			left = append(left, int32(i))
		}
		s := newState(newLayout(p))
		weight := rapid.SliceOfN(rapid.Float64Range(0, 1), width, width).Draw(t, "weights")
		tree := newNearest(s, newDigester(s.peak()), left, weight)
		for range rapid.IntRange(1, 20).Draw(t, "searches") {
			for range rapid.IntRange(0, min(5, len(left))).Draw(t, "removed") {
				i := rapid.IntRange(0, len(left)-1).Draw(t, "which")
				tree.remove(left[i])
				left = without(left, left[i])
			}
			weight := rapid.SliceOfN(rapid.Float64Range(0, 1), width, width).Draw(t, "weights")
			for node := len(tree.low) - 1; node > 0; node-- {
				if tree.gather(node) {
					t.Fatalf("node %d is not what is below it", node)
				}
			}
			room := vector(-2, 20, "room")
			if len(left) > 0 && rapid.Bool().Draw(t, "tight") {
				room = slices.Clone(s.needs(left[0]))
			}
			barred := int32(rapid.IntRange(0, 3).Draw(t, "barred"))
			may := func(c int32) bool { return c%4 != barred }
			want := math.Inf(1)
			for _, c := range left {
				if may(c) && covers(room, s.needs(c)) {
					want = min(want, leaves(room, s.needs(c), weight))
				}
			}
			looks := tree.looks
			c := tree.find(room, weight, may)
			if c < 0 {
				if !math.IsInf(want, 1) {
					t.Fatalf("nothing for %v, some item leaves %v", room, want)
				}
				continue
			}
			if got := leaves(room, s.needs(c), weight); got != want || !may(c) || !covers(room, s.needs(c)) {
				t.Fatalf("class %d for %v leaves %v, want %v", c, room, got, want)
			}
			found++
			if tree.looks-looks < int64(len(left)) {
				spared++
			}
		}
	})
	if found < 100 || spared < found/4 {
		t.Errorf("found only %d, %d of them without looking at every class", found, spared)
	}
}

func leaves(room, need []int64, weight []float64) float64 {
	sum := 0.0
	for k, n := range need {
		x := float64(room[k] - n)
		sum += float64(weight[k] * float64(x*x))
	}
	return sum
}

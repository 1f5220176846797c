package packing

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// alone places each item in a bin of its own, where all bins have this capacity
// and there is a class for each size.
func alone(capacity []int64, counts []int, sizes ...[]int64) *state {
	p := &Problem{Dimensions: []string{"a", "b"}[:len(capacity)], Templates: []Template{{Bin{Capacity: capacity}, 100}}}
	for i, size := range sizes {
		p.Classes = append(p.Classes, Class{Name: fmt.Sprintf("%03d", i), Size: size, Count: counts[i]})
	}
	s := newState(newLayout(p))
	for c := range s.classIn {
		for s.short(int32(c)) > 0 {
			s.add(int32(c), s.openNew(0))
		}
	}
	s.log = s.log[:0]
	return s
}

// Bins cut into pieces at random are put together again, in one dimension that
// has to be full and another that need not.
func TestTile(t *testing.T) {
	for seed := range uint64(20) {
		src, bins := &source{state: seed}, 2+int(seed%4)
		sizes, counts := [][]int64{{100_000, 0}}, []int{bins} // one class in all of them
		for range bins {
			for left := int64(900_000); left > 0; {
				x := min(left, 100_000+int64(src.below(500_000)))
				sizes, counts = append(sizes, []int64{x, x / 2}), append(counts, 1)
				left -= x
			}
		}
		s := alone([]int64{1_000_000, 900_000}, counts, sizes...)
		items := count(s)
		r := &run{Options: Options{Effort: Second}, s: s}
		r.tile(bins)
		require.Equal(t, bins, r.s.used, seed)
		require.Equal(t, items, count(r.s), seed)
		sound(t, r.s)
	}
}

// Where it can not be done, or something may be wasted, nothing changes.
func TestTileGivesUp(t *testing.T) {
	one := []int{1, 1, 1, 1, 1}
	for _, c := range []struct {
		name  string
		s     *state
		least int
		want  int
	}{
		{"full", alone([]int64{10}, one, []int64{6}, []int64{4}, []int64{7}, []int64{3}), 2, 2},
		{"no filling", alone([]int64{10}, one, []int64{6}, []int64{6}, []int64{4}, []int64{4}, []int64{10}), 3, 3},
		{"nothing beside the large one", alone([]int64{10}, one, []int64{8}, []int64{7}, []int64{5}), 2, 3},
		{"waste", alone([]int64{10}, one, []int64{6}, []int64{4}, []int64{7}, []int64{2}), 2, 4},
		{"the same class twice", alone([]int64{10}, []int{2, 2}, []int64{5}, []int64{5}), 2, 2},
		{"the same class twice alone", alone([]int64{10}, []int{2}, []int64{5}), 1, 2},
	} {
		r := &run{Options: Options{Effort: Second}, s: c.s}
		r.tile(c.least)
		require.Equal(t, c.want, r.s.used, c.name)
	}
}

package packing

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestRadixSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var keys []sortKey
		for i := range rapid.IntRange(0, 50).Draw(t, "keys") {
			keys = append(keys, sortKey{
				first:  rapid.Uint64Range(0, 3).Draw(t, "first") << rapid.SampledFrom([]int{0, 30, 62}).Draw(t, "shift"),
				second: rapid.Uint32Range(0, 3).Draw(t, "second") << rapid.SampledFrom([]int{0, 14, 30}).Draw(t, "shift"),
				class:  int32(i),
			})
		}
		want := slices.Clone(keys)
		slices.SortFunc(want, func(a, b sortKey) int {
			return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.second, b.second), cmp.Compare(a.class, b.class))
		})
		if got := radixSort(slices.Clone(keys)); !slices.Equal(got, want) {
			t.Fatalf("%v sorted: %v, want %v", keys, got, want)
		}
	})
}

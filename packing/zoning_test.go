package packing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestZoning(t *testing.T) {
	for _, c := range []struct {
		name     string
		began    []int32
		now      []int32
		from, to int32
		want     bool
	}{
		{"to the emptier", []int32{2, 1, 1}, []int32{2, 1, 1}, 0, 1, true},
		{"to the fuller", []int32{2, 1, 1}, []int32{2, 1, 1}, 1, 0, false},
		{"one more where there are most", []int32{2, 1, 1}, []int32{2, 1, 1}, nowhere, 0, false},
		{"one more where there are least", []int32{2, 1, 1}, []int32{2, 1, 1}, nowhere, 1, true},
		{"one less where there are least", []int32{2, 1, 1}, []int32{2, 1, 1}, 1, nowhere, false},
		{"one less where there are most", []int32{2, 1, 1}, []int32{2, 1, 1}, 0, nowhere, true},
		{"within a zone", []int32{4, 1, 1}, []int32{4, 1, 1}, 0, 0, true},
		{"broken before, and better", []int32{5, 1, 3}, []int32{5, 1, 3}, 0, 1, true},
		{"broken before, and worse elsewhere", []int32{5, 1, 3}, []int32{5, 1, 3}, 0, 2, false},
		{"broken before, and as it was", []int32{5, 1, 3}, []int32{4, 2, 3}, 1, 0, true},
		{"what does not count is free", []int32{1, 1, 1, 9}, []int32{1, 1, 1, 9}, nowhere, 3, true},
		{"but not where it comes from", []int32{1, 0, 1, 9}, []int32{1, 0, 1, 9}, 3, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			counting := []bool{true, true, true, false}[:len(c.began)]
			z := &zoning{
				layout: &layout{rules: []rule{{skew: 1, zones: counting}}},
				began:  [][]int32{c.began}, counts: [][]int32{c.now},
			}
			before := append([]int32(nil), c.now...)
			require.Equal(t, c.want, z.evenAfter(0, c.from, c.to))
			require.Equal(t, before, c.now)
			z.shift(0, c.from, c.to)
			z.shift(0, c.to, c.from)
			require.Equal(t, before, c.now)
		})
	}
}

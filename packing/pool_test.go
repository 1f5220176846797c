package packing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What leaves has to be as large as what is short, in every dimension.
func TestEnough(t *testing.T) {
	for _, c := range []struct {
		name        string
		short, a, b []int64
		want        bool
	}{
		{"just", []int64{3, 2}, []int64{3, 2}, nil, true},
		{"one less in the first", []int64{3, 2}, []int64{2, 2}, nil, false},
		{"one less in the last", []int64{3, 2}, []int64{3, 1}, nil, false},
		{"both together", []int64{3, 2}, []int64{2, 0}, []int64{1, 2}, true},
		{"both together, one less", []int64{3, 2}, []int64{2, 0}, []int64{1, 1}, false},
		{"nothing is short", []int64{-1, 0}, []int64{0, 0}, nil, true},
	} {
		require.Equal(t, c.want, enough(c.short, c.a, c.b), c.name)
	}
}

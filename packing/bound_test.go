package packing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Sizes in bins of 10; the bounds worked out by hand.
func TestReducedBounds(t *testing.T) {
	for _, c := range []struct {
		name                  string
		of                    []stock
		k                     int64
		martelloToth, carlier int
	}{
		{"two halves fill a bin", []stock{{5, 2}}, 5, 1, 1},
		{"two large ones never share", []stock{{6, 2}}, 4, 2, 1},
		{"three of four: two a bin", []stock{{4, 3}}, 4, 2, 2},
		{"thirds and a bit", []stock{{4, 4}}, 4, 2, 2},
		{"a large one leaves too little for a small one", []stock{{4, 1}, {7, 2}}, 4, 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &sizeList{of: c.of, room: 10}
			require.Equal(t, c.martelloToth, l.martelloToth(c.k))
			require.Equal(t, c.carlier, l.carlier(c.k))
		})
	}
}

package coordinator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Under ordinal removal a server that is missing may be given up only if it stood
// above all others: it comes back where it was, and the highest would go for it.
func TestMissingOrdinal(t *testing.T) {
	for _, c := range []struct {
		name    string
		servers []string // of which two are enough
		does    []string
	}{
		{"among the others", []string{"a", "gone", "a"}, nil},
		{"below them", []string{"gone", "a", "a"}, nil},
		{"above them", []string{"a", "a", "gone"}, []string{"scale pool to 2: server empty"}},
		{"one of two is above", []string{"a", "gone", "a", "gone"}, []string{"scale pool to 3: server empty"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			y := newYard(t, ServerGroup{Max: 9, Removal: Ordinal}, "a 5 2 1")
			y.pool().tried = dawn.Add(time.Hour) // none retires meanwhile
			full := make([]string, len(c.servers))
			full[0], full[1] = "a", "a"
			y.settled(full...)
			require.Equal(t, c.does, y.plan(c.servers...))
		})
	}
}

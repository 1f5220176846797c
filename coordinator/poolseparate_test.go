package coordinator

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Models that cannot be in one memory beside one another are taken apart: what is
// beyond what is desired stops, else one copy is loaded elsewhere first.
func TestSeparate(t *testing.T) {
	elastic := ServerGroup{Min: 1, Max: 3}
	for _, c := range []struct {
		name   string
		group  ServerGroup
		models string // those there are, each desired once; capitals are resident
		frozen string
		world  []string
		does   []string
		backs  bool // a server that was to go stays
	}{
		{"what fits stays", ServerGroup{}, "A d", "", []string{"a d"}, nil, false},
		{"what fits one by one stays", ServerGroup{}, "a b", "", []string{"a b"}, nil, false},
		{"what need not be there stops", ServerGroup{}, "A B", "", []string{"a b", "a"}, []string{"unroute a on pool/s0: room wanted"}, false},
		{"first what helps most", ServerGroup{}, "A B E", "", []string{"a b e", "a", "e"}, []string{"unroute a on pool/s0: room wanted"}, false},
		{"whatever helps", ServerGroup{}, "A B E", "", []string{"a b e", "e"}, []string{"unroute e on pool/s0: room wanted"}, false},
		{"what is missed least", ServerGroup{}, "A B", "", []string{"a b", "a", "b"}, []string{"unroute b on pool/s0: room wanted"}, false},
		{"wherever it stands", ServerGroup{}, "B F", "", []string{"b f", "b", "f"}, []string{"unroute b on pool/s0: room wanted"}, false},
		{"what has just come does not stop", ServerGroup{}, "A B", "", []string{"a' b'", "a'"}, nil, false},
		{"the least used moves", ServerGroup{}, "A B", "", []string{"a b", ""}, []string{"load b on pool/s1: separates"}, false},
		{"wherever it stands there", ServerGroup{}, "B F", "", []string{"b f", ""}, []string{"load b on pool/s1: separates"}, false},
		{"first whose going helps most", ServerGroup{}, "A B E", "", []string{"a b e", ""}, []string{"load b on pool/s1: separates"}, false},
		{"where there is room, to where the least load is", ServerGroup{}, "A B D E H", "", []string{"a b", "d", "e", "h d"}, []string{"load b on pool/s2: separates"}, false},
		{"one at a time", ServerGroup{}, "A B", "", []string{"a b", "b+", ""}, []string{"later route b on pool/s1: replica loaded"}, false},
		{"not beside what loads, if it need not be", ServerGroup{}, "A B e", "", []string{"a b", "e+", ""}, []string{"load b on pool/s2: separates", "later route e on pool/s1: replica loaded"}, false},
		{"where there will be room", ServerGroup{}, "A B F", "", []string{"a b", "f-", "f"}, []string{"later load b on pool/s1: separates", "later unload f on pool/s1: drained"}, false},
		{"not on what boots, if it need not be", ServerGroup{}, "A B", "", []string{"a b", "booting", ""}, []string{"load b on pool/s2: separates"}, false},
		{"where another need not be", ServerGroup{}, "A B F G", "", []string{"a b", "f", "f", "g", "g"}, []string{"unroute g on pool/s3: room wanted", "later load b on pool/s3: separates"}, false},
		{"not where all are needed", ServerGroup{}, "A B F", "", []string{"a b", "f"}, nil, false},
		{"on a new server", elastic, "A B", "", []string{"a b"}, []string{"scale pool to 2: pool short", "later load b on pool: separates"}, false},
		{"on one that is ordered", elastic, "A B", "", []string{"a b", "gone"}, []string{"later load b on pool: separates"}, false},
		{"not on more than there may be", ServerGroup{Max: 1}, "A B", "", []string{"a b"}, nil, false},
		{"on one that was to go", elastic, "A B F", "", []string{"a b", "f", ""}, nil, true},
		{"who is held stays", ServerGroup{}, "A B", "ab", []string{"a b", ""}, nil, false},
		{"another moves", ServerGroup{}, "A B", "b", []string{"a b", ""}, []string{"load a on pool/s1: separates"}, false},
		{"who does not help stays", ServerGroup{}, "A B e h", "ab", []string{"a b e h", ""}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var models []string
			for _, line := range []string{"a 3 1 5 +", "b 3 1 1 +", "d 2 1 4 +", "e 1 1 0 +", "f 3 1 9 +", "g 3 1 2 +", "h 1 1 0 +"} {
				if strings.Contains(strings.ToLower(c.models), line[:1]) {
					models = append(models, line)
				}
			}
			c.group.Overcommit = map[string]float64{"gib": 1}
			first := strings.NewReplacer("booting", "", "gone", "").Replace(strings.Join(c.world, "|")) // so that nobody starts anew
			y := newYard(t, c.group, models...).settled(strings.Split(first, "|")...)
			for _, m := range y.p.models {
				if strings.Contains(c.models, strings.ToUpper(m.Name)) {
					m.use.Resident = y.now
				}
				if strings.Contains(c.frozen, m.Name) {
					require.NoError(t, y.p.Freeze(TargetID{TargetModel, m.Name}, y.now.Add(time.Hour)))
				}
			}
			if c.backs {
				y.pool().retiring = []retiree{{"s2", y.now}}
			}
			require.Equal(t, c.does, y.plan(c.world...))
			if c.backs {
				require.Empty(t, y.pool().retiring)
			}
		})
	}
}

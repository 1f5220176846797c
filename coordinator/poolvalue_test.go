package coordinator

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawYard draws a pool of up to four servers and what they hold, with loads.
func drawYard(t *rapid.T) (models []string, servers [][]string) {
	servers = make([][]string, rapid.IntRange(2, 4).Draw(t, "servers"))
	for _, name := range strings.Split("abcdef", "")[:rapid.IntRange(4, 6).Draw(t, "models")] {
		size := rapid.IntRange(1, 4).Draw(t, "size")
		n := 0
		for i := range servers {
			if rapid.IntRange(0, 2).Draw(t, "there") > 0 && sizeOf(servers[i])+size <= 5 {
				servers[i] = append(servers[i], fmt.Sprintf("%s%d", name, size))
				n++
			}
		}
		desired := rapid.IntRange(0, n).Draw(t, "desired")
		models = append(models, fmt.Sprintf("%s %d %d %v", name, size, desired, rapid.SampledFrom([]float64{0.3, 2, 5, 20, 0}).Draw(t, "load")))
	}
	return models, servers
}

func sizeOf(server []string) (sum int) {
	for _, c := range server {
		sum += int(c[1] - '0')
	}
	return sum
}

// shown is what a yard shows of servers; a few are leaving or boot.
func shown(servers [][]string, up []string) []string {
	list := make([]string, len(servers))
	for i, copies := range servers {
		for _, c := range copies {
			list[i] += " " + c[:1]
		}
		list[i] += " " + up[i]
	}
	return list
}

// worth is that of the whole, as improves defines it.
func worth(y *yard) (sum float64) {
	a := y.allotment()
	c, total := 0.0, 0.0
	for _, m := range a.g.packed {
		for k := 1; k <= m.use.copies(); k++ {
			sum += m.marginal(k, 0)
		}
		total += m.use.load()
		c += m.use.load() * m.density()
	}
	if total == 0 {
		return sum
	}
	var levels []float64
	fair := 0.0
	for _, t := range a.desks {
		if t.usable && t.up {
			levels = append(levels, t.level)
			fair += t.level
		}
	}
	fair /= float64(max(1, len(levels)))
	for _, level := range levels {
		sum -= c / total * max(0, fair-level) / total
	}
	return sum
}

// An exchange improves a pool if the worth of what it leads to is the higher, by a
// part of what it is held to add.
func TestImproves(t *testing.T) {
	better, not := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		models, servers := drawYard(t)
		up := make([]string, len(servers))
		for i := range up {
			up[i] = rapid.SampledFrom([]string{"", "", "", "leaving", "booting"}).Draw(t, "server")
		}
		y := newYard(t, ServerGroup{}, models...).settled(shown(servers, up)...)
		a := y.allotment()
		var could []exchange
		for _, m := range a.g.packed {
			for i := range servers {
				if !m.has(i) && up[i] == "" {
					could = append(could, exchange{m: m, server: i})
				}
			}
		}
		if len(could) == 0 {
			return
		}
		x := could[rapid.IntRange(0, len(could)-1).Draw(t, "exchange")]
		x.gain = rapid.SampledFrom([]float64{0, 0, 0.1, 0.5, 5, 40}).Draw(t, "gain")
		after := make([][]string, len(servers))
		for i := range servers {
			after[i] = slices.Clone(servers[i])
		}
		gone := func(k int) { // that copy
			after[a.copies[k].server] = slices.DeleteFunc(after[a.copies[k].server], func(c string) bool { return c[:1] == a.copies[k].m.Name })
		}
		x.to = rapid.IntRange(0, len(servers)-1).Draw(t, "to")
		moves := rapid.Bool().Draw(t, "moves")
		for _, k := range a.desks[x.server].copies {
			switch {
			case moves && x.moves == nil && up[x.to] == "" && x.to != x.server && !a.copies[k].m.has(x.to):
				x.moves = a.copies[k].m
				gone(k)
				after[x.to] = append(after[x.to], x.moves.Name+"0")
			case rapid.IntRange(0, 3).Draw(t, "victim") == 0:
				x.victims = append(x.victims, k)
				gone(k)
			}
		}
		if x.moves != nil {
			for _, k := range a.desks[x.to].copies {
				if a.copies[k].m != x.m && rapid.IntRange(0, 3).Draw(t, "yields") == 0 {
					x.yields = append(x.yields, k)
					gone(k)
				}
			}
		}
		after[x.server] = append(after[x.server], x.m.Name+"0")
		z := newYard(t, ServerGroup{}, models...).settled(shown(after, up)...) // whether it fits is not what is asked
		for i, m := range z.p.models {
			m.desired, m.use.seen = y.p.models[i].desired, y.p.models[i].use.seen
		}
		rise, least := worth(z)-worth(y), leastRise*x.gain
		if math.Abs(rise-least) < 1e-9 {
			return // as good as equal
		}
		if got := a.improves(&x); got != (rise > least) {
			t.Fatalf("%v: %v to %v raises the worth by %v, %v at least: %v", models, shown(servers, up), shown(after, up), rise, least, got)
		}
		if rise > least {
			better++
		} else {
			not++
		}
	})
	require.Greater(t, better, 10)
	require.Greater(t, not, 10)
	t.Logf("%d add, %d do not", better, not)
}

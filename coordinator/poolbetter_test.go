package coordinator

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawBusyYard is a yard of which some copies have requests, or have just come, and
// where some models are held.
func drawBusyYard(t *rapid.T) *yard {
	models, servers := drawYard(t)
	for _, copies := range servers {
		for k := range copies {
			copies[k] += rapid.SampledFrom([]string{"", "", "", "", "", "!", "'"}).Draw(t, "copy")
		}
	}
	list := make([]string, len(servers))
	for i, copies := range servers {
		list[i] = rapid.SampledFrom([]string{"", "", "", "", "leaving"}).Draw(t, "server")
		for _, c := range copies {
			list[i] += " " + c[:1] + c[2:]
		}
	}
	y := newYard(t, ServerGroup{}, models...).settled(list...)
	for _, m := range y.p.models {
		m.held = rapid.IntRange(0, 5).Draw(t, "held") == 5
	}
	return y
}

// makesRoom finds what makes room for m by trying: the copies that are missed least,
// one by one, where some have gone already.
func makesRoom(a *allotment, server int, m *model, gone []int) (victims []int, lost float64, ok bool) {
	free := int64(5)
	left := map[*model]int{}
	for _, c := range a.copies {
		left[c.m] = c.m.use.active
	}
	for _, k := range gone {
		left[a.copies[k].m]--
		if a.copies[k].server == server {
			free += a.copies[k].m.size[0]
		}
	}
	var may []int
	for _, k := range a.desks[server].copies {
		c := a.copies[k]
		free -= c.m.size[0]
		if !slices.Contains(gone, k) && c.m != m && !c.busy && !c.m.held && left[c.m] > c.m.desired && a.last.Sub(c.since) >= keepAtLeast {
			may = append(may, k)
		}
	}
	slices.SortStableFunc(may, func(j, k int) int { return cmp.Compare(a.copies[j].loss, a.copies[k].loss) })
	for ; free < m.size[0] && len(may) > 0; may = may[1:] {
		victims = append(victims, may[0])
		lost += a.copies[may[0]].loss
		free += a.copies[may[0]].m.size[0]
	}
	return victims, lost, free >= m.size[0]
}

// The exchange that is found, and the one that would take a move, are the best of
// all there are; none that was in vain.
func TestExchanges(t *testing.T) {
	found, stuck, ways := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		a := drawBusyYard(t).allotment()
		var direct, blocked exchange
		var vain, all []exchange
		for _, m := range a.g.packed {
			for i := range a.desks {
				_, _, fits := makesRoom(a, i, m, a.desks[i].copies)
				victims, lost, ok := makesRoom(a, i, m, nil)
				if !fits || ok && len(victims) == 0 || !a.idle(m, i) || !a.wantsMore(m) {
					continue
				}
				if rapid.IntRange(0, 5).Draw(t, "vain") == 5 {
					vain = append(vain, exchange{m: m, server: i})
					continue
				}
				gain := a.gain(m, i)
				if !ok {
					all = append(all, exchange{m: m, server: i, gain: gain})
				}
				switch net := gain - swapGain*lost; {
				case ok && net > max(direct.gain, leastGain*gain):
					direct = exchange{m: m, server: i, victims: victims, gain: net}
				case !ok && gain > blocked.gain && a.brings(m, i)*a.g.pool.total > leastPassage*a.fair:
					blocked = exchange{m: m, server: i, gain: gain}
				}
			}
		}
		x, y := a.exchanges(vain)
		require.Equal(t, text(direct), text(x))
		require.Equal(t, text(blocked), text(y))
		if direct.m != nil {
			found++
		}
		if blocked.m != nil {
			stuck++
		}
		for _, x := range all {
			way := bestWay(a, x)
			got, ok := a.unblock(x)
			require.Equal(t, way.moves != nil, ok)
			require.Equal(t, text(way), text(got))
			if ok {
				ways++
			}
		}
		for _, m := range a.g.packed {
			require.Zero(t, m.use.gone, "nothing has gone yet")
		}
	})
	require.Greater(t, found, 5)
	require.Greater(t, stuck, 5)
	require.Greater(t, ways, 1)
	t.Logf("%d found, %d blocked, of which %d have a way", found, stuck, ways)
}

// bestWay finds what unblock does, by trying all of it.
func bestWay(a *allotment, x exchange) (way exchange) {
	var movers []int
	for _, k := range a.desks[x.server].copies {
		if m := a.copies[k].m; m.use.active <= m.desired && !m.held {
			movers = append(movers, k)
		}
	}
	slices.SortStableFunc(movers, func(j, k int) int { return cmp.Compare(a.copies[j].m.use.load(), a.copies[k].m.use.load()) })
	for _, k := range movers {
		m := a.copies[k].m
		for to := range a.desks {
			if to == x.server || !a.idle(m, to) {
				continue
			}
			yields, lost, ok := makesRoom(a, to, m, nil)
			victims, more, enough := makesRoom(a, x.server, x.m, append(slices.Clone(yields), k))
			if gain := x.gain - swapGain*(lost+a.takesAway(m, x.server)+more); ok && enough && gain > max(way.gain, leastGain*x.gain) {
				way = exchange{x.m, x.server, victims, gain, m, to, yields}
			}
		}
		if way.moves != nil {
			return way
		}
	}
	return way
}

// text is an exchange in words, with rounded gain.
func text(x exchange) string {
	name := func(m *model) string {
		if m == nil {
			return "-"
		}
		return m.Name
	}
	return fmt.Sprintf("%s on %d for %v: %.9f; %s to %d for %v", name(x.m), x.server, x.victims, x.gain, name(x.moves), x.to, x.yields)
}

// A copy makes no room for one that adds just what it must, in whichever direction
// floats err.
func TestNoExchangeOfEquals(t *testing.T) {
	above, below := 0, 0
	for k := 1; k <= 100; k++ {
		// The third copy of x adds a third of its load, the second of o half of its own.
		x := fmt.Sprintf("x 1 2 %v", float64(3*k)/10)
		o := fmt.Sprintf("o 1 1 %v", float64(k)/10)
		a := newYard(t, ServerGroup{}, "h 4 1 900+", o, "v 4 1 0+", "w 3 1 0+", x).settled("o w x", "v x", "h o").allotment()
		m := a.byName["x"]
		_, lost, ok := a.evictable(2, m, none, false)
		require.True(t, ok && a.wantsMore(m))
		switch net := a.gain(m, 2) - swapGain*lost; {
		case net > 0:
			above++
		case net < 0:
			below++
		}
		direct, _ := a.exchanges(nil)
		require.Nil(t, direct.m, "%d: %s", k, text(direct))
	}
	require.Greater(t, above, 5)
	require.Greater(t, below, 5)

	a := newYard(t, ServerGroup{}, "h 4 1 900+", "o 1 1 1", "v 4 1 0+", "w 3 1 0+", "x 1 2 3.001").settled("o w x", "v x", "h o").allotment()
	direct, _ := a.exchanges(nil)
	require.Equal(t, a.byName["x"], direct.m, "a little more")
}

// An exchange is begun when nothing else is on its way, and its room is kept.
func TestBetterWaits(t *testing.T) {
	begun, filled := []string{"unroute o on pool/s1: room wanted"}, []string{"load k on pool/s1: fills room"}
	for _, c := range []struct {
		name  string
		since time.Duration // that one began
		other string        // beside x
		goes  passage
		does  []string
	}{
		{"nothing is on its way", swapPause, "w", passage{}, begun},
		{"one began a moment ago", swapPause - 1, "w", passage{}, filled},
		{"something loads", time.Hour, "w+", passage{}, append(slices.Clone(filled), "later route w on pool/s0: replica loaded")},
		{"something drains", time.Hour, "e-", passage{}, append(slices.Clone(filled), "later unload e on pool/s0: drained")},
		{"one goes on", time.Hour, "w", passage{For: "d", From: "s2"}, filled},
	} {
		t.Run(c.name, func(t *testing.T) {
			world := []string{"x " + c.other, "o", "o z"}
			y := newYard(t, ServerGroup{}, "d 4 0 0", "e 2 0 0", "k 1 0 0.5", "o 3 1 0.1", "w 2 0 0", "x 3 1 9", "z 2 1 0").settled(world...)
			if c.goes.For != "" {
				c.goes.Since = y.now
				y.pool().passages = []passage{c.goes}
			}
			y.pool().swapped = y.now.Add(2*time.Second - c.since)
			require.Equal(t, c.does, y.plan(world...))
			if slices.Equal(c.does, begun) {
				require.Equal(t, []passage{{For: "x", From: "s1", Since: y.now}}, y.pool().passages)
				require.Equal(t, y.now, y.pool().swapped)
			}
		})
	}
}

// What is begun is the best exchange that adds to the worth of the whole, of the best
// three.
func TestBetterTakesWhatImproves(t *testing.T) {
	at := []int{0, 0, 0} // begun at each try
	trial := func(t *rapid.T) {
		y := drawBusyYard(t)
		a := y.allotment()
		var want []passage
		var vain []exchange
		for try := range at {
			best, blocked := a.exchanges(vain)
			if blocked.m != nil {
				if way, ok := a.unblock(blocked); ok && way.gain > best.gain {
					best = way
				}
			}
			if best.m == nil {
				best = blocked
			} else if a.improves(&best) {
				w := passage{For: best.m.Name, From: fmt.Sprintf("s%d", best.server), Since: a.last}
				if best.moves != nil {
					w.Model, w.To = best.moves.Name, fmt.Sprintf("s%d", best.to)
				}
				want = []passage{w}
				at[try]++
				break
			}
			vain = append(vain, best)
		}
		a.better()
		require.Equal(t, want, y.pool().passages)
	}
	for range 5 { // the second and third try are seldom needed
		rapid.Check(t, trial)
	}
	require.Greater(t, at[0], 20)
	t.Logf("begun at the first, second and third try: %d", at)
}

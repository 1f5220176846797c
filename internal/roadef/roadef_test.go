package roadef

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two resources, the first transient; three machines in two neighbourhoods and
// locations; service 1 depends on service 0, which spreads over two locations.
const model = `2
1 10
0 1
3
0 0 10 10 5 10 0 1 2
0 1 10 10 10 10 1 0 2
1 0 10 10 10 5 2 2 0
2
2 0
0 1 0
3
0 4 2 3
0 4 2 1
1 3 6 2
1
0 1 2
7
1 10 100
`

func instance(t *testing.T, text, at string) *Instance {
	in, err := Read(strings.NewReader(text), strings.NewReader(at))
	require.NoError(t, err)
	return in
}

func TestEvaluate(t *testing.T) {
	in := instance(t, model, "0 1 0")
	for _, c := range []struct {
		at     []int
		cost   int64
		faults string
	}{
		// Load 7,8 4,2 0,0: 2 over in the first resource. Balance: 2*3-2, 2*6-8, 2*10-10.
		{[]int{0, 1, 0}, 10*2 + 7*(4+4+10), ""},
		// Load 4,2 7,8 0,0. Moved: 2 for the process, one of the service, distance 1.
		{[]int{0, 1, 1}, 7*(4+4+10) + 2 + 10 + 100, ""},
		{[]int{1, 0, 1}, 7*(4+4+10) + 6 + 20 + 300, "machine 0, resource 0: 11 of 10\nmachine 1, resource 0: 11 of 10"},
		{[]int{0, 1, 2}, 7*(4+4+(14-4)) + 1*1 + 2 + 10 + 200, "process 2: no process of service 0 in neighbourhood 1"},
		{[]int{0, 0, 1}, 10*3 + 7*(0+(14-4)+10) + 3 + 10 + 200, "machine 0, resource 0: 11 of 10\nservice 0: two processes on machine 0\nservice 0: in 1 locations of 2"},
	} {
		cost, err := Evaluate(in, c.at)
		require.Equal(t, c.cost, cost, c.at)
		if c.faults == "" {
			require.NoError(t, err, c.at)
		} else {
			require.EqualError(t, err, c.faults, c.at)
		}
	}
	_, err := Evaluate(in, []int{0, 1})
	require.EqualError(t, err, "2 places for 3 processes")
	_, err = Evaluate(in, []int{0, 1, 3})
	require.EqualError(t, err, "process 2: no machine 3")
}

// What moved still uses a transient resource where it was.
func TestEvaluateCountsTransients(t *testing.T) {
	in := instance(t, strings.Replace(model, "0 0 10 10 5 10", "0 0 7 10 5 10", 1), "0 1 0")
	_, err := Evaluate(in, []int{1, 0, 0})
	require.EqualError(t, err, "machine 0, resource 0: 11 of 7")
	in = instance(t, strings.Replace(model, "1 10\n", "0 10\n", 1), "0 1 0")
	_, err = Evaluate(in, []int{1, 0, 0})
	require.NoError(t, err)
}

func TestReadFaults(t *testing.T) {
	for _, c := range []struct{ model, at, want string }{
		{strings.Replace(model, "4 2 3", "4 -2 3", 1), "0 1 0", "roadef: model: -2 is negative"},
		{strings.Replace(model, "1 3 6 2", "2 3 6 2", 1), "0 1 0", "roadef: model: index 2, there are 2"},
		{strings.Replace(model, "4 2 3", "x 2 3", 1), "0 1 0", `roadef: model: strconv.ParseInt: parsing "x": invalid syntax`},
		{model[:60], "0 1 0", "roadef: model: unexpected EOF"},
		{model + "5", "0 1 0", `roadef: model: "5" after the end`},
		{"99999999999", "", "roadef: model: 99999999999 is too many"},
		{model, "0 1", "roadef: assignment: unexpected EOF"},
		{model, "0 1 3", "roadef: assignment: index 3, there are 3"},
	} {
		_, err := Read(strings.NewReader(c.model), strings.NewReader(c.at))
		require.EqualError(t, err, c.want)
	}
}

// randomModel writes a model whose initial assignment keeps every constraint.
func randomModel(r *rand.Rand, machines, processes int) (model, at string) {
	var m, a bytes.Buffer
	fmt.Fprintf(&m, "3\n1 100\n0 50\n1 0\n%d\n", machines)
	for i := range machines {
		fmt.Fprintf(&m, "%d %d 40 40 40 25 30 35", i%2, i%3)
		for range machines {
			fmt.Fprintf(&m, " %d", r.IntN(4))
		}
		fmt.Fprintln(&m)
	}
	services := processes/2 + 1
	fmt.Fprintln(&m, services)
	for i := range services {
		// Service i depends on i-1 where both have processes in the same places.
		if i%4 == 1 {
			fmt.Fprintf(&m, "0 1 %d\n", i-1)
		} else {
			fmt.Fprintf(&m, "%d 0\n", min(2, r.IntN(3)))
		}
	}
	fmt.Fprintln(&m, 2*services)
	for i := range services {
		for k := range 2 {
			fmt.Fprintf(&m, "%d %d %d %d %d\n", i, r.IntN(8), r.IntN(8), r.IntN(8), r.IntN(5))
			fmt.Fprintln(&a, (i/4+k)%machines)
		}
	}
	fmt.Fprintf(&m, "1\n0 1 2\n3\n1 10 2\n")
	return m.String(), a.String()
}

// Whatever the search returns keeps every constraint, costs no more than what
// it began with, usually less, and is the same twice.
func TestSearch(t *testing.T) {
	better, tried := 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		text, at := randomModel(r, 4+r.IntN(6), 10+r.IntN(30))
		in := instance(t, text, at)
		before, err := Evaluate(in, in.Initial)
		if err != nil {
			continue
		}
		tried++
		o := Options{Steps: 30_000, Seed: seed}
		got := Search(in, o)
		after, err := Evaluate(in, got)
		require.NoError(t, err)
		require.LessOrEqual(t, after, before)
		if after < before {
			better++
		}
		require.Equal(t, got, Search(in, o))
	}
	require.Greater(t, tried, 20)
	require.Greater(t, better, tried/2) // the others begin with their best
}

// What the state says a move costs is what the evaluator finds, move by move,
// and it lets through whatever breaks no rule.
func TestStateAgreesWithEvaluate(t *testing.T) {
	moves, refused := 0, 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 2))
		text, at := randomModel(r, 3+r.IntN(5), 10+r.IntN(20))
		in := instance(t, text, at)
		if _, err := Evaluate(in, in.Initial); err != nil {
			continue
		}
		s := newState(in, in.Initial)
		places := slices.Clone(in.Initial)
		for range 300 {
			p, m := r.IntN(len(places)), r.IntN(len(in.Machines))
			from := places[p]
			if m == from {
				continue
			}
			places[p] = m
			if allowed := s.allows(int(s.service[p]), from, m); allowed != (services(in, places) == nil) {
				t.Fatalf("seed %d: process %d from %d to %d: allowed is %v, %v", seed, p, from, m, allowed, services(in, places))
			} else if !allowed {
				places[p] = from
				refused++
				continue
			}
			want := s.total + s.moveDelta(p, m)
			s.move(p, m)
			moves++
			cost, err := Evaluate(in, places)
			if cost != s.total || cost != want || (s.over == 0) != (err == nil) {
				t.Fatalf("seed %d: cost %d, total %d, foretold %d; over %d, %v", seed, cost, s.total, want, s.over, err)
			}
		}
	}
	require.Greater(t, moves, 1000)
	require.Greater(t, refused, 1000)
}

func TestSearchStops(t *testing.T) {
	text, at := randomModel(rand.New(rand.NewPCG(1, 1)), 6, 20)
	in := instance(t, text, at)
	asked := 0
	Search(in, Options{Steps: 1 << 40, Stop: func() bool {
		asked++
		return asked == 3
	}})
	require.Equal(t, 3, asked)
}

// However little it costs, what is beyond capacity is not kept.
func TestNoteKeepsOnlyWhatFits(t *testing.T) {
	in := instance(t, strings.Replace(model, "0 1 10 10 10 10", "0 1 9 10 10 10", 1), "0 1 0")
	s := &search{state: newState(in, in.Initial), best: 1 << 40, bestAt: []int32{0, 1, 0}}
	s.move(2, 1)
	require.Equal(t, 0, s.over)
	s.note()
	require.Equal(t, []int32{0, 1, 1}, s.bestAt)
	s.move(0, 2)
	s.move(0, 1)
	s.best = 1 << 40
	require.Equal(t, 1, s.over)
	s.note()
	require.EqualValues(t, 1<<40, s.best)
}

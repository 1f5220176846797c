package packing

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What is taken fits, no filling is worth more, and a cut search still bounds.
func TestKnapsack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := knapsack{width: rapid.IntRange(1, 3).Draw(t, "width")}
		for range s.width {
			s.room = append(s.room, rapid.Int64Range(-1, 12).Draw(t, "room"))
		}
		for range rapid.IntRange(0, 5).Draw(t, "rows") {
			var need []int64
			for range s.width {
				need = append(need, rapid.Int64Range(0, 7).Draw(t, "need"))
			}
			s.need = append(s.need, need)
			s.most = append(s.most, rapid.IntRange(0, 2).Draw(t, "most"))
			s.profit = append(s.profit, rapid.Int64Range(0, 9).Draw(t, "profit"))
		}
		want := slowKnapsack(&s, 0, append([]int64(nil), s.room...))
		best, bound := s.solve(1 << 20)
		if best != want || bound != want {
			t.Fatalf("%+v: %d, bound %d, want %d", s, best, bound, want)
		}
		worth := int64(0)
		for i, n := range s.chosen {
			worth += int64(n) * s.profit[i]
		}
		if worth != want {
			t.Fatalf("%+v: what was chosen is worth %d, not %d", s, worth, want)
		}
		if best, bound := s.solve(rapid.IntRange(0, 3).Draw(t, "nodes")); best > want || bound < want {
			t.Fatalf("%+v: %d, bound %d with few nodes, want %d between", s, best, bound, want)
		}
	})
}

func slowKnapsack(s *knapsack, i int, left []int64) int64 {
	if i == len(s.need) {
		return 0
	}
	best := slowKnapsack(s, i+1, left)
	left = append([]int64(nil), left...)
	for n := 1; n <= s.most[i] && covers(left, s.need[i]); n++ {
		for k, x := range s.need[i] {
			left[k] -= x
		}
		best = max(best, int64(n)*s.profit[i]+slowKnapsack(s, i+1, left))
	}
	return best
}

// The bound is never above the fewest bins, and where nothing is limited at
// least what the volumes ask for.
func TestColumnBound(t *testing.T) {
	tight, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		q := drawCover(t)
		fewest := slowFewest(q)
		if fewest > q.bins {
			return
		}
		bound := q.columnBound(1<<30, &budget{limit: 1 << 40})
		if bound > fewest {
			t.Fatalf("%+v\nbound %d, yet %d will do", q, bound, fewest)
		}
		if cut := q.columnBound(1<<30, &budget{limit: 5}); cut > bound {
			t.Fatalf("%+v\nbound %d, %d when cut short", q, bound, cut)
		}
		if fewest > 0 {
			all++
		}
		if fewest > 0 && bound == fewest {
			tight++
		}
	})
	if tight < all*3/4 {
		t.Errorf("tight in %d of %d", tight, all)
	}
}

func TestColumnBoundSeesWhatVolumesDoNot(t *testing.T) {
	takes := []bool{true}
	bins := []shape{{room: []int64{10, 10}, have: 20}}
	for _, c := range []struct {
		name string
		rows []row
		want int
	}{
		{"more than half", []row{{[]int64{6, 0}, 1, takes, 0}, {[]int64{6, 0}, 1, takes, 0}, {[]int64{6, 0}, 1, takes, 0}}, 3},
		{"one in each", []row{{[]int64{1, 1}, 7, takes, 0}}, 7},
		{
			"each dimension has room, both together do not",
			[]row{{[]int64{6, 1}, 3, takes, 0}, {[]int64{1, 6}, 3, takes, 0}, {[]int64{4, 4}, 4, takes, 0}},
			5,
		},
		{"fits nowhere", []row{{[]int64{11, 0}, 1, takes, 0}}, 0},
		{"nothing", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := &cover{width: 2, shapes: bins, rows: c.rows, bins: 20}
			q.sortRows()
			require.Equal(t, c.want, q.columnBound(1<<30, &budget{limit: 1 << 30}))
		})
	}
}

// Numbers near the limit neither overflow nor lose the bound.
func TestColumnBoundOfHugeNumbers(t *testing.T) {
	q := &cover{width: 1, shapes: []shape{{room: []int64{limit / 8}, have: 7}}, bins: 7}
	for range 6 {
		q.rows = append(q.rows, row{need: []int64{limit/16 + 1<<40}, count: 1, takes: []bool{true}})
	}
	require.Equal(t, 6, q.columnBound(1<<30, &budget{limit: 1 << 30}))
}

func BenchmarkColumnBound(b *testing.B) {
	for _, items := range []int{50, 200, 500} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			q := &cover{width: 3, shapes: []shape{{room: []int64{100, 100, 100}, have: items}}, bins: items}
			src := &source{state: 1}
			volume := int64(0)
			for range items {
				r := row{count: 1, takes: []bool{true}}
				for range q.width {
					r.need = append(r.need, int64(10+src.below(40)))
				}
				volume += r.need[0]
				q.rows = append(q.rows, r)
			}
			q.sortRows()
			bound := 0
			b.ReportAllocs()
			for b.Loop() {
				bound = q.columnBound(1<<30, &budget{limit: 10_000_000})
			}
			b.ReportMetric(float64(bound), "bound/op")
			b.ReportMetric(float64((volume+99)/100), "volume/op")
		})
	}
}

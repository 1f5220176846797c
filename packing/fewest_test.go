package packing

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawCover makes a cover small enough to try everything.
func drawCover(t *rapid.T) *cover {
	q := &cover{width: rapid.IntRange(1, 2).Draw(t, "width")}
	vector := func(low, high int64, label string) []int64 {
		v := make([]int64, q.width)
		for k := range v {
			v[k] = rapid.Int64Range(low, high).Draw(t, label)
		}
		return v
	}
	for range rapid.IntRange(1, 2).Draw(t, "shapes") {
		s := shape{room: vector(5, 10, "room"), have: rapid.IntRange(0, 4).Draw(t, "have")}
		q.shapes = append(q.shapes, s)
		q.bins += s.have
	}
	for range rapid.IntRange(1, 5).Draw(t, "rows") {
		r := row{need: vector(0, 7, "need"), count: rapid.IntRange(1, 2).Draw(t, "count")}
		for range q.shapes {
			r.takes = append(r.takes, rapid.IntRange(0, 4).Draw(t, "takes") > 0)
		}
		if len(q.rows) > 0 && rapid.IntRange(0, 2).Draw(t, "same") == 0 {
			r = q.rows[len(q.rows)-1]
		}
		q.rows = append(q.rows, r)
	}
	q.sortRows()
	return q
}

// slowFewest is the least number of bins by trying all; q.bins+1 if none will do.
func slowFewest(q *cover) int {
	var left [][]int64
	var shapes []int
	for s := range q.shapes {
		for range q.shapes[s].have {
			left = append(left, append([]int64(nil), q.shapes[s].room...))
			shapes = append(shapes, s)
		}
	}
	held := make([]int, len(left))
	best := q.bins + 1
	var try func(i, item, from, used int)
	try = func(i, item, from, used int) {
		switch {
		case i == len(q.rows):
			best = min(best, used)
			return
		case item == q.rows[i].count:
			try(i+1, 0, 0, used)
			return
		}
		r := &q.rows[i]
		for b := from; b < len(left); b++ {
			if !r.takes[shapes[b]] || !covers(left[b], r.need) {
				continue
			}
			for k, n := range r.need {
				left[b][k] -= n
			}
			held[b]++
			now := used
			if held[b] == 1 {
				now++
			}
			try(i, item+1, b+1, now)
			held[b]--
			for k, n := range r.need {
				left[b][k] += n
			}
		}
	}
	try(0, 0, 0, 0)
	return best
}

// What is called impossible is, and what is not is possible.
func TestImpossible(t *testing.T) {
	yes, no := 0, 0
	trial := func(t *rapid.T) {
		q := drawCover(t)
		fewest := slowFewest(q)
		for bins := range q.bins + 1 {
			got := q.impossible(bins, &budget{limit: 1 << 40})
			if got != (bins < fewest) {
				t.Fatalf("%+v\n%d bins impossible: %v, yet the fewest is %d", q, bins, got, fewest)
			}
			if got {
				yes++
			} else {
				no++
			}
		}
	}
	for range 3 {
		rapid.Check(t, trial)
	}
	if yes < 150 || no < 150 {
		t.Errorf("%d impossible, %d not", yes, no)
	}
}

// Nothing is certain once the budget is spent.
func TestImpossibleGivesUp(t *testing.T) {
	q := &cover{width: 1, shapes: []shape{{room: []int64{10}, have: 9}}, bins: 9}
	for i := range int64(20) {
		q.rows = append(q.rows, row{need: []int64{3 + i%3}, count: 1, takes: []bool{true}})
	}
	q.sortRows()
	b := &budget{limit: 1 << 40}
	require.True(t, q.impossible(8, b))
	require.False(t, q.impossible(8, &budget{limit: b.steps - 1}))
}

func BenchmarkImpossible(b *testing.B) {
	for _, items := range []int{20, 40, 60} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			q := &cover{width: 3, shapes: []shape{{room: []int64{100, 100, 100}, have: items}}, bins: items}
			src := &source{state: 1}
			for range items {
				r := row{count: 1, takes: []bool{true}}
				for range q.width {
					r.need = append(r.need, int64(10+src.below(40)))
				}
				q.rows = append(q.rows, r)
			}
			q.sortRows()
			proven, bins := 0, 0
			for b.Loop() {
				budget := &budget{limit: 1_000_000}
				for bins = 1; q.impossible(bins, budget); bins++ {
					proven = bins
				}
			}
			b.ReportMetric(float64(proven+1), "bound/op")
		})
	}
}

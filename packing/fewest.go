package packing

import "slices"

// A fewest tries all ways to hold the items of a cover in so many bins.
//
// It takes the rows in order and each row's items into ascending bins. Of bins
// that have the same left it tries one, and of rows that are alike, with one
// item each, the later goes into no earlier bin: everything else is the same
// with names exchanged.
type fewest struct {
	*cover
	*budget
	most   int // bins
	opened []int
	left   [][]int64 // per opened bin
	spare  []int     // per shape
	first  []int     // per row: the bin of its first item
	rest   [][]int64 // per row: what it and those behind it need together
}

// impossible reports whether it is certain that so many bins do not hold the
// items. It is false when the budget ends before.
func (q *cover) impossible(bins int, b *budget) bool {
	f := &fewest{cover: q, budget: b, most: bins, first: make([]int, len(q.rows))}
	for _, s := range q.shapes {
		f.spare = append(f.spare, s.have)
	}
	f.rest = make([][]int64, len(q.rows)+1)
	f.rest[len(q.rows)] = make([]int64, q.width)
	for i := len(q.rows) - 1; i >= 0; i-- {
		f.rest[i] = slices.Clone(f.rest[i+1])
		for k, n := range q.rows[i].need {
			f.rest[i][k] += n * int64(q.rows[i].count)
		}
	}
	return !f.place(0, 0, 0) && !b.spent()
}

// place reports whether all from the given item of row i on finds room, that
// item in no bin before from.
func (f *fewest) place(i, item, from int) bool {
	if i == len(f.rows) {
		return true
	}
	r := &f.rows[i]
	if item == r.count {
		return f.place(i+1, 0, 0)
	}
	f.spend(1)
	if f.spent() || item == 0 && !f.hope(i) {
		return false
	}
	if item == 0 && i > 0 && r.count == 1 && f.alike(i-1, i) {
		from = f.first[i-1]
	}
	for b := from; b < len(f.opened); b++ {
		if !r.takes[f.opened[b]] || !covers(f.left[b], r.need) || f.repeats(from, b) {
			continue
		}
		f.take(b, r.need, 1)
		if item == 0 {
			f.first[i] = b
		}
		if f.place(i, item+1, b+1) {
			return true
		}
		f.take(b, r.need, -1)
	}
	return f.open(i, item)
}

// open tries the item in a new bin of each shape.
func (f *fewest) open(i, item int) bool {
	r := &f.rows[i]
	if len(f.opened) == f.most {
		return false
	}
	b := len(f.opened)
	for s := range f.shapes {
		if f.spare[s] == 0 || !r.takes[s] || !covers(f.shapes[s].room, r.need) {
			continue
		}
		f.spare[s]--
		f.opened = append(f.opened, s)
		f.left = append(f.left, slices.Clone(f.shapes[s].room))
		f.take(b, r.need, 1)
		if item == 0 {
			f.first[i] = b
		}
		if f.place(i, item+1, b+1) {
			return true
		}
		f.opened, f.left = f.opened[:b], f.left[:b]
		f.spare[s]++
	}
	return false
}

func (f *fewest) take(b int, need []int64, times int64) {
	for k, n := range need {
		f.left[b][k] -= n * times
	}
}

// repeats reports whether a bin from the given one on has the same left as b.
func (f *fewest) repeats(from, b int) bool {
	for other := from; other < b; other++ {
		if f.opened[other] == f.opened[b] && slices.Equal(f.left[other], f.left[b]) {
			return true
		}
	}
	return false
}

func (f *fewest) alike(i, j int) bool {
	a, b := &f.rows[i], &f.rows[j]
	return a.count == b.count && slices.Equal(a.need, b.need) && slices.Equal(a.takes, b.takes)
}

// hope reports whether volumes leave any from row i on. What no remaining row
// fits into is no room.
func (f *fewest) hope(i int) bool {
	f.spend((len(f.rows) - i) * len(f.opened) / 64)
	unopened := int64(f.most - len(f.opened))
	for k := range f.width {
		room := f.largest(k) * unopened
		for b, left := range f.left {
			if left[k] > 0 && f.useful(i, b) {
				room += left[k]
			}
		}
		if room < f.rest[i][k] {
			return false
		}
	}
	return true
}

// largest is the most room of any bin that may still be opened.
func (f *fewest) largest(k int) int64 {
	most := int64(0)
	for s := range f.shapes {
		if f.spare[s] > 0 {
			most = max(most, f.shapes[s].room[k])
		}
	}
	return most
}

func (f *fewest) useful(i, b int) bool {
	for r := i; r < len(f.rows); r++ {
		if f.rows[r].takes[f.opened[b]] && covers(f.left[b], f.rows[r].need) {
			return true
		}
	}
	return false
}

package packing

import (
	"cmp"
	"math"
	"slices"
)

// A diver makes whole numbers of a linear programme of fillings: it puts those
// into bins that the programme has most of, solves it again for what is left,
// and so on to the bottom. When that takes too many bins it goes back and leaves
// out the choices it made, a few of them, near the top: diving with limited
// discrepancy search as in Sadykov, Vanderbeck, Pessoa, Tahiri and Uchoa,
// "Primal Heuristics for Branch and Price: The Assets of Diving Methods".
type diver struct {
	*master
	most  int      // bins
	items int      // in no bin yet
	left  [][]int  // of these, per row and class
	kinds []int    // per row, the classes with any left
	bins  [][]part // filled so far
	taboo map[int]bool
}

// A part is an item in a bin: of a row, and of which of its classes.
type part struct{ row, class int32 }

// trifle is what values may be off whole numbers.
const trifle = 1e-3

// shallow is how deep choices are left out.
const shallow = 6

// dives is what diving may take.
func (e Effort) dives() int64 {
	switch e {
	case Second:
		return 1_000_000
	case HalfMinute:
		return 20_000_000
	}
	return 0
}

// dive packs by diving, with the fillings of former passes to begin with, and
// returns a bound on the bins in use; least is one that is known.
func (r *run) dive(least int) int {
	s := r.s
	if s.used <= least || r.Effort.dives() == 0 || !s.plain() {
		return least
	}
	d := newDiver(s, &budget{limit: r.Effort.dives(), stop: r.Stop})
	if d == nil {
		return least
	}
	d.seed(s.items, r.fillings)
	if d.solve(d.kinds) {
		if d.fillings() > float64(least) {
			d.price(d.lp.price, longPricing, d.budget)
			least = max(least, min(d.best, s.used))
		}
		top := d.save()
		for r.s.used > least && d.fewer(top) {
			r.s = d.pack(s.layout)
			d.undo(0)
		}
	}
	r.steps += d.steps
	r.stopped = r.stopped || d.stopped
	return least
}

// longPricing is how many nodes the proof of a bound is worth.
const longPricing = 30_000

// plain reports whether every bin is as good as every other, and empty at the
// beginning.
func (s *state) plain() bool {
	if len(s.rules) > 0 || len(s.over) > 0 {
		return false
	}
	for k := range s.kinds {
		a, b := &s.kinds[0], &s.kinds[k]
		if a.profile != b.profile || a.bin.cost() != b.bin.cost() || !slices.Equal(a.room, b.room) {
			return false
		}
	}
	for _, b := range s.layout.binIn {
		if s.p.Bins[b].State != Open {
			return false
		}
	}
	return !slices.ContainsFunc(s.home, func(bins []int32) bool { return len(bins) > 0 })
}

// newDiver is to find a place in fewer bins for all that s holds; nil if there
// are too many different items.
func newDiver(s *state, b *budget) *diver {
	const rows = 1000
	counts := make([]int, len(s.at))
	for c, bins := range s.at {
		counts[c] = len(bins)
	}
	c := newColumns(newCover(s.layout, counts))
	if len(c.need) > rows || c.hopeless {
		return nil
	}
	d := &diver{master: &master{columns: c, budget: b}, most: s.used - 1, taboo: map[int]bool{}}
	for i, classes := range c.classes {
		left := make([]int, len(classes))
		for k, class := range classes {
			left[k] = counts[class]
		}
		d.left = append(d.left, left)
		d.kinds = append(d.kinds, len(classes))
		d.items += c.demand[i]
	}
	return d
}

// seed begins with the fillings of a packing, and others at hand.
func (d *diver) seed(packing, others [][]int32) {
	rowOf := map[int32]int32{}
	for i, classes := range d.classes {
		for _, c := range classes {
			rowOf[c] = int32(i)
		}
	}
	seen := map[uint64]bool{}
	add := func(bins [][]int32) {
		for _, bin := range bins {
			f := fillingOf(bin, rowOf)
			key := uint64(0)
			for _, p := range f {
				key = mix(key ^ uint64(p.row)<<32 ^ uint64(p.n))
			}
			if len(f) > 0 && !seen[key] {
				seen[key] = true
				d.pool = append(d.pool, f)
			}
		}
	}
	add(packing)
	first := len(d.pool)
	add(others)
	d.begin(first)
}

func fillingOf(bin []int32, rowOf map[int32]int32) filling {
	rows := make([]int32, len(bin))
	for k, c := range bin {
		rows[k] = rowOf[c]
	}
	slices.Sort(rows)
	var f filling
	for k, row := range rows {
		if k == 0 || row != rows[k-1] {
			f = append(f, portion{row, 0})
		}
		f[len(f)-1].n++
	}
	return f
}

// fewer dives from the top, leaving out more and more choices, until it has all
// items in at most so many bins.
func (d *diver) fewer(top programme) bool {
	const most = 4
	for leave := range most {
		d.restore(top)
		if d.dive(leave, 0) {
			d.most = len(d.bins) - 1
			return true
		}
	}
	return false
}

// pack puts the items into bins of a new state.
func (d *diver) pack(l *layout) *state {
	bins := make([][]int32, len(d.bins))
	for b, bin := range d.bins {
		for _, p := range bin {
			bins[b] = append(bins[b], d.classes[p.row][p.class])
		}
	}
	return packed(l, bins)
}

// A choice is a filling that the programme has some of.
type choice struct {
	filling
	id    int
	value float64
}

// dive fills bins until no items are left, and may leave out so many choices on
// the way. If that takes too many bins nothing has changed but the programme.
func (d *diver) dive(leave, depth int) bool {
	if !d.solve(d.kinds) && d.items > 0 {
		return false
	}
	if d.items == 0 {
		return len(d.bins) <= d.most
	}
	const raised = 1e-4 // by so much demands may be too high
	if len(d.bins)+int(math.Ceil(float64(d.fillings()*(1-raised))-raised)) > d.most {
		return false
	}
	mark := len(d.bins)
	choices := d.choices()
	for _, c := range choices {
		for ; c.value > 1-trifle && d.items > 0; c.value-- {
			d.fill(c.filling)
		}
	}
	if len(d.bins) > mark && d.dive(leave, depth) || len(d.bins) == mark && d.choose(choices, leave, depth) {
		return true
	}
	d.undo(mark)
	return false
}

// choices are the fillings of the basis, most first.
func (d *diver) choices() []choice {
	var list []choice
	for r, id := range d.lp.which {
		c := choice{id: id, value: d.lp.value[r]}
		switch {
		case c.value < trifle || id <= surplus:
			continue
		case id < 0:
			c.filling = filling{{int32(-1 - id), int32(d.single[-1-id])}}
		default:
			c.filling = d.pool[id]
		}
		if slices.ContainsFunc(c.filling, func(p portion) bool { return d.kinds[p.row] > 0 }) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b choice) int { return cmp.Or(cmp.Compare(b.value, a.value), cmp.Compare(a.id, b.id)) })
	return list
}

// choose dives with the first choice, then without it, as often as it may.
func (d *diver) choose(choices []choice, leave, depth int) bool {
	if depth >= shallow {
		leave = 0
	}
	var here programme
	if leave > 0 {
		here = d.save()
	}
	mark := len(d.bins)
	var left []int
	defer func() {
		for _, id := range left {
			delete(d.taboo, id)
		}
	}()
	for i, c := range choices {
		if d.taboo[c.id] {
			continue
		}
		if len(left) > 0 {
			d.restore(here)
		}
		d.fill(c.filling)
		d.fillMore(choices[i+1:])
		if d.dive(leave-len(left), depth+1) {
			return true
		}
		d.undo(mark)
		d.taboo[c.id] = true
		if left = append(left, c.id); len(left) > leave || d.spent() {
			break
		}
	}
	return false
}

// fillMore fills a part of the bins that remain by what the programme has much
// of, so that it need not be solved for each.
func (d *diver) fillMore(choices []choice) {
	const part, much = 16, 0.3
	n := (d.most - len(d.bins)) / part
	for _, c := range choices {
		if n <= 0 || c.value < much {
			return
		}
		if !d.taboo[c.id] && !slices.ContainsFunc(c.filling, func(p portion) bool { return d.kinds[p.row] < int(p.n) }) {
			d.fill(c.filling)
			n--
		}
	}
}

// fill fills a bin, as far as items are left, from the classes with most.
func (d *diver) fill(f filling) {
	var bin []part
	for _, p := range f {
		left := d.left[p.row]
		from := len(bin)
		for range min(int(p.n), d.kinds[p.row]) {
			best := -1
			for k, n := range left {
				if n > 0 && (best < 0 || n > left[best]) && !slices.Contains(bin[from:], part{p.row, int32(k)}) {
					best = k
				}
			}
			bin = append(bin, part{p.row, int32(best)})
		}
		for _, q := range bin[from:] {
			d.count(q, -1)
		}
		sum := 0
		for _, n := range left {
			sum += n
		}
		if is := d.asked(int(p.row), sum); is != d.want[p.row] {
			d.lp.want(int(p.row), is-d.want[p.row])
			d.want[p.row] = is
		}
	}
	if len(bin) > 0 {
		d.bins = append(d.bins, bin)
	}
}

// count books that items of a row's class came or went.
func (d *diver) count(p part, by int) {
	left := &d.left[p.row][p.class]
	had := *left > 0
	*left += by
	d.items += by
	switch has := *left > 0; {
	case has && !had:
		d.kinds[p.row]++
	case had && !has:
		d.kinds[p.row]--
	}
}

// undo takes back the bins since a mark; the programme is the caller's.
func (d *diver) undo(mark int) {
	for _, bin := range d.bins[mark:] {
		for _, p := range bin {
			d.count(p, 1)
		}
	}
	d.bins = d.bins[:mark]
}

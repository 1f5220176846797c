package packing

import (
	"cmp"
	"slices"
)

// A tiler packs where nothing may be wasted: where all items of some dimension
// just fill so many bins, each of these bins must be full to the brim, and of
// such fillings there are few. It lists those that hold the bulkiest items,
// which leave the least to choose, and chooses among them so that every item is
// in as many as it has to: of the items not covered always one that has the
// fewest left, as Knuth does in "Dancing Links". What these leave is packed in
// the same way.
type tiler struct {
	*budget
	room  []int64 // of a bin
	tight []int   // the columns that have to be full
	bins  [][]int32
}

// A tile is a class with items to place.
type tile struct {
	class int32
	count int
	need  []int64
	size  int64  // for its part of the room, summed over the columns
	hash  uint32 // of the tight columns: that of a sum is the sum
}

// tiles is how many tiles a tiler may look at.
func (e Effort) tiles() int64 {
	switch e {
	case Second:
		return 40_000_000
	case HalfMinute:
		return 500_000_000
	}
	return 0
}

// tile packs into as many bins as the bound says, if they would all be full.
func (r *run) tile(least int) {
	const manyBins, looksPerStep = 32, 32
	s := r.s
	if s.used <= least || least > manyBins || r.Effort.tiles() == 0 || !s.plain() {
		return
	}
	t := &tiler{budget: &budget{limit: r.Effort.tiles(), stop: r.Stop}, room: s.kinds[0].room}
	var tiles []tile
	total := make([]int64, s.width)
	for c, bins := range s.at {
		x := tile{class: int32(c), count: len(bins), need: s.needs(int32(c))}
		for k, n := range x.need {
			total[k] += n * int64(x.count)
			x.size += int64(float64(n) / float64(max(t.room[k], 1)) * (1 << 20))
		}
		if x.count > 0 {
			tiles = append(tiles, x)
		}
	}
	for k, n := range total {
		if n == t.room[k]*int64(least) && n > 0 {
			t.tight = append(t.tight, k)
		}
	}
	if len(t.tight) == 0 {
		return
	}
	for i := range tiles {
		tiles[i].hash = t.hash(tiles[i].need)
	}
	slices.SortFunc(tiles, func(a, b tile) int { return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.class, b.class)) })
	if t.all(tiles, least) {
		r.s = packed(s.layout, t.bins)
	}
	r.steps += t.steps / looksPerStep
	r.stopped = r.stopped || t.stopped
}

// hash of a sum is the sum of the hashes.
func (t *tiler) hash(v []int64) uint32 {
	h := uint64(0)
	for _, k := range t.tight {
		h += uint64(v[k]) * (mix(uint64(k)) | 1)
	}
	return uint32(h)
}

// all packs all of the tiles into so many bins, and reports whether it could.
func (t *tiler) all(tiles []tile, bins int) bool {
	if bins == 0 || len(tiles) == 0 {
		return len(tiles) == 0
	}
	g := newTiling(t, tiles)
	return g.heads(bins) && g.choose(bins)
}

// A tiling is the choice among the fillings of the bulkiest of some tiles.
type tiling struct {
	*tiler
	tiles []tile
	rest  [][]int64 // per tile: what it and those behind it need together
	tails []tail    // of the last tiles, by how many

	left  []int64
	path  []int32
	full  [][]int32 // fillings, by tile
	known int       // so many tiles have all of theirs among these
	have  []int     // per tile, what is not placed
}

// A tail knows which sums some tiles have, by hash; it may err by knowing too
// many.
type tail []uint64

func (t tail) has(h uint32) bool {
	h &= uint32(64*len(t) - 1)
	return t[h/64]>>(h%64)&1 != 0
}

func newTiling(t *tiler, tiles []tile) *tiling {
	const most = 22 // 2^24 bits at the longest
	n := len(tiles)
	g := &tiling{tiler: t, tiles: tiles, rest: make([][]int64, n+1), left: slices.Clone(t.room)}
	g.rest[n] = make([]int64, len(t.room))
	for i := n - 1; i >= 0; i-- {
		g.rest[i] = slices.Clone(g.rest[i+1])
		for k, x := range tiles[i].need {
			g.rest[i][k] += x
		}
	}
	sums := []uint32{0}
	for j := range min(most, n*3/10) + 1 {
		if j > 0 {
			for _, h := range sums {
				sums = append(sums, h+tiles[n-j].hash)
			}
		}
		bits := make(tail, max(1, 4*len(sums)/64))
		for _, h := range sums {
			h &= uint32(64*len(bits) - 1)
			bits[h/64] |= 1 << (h % 64)
		}
		g.tails = append(g.tails, bits)
		g.spend(len(sums) / 4)
	}
	for i := range tiles {
		g.have = append(g.have, tiles[i].count)
	}
	return g
}

// heads lists the fillings of one tile after the other, in which it is the
// first, with half of what is left to spend; false if some tile has none.
func (g *tiling) heads(bins int) bool {
	limit := g.limit
	g.limit = g.steps + (limit-g.steps)/2
	defer func() { g.limit = limit }()
	covered := make([]bool, len(g.tiles))
	for items := 0; g.known < len(g.tiles) && items < 2*bins; g.known++ {
		was := len(g.full)
		head := &g.tiles[g.known]
		items += head.count
		if covers(g.left, head.need) {
			g.put(g.known, 1)
			g.extend(g.known+1, g.hash(g.room)-head.hash)
			g.put(g.known, -1)
		}
		if g.spent() {
			g.full = g.full[:was]
			break
		}
		for _, f := range g.full[was:] {
			for _, i := range f {
				covered[i] = true
			}
		}
		if !covered[g.known] {
			return false
		}
	}
	return g.known > 0
}

func (g *tiling) put(i int, times int64) {
	for k, n := range g.tiles[i].need {
		g.left[k] -= n * times
	}
	if times > 0 {
		g.path = append(g.path, int32(i))
	} else {
		g.path = g.path[:len(g.path)-1]
	}
}

// extend lists the ways to fill what is left, of which the hash is given, with
// tiles from one on.
func (g *tiling) extend(from int, hash uint32) {
	if g.brimful() {
		g.full = append(g.full, slices.Clone(g.path))
		return
	}
	n := len(g.tiles)
	for i := from; i < n && !g.spent(); i++ {
		g.spend(1)
		for _, k := range g.tight {
			if g.rest[i][k] < g.left[k] {
				return
			}
		}
		if n-i < len(g.tails) && !g.tails[n-i].has(hash) {
			return
		}
		if x := &g.tiles[i]; covers(g.left, x.need) {
			g.put(i, 1)
			g.extend(i+1, hash-x.hash)
			g.put(i, -1)
		}
	}
}

func (g *tiling) brimful() bool {
	for _, k := range g.tight {
		if g.left[k] != 0 {
			return false
		}
	}
	return true
}

// choose places all tiles in so many bins.
func (g *tiling) choose(bins int) bool {
	list := make([]int32, len(g.full))
	for i := range list {
		list[i] = int32(i)
	}
	return g.among(list, bins)
}

// among does the same, with these of the fillings.
func (g *tiling) among(list []int32, bins int) bool {
	g.spend(1 + len(list))
	if g.spent() {
		return false
	}
	ways := make([]int, g.known)
	for _, f := range list {
		for _, i := range g.full[f] {
			if int(i) < g.known {
				ways[i]++
			}
		}
	}
	pick := -1
	for i, n := range ways {
		if g.have[i] > 0 && (pick < 0 || n < ways[pick]) {
			pick = i
		}
	}
	if pick < 0 {
		return g.remainder(bins)
	}
	for _, f := range list {
		if !slices.Contains(g.full[f], int32(pick)) {
			continue
		}
		g.book(f, -1)
		// Of those with this tile the ones before have been tried.
		next := slices.DeleteFunc(slices.Clone(list), func(o int32) bool {
			return o < f && slices.Contains(g.full[o], int32(pick)) || !g.fit(o)
		})
		if slices.Max(g.have) <= bins-1 && g.among(next, bins-1) {
			return true
		}
		g.book(f, 1)
		g.bins = g.bins[:len(g.bins)-1]
	}
	return false
}

// book places what a filling holds, or takes it back.
func (g *tiling) book(f int32, by int) {
	var classes []int32
	for _, i := range g.full[f] {
		g.have[i] += by
		classes = append(classes, g.tiles[i].class)
	}
	if by < 0 {
		g.bins = append(g.bins, classes)
	}
}

// fit reports whether all of a filling is to be had.
func (g *tiling) fit(f int32) bool {
	for _, i := range g.full[f] {
		if g.have[i] == 0 {
			return false
		}
	}
	return true
}

// remainder packs what the bulky tiles left.
func (g *tiling) remainder(bins int) bool {
	var tiles []tile
	for i, n := range g.have {
		if n > 0 {
			x := g.tiles[i]
			x.count = n
			tiles = append(tiles, x)
		}
	}
	mark := len(g.bins)
	if g.all(tiles, bins) {
		return true
	}
	g.bins = g.bins[:mark]
	return false
}

// packed is a state with these bins, of a plain problem.
func packed(l *layout, bins [][]int32) *state {
	s := newState(l)
	for b, classes := range bins {
		if b == len(s.kind) {
			s.openNew(int32(slices.IndexFunc(s.spareNew, func(n int32) bool { return n > 0 })))
		}
		for _, c := range classes {
			s.add(c, int32(b))
		}
	}
	s.log = s.log[:0]
	return s
}

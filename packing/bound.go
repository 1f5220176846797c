package packing

import (
	"cmp"
	"slices"
)

// bound is a count of bins below which no packing of the placed items goes,
// wherever they sit now. It looks at one dimension after the other, and at
// what can not share a bin.
func (s *state) bound() int {
	bound := s.quickBound()
	if bound >= s.used {
		return bound
	}
	for d := range s.p.Dimensions {
		bound = max(bound, s.reducedBound(d))
	}
	return max(bound, s.clique())
}

// quickBound is the larger of two bounds: the largest class, and the volume in
// each dimension in the largest bins there are.
func (s *state) quickBound() int {
	bound := 0
	for _, bins := range s.at {
		bound = max(bound, len(bins))
	}
	for d := range s.p.Dimensions {
		volume := int64(0)
		for c, bins := range s.at {
			volume += s.needs(int32(c))[d] * int64(len(bins))
		}
		bound = max(bound, s.binsFor(d, volume))
	}
	return bound
}

// A stock is a number of equal bins.
type stock struct {
	room  int64
	count int
}

// binsFor is how few bins have room for a volume in one dimension.
func (s *state) binsFor(d int, volume int64) int {
	if volume <= 0 {
		return 0
	}
	n := 0
	for _, k := range s.stocks(d) {
		if volume <= 0 || k.room <= 0 {
			break
		}
		take := min(int64(k.count), (volume-1)/k.room+1)
		volume -= take * k.room
		n += int(take)
	}
	return n // fewer have no room at all, if the bins are overfull
}

// stocks are the bins by their room for sizes in a dimension, the largest
// first. Templates count as if none were open yet.
func (s *state) stocks(d int) []stock {
	counts := make([]int, len(s.kinds))
	for b := range s.binIn {
		counts[s.kind[b]]++
	}
	for t := range s.spareNew {
		counts[t] = min(s.p.Templates[t].Max, 1<<31-1)
	}
	var stocks []stock
	for k, n := range counts {
		if n > 0 {
			stocks = append(stocks, stock{s.sizeRoom(int32(k), d), n})
		}
	}
	slices.SortFunc(stocks, func(a, b stock) int { return cmp.Compare(b.room, a.room) })
	return stocks
}

// sizeRoom is what sizes may add up to in an empty bin of a kind.
func (s *state) sizeRoom(k int32, d int) int64 {
	room := s.kinds[k].room[d]
	if b := s.kinds[k].bin; b.Virtual != nil {
		room += b.Virtual[d] - b.Capacity[d]
	}
	return room
}

// reducedBound is the best of two families of dual feasible functions in one
// dimension, over the thresholds that the sizes offer: the bound L2 of Martello
// and Toth, "Lower Bounds and Reduction Procedures for the Bin Packing Problem",
// and f1 of Carlier, Clautiaux and Moukrim, "New Reduction Procedures and Lower
// Bounds for the Two-Dimensional Bin Packing Problem with Fixed Orientation".
func (s *state) reducedBound(d int) int {
	stocks := s.stocks(d)
	if len(stocks) == 0 || stocks[0].room <= 0 {
		return 0
	}
	sizes := &sizeList{room: stocks[0].room}
	for c, bins := range s.at {
		if size := s.needs(int32(c))[d]; size > 0 && len(bins) > 0 && size <= sizes.room {
			sizes.of = append(sizes.of, stock{size, len(bins)})
		}
	}
	slices.SortFunc(sizes.of, func(a, b stock) int { return cmp.Compare(a.room, b.room) })
	bound := 0
	last := int64(0)
	for i, tries := 0, 0; i < len(sizes.of) && tries < maxThresholds; i++ {
		if k := sizes.of[i].room; k != last && k <= sizes.room/2 {
			last = k
			tries++
			bound = max(bound, sizes.martelloToth(k), sizes.carlier(k))
		}
	}
	return max(bound, sizes.martelloToth(0))
}

// maxThresholds bounds the work: the smallest sizes are tried first.
const maxThresholds = 64

// A sizeList is the sizes of items in one dimension, ascending, and the room
// that they are to fit into.
type sizeList struct {
	of   []stock
	room int64
}

// martelloToth counts what is above room-k as whole bins, what is below k not
// at all.
func (l *sizeList) martelloToth(k int64) int {
	whole, volume := 0, int64(0)
	for _, x := range l.of {
		switch {
		case x.room > l.room-k:
			whole += x.count
		case x.room >= k:
			volume += x.room * int64(x.count)
		}
	}
	return whole + int((volume+l.room-1)/l.room)
}

// carlier rounds small sizes down and large ones up to multiples of k.
func (l *sizeList) carlier(k int64) int {
	bin := 2 * (l.room / k)
	if bin > 1<<24 {
		return 0 // nothing is rounded much, and sums might not hold
	}
	sum := int64(0)
	for _, x := range l.of {
		n := int64(x.count)
		switch {
		case x.room > l.room-x.room:
			sum += n * (bin - 2*((l.room-x.room)/k))
		case x.room == l.room-x.room:
			sum += n * (bin / 2)
		default:
			sum += n * 2 * (x.room / k)
		}
	}
	return int((sum + bin - 1) / bin)
}

// maxClique bounds the classes that clique compares.
const maxClique = 1024

// clique is the number of items in a set of which no two can share a bin, found
// greedily: two of one class, or two that together exceed the largest room in
// some dimension.
func (s *state) clique() int {
	most := make([]int64, len(s.p.Dimensions))
	for d := range most {
		for _, k := range s.stocks(d)[:min(1, len(s.stocks(d)))] {
			most[d] = k.room
		}
	}
	order := make([]int32, 0, len(s.at))
	for c := range s.at {
		if len(s.at[c]) > 0 {
			order = append(order, int32(c))
		}
	}
	largest := make([]share, len(s.at))
	for _, c := range order {
		for d, m := range most {
			if x := (share{s.needs(c)[d], max(m, 1)}); largest[c].less(x) {
				largest[c] = x
			}
		}
	}
	slices.SortFunc(order, func(i, j int32) int {
		if largest[j].less(largest[i]) {
			return -1
		} else if largest[i].less(largest[j]) {
			return 1
		}
		return cmp.Or(cmp.Compare(len(s.at[j]), len(s.at[i])), cmp.Compare(i, j))
	})
	order = order[:min(len(order), maxClique)]
	var set []int32
	n := 0
	for _, c := range order {
		if !slices.ContainsFunc(set, func(o int32) bool { return s.fitTogether(c, o, most) }) {
			set = append(set, c)
			n += len(s.at[c])
		}
	}
	return n
}

func (s *state) fitTogether(a, b int32, room []int64) bool {
	for d, m := range room {
		if s.needs(a)[d]+s.needs(b)[d] > m {
			return false
		}
	}
	return true
}

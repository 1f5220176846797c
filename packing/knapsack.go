package packing

import (
	"cmp"
	"math/bits"
	"slices"
)

// A knapsack asks for the most profit that fits into one bin: of each row at
// most so many items. It answers with a profit that can be had and one that can
// not be passed; they are the same unless the search was cut short.
type knapsack struct {
	width  int
	need   [][]int64 // per row
	most   []int     // per row
	room   []int64
	profit []int64 // per row

	share  []int64 // per column, its part in the surrogate constraint, in 1/1024
	order  []int   // rows worth taking, most profit for their weight first
	weight []int64 // per row, in the surrogate constraint
	left   []int64
	taken  []int // per row
	best   int64
	chosen []int // per row
	above  int64 // bounds what was not searched
	nodes  int
}

// solve searches for the most profit within so many nodes.
func (s *knapsack) solve(nodes int) (best, bound int64) {
	s.nodes, s.best, s.above = nodes, 0, 0
	s.left = append(s.left[:0], s.room...)
	s.taken = append(s.taken[:0], make([]int, len(s.need))...)
	s.chosen = append(s.chosen[:0], s.taken...)
	capacity := s.surrogate()
	s.search(0, 0, capacity)
	return s.best, max(s.best, s.above)
}

// surrogate adds the columns up into one constraint, which any packing keeps
// that keeps all, and returns its capacity. Starting from equal shares, columns
// gain weight that the fractional optimum would use too much of: of all tries the
// one that allows the least. It begins where it ended for the profits before.
func (s *knapsack) surrogate() int64 {
	tries := 2
	if s.share == nil {
		tries = 12
		for range s.width {
			s.share = append(s.share, 1024)
		}
	}
	share := slices.Clone(s.share)
	best, least := s.share, int64(-1)
	for range tries {
		capacity := s.use(share)
		if bound := s.bound(0, capacity); least < 0 || bound < least {
			copy(best, share)
			least = bound
		}
		s.reweigh(share, capacity)
	}
	return s.use(best)
}

// use makes the weights for shares of the columns.
func (s *knapsack) use(share []int64) (capacity int64) {
	const unit = 1 << 31 // room is below, see shifts
	s.weight = append(s.weight[:0], make([]int64, len(s.need))...)
	for k, room := range s.room {
		if room <= 0 {
			continue
		}
		scale := max(unit/room*share[k]>>10, 1)
		capacity += scale * room
		for i := range s.need {
			s.weight[i] += scale * min(s.need[i][k], room+1)
		}
	}
	s.order = s.order[:0]
	for i, p := range s.profit {
		if p > 0 && s.most[i] > 0 && covers(s.room, s.need[i]) {
			s.order = append(s.order, i)
		}
	}
	slices.SortFunc(s.order, func(i, j int) int {
		return cmp.Or(compareProducts(s.profit[j], max(s.weight[i], 1), s.profit[i], max(s.weight[j], 1)), cmp.Compare(i, j))
	})
	return capacity
}

// reweigh raises the share of the columns that the fractional optimum fills
// more than others.
func (s *knapsack) reweigh(share []int64, capacity int64) {
	for k, room := range s.room {
		if room <= 0 {
			continue
		}
		used, left := int64(0), capacity
		for _, i := range s.order {
			n := int64(s.most[i])
			if w := s.weight[i]; w > 0 {
				n = min(n, left/w+1)
				left -= n * w
			}
			used += n * min(s.need[i][k], room)
			if left < 0 {
				break
			}
		}
		// Half the way, between a quarter and four times what it is.
		ratio := min(max(used*1024/room, 256), 4096)
		share[k] = min(max(share[k]*(1024+ratio)/2048, 1), 1<<16)
	}
	most := slices.Max(share)
	for k := range share {
		share[k] = max(share[k]*1024/most, 1)
	}
}

// bound is what the rows from a place in the order on that still fit can bring
// at most, the last one as a fraction.
func (s *knapsack) bound(from int, capacity int64) int64 {
	bound := int64(0)
	for _, i := range s.order[from:] {
		if !covers(s.left, s.need[i]) {
			continue
		}
		w, most := s.weight[i], int64(s.most[i])
		if w > 0 && most > capacity/w {
			most = capacity / w
			hi, lo := bits.Mul64(uint64(capacity-most*w), uint64(s.profit[i]))
			part, _ := bits.Div64(hi, lo, uint64(w))
			return bound + most*s.profit[i] + int64(part)
		}
		capacity -= most * w
		bound += most * s.profit[i]
	}
	return bound
}

// search takes each number of the row at a place in the order, the most first.
func (s *knapsack) search(at int, profit, capacity int64) {
	if profit > s.best {
		s.best = profit
		copy(s.chosen, s.taken)
	}
	if at == len(s.order) {
		return
	}
	if bound := profit + s.bound(at, capacity); bound <= s.best {
		return
	} else if s.nodes <= 0 {
		s.above = max(s.above, bound)
		return
	}
	s.nodes--
	i := s.order[at]
	n := 0
	for n < s.most[i] && covers(s.left, s.need[i]) {
		n++
		s.take(i, 1)
	}
	for ; ; n-- {
		s.taken[i] = n
		s.search(at+1, profit+int64(n)*s.profit[i], capacity-int64(n)*s.weight[i])
		if n == 0 {
			return
		}
		s.take(i, -1)
	}
}

func (s *knapsack) take(i int, times int64) {
	for k, n := range s.need[i] {
		s.left[k] -= n * times
	}
}

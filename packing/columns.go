package packing

import (
	"cmp"
	"slices"
)

// columnBound is a count of bins below which the items of q do not go, by
// generating columns: Gilmore and Gomory, "A Linear Programming Approach to the
// Cutting-Stock Problem", with the bound of Farley, "A Note on Bounding a Class
// of Linear Programming Problems, Including Cutting Stock Problems", which holds
// after every iteration.
//
// Any prices of the rows give a bound: if no filling of one bin is worth more
// than z, all items together need as many bins as z goes into their worth. The
// prices come out of floats and are rounded to integers before anything is made
// of them. It ends with the budget, or when the bound is enough. For more than
// a thousand different rows it says 0: their inverse would be too large.
func (q *cover) columnBound(enough int, b *budget) int {
	const rows = 1000
	c := newColumns(q)
	if len(c.need) == 0 || len(c.need) > rows || c.hopeless {
		return 0
	}
	c.start()
	nodes := fewNodes
	for c.best < enough && !b.spent() {
		copy(c.prices, c.simplex.price)
		b.spend(1 + len(c.need)*len(c.need)/500)
		if i := c.negative(); i >= 0 {
			if !c.simplex.enter(c.surplus(i), 0, -1) {
				break
			}
			continue
		}
		if c.priceBetween(b) && c.simplex.enter(c.column, 1, -1) {
			continue
		}
		best, top := c.price(c.prices, nodes, b)
		switch {
		case best > priceUnit+slight:
			if !c.simplex.enter(c.column, 1, -1) {
				return c.best
			}
			nodes = fewNodes
		case top <= priceUnit+slight: // the programme is solved
			return c.best
		default: // whether it is takes a longer search
			nodes *= 8
		}
	}
	return c.best
}

const fewNodes = 300

// priceUnit is the price of one bin, slight what floats may be wrong by.
const (
	priceUnit = 1 << 24
	slight    = 1 << 4
)

// columns are the linear programme of a cover with like rows put together.
type columns struct {
	*cover
	need     [][]int64
	most     []int // of a row in one bin
	demand   []int
	classes  [][]int32 // per row, those that it stands for
	takes    [][]bool  // per row and shape
	hopeless bool      // some row fits nowhere
	simplex  *simplex
	prices   []float64
	worth    []int64 // the prices in integers
	sacks    []knapsack
	tops     []int64   // per shape: no filling is worth more
	column   []float64 // the best filling found
	best     int       // bound
	center   []float64 // prices of the best bound, scaled so that no filling is worth more than a bin
	value    float64   // and that bound, not rounded
	between  []float64
}

func newColumns(q *cover) *columns {
	c := &columns{cover: q}
	shift := q.shifts()
	scaled := func(v []int64) []int64 {
		v = slices.Clone(v)
		for k := range v {
			v[k] >>= shift[k]
		}
		return v
	}
	last := -1 // rows are sorted, so like ones stand together
	for i := range q.rows {
		r := &q.rows[i]
		if last < 0 || !slices.Equal(q.rows[last].need, r.need) || !slices.Equal(q.rows[last].takes, r.takes) {
			c.need = append(c.need, scaled(r.need))
			c.takes = append(c.takes, r.takes)
			c.most = append(c.most, 0)
			c.demand = append(c.demand, 0)
			c.classes = append(c.classes, nil)
		}
		last = i
		c.most[len(c.most)-1]++
		c.demand[len(c.demand)-1] += r.count
		c.classes[len(c.classes)-1] = append(c.classes[len(c.classes)-1], r.class)
	}
	c.prices = make([]float64, len(c.need))
	c.worth = make([]int64, len(c.need))
	c.column = make([]float64, len(c.need))
	c.center = make([]float64, len(c.need))
	c.between = make([]float64, len(c.need))
	c.tops = make([]int64, len(q.shapes))
	for s := range q.shapes {
		k := knapsack{width: q.width, need: c.need, room: scaled(q.shapes[s].room), profit: make([]int64, len(c.need))}
		for i := range c.need {
			most := c.most[i]
			if !c.takes[i][s] {
				most = 0
			}
			k.most = append(k.most, most)
		}
		c.sacks = append(c.sacks, k)
	}
	for i := range c.need {
		c.hopeless = c.hopeless || c.alone(i) == 0
	}
	return c
}

// shifts are by how many bits each column has to shrink for the knapsack's
// arithmetic. Rounding everything down only makes room.
func (q *cover) shifts() []int {
	shift := make([]int, q.width)
	for k := range shift {
		for _, s := range q.shapes {
			for s.room[k]>>shift[k] >= 1<<31 {
				shift[k]++
			}
		}
	}
	return shift
}

// start fills bins with one row each.
func (c *columns) start() {
	demand, amount := make([]float64, len(c.need)), make([]float64, len(c.need))
	for i := range c.need {
		demand[i], amount[i] = float64(c.demand[i]), float64(c.alone(i))
	}
	c.simplex = newSimplex(demand, amount)
}

// alone is how many of a row fit into a bin with nothing else.
func (c *columns) alone(i int) int {
	most := 0
	for s := range c.sacks {
		n := c.sacks[s].most[i]
		for k, need := range c.need[i] {
			if need > 0 {
				n = min(n, int(max(0, c.sacks[s].room[k])/need))
			}
		}
		most = max(most, n)
	}
	return most
}

// negative is the row with the lowest price below zero, -1 if there is none.
func (c *columns) negative() int {
	const least = -1e-9
	i := -1
	for j, p := range c.prices {
		if p < least && (i < 0 || p < c.prices[i]) {
			i = j
		}
	}
	return i
}

// surplus is the column that takes away what there is too much of a row.
func (c *columns) surplus(i int) []float64 {
	column := make([]float64, len(c.need))
	column[i] = -1
	return column
}

// priceBetween prices between the present prices and those of the best bound,
// which keeps the prices from leaping about, and reports whether the filling
// found is worth more than a bin at present prices too: Wentges, "Weighted
// Dantzig-Wolfe Decomposition for Linear Mixed-Integer Programming".
func (c *columns) priceBetween(b *budget) bool {
	if c.best == 0 {
		return false
	}
	for i, p := range c.prices {
		c.between[i] = float64(0.7*c.center[i]) + float64(0.3*p)
	}
	c.price(c.between, fewNodes, b)
	worth := 0.0
	for i, n := range c.column {
		worth += float64(n * c.prices[i])
	}
	return worth > 1+1e-6
}

// price looks for the filling worth most at given prices, and for what no
// filling passes. It keeps the bound that comes of it.
func (c *columns) price(prices []float64, nodes int, b *budget) (best, top int64) {
	for i, p := range prices {
		c.worth[i] = int64(float64(min(max(p, 0), 16) * priceUnit))
	}
	for s := range c.sacks {
		k := &c.sacks[s]
		copy(k.profit, c.worth)
		worth, bound := k.solve(nodes)
		b.spend((nodes-k.nodes)/2 + len(c.need)/16)
		c.tops[s] = bound
		top = max(top, bound)
		if worth > best {
			best = worth
			for i, n := range k.chosen {
				c.column[i] = float64(n)
			}
		}
	}
	c.best = max(c.best, c.bound())
	if value := c.farley(top); value > c.value {
		c.value = value
		for i, p := range prices {
			c.center[i] = float64(p*priceUnit) / float64(top)
		}
	}
	return best, top
}

// farley is the bound before rounding, where all bins are as good as the best.
// It only decides which prices to stay near.
func (c *columns) farley(top int64) float64 {
	worth := 0.0
	for i, n := range c.demand {
		worth += float64(float64(c.worth[i]) * float64(n))
	}
	return worth / float64(max(top, 1))
}

// bound is how many bins the worth of all items takes, the most worthy first.
func (c *columns) bound() int {
	rest := int64(0)
	for i, n := range c.demand {
		rest += c.worth[i] * int64(n)
	}
	shapes := make([]int, len(c.tops))
	for s := range shapes {
		shapes[s] = s
	}
	slices.SortFunc(shapes, func(a, b int) int { return cmp.Or(cmp.Compare(c.tops[b], c.tops[a]), cmp.Compare(a, b)) })
	bins := 0
	for _, s := range shapes {
		if rest <= 0 || c.tops[s] <= 0 {
			break
		}
		n := min(int64(c.shapes[s].have), (rest+c.tops[s]-1)/c.tops[s])
		bins += int(n)
		rest -= n * c.tops[s]
	}
	return bins
}

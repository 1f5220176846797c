package packing

import (
	"math"
	"slices"
)

// A filling is what one bin may hold, by row: so many items of each.
type filling []portion

type portion struct{ row, n int32 }

// A master is the linear programme of fewest fillings for what is left of a
// cover's items, where all bins are alike. Its pool of fillings only grows:
// whatever is left, all that is worth more than a bin at present prices may
// come in.
type master struct {
	*columns
	*budget
	lp     *simplex
	want   []float64 // per row, the demand in the programme
	single []float64 // per row, what a bin holds of nothing else
	pool   []filling
	column []float64 // that enters
}

// surplus numbers the columns that take away what there is too much of a row:
// that of row i is surplus-i. Those of the pool go by their place in it, and
// those that rows begin with by -1-i.
const surplus = -1 << 20

// begin makes the programme of all items, with the first fillings of the pool
// in its basis.
func (m *master) begin(first int) {
	for i := range m.need {
		m.want = append(m.want, m.asked(i, m.demand[i]))
		m.single = append(m.single, float64(m.alone(i)))
	}
	m.column = make([]float64, len(m.need))
	m.lp = newSimplex(m.want, m.single)
	for id := range first {
		m.draw(id, false)
		m.lp.enter(m.column, 1, id)
	}
	m.charge()
}

// asked is the demand of a row of which so many items are left: a little more,
// by different amounts, since with equal demands most steps of the simplex would
// change nothing (Charnes, "Optimality and Degeneracy in Linear Programming").
// A row with no items asks for less than any solution has, so that it binds
// nothing.
func (m *master) asked(i, items int) float64 {
	const slight = 1e-4 / 1024
	if items == 0 {
		items = -1
	}
	return float64(items) * (1 + float64(slight*float64(mix(uint64(i))>>54)))
}

// draw writes down the column of a number, and returns its cost. A filling may
// be stripped of the rows that have no price.
func (m *master) draw(id int, strip bool) float64 {
	clear(m.column)
	switch {
	case id <= surplus:
		m.column[surplus-id] = -1
		return 0
	case id < 0:
		m.column[-1-id] = m.single[-1-id]
	default:
		for _, p := range m.pool[id] {
			if !strip || m.lp.price[p.row] > 0 {
				m.column[p.row] = float64(p.n)
			}
		}
	}
	return 1
}

// charge spends for what the simplex did.
func (m *master) charge() {
	const perStep = 1500 // changed numbers
	m.spend(1 + m.lp.work/perStep)
	m.lp.work = 0
}

// solve solves the programme after demands have changed; kinds is how many
// classes of a row have items left. It reports failure, for what floats are
// worth, and when the budget is spent.
func (m *master) solve(kinds []int) bool {
	if !m.repair() {
		return false
	}
	for r := len(m.lp.which) - 1; r >= 0; r-- {
		if i := surplus - m.lp.which[r]; i >= 0 && m.want[i] < 0 {
			m.lp.drop(r)
		}
	}
	copy(m.sacks[0].most, kinds)
	for !m.spent() {
		id := m.worthiest()
		if id < 0 && m.generate() {
			id = len(m.pool) - 1
		}
		if id < 0 || !m.enter(id) {
			break
		}
	}
	return !m.spent()
}

func (m *master) enter(id int) bool {
	m.draw(id, true)
	defer m.charge()
	return m.lp.enter(m.column, 1, id)
}

// repair makes values nonnegative again that changed demands made negative, by
// the dual simplex method: Lemke, "The Dual Method of Solving the Linear
// Programming Problem".
func (m *master) repair() bool {
	const least = 1e-7
	for !m.spent() {
		r := 0
		for i, x := range m.lp.value {
			if x < m.lp.value[r] {
				r = i
			}
		}
		if len(m.lp.value) == 0 || m.lp.value[r] >= -least {
			break
		}
		id, ok := m.dual(m.lp.inverse[r])
		if !ok {
			return false
		}
		cost := m.draw(id, false)
		m.lp.toward(m.column)
		m.lp.pivot(r, m.column, cost, id)
		m.charge()
	}
	for i, x := range m.lp.value {
		m.lp.value[i] = max(0, x)
	}
	return !m.spent()
}

// dual is the column to take the place of the one in the basis of which line is
// the line of the inverse, so that no other becomes worth more than it costs.
func (m *master) dual(line []float64) (id int, ok bool) {
	const least = 1e-7
	ratio, size := math.Inf(1), 0.0
	consider := func(number int, x, gap float64) {
		if x > -least {
			return
		}
		if q := max(gap, 0) / -x; q < ratio-1e-9 || q < ratio+1e-9 && -x > size {
			id, ratio, size = number, q, -x
		}
	}
	price := m.lp.price
	for i, x := range line {
		if x != 0 {
			consider(surplus-i, -x, price[i])
			consider(-1-i, float64(x*m.single[i]), 1-float64(price[i]*m.single[i]))
		}
	}
	for number, f := range m.pool {
		x, worth := 0.0, 0.0
		for _, p := range f {
			x += float64(float64(p.n) * line[p.row])
			worth += float64(float64(p.n) * price[p.row])
		}
		m.lp.work += len(f)
		consider(number, x, 1-worth)
	}
	return id, !math.IsInf(ratio, 1)
}

// worthiest is the filling of the pool that is worth most, if more than a bin;
// else -1.
func (m *master) worthiest() int {
	best, most := -1, 1+1e-6
	for id, f := range m.pool {
		worth := 0.0
		for _, p := range f {
			worth += max(0, float64(float64(p.n)*m.lp.price[p.row]))
		}
		if worth > most {
			best, most = id, worth
		}
		m.lp.work += len(f)
	}
	return best
}

// generate adds a filling that is worth more than a bin to the pool, if a short
// search, or else a longer one, finds any.
func (m *master) generate() bool {
	sack := &m.sacks[0]
	for i, p := range m.lp.price {
		sack.profit[i] = int64(float64(min(max(p, 0), 16) * priceUnit))
	}
	worth, top := int64(0), int64(priceUnit+slight+1)
	for nodes := fewNodes; nodes <= 8*fewNodes && worth <= priceUnit+slight; nodes *= 8 {
		if top <= priceUnit+slight {
			return false
		}
		worth, top = sack.solve(nodes)
		m.spend((nodes-sack.nodes)/2 + len(m.need)/16)
	}
	if worth <= priceUnit+slight {
		return false
	}
	var f filling
	for i, n := range sack.chosen {
		if n > 0 {
			f = append(f, portion{int32(i), int32(n)})
		}
	}
	m.pool = append(m.pool, f)
	return true
}

// fillings is the value of the programme.
func (m *master) fillings() float64 {
	sum := 0.0
	for r, x := range m.lp.value {
		sum += float64(x * m.lp.cost[r])
	}
	return sum
}

// A programme is a moment of a master that it can go back to.
type programme struct {
	lp   *simplex
	want []float64
}

func (m *master) save() programme { return programme{m.lp.clone(), slices.Clone(m.want)} }

func (m *master) restore(p programme) {
	m.lp = p.lp.clone()
	copy(m.want, p.want)
}

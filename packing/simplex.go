package packing

import "slices"

// A simplex solves linear programmes of the form: at least so much of each row,
// out of columns that each cost one, with columns that are given one by one. It
// keeps the inverse of the basis. Its numbers are floats, so that what it says
// is only a suggestion: the bound is computed from it in integers.
type simplex struct {
	inverse [][]float64
	value   []float64 // of the column in the basis, per row
	cost    []float64 // of that column
	which   []int     // its number; -1-i of the one that row i began with
	price   []float64 // per row: the worth of one more, if no other column helps

	direction []float64
	nonzero   []int32
	work      int // changed numbers
}

// newSimplex starts from one column per row that has amount[i] of row i and
// nothing else.
func newSimplex(demand, amount []float64) *simplex {
	s := &simplex{direction: make([]float64, len(demand))}
	for i := range demand {
		line := make([]float64, len(demand))
		line[i] = 1 / amount[i]
		s.inverse = append(s.inverse, line)
		s.value = append(s.value, demand[i]/amount[i])
		s.cost = append(s.cost, 1)
		s.which = append(s.which, -1-i)
		s.price = append(s.price, 1/amount[i])
	}
	return s
}

// clone is a copy that shares nothing.
func (s *simplex) clone() *simplex {
	c := *s
	c.value, c.cost, c.which, c.price = slices.Clone(s.value), slices.Clone(s.cost), slices.Clone(s.which), slices.Clone(s.price)
	c.direction, c.nonzero = slices.Clone(s.direction), nil
	c.inverse = make([][]float64, len(s.inverse))
	for i, line := range s.inverse {
		c.inverse[i] = slices.Clone(line)
	}
	return &c
}

// enter brings a column into the basis, and keeps all values from falling below
// zero; false if it changes nothing.
func (s *simplex) enter(column []float64, cost float64, number int) bool {
	const least = 1e-9
	direction := s.toward(column)
	leave := -1
	for i, d := range direction {
		if d > least && (leave < 0 || float64(s.value[i]*direction[leave]) < float64(s.value[leave]*d)) {
			leave = i
		}
	}
	if leave < 0 {
		return false
	}
	s.pivot(leave, column, cost, number)
	for i, x := range s.value {
		s.value[i] = max(0, x)
	}
	return true
}

// toward is how the values fall as a column comes in.
func (s *simplex) toward(column []float64) []float64 {
	s.direction = s.direction[:len(s.value)]
	clear(s.direction)
	for j, x := range column {
		if x == 0 {
			continue
		}
		s.work += len(s.direction)
		for i := range s.direction {
			s.direction[i] += float64(s.inverse[i][j] * x)
		}
	}
	return s.direction
}

// pivot puts a column in the place of the one in the basis at a row. direction
// is toward the column.
func (s *simplex) pivot(leave int, column []float64, cost float64, number int) {
	pivot := s.direction[leave]
	line := s.inverse[leave]
	at := s.nonzero[:0]
	for j, x := range line {
		if x != 0 {
			line[j] = x / pivot
			at = append(at, int32(j))
		}
	}
	s.nonzero = at
	s.value[leave] /= pivot
	for i, d := range s.direction {
		if i == leave || d == 0 {
			continue
		}
		other := s.inverse[i]
		for _, j := range at {
			other[j] -= float64(d * line[j])
		}
		s.work += len(at)
		s.value[i] -= float64(d * s.value[leave])
	}
	gain := cost
	for j, x := range column {
		gain -= float64(s.price[j] * x)
	}
	for _, j := range at {
		s.price[j] += float64(gain * line[j])
	}
	s.cost[leave], s.which[leave] = cost, number
}

// want changes the demand of a row. Values may fall below zero.
func (s *simplex) want(row int, by float64) {
	for i := range s.value {
		s.value[i] += float64(s.inverse[i][row] * by)
	}
}

// drop forgets a line of the basis whose value binds nothing.
func (s *simplex) drop(r int) {
	last := len(s.value) - 1
	s.inverse[r], s.value[r], s.cost[r], s.which[r] = s.inverse[last], s.value[last], s.cost[last], s.which[last]
	s.inverse, s.value, s.cost, s.which = s.inverse[:last], s.value[:last], s.cost[:last], s.which[:last]
}

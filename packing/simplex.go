package packing

// A simplex solves linear programmes of the form: at least so much of each row,
// out of columns that each cost one, with columns that are given one by one. It
// keeps the inverse of the basis. Its numbers are floats, so that what it says
// is only a suggestion: the bound is computed from it in integers.
type simplex struct {
	inverse [][]float64
	value   []float64 // of the column in the basis, per row
	cost    []float64 // of that column
}

// newSimplex starts from one column per row that has amount[i] of row i and
// nothing else.
func newSimplex(demand, amount []float64) *simplex {
	s := &simplex{}
	for i := range demand {
		line := make([]float64, len(demand))
		line[i] = 1 / amount[i]
		s.inverse = append(s.inverse, line)
		s.value = append(s.value, demand[i]/amount[i])
		s.cost = append(s.cost, 1)
	}
	return s
}

// prices are the worth of one more of each row, if no other column helps.
func (s *simplex) prices(into []float64) {
	clear(into)
	for i, c := range s.cost {
		if c == 0 {
			continue
		}
		for j, x := range s.inverse[i] {
			into[j] += x
		}
	}
}

// enter brings a column into the basis; false if it changes nothing.
func (s *simplex) enter(column []float64, cost float64) bool {
	const least = 1e-9
	direction := make([]float64, len(s.value))
	for j, x := range column {
		if x == 0 {
			continue
		}
		for i := range direction {
			direction[i] += float64(s.inverse[i][j] * x)
		}
	}
	leave := -1
	for i, d := range direction {
		if d > least && (leave < 0 || float64(s.value[i]*direction[leave]) < float64(s.value[leave]*d)) {
			leave = i
		}
	}
	if leave < 0 {
		return false
	}
	pivot := direction[leave]
	line := s.inverse[leave]
	for j := range line {
		line[j] /= pivot
	}
	s.value[leave] /= pivot
	for i, d := range direction {
		if i == leave || d == 0 {
			continue
		}
		for j, x := range line {
			s.inverse[i][j] -= float64(d * x)
		}
		s.value[i] = max(0, s.value[i]-float64(d*s.value[leave]))
	}
	s.cost[leave] = cost
	return true
}

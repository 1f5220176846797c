package coordinator

import "slices"

// leastRise is what an exchange must add to the worth of the whole, as a part of
// what it adds by itself: more than sums of floats can err, and loads drift while
// they are as good as steady.
const leastRise = 0.01

// improves reports whether an exchange adds to the worth of the whole.
//
// The worth is a number that depends on nothing but which server holds which
// copies, and on the models' loads:
//
//	Σ over models, over their copies k = 1, 2, …: marginal(k, 0)
//	- c · Σ over servers: what of the load they lack of what is fair, as a part
//	  of the pool's, once each model levels its servers
//
// with c the mean of weight by size, load by load. Filling free room adds to it,
// for each copy adds, and one more server to choose from levels no worse; what
// makes room does so for an exchange alone, which goes through as it was weighed.
// So with loads that stay as they are it rises with each, by no less than what
// leastRise and the least gain leave; there are finitely many ways to hold copies,
// none of which comes twice, and there is an end.
//
// What a copy is held to add by itself, see gain and loss, is found with less work
// and for one server. These alone would not do: what one exchange takes from other
// servers is in neither, and a few of them one after the other could lead back.
func (a *allotment) improves(x *exchange) bool {
	moves := []move{{x.m, x.server, true}}
	if x.moves != nil {
		moves = append(moves, move{x.moves, x.server, false}, move{x.moves, x.to, true})
	}
	for _, k := range x.victims {
		moves = append(moves, move{a.copies[k].m, a.copies[k].server, false})
	}
	for _, k := range x.yields {
		moves = append(moves, move{a.copies[k].m, a.copies[k].server, false})
	}
	rise := 0.0
	copies := map[*model]int{} // as they come and go; read by key alone
	for _, v := range moves {
		n, known := copies[v.m]
		if !known {
			n = v.m.use.copies()
		}
		if v.comes {
			n++
			rise += v.m.marginal(n, 0)
		} else {
			rise -= v.m.marginal(max(1, n), 0)
			n--
		}
		copies[v.m] = n
	}
	if q := a.g.pool; q.total > 0 {
		c := 0.0
		for _, m := range a.g.packed {
			c += float64(m.use.load()/q.total) * m.density()
		}
		rise += float64(c * (a.lacking(nil) - a.lacking(moves)) / q.total)
	}
	return rise > float64(leastRise*x.gain)
}

// A move is a copy that comes or goes.
type move struct {
	m      *model
	server int
	comes  bool
}

// lacking is the load that servers lack of what is fair, after some moves. That of
// models without a copy is nobody's, here or there.
func (a *allotment) lacking(moves []move) (sum float64) {
	flows := make([][]flow, len(a.g.packed))
	for i, m := range a.g.packed {
		for _, f := range m.use.flows {
			flows[i] = append(flows[i], flow{server: f.server})
		}
		for _, v := range moves {
			switch {
			case v.m != m:
			case v.comes:
				flows[i] = append(flows[i], flow{server: v.server})
			default:
				flows[i] = slices.DeleteFunc(flows[i], func(f flow) bool { return f.server == v.server })
			}
		}
		for k := range flows[i] {
			flows[i][k].load = m.use.load() / float64(len(flows[i]))
		}
	}
	levels, n := a.levelled(flows), 0
	fair := 0.0
	for i, level := range levels {
		if t := &a.desks[i]; t.usable && t.up {
			fair += level
			n++
		}
	}
	fair /= float64(max(1, n))
	for i, level := range levels {
		if t := &a.desks[i]; t.usable && t.up {
			sum += max(0, fair-level)
		}
	}
	return sum
}

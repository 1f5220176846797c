// Package queueing answers questions about a station with c slots and one queue,
// first come first served, from three numbers: the offered load a (arrival rate
// times mean service time, in slots), how long a request may wait, and how
// variable arrivals and services are.
//
// For Poisson arrivals and exponential services (M/M/c) the answers are exact:
// Erlang, "Solution of some Problems in the Theory of Probabilities of
// Significance in Automatic Telephone Exchanges", 1917; Cooper, "Introduction to
// Queueing Theory", 2nd ed. 1981, sections 3.4 and 3.5. For others the wait of
// those that wait is stretched by Spread, as in Allen and Cunneen's formula for
// its mean (Allen, "Probability, Statistics, and Queueing Theory", 2nd ed. 1990,
// section 6.2).
//
// Times are in units of the mean service time. An argument that is no number, or
// negative, is taken for zero; loads above MaxLoad for MaxLoad, waits and spreads
// above 1e9 for that.
package queueing

import "math"

// MaxLoad is the largest offered load that is told apart.
const MaxLoad = 1 << 31

// Spread is how much longer than in M/M/c the wait of those that wait is: the
// mean of the squared coefficients of variation of the gaps between arrivals and
// of the services, at least 1/4. It is 1 for M/M/c. For arrivals the index of
// dispersion of counts may stand in, to which their squared coefficient of
// variation tends.
func Spread(arrivals, services float64) float64 {
	return spreadOf((positive(arrivals) + positive(services)) / 2)
}

func spreadOf(x float64) float64 { return min(max(positive(x), 0.25), 1e9) }

// seriesLoad is the least load at which Erlang's B is taken from its asymptotic
// series, see series; below, slots are counted one by one.
const seriesLoad = 300

// blocked returns 1/B, B being the probability that all of n slots are busy
// when none may wait (Erlang's B), by 1/B(n) = 1 + n/a * 1/B(n-1). a is > 0.
//
// Below a the recursion forgets where it started: an error is multiplied by
// about exp(-d*d/2) on its way from a - d*sqrt(a) up to a. So it starts eight of
// these below, from the value that its slow drift makes good but for a few
// percent.
func blocked(n int, a float64) float64 {
	if a >= seriesLoad && float64(n) > a {
		return series(float64(n), a)
	}
	from, x := begin(n, a)
	inverse := 1 / a
	for i := from + 1; i <= n && x < 1e300; i++ {
		x = 1 + float64(float64(i)*inverse*x)
	}
	return x // from 1e300 on nobody is blocked, whatever it is
}

// begin is where the recursion up to n starts, and 1/B there.
func begin(n int, a float64) (from int, x float64) {
	low := a - 8*math.Sqrt(a)
	if !(low > 1) || n < 1 {
		return 0, 1
	}
	from = min(int(low), n)
	return from, 1 / (1 - float64(from)/(a+1))
}

// Busy is the probability that a request has to wait, in [0, 1]: Erlang's C. It
// is 1 where the slots cannot keep up.
func Busy(slots int, load float64) float64 {
	load = bounded(load)
	n := float64(slots)
	switch {
	case load == 0:
		return 0
	case !(n > load):
		return 1
	}
	return waits(blocked(slots, load), n, load)
}

// waits is Erlang's C of n slots by x, which is 1/B.
func waits(x, n, load float64) float64 { return n / (float64(x*(n-load)) + load) }

// Late is the probability that a request waits longer than wait.
func Late(slots int, load, wait, spread float64) float64 {
	load = bounded(load)
	if load == 0 {
		return 0
	}
	spare := float64(slots) - load
	if !(spare > 0) {
		return 1
	}
	return Busy(slots, load) * math.Exp(-spare*min(positive(wait), 1e9)/spreadOf(spread))
}

// Wait is the mean wait of all requests: Erlang's for M/M/c times the spread. It
// is infinite where the slots cannot keep up.
func Wait(slots int, load, spread float64) float64 {
	load = bounded(load)
	switch {
	case load == 0:
		return 0
	case !(float64(slots) > load):
		return math.Inf(1)
	}
	return Busy(slots, load) * spreadOf(spread) / (float64(slots) - load)
}

// WaitApart is Wait without a recursion, by Kingman's formula as Sakasegawa
// extended it to several slots ("An approximation formula Lq = a*rho^b/(1-rho)",
// Annals of the Institute of Statistical Mathematics 29(1), 1977). Where
// the mean wait of M/M/c is a tenth of a service or more, it is within a fifth
// of it.
func WaitApart(slots int, load, spread float64) float64 {
	load = bounded(load)
	c := float64(slots)
	switch {
	case load == 0:
		return 0
	case !(c > load):
		return math.Inf(1)
	}
	rho := load / c
	return math.Pow(rho, math.Sqrt(2*(c+1))-1) / (1 - rho) * spreadOf(spread) / c
}

// leastMiss is the least share that is told from none, so that its inverse and what
// it is reckoned from are finite.
const leastMiss = 1e-290

// Slots is the fewest slots with which at most the share miss, in [1e-290, 1), of
// all requests wait longer than wait: 0 without load, and more than the load with
// any. A smaller share counts as 1e-290, a larger one as all of them. It takes time
// in proportion to the root of the load, of small ones; none takes more than some
// hundred products.
func Slots(load, wait, spread, miss float64) int {
	load = bounded(load)
	if load == 0 {
		return 0
	}
	least := int(load) + 1 // the first that keep up
	if !(miss > leastMiss) {
		miss = leastMiss
	}
	if miss >= 1 {
		return least
	}
	drop := min(positive(wait), 1e9) / spreadOf(spread) // of the logarithm of the tail, a slot
	n, x := least, 0.0
	inverse := 1 / load
	if load >= seriesLoad {
		n = max(least, near(load, drop, miss))
		x = series(float64(n), load)
		// Down while one less would do.
		for n > least {
			less := (x - 1) * load / float64(n)
			c := float64(n - 1)
			if waits(less, c, load)*math.Exp(-(c-load)*drop) > miss {
				break
			}
			n, x = n-1, less
		}
	} else {
		from := 0
		from, x = begin(least, load)
		for i := from + 1; i <= least; i++ {
			x = 1 + float64(float64(i)*inverse*x)
		}
	}
	allowed := miss * math.Exp(float64((float64(n)-load)*drop))
	step := math.Exp(drop)
	// C * exp(-spare*drop) <= miss, without a division.
	for {
		c := float64(n)
		if c <= allowed*(float64(x*(c-load))+load) || n >= 2*MaxLoad {
			return n
		}
		n++
		x = 1 + float64(float64(n)*inverse*x)
		allowed *= step
	}
}

// bounded is a load in [0, MaxLoad].
func bounded(load float64) float64 { return min(positive(load), MaxLoad) }

// positive is x, or 0 where x is negative or no number.
func positive(x float64) float64 {
	if x > 0 {
		return x
	}
	return 0
}

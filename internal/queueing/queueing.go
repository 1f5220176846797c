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

// exactLoad is the largest load of which slots are counted one by one. Beyond,
// they are taken for continuous: the square root staffing of Halfin and Whitt,
// "Heavy-Traffic Limits for Queues with Many Exponential Servers", Operations
// Research 29(3), 1981. Erlang's C is then off by less than 2 % up
// to beta = 3, where one in three thousand waits.
const exactLoad = 1e5

// blocked returns 1/B, B being the probability that all of n slots are busy
// when none may wait (Erlang's B), by 1/B(n) = 1 + n/a * 1/B(n-1). a is > 0.
//
// Below a the recursion forgets where it started: an error is multiplied by
// about exp(-d*d/2) on its way from a - d*sqrt(a) up to a. So it starts eight of
// these below, from the value that its slow drift makes good but for a few
// percent.
func blocked(n int, a float64) float64 {
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
	case load > exactLoad:
		return crowd((n - load) / math.Sqrt(load))
	}
	x := blocked(slots, load)
	return n / (float64(x*(n-load)) + load)
}

// crowd is Erlang's C in the limit of many slots, load + beta*sqrt(load).
func crowd(beta float64) float64 {
	if beta > 37 {
		return 0
	}
	below := math.Erfc(-beta/math.Sqrt2) / 2
	at := math.Exp(-beta*beta/2) / math.Sqrt(2*math.Pi)
	return 1 / (1 + beta*below/at)
}

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

// Slots is the fewest slots with which at most the share miss, in (0, 1), of all
// requests wait longer than wait: 0 without load, and more than the load with
// any. It takes time in proportion to the root of the load, at most that of a few
// thousand products.
func Slots(load, wait, spread, miss float64) int {
	load = bounded(load)
	if load == 0 {
		return 0
	}
	least := int(load) + 1 // the first that keep up
	if !(miss > 0) {
		miss = math.SmallestNonzeroFloat64
	}
	if miss >= 1 {
		return least
	}
	drop := min(positive(wait), 1e9) / spreadOf(spread) // of the logarithm of the tail, a slot
	if load > exactLoad {
		return crowded(load, drop, miss, least)
	}
	from, x := begin(least, load)
	inverse := 1 / load
	for i := from + 1; i < least; i++ {
		x = 1 + float64(float64(i)*inverse*x)
	}
	allowed := miss * math.Exp(float64((float64(least)-load)*drop))
	step := math.Exp(drop)
	// C * exp(-spare*drop) <= miss, without a division.
	for n := least; ; n++ {
		c := float64(n)
		x = 1 + float64(c*inverse*x)
		if c <= allowed*(float64(x*(c-load))+load) || n >= MaxLoad {
			return n
		}
		allowed *= step
	}
}

// crowded is Slots of a load beyond exactLoad.
func crowded(load, drop, miss float64, least int) int {
	root := math.Sqrt(load)
	low, high := 0.0, 40.0 // of beta: at 37 nobody waits
	for range 60 {
		beta := (low + high) / 2
		if crowd(beta)*math.Exp(-float64(beta*root)*drop) <= miss {
			high = beta
		} else {
			low = beta
		}
	}
	return max(least, int(math.Ceil(load+float64(high*root))))
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

package queueing

import "math"

// The coefficients of Temme's series, in powers of eta (DiDonato and Morris,
// "Computation of the Incomplete Gamma Function Ratios and Their Inverse", ACM
// Transactions on Mathematical Software 12(4), 1986, appendix F), as far as loads
// from seriesLoad on can tell them.
var (
	series0 = [...]float64{
		-1.0 / 3, 1.0 / 12, -2.0 / 135, 1.0 / 864, 1.0 / 2835, -139.0 / 777600, 1.0 / 25515, -571.0 / 261273600,
		-0.185406221071516e-5, 0.8296711340953086e-6,
	}
	series1 = [...]float64{
		-1.0 / 540, -1.0 / 288, 1.0 / 378, -77.0 / 77760, 0.20576131687242798e-3, -0.40187757201646091e-6,
	}
	series2 = [...]float64{0.0041335978835978836, -0.0026813271604938272, 0.00077160493827160494}
)

// series is 1/B of n slots under a load a >= seriesLoad, n > a: Erlang's B is a
// ratio of incomplete gamma functions, for which Temme gave an asymptotic series
// that holds whatever n/a is ("The Asymptotic Expansion of the Incomplete Gamma
// Functions", SIAM Journal on Mathematical Analysis 10(4), 1979). Its relative
// error is below 1e-9. n need not be whole. It is infinite where nobody waits.
func series(n, a float64) float64 {
	mu := (a - n) / n
	half := max(0, mu-math.Log1p(mu)) // eta*eta/2
	eta := -math.Sqrt(2 * half)
	// Far from a the rest is nothing beside the first term.
	e := max(eta, -0.6)
	rest := power(series0[:], e) + (power(series1[:], e)+power(series2[:], e)/n)/n
	stirling := 1 + (1+1/(24*n))/(12*n) // of n!
	most := math.Sqrt(2*math.Pi*n) * math.Exp(n*half) * math.Erfc(eta*math.Sqrt(n/2)) / 2
	return 1 + stirling*(most+rest)
}

// power is the sum of c[i]*x^i.
func power(c []float64, x float64) (sum float64) {
	for i := len(c) - 1; i >= 0; i-- {
		sum = c[i] + float64(sum*x)
	}
	return sum
}

// near is Slots of a load >= seriesLoad but for a few: by Newton's method on the
// logarithm of the share that waits too long, from where the square root staffing
// of Halfin and Whitt ("Heavy-Traffic Limits for Queues with Many Exponential
// Servers", Operations Research 29(3), 1981) would begin, its delay being about
// exp(-beta-beta*beta/2).
func near(load, drop, miss float64) int {
	root := math.Sqrt(load)
	want := -math.Log(miss)
	falls := 1 + float64(root*drop) // by beta
	// (sqrt(falls^2+2*want) - falls), without what cancels.
	beta := 2 * want / (falls + math.Sqrt(float64(falls*falls)+2*want))
	n := load + float64(beta*root)
	for range 2 {
		x := series(n, load)
		spare := n - load
		inverse := (float64(x*spare) + load) / n // 1/C
		if !(inverse < 1e300) {
			break
		}
		slope := (x+spare*(1+float64(x*spare)/load))/n/inverse + drop
		n = max(load, n+(want-math.Log(inverse)-float64(spare*drop))/slope)
	}
	return int(math.Ceil(min(n, 2*MaxLoad)))
}

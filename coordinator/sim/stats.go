package sim

import "math"

// An Estimate is the mean of a figure over several seeds, and how far the truth
// may be from it.
type Estimate struct {
	Mean float64
	// Half is half the width of the 95 % confidence interval of the mean, by
	// Student's t: with that confidence the mean over all seeds lies in Mean ± Half.
	// NaN of fewer than two figures.
	Half float64
	N    int // figures
}

// Estimated is the estimate of some figures, one per seed.
func Estimated(figures []float64) Estimate {
	e := Estimate{N: len(figures), Half: math.NaN()}
	for _, x := range figures {
		e.Mean += x / float64(len(figures))
	}
	if e.N < 2 {
		return e
	}
	sum := 0.0
	for _, x := range figures {
		sum += float64((x - e.Mean) * (x - e.Mean))
	}
	n := float64(e.N)
	e.Half = studentT(0.975, n-1) * math.Sqrt(sum/(n-1)/n)
	return e
}

// studentT is the p-quantile of Student's t with df degrees of freedom, p in
// (0.5, 1): where its distribution function, found by Simpson's rule, reaches p.
func studentT(p, df float64) float64 {
	a, _ := math.Lgamma((df + 1) / 2)
	b, _ := math.Lgamma(df / 2)
	c := math.Exp(a-b) / math.Sqrt(df*math.Pi)
	// With x = sqrt(df) tan(u) the density is c sqrt(df) cos(u)^(df-1).
	upTo := func(x float64) float64 {
		const steps = 200
		end := math.Atan(x / math.Sqrt(df))
		f := func(u float64) float64 { return math.Pow(math.Cos(u), df-1) }
		h, sum := end/steps, f(0)+f(end)
		for i := 1; i < steps; i++ {
			sum += f(float64(i)*h) * float64(2+2*(i%2))
		}
		return 0.5 + c*math.Sqrt(df)*sum*h/3
	}
	low, high := 0.0, 1e4
	for range 60 {
		if middle := (low + high) / 2; upTo(middle) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// A Point is one way to run a fleet: what it missed and what it cost.
type Point struct {
	Missed float64 // percent of the requests
	Cost   float64 // replica-hours
}

// Dominates reports whether p is no worse than q in both and better in one.
func (p Point) Dominates(q Point) bool {
	return p.Missed <= q.Missed && p.Cost <= q.Cost && p != q
}

// Frontier returns the indices of the points that no other dominates, in order of
// cost, then of their index.
func Frontier(points []Point) []int {
	var best []int
	for i, p := range points {
		dominated := false
		for _, q := range points {
			dominated = dominated || q.Dominates(p)
		}
		if !dominated {
			k := len(best)
			for k > 0 && points[best[k-1]].Cost > p.Cost {
				k--
			}
			best = append(best[:k], append([]int{i}, best[k:]...)...)
		}
	}
	return best
}

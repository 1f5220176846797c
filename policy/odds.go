package policy

import (
	"errors"
	"math"
)

// odds are how often requests needed how many times of what was foreseen: a
// histogram of ratios in buckets of relative width, each request once, in which
// what is older counts less. newOdds makes them; they know nothing then but a guess
// that counts as the requests of a minute.
type odds struct {
	Weights []float64 // by bucket: the first up to oddsEdges[0], the next up to oddsEdges[1], ...
	Total   float64   // their sum
	Scale   float64   // what a request counts now, >= 1
}

const (
	oddsLow     = 0.1 // ratios up to it are one
	oddsGrowth  = 1.06
	oddsBuckets = 96 // up to 25 times what was foreseen
	oddsHalf    = 7200.0
	oddsRescale = 1e60

	oddsGuess     = 60.0 // seconds of traffic that the guess counts as
	oddsGuessTail = 6    // the guess: half exceed 1, and (1/2)*r^-6 exceed r
)

var (
	oddsEdges = newOddsEdges()
	oddsFade  = math.Exp2(1 / oddsHalf) // a second
)

func newOddsEdges() (edges [oddsBuckets]float64) {
	x := oddsLow
	for i := range edges {
		edges[i] = x
		x *= oddsGrowth
	}
	return edges
}

func newOdds() odds { return odds{Weights: make([]float64, oddsBuckets), Scale: 1} }

func (d *odds) valid() error {
	ok := len(d.Weights) == oddsBuckets && d.Scale >= 1 && d.Scale <= oddsRescale && d.Total >= 0 && d.Total <= 1e80
	for _, w := range d.Weights {
		ok = ok && w >= 0 && w <= 1e80
	}
	if !ok {
		return errors.New("odds that cannot be")
	}
	return nil
}

// second lets a second pass in which n requests needed ratio of what was foreseen.
func (d *odds) second(ratio, n float64) {
	if d.Scale = d.Scale * oddsFade; d.Scale > oddsRescale {
		d.Total = 0
		for i := range d.Weights {
			d.Weights[i] /= d.Scale
			d.Total += d.Weights[i]
		}
		d.Scale = 1
	}
	if !(n > 0) {
		return
	}
	i := 0
	if ratio > oddsLow {
		i = int(min(math.Log(ratio/oddsLow)/math.Log(oddsGrowth)+1, oddsBuckets-1))
	}
	d.Weights[i] += float64(n * d.Scale)
	d.Total += float64(n * d.Scale)
}

// A purchase is what replicas are to be weighed against.
type purchase struct {
	Foreseen float64 // slots, > 0
	Each     float64 // slots of a replica, >= 1
	Price    float64 // of a request that comes too late, in services of one slot
	Rate     float64 // requests per second that the guess is made of
	Now      int     // the count that stands
	Slack    float64 // what another count must be better by, in replicas
}

// best is the count of the least cost: its replicas, and the price of what they
// let come too late (the newsvendor's problem: Arrow, Harris and Marschak, "Optimal
// Inventory Policy", Econometrica 19(3), 1951). worth is the share that is not too
// late then.
func (d *odds) best(b purchase) (count int, worth float64) {
	guess := oddsGuess * b.Rate * d.Scale
	total := d.Total + guess
	stake := b.Price * b.Foreseen / b.Each
	if !(total > 0) {
		return ceil(b.Foreseen / b.Each), 1
	}
	least, stands := stake, math.Inf(1) // of none, all of which are too late
	if b.Now == 0 {
		stands = stake
	}
	above := d.Total // in the buckets beyond the edge number i
	late := 1.0
	for i := 0; ; {
		above -= d.Weights[i]
		n := math.Ceil(oddsEdges[i] * b.Foreseen / b.Each)
		ratio := n * b.Each / b.Foreseen
		for i++; i < oddsBuckets && oddsEdges[i] <= ratio; i++ {
			above -= d.Weights[i]
		}
		x := max(above, 0)
		if i < oddsBuckets { // part of the next bucket lies below the ratio
			x -= float64(d.Weights[i] * (ratio - oddsEdges[i-1]) / (oddsEdges[i] - oddsEdges[i-1]))
		}
		x = (max(x, 0) + float64(guess*guessed(ratio))) / total
		cost := n + float64(stake*x)
		if cost < least {
			least, count, late = cost, ceil(n), x
		}
		if ceil(n) == b.Now {
			stands = cost
		}
		if i >= oddsBuckets {
			break
		}
	}
	if stands-least < b.Slack {
		count = b.Now
	}
	return count, 1 - late
}

// guessed is the share that exceeds a ratio where nothing is known.
func guessed(ratio float64) float64 {
	if ratio < 1 {
		return 1
	}
	cube := ratio * ratio * ratio
	return 0.5 / (cube * cube)
}

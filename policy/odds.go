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

	oddsGuess = 60.0 // seconds of traffic that the guess counts as
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

// rate is the mean of requests per second over the hours that are remembered; less
// while they are not yet full.
func (d *odds) rate() float64 { return d.Total / d.Scale * (math.Ln2 / oddsHalf) }

// second lets a second pass in which requests, of n by weight, needed ratio of what
// was foreseen.
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
	Stake    float64 // replicas that all requests of a moment are worth
	Miss     float64 // for every time that it goes into the share that comes too late, each is as dear again
	Dearest  float64 // of those times, the most that count
	Rate     float64 // requests per second that the guess is made of
	Now      int     // the count that stands
	Slack    float64 // what another count must be better by, in replicas
}

// costs is what n replicas cost when the share late comes too late.
func (b *purchase) costs(n, late float64) float64 {
	return n + float64(b.Stake*late*(1+min(late/b.Miss, b.Dearest)))
}

// best is the count of the least cost, and that cost: of its replicas, and of what
// they let come too late (the newsvendor's problem: Arrow, Harris and Marschak,
// "Optimal Inventory Policy", Econometrica 19(3), 1951). It looks at the first count
// beyond each edge, so that one between two edges may cost less, by no more than the
// way from one to the other: a sixteenth, or one.
func (d *odds) best(b purchase) (count int, least float64) {
	guess := oddsGuess * b.Rate * d.Scale
	total := d.Total + guess
	if !(total > 0) {
		n := math.Ceil(b.Foreseen / b.Each)
		return ceil(n), n
	}
	least, stands := b.costs(0, 1), math.Inf(1)
	if b.Now == 0 {
		stands = least
	}
	above := d.Total // in the buckets beyond the edge before i
	for i := 0; i < oddsBuckets; {
		above -= d.Weights[i]
		n := math.Ceil(oddsEdges[i] * b.Foreseen / b.Each)
		ratio := n * b.Each / b.Foreseen
		for i++; i < oddsBuckets && oddsEdges[i] <= ratio; i++ {
			above -= d.Weights[i]
		}
		late := max(above, 0)
		if i < oddsBuckets { // part of the next bucket lies below the ratio
			late -= float64(d.Weights[i] * max(0, ratio-oddsEdges[i-1]) / (oddsEdges[i] - oddsEdges[i-1]))
		}
		late = (max(late, 0) + float64(guess*guessed(ratio))) / total
		cost := b.costs(n, late)
		if cost < least {
			least, count = cost, ceil(n)
		}
		if ceil(n) == b.Now {
			stands = cost
		}
		if n > least && ceil(n) >= b.Now {
			break // more cost more, whatever they serve
		}
	}
	if stands-least < b.Slack {
		count = b.Now
	}
	return count, least
}

// guessed is the share that exceeds a ratio where nothing is known: all exceed less
// than 1, and half of ratio^-6 the rest.
func guessed(ratio float64) float64 {
	if ratio < 1 {
		return 1
	}
	cube := ratio * ratio * ratio
	return 0.5 / (cube * cube)
}

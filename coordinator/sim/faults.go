package sim

import "hash/fnv"

// What can be drawn of a model.
const (
	drawLoss = iota + 1
	drawFailure
	drawSlowness
)

// draws are the fates of one model. The n-th thing of a kind has the same fate
// whenever it happens, and whatever else does.
type draws struct{ seed uint64 }

func newDraws(seed uint64, model string) draws {
	h := fnv.New64a()
	h.Write([]byte(model))
	return draws{mix(seed ^ mix(h.Sum64()))}
}

// happens draws whether the n-th thing of a kind comes true, which it does with
// probability p.
func (d draws) happens(kind, n uint64, p float64) bool {
	if p <= 0 {
		return false
	}
	x := mix(mix(d.seed+kind) + n)
	return float64(x>>11)/(1<<53) < p
}

// mix is the finalizer of SplitMix64 (Steele, Lea, Flood, "Fast Splittable
// Pseudorandom Number Generators", 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// startOf is how long the n-th load of a model takes, and whether it fails.
func (d draws) startOf(o *Options, n uint64) (takes int64, fails bool) {
	takes = int64(o.Start)
	if d.happens(drawSlowness, n, o.Faults.SlowStarts) {
		takes = int64(float64(takes) * o.Faults.SlowFactor)
	}
	return takes, d.happens(drawFailure, n, o.Faults.FailedStarts)
}

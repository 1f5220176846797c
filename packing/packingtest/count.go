package packingtest

import (
	"math/big"
	"slices"
)

// counts checks what the assignment says of itself.
func (j *judge) counts() {
	used, cost := 0, new(big.Int)
	for b, n := range j.holds {
		if n == 0 {
			if b >= len(j.p.Bins) {
				j.fault("bin %d was opened for nothing", b)
			}
			continue
		}
		used++
		cost.Add(cost, big.NewInt(max(1, j.bin(b).Cost)))
	}
	if used != j.a.Used {
		j.fault("%d bins in use, said %d", used, j.a.Used)
	}
	if cost.Cmp(big.NewInt(j.a.Cost)) != 0 {
		j.fault("bins cost %v, said %d", cost, j.a.Cost)
	}
	moved, price := 0, new(big.Int)
	for i, c := range j.p.Classes {
		stay := 0
		for _, b := range c.At {
			if slices.Contains(j.a.Bins[i], b) {
				stay++
			}
		}
		// What comes beyond what goes is new, what goes beyond it is gone.
		n := min(len(c.At), len(j.a.Bins[i])) - stay
		moved += n
		price.Add(price, new(big.Int).Mul(big.NewInt(int64(n)), big.NewInt(c.MoveCost)))
	}
	if moved != j.a.Moved {
		j.fault("%d items moved, said %d", moved, j.a.Moved)
	}
	if price.Cmp(big.NewInt(j.a.MovedCost)) != 0 {
		j.fault("moves cost %v, said %d", price, j.a.MovedCost)
	}
}

// bounds checks the lower bound against simple bounds from below, and from
// above against this packing and, where few are possible, all others.
func (j *judge) bounds() {
	if j.a.MovedBound > j.a.MovedCost {
		j.fault("moves cost at least %d, yet these cost %d", j.a.MovedBound, j.a.MovedCost)
	}
	if j.irregular() {
		return
	}
	if least := j.least(); j.a.LowerBound < least {
		j.fault("lower bound %d, yet %d bins are needed by volume or by the largest class alone", j.a.LowerBound, least)
	}
	if j.a.LowerBound > j.a.Used {
		j.fault("lower bound %d above the %d bins of this very packing", j.a.LowerBound, j.a.Used)
	}
	fewest, known := j.fewest()
	if known && j.a.LowerBound > fewest {
		j.fault("lower bound %d, yet %d bins can hold it all", j.a.LowerBound, fewest)
	}
	if known && j.a.Proven && j.a.Used > fewest {
		j.fault("%d bins said to be the minimum, yet %d can hold it all", j.a.Used, fewest)
	}
}

// irregular reports whether any bin holds more than it may or what it may not,
// by where items sit or by what is no item. Then fewer bins may do than any
// regular packing needs.
func (j *judge) irregular() bool {
	for b, loads := range j.loads {
		for d, l := range loads {
			if sum, peak := l.beyond(j.bin(b), d); sum.Sign()+peak.Sign() > 0 {
				return true
			}
		}
	}
	for i, c := range j.p.Classes {
		for _, b := range j.a.Bins[i] {
			if misfit(c, j.bin(b)) != "" {
				return true
			}
		}
	}
	return false
}

// least is a bound of the judge's own: the largest class, and in each dimension
// the volume over the largest bin.
func (j *judge) least() int {
	n := 0
	for _, bins := range j.a.Bins {
		n = max(n, len(bins))
	}
	for d := range j.p.Dimensions {
		volume, largest := new(big.Int), int64(0)
		for i, bins := range j.a.Bins {
			volume.Add(volume, new(big.Int).Mul(big.NewInt(j.p.Classes[i].Size[d]), big.NewInt(int64(len(bins)))))
		}
		for _, b := range j.p.Bins {
			largest = max(largest, capacity(b.Capacity, b.Virtual, d))
		}
		for _, t := range j.p.Templates {
			if t.Max > 0 {
				largest = max(largest, capacity(t.Capacity, t.Virtual, d))
			}
		}
		if largest > 0 {
			q, r := new(big.Int).DivMod(volume, big.NewInt(largest), new(big.Int))
			n = max(n, int(q.Int64())+r.Sign())
		}
	}
	return n
}

func capacity(physical, virtual []int64, d int) int64 {
	if virtual != nil {
		return virtual[d]
	}
	return physical[d]
}

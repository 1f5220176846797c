package packingtest

import (
	"math/big"
	"slices"

	"github.com/bellows-go/bellows/packing"
)

// A load is what is in a bin in one dimension.
type load struct {
	sum    *big.Int // sizes, and what is no item
	pinned *big.Int // of these what stays whatever is loaded
	top    *big.Int // the largest evictable part of an item
}

func emptyLoad(b packing.Bin, d int) load {
	used := int64(0)
	if b.Used != nil {
		used = b.Used[d]
	}
	return load{big.NewInt(used), big.NewInt(used), big.NewInt(0)}
}

// add puts an item of c into l.
func (l *load) add(c packing.Class, d int) {
	size, pinned := big.NewInt(c.Size[d]), big.NewInt(0)
	if c.Pinned != nil {
		pinned.SetInt64(c.Pinned[d])
	}
	l.sum.Add(l.sum, size)
	l.pinned.Add(l.pinned, pinned)
	if rest := size.Sub(size, pinned); rest.Cmp(l.top) > 0 {
		l.top = rest
	}
}

func (l load) clone() load {
	return load{new(big.Int).Set(l.sum), new(big.Int).Set(l.pinned), new(big.Int).Set(l.top)}
}

// beyond is by how much l exceeds what a bin may hold in dimension d: of all
// together, and while the largest evictable part is being loaded; 0 is not.
func (l load) beyond(b packing.Bin, d int) (sum, peak *big.Int) {
	virtual := b.Capacity[d]
	if b.Virtual != nil {
		virtual = b.Virtual[d]
	}
	sum = new(big.Int).Sub(l.sum, big.NewInt(virtual))
	peak = new(big.Int).Add(l.pinned, l.top)
	peak.Sub(peak, big.NewInt(b.Capacity[d]))
	for _, x := range []*big.Int{sum, peak} {
		if x.Sign() < 0 {
			x.SetInt64(0)
		}
	}
	return sum, peak
}

// loaded is what each bin holds, per dimension, with the items of each class in
// the given bins.
func (j *judge) loaded(places func(class int) []int) [][]load {
	loads := make([][]load, j.bins())
	for b := range loads {
		bin := j.bin(b)
		for d := range j.p.Dimensions {
			loads[b] = append(loads[b], emptyLoad(bin, d))
		}
	}
	for i, c := range j.p.Classes {
		for _, b := range places(i) {
			for d := range loads[b] {
				loads[b][d].add(c, d)
			}
		}
	}
	return loads
}

// load fills in what the later checks look at.
func (j *judge) load() {
	j.loads = j.loaded(func(i int) []int { return j.a.Bins[i] })
	j.holds = make([]int, j.bins())
	j.grown = make([][]bool, j.bins())
	for b := range j.grown {
		j.grown[b] = make([]bool, len(j.p.Dimensions))
	}
	for i, c := range j.p.Classes {
		for _, b := range j.a.Bins[i] {
			j.holds[b]++
			for d, size := range c.Size {
				if size > 0 && !slices.Contains(c.At, b) {
					j.grown[b][d] = true
				}
			}
		}
	}
}

func (j *judge) capacity() {
	for b, loads := range j.loads {
		bin := j.bin(b)
		for d, l := range loads {
			if !j.grown[b][d] {
				continue // as full as it was, or less
			}
			sum, peak := l.beyond(bin, d)
			if sum.Sign() > 0 {
				j.fault("bin %d: %v %s, %v too much", b, l.sum, j.p.Dimensions[d], sum)
			}
			if peak.Sign() > 0 {
				j.fault("bin %d: %v %s pinned and %v being loaded, %v too much", b, l.pinned, j.p.Dimensions[d], l.top, peak)
			}
		}
	}
}

// room reports whether a bin with these loads has room for one more item of a
// class.
func (j *judge) room(c packing.Class, bin packing.Bin, loads []load) bool {
	for d, size := range c.Size {
		if size == 0 {
			continue
		}
		l := loads[d].clone()
		l.add(c, d)
		if sum, peak := l.beyond(bin, d); sum.Sign()+peak.Sign() > 0 {
			return false
		}
	}
	return true
}

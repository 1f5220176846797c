package packingtest

import "github.com/bellows-go/bellows/packing"

// zones counts a class's items per zone, over the zones that count: the declared
// ones, and those of open bins and of templates that the class may use. Items
// elsewhere do not.
func (j *judge) zones(c packing.Class, places []int) map[string]int {
	n := map[string]int{}
	for _, zone := range j.p.Zones {
		n[zone] = 0
	}
	for _, b := range j.p.Bins {
		if b.State == packing.Open && misfit(c, b) == "" {
			n[b.Zone] = 0
		}
	}
	for _, t := range j.p.Templates {
		if t.Max > 0 && misfit(c, t.Bin) == "" {
			n[t.Zone] = 0
		}
	}
	for _, b := range places {
		zone := j.bin(b).Zone
		if _, counts := n[zone]; counts {
			n[zone]++
		}
	}
	return n
}

// spread checks that no two zones differ by more than the class allows, unless
// they did already and nothing made it worse.
func (j *judge) spread(i int) {
	c := j.p.Classes[i]
	if c.Spread.MaxSkew == 0 || c.Spread.Soft {
		return
	}
	was, is := j.zones(c, c.At), j.zones(c, j.a.Bins[i])
	for high := range is {
		for low := range is {
			if is[high]-is[low] <= c.Spread.MaxSkew {
				continue
			}
			if is[high] > was[high] || is[low] < was[low] {
				j.fault("%s: %d in zone %q, %d in zone %q, skew %d allowed", c.Name, is[high], high, is[low], low, c.Spread.MaxSkew)
			}
		}
	}
}

// evenWith reports whether one more item of a class may go into a zone as far
// as its spread goes.
func (j *judge) evenWith(i int, c packing.Class, zone string) bool {
	if c.Spread.MaxSkew == 0 || c.Spread.Soft {
		return true
	}
	n := j.zones(c, j.a.Bins[i])
	n[zone]++
	for _, low := range n {
		if n[zone]-low > c.Spread.MaxSkew {
			return false
		}
	}
	return true
}

package packing

// lowerBound is a count of bins below which no packing of the placed items
// goes: the volume in each dimension over the largest capacity, and the largest
// class, whose items never share a bin.
func lowerBound(p *Problem, placed [][]int) int {
	bound := 0
	for _, bins := range placed {
		bound = max(bound, len(bins))
	}
	for d := range p.Dimensions {
		var volume, largest int64
		for i, bins := range placed {
			volume += p.Classes[i].Size[d] * int64(len(bins))
		}
		for i := range p.Bins {
			largest = max(largest, p.Bins[i].Capacity[d])
		}
		for i := range p.Templates {
			largest = max(largest, p.Templates[i].Capacity[d])
		}
		if largest > 0 {
			bound = max(bound, int((volume+largest-1)/largest))
		}
	}
	return bound
}

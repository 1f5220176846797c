package packing

// A sortKey is what a class is sorted by: first, then second, then the class.
type sortKey struct {
	first  uint64
	second uint32
	class  int32
}

// digit is one of the twelve bytes of a key, the lowest first.
func (k *sortKey) digit(i int) byte {
	if i < 4 {
		return byte(k.second >> (8 * i))
	}
	return byte(k.first >> (8 * (i - 4)))
}

// radixSort sorts keys whose classes ascend already, byte by byte: that takes
// time in proportion to their number. It may use the list given for the result.
func radixSort(keys []sortKey) []sortKey {
	var counts [12][256]int32
	for i := range keys {
		for d := range counts {
			counts[d][keys[i].digit(d)]++
		}
	}
	other := make([]sortKey, len(keys))
	for d := range counts {
		if len(keys) == 0 || int(counts[d][keys[0].digit(d)]) == len(keys) {
			continue // all the same
		}
		at := int32(0)
		for x, n := range counts[d] {
			counts[d][x] = at
			at += n
		}
		for i := range keys {
			x := keys[i].digit(d)
			other[counts[d][x]] = keys[i]
			counts[d][x]++
		}
		keys, other = other, keys
	}
	return keys
}

package packing

import "slices"

// movedBound is a cost below which no way of emptying as many bins goes. Each
// bin that is emptied gives up all that it holds, so the sum of the lightest so
// many is a bound; ordinal removal knows which they are.
func (lv *leave) movedBound(s *state) int64 {
	var loads []int64
	emptied := 0
	for _, b := range lv.order {
		if lv.c.Removal == Ordinal && len(s.items[b]) > 0 {
			break
		}
		if lv.held[b] > 0 {
			loads = append(loads, lv.load[b])
			if len(s.items[b]) == 0 {
				emptied++
			}
		}
	}
	slices.Sort(loads)
	bound := int64(0)
	for _, load := range loads[:emptied] {
		bound += load
	}
	return bound
}

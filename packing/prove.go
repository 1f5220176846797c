package packing

// prove is bound, raised as far as the budget goes where it does not show yet
// that the bins in use are the fewest: by generating columns, and with few bins
// or items by trying all ways.
func (s *state) prove(b *budget) int {
	const fewBins, fewItems = 12, 60
	bound := s.bound()
	if bound >= s.used || b.spent() {
		return bound
	}
	counts := make([]int, len(s.at))
	items := 0
	for c, bins := range s.at {
		counts[c] = len(bins)
		items += len(bins)
	}
	q := newCover(s.layout, counts)
	bound = max(bound, min(s.used, q.columnBound(s.used, b)))
	if bound < s.used && (s.used <= fewBins || items <= fewItems) && q.impossible(s.used-1, b) {
		return s.used
	}
	return bound
}

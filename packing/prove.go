package packing

// Bound is a number of bins below which no placement of p's items goes. exact
// says that a placement in so many was found, so that the bound is the optimum.
// Up to about 12 bins or 60 items it mostly is; with many more, and many to a
// bin, the bound may stay below.
//
// Items that no bin takes, or for which Pack found no room, do not count. What
// sits in a bin at the beginning may move as far as the bound is concerned, while
// the placement leaves it where it is, as Pack does. Options.Effort is for the
// search and, once more, for the proof; Fast means the quick bounds only. The
// error is p's Validate.
func Bound(p *Problem, o Options) (bins int, exact bool, err error) {
	if err := p.Validate(); err != nil {
		return 0, false, err
	}
	r := &run{Options: o, s: newState(newLayout(p))}
	r.pack()
	bins = max(r.least, r.s.prove(&budget{limit: o.Effort.proof(), stop: o.Stop}))
	return bins, r.s.used == bins, nil
}

// proof is what an effort may take to prove a bound, beside the search.
func (e Effort) proof() int64 {
	switch e {
	case Fast:
		return 0
	case Second:
		return 1_000_000
	case HalfMinute:
		return 30_000_000
	}
	return 100_000
}

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
	for (s.used <= fewBins || items <= fewItems) && bound < s.used && q.impossible(bound, b) {
		bound++
	}
	return bound
}

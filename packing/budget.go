package packing

// A budget counts the steps of a search and ends it.
type budget struct {
	steps, limit int64
	stop         func() bool // may be nil
	asked        int64       // the steps when stop was asked last
	stopped      bool
}

// spend counts work done.
func (b *budget) spend(steps int) { b.steps += int64(steps) }

// spent reports whether the search has to end.
func (b *budget) spent() bool {
	const pause = 1000 // steps, so that Stop need not be cheap
	if b.stop != nil && !b.stopped && b.steps >= b.asked+pause {
		b.asked = b.steps
		b.stopped = b.stop()
	}
	return b.stopped || b.steps >= b.limit
}

// steps is what an effort may take for so many items.
func (e Effort) steps(items int) int64 {
	switch e {
	case Fast:
		return 4 * int64(items)
	case Second:
		return 600_000
	case HalfMinute:
		return 20_000_000
	}
	return 1000 + 20*int64(items)
}

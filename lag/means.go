package lag

import "time"

// means are what MeanAt reads of the buckets that are not void, one after the
// other. A planner asks tens of thousands of windows a tick, more than caches
// hold; this is a fraction of the buckets. The zero value follows nothing.
type means struct {
	ring        []mean // as long as the buckets, once it was needed
	first, live int    // those in use, ascending by index
	follows     bool
}

type mean struct {
	index, count int64
	sum          float64
}

// note follows a bucket that has changed. One that is not the newest ends the
// following: the next question begins it again.
func (m *means) note(b *bucket) {
	n := len(m.ring)
	if m.live > 0 {
		last := &m.ring[(m.first+m.live-1)%n]
		switch {
		case last.index == b.index:
			last.count, last.sum = b.count, b.sum
			return
		case last.index > b.index:
			m.follows = false
			return
		}
	}
	for m.live > 0 && m.ring[m.first].index <= b.index-int64(n) {
		m.live--
		if m.first++; m.first == n {
			m.first = 0
		}
	}
	m.ring[(m.first+m.live)%n] = mean{b.index, b.count, b.sum}
	m.live++
}

// sum adds up the samples as of t, oldest first.
func (w *Window) sum(t time.Time) (sum float64, n int64) {
	if len(w.blocks) > 0 {
		for b := range w.covered(t) {
			sum += b.sum
			n += b.count
		}
		return sum, n
	}
	m := &w.means
	if !m.follows {
		if m.ring == nil {
			m.ring = make([]mean, len(w.buckets))
		}
		m.first, m.live, m.follows = 0, 0, true
		for i := w.newest - int64(len(w.buckets)) + 1; i <= w.newest && w.any; i++ {
			if b := &w.buckets[w.slot(i)]; b.count > 0 && b.index == i {
				m.note(b)
			}
		}
	}
	from, to := w.indices(t)
	older := m.ring[m.first:min(m.first+m.live, len(m.ring))]
	for _, part := range [2][]mean{older, m.ring[:m.live-len(older)]} {
		for i := range part {
			if x := &part[i]; x.index >= from && x.index <= to {
				sum += x.sum
				n += x.count
			}
		}
	}
	return sum, n
}

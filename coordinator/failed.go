package coordinator

import (
	"cmp"
	"slices"
	"time"
)

// A failedLoad is a server on which a model did not load, or died, and until
// when it is not loaded there again.
type failedLoad struct {
	Server string
	Since  time.Time // of the last failure
	Times  int       // in a row
	Until  time.Time
}

const (
	defaultRetryInterval = 30 * time.Second
	maxRetryWait         = 30 * time.Minute
	// failuresKept is for how long a failure is remembered that was not repeated.
	failuresKept = time.Hour
)

// noteFailures remembers where the model is broken, and forgets where it serves
// again. The first failure is tried again at once, later ones after one interval,
// three, seven, up to maxRetryWait.
func (m *model) noteFailures(now time.Time) {
	for _, at := range m.places {
		if !m.owns(at) {
			continue
		}
		server := at.name()
		i, known := slices.BinarySearchFunc(m.failed, server, func(f failedLoad, name string) int { return cmp.Compare(f.Server, name) })
		switch {
		case at.phase == Serving && known && at.replica().Since.After(m.failed[i].Since):
			m.failed = slices.Delete(m.failed, i, i+1)
		case at.phase != Broken || known && !at.replica().Since.After(m.failed[i].Since):
		default:
			if !known {
				m.failed = slices.Insert(m.failed, i, failedLoad{Server: server})
			}
			f := &m.failed[i]
			f.Since, f.Times = at.replica().Since, f.Times+1
			wait := min(orElse(m.RetryInterval, defaultRetryInterval), maxRetryWait) * (1<<min(f.Times-1, 20) - 1)
			f.Until = now.Add(min(wait, maxRetryWait))
		}
	}
	m.failed = slices.DeleteFunc(m.failed, func(f failedLoad) bool { return now.Sub(f.Until) > failuresKept })
}

// avoids reports until when the model is not to be loaded on a server; ok is
// false if it may be now.
func (m *model) avoids(server string, now time.Time) (until time.Time, ok bool) {
	i, known := slices.BinarySearchFunc(m.failed, server, func(f failedLoad, name string) int { return cmp.Compare(f.Server, name) })
	if !known || !now.Before(m.failed[i].Until) {
		return time.Time{}, false
	}
	return m.failed[i].Until, true
}

// avoiding is the capability that a bin has, and a class forbids, where a model
// is not to be loaded for now. No user's capability begins like it.
func avoiding(model string) string { return "\x00avoid " + model }

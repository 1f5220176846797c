package coordinatortest

import "github.com/bellows-go/bellows/coordinator"

// Arrive lets n requests for a model or service come in. They go to serving
// replicas, those in memory and the least busy first, or wait.
func (f *Fleet) Arrive(model string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.models[model]
	if m == nil || n < 0 {
		return
	}
	f.catchUp()
	m.begun += uint64(n)
	m.waiting += n
	f.dispatch(m)
}

// Finish lets up to n requests of a model end, on the busiest replicas first,
// and returns how many did. Neither waiting ones end nor those whose replica is
// still on the disk. Those of a service end if a replica of it is ready.
func (f *Fleet) Finish(model string, n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.models[model]
	if m == nil {
		return 0
	}
	f.catchUp()
	if s := f.service(model); s != nil {
		return s.finish(n)
	}
	ended := 0
	for ; ended < n; ended++ {
		var busiest *replica
		f.each(m, func(r *replica) {
			if r.inFlight > 0 && r.present(f.now()) && (busiest == nil || r.inFlight > busiest.inFlight) {
				busiest = r
			}
		})
		if busiest == nil {
			break
		}
		busiest.inFlight--
		m.ended++
	}
	f.reload() // what was idle only now may be evicted
	return ended
}

// Restart lets what counts a model's or service's requests start again from zero.
func (f *Fleet) Restart(model string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if m := f.models[model]; m != nil {
		m.restart()
	}
}

func (m *fleetModel) restart() { m.sinceBegun, m.sinceEnd = m.begun, m.ended }

// dispatch gives waiting requests to serving replicas.
func (f *Fleet) dispatch(m *fleetModel) {
	for m.waiting > 0 {
		var best *replica
		f.each(m, func(r *replica) {
			if r.phase == coordinator.Serving && (best == nil || better(r, best)) {
				best = r
			}
		})
		if best == nil {
			return
		}
		best.inFlight++
		m.waiting--
		f.use(best)
	}
}

// better reports whether a request is rather sent to a than to b.
func better(a, b *replica) bool {
	if a.onDisk != b.onDisk {
		return b.onDisk
	}
	return a.inFlight < b.inFlight
}

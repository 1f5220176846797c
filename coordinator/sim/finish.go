package sim

import "time"

// finish ends the replay. What waits at the end may still start in time.
func (r *run) finish() Result {
	f := r.fleet
	f.now = f.bill.end
	f.settle()
	res := &r.result
	res.Policy = r.setup.Name
	worst := -1.0
	for _, u := range f.stations {
		u.advance(f.bill.end + int64(r.options.Wait) + 1)
		s := &u.score
		for _, q := range u.reqs[u.head:] {
			if q.At >= r.options.Warmup {
				s.requests++
				s.missed++
				res.Unserved++
				s.when.add(int64(q.At))
				s.waits.add(max(f.bill.end-int64(q.At), 0) + int64(r.options.Wait))
			}
		}
		res.Requests += s.requests
		res.Missed += s.missed
		m := ModelResult{Model: u.name, Requests: s.requests, Missed: s.missed}
		res.Models = append(res.Models, m)
		if s.requests >= worstOf {
			worst = max(worst, m.Percent())
		}
	}
	if worst < 0 { // no model has that many: the worst of all
		for _, m := range res.Models {
			worst = max(worst, m.Percent(), 0)
		}
	}
	res.WorstModelPercent = max(worst, 0)
	res.WaitP50, res.WaitP99, res.WaitP999 = r.waits.quantile(0.5), r.waits.quantile(0.99), r.waits.quantile(0.999)
	res.ReplicaHours = time.Duration(f.bill.replicas).Hours()
	res.ServerHours = time.Duration(f.bill.servers).Hours()
	res.WorkBoundReplicaHours = r.allWork.Hours() / float64(r.options.Slots)
	res.Churn, res.PeakReplicas, res.FailedStarts = r.churn, r.peak, f.broken
	if r.history != nil {
		res.History = r.history.points(r.options.Slots)
	}
	return *res
}

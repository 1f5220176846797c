package sim

import (
	"context"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// RateMinute is the series of a rate that a Prometheus query like
// sum(rate(requests_total[1m])) answers: requests begun per second over the last
// minute, as of a whole second. It is for policies that cannot ask for a
// statistic themselves, as KEDA's triggers.
const RateMinute = "rate_1m"

// past is what a model's counter of requests begun read at the last seconds.
type past struct {
	begun [61]int64
	n     int64 // seconds noted
}

// note adds the next second and returns the rate over the last minute, or what
// there is of it.
func (p *past) note(begun int64) float64 {
	p.begun[p.n%61] = begun
	back := min(p.n, 60)
	then := p.begun[(p.n-back)%61]
	p.n++
	if back == 0 {
		return 0
	}
	return float64(begun-then) / float64(back)
}

// Read answers with every whole second since the last call that can be read by
// now. If there is none it answers with the newest one again, unless that was
// lost.
func (f *fleet) Read(_ context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	until := f.now - int64(f.options.Faults.MetricDelay)
	for _, w := range want {
		u := f.byModel[w.Target.Name]
		if u == nil {
			continue
		}
		s := coordinator.Sample{Series: w, Cumulative: w.Name != policy.InFlight && w.Name != RateMinute, Quality: policy.OK}
		for i := range u.marks {
			m := &u.marks[i]
			if m.at > until {
				break
			}
			newer := i+1 < len(u.marks) && u.marks[i+1].at <= until
			if m.lost || m.read && newer {
				continue
			}
			switch w.Name {
			case policy.Begun:
				s.Value = float64(m.begun)
			case policy.Ended:
				s.Value = float64(m.ended)
			case policy.Errors:
				s.Value = 0
			case policy.BusySeconds:
				s.Value = m.busy
			case policy.InFlight:
				s.Value = float64(m.inFlight)
			case RateMinute:
				s.Value = m.rate
			default:
				continue
			}
			s.At = instant(m.at)
			dst = append(dst, s)
		}
	}
	for _, u := range f.stations {
		u.drop(until)
	}
	return dst, nil
}

// drop forgets the marks that were read, but the newest of them: it stays, to be
// the newest again.
func (u *unit) drop(until int64) {
	n := 0
	for n < len(u.marks) && u.marks[n].at <= until {
		n++
	}
	if n > 1 {
		u.marks = append(u.marks[:0], u.marks[n-1:]...)
	}
	if n > 0 {
		u.marks[0].read = true
	}
}

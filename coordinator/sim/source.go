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

// meter is what can be read of a model's counters.
type meter struct {
	marks []mark // whole seconds since the last read, those that cannot be read yet included
	draws draws
	past  past
}

// mark is what the counters read at a whole second.
type mark struct {
	at           int64
	begun, ended int64
	busy, rate   float64
	inFlight     int64
	lost         bool // nobody can read it
	read         bool // it was
}

func newMeter(seed uint64, model string) meter { return meter{draws: newDraws(seed, model)} }

// mark notes a whole second, which is lost with a probability.
func (m *meter) mark(x mark, loss float64) {
	x.rate = m.past.note(x.begun)
	x.lost = m.draws.happens(drawLoss, uint64(x.at/second), loss)
	m.marks = append(m.marks, x)
}

// Read answers with every whole second since the last call that can be read by
// now, but for those between two at which a counter read the same. If there is
// none it answers with the newest one again, unless that was lost.
func (f *fleet) Read(_ context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	until := f.now - int64(f.options.Faults.MetricDelay)
	for _, w := range want {
		if u := f.byModel[w.Target.Name]; u != nil {
			dst = u.read(&w, until, dst)
		}
	}
	for _, u := range f.stations {
		u.drop(until)
	}
	return dst, nil
}

// read appends what can be read of a series.
func (m *meter) read(w *coordinator.Series, until int64, dst []coordinator.Sample) []coordinator.Sample {
	s := coordinator.Sample{Series: *w, Cumulative: w.Name != policy.InFlight && w.Name != RateMinute, Quality: policy.OK}
	for i := range m.marks {
		x := &m.marks[i]
		if x.at > until {
			break
		}
		newer := i+1 < len(m.marks) && m.marks[i+1].at <= until
		if x.lost || x.read && newer {
			continue
		}
		var ok bool
		if s.Value, ok = x.value(w.Name); !ok {
			return dst
		}
		if s.Cumulative && newer && i > 0 { // between two equal counts there is nothing to say
			before, _ := m.marks[i-1].value(w.Name)
			after, _ := m.marks[i+1].value(w.Name)
			if before == after && !m.marks[i-1].lost && !m.marks[i+1].lost {
				continue
			}
		}
		s.At = instant(x.at)
		dst = append(dst, s)
	}
	return dst
}

// value is what a series reads at the mark.
func (x *mark) value(series string) (v float64, ok bool) {
	switch series {
	case policy.Begun:
		return float64(x.begun), true
	case policy.Ended:
		return float64(x.ended), true
	case policy.Errors:
		return 0, true
	case policy.BusySeconds:
		return x.busy, true
	case policy.InFlight:
		return float64(x.inFlight), true
	case RateMinute:
		return x.rate, true
	}
	return 0, false
}

// drop forgets the marks that were read, but the newest of them: it stays, to be
// the newest again.
func (m *meter) drop(until int64) {
	n := 0
	for n < len(m.marks) && m.marks[n].at <= until {
		n++
	}
	if n > 1 {
		m.marks = append(m.marks[:0], m.marks[n-1:]...)
	}
	if n > 0 {
		m.marks[0].read = true
	}
}

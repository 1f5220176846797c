package policy

import (
	"errors"
	"math"
)

// peaks are the empirical arrival envelope of a stream, see Envelope: of each of
// the last seconds they keep r = max over T of A_T/(T+wait), A_T being what began
// in the T seconds that ended then. The lengths T grow with the service time, for
// what is shorter than it makes no queue; when it has changed by a quarter they
// are chosen anew, and the past reckoned again. newPeaks makes them.
type peaks struct {
	wait    float64 // seconds
	service float64 // for which the lengths were chosen, seconds; 0: not yet
	lengths [6]int
	rates   sliding
}

// longestLength is the longest of the lengths; arrivals for peaks over a window
// must span both.
const longestLength = 600

// newPeaks keeps a window of so many seconds for a limit on waiting in seconds.
func newPeaks(window int, wait float64) peaks {
	return peaks{wait: wait, rates: newSliding(window)}
}

// second takes in the newest second of a, for a service time in seconds.
func (p *peaks) second(a *arrivals, service float64) {
	if p.service == 0 || service > p.service*1.25 || service < p.service/1.25 {
		p.choose(service)
		p.again(a)
		return
	}
	p.rates.add(p.rate(a, 0))
}

// choose sets the lengths: 1, 2, 5, 10, 20 and 60 s, or those from half the
// service time up.
func (p *peaks) choose(service float64) {
	p.service = max(service, 1e-9)
	half := int(min(math.Ceil(service/2), longestLength/8))
	for i, t := range [...]int{1, 2, 5, 10, 20, 60} {
		p.lengths[i] = max(t, half)
	}
	for i, by := range [...]int{1, 2, 4, 8} {
		p.lengths[i] = max(p.lengths[i], half*by)
	}
}

// again reckons the window anew.
func (p *peaks) again(a *arrivals) {
	p.rates.reset()
	for i := min(len(p.rates.ring), a.span()) - 1; i >= 0; i-- {
		p.rates.add(p.rate(a, i))
	}
}

// rate is r of the second that is skip before the newest.
func (p *peaks) rate(a *arrivals, skip int) (r float64) {
	for _, t := range p.lengths {
		r = max(r, float64(a.sumBefore(skip, t))/(float64(t)+p.wait))
	}
	return r
}

// quantile of the rates of the window, in requests per second.
func (p *peaks) quantile(q float64) (perSecond float64, ok bool) { return p.rates.quantile(q) }

// savedPeaks are what peaks do not know from the arrivals.
type savedPeaks struct{ Service float64 }

func (p *peaks) save() savedPeaks { return savedPeaks{p.service} }

// restore makes p what it was when it was saved, beside the arrivals of then.
func (p *peaks) restore(s savedPeaks, a *arrivals) {
	*p = newPeaks(len(p.rates.ring), p.wait)
	if s.Service > 0 {
		p.choose(s.Service)
		p.service = s.Service
		p.again(a)
	}
}

func (s savedPeaks) valid() error {
	if !(s.Service >= 0 && s.Service <= mostService) {
		return errors.New("an envelope of a service time that cannot be")
	}
	return nil
}

package main

import (
	"fmt"
	"math"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// apa scales as the APA of vLLM AIBrix does (pkg/controller/podautoscaler): the
// average of a metric over the pods, within a stable window, over its target;
// within a band around one nothing changes, else the count is multiplied, by two
// at most in either direction. On the way down the least decision of a window
// counts, the reverse of what the HPA does: a single low one wins. It does not
// grow while pods are pending, as since its pull request 2671: before, what had
// been ordered and not begun to help was ordered again and again.
//
// It lives here for the reasons that ray does.
type apa struct {
	Target    float64       // of the metric per pod, > 0
	Window    time.Duration // > 0
	Tolerance float64       // either way
	Rate      float64       // most times the count, > 1
	Down      time.Duration // window of decisions on the way down
	Min, Max  int
}

func (c apa) Validate() error {
	if !(c.Target > 0) || c.Window <= 0 || !(c.Tolerance >= 0) || !(c.Rate > 1) || c.Down < 0 {
		return fmt.Errorf("apa: %+v", c)
	}
	return nil
}

func (c apa) Needs() policy.Needs {
	return policy.Needs{Signals: []policy.Signal{{Name: policy.InFlight, Stat: policy.Mean, Window: c.Window}}}
}

func (c apa) New(time.Time, int) policy.Policy { return &apaing{apa: c} }

type apaing struct {
	apa
	decided []decided // within Down
}

type decided struct {
	at time.Time
	n  int
}

func (p *apaing) Decide(o policy.Observation) policy.Decision {
	load := o.Readings[0]
	switch {
	case !load.Quality.HasValue():
		return o.Hold(policy.SignalNotOK, float64(load.Quality))
	case o.Desired == 0:
		if load.Value > 0 {
			return o.Propose(apaRatio, max(1, p.Min), load.Value, p.Target)
		}
		return o.Hold(apaRatio, 0, p.Target)
	case o.Ready == 0:
		return o.Hold(policy.CountUnknown) // no pod to ask
	}
	ratio := load.Value / (float64(o.Ready) * p.Target)
	d := o.Hold(policy.WithinTolerance, ratio, p.Tolerance)
	n := o.Desired
	if math.Abs(ratio-1) > p.Tolerance {
		n = int(min(math.Ceil(float64(float64(o.Desired)*ratio)-1e-9), 1e6))
		d = o.Propose(apaRatio, n, load.Value/float64(o.Ready), p.Target)
		high, low := math.Ceil(float64(o.Desired)*p.Rate), math.Floor(float64(o.Desired)/p.Rate)
		if limited := min(max(n, int(low)), int(high)); limited != n {
			d = o.Amend(d, apaRate, limited, float64(n), float64(limited))
			n = limited
		}
	}
	if n > o.Desired && o.Starting > 0 {
		return o.Hold(apaPending, float64(n), float64(o.Starting))
	}
	if bounded := min(max(n, p.Min, 1), p.Max); bounded != n { // not to zero by itself
		d = o.Amend(d, policy.BelowMin, bounded, float64(n), float64(bounded))
		n = bounded
	}
	for len(p.decided) > 0 && o.Now.Sub(p.decided[0].at) >= p.Down {
		p.decided = p.decided[1:]
	}
	p.decided = append(p.decided, decided{o.Now, n})
	least := n
	for _, x := range p.decided {
		least = min(least, x.n)
	}
	if n < o.Desired && least < n {
		d = o.Amend(d, apaLookout, least, float64(n), float64(least))
	}
	return d
}

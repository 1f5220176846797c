package policy

import "errors"

// A service learns how long a request is served, and how much of a replica
// serves, from counters alone: the slots that were busy, summed over seconds, by
// the requests that ended (an estimator of the mean that also holds while
// requests are cut off at the window's edges, as the maximum likelihood of
// exponential times does).
//
// What was busy is Second.Busy where the source gives it; else the requests in
// flight, as far as there are slots for them. Two memories are kept: a long one
// that is steady, and a short one that sees a change; when the short one is off by
// half for a whole length of its own, the long one begins anew from it.
type service struct {
	Busy, Done           float64 // seconds and requests, of the long memory
	QuickBusy, QuickDone float64 // of the short one
	Off                  float64 // requests that ended since the two began to disagree
	Measured             bool    // Busy comes from the source
	Blind                float64 // requests that ended since it last did
	MostBusy             float64 // slots of one replica that were seen busy, of late
}

const (
	serviceLong   = 1000 // requests the long memory holds at least
	serviceFade   = 1.0 / 1800
	serviceQuick  = 100 // requests the short one holds
	servicePrior  = 10  // requests that a declared time counts as
	serviceEnough = 5   // requests without which nothing is said, if none was declared
	serviceOff    = 1.5
	mostService   = 1e6 // seconds
)

func (s *service) valid() error {
	for _, x := range []float64{s.Busy, s.QuickBusy, s.MostBusy} {
		if !(x >= 0 && x <= 1e18) {
			return errors.New("a service time that cannot be")
		}
	}
	for _, x := range []float64{s.Done, s.QuickDone, s.Off, s.Blind} {
		if !(x >= 0 && x <= 1e18) {
			return errors.New("a number of services that cannot be")
		}
	}
	return nil
}

// second takes in a known second in which so many requests were in flight in its
// mean, if that is sure, and so many slots could serve.
func (s *service) second(x *Second, sure bool, flight, slots float64, ready int) {
	busy := finite(x.Busy, 1e12)
	done := requests(x.Ended)
	switch {
	case busy > 0 && !s.Measured:
		*s = service{Measured: true} // what was reckoned so far is worth less
	case busy > 0:
		s.Blind = 0
	case s.Measured && done > 0: // the source is silent, or they ended as the second began
		s.Blind += done
		s.Measured = s.Blind <= serviceQuick
		return
	}
	if !s.Measured {
		if !sure {
			return
		}
		busy = min(flight, slots)
	}
	if s.Done > serviceLong {
		s.Busy -= float64(s.Busy * serviceFade)
		s.Done -= float64(s.Done * serviceFade)
	}
	s.Busy, s.Done = s.Busy+busy, s.Done+done
	s.QuickBusy, s.QuickDone = s.QuickBusy+busy, s.QuickDone+done
	s.MostBusy -= float64(s.MostBusy * serviceFade)
	if ready > 0 {
		s.MostBusy = max(s.MostBusy, busy/float64(ready))
	}
	if s.QuickDone <= serviceQuick {
		return
	}
	keep := serviceQuick / s.QuickDone
	s.QuickBusy, s.QuickDone = s.QuickBusy*keep, serviceQuick
	quick, long := s.QuickBusy/s.QuickDone, s.Busy/s.Done
	if quick <= float64(long*serviceOff) && long <= float64(quick*serviceOff) {
		s.Off = 0
	} else if s.Off += done; s.Off > serviceQuick {
		s.Busy, s.Done, s.Off = s.QuickBusy, s.QuickDone, 0
	}
}

// mean is the mean service time in seconds. declared is what the user says of it,
// 0 if nothing: it counts as servicePrior requests, so that it carries while little
// has been seen and is forgotten when more has. ok is false while neither says
// enough.
func (s *service) mean(declared float64) (seconds float64, ok bool) {
	busy, done := s.Busy, s.Done
	if declared > 0 {
		busy, done = busy+float64(declared*servicePrior), done+servicePrior
	} else if done < serviceEnough {
		return 0, false
	}
	return min(busy/done, mostService), true
}

// seen is how many requests the mean is made of, a measure of how sure it is: its
// relative error is about the coefficient of variation by the root of that.
func (s *service) seen() float64 { return s.Done }

// slots is how many requests one replica serves at once: declared, or what one was
// seen to serve of late, at least one. It is sure only when it is declared.
func (s *service) slots(o *Observation) (n int, sure bool) {
	if o.Slots > 0 {
		return slotsOf(o), true
	}
	return max(1, ceil(s.MostBusy-0.05)), false
}

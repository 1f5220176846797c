package policy

import (
	"errors"
	"math"
)

// A demand reckons second by second how many slots a stream of requests asks for,
// so that none waits longer than a limit: the least c with
//
//	A_T + N <= c * (1 + (T + wait)/S)  for T of 1, 2, 5, 10, 20 and 60 s
//
// where A_T is what began in the T seconds that end now, N what was being served
// before them, had there been slots enough, and S the service time: c slots take in
// c requests at once, and as many again in every S. It is the arrival envelope (see
// Envelope) of a station that is not empty and does not finish at once; for short
// services it comes to A_T*S/(T+wait). newDemand makes one.
type demand struct {
	Serving []float64 // ring by known second: what would be being served at its end
	Clock   int64     // known seconds so far
}

var demandLengths = [...]int{1, 2, 5, 10, 20, 60}

const demandRing = 61 // the longest length, and now

func newDemand() demand { return demand{Serving: make([]float64, demandRing)} }

func (d *demand) valid() error {
	ok := len(d.Serving) == demandRing && d.Clock >= 0
	for _, x := range d.Serving {
		ok = ok && x >= 0 && x <= maxCount*mostService
	}
	if !ok {
		return errors.New("a demand that cannot be")
	}
	return nil
}

// second takes in the newest second of a, for a service time and a limit on waiting
// in seconds, and returns the slots it asks for; nothing, when nothing began.
func (d *demand) second(a *arrivals, service, wait float64) (slots float64) {
	n := float64(a.sum(1))
	full := n * service // what would be served, were every second like this one
	now := full + float64((d.Serving[d.Clock%demandRing]-full)*math.Exp(-1/service))
	d.Clock++
	d.Serving[d.Clock%demandRing] = max(now, 0)
	if n == 0 {
		return 0
	}
	for _, t := range demandLengths {
		t = int(min(int64(t), d.Clock))
		before := d.Serving[(d.Clock-int64(t))%demandRing]
		slots = max(slots, (float64(a.sum(t))+before)/(1+(float64(t)+wait)/service))
	}
	return slots
}

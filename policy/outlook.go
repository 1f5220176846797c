package policy

import (
	"errors"
	"math"

	"github.com/bellows-go/bellows/internal/slide"
)

// An outlook foresees the most that the mean rate of any stretch of the past, some
// Over seconds long, has been in the last Hold seconds, times the service time of
// now; and it knows its own odds, of what is asked for a start-up time later. A short
// outlook is soon down again and needs much margin, a long one the reverse: which is
// the cheaper depends on the stream. newOutlook makes one.
type outlook struct {
	Rates    slide.Max // the most of each slot of time, requests per second
	Foreseen []float64 // ring by step of known seconds: the most of Rates
	Odds     odds
	Bought   int     // replicas that the odds make worth it
	Cost     float64 // that of the best count, the mean of late, in replicas
}

// horizon is how an outlook looks back, in seconds.
type horizon struct{ Over, Hold int }

const (
	outlookSlots = 20 // of time in Hold
	outlookStep  = 10 // known seconds between what is kept of Foreseen
	outlookRing  = 64 // of them
	outlookEarly = 45 // known seconds before a rate is believed
	mostRate     = maxCount
)

func newOutlook() outlook {
	return outlook{
		Rates:    slide.Max{Slots: outlookSlots, Entries: make([]slide.Entry, 0, outlookSlots)},
		Foreseen: make([]float64, outlookRing), Odds: newOdds(),
	}
}

func (v *outlook) valid() error {
	ok := v.Rates.Slots == outlookSlots && len(v.Foreseen) == outlookRing && v.Bought >= 0 && v.Bought <= maxReplicas &&
		v.Cost >= 0 && v.Cost <= 1e80
	for _, x := range v.Foreseen {
		ok = ok && x >= 0 && x <= mostRate
	}
	if !ok {
		return errors.New("an outlook that cannot be")
	}
	return errors.Join(v.Rates.Valid(mostRate), v.Odds.valid())
}

// second takes in the newest second of a, which asks for so many slots (see demand),
// for a service time and a start-up time in seconds. What is foreseen of nothing is
// least.
func (v *outlook) second(h horizon, a *arrivals, unix int64, service, lead, asked, least float64) {
	if a.clock < outlookEarly {
		return
	}
	over := int(min(max(float64(h.Over), 2*service), float64(a.most())))
	// While less is known than Over, it counts as a minute at least: one of less is
	// chance.
	rate := float64(a.sum(over)) / float64(min(max(a.span(), 60), over))
	v.Rates.Record(floorDiv(unix, int64(h.Hold/outlookSlots)), rate)
	step := a.clock / outlookStep
	v.Foreseen[step%outlookRing] = v.Rates.Current()
	back := min(int64(math.Ceil(lead/outlookStep)), outlookRing-1)
	known := a.clock - outlookEarly - back*outlookStep
	if known < outlookStep {
		return
	}
	// The most of a part of Hold is not yet what it will be: it says less.
	weight := float64(a.sum(1)) * min(1, float64(known)/float64(h.Hold))
	v.Odds.second(asked/(float64(v.Foreseen[(step-back)%outlookRing]*service)+least), weight)
}

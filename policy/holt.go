package policy

import (
	"errors"
	"math"
)

// A holt forecasts the rate of a stream by damped exponential smoothing over bins
// of equal length (Holt's linear trend with Gardner and McKenzie's damping,
// "Forecasting Trends in Time Series", Management Science 31(10), 1985), and
// scores itself: each forecast is compared with what came in the bin it was made
// for. The quantiles of those ratios make a margin that covers what it says,
// whatever the stream, as long as it goes on as it was (split conformal
// prediction: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World",
// 2005). newHolt makes one.
type holt struct {
	Bin     int64     // seconds
	Open    int64     // the bin that is filling: Unix / Bin; meaningless unless Started
	Started bool      // a second has been seen
	Count   float64   // requests of the open bin
	Known   int64     // seconds of it that are known
	Bins    int64     // bins closed
	Level   float64   // requests per second
	Trend   float64   // of Level, a bin
	Ahead   []float64 // ring by bin: what was forecast for it; -1: nothing
	Ratios  sliding   // (came+1)/(forecast+1), in requests of a bin
	Missed  sliding   // came-forecast, at least 0, in requests of a bin
}

const (
	holtLevel   = 0.35
	holtTrend   = 0.08
	holtDamping = 0.85
	holtRatios  = 360 // remembered
	holtEnough  = 30  // ratios without which there is no margin
	holtBins    = 128 // farther than that nothing is forecast
)

// newHolt has bins of so many seconds.
func newHolt(bin int64) holt {
	h := holt{Bin: bin, Ahead: make([]float64, holtBins), Ratios: newSliding(holtRatios), Missed: newSliding(holtRatios)}
	h.forget()
	return h
}

func (h *holt) forget() {
	for i := range h.Ahead {
		h.Ahead[i] = -1
	}
}

func (h *holt) valid() error {
	ok := h.Bin > 0 && h.Bin <= 3600 && len(h.Ahead) == holtBins && len(h.Ratios.ring) == holtRatios && len(h.Missed.ring) == holtRatios &&
		h.Known >= 0 && h.Known <= h.Bin && h.Bins >= 0 && h.Count >= 0 && h.Count <= 3600*maxCount &&
		h.Level >= 0 && h.Level <= maxCount && math.Abs(h.Trend) <= maxCount && h.Open > -1<<60 && h.Open < 1<<60
	for _, x := range h.Ahead {
		ok = ok && (x == -1 || x >= 0 && x <= 2*holtBins*maxCount)
	}
	if !ok {
		return errors.New("a forecast that cannot be")
	}
	return nil
}

// fits reports whether h, which was read, has bins of so many seconds.
func (h *holt) fits(bin int64) error {
	if h.Bin != bin {
		return errors.New("a forecast over other bins")
	}
	return nil
}

// second takes in a known second, with n requests; lead is for how many seconds
// from its end on a forecast is wanted, which is what is scored.
func (h *holt) second(unix int64, n float64, lead int64) {
	bin := unix / h.Bin
	switch {
	case !h.Started:
		h.Open, h.Started = bin, true
	case bin > h.Open:
		h.close(h.steps(lead))
		if bin-h.Open >= holtBins {
			h.forget()
		}
		for h.Open++; h.Open < bin; h.Open++ {
			h.Ahead[at(h.Open)] = -1 // nobody knows what came then
		}
	}
	h.Count += n
	h.Known++
}

// steps is how many bins ahead a lead reaches.
func (h *holt) steps(lead int64) int64 {
	return min(max((lead+h.Bin-1)/h.Bin, 1), holtBins-1)
}

func at(bin int64) int { return int((bin%holtBins + holtBins) % holtBins) }

// close ends the open bin. One that is known by less than half tells nothing.
func (h *holt) close(steps int64) {
	forecast := &h.Ahead[at(h.Open)]
	if 2*h.Known >= h.Bin {
		x := h.Count / float64(h.Known)
		if *forecast >= 0 {
			size := float64(h.Bin)
			h.Ratios.add((float64(x*size) + 1) / (float64(*forecast*size) + 1))
			h.Missed.add(max(0, float64((x-*forecast)*size)))
		}
		before := h.Level
		drift := h.Trend * holtDamping
		if h.Bins == 0 {
			h.Level = x
		} else {
			h.Level = max(0, float64(holtLevel*x)+float64((1-holtLevel)*(before+drift)))
			h.Trend = float64(holtTrend*(h.Level-before)) + float64((1-holtTrend)*drift)
		}
		h.Bins++
		h.Ahead[at(h.Open+steps)] = h.rate(steps)
	}
	*forecast = -1
	h.Count, h.Known = 0, 0
}

// rate is the forecast for so many bins after the last one that closed, requests
// per second.
func (h *holt) rate(steps int64) float64 {
	// damping + damping^2 + ... in closed form
	sum := holtDamping * (1 - math.Pow(holtDamping, float64(steps))) / (1 - holtDamping)
	return min(max(0, h.Level+float64(h.Trend*sum)), maxCount)
}

// ahead is the forecast for lead seconds from now on. ok is false while no bin has
// closed.
func (h *holt) ahead(lead int64) (perSecond float64, ok bool) {
	return h.rate(h.steps(lead)), h.Bins > 0
}

// margin is the q-quantile of the ratios of what came to what was forecast, 1
// while too few were scored, for which ok is false.
func (h *holt) margin(q float64) (ratio float64, ok bool) {
	if h.Ratios.n < holtEnough {
		return 1, false
	}
	return h.Ratios.quantile(q)
}

// above is a forecast f >= 0, and what past ones missed by at the q-quantile: the
// smaller of that in proportion and in number, less what comes by chance, of which
// there is so much (1: as in a Poisson process). Forecasts of a stream that grew from
// little were off by much in proportion, those of one that fell from much in number.
func (h *holt) above(f, q, chance float64) (perSecond float64) {
	ratio, ok := h.margin(q)
	if !ok {
		return f
	}
	missed, _ := h.Missed.quantile(q)
	margin := min(float64(f*ratio)-f, missed/float64(h.Bin))
	return f + max(0, margin-float64(chance*h.chance(f, q)))
}

// chance is by how much the q-quantile of a Poisson count exceeds its mean where
// that is f, as a rate over a bin, at least 0 (the first terms of Cornish and
// Fisher's expansion, "Moments and Cumulants in the Specification of
// Distributions", Revue de l'Institut International de Statistique 5(4), 1937).
func (h *holt) chance(f, q float64) (perSecond float64) {
	size := float64(h.Bin)
	z := math.Sqrt2 * math.Erfinv(2*q-1)
	return max(0, float64(z*math.Sqrt(float64(f*size)))+(float64(z*z)-1)/6) / size
}

// jumped tests whether a stream has left its forecast f behind: the rate of the
// last seconds, at least five, at least two services, and as many as hold ten
// requests (a minute holding fewer will do), lies four standard deviations of a
// Poisson count above.
func jumped(a *arrivals, f, service float64) (perSecond float64, jumped bool) {
	least := int(min(max(5, math.Ceil(2*service)), 60))
	t := a.holding(10, least, max(60, least))
	r := a.rate(t)
	return r, r > f+float64(4*math.Sqrt(max(f, 0.2)/float64(t)))
}

package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
)

// pageMoments are the worst moments of one policy.
type pageMoments struct {
	Policy  string
	Summary string
	List    []pageMoment
}

// pageMoment is when a policy missed most, and why.
type pageMoment struct {
	When, Model, Missed, Why string
	Decisions                []string
	More                     int
}

// The worst moments of a policy that are told, and decisions of each.
const (
	momentsTold   = 3
	decisionsTold = 6
)

// moments are those of all policies, of the first seed.
func (r *report) moments() (out []pageMoments) {
	for i := range r.results {
		x := &r.results[i]
		m := pageMoments{Policy: x.Policy}
		if x.Missed == 0 {
			m.Summary = "No request missed."
		} else {
			m.Summary = fmt.Sprintf("%s of %s requests missed.", thousands(x.Missed), thousands(x.Requests))
			m.List = r.worstMoments(x)
		}
		out = append(out, m)
	}
	return out
}

// stretch is a range of steps of a model's history, with what was missed in it.
type stretch struct {
	model    *sim.Series
	from, to int // steps, to exclusive
	missed   float64
}

// worstMoments tells the stretches in which one model missed most. A stretch is
// steps with misses, with at most two without between them.
func (r *report) worstMoments(x *sim.Result) (out []pageMoment) {
	var all []stretch
	for i := range x.History.Models {
		s := &x.History.Models[i]
		last := math.MinInt / 2
		for j, n := range s.Missed {
			if n == 0 {
				continue
			}
			if j-last > 3 {
				all = append(all, stretch{model: s, from: j})
			}
			now := &all[len(all)-1]
			now.to, now.missed = j+1, now.missed+n
			last = j
		}
	}
	slices.SortStableFunc(all, func(a, b stretch) int {
		switch {
		case a.missed > b.missed:
			return -1
		case a.missed < b.missed:
			return 1
		}
		return 0
	})
	for _, s := range all[:min(momentsTold, len(all))] {
		out = append(out, r.tell(x, s))
	}
	return out
}

// tell says what happened in a stretch.
func (r *report) tell(x *sim.Result, s stretch) pageMoment {
	step := x.History.Step
	from, to := time.Duration(s.from)*step, time.Duration(s.to)*step
	m := pageMoment{
		When: clock(from) + " – " + clock(to), Model: s.model.Model,
		Missed: fmt.Sprintf("%s requests missed", thousands(int64(s.missed))), Why: r.why(s, step),
	}
	before := from - 2*time.Duration(r.settings.start) - time.Minute
	for _, d := range x.Decisions {
		switch {
		case d.Model != s.model.Model || d.At < before || d.At > to:
		case len(m.Decisions) < decisionsTold:
			m.Decisions = append(m.Decisions, fmt.Sprintf("%s  %d → %d: %s", clock(d.At), d.From, d.To, reasons(d)))
		default:
			m.More++
		}
	}
	return m
}

// reasons are why a count changed, without the count in front.
func reasons(d sim.Decided) string {
	prefix := strconv.Itoa(d.To) + ": "
	if len(d.Why) > len(prefix) && d.Why[:len(prefix)] == prefix {
		return d.Why[len(prefix):]
	}
	return d.Why
}

// why compares what was asked for and what was there with the load, where that
// was highest.
func (r *report) why(s stretch, step time.Duration) string {
	load, asked, ready := 0.0, 0.0, math.Inf(1)
	for j := s.from; j < s.to; j++ {
		load = max(load, s.model.Load[j])
		asked = max(asked, s.model.Desired[j])
		ready = min(ready, s.model.Ready[j])
	}
	switch {
	case ready >= load:
		return fmt.Sprintf("There was room on average: load up to %.1f replicas, never fewer than %.0f ready. A burst shorter than %v, or too little to spare.", load, ready, step.Round(time.Second))
	case asked < load:
		return fmt.Sprintf("It asked for too little: at most %.0f replicas for a load of up to %.1f.", asked, load)
	}
	return fmt.Sprintf("What it asked for came too late: load up to %.1f replicas, %.0f asked for, but for a while only %.0f ready; a start takes %v.", load, asked, ready, time.Duration(r.settings.start+r.settings.boot))
}

// clock is a time since the start of the replay.
func clock(d time.Duration) string {
	s := int64(d / time.Second)
	text := fmt.Sprintf("%02d:%02d:%02d", s/3600%24, s/60%60, s%60)
	if days := s / 86400; days > 0 {
		text = fmt.Sprintf("%dd %s", days, text)
	}
	return text
}

// thousands writes a count so that it can be read.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// verdict says in words what the table says in numbers.
func (r *report) verdict() (out []string) {
	points := r.points()
	name := func(i int) string { return r.results[i].Policy }
	if len(points) == 1 {
		return []string{fmt.Sprintf("%s costs %s replica-hours and misses %.3f %%.", name(0), sig(points[0].Cost), points[0].Missed)}
	}
	const good = 100 * (1 - reference)
	best, cheapest, careful := -1, 0, 0 // that serves well; of all; that misses least
	for i, p := range points {
		if p.Missed <= good+1e-9 && (best < 0 || p.Cost < points[best].Cost) {
			best = i
		}
		if p.Cost < points[cheapest].Cost {
			cheapest = i
		}
		if p.Missed < points[careful].Missed {
			careful = i
		}
	}
	if best >= 0 {
		out = append(out, fmt.Sprintf("Of the policies that keep %g %% of requests within the allowed wait, %s costs least: %s replica-hours, %.3f %% missed.",
			100*reference, name(best), sig(points[best].Cost), points[best].Missed))
	} else {
		best = careful
		out = append(out, fmt.Sprintf("No policy keeps %g %% of requests within the allowed wait. %s misses least: %.3f %%, for %s replica-hours.",
			100*reference, name(best), points[best].Missed, sig(points[best].Cost)))
	}
	if cheapest != best {
		out = append(out, fmt.Sprintf("The cheapest of all, %s, costs %.0f %% less and misses %.3f %%: %s requests.",
			name(cheapest), 100*(1-points[cheapest].Cost/points[best].Cost), points[cheapest].Missed, thousands(r.results[cheapest].Missed)))
	}
	if hours, _ := r.vCost(); hours > 0 {
		text := fmt.Sprintf("Who knew the future could have served %g %% with %s replica-hours, so that %s costs %.2f times what is possible", 100*reference, sig(hours), name(best), points[best].Cost/hours)
		if r.bound > 0 {
			text += fmt.Sprintf("; less than %s is impossible, proven", sig(r.bound))
		}
		out = append(out, text+".")
	}
	return out
}

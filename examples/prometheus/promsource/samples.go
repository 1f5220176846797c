package promsource

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// An origin is who counted a series.
type origin struct {
	coordinator.Series
	name string
}

// A stamped value is the newest that was read, the first of its instant.
type stamped struct {
	at    time.Time
	value float64
}

// samples turns the answers of a round into samples.
func (s *Source) samples(r *round, at time.Time, dst []coordinator.Sample) ([]coordinator.Sample, []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	seen := map[origin]stamped{}
	for i := range r.wishes {
		w := &r.wishes[i]
		if failed, news := w.failed(); failed {
			errs = append(errs, news...)
			continue
		}
		got, err := s.wished(w, at, seen)
		if err != nil {
			errs = append(errs, fmt.Errorf("promsource: %v %s: %w", w.Target, w.Name, err))
			continue
		}
		dst = append(dst, got...)
	}
	for o, v := range s.seen { // of series that this Read did not get
		if _, ok := seen[o]; !ok && at.Sub(v.at) < 2*s.options.Stale {
			seen[o] = v
		}
	}
	s.seen = seen
	return dst, errs
}

// failed reports whether an expression of w was not answered, and why, each once.
func (w *wish) failed() (failed bool, news []error) {
	for _, a := range []*asked{w.value, w.stamp, w.source} {
		if a == nil || a.err == nil {
			continue
		}
		failed = true
		if !a.told {
			a.told = true
			news = append(news, fmt.Errorf("promsource: %v %s: %s: %w", w.Target, w.Name, brief(a.expr), a.err))
		}
	}
	return failed, news
}

// wished are the samples of one series.
func (s *Source) wished(w *wish, at time.Time, seen map[origin]stamped) ([]coordinator.Sample, error) {
	values, err := w.byOrigin(w.value)
	if err != nil {
		return nil, err
	}
	var stamps map[string]*element
	if w.stamp != nil {
		if stamps, err = w.byOrigin(w.stamp); err != nil {
			return nil, fmt.Errorf("stamp: %w", err)
		}
	}
	quality, answered, of := w.standing(s.options.TrustWarnings)
	var got []coordinator.Sample
	for _, e := range w.elements(w.value) {
		name := e.labels[w.query.Origin]
		if values[name] != e {
			continue
		}
		who := origin{w.Series, name}
		points := s.news(who, e.points)
		if w.stamp != nil {
			p, err := s.stamp(who, e.last(), stamps[name])
			if err != nil {
				return nil, err
			}
			points = []point{p}
		}
		seen[who] = stamped(points[len(points)-1])
		for _, p := range points {
			sample := coordinator.Sample{
				Series: w.Series, Origin: name, Cumulative: w.query.Cumulative,
				Value: p.value, At: p.at, Quality: quality, Answered: answered, Of: of,
			}
			switch {
			case p.at.After(at):
				return nil, fmt.Errorf("a value of %v, %v after the instant that was asked for", p.at, p.at.Sub(at))
			case math.IsNaN(p.value):
				continue // nothing divided by nothing: nobody counted
			case math.IsInf(p.value, 0) || p.value < 0 && w.query.Cumulative:
				sample = coordinator.Sample{Series: w.Series, Origin: name, Quality: policy.Failed}
			case at.Add(s.options.Delay).Sub(p.at) > s.options.Stale:
				sample.Quality, sample.Answered, sample.Of = policy.Stale, 0, 0
			}
			got = append(got, sample)
		}
	}
	return got, nil
}

// elements are those of an answer that are about the target.
func (w *wish) elements(a *asked) []*element {
	if w.query.Label == "" {
		return a.of("", "") // all there are
	}
	return a.of(w.query.Label, w.Target.Name)
}

// byOrigin are the elements by who counted; two of one origin are an error.
func (w *wish) byOrigin(a *asked) (map[string]*element, error) {
	all := map[string]*element{}
	for _, e := range w.elements(a) {
		name := e.labels[w.query.Origin]
		if all[name] != nil {
			advice := "aggregate them (sum by ...), or set Query.Origin to the label that tells them apart"
			if w.query.Origin != "" {
				advice = "aggregate them (sum by ...)"
			}
			return nil, fmt.Errorf("%s has several values for one origin %q, as %s and %s: %s", brief(a.expr), name, brief(fmt.Sprint(all[name].labels)), brief(fmt.Sprint(e.labels)), advice)
		}
		all[name] = e
	}
	return all, nil
}

// standing is what the values of w are worth, their age aside.
func (w *wish) standing(trust bool) (q policy.Quality, answered, of int32) {
	if w.source != nil {
		all := w.elements(w.source)
		if w.query.Label != "" {
			all = append(all[:len(all):len(all)], w.source.of(w.query.Label, "")...) // of nobody alone
		}
		for _, e := range all {
			of++
			if e.last().value > 0 {
				answered++
			}
		}
		if of == 0 {
			return policy.Partial, 0, 1 // nobody is known who should count
		}
		if answered < of {
			return policy.Partial, answered, of
		}
	}
	for _, a := range []*asked{w.value, w.stamp, w.source} {
		if a != nil && len(a.answer.warnings) > 0 && !trust {
			return policy.Partial, 1, 2
		}
	}
	return policy.OK, 0, 0
}

// news are the points that were not read before, at least the last one.
func (s *Source) news(who origin, points []point) []point {
	was := s.seen[who].at
	i := slices.IndexFunc(points, func(p point) bool { return p.at.After(was) })
	if i < 0 {
		i = len(points) - 1
	}
	return points[i:]
}

// stamp dates a value. While the date stays, so does the value: a rate drifts
// between scrapes although nothing new is known.
func (s *Source) stamp(who origin, p point, stamp *element) (point, error) {
	if stamp == nil {
		return point{}, fmt.Errorf("no stamp for origin %q", who.name)
	}
	at, err := unix(stamp.last().value)
	if err != nil {
		return point{}, fmt.Errorf("stamp: %w", err)
	}
	if was, ok := s.seen[who]; ok && was.at.Equal(at) {
		p.value = was.value
	}
	return point{at, p.value}, nil
}

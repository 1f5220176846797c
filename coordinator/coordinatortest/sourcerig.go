package coordinatortest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// A sourceRig is a source on trial, and what the checks do with it.
type sourceRig struct {
	rig
	SourceWorld
	fresh func() (SourceWorld, error)
}

// open makes the world.
func (r *sourceRig) open() (closing func(), err error) {
	w, err := r.fresh()
	if err != nil {
		return nil, err
	}
	r.SourceWorld = w
	if w.Source == nil || w.Advance == nil || len(r.targets()) < 2 {
		return nil, errors.New("it needs a Source, Advance and series of two targets")
	}
	if w.Now == nil {
		r.Now = time.Now
	}
	return w.Close, nil
}

// targets are those of the series, in order of appearance.
func (r *sourceRig) targets() (all []coordinator.TargetID) {
	for _, s := range r.Series {
		if !slices.Contains(all, s.Target) {
			all = append(all, s.Target)
		}
	}
	return all
}

// of are the series of a target.
func (r *sourceRig) of(t coordinator.TargetID) (all []coordinator.Series) {
	for _, s := range r.Series {
		if s.Target == t {
			all = append(all, s)
		}
	}
	return all
}

// read reads without a fault: there must be no error.
func (r *sourceRig) read(want []coordinator.Series) []coordinator.Sample {
	got, err := r.try(want, nil, r.Patience)
	r.require(err == nil, "Read: %v", err)
	return got
}

// try reads with a context that ends after limit, or has ended if that is 0.
// Whatever is returned must be valid.
func (r *sourceRig) try(want []coordinator.Series, dst []coordinator.Sample, limit time.Duration) (got []coordinator.Sample, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err = r.within(limit+r.Patience, fmt.Sprintf("Read, %v after its context's end", r.Patience), func() (err error) {
		read, err := r.Source.Read(ctx, want, dst)
		got = read
		return err
	})
	r.require(len(got) >= len(dst), "Read returned %d samples, fewer than the %d of dst", len(got), len(dst))
	now := r.Now()
	for _, s := range got[len(dst):] {
		r.require(slices.Contains(want, s.Series), "Read returned %s, which was not wanted", name(s))
		if what := wrongSample(s, now); what != "" {
			r.broken("Read: %s: %s", name(s), what)
		}
	}
	if what := twice(got[len(dst):]); what != "" {
		r.broken("Read: %s", what)
	}
	return got, err
}

func name(s coordinator.Sample) string {
	n := s.Target.String() + " " + s.Name
	if s.Origin != "" {
		n += " of " + s.Origin
	}
	return n
}

// wrongSample says what is wrong with a sample by itself, or "".
func wrongSample(s coordinator.Sample, now time.Time) string {
	switch {
	case s.Quality > policy.Partial:
		return fmt.Sprintf("unknown %v", s.Quality)
	case !s.Quality.HasValue():
		return ""
	case math.IsNaN(s.Value) || math.IsInf(s.Value, 0):
		return fmt.Sprintf("the value is %v, the quality %v", s.Value, s.Quality)
	case s.Cumulative && s.Value < 0:
		return fmt.Sprintf("a counter at %v", s.Value)
	case s.At.IsZero():
		return "a value without a time"
	case s.At.After(now):
		return fmt.Sprintf("a value of %v, %v ahead of now", s.At, s.At.Sub(now))
	case s.Quality == policy.Partial && (s.Answered < 0 || s.Answered >= s.Of):
		return fmt.Sprintf("partial, with %d answers of %d", s.Answered, s.Of)
	}
	return ""
}

// key is what counts once.
type key struct {
	coordinator.Series
	Origin string
	At     int64
}

func keyOf(s coordinator.Sample) key { return key{s.Series, s.Origin, s.At.UnixNano()} }

// twice says which sample stands twice, or behind a later one of its origin, or
// "". Series and origins may come in any order, mixed.
func twice(samples []coordinator.Sample) string {
	last := map[key]time.Time{}
	for _, s := range samples {
		if !s.Quality.HasValue() {
			continue
		}
		k := keyOf(s)
		k.At = 0
		if before, known := last[k]; known && !s.At.After(before) {
			return fmt.Sprintf("%s: a sample of %v after one of %v", name(s), s.At, before)
		}
		last[k] = s.At
	}
	return ""
}

// newest maps a series to its newest current value, whatever the origin.
func newest(samples []coordinator.Sample) map[coordinator.Series]coordinator.Sample {
	all := map[coordinator.Series]coordinator.Sample{}
	for _, s := range samples {
		if was, known := all[s.Series]; s.Quality == policy.OK && (!known || s.At.After(was.At)) {
			all[s.Series] = s
		}
	}
	return all
}

// answered requires current values of all these series, newer than before's.
func (r *sourceRig) answered(want []coordinator.Series, got []coordinator.Sample, before map[coordinator.Series]coordinator.Sample, when string) {
	have := newest(got)
	for _, w := range want {
		s, known := have[w]
		r.require(known, "Read, %s: %v %s has no sample that is OK", when, w.Target, w.Name)
		if was, old := before[w]; old {
			r.require(s.At.After(was.At), "Read, %s: %s is still of %v", when, name(s), s.At)
		}
	}
}

// silent requires that none of these series has a value newer than before's.
func (r *sourceRig) silent(want []coordinator.Series, got []coordinator.Sample, before map[coordinator.Series]coordinator.Sample, when string) {
	for _, s := range got {
		if slices.Contains(want, s.Series) && s.Quality == policy.OK {
			was, known := before[s.Series]
			r.require(known && !s.At.After(was.At), "Read, %s: %s is %v as of %v, which nobody counted", when, name(s), s.Value, s.At)
		}
	}
}

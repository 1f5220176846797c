package coordinatortest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// Answers: there is a valid sample of every series, and later a newer one.
func tryAnswers(r *sourceRig) {
	r.Advance()
	first := r.read(r.Series)
	r.answered(r.Series, first, nil, "first")
	for range 3 {
		before := newest(first)
		r.Advance()
		first = r.read(r.Series)
		r.answered(r.Series, first, before, "after Advance")
	}
}

// Appends: what stands in dst stays, whatever room there is behind it.
func tryAppends(r *sourceRig) {
	mark := func(n, room int) []coordinator.Sample {
		dst := make([]coordinator.Sample, n, n+room)
		for i := range dst {
			dst[i] = coordinator.Sample{Origin: fmt.Sprintf("mark %d", i), Value: float64(i) + 0.5, At: time.Unix(int64(i), 0)}
		}
		return dst
	}
	for _, room := range []int{0, 1, 10 * len(r.Series)} {
		r.Advance()
		dst := mark(3, room)
		got, err := r.try(r.Series, dst, r.Patience)
		r.require(err == nil, "Read: %v", err)
		for _, have := range [][]coordinator.Sample{dst, got[:3]} {
			r.require(slices.Equal(have, mark(3, 0)), "Read, with 3 samples in dst and room for %d more: these are now %+v", room, have)
		}
		r.answered(r.Series, got[3:], nil, "appended")
	}
}

// OnlyWanted: nothing else is returned, and the wishes are left alone.
func tryOnlyWanted(r *sourceRig) {
	r.Advance()
	whole := slices.Clone(r.Series)
	for i := range whole {
		r.Advance()
		part := slices.Clone(whole[i : i+1])
		r.answered(part, r.read(part), nil, "of one series")
		r.require(slices.Equal(part, whole[i:i+1]), "Read changed what was wanted")
	}
	r.Advance()
	rest := slices.Clone(whole)
	slices.Reverse(rest)
	wanted := slices.Clone(rest)
	r.answered(rest, r.read(rest), nil, "in reverse")
	r.require(slices.Equal(rest, wanted), "Read changed what was wanted")
	r.Advance()
	got := r.read(nil)
	r.require(len(got) == 0, "Read returned %d samples when none were wanted", len(got))
}

// Once: two samples of one series, origin and instant are the same sample.
func tryOnce(r *sourceRig) {
	seen := map[key]coordinator.Sample{}
	take := func() {
		for _, s := range r.read(r.Series) {
			if !s.Quality.HasValue() {
				continue
			}
			was, known := seen[keyOf(s)]
			r.require(!known || was.Value == s.Value, "Read: %s as of %v was %v and is %v", name(s), s.At, was.Value, s.Value)
			seen[keyOf(s)] = s
		}
	}
	for range 3 {
		r.Advance()
		take()
		take() // at once: of the same instant, or newer
	}
	r.require(len(seen) >= len(r.Series), "Read returned %d samples of %d series", len(seen), len(r.Series))
}

// Counters: a count never falls but at a restart, and a series is a count or
// not.
func tryCounters(r *sourceRig) {
	last := map[key]coordinator.Sample{} // At is 0
	take := func(restarted coordinator.TargetID) {
		for _, s := range r.read(r.Series) {
			if !s.Quality.HasValue() {
				continue
			}
			k := keyOf(s)
			k.At = 0
			was, known := last[k]
			last[k] = s
			if !known {
				continue
			}
			r.require(was.Cumulative == s.Cumulative, "Read: %s was cumulative %v and is %v", name(s), was.Cumulative, s.Cumulative)
			fell := s.Cumulative && s.Value < was.Value && s.At.After(was.At)
			r.require(!fell || s.Target == restarted, "Read: the counter %s fell from %v to %v without a restart", name(s), was.Value, s.Value)
		}
	}
	for range 4 {
		r.Advance()
		take(coordinator.TargetID{})
	}
	if r.Restart == nil {
		return
	}
	t := r.targets()[0]
	before := newest(r.read(r.Series))
	r.Restart(t)
	r.Advance()
	after := r.read(r.Series)
	r.answered(r.Series, after, before, "after a restart")
	take(t)
	for range 2 {
		r.Advance()
		take(coordinator.TargetID{})
	}
}

// Silence: what nobody counted is not returned, or is Missing, Stale or Failed;
// it is never a value.
func trySilence(r *sourceRig) {
	r.Advance()
	nobody := []coordinator.Series{
		{Target: coordinator.TargetID{Kind: coordinator.TargetModel, Name: "no-such-model"}, Name: r.Series[0].Name},
		{Target: r.Series[0].Target, Name: "no_such_metric"},
	}
	want := append(slices.Clone(r.Series), nobody...)
	got, _ := r.try(want, nil, r.Patience) // that nobody counts it may be an error
	r.silent(nobody, got, nil, "of what there is not")
	r.answered(r.Series, got, nil, "with series there are not among others")
	if r.Lose == nil {
		return
	}
	before := newest(r.read(r.Series))
	lost := r.targets()[0]
	r.Lose(lost)
	// What was under way when it vanished may still come, once: a scrape, say.
	r.Advance()
	got, _ = r.try(r.Series, nil, r.Patience)
	for series, s := range newest(got) {
		if was := before[series]; series.Target == lost && s.At.After(was.At) {
			before[series] = s
		}
	}
	for range 2 {
		r.Advance()
		got, _ = r.try(r.Series, nil, r.Patience)
		r.silent(r.of(lost), got, before, "after its series vanished")
		for _, t := range r.targets()[1:] {
			r.answered(r.of(t), got, before, "after another target's series vanished")
		}
	}
}

// others requires what the contract says of the targets that have no fault.
func (r *sourceRig) others(got []coordinator.Sample, before map[coordinator.Series]coordinator.Sample, when string) {
	if r.Together {
		return
	}
	for _, t := range r.targets()[1:] {
		r.answered(r.of(t), got, before, when)
	}
}

// Deadline: Read returns soon after its context ends, with what it has.
func tryReadDeadline(r *sourceRig) {
	r.Advance()
	before := newest(r.read(r.Series))
	r.Advance()
	_, _ = r.try(r.Series, nil, 0) // try requires that it returns, and what
	if r.Hang == nil {
		return
	}
	r.Advance()
	hung := r.targets()[0]
	resume := sync.OnceFunc(r.Hang(hung))
	defer resume()
	// Room to write into after the return.
	dst := make([]coordinator.Sample, 0, 4*len(r.Series))
	got, _ := r.try(r.Series, dst, r.Timeout) // with an error or without
	r.silent(r.of(hung), got, before, "while its source hangs")
	r.others(got, before, "at the deadline, while another target's source hangs")
	whole := got[:cap(got)]
	was := slices.Clone(whole)
	resume()
	r.Advance()
	next := r.read(r.Series)
	r.answered(r.Series, next, before, "after its source hung")
	r.require(slices.Equal(whole, was), "what Read returned at its deadline was changed later")
}

// PartialFailure: an error leaves the samples that are returned valid, and keeps
// no other target's back.
func tryPartialRead(r *sourceRig) {
	r.Advance()
	before := newest(r.read(r.Series))
	r.Advance()
	failing := r.targets()[0]
	mend := sync.OnceFunc(r.Fail(failing))
	defer mend()
	mark := coordinator.Sample{Origin: "mark", At: time.Unix(1, 0), Quality: policy.Failed}
	got, err := r.try(r.Series, []coordinator.Sample{mark}, r.Patience)
	r.require(got[0] == mark, "Read, with an error: what stood in dst is now %+v", got[0])
	got = got[1:]
	told := err != nil || slices.ContainsFunc(got, func(s coordinator.Sample) bool {
		return s.Target == failing && s.Quality != policy.OK
	})
	r.require(told, "Read, with %v failing: neither an error nor a sample says so", failing)
	r.silent(r.of(failing), got, before, "while its source fails")
	r.others(got, before, "while another target's source fails")
	mend()
	r.Advance()
	r.answered(r.Series, r.read(r.Series), before, "after its source failed")
}

// NoGoroutineLeft: neither ordinary calls nor those that were given up leave
// anything running.
func tryReadAndLeave(r *sourceRig) {
	r.Advance()
	_ = r.read(r.Series)
	_, _ = r.try(r.Series, nil, 0)
	if r.Hang != nil {
		resume := sync.OnceFunc(r.Hang(r.targets()[0]))
		_, _ = r.try(r.Series, nil, r.Timeout)
		resume()
	}
	r.Advance()
	_ = r.read(r.Series)
}

package coordinatortest

import (
	"context"
	"errors"
	"sync"

	"github.com/bellows-go/bellows/coordinator"
)

// The contracts of an Actuator that is a BatchActuator too.
const (
	Batch         Contract = "batch"
	BatchDeadline Contract = "batch deadline"
)

func lacksBatch(w *ActuatorWorld) string {
	if _, ok := w.Actuator.(coordinator.BatchActuator); !ok {
		return "the Actuator is no BatchActuator"
	}
	return ""
}

// batch sends actions in one call, whose errors start as ErrUnanswered.
func (r *actuatorRig) batch(ctx context.Context, as []coordinator.Action) []error {
	b := r.Actuator.(coordinator.BatchActuator)
	given, errs := append([]coordinator.Action(nil), as...), make([]error, len(as))
	for i := range errs {
		errs[i] = coordinator.ErrUnanswered
	}
	err := r.within(2*r.Patience, "ApplyAll", func() error { b.ApplyAll(ctx, given, errs); return nil })
	r.require(err == nil, "ApplyAll: %v", err)
	for i := range as {
		r.require(given[i].ID == as[i].ID && given[i].Generation == as[i].Generation, "ApplyAll: action %d was %v and is %v", i, as[i], given[i])
	}
	return errs
}

func (r *actuatorRig) batchInTime(as ...coordinator.Action) []error {
	ctx, cancel := context.WithTimeout(context.Background(), r.Patience)
	defer cancel()
	return r.batch(ctx, as)
}

// Batch: each action of a batch is answered at its own place, with what Apply
// would have said, and done if it was accepted; one failure stops no other.
func tryBatch(r *actuatorRig) {
	const nobody = "no-such-thing"
	r.batchInTime()
	for _, g := range r.Groups {
		s := r.servers(g.Name, 2)
		scale := r.scale(g.Name, 3)
		load := r.on(coordinator.Load, g.Name, s[0].Name, r.Models[0])
		other := r.on(coordinator.Load, g.Name, s[1].Name, r.Models[0])
		lost := r.on(coordinator.Load, g.Name, s[0].Name, r.Models[1])
		lost.Server, lost.IfVersion = nobody, ""
		stale := r.on(coordinator.Load, g.Name, s[1].Name, r.Models[1])
		stale.IfVersion = "no-such-version"
		fenced := r.scale(g.Name, 4)
		fenced.Epoch--
		as := []coordinator.Action{lost, load, fenced, scale, stale, other}
		for i, err := range r.batchInTime(as...) {
			r.require(!errors.Is(err, coordinator.ErrUnanswered), "ApplyAll left action %d of %d, %v, without an answer", i, len(as), as[i])
			switch i {
			case 0:
				r.require(err != nil, "ApplyAll: action %d, %v, was accepted, although there is no such thing", i, as[i])
				r.require(!errors.Is(err, coordinator.ErrFenced) && !errors.Is(err, coordinator.ErrConflict), "ApplyAll: action %d, %v: the error %q is another's", i, as[i], err)
			case 2:
				r.require(errors.Is(err, coordinator.ErrFenced), "ApplyAll: action %d, %v, of an older epoch: the error should be %q, is %v", i, as[i], coordinator.ErrFenced, err)
			case 4:
				r.require(errors.Is(err, coordinator.ErrConflict), "ApplyAll: action %d, %v, for another version: the error should be %q, is %v", i, as[i], coordinator.ErrConflict, err)
			default:
				r.require(err == nil, "ApplyAll: action %d, %v, beside others that fail: %v", i, as[i], err)
			}
		}
		r.settle()
		r.phase(coordinator.Loaded, load)
		r.phase(coordinator.Loaded, other)
		now := r.see(g.Name)
		r.require(now.Desired == 3 && len(now.Servers) == 3, "ApplyAll accepted %v, and there are %d servers, Desired %d", scale, len(now.Servers), now.Desired)
		r.require(r.seeReplica(g.Name, stale.Server, stale.Model) == nil, "ApplyAll refused %v and did it", stale)

		before := r.observe()
		for i, err := range r.batchInTime(load, scale, other) {
			r.require(err == nil, "ApplyAll: action %d of a batch delivered again: %v", i, err)
		}
		r.settle()
		r.unchanged(before, "a batch delivered again")
	}
}

// BatchDeadline: a batch returns soon after its context ends; what was not done
// is unanswered, or has an error that claims no more than that, and can be sent
// again; a group out of reach stops no other.
func tryBatchDeadline(r *actuatorRig) {
	sizes := map[string]int{}
	for _, g := range r.Groups {
		r.servers(g.Name, 1)
		sizes[g.Name] = 1
	}
	grow := func() (as []coordinator.Action) {
		for _, g := range r.Groups {
			sizes[g.Name]++
			as = append(as, r.scale(g.Name, sizes[g.Name]))
		}
		return as
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	r.sendTwice(ended, grow(), "with a context that has ended", false)
	if r.Hang != nil {
		as := grow()
		resume := sync.OnceFunc(r.Hang())
		defer resume()
		ctx, cancel := context.WithTimeout(context.Background(), r.Timeout)
		defer cancel()
		r.sendTwiceAfter(ctx, as, "while the world hangs", true, resume)
	}
	if r.Cut == nil || len(r.Groups) < 2 {
		return
	}
	as := grow()
	mend := sync.OnceFunc(r.Cut(r.Groups[0].Name))
	defer mend()
	ctx, stop := context.WithTimeout(context.Background(), r.Timeout)
	defer stop()
	errs := r.batch(ctx, as)
	for i, err := range errs {
		if as[i].Group == r.Groups[0].Name {
			r.unknown(as[i], err, "by ApplyAll while its group was out of reach")
		} else {
			r.require(err == nil, "ApplyAll: %v, while another group is out of reach: %v", as[i], err)
		}
	}
	mend()
	r.resend(as, "when its group is back")
}

func (r *actuatorRig) sendTwice(ctx context.Context, as []coordinator.Action, when string, vain bool) {
	r.sendTwiceAfter(ctx, as, when, vain, func() {})
}

// sendTwiceAfter sends a batch that may be in vain, and again after resume; then
// everything must be done.
func (r *actuatorRig) sendTwiceAfter(ctx context.Context, as []coordinator.Action, when string, vain bool, resume func()) {
	for i, err := range r.batch(ctx, as) {
		r.require(!vain || err != nil, "ApplyAll: %v was accepted %s", as[i], when)
		r.require(!errors.Is(err, coordinator.ErrFenced) && !errors.Is(err, coordinator.ErrConflict),
			"ApplyAll: %v, %s: nobody can know that %q", as[i], when, err)
	}
	resume()
	r.settle()
	r.resend(as, "again, after a batch "+when)
}

// resend sends a batch that must be accepted and done, whatever became of it
// before.
func (r *actuatorRig) resend(as []coordinator.Action, when string) {
	for i, err := range r.batchInTime(as...) {
		r.require(err == nil, "ApplyAll: %v, %s: %v", as[i], when, err)
	}
	r.settle()
	for _, a := range as {
		n := len(r.see(a.Group).Servers)
		r.require(n == a.Replicas, "ApplyAll: %v, %s, made %d servers", a, when, n)
	}
}

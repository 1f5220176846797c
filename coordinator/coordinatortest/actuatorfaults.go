package coordinatortest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/bellows-go/bellows/coordinator"
)

// unknown requires an error that does not claim to know the effect.
func (r *actuatorRig) unknown(a coordinator.Action, err error, when string) {
	r.require(err != nil, "%v was accepted %s", a, when)
	r.require(!errors.Is(err, coordinator.ErrFenced) && !errors.Is(err, coordinator.ErrConflict),
		"%v %s: nobody can know that %q", a, when, err)
}

// Deadline: calls return soon after their context ends, and what they did not
// finish can be sent again.
func tryApplyDeadline(r *actuatorRig) {
	group := r.Groups[0].Name
	r.servers(group, 1)

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	a := r.scale(group, 2)
	err := r.within(r.Patience, a.String()+", with a context that has ended", func() error { return r.Actuator.Apply(ended, a) })
	r.require(!errors.Is(err, coordinator.ErrFenced) && !errors.Is(err, coordinator.ErrConflict),
		"%v, with a context that has ended: nobody can know that %q", a, err)
	r.lookInVain(ended, "with a context that has ended")
	r.settle()
	err = r.apply(a)
	r.require(err == nil, "%v, again with time to do it: %v", a, err)
	r.settle()
	n := len(r.see(group).Servers)
	r.require(n == 2, "%v, sent with an ended context and again, made %d servers", a, n)
	if r.Hang == nil {
		return
	}

	a = r.scale(group, 3)
	r.hung(func(ctx context.Context) {
		err := r.within(r.Timeout+r.Patience, a.String()+", while the world hangs", func() error { return r.Actuator.Apply(ctx, a) })
		r.unknown(a, err, "while the world hung")
	})
	r.hung(func(ctx context.Context) { r.lookInVain(ctx, "while the world hangs") })
	r.settle()
	err = r.apply(a)
	r.require(err == nil, "%v, again after a time-out: %v", a, err)
	r.settle()
	n = len(r.see(group).Servers)
	r.require(n == 3, "%v, sent again after a time-out, made %d servers", a, n)
}

// hung calls do with a context that will end, while the world hangs.
func (r *actuatorRig) hung(do func(ctx context.Context)) {
	resume := sync.OnceFunc(r.Hang())
	defer resume()
	ctx, cancel := context.WithTimeout(context.Background(), r.Timeout)
	defer cancel()
	do(ctx)
}

// lookInVain observes with a context that has ended or will. An error is an
// answer; a world must still account for every group.
func (r *actuatorRig) lookInVain(ctx context.Context, when string) {
	var w coordinator.World
	err := r.within(r.Timeout+r.Patience, "Observe, "+when, func() (err error) {
		seen, err := r.Actuator.Observe(ctx)
		if err == nil {
			w = seen
		}
		return err
	})
	if err == nil {
		what := r.wrong(w)
		r.require(what == "", "Observe, %s: no error, and %s", when, what)
	}
}

// PartialFailure: a group out of reach is unseen, not gone, and the others are
// as ever.
func tryPartialApply(r *actuatorRig) {
	lost, kept := r.Groups[0].Name, r.Groups[1].Name
	r.servers(lost, 2)
	r.servers(kept, 1)
	before := r.see(kept)
	lostAction, keptAction := r.scale(lost, 3), r.scale(kept, 2)

	mend := sync.OnceFunc(r.Cut(lost))
	defer mend()
	ctx, cancel := context.WithTimeout(context.Background(), r.Timeout)
	defer cancel()
	w, err := r.look(ctx)
	r.require(err == nil, "Observe, with group %s out of reach, fails as a whole: %v", lost, err)
	what := r.wrong(w)
	r.require(what == "", "Observe, with group %s out of reach: %s", lost, what)
	r.require(slices.Contains(w.Unseen, lost), "Observe: group %s, out of reach, is not listed in Unseen but shown as\n%s", lost, tell(w))
	after := r.keep(w, kept)
	was, is := tell(coordinator.World{Groups: []coordinator.GroupState{before}}), tell(after)
	r.require(was == is, "Observe, with group %s out of reach: the other was\n%sand is\n%s", lost, was, is)

	hurried, stop := context.WithTimeout(context.Background(), r.Timeout)
	defer stop()
	r.unknown(lostAction, r.send(hurried, lostAction), "while its group was out of reach")
	err = r.apply(keptAction)
	r.require(err == nil, "%v, while another group is out of reach: %v", keptAction, err)

	mend()
	r.settle()
	err = r.apply(lostAction)
	r.require(err == nil, "%v, again when its group is back: %v", lostAction, err)
	r.settle()
	for _, want := range []coordinator.Action{lostAction, keptAction} {
		n := len(r.see(want.Group).Servers)
		r.require(n == want.Replicas, "in the end %s has %d servers, not the %d that were accepted", want.Group, n, want.Replicas)
	}
	r.cutService()
}

// keep is the part of a world that is one group.
func (r *actuatorRig) keep(w coordinator.World, group string) (part coordinator.World) {
	for _, g := range w.Groups {
		if g.Name == group {
			part.Groups = append(part.Groups, g)
		}
	}
	return part
}

// NoGoroutineLeft: neither ordinary calls nor those that were given up leave
// anything running.
func tryApplyAndLeave(r *actuatorRig) {
	group := r.Groups[0].Name
	s := r.servers(group, 1)[0].Name
	r.accept(r.on(coordinator.Load, group, s, r.Models[0]))
	a := r.scale(group, 2)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.send(ended, a) // how it ends is another contract's
	_, _ = r.look(ended)
	if r.Hang != nil {
		r.hung(func(ctx context.Context) { _ = r.send(ctx, a) })
		r.hung(func(ctx context.Context) { _, _ = r.look(ctx) })
	}
	r.settle()
}

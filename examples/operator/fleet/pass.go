package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bellows-go/bellows/coordinator"
)

// pass is one turn of the loop around a unit's planner.
func (o *Operator) pass(ctx context.Context, key types.NamespacedName, u *unit, l *leader) error {
	began := time.Now()
	d, err := o.declare(ctx, key.Namespace, u, &l.declared)
	if err != nil {
		return err
	}
	if err := o.follow(ctx, &d, l); err != nil {
		return err
	}
	p := Pass{Namespace: key.Namespace, Unit: key.Name, Epoch: l.epoch}
	s := o.snapshot(ctx, key.Namespace, l, &p)
	if newest(&s.World) > l.epoch {
		return fmt.Errorf("%w: a later epoch has begun", errNotLeader)
	}
	if l.actuator.Untold() { // this plan holds what is unseen; the next one sees it
		if err := o.raise(ctx, l.actuator, l.epoch); err != nil {
			return err
		}
	}
	p.Plan, l.planned = l.planner.Plan(s), s.Now
	if p.SaveErr = o.save(ctx, u, l, &p); p.SaveErr == nil {
		p.ApplyErrs = o.apply(ctx, l, p.Plan.Now)
	}
	fenced := p.SaveErr
	for _, err := range p.ApplyErrs {
		if errors.Is(err, errNotLeader) {
			fenced = err
		}
	}
	err = o.report(ctx, key, u, l, &d, &p, &s.World)
	if p.SaveErr == nil {
		l.counts = l.remembered(&p.Plan)
	}
	p.Took = time.Since(began)
	if o.OnPass != nil {
		p.MemorySizes = l.memory.Sizes()
		o.OnPass(p)
	}
	if fenced != nil {
		return fenced
	}
	return err
}

// follow takes over new declarations.
func (o *Operator) follow(ctx context.Context, d *declared, l *leader) error {
	if d.stamp == l.declared.stamp {
		return nil
	}
	if !slices.Equal(d.groups, l.declared.groups) || !slices.Equal(d.services, l.declared.services) {
		actuator, err := o.actuator(d, l)
		if err != nil {
			return err
		}
		if err := o.raise(ctx, actuator, l.epoch); err != nil {
			return err
		}
		l.actuator = actuator
	}
	if err := l.planner.Update(d.Declarations); err != nil {
		return err
	}
	l.declared = *d
	return nil
}

// snapshot reads and observes; what cannot be read or seen is said to be so.
func (o *Operator) snapshot(ctx context.Context, namespace string, l *leader, p *Pass) coordinator.Snapshot {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	s := coordinator.Snapshot{}
	l.samples = l.samples[:0]
	if want := l.planner.Wants(); len(want) > 0 {
		l.samples, p.ReadErr = l.source.Read(ctx, want, l.samples)
	}
	if want := l.planner.WantsPods(); len(want) > 0 {
		var err error
		l.pods, err = o.podLists(ctx, namespace, l, want, l.pods[:0])
		p.ReadErr = errors.Join(p.ReadErr, err)
	}
	s.Samples, s.Pods, s.ReadFailed = l.samples, l.pods, p.ReadErr != nil
	var err error
	if s.World, err = l.actuator.Observe(ctx); err != nil {
		s.World = coordinator.World{Unseen: l.planner.Groups()}
		for _, x := range l.planner.Declarations().Services {
			s.World.UnseenServices = append(s.World.UnseenServices, x.Name)
		}
	}
	s.Now = time.Now()
	return s
}

// save saves the planner's state, if a successor must know it or it is time.
func (o *Operator) save(ctx context.Context, u *unit, l *leader, p *Pass) error {
	if !l.changes(&p.Plan) && time.Since(l.saved) < o.SaveEvery {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	err := l.memory.Save(ctx, l.planner, p.Plan.At, u.groupNames())
	if changed(err) {
		// Someone else has written: a later leader, this one without knowing, or a user.
		if err := o.members.leads(ctx, l.names, l.epoch); err != nil {
			return err
		}
		if err := l.memory.Refresh(ctx); err != nil {
			return err
		}
		err = l.memory.Save(ctx, l.planner, p.Plan.At, u.groupNames())
	}
	if err != nil {
		return err
	}
	l.saved, p.Saved = time.Now(), true
	return nil
}

// subject is what an action's failure says something about.
func subject(a *coordinator.Action) string {
	if a.Kind == coordinator.ScaleService {
		return "service " + a.Service
	}
	return "group " + a.Group + " " + a.Server
}

// apply sends the actions, but those whose subject failed and is left in peace.
func (o *Operator) apply(ctx context.Context, l *leader, actions []coordinator.Action) []error {
	errs := make([]error, len(actions))
	now := time.Now()
	var batch []coordinator.Action
	var at []int
	for i := range actions {
		if b := l.backoffs[subject(&actions[i])]; now.Before(b.until) {
			errs[i] = fmt.Errorf("%v: %w: %d failures in a row", actions[i], coordinator.ErrNotSent, b.failures)
			continue
		}
		batch, at = append(batch, actions[i]), append(at, i)
	}
	if len(batch) == 0 {
		return errs
	}
	answers := make([]error, len(batch))
	for i := range answers {
		answers[i] = coordinator.ErrUnanswered
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	l.actuator.ApplyAll(ctx, batch, answers)
	for j, err := range answers {
		errs[at[j]] = err
		name := subject(&batch[j])
		if err == nil || errors.Is(err, coordinator.ErrConflict) {
			delete(l.backoffs, name)
			continue
		}
		b := l.backoffs[name]
		if b.until.After(now) {
			continue // counted already in this pass
		}
		wait := min(o.Interval<<min(b.failures, 10), o.MaxBackoff)
		l.backoffs[name] = backoff{b.failures + 1, now.Add(wait)}
	}
	return errs
}

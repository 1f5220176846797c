package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// A leader is what the leader of a unit has.
type leader struct {
	epoch    uint64
	claims   string // see claimsKey
	names    []string
	actuator *kube.Actuator
	planner  *coordinator.Planner
	source   coordinator.MetricSource
	memory   *Memory
	declared declared // in force
	saved    time.Time
	planned  time.Time // the last plan
	samples  []coordinator.Sample
	pods     []coordinator.PodList
	usages   map[string]usage // by selector
	backoffs map[string]backoff
	unseen   map[string]bool
	refused  map[string]int
	counts   map[coordinator.TargetID]int // that were decided, as saved last
}

// A counted is what a plan says of the count of one target.
type counted struct {
	of      coordinator.TargetID
	was, is int
	decided bool // else nothing is known of it yet
}

// countsOf are those of a plan's models and services.
func countsOf(p *coordinator.Plan) []counted {
	counts := make([]counted, 0, len(p.Models)+len(p.Services))
	for i := range p.Models {
		x := &p.Models[i]
		counts = append(counts, counted{coordinator.TargetID{Name: x.Model}, x.Was, x.Desired, len(x.Decision.Steps) > 0})
	}
	for i := range p.Services {
		x := &p.Services[i]
		of := coordinator.TargetID{Kind: coordinator.TargetService, Name: x.Service}
		counts = append(counts, counted{of, x.Was, x.Desired, len(x.Decision.Steps) > 0})
	}
	return counts
}

// was is the count of a target before a plan, in which its decision started from
// another one: an update of its bounds changes it between plans.
func (l *leader) was(of coordinator.TargetID, from int) int {
	if n, ok := l.counts[of]; ok {
		return n
	}
	return from
}

// changes reports whether a plan says something that a successor must know.
func (l *leader) changes(p *coordinator.Plan) bool {
	return len(p.Now) > 0 || slices.ContainsFunc(countsOf(p), func(c counted) bool { return l.was(c.of, c.was) != c.is })
}

// remembered are the counts as of a plan, of which all else is saved.
func (l *leader) remembered(p *coordinator.Plan) map[coordinator.TargetID]int {
	counts := map[coordinator.TargetID]int{}
	for _, c := range countsOf(p) {
		if c.decided {
			counts[c.of] = c.is
		} else if was, ok := l.counts[c.of]; ok {
			counts[c.of] = was
		}
	}
	return counts
}

type backoff struct {
	failures int
	until    time.Time
}

func claimsKey(names []string) string { return strings.Join(names, " ") }

// takeOver makes this replica the leader of a unit; nil while another one that
// lives holds it.
func (o *Operator) takeOver(ctx context.Context, key types.NamespacedName, u *unit) (*leader, error) {
	live, err := o.members.Live(ctx)
	if err != nil {
		return nil, err
	}
	d, err := o.declare(ctx, key.Namespace, u, &declared{})
	if err != nil {
		return nil, err
	}
	if len(d.groups)+len(d.services) == 0 {
		return nil, o.reportInvalid(ctx, u, &d) // nothing of it is valid
	}
	names := u.claims(key.Namespace)
	l := &leader{claims: claimsKey(names), names: names, backoffs: map[string]backoff{}, unseen: map[string]bool{}, refused: map[string]int{}, usages: map[string]usage{}}
	if l.actuator, err = o.actuator(&d, l); err != nil {
		return nil, err
	}
	var claims []*Claim
	for _, name := range names {
		c, err := o.members.readClaim(ctx, name)
		if err != nil {
			return nil, err
		}
		if h := c.Holder(); h != "" && h != o.Identity && slices.Contains(live, h) && !o.waited(key) {
			return nil, nil // it lets go when it sees that the unit is not its own any more
		}
		claims, l.epoch = append(claims, c), max(l.epoch, c.Epoch())
	}
	w, err := l.actuator.Observe(ctx)
	if err != nil {
		return nil, err
	}
	l.epoch = max(l.epoch, newest(&w)) + 1
	for _, c := range claims {
		if err := o.members.hold(ctx, c, o.Identity, l.epoch); err != nil {
			if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
				return nil, nil // another was faster
			}
			return nil, err
		}
	}
	if err := o.raise(ctx, l.actuator, l.epoch); err != nil {
		return nil, err
	}
	if err := o.remember(ctx, key, u, &d, l); err != nil {
		return nil, err
	}
	o.mu.Lock()
	o.lead[key] = l
	o.mu.Unlock()
	o.forgetWait(key)
	o.tellLeader(u, l)
	return l, nil
}

// raise begins an epoch. The error says that a later one has begun; what could not be
// told is unseen for now, and is told at a later pass.
func (o *Operator) raise(ctx context.Context, a *kube.Actuator, epoch uint64) error {
	err := a.Raise(ctx, epoch)
	if err == nil || errors.Is(err, coordinator.ErrFenced) {
		return err
	}
	log.FromContext(ctx).Info("not all is told of the epoch", "epoch", epoch, "error", err.Error())
	return nil
}

// waited reports whether a unit has been waited for as long as a dead replica's
// would be: its holder lives, and does not let go.
func (o *Operator) waited(key types.NamespacedName) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waits[key].IsZero() {
		o.waits[key] = time.Now()
	}
	return time.Since(o.waits[key]) > o.LeaseDuration
}

// forgetWait ends a wait: the unit is led, or is not this replica's any more.
func (o *Operator) forgetWait(key types.NamespacedName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waits, key)
}

// newest is the latest epoch seen in a world.
func newest(w *coordinator.World) (epoch uint64) {
	for _, g := range w.Groups {
		epoch = max(epoch, g.Epoch)
		for _, s := range g.Servers {
			epoch = max(epoch, s.Epoch)
		}
	}
	for _, s := range w.Services {
		epoch = max(epoch, s.Epoch)
	}
	return epoch
}

func (o *Operator) actuator(d *declared, l *leader) (*kube.Actuator, error) {
	return kube.New(kube.Options{
		Cache: o.cache, API: o.api, Groups: d.groups, Services: d.services, Watches: o.Watches,
		Leads: func(ctx context.Context, epoch uint64) error { return o.members.leads(ctx, l.names, epoch) },
	})
}

// remember makes the leader's planner, with what is saved of the unit.
func (o *Operator) remember(ctx context.Context, key types.NamespacedName, u *unit, d *declared, l *leader) error {
	options := o.Planner
	options.Epoch = l.epoch
	var err error
	if l.planner, err = coordinator.NewPlanner(d.Declarations, options); err != nil {
		return err
	}
	l.declared = *d
	prefix := "group." + key.Namespace + "."
	if len(u.services) > 0 {
		prefix = "service." + key.Namespace + "." + u.services[0].Name
	}
	l.memory = &Memory{API: o.api, Namespace: o.Options.Namespace, Prefix: prefix}
	restored, refused, err := l.memory.Load(ctx, l.planner, u.groupNames())
	if err != nil {
		return err
	}
	log.FromContext(ctx).Info("leads", "epoch", l.epoch, "restored", restored, "refused", fmt.Sprint(refused))
	l.source = o.Source(key.Namespace)
	return nil
}

// stepDown lets go of a unit; u is nil when there is no such unit any more.
func (o *Operator) stepDown(ctx context.Context, key types.NamespacedName, u *unit, l *leader) {
	o.drop(key, l)
	forget := u == nil && !o.remain(ctx, key.Namespace, l)
	if (forget || u != nil && !l.planned.IsZero()) && o.members.leads(ctx, l.names, l.epoch) == nil {
		if forget {
			_ = l.memory.Forget(ctx) // else a later group of the name is told of a fault, and starts anew
		} else {
			_ = l.memory.Save(ctx, l.planner, l.planned, u.groupNames()) // else the last that was saved stands
		}
	}
	for _, name := range l.names {
		c, err := o.members.readClaim(ctx, name)
		switch {
		case err != nil || c.Holder() != o.Identity || c.Epoch() != l.epoch:
		case forget:
			_ = o.members.forget(ctx, c) // else it is found to be held by one that leads nothing
		default:
			_ = o.members.hold(ctx, c, "", l.epoch) // as above
		}
	}
}

// remain reports whether any of the leader's groups is still declared: it has
// become part of another unit.
func (o *Operator) remain(ctx context.Context, namespace string, l *leader) bool {
	groups, _, err := o.lists(ctx, namespace)
	return err != nil || slices.ContainsFunc(groups.Items, func(g v1alpha1.ServerGroup) bool {
		return slices.ContainsFunc(l.declared.Groups, func(x coordinator.ServerGroup) bool { return x.Name == g.Name })
	})
}

// drop forgets a unit, whoever leads it now.
func (o *Operator) drop(key types.NamespacedName, l *leader) {
	o.mu.Lock()
	delete(o.lead, key)
	o.mu.Unlock()
	if c, ok := l.source.(io.Closer); ok {
		_ = c.Close()
	}
}

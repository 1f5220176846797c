package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/kube"
	"github.com/bellows-go/bellows/policy"
)

// errNotLeader wraps coordinator.ErrFenced: an actuator refuses the actions of who
// leads no more.
var errNotLeader = fmt.Errorf("fleet: not the leader: %w", coordinator.ErrFenced)

// Options are settings of an Operator.
type Options struct {
	Identity  string // of this replica, unique: its pod's name
	Namespace string // of Leases and memory: the operator's own
	// Source reads the load of a namespace's models and services. Each unit has one of its own,
	// and closes it when it has a Close.
	Source func(namespace string) coordinator.MetricSource

	Kinds    policy.Kinds  // of policies; nil is policy.BuiltinKinds
	Watches  *kube.Watches // of the manager's configuration
	Planner  coordinator.PlannerOptions
	Interval time.Duration // between passes; 0 is 2 s
	Timeout  time.Duration // of a pass's reads, of its save and of its actions each; 0 is 10 s
	// SaveEvery is how often memory is saved while nothing is done; 0 is 1 min.
	SaveEvery time.Duration
	// LeaseDuration is after which a replica that does not renew is dead, Renew how
	// often it does. 0 is 15 s and a fifth of it.
	LeaseDuration, Renew time.Duration
	Parallel             int           // units planned at once; 0 is 4
	MaxBackoff           time.Duration // longest wait of a subject whose actions fail; 0 is 1 min

	// OnPass, if set, is called after each pass of a unit that is led, with what it
	// did. What it keeps it must clone.
	OnPass func(Pass)
}

// A Pass is what one turn of a unit did.
type Pass struct {
	Namespace, Unit string
	Epoch           uint64
	Plan            coordinator.Plan
	ReadErr         error
	SaveErr         error
	ApplyErrs       []error // one per Plan.Now
	Saved           bool
	Took            time.Duration
	MemorySizes     map[string]int // bytes, of each ConfigMap that was written last
}

// An Operator plans units. Add makes one.
type Operator struct {
	Options
	cache    client.Reader
	api      client.Client
	members  *Members
	recorder events.EventRecorder
	http     *http.Client
	server   *url.URL // the API server

	found chan event.GenericEvent // units, by their names

	mu   sync.Mutex
	lead map[types.NamespacedName]*leader
	// waits are units of this replica that others hold, since when.
	waits map[types.NamespacedName]time.Time
}

// CacheOptions restrict a manager's cache to what an Operator of a namespace
// needs; watched are the namespaces whose resources it plans, none is all.
func CacheOptions(namespace string, watched ...string) cache.Options {
	o := cache.Options{ByObject: map[client.Object]cache.ByObject{
		&coordinationv1.Lease{}: {Namespaces: map[string]cache.Config{namespace: {}}},
	}}
	for _, w := range watched {
		if o.DefaultNamespaces == nil {
			o.DefaultNamespaces = map[string]cache.Config{}
		}
		o.DefaultNamespaces[w] = cache.Config{}
	}
	return o
}

// Add adds an operator to a manager, which needs no leader election of its own. The
// error names every bad option.
func Add(mgr manager.Manager, o Options) (*Operator, error) {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("fleet: Options."+what))
		}
	}
	need(o.Identity != "", "Identity must be set")
	need(o.Namespace != "", "Namespace must be set")
	need(o.Source != nil, "Source must be set")
	need(o.Interval >= 0, "Interval must be >= 0")
	need(o.Timeout >= 0, "Timeout must be >= 0")
	need(o.SaveEvery >= 0, "SaveEvery must be >= 0")
	need(o.MaxBackoff >= 0, "MaxBackoff must be >= 0")
	need(o.Parallel >= 0, "Parallel must be >= 0")
	need(o.LeaseDuration == 0 || o.LeaseDuration >= time.Second, "LeaseDuration must be >= 1s, or 0")
	o.LeaseDuration = cmp.Or(o.LeaseDuration, 15*time.Second)
	o.Renew = cmp.Or(o.Renew, o.LeaseDuration/5)
	need(o.Renew > 0 && o.Renew <= o.LeaseDuration/3, "Renew must be at most a third of LeaseDuration")
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	o.Interval, o.Timeout = cmp.Or(o.Interval, 2*time.Second), cmp.Or(o.Timeout, 10*time.Second)
	o.SaveEvery, o.MaxBackoff = cmp.Or(o.SaveEvery, time.Minute), cmp.Or(o.MaxBackoff, time.Minute)
	o.Parallel = cmp.Or(o.Parallel, 4)

	api, err := client.New(mgr.GetConfig(), client.Options{HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	server, _, err := rest.DefaultServerUrlFor(mgr.GetConfig())
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	op := &Operator{
		Options: o, cache: mgr.GetCache(), api: api, recorder: mgr.GetEventRecorder("bellows"), http: mgr.GetHTTPClient(), server: server, lead: map[types.NamespacedName]*leader{},
		found: make(chan event.GenericEvent, 1024), waits: map[types.NamespacedName]time.Time{},
		members: &Members{
			Identity: o.Identity, Namespace: o.Namespace, Cache: mgr.GetCache(), API: api, Duration: o.LeaseDuration, Renew: o.Renew,
		},
	}
	if err := mgr.Add(op.members); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	return op, op.watch(mgr)
}

// watch makes every unit of a namespace be planned when a declaration of it
// changes. Everything else is seen at the next pass.
func (o *Operator) watch(mgr manager.Manager) error {
	all := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, x client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: x.GetNamespace(), Name: sweepUnit}}}
	})
	moved := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { // so the units are others
		was, ok := e.ObjectOld.(*v1alpha1.Model)
		is, ok2 := e.ObjectNew.(*v1alpha1.Model)
		return ok && ok2 && !slices.Equal(leaves(was), leaves(is))
	}}
	declared := builder.WithPredicates(predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}, moved))
	skip := true // of one name: tests run several operators in one process
	return builder.ControllerManagedBy(mgr).Named("bellows").
		Watches(&v1alpha1.ServerGroup{}, all, declared).
		Watches(&v1alpha1.Model{}, all, declared).
		Watches(&v1alpha1.ScaledService{}, all, declared).
		WatchesRawSource(source.Channel(o.found, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: o.Parallel, SkipNameValidation: &skip}).
		Complete(o)
}

// Reconcile makes one pass of a unit, if it is this replica's, and comes again
// after an interval, whatever went wrong.
func (o *Operator) Reconcile(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 6*o.Timeout)
	defer cancel()
	exists, err := o.turn(ctx, r.NamespacedName)
	if err != nil {
		log.FromContext(ctx).Error(err, "pass")
	}
	if err != nil || exists {
		return reconcile.Result{RequeueAfter: o.Interval}, nil
	}
	return reconcile.Result{}, nil
}

// sweep makes all units of a namespace be planned.
func (o *Operator) sweep(ctx context.Context, namespace string) error {
	keys, err := o.keys(ctx, namespace)
	for _, k := range keys {
		name := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: k.Namespace, Name: k.Name}}
		select {
		case o.found <- event.GenericEvent{Object: name}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (o *Operator) turn(ctx context.Context, key types.NamespacedName) (exists bool, err error) {
	switch key.Name {
	case sweepUnit:
		return false, o.sweep(ctx, key.Namespace)
	case strayUnit:
		return o.strays(ctx, key.Namespace)
	}
	u, err := o.find(ctx, key)
	if err != nil {
		return true, err
	}
	l := o.leader(key)
	if u == nil {
		o.forgetWait(key)
		if l != nil {
			o.stepDown(ctx, key, nil, l)
		}
		return false, nil
	}
	mine, err := o.mine(ctx, key)
	if err == nil && !mine {
		o.forgetWait(key)
	}
	switch {
	case err != nil:
		return true, err
	case !mine && l != nil:
		o.stepDown(ctx, key, u, l)
		return true, nil
	case !mine:
		return true, nil
	}
	if l != nil && l.claims != claimsKey(u.claims(key.Namespace)) {
		o.stepDown(ctx, key, u, l) // of other groups now
		l = nil
	}
	if l == nil {
		if l, err = o.takeOver(ctx, key, u); l == nil || err != nil {
			return true, err
		}
	}
	if err := o.pass(ctx, key, u, l); err != nil {
		if errors.Is(err, errNotLeader) || errors.Is(err, coordinator.ErrFenced) {
			o.drop(key, l)
		}
		return true, err
	}
	return true, nil
}

// mine reports whether a unit belongs to this replica.
func (o *Operator) mine(ctx context.Context, key types.NamespacedName) (bool, error) {
	live, err := o.members.Live(ctx)
	if err != nil {
		return false, err
	}
	return Owner(live, key.String()) == o.Identity, nil
}

func (o *Operator) leader(key types.NamespacedName) *leader {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lead[key]
}

// Leads are the units that this replica leads now, as namespace/unit, and their epochs.
func (o *Operator) Leads() map[string]uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	units := map[string]uint64{}
	for key, l := range o.lead {
		units[key.String()] = l.epoch
	}
	return units
}

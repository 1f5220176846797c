package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
)

// A Ref names an object with a scale subresource.
type Ref struct {
	schema.GroupVersionKind
	types.NamespacedName
}

// A Group is a server group: the pods of a workload.
type Group struct {
	Name     string // as the planner knows it
	Workload Ref
	Removal  coordinator.Removal
}

// A Service is an object that a policy scales and nothing is packed onto.
type Service struct {
	Name   string // as the planner knows it
	Target Ref
}

// Options are what an Actuator needs.
type Options struct {
	Cache client.Reader // of pods, and of the metadata of workloads; lists may be lent
	API   client.Client // reads and writes at the API server itself

	Groups   []Group
	Services []Service

	// Watches, if set, tells whether Cache is current: a group whose watches are
	// broken is unseen.
	Watches *Watches
	// Leads, if set, is asked before the actions of an epoch are sent; an error is
	// theirs.
	Leads func(ctx context.Context, epoch uint64) error

	Parallel int // subjects written to at once; 0 is 8
	// NotReady is for how long a pod may be not ready before its replicas count as
	// broken; 0 is 15 s.
	NotReady time.Duration
	Now      func() time.Time // nil is time.Now
}

// An Actuator observes and changes the groups and services of its Options. It
// implements coordinator.Actuator and coordinator.BatchActuator. New makes one. It
// is safe for concurrent use.
type Actuator struct {
	o Options

	mu        sync.Mutex
	pods      map[types.NamespacedName]*corev1.Pod          // written, and maybe newer than what the cache has
	workloads map[Ref]*metav1.PartialObjectMetadata         // as pods
	scales    map[Ref]scale                                 // as last read or written
	parsed    map[types.NamespacedName]*serverSeen          // of the last observation
	seen      map[string]map[types.UID]types.NamespacedName // pods of the last observation of each group
	told      map[Ref]uint64                                // the epoch that Raise has told all of a workload and its pods
	raised    uint64                                        // the latest epoch that Raise was called with
	late      map[Ref]error                                 // why the cache has not had a workload's kind in time
	untold    bool                                          // since the last observation
	resources map[schema.GroupVersionKind]resourceName      // of kinds that were asked for
}

type resourceName struct{ schema.GroupVersionResource }

var (
	_ coordinator.Actuator      = (*Actuator)(nil)
	_ coordinator.BatchActuator = (*Actuator)(nil)
)

// New returns an Actuator. The error names every bad option.
func New(o Options) (*Actuator, error) {
	var errs []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("kube: Options."+format, args...))
		}
	}
	need(o.Cache != nil, "Cache must be set")
	need(o.API != nil, "API must be set")
	need(o.Parallel >= 0, "Parallel must be >= 0, is %d", o.Parallel)
	need(o.NotReady >= 0, "NotReady must be >= 0, is %v", o.NotReady)
	seen := map[Ref]string{}
	once := func(field, name string, r Ref) {
		need(name != "", "%s must have a name", field)
		need(r.Kind != "" && r.Version != "" && r.NamespacedName.Name != "" && r.Namespace != "", "%s must have a kind, a version, a name and a namespace, is %v", field, r)
		need(seen[r] == "", "%s: %s %s is %s too: two would scale it", field, r.Kind, r.NamespacedName, seen[r])
		seen[r] = field
	}
	names := map[string]bool{}
	for i, g := range o.Groups {
		field := fmt.Sprintf("Groups[%d]", i)
		once(field, g.Name, g.Workload)
		need(!names[g.Name], "%s: a second group is named %q", field, g.Name)
		names[g.Name] = true
	}
	names = map[string]bool{}
	for i, s := range o.Services {
		field := fmt.Sprintf("Services[%d]", i)
		once(field, s.Name, s.Target)
		need(!names[s.Name], "%s: a second service is named %q", field, s.Name)
		names[s.Name] = true
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	o.Groups, o.Services = slices.Clone(o.Groups), slices.Clone(o.Services)
	slices.SortFunc(o.Groups, func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(o.Services, func(a, b Service) int { return cmp.Compare(a.Name, b.Name) })
	o.Parallel, o.NotReady = cmp.Or(o.Parallel, 8), cmp.Or(o.NotReady, 15*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Actuator{
		o: o, pods: map[types.NamespacedName]*corev1.Pod{}, workloads: map[Ref]*metav1.PartialObjectMetadata{},
		scales: map[Ref]scale{}, parsed: map[types.NamespacedName]*serverSeen{}, seen: map[string]map[types.UID]types.NamespacedName{},
		told: map[Ref]uint64{}, late: map[Ref]error{}, resources: map[schema.GroupVersionKind]resourceName{},
	}, nil
}

// Apply carries out an action, once.
func (a *Actuator) Apply(ctx context.Context, action coordinator.Action) error {
	errs := []error{coordinator.ErrUnanswered}
	a.ApplyAll(ctx, []coordinator.Action{action}, errs)
	if errors.Is(errs[0], coordinator.ErrUnanswered) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errs[0]
}

// A lane is what actions share that are sent in one write, or after one another.
type lane struct {
	group   *Group
	service *Service
	server  string // "" for the workload itself
}

// ApplyAll does what Apply would with each action. Those on one server are one
// write.
func (a *Actuator) ApplyAll(ctx context.Context, as []coordinator.Action, errs []error) {
	lanes := map[lane][]int{}
	var order []lane
	led := map[uint64]error{}
	for i := range as {
		l, err := a.lane(&as[i])
		if err == nil && a.o.Leads != nil {
			if _, asked := led[as[i].Epoch]; !asked {
				led[as[i].Epoch] = a.o.Leads(ctx, as[i].Epoch)
			}
			err = led[as[i].Epoch]
		}
		if err != nil {
			errs[i] = err
			continue
		}
		if lanes[l] == nil {
			order = append(order, l)
		}
		lanes[l] = append(lanes[l], i)
	}
	a.each(len(order), func(k int) {
		l := order[k]
		mine, answers := make([]*coordinator.Action, 0, len(lanes[l])), make([]error, len(lanes[l]))
		for _, i := range lanes[l] {
			mine = append(mine, &as[i])
		}
		switch {
		case ctx.Err() != nil:
			return // unanswered
		case l.server != "":
			a.place(ctx, l.group, l.server, mine, answers)
		default:
			for i := range mine {
				answers[i] = a.scale(ctx, l, mine[i])
			}
		}
		for j, i := range lanes[l] {
			errs[i] = answers[j]
		}
	})
}

// each calls do for 0 to n-1, some at once.
func (a *Actuator) each(n int, do func(i int)) {
	var all sync.WaitGroup
	next := make(chan int)
	for range min(n, a.o.Parallel) {
		all.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}

func (a *Actuator) lane(x *coordinator.Action) (lane, error) {
	if x.Kind == coordinator.ScaleService {
		for i := range a.o.Services {
			if a.o.Services[i].Name == x.Service {
				return lane{service: &a.o.Services[i]}, nil
			}
		}
		return lane{}, fmt.Errorf("kube: %v: there is no such service", x)
	}
	for i := range a.o.Groups {
		if a.o.Groups[i].Name == x.Group {
			if x.Kind == coordinator.ScaleGroup {
				return lane{group: &a.o.Groups[i]}, nil
			}
			if x.Server == "" {
				break
			}
			return lane{group: &a.o.Groups[i], server: x.Server}, nil
		}
	}
	return lane{}, fmt.Errorf("kube: %v: there is no such group or server", x)
}

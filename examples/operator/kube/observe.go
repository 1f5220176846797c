package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

var pods = schema.GroupVersionResource{Version: "v1", Resource: "pods"}

// A serverSeen is a pod as it was read, for as long as it stays as it is.
type serverSeen struct {
	uid       types.UID
	version   string // resourceVersion
	placement Placement
	report    Report
	err       error
}

// Observe reports all groups and services. What cannot be seen, for whatever
// reason, is listed as unseen; Why tells the reason.
func (a *Actuator) Observe(ctx context.Context) (coordinator.World, error) {
	var w coordinator.World
	if err := ctx.Err(); err != nil {
		return w, err
	}
	a.mu.Lock()
	a.untold = false
	a.mu.Unlock()
	for i := range a.o.Groups {
		g, err := a.group(ctx, &a.o.Groups[i])
		if err != nil {
			w.Unseen = append(w.Unseen, a.o.Groups[i].Name)
			continue
		}
		w.Groups = append(w.Groups, g)
	}
	for i := range a.o.Services {
		s, err := a.service(ctx, &a.o.Services[i])
		if err != nil {
			w.UnseenServices = append(w.UnseenServices, a.o.Services[i].Name)
			continue
		}
		w.Services = append(w.Services, s)
	}
	return w, nil
}

// Why tells why a group cannot be seen now, nil if it can.
func (a *Actuator) Why(ctx context.Context, group string) error {
	for i := range a.o.Groups {
		if a.o.Groups[i].Name == group {
			_, err := a.group(ctx, &a.o.Groups[i])
			return err
		}
	}
	return fmt.Errorf("kube: there is no group %q", group)
}

// WhyService is Why of a service.
func (a *Actuator) WhyService(ctx context.Context, service string) error {
	for i := range a.o.Services {
		if a.o.Services[i].Name == service {
			_, err := a.service(ctx, &a.o.Services[i])
			return err
		}
	}
	return fmt.Errorf("kube: there is no service %q", service)
}

// Selector is how the pods of a group are selected, "" if that is not known.
func (a *Actuator) Selector(group string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.o.Groups {
		if s := a.scales[a.o.Groups[i].Workload]; a.o.Groups[i].Name == group && s.selector != nil {
			return s.selector.String()
		}
	}
	return ""
}

// SelectorOfService is Selector of a service's target.
func (a *Actuator) SelectorOfService(service string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.o.Services {
		if s := a.scales[a.o.Services[i].Target]; a.o.Services[i].Name == service && s.selector != nil {
			return s.selector.String()
		}
	}
	return ""
}

// current reports as an error that what the cache says of a workload, or of its
// pods, may be old. It is asked after they were read: a cache watches what it was
// asked for once.
func (a *Actuator) current(r Ref, withPods bool) error {
	if a.o.Watches == nil {
		return nil
	}
	kind, err := a.resource(r.GroupVersionKind)
	if err != nil {
		return err
	}
	watched := []schema.GroupVersionResource{kind}
	if withPods {
		watched = append(watched, pods)
	}
	for _, w := range watched {
		if !a.o.Watches.Open(w, r.Namespace) {
			return fmt.Errorf("kube: the watch of %s in %s is broken", w.Resource, r.Namespace)
		}
	}
	return nil
}

// resource is the resource of a kind.
func (a *Actuator) resource(kind schema.GroupVersionKind) (schema.GroupVersionResource, error) {
	a.mu.Lock()
	known, ok := a.resources[kind]
	a.mu.Unlock()
	if ok {
		return known.GroupVersionResource, nil
	}
	m, err := a.o.API.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return schema.GroupVersionResource{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.resources[kind] = resourceName{m.Resource}
	return m.Resource, nil
}

func (a *Actuator) podsOf(ctx context.Context, namespace string, s labels.Selector) ([]corev1.Pod, error) {
	var list corev1.PodList
	err := a.o.Cache.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: s}, client.UnsafeDisableDeepCopyOption(true))
	return list.Items, err
}

func (a *Actuator) group(ctx context.Context, g *Group) (state coordinator.GroupState, err error) {
	m, err := a.workload(ctx, g.Workload)
	if err != nil {
		return state, err
	}
	f, err := readFence(m.Annotations)
	if err != nil {
		return state, err
	}
	s, err := a.count(ctx, g.Workload, m, false)
	if err != nil {
		return state, err
	}
	if s.selector == nil {
		return state, fmt.Errorf("kube: %s %s: %w", g.Workload.Kind, g.Workload.NamespacedName, errNoSelector)
	}
	list, err := a.podsOf(ctx, g.Workload.Namespace, s.selector)
	if err != nil {
		return state, err
	}
	if err := a.current(g.Workload, true); err != nil {
		return state, err
	}
	if err := a.knows(g.Workload); err != nil {
		return state, err
	}
	state = coordinator.GroupState{
		Name: g.Name, Desired: s.wanted, Generation: f.Generation, Epoch: f.Epoch, Version: version(m, &f),
		Servers: make([]coordinator.ServerState, 0, len(list)),
	}
	seen := map[types.UID]types.NamespacedName{}
	for i := range list {
		pod := a.newest(&list[i])
		seen[pod.UID] = client.ObjectKeyFromObject(pod)
		if ended(pod) {
			continue
		}
		server, err := a.server(g, pod)
		if err != nil {
			return state, fmt.Errorf("kube: pod %s: %w", pod.Name, err)
		}
		state.Servers = append(state.Servers, server)
	}
	slices.SortFunc(state.Servers, func(a, b coordinator.ServerState) int { return cmp.Compare(a.Name, b.Name) })
	a.mu.Lock()
	defer a.mu.Unlock()
	for uid, name := range a.seen[g.Name] {
		if _, stays := seen[uid]; !stays { // another of its name may have come
			if p := a.pods[name]; p != nil && p.UID == uid {
				delete(a.pods, name)
			}
			if p := a.parsed[name]; p != nil && p.uid == uid {
				delete(a.parsed, name)
			}
		}
	}
	a.seen[g.Name] = seen
	return state, nil
}

// read is what stands on a pod, from the last time if it has not changed.
func (a *Actuator) read(pod *corev1.Pod) *serverSeen {
	name := client.ObjectKeyFromObject(pod)
	a.mu.Lock()
	seen := a.parsed[name]
	a.mu.Unlock()
	if seen != nil && seen.uid == pod.UID && seen.version == pod.ResourceVersion {
		return seen
	}
	seen = &serverSeen{uid: pod.UID, version: pod.ResourceVersion, report: readReport(pod.Annotations)}
	seen.placement, seen.err = readPlacement(pod.Annotations)
	a.mu.Lock()
	a.parsed[name] = seen
	a.mu.Unlock()
	return seen
}

func (a *Actuator) server(g *Group, pod *corev1.Pod) (s coordinator.ServerState, err error) {
	seen := a.read(pod)
	if seen.err != nil {
		return s, seen.err
	}
	now := a.o.Now()
	s = coordinator.ServerState{
		Name: pod.Name, Zone: pod.Labels[corev1.LabelTopologyZone], Phase: coordinator.Up, Leaving: pod.DeletionTimestamp != nil,
		Generation: seen.placement.Generation, Epoch: seen.placement.Epoch, Version: serverVersion(pod, &seen.placement),
	}
	if g.Removal == coordinator.Ordinal {
		if s.Ordinal, err = ordinal(pod); err != nil {
			return s, err
		}
	}
	ready, since := readiness(pod)
	s.Since = earlier(since, now)
	down := !ready && now.Sub(s.Since) >= a.o.NotReady
	s.Replicas = make([]coordinator.ReplicaState, 0, len(seen.placement.Models))
	for i := range seen.placement.Models {
		x := &seen.placement.Models[i]
		s.Replicas = append(s.Replicas, replica(pod, x, seen.report.of(x), down, now))
	}
	for i := range seen.report.Models {
		if r := &seen.report.Models[i]; seen.placement.find(r.Model, r.Version) == nil {
			s.Replicas = append(s.Replicas, leftover(pod, r, now))
		}
	}
	slices.SortFunc(s.Replicas, func(a, b coordinator.ReplicaState) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.ModelVersion, b.ModelVersion))
	})
	if !ready && len(s.Replicas) == 0 {
		s.Phase, s.Since = coordinator.Booting, earlier(pod.CreationTimestamp.Time, now)
	}
	return s, nil
}

// replica is one that is placed.
func replica(pod *corev1.Pod, x *Placed, r *Reported, down bool, now time.Time) coordinator.ReplicaState {
	s := coordinator.ReplicaState{
		Model: x.Model, ModelVersion: x.Version, Phase: coordinator.Loading, Since: earlier(x.Since, now), Version: replicaVersion(pod, x),
	}
	if r == nil {
		if down {
			s.Phase = coordinator.Broken
		}
		return s
	}
	switch {
	case down || r.Phase == Failed:
		s.Phase, s.Since = coordinator.Broken, earlier(later(r.Since, x.Since), now)
	case r.Phase != Loaded:
	case x.State == Route:
		s.Phase = coordinator.Serving
	case x.State == Drain:
		s.Phase = coordinator.Draining
	default:
		s.Phase, s.Since = coordinator.Loaded, earlier(later(r.Since, x.Since), now)
	}
	if r.InFlight != nil && *r.InFlight >= 0 && r.Seq >= x.Seq {
		s.InFlight = policy.Reading{Value: float64(*r.InFlight), At: earlier(later(r.At, x.Since), now), Quality: policy.OK}
	}
	return s
}

// leftover is one that is not placed any more and not unloaded yet.
func leftover(pod *corev1.Pod, r *Reported, now time.Time) coordinator.ReplicaState {
	return coordinator.ReplicaState{
		Model: r.Model, ModelVersion: r.Version, Phase: coordinator.Draining, Since: earlier(r.Since, now),
		Version: string(pod.UID) + ".gone." + strconv.FormatUint(r.Load, 10),
	}
}

func (a *Actuator) service(ctx context.Context, x *Service) (state coordinator.ServiceState, err error) {
	m, err := a.workload(ctx, x.Target)
	if err != nil {
		return state, err
	}
	f, err := readFence(m.Annotations)
	if err != nil {
		return state, err
	}
	s, err := a.count(ctx, x.Target, m, false)
	if err == nil && s.selector == nil {
		s, err = a.count(ctx, x.Target, m, true)
	}
	if err != nil {
		return state, err
	}
	var list []corev1.Pod
	if s.selector != nil {
		if list, err = a.podsOf(ctx, x.Target.Namespace, s.selector); err != nil {
			return state, err
		}
	}
	if err := a.current(x.Target, s.selector != nil); err != nil {
		return state, err
	}
	if err := a.knows(x.Target); err != nil {
		return state, err
	}
	state = coordinator.ServiceState{Name: x.Name, Desired: s.wanted, Ready: s.there, Generation: f.Generation, Epoch: f.Epoch, Version: version(m, &f)}
	if s.selector == nil {
		return state, nil
	}
	state.Ready = 0
	for i := range list {
		if ready, _ := readiness(&list[i]); ready && list[i].DeletionTimestamp == nil {
			state.Ready++
		}
	}
	return state, nil
}

// readiness reports whether a pod is ready, and since when it is or is not.
func readiness(pod *corev1.Pod) (ready bool, since time.Time) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue, c.LastTransitionTime.Time
		}
	}
	return false, pod.CreationTimestamp.Time
}

// ordinal is a pod's place in the order of removal.
func ordinal(pod *corev1.Pod) (int, error) {
	text, ok := pod.Labels["apps.kubernetes.io/pod-index"]
	if !ok {
		text = pod.Name[strings.LastIndexByte(pod.Name, '-')+1:]
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("it has no ordinal, neither as its label apps.kubernetes.io/pod-index nor in its name")
	}
	return n, nil
}

func serverVersion(pod *corev1.Pod, p *Placement) string {
	return string(pod.UID) + "." + strconv.FormatUint(p.Loads, 10)
}

func replicaVersion(pod *corev1.Pod, x *Placed) string {
	return string(pod.UID) + "." + strconv.FormatUint(x.Load, 10) + "." + strconv.FormatUint(x.Seq, 10)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

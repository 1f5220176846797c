package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
)

// pod is a pod from the cache, or as last written.
func (a *Actuator) pod(ctx context.Context, name types.NamespacedName) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	if err := a.o.Cache.Get(ctx, name, pod, client.UnsafeDisableDeepCopyOption(true)); err != nil {
		return nil, err
	}
	return a.newest(pod), nil
}

// newest is the newer of a cached pod and what was last written of it.
func (a *Actuator) newest(pod *corev1.Pod) *corev1.Pod {
	name := client.ObjectKeyFromObject(pod)
	a.mu.Lock()
	defer a.mu.Unlock()
	if own := a.pods[name]; own != nil {
		if own.UID == pod.UID && newer(own.ResourceVersion, pod.ResourceVersion) {
			return own
		}
		delete(a.pods, name)
	}
	return pod
}

func (a *Actuator) livePod(ctx context.Context, name types.NamespacedName) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	if err := a.o.API.Get(ctx, name, pod); err != nil {
		return nil, err
	}
	a.keepPod(pod)
	return pod, nil
}

func (a *Actuator) keepPod(pod *corev1.Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pods[client.ObjectKeyFromObject(pod)] = pod
}

// place carries out actions on one server, in one write.
func (a *Actuator) place(ctx context.Context, g *Group, server string, as []*coordinator.Action, errs []error) {
	defer func() {
		for i := range errs {
			if errs[i] != nil {
				errs[i] = fmt.Errorf("kube: %v: %w", as[i], errs[i])
			}
		}
	}()
	all := func(err error) {
		for i := range errs {
			errs[i] = err
		}
	}
	name := types.NamespacedName{Namespace: g.Workload.Namespace, Name: server}
	pod, err := a.pod(ctx, name)
	live := err != nil
	if live {
		pod, err = a.livePod(ctx, name)
	}
	for range tries {
		if err != nil {
			all(err)
			return
		}
		var again bool
		if again, err = a.placeOn(ctx, g, pod, as, errs); err != nil && !again {
			all(err)
			return
		}
		if !again && (live || !slices.ContainsFunc(errs, func(err error) bool { return err != nil })) {
			return
		}
		// What was decided on may be old: look again. What was accepted is so again.
		if ctx.Err() != nil {
			all(context.Cause(ctx))
			return
		}
		live = true
		pod, err = a.livePod(ctx, name)
	}
	all(errBusy)
}

// placeOn carries out actions on a version of a pod. errs are the answers if err
// is nil; again is whether to try on a newer version.
func (a *Actuator) placeOn(ctx context.Context, g *Group, pod *corev1.Pod, as []*coordinator.Action, errs []error) (again bool, err error) {
	was, err := readPlacement(pod.Annotations)
	if err != nil {
		return false, err
	}
	report := readReport(pod.Annotations)
	if err := a.belongs(ctx, g, pod); err != nil {
		return false, err
	}
	to, changed := was.clone(), false
	for i, x := range as {
		done, err := admit(to.Epoch, to.Generation, to.IDs, x)
		// What is not placed is unloaded already, or is being.
		done = done || x.Kind == coordinator.Unload && to.find(x.Model, x.ModelVersion) == nil
		if err == nil && !done {
			if err = a.change(&to, &report, pod, x); err == nil {
				to.IDs = raise(to.Epoch, to.Generation, to.IDs, x)
				to.Epoch, to.Generation = x.Epoch, x.Generation
				changed = true
			}
		}
		errs[i] = err
	}
	if !changed {
		return false, nil
	}
	if err := a.write(ctx, pod, &was, &to); err != nil {
		return apierrors.IsConflict(err), err
	}
	return false, nil
}

// belongs reports as an error that a pod is none of the group's.
func (a *Actuator) belongs(ctx context.Context, g *Group, pod *corev1.Pod) error {
	m, err := a.workload(ctx, g.Workload)
	if err != nil {
		return err
	}
	s, err := a.count(ctx, g.Workload, m, false)
	if err != nil {
		return err
	}
	if s.selector == nil || !s.selector.Matches(labels.Set(pod.Labels)) {
		return fmt.Errorf("pod %s is none of the group's", pod.Name)
	}
	return nil
}

// change makes one action's change to a placement.
func (a *Actuator) change(p *Placement, report *Report, pod *corev1.Pod, x *coordinator.Action) error {
	r := p.find(x.Model, x.ModelVersion)
	now := a.o.Now()
	switch {
	case x.Kind == coordinator.Load && r != nil:
		return fmt.Errorf("%w: it is there already", coordinator.ErrConflict)
	case x.Kind == coordinator.Load:
		if x.IfVersion != "" && x.IfVersion != serverVersion(pod, p) {
			return coordinator.ErrConflict
		}
		if ready, _ := readiness(pod); !ready || pod.DeletionTimestamp != nil {
			return fmt.Errorf("pod %s is not up", pod.Name)
		}
		p.Seq++
		p.Loads = p.Seq
		p.Models = append(p.Models, Placed{Model: x.Model, Version: x.ModelVersion, Load: p.Seq, State: Load, Seq: p.Seq, Since: now})
		slices.SortFunc(p.Models, func(a, b Placed) int {
			return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Version, b.Version))
		})
		return nil
	case r == nil:
		return fmt.Errorf("there is no such replica on %s", pod.Name)
	case x.IfVersion != "" && x.IfVersion != replicaVersion(pod, r):
		return coordinator.ErrConflict
	}
	p.Seq++
	switch x.Kind {
	case coordinator.Route:
		if had := report.of(r); had == nil || had.Phase != Loaded {
			return fmt.Errorf("it is not loaded")
		}
		if r.State != Route {
			r.State, r.Since, r.Until = Route, now, nil
		}
		r.Seq = p.Seq
	case coordinator.Unroute:
		if r.State == Load {
			return fmt.Errorf("it is not routed")
		}
		if r.State != Drain {
			until := x.Deadline
			r.State, r.Since, r.Until = Drain, now, &until
		}
		r.Seq = p.Seq
	case coordinator.Unload:
		p.Loads = p.Seq
		p.Models = slices.DeleteFunc(p.Models, func(y Placed) bool { return y.Model == x.Model && y.Version == x.ModelVersion })
	default:
		return fmt.Errorf("no action of this kind is one on a server")
	}
	return nil
}

// write writes a placement, and the labels that follow from it, on a version of a
// pod.
func (a *Actuator) write(ctx context.Context, pod *corev1.Pod, was, to *Placement) error {
	text, err := json.Marshal(to)
	if err != nil {
		return err
	}
	routes := map[string]*string{}
	for _, list := range [][]Placed{was.Models, to.Models} {
		for _, x := range list {
			_, has := pod.Labels[RouteLabel(x.Model)]
			switch yes := "true"; {
			case to.routed(x.Model) && !has:
				routes[RouteLabel(x.Model)] = &yes
			case !to.routed(x.Model) && has:
				routes[RouteLabel(x.Model)] = nil
			}
		}
	}
	change := map[string]any{
		"resourceVersion": pod.ResourceVersion, "uid": pod.UID, "annotations": map[string]string{PlacementAnnotation: string(text)},
	}
	if len(routes) > 0 {
		change["labels"] = routes
	}
	patch, err := json.Marshal(map[string]any{"metadata": change})
	if err != nil {
		return err
	}
	written := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	if err := a.o.API.Patch(ctx, written, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return err
	}
	a.keepPod(written)
	return nil
}

package fleet

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// A change is a write of a status, or of finalizers, that differs from what is.
type change func(ctx context.Context) error

// report writes every status that has changed, and events.
func (o *Operator) report(ctx context.Context, key types.NamespacedName, u *unit, l *leader, d *declared, p *Pass, w *coordinator.World) error {
	var changes []change
	for _, g := range u.groups {
		changes = append(changes, o.reportGroup(ctx, g, l, d, p, w)...)
	}
	for _, m := range u.models {
		changes = append(changes, o.reportModel(m, u, l, d, p, w)...)
	}
	for _, s := range u.services {
		changes = append(changes, o.reportService(ctx, s, l, d, p)...)
	}
	o.tellActions(u, p)
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	return together(ctx, changes)
}

// together makes changes, some at once. What fails is tried again at the next
// pass, which sees that it has not changed. A conflict is no failure: the cache has not
// seen the last pass's write.
func together(ctx context.Context, changes []change) error {
	var all sync.WaitGroup
	next := make(chan change)
	errs := make(chan error, len(changes))
	for range min(8, len(changes)) {
		all.Go(func() {
			for do := range next {
				if err := do(ctx); client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
					errs <- err
				}
			}
		})
	}
	for _, do := range changes {
		next <- do
	}
	close(next)
	all.Wait()
	close(errs)
	var joined []error
	for err := range errs {
		if joined = append(joined, err); len(joined) == 3 {
			break // the others say the same
		}
	}
	return errors.Join(joined...)
}

// patchStatus is the change of an object's status, none if it is as it should be.
func (o *Operator) patchStatus(x client.Object, was, to any) []change {
	if equality.Semantic.DeepEqual(was, to) {
		return nil
	}
	return []change{func(ctx context.Context) error {
		text, err := difference(was, to)
		if err != nil {
			return err
		}
		return o.api.Status().Patch(ctx, x.DeepCopyObject().(client.Object), client.RawPatch(types.MergePatchType, text))
	}}
}

// difference is the merge patch from one status to another: all of the other, and null
// for what it leaves out.
func difference(was, to any) ([]byte, error) {
	before, err := json.Marshal(map[string]any{"status": was})
	if err != nil {
		return nil, err
	}
	after, err := json.Marshal(map[string]any{"status": to})
	if err != nil {
		return nil, err
	}
	return jsonmergepatch.CreateThreeWayJSONMergePatch(before, after, nil)
}

// condition sets a condition of a generation.
func condition(list *[]metav1.Condition, kind string, is bool, generation int64, reason, message string) {
	status := metav1.ConditionFalse
	if is {
		status = metav1.ConditionTrue
	}
	const most = 4096 // of a message
	meta.SetStatusCondition(list, metav1.Condition{
		Type: kind, Status: status, ObservedGeneration: generation, Reason: reason, Message: cut(message, most),
	})
}

func accepted(list *[]metav1.Condition, generation int64, fault error) {
	if fault == nil {
		condition(list, v1alpha1.ConditionAccepted, true, generation, "Valid", "")
	} else {
		condition(list, v1alpha1.ConditionAccepted, false, generation, "Invalid", fault.Error())
	}
}

func (o *Operator) reportModel(m *v1alpha1.Model, u *unit, l *leader, d *declared, p *Pass, w *coordinator.World) []change {
	has := slices.Contains(m.Finalizers, v1alpha1.Finalizer)
	if m.DeletionTimestamp != nil {
		if has && len(w.Unseen) == 0 && !slices.ContainsFunc(w.Groups, holds(m.Name)) {
			return []change{o.finalizer(m, false)}
		}
		return nil
	}
	var changes []change
	if !has {
		changes = append(changes, o.finalizer(m, true))
	}
	to := m.Status.DeepCopy()
	fault := d.faults[faultOf(m)]
	accepted(&to.Conditions, m.Generation, fault)
	to.ObservedGeneration, to.Selector = m.Generation, kube.RouteLabel(m.Name)+"=true"
	i, found := slices.BinarySearchFunc(p.Plan.Models, m.Name, func(x coordinator.ModelPlan, name string) int { return cmp.Compare(x.Model, name) })
	status, err := l.planner.Status(m.Name)
	if !found || err != nil {
		condition(&to.Conditions, v1alpha1.ConditionReady, false, m.Generation, "NotPlanned", "")
		return append(changes, o.patchStatus(m, &m.Status, to)...)
	}
	x := &p.Plan.Models[i]
	to.Group, to.DesiredReplicas, to.Replicas = x.Group, int32(x.Desired), int32(x.Ready)
	to.Left = nil
	if len(u.groups) > 1 {
		to.Left = left(m, x.Group, u, w)
	}
	if was := l.was(coordinator.TargetID{Name: m.Name}, x.Was); was != x.Desired {
		to.Reason = because(was, x.Desired, x.Decision.Steps)
		o.tellCount(m, was, x.Desired, to.Reason, p)
	}
	refusal := ""
	if status.Refused > 0 {
		refusal = fmt.Sprintf("%d of %d replicas find no place in %s: %s", status.Refused, status.Desired, status.Refusal.Group, status.Refusal.Reason)
	}
	condition(&to.Conditions, v1alpha1.ConditionScheduled, status.State == coordinator.StateScheduled || status.State == coordinator.StateScaledDown, m.Generation, state(status.State), refusal)
	if refusal != "" && l.refused[m.Name] != status.Refused {
		o.event(m, corev1.EventTypeWarning, "NoPlace", "%s", refusal)
	}
	l.refused[m.Name] = status.Refused
	ready := fault == nil && status.ReadyForGeneration()
	reason := "Progressing"
	if ready {
		reason = "AsWanted"
	}
	condition(&to.Conditions, v1alpha1.ConditionReady, ready, m.Generation, reason, "")
	return append(changes, o.patchStatus(m, &m.Status, to)...)
}

func state(s coordinator.ModelState) string {
	switch s {
	case coordinator.StateScheduled:
		return "Scheduled"
	case coordinator.StatePartial:
		return "Partial"
	case coordinator.StateRefused:
		return "Refused"
	case coordinator.StateScaledDown:
		return "ScaledDown"
	}
	return "Unknown"
}

// finalizer adds or takes away the model's finalizer.
func (o *Operator) finalizer(m *v1alpha1.Model, add bool) change {
	return func(ctx context.Context) error {
		finalizers := slices.DeleteFunc(slices.Clone(m.Finalizers), func(f string) bool { return f == v1alpha1.Finalizer })
		if add {
			finalizers = append(finalizers, v1alpha1.Finalizer)
		}
		text, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": m.ResourceVersion, "finalizers": finalizers}})
		if err != nil {
			return err
		}
		return o.api.Patch(ctx, m.DeepCopy(), client.RawPatch(types.MergePatchType, text))
	}
}

func (o *Operator) reportGroup(ctx context.Context, g *v1alpha1.ServerGroup, l *leader, d *declared, p *Pass, w *coordinator.World) []change {
	to := g.Status.DeepCopy()
	accepted(&to.Conditions, g.Generation, d.faults[faultOf(g)])
	to.ObservedGeneration, to.Leader, to.Epoch = g.Generation, o.Identity, int64(l.epoch)
	i := slices.IndexFunc(p.Plan.Groups, func(x coordinator.GroupPlan) bool { return x.Group == g.Name })
	if i < 0 {
		return o.patchStatus(g, &g.Status, to)
	}
	x := &p.Plan.Groups[i]
	o.measured(g, &to.Conditions, p.ReadErr)
	o.observed(ctx, g, &to.Conditions, g.Name, x.Unseen, l, l.actuator.Why)
	to.DesiredServers, to.Servers, to.LowerBound = int32(x.Desired), int32(x.Servers), int32(x.LowerBound)
	if s := l.actuator.Selector(g.Name); s != "" {
		to.Selector = s
	}
	if !x.Unseen {
		to.UpServers = 0
		for _, seen := range w.Groups {
			for _, s := range seen.Servers {
				if seen.Name == g.Name && s.Phase == coordinator.Up && !s.Leaving {
					to.UpServers++
				}
			}
		}
		ready := x.Servers == x.Desired && int(to.UpServers) == x.Desired && d.faults[faultOf(g)] == nil
		reason := "Progressing"
		if ready {
			reason = "AsWanted"
		}
		condition(&to.Conditions, v1alpha1.ConditionReady, ready, g.Generation, reason, "")
	}
	return o.patchStatus(g, &g.Status, to)
}

// measured sets the condition of that name, and tells of a change. As long as reading
// fails the message is that of the first time: errors may differ in what means nothing.
func (o *Operator) measured(x client.Object, list *[]metav1.Condition, err error) {
	if err == nil {
		condition(list, v1alpha1.ConditionMeasured, true, x.GetGeneration(), "Read", "")
		return
	}
	message := err.Error()
	if was := meta.FindStatusCondition(*list, v1alpha1.ConditionMeasured); was != nil && was.Status == metav1.ConditionFalse {
		message = was.Message
	} else {
		o.event(x, corev1.EventTypeWarning, "NotMeasured", "%s", message)
	}
	condition(list, v1alpha1.ConditionMeasured, false, x.GetGeneration(), "NotRead", message)
}

// observed sets the condition of that name, and tells of a change.
func (o *Operator) observed(ctx context.Context, x client.Object, list *[]metav1.Condition, name string, unseen bool, l *leader, why func(context.Context, string) error) {
	if !unseen {
		condition(list, v1alpha1.ConditionObserved, true, x.GetGeneration(), "Seen", "")
		l.unseen[name] = false
		return
	}
	message := "it is seen again"
	if err := why(ctx, name); err != nil {
		message = err.Error()
	}
	condition(list, v1alpha1.ConditionObserved, false, x.GetGeneration(), "Unseen", message)
	if !l.unseen[name] {
		o.event(x, corev1.EventTypeWarning, "Unseen", "held as it is: %s", message)
	}
	l.unseen[name] = true
}

func (o *Operator) reportService(ctx context.Context, s *v1alpha1.ScaledService, l *leader, d *declared, p *Pass) []change {
	to := s.Status.DeepCopy()
	accepted(&to.Conditions, s.Generation, d.faults[faultOf(s)])
	to.ObservedGeneration = s.Generation
	i := slices.IndexFunc(p.Plan.Services, func(x coordinator.ServicePlan) bool { return x.Service == s.Name })
	if i < 0 {
		return o.patchStatus(s, &s.Status, to)
	}
	x := &p.Plan.Services[i]
	o.measured(s, &to.Conditions, p.ReadErr)
	o.observed(ctx, s, &to.Conditions, s.Name, x.Unseen, l, l.actuator.WhyService)
	to.DesiredReplicas, to.ReadyReplicas = int32(x.Desired), int32(x.Ready)
	if was := l.was(coordinator.TargetID{Kind: coordinator.TargetService, Name: s.Name}, x.Was); was != x.Desired {
		to.Reason = because(was, x.Desired, x.Decision.Steps)
		o.tellCount(s, was, x.Desired, to.Reason, p)
	}
	ready := x.Ready == x.Desired && !x.Unseen && d.faults[faultOf(s)] == nil
	reason := "Progressing"
	if ready {
		reason = "AsWanted"
	}
	condition(&to.Conditions, v1alpha1.ConditionReady, ready, s.Generation, reason, "")
	return o.patchStatus(s, &s.Status, to)
}

// reportInvalid tells that nothing of a unit can be planned.
func (o *Operator) reportInvalid(ctx context.Context, u *unit, d *declared) error {
	var changes []change
	for _, g := range u.groups {
		to := g.Status.DeepCopy()
		accepted(&to.Conditions, g.Generation, d.faults[faultOf(g)])
		to.ObservedGeneration = g.Generation
		changes = append(changes, o.patchStatus(g, &g.Status, to)...)
	}
	for _, s := range u.services {
		to := s.Status.DeepCopy()
		accepted(&to.Conditions, s.Generation, d.faults[faultOf(s)])
		to.ObservedGeneration = s.Generation
		changes = append(changes, o.patchStatus(s, &s.Status, to)...)
	}
	for _, m := range u.models {
		to := m.Status.DeepCopy()
		notPlanned(m, to, cmp.Or(d.faults[faultOf(m)], errGroup), "Invalid")
		changes = append(changes, o.patchStatus(m, &m.Status, to)...)
	}
	return together(ctx, changes)
}

// errGroup: a model is as it should be, and its group is not.
var errGroup = errors.New("its group is not valid")

// notPlanned says in a model's status why nothing is planned of it.
func notPlanned(m *v1alpha1.Model, to *v1alpha1.ModelStatus, why error, reason string) {
	to.ObservedGeneration = m.Generation
	condition(&to.Conditions, v1alpha1.ConditionAccepted, false, m.Generation, reason, why.Error())
	condition(&to.Conditions, v1alpha1.ConditionReady, false, m.Generation, "NotPlanned", "")
}

// strays sees to the models of a namespace whose group there is not.
func (o *Operator) strays(ctx context.Context, namespace string) (exist bool, err error) {
	key := types.NamespacedName{Namespace: namespace, Name: strayUnit}
	if mine, err := o.mine(ctx, key); err != nil || !mine {
		return true, err
	}
	groups, models, err := o.lists(ctx, namespace)
	if err != nil {
		return true, err
	}
	_, strays := unitsOf(groups.Items, models.Items)
	if len(strays) == 0 {
		return false, nil
	}
	var changes []change
	for _, m := range strays {
		if m.DeletionTimestamp != nil {
			if slices.Contains(m.Finalizers, v1alpha1.Finalizer) {
				changes = append(changes, o.finalizer(m, false))
			}
			continue
		}
		to := m.Status.DeepCopy()
		notPlanned(m, to, fmt.Errorf("there is no ServerGroup %q", m.Spec.Group), "NoGroup")
		changes = append(changes, o.patchStatus(m, &m.Status, to)...)
	}
	return true, together(ctx, changes)
}

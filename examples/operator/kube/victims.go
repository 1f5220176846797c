package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// chooseVictims makes those pods go first when the count falls to n that are
// named, or have not been observed yet: these are the ones that a fall beyond the
// named may take. It returns the count by which no others go, once the controller can
// be taken to know them. The error says that others would go all the same.
func (a *Actuator) chooseVictims(ctx context.Context, g *Group, s scale, n int, victims []string) (int, error) {
	if s.selector == nil {
		return n, errors.New("the scale has no selector by which to find the pods to remove")
	}
	if err := a.caughtUp(ctx, g, s); err != nil {
		return n, err
	}
	var list corev1.PodList
	if err := a.o.API.List(ctx, &list, client.InNamespace(g.Workload.Namespace), client.MatchingLabelsSelector{Selector: s.selector}); err != nil {
		return n, err
	}
	var go1st, stay, marked []*corev1.Pod
	worst, hash := rank{}, "" // of those that go
	for i := range list.Items {
		pod := &list.Items[i]
		switch {
		case !active(pod):
			continue
		case slices.Contains(victims, pod.Name) || !a.observed(g, pod):
			go1st, worst = append(go1st, pod), worst.max(rankOf(pod))
		default:
			stay = append(stay, pod)
		}
		if h := pod.Labels["pod-template-hash"]; hash != "" && h != hash {
			return n, fmt.Errorf("a rollout is under way: pod %s is of another template than others", pod.Name)
		} else if h != "" {
			hash = h
		}
	}
	for _, pod := range stay {
		if len(go1st) > 0 && rankOf(pod).before(worst) {
			return n, fmt.Errorf("pod %s, which is not ready, would go before the chosen ones", pod.Name)
		}
		if pod.Annotations[deletionCost] == firstToGo { // it was chosen once and stayed
			if err := a.setCost(ctx, pod, nil); err != nil {
				return n, err
			}
			marked = append(marked, pod)
		}
	}
	first := firstToGo
	for _, pod := range go1st {
		if pod.Annotations[deletionCost] != firstToGo {
			if err := a.setCost(ctx, pod, &first); err != nil {
				return n, err
			}
			marked = append(marked, pod)
		}
	}
	if len(marked) > 0 {
		return max(n, len(stay)), a.await(ctx, marked)
	}
	return max(n, len(stay)), nil
}

// active reports whether a controller counts a pod among its own: see IsPodActive of
// k8s.io/kubernetes/pkg/controller. One that has ended holds nothing, and another has
// come in its place.
func active(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && !ended(pod)
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

// catchUp is how long a controller that is behind its last count is waited for.
const catchUp = 2 * time.Second

// caughtUp waits until the cache has as many pods of a workload as its count says: one
// that was ordered and comes only after the choice would have no cost, and a pod
// that is to stay could go in its place. A controller that cannot make them is not
// waited for any longer than catchUp. The error is the context's or the cache's.
func (a *Actuator) caughtUp(ctx context.Context, g *Group, s scale) error {
	for late := time.Now().Add(catchUp); ; {
		list, err := a.podsOf(ctx, g.Workload.Namespace, s.selector)
		if err != nil {
			return err
		}
		n := 0
		for i := range list {
			if active(&list[i]) {
				n++
			}
		}
		if n == s.wanted || time.Now().After(late) {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// costsSettle is how long after this process a controller may see a cost.
const costsSettle = 250 * time.Millisecond

// await waits until the cache has pods as they were written, and a while more: a
// controller that is told of a count before it has seen the costs chooses by itself.
func (a *Actuator) await(ctx context.Context, written []*corev1.Pod) error {
	for _, pod := range written {
		for {
			var seen corev1.Pod
			err := a.o.Cache.Get(ctx, client.ObjectKeyFromObject(pod), &seen, client.UnsafeDisableDeepCopyOption(true))
			if err != nil || seen.UID != pod.UID || !newer(pod.ResourceVersion, seen.ResourceVersion) {
				break // seen, or gone
			}
			if err := pause(ctx, 5*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return pause(ctx, costsSettle)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// observed reports whether a pod was in the last observation of its group.
func (a *Actuator) observed(g *Group, pod *corev1.Pod) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen := a.seen[g.Name]
	_, yes := seen[pod.UID]
	return seen == nil || yes
}

func (a *Actuator) setCost(ctx context.Context, pod *corev1.Pod, cost *string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID, "annotations": map[string]*string{deletionCost: cost}}})
	if err != nil {
		return err
	}
	err = a.o.API.Patch(ctx, pod, client.RawPatch(types.MergePatchType, patch))
	return client.IgnoreNotFound(err) // gone already
}

// rank is what a ReplicaSet looks at before costs: lower goes first. See
// ActivePodsWithRanks of k8s.io/kubernetes/pkg/controller.
type rank struct {
	assigned bool
	phase    int
	ready    bool
}

func rankOf(pod *corev1.Pod) rank {
	phase := map[corev1.PodPhase]int{corev1.PodPending: 0, corev1.PodUnknown: 1, corev1.PodRunning: 2}[pod.Status.Phase]
	ready, _ := readiness(pod)
	return rank{pod.Spec.NodeName != "", phase, ready}
}

func (r rank) before(s rank) bool {
	switch {
	case r.assigned != s.assigned:
		return !r.assigned
	case r.phase != s.phase:
		return r.phase < s.phase
	}
	return !r.ready && s.ready
}

func (r rank) max(s rank) rank {
	if r.before(s) {
		return s
	}
	return r
}

package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// chooseVictims makes the named pods those that go first when the count falls.
// The error says that others would go.
func (a *Actuator) chooseVictims(ctx context.Context, namespace string, s scale, victims []string) error {
	if s.selector == nil {
		return fmt.Errorf("the scale has no selector by which to find the pods to remove")
	}
	var list corev1.PodList
	if err := a.o.API.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: s.selector}); err != nil {
		return err
	}
	worst := rank{} // of the victims
	hash := ""
	for i := range list.Items {
		pod := &list.Items[i]
		if pod.DeletionTimestamp != nil {
			continue
		}
		if h := pod.Labels["pod-template-hash"]; hash != "" && h != hash {
			return fmt.Errorf("a rollout is under way: pod %s is of another template than others", pod.Name)
		} else if h != "" {
			hash = h
		}
		if slices.Contains(victims, pod.Name) {
			worst = worst.max(rankOf(pod))
		}
	}
	for i := range list.Items {
		pod := &list.Items[i]
		stays := pod.DeletionTimestamp == nil && !slices.Contains(victims, pod.Name)
		if stays && len(victims) > 0 && rankOf(pod).before(worst) {
			return fmt.Errorf("pod %s, which is not ready, would go before the chosen ones", pod.Name)
		}
		if cost := pod.Annotations[deletionCost]; stays && cost == firstToGo {
			if err := a.setCost(ctx, pod, nil); err != nil { // it was chosen once and stayed
				return err
			}
		} else if slices.Contains(victims, pod.Name) && cost != firstToGo {
			first := firstToGo
			if err := a.setCost(ctx, pod, &first); err != nil {
				return err
			}
		}
	}
	return nil
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

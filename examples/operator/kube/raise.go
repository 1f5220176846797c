package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
)

// Raise tells all workloads and servers that an epoch has begun: none of them
// accepts actions of an older one any more. It is one write for each that does
// not know yet; of a workload that this Actuator has told all of the epoch nothing is
// asked again. The error wraps coordinator.ErrFenced when a later epoch has begun: then
// no action should be sent. Else it names what could not be told. That is unseen until
// Raise is called again and tells it, see Untold.
func (a *Actuator) Raise(ctx context.Context, epoch uint64) error {
	type subject struct {
		of  Ref
		pod types.NamespacedName // none is the workload itself
	}
	var mu sync.Mutex
	failed := map[Ref]error{}
	fail := func(r Ref, err error) {
		mu.Lock()
		defer mu.Unlock()
		failed[r] = errors.Join(failed[r], fmt.Errorf("%s %s: %w", r.Kind, r.NamespacedName, err))
	}
	a.mu.Lock()
	a.raised = max(a.raised, epoch)
	latest, told := a.raised, maps.Clone(a.told)
	a.mu.Unlock()
	if epoch < latest {
		return fmt.Errorf("kube: epoch %d: %w", epoch, coordinator.ErrFenced)
	}
	var subjects []subject
	for _, r := range a.refs() {
		if told[r] != epoch {
			subjects = append(subjects, subject{of: r})
		}
	}
	for i := range a.o.Groups {
		r := a.o.Groups[i].Workload
		if told[r] == epoch {
			continue
		}
		pods, err := a.allPods(ctx, r)
		if err != nil {
			fail(r, err)
		}
		for _, name := range pods {
			subjects = append(subjects, subject{r, name})
		}
	}
	a.each(len(subjects), func(i int) {
		s := &subjects[i]
		raise := func() error { return a.raiseWorkload(ctx, s.of, epoch) }
		if s.pod.Name != "" {
			raise = func() error { return client.IgnoreNotFound(a.raisePod(ctx, s.pod, epoch)) }
		}
		if err := retry(ctx, raise); err != nil {
			fail(s.of, err)
		}
	})
	return a.noteTold(epoch, failed)
}

// refs are the workloads of all groups and services.
func (a *Actuator) refs() (refs []Ref) {
	for i := range a.o.Groups {
		refs = append(refs, a.o.Groups[i].Workload)
	}
	for i := range a.o.Services {
		refs = append(refs, a.o.Services[i].Target)
	}
	return refs
}

// noteTold remembers who has been told of an epoch: all that did not fail.
func (a *Actuator) noteTold(epoch uint64, failed map[Ref]error) error {
	var errs []error
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.refs() {
		if err := failed[r]; err != nil {
			errs = append(errs, err)
			continue
		}
		a.told[r] = epoch
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("kube: epoch %d: %w", epoch, err)
	}
	return nil
}

// allPods are the pods of a workload as the API server has them.
func (a *Actuator) allPods(ctx context.Context, r Ref) (names []types.NamespacedName, err error) {
	m, err := a.liveWorkload(ctx, r)
	if err != nil {
		return nil, err
	}
	s, err := a.count(ctx, r, m, false)
	if err != nil {
		return nil, err
	}
	if s.selector == nil {
		return nil, errNoSelector
	}
	var list corev1.PodList
	if err := a.o.API.List(ctx, &list, client.InNamespace(r.Namespace), client.MatchingLabelsSelector{Selector: s.selector}); err != nil {
		return nil, err
	}
	for i := range list.Items {
		a.keepPod(&list.Items[i])
		names = append(names, client.ObjectKeyFromObject(&list.Items[i]))
	}
	return names, nil
}

// knows reports as an error that a workload, or a pod of it, may not know the epoch
// that has begun: one of an older epoch may still act there.
func (a *Actuator) knows(r Ref) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told[r] >= a.raised {
		return nil
	}
	a.untold = true
	return fmt.Errorf("kube: %s %s has not been told yet that epoch %d has begun", r.Kind, r.NamespacedName, a.raised)
}

// Untold reports whether the last Observe met a group or service that is unseen for no
// other reason than that Raise could not tell it of the epoch: it is to be called
// again.
func (a *Actuator) Untold() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.untold
}

// errNoSelector: the pods of a workload cannot be found.
var errNoSelector = errors.New("its scale has no selector")

// retry calls do until it meets no conflict.
func retry(ctx context.Context, do func() error) (err error) {
	for range tries {
		if err = do(); !apierrors.IsConflict(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (a *Actuator) raiseWorkload(ctx context.Context, r Ref, epoch uint64) error {
	m, err := a.liveWorkload(ctx, r)
	if err != nil {
		return err
	}
	f, err := readFence(m.Annotations)
	switch {
	case err != nil:
		return err
	case f.Epoch > epoch:
		return coordinator.ErrFenced
	case f.Epoch == epoch:
		return nil
	}
	// A wish that was accepted and not carried out lapses: At is no generation.
	f = fence{Epoch: epoch, Seq: f.Seq + 1, Replicas: f.Replicas, At: -1}
	_, err = a.tell(ctx, r, m, &f)
	return err
}

func (a *Actuator) raisePod(ctx context.Context, name types.NamespacedName, epoch uint64) error {
	a.mu.Lock()
	pod := a.pods[name]
	a.mu.Unlock()
	if pod == nil {
		var err error
		if pod, err = a.livePod(ctx, name); err != nil {
			return err
		}
	}
	was, err := readPlacement(pod.Annotations)
	switch {
	case err != nil:
		return err
	case was.Epoch > epoch:
		return coordinator.ErrFenced
	case was.Epoch == epoch:
		return nil
	}
	to := was.clone()
	to.Epoch, to.Generation, to.IDs = epoch, 0, nil
	if err := a.write(ctx, pod, &was, &to); err != nil {
		if apierrors.IsConflict(err) {
			_, _ = a.livePod(ctx, name) // for the next try
		}
		return err
	}
	return nil
}

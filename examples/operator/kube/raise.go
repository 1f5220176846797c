package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
)

// Raise tells all workloads and servers that an epoch has begun: none of them
// accepts actions of an older one any more. It is one write for each that does
// not know yet, none for the others. The error wraps coordinator.ErrFenced when a
// later epoch has begun, and names what could not be told: then no action should be sent.
func (a *Actuator) Raise(ctx context.Context, epoch uint64) error {
	type subject struct {
		ref Ref
		pod types.NamespacedName
	}
	var subjects []subject
	var errs []error
	for i := range a.o.Groups {
		g := &a.o.Groups[i]
		subjects = append(subjects, subject{ref: g.Workload})
		m, err := a.liveWorkload(ctx, g.Workload)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s, err := a.count(ctx, g.Workload, m, false)
		if err != nil || s.selector == nil {
			errs = append(errs, err)
			continue
		}
		var list corev1.PodList
		if err := a.o.API.List(ctx, &list, client.InNamespace(g.Workload.Namespace), client.MatchingLabelsSelector{Selector: s.selector}); err != nil {
			errs = append(errs, err)
			continue
		}
		for j := range list.Items {
			a.keepPod(&list.Items[j])
			subjects = append(subjects, subject{pod: client.ObjectKeyFromObject(&list.Items[j])})
		}
	}
	for i := range a.o.Services {
		subjects = append(subjects, subject{ref: a.o.Services[i].Target})
	}
	var mu sync.Mutex
	a.each(len(subjects), func(i int) {
		raise := func() error { return a.raiseWorkload(ctx, subjects[i].ref, epoch) }
		if subjects[i].pod.Name != "" {
			raise = func() error { return a.raisePod(ctx, subjects[i].pod, epoch) }
		}
		if err := retry(ctx, raise); client.IgnoreNotFound(err) != nil {
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		}
	})
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("kube: epoch %d: %w", epoch, err)
	}
	return nil
}

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

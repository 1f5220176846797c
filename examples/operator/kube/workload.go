package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
)

// tries is how often a write is tried on newer and newer versions of its object.
const tries = 8

// errBusy: the object kept changing while it was to be written.
var errBusy = errors.New("the object keeps changing")

// A scale is what a scale subresource says.
type scale struct {
	uid        types.UID
	version    string // resourceVersion of the object
	generation int64  // of the object
	wanted     int    // spec.replicas
	there      int    // status.replicas
	selector   labels.Selector
}

func metadata(r Ref) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(r.GroupVersionKind)
	m.Namespace, m.Name = r.Namespace, r.NamespacedName.Name
	return m
}

func object(r Ref) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(r.GroupVersionKind)
	u.SetNamespace(r.Namespace)
	u.SetName(r.NamespacedName.Name)
	return u
}

// newer reports whether one resourceVersion comes after another.
func newer(x, than string) bool {
	i, err := strconv.ParseUint(x, 10, 64)
	j, err2 := strconv.ParseUint(than, 10, 64)
	return err == nil && err2 == nil && i > j
}

// workload is the metadata of a workload: from the cache, or as last written.
func (a *Actuator) workload(ctx context.Context, r Ref) (*metav1.PartialObjectMetadata, error) {
	m := metadata(r)
	a.mu.Lock()
	late := a.late[r]
	a.mu.Unlock()
	patience := syncWait
	if late != nil {
		patience = 0 // it is read as soon as it is there
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := a.o.Cache.Get(wait, r.NamespacedName, m, client.UnsafeDisableDeepCopyOption(true))
	switch {
	case err != nil && late != nil && !apierrors.IsNotFound(err):
		return nil, late
	case err != nil && wait.Err() != nil && late == nil && ctx.Err() == nil:
		return nil, a.unsynced(ctx, r, err)
	case err != nil:
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.late, r)
	if own := a.workloads[r]; own != nil {
		if own.UID == m.UID && newer(own.ResourceVersion, m.ResourceVersion) {
			return own, nil
		}
		delete(a.workloads, r)
	}
	return m, nil
}

// syncWait is how long a workload may take to be read from the cache. A cache waits
// until it has listed what it is asked for the first time, which is for ever where
// that is forbidden: once it has been waited for in vain it is not again.
const syncWait = 2 * time.Second

// unsynced tells why a cache does not have a workload's kind in time.
func (a *Actuator) unsynced(ctx context.Context, r Ref, err error) error {
	if _, live := a.liveWorkload(ctx, r); live != nil {
		err = errors.Join(err, live)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.late[r] = err
	return err
}

// liveWorkload is the metadata of a workload as the API server has it.
func (a *Actuator) liveWorkload(ctx context.Context, r Ref) (*metav1.PartialObjectMetadata, error) {
	m := metadata(r)
	if err := a.o.API.Get(ctx, r.NamespacedName, m); err != nil {
		return nil, err
	}
	a.keepWorkload(r, m)
	return m, nil
}

func (a *Actuator) keepWorkload(r Ref, m *metav1.PartialObjectMetadata) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.workloads[r] = m
}

// count reads a workload's scale subresource, unless it has been read since the
// workload's specification changed. exact asks for status.replicas as of now, too.
func (a *Actuator) count(ctx context.Context, r Ref, m *metav1.PartialObjectMetadata, exact bool) (scale, error) {
	a.mu.Lock()
	s, ok := a.scales[r]
	a.mu.Unlock()
	if ok && s.uid == m.UID && s.generation == m.Generation && (!exact || s.version == m.ResourceVersion) {
		return s, nil
	}
	answer := &unstructured.Unstructured{}
	if err := a.o.API.SubResource("scale").Get(ctx, object(r), answer); err != nil {
		return s, err
	}
	s, err := readScale(answer)
	if err != nil {
		return s, err
	}
	s.generation = m.Generation
	if newer(s.version, m.ResourceVersion) { // then the generation may be another
		s.generation = -1
		if exact {
			s.version = m.ResourceVersion
		}
	}
	a.keepScale(r, s)
	return s, nil
}

func (a *Actuator) keepScale(r Ref, s scale) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.scales[r] = s
}

func readScale(u *unstructured.Unstructured) (s scale, err error) {
	s.uid, s.version = u.GetUID(), u.GetResourceVersion()
	wanted, _, err := unstructured.NestedInt64(u.Object, "spec", "replicas")
	if err != nil {
		return s, fmt.Errorf("scale: %w", err)
	}
	there, _, err := unstructured.NestedInt64(u.Object, "status", "replicas")
	if err != nil {
		return s, fmt.Errorf("scale: %w", err)
	}
	selector, _, err := unstructured.NestedString(u.Object, "status", "selector")
	if err != nil {
		return s, fmt.Errorf("scale: %w", err)
	}
	s.wanted, s.there = int(wanted), int(there)
	if selector != "" {
		if s.selector, err = labels.Parse(selector); err != nil {
			return s, fmt.Errorf("scale: status.selector: %w", err)
		}
	}
	return s, nil
}

// version is the opaque version of a workload as a subject: it changes with what
// is wished for it, by whomever, and not with its status.
func version(m *metav1.PartialObjectMetadata, f *fence) string {
	return string(m.UID) + "." + strconv.FormatInt(m.Generation, 10) + "." + strconv.FormatUint(f.Seq, 10)
}

// scale carries out a ScaleGroup or ScaleService.
func (a *Actuator) scale(ctx context.Context, l lane, x *coordinator.Action) error {
	r := Ref{}
	if l.group != nil {
		r = l.group.Workload
	} else {
		r = l.service.Target
	}
	err := a.tryScale(ctx, l, r, x)
	if err != nil {
		return fmt.Errorf("kube: %v: %w", x, err)
	}
	return nil
}

func (a *Actuator) tryScale(ctx context.Context, l lane, r Ref, x *coordinator.Action) error {
	if x.Replicas < 0 {
		return fmt.Errorf("%d replicas", x.Replicas)
	}
	m, err := a.workload(ctx, r)
	told := false
	for live, try := false, 0; try < tries; try++ {
		if err == nil {
			var again bool
			if again, err = a.scaleOn(ctx, l, r, m, x, &told); !again && (err == nil || live) {
				return err
			}
		} else if live {
			return err
		}
		// What was decided on may be old: look again.
		if ctx.Err() != nil {
			return err
		}
		live = true
		if m, err = a.liveWorkload(ctx, r); err != nil {
			return err
		}
	}
	return errBusy
}

// scaleOn carries out an action on a version of the workload; again is whether to
// try on a newer one. told is whether this call has written whose wish it is.
func (a *Actuator) scaleOn(ctx context.Context, l lane, r Ref, m *metav1.PartialObjectMetadata, x *coordinator.Action, told *bool) (again bool, err error) {
	f, err := readFence(m.Annotations)
	if err != nil {
		return false, err
	}
	done, err := admit(f.Epoch, f.Generation, f.IDs, x)
	switch {
	case err != nil:
		return false, err
	case done && *told && f.Last == short(x.ID) && m.Generation != f.At:
		// Someone has changed it since this call has told whose wish it is.
		if s, err := a.count(ctx, r, m, false); err != nil || s.wanted == f.Replicas {
			return false, err
		}
		return false, fmt.Errorf("%w: another count was set meanwhile", coordinator.ErrConflict)
	case done && (f.Last != short(x.ID) || m.Generation != f.At):
		return false, nil
	case !done && x.IfVersion != "" && x.IfVersion != version(m, &f):
		return false, coordinator.ErrConflict
	}
	s, err := a.count(ctx, r, m, false)
	if err != nil {
		return false, err
	}
	n := x.Replicas
	if l.group != nil && n < s.wanted && l.group.Removal == coordinator.Free {
		if n, err = a.chooseVictims(ctx, l.group, s, n, x.Victims); err != nil {
			return false, err
		}
	}
	if !done {
		f = fence{
			Epoch: x.Epoch, Generation: x.Generation, IDs: raise(f.Epoch, f.Generation, f.IDs, x), Seq: f.Seq + 1,
			Last: short(x.ID), Replicas: n, At: m.Generation + counts(r),
		}
		if m, err = a.tell(ctx, r, m, &f); err != nil {
			return apierrors.IsConflict(err), err
		}
		*told = true
	}
	if s.wanted == f.Replicas && s.generation == m.Generation {
		return false, nil
	}
	return a.setCount(ctx, r, m, f.Replicas)
}

// counts is by how much a change of its annotations raises the generation of a
// workload: see PrepareForUpdate in k8s.io/kubernetes/pkg/registry/apps/deployment.
func counts(r Ref) int64 {
	if r.Group == "apps" && r.Kind == "Deployment" {
		return 1
	}
	return 0
}

// tell writes a fence on a version of the workload.
func (a *Actuator) tell(ctx context.Context, r Ref, m *metav1.PartialObjectMetadata, f *fence) (*metav1.PartialObjectMetadata, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": m.ResourceVersion, "uid": m.UID, "annotations": map[string]string{FenceAnnotation: string(text)},
	}})
	if err != nil {
		return nil, err
	}
	told := metadata(r)
	if err := a.o.API.Patch(ctx, told, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return nil, err
	}
	a.keepWorkload(r, told)
	return told, nil
}

// setCount patches the scale subresource on a version of the workload.
func (a *Actuator) setCount(ctx context.Context, r Ref, m *metav1.PartialObjectMetadata, n int) (again bool, err error) {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": m.ResourceVersion}, "spec": map[string]any{"replicas": n},
	})
	if err != nil {
		return false, err
	}
	answer := &unstructured.Unstructured{}
	answer.SetAPIVersion("autoscaling/v1")
	answer.SetKind("Scale")
	err = a.o.API.SubResource("scale").Patch(ctx, object(r), client.RawPatch(types.MergePatchType, patch), client.WithSubResourceBody(answer))
	if err != nil {
		return apierrors.IsConflict(err), err
	}
	s, err := readScale(answer)
	if err != nil {
		return false, err
	}
	if s.generation = m.Generation; s.version != m.ResourceVersion {
		s.generation++
	}
	after := *m
	after.ResourceVersion, after.Generation = s.version, s.generation
	a.keepWorkload(r, &after)
	a.keepScale(r, s)
	return false, nil
}

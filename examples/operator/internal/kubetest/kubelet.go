package kubetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/bellows-go/bellows/examples/operator/kube"
)

// A Kubelet makes pods of some namespaces ready, and is the server in each: it
// loads, unloads and reports as package kube asks for. It also is the controller of
// Fleets. Set fields before Start.
type Kubelet struct {
	API        client.Client
	Namespaces []string
	Boot, Load time.Duration // of a pod, of a replica

	mu       sync.Mutex
	inFlight map[string]int64 // by pod/model; 0 if not set
	fails    map[string]bool  // by model: its loads fail
	frozen   map[string]bool  // pods that stay as they are
	loading  map[string]time.Time
	done     chan struct{}
	stop     context.CancelFunc
}

// Start starts working, until Stop or the end of the Env.
func (k *Kubelet) Start(e *Env) error {
	k.API = e.API
	k.inFlight, k.fails, k.frozen, k.loading = map[string]int64{}, map[string]bool{}, map[string]bool{}, map[string]time.Time{}
	namespaces := map[string]cache.Config{}
	for _, n := range k.Namespaces {
		namespaces[n] = cache.Config{}
	}
	mgr, err := ctrl.NewManager(e.Admin, ctrl.Options{
		Scheme: Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}, Cache: cache.Options{DefaultNamespaces: namespaces},
	})
	if err != nil {
		return err
	}
	skip := true
	options := controller.Options{SkipNameValidation: &skip, MaxConcurrentReconciles: 16}
	pods := reconcile.Func(func(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
		return k.pod(ctx, mgr.GetCache(), r)
	})
	if err := ctrl.NewControllerManagedBy(mgr).Named("kubelet").For(&corev1.Pod{}).WithOptions(options).Complete(pods); err != nil {
		return err
	}
	fleet := &unstructured.Unstructured{}
	fleet.SetGroupVersionKind(FleetKind)
	fleets := reconcile.Func(func(ctx context.Context, r reconcile.Request) (reconcile.Result, error) {
		return reconcile.Result{}, k.fleet(ctx, r)
	})
	owner := handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), fleet)
	if err := ctrl.NewControllerManagedBy(mgr).Named("fleets").For(fleet).Watches(&corev1.Pod{}, owner).
		WithOptions(controller.Options{SkipNameValidation: &skip}).Complete(fleets); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.stop, k.done = cancel, make(chan struct{})
	go func() {
		defer close(k.done)
		_ = mgr.Start(ctx) // ends with Stop
	}()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kubelets = append(e.kubelets, k)
	return nil
}

// Stop stops working.
func (k *Kubelet) Stop() {
	k.stop()
	<-k.done
}

// Serve sets how many requests a model has in flight on a pod.
func (k *Kubelet) Serve(pod, model string, n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.inFlight[pod+"/"+model] = n
}

// Fail makes loads of a model fail, or not.
func (k *Kubelet) Fail(model string, fails bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fails[model] = fails
}

// Freeze makes a pod's server stay as it is, or go on.
func (k *Kubelet) Freeze(pod string, frozen bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.frozen[pod] = frozen
}

// HeldAnnotation, of a pod, makes the kubelet leave it as it is.
const HeldAnnotation = "test.bellows-go.github.io/held"

func ready(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// pod is a kubelet's and a server's turn for one pod.
func (k *Kubelet) pod(ctx context.Context, from client.Reader, r reconcile.Request) (again reconcile.Result, err error) {
	var pod corev1.Pod
	if err := from.Get(ctx, r.NamespacedName, &pod); err != nil {
		return again, client.IgnoreNotFound(err)
	}
	if pod.DeletionTimestamp != nil || pod.Annotations[HeldAnnotation] != "" {
		return again, nil
	}
	if !ready(&pod) {
		if left := k.Boot - time.Since(pod.CreationTimestamp.Time); k.Boot > time.Second && left > 0 {
			return reconcile.Result{RequeueAfter: left}, nil
		}
		now := metav1.Now()
		pod.Status.Phase, pod.Status.StartTime = corev1.PodRunning, &now
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now}}
		return again, ignoreRaces(k.API.Status().Update(ctx, &pod))
	}
	var wish kube.Placement
	var is, to kube.Report
	if text := pod.Annotations[kube.PlacementAnnotation]; text != "" {
		if err := json.Unmarshal([]byte(text), &wish); err != nil {
			return again, err
		}
	}
	if text := pod.Annotations[kube.ReportAnnotation]; text != "" {
		if err := json.Unmarshal([]byte(text), &is); err != nil {
			return again, err
		}
	}
	wait := k.serve(&pod, &wish, &is, &to)
	again.RequeueAfter = wait
	was, _ := json.Marshal(is) // of plain data: never fails
	text, _ := json.Marshal(to)
	if string(was) == string(text) || len(is.Models)+len(to.Models) == 0 {
		return again, nil
	}
	patch, _ := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID, "annotations": map[string]string{kube.ReportAnnotation: string(text)}}})
	return again, ignoreRaces(k.API.Patch(ctx, &pod, client.RawPatch(types.MergePatchType, patch)))
}

// serve is what a server holds next, and when to look again.
func (k *Kubelet) serve(pod *corev1.Pod, wish *kube.Placement, is, to *kube.Report) (wait time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.frozen[pod.Name] {
		*to = *is
		return 50 * time.Millisecond
	}
	for _, x := range wish.Models {
		at := slices.IndexFunc(is.Models, func(r kube.Reported) bool { return r.Model == x.Model && r.Version == x.Version && r.Load == x.Load })
		key := fmt.Sprintf("%s/%s/%s/%d", pod.UID, x.Model, x.Version, x.Load)
		r := kube.Reported{Model: x.Model, Version: x.Version, Load: x.Load, Phase: kube.Loaded, Since: time.Now().UTC()}
		if at >= 0 {
			r = is.Models[at]
		} else {
			if k.loading[key].IsZero() {
				k.loading[key] = time.Now()
			}
			if left := k.Load - time.Since(k.loading[key]); left > 0 {
				if wait == 0 || left < wait {
					wait = left
				}
				continue
			}
			if k.fails[x.Model] {
				r.Phase = kube.Failed
			}
		}
		if x.State == kube.Drain && r.Phase == kube.Loaded {
			n := k.inFlight[pod.Name+"/"+x.Model]
			if r.InFlight == nil || *r.InFlight != n || r.Seq != x.Seq {
				r.InFlight, r.Seq, r.At = &n, x.Seq, time.Now().UTC()
			}
			if n > 0 {
				wait = 50 * time.Millisecond
			}
		} else {
			r.InFlight, r.Seq, r.At = nil, 0, time.Time{}
		}
		to.Models = append(to.Models, r)
	}
	return wait
}

// ignoreRaces passes over what the next event repairs.
func ignoreRaces(err error) error {
	if client.IgnoreNotFound(err) == nil {
		return nil
	}
	return err
}

// fleet is the controller of Fleets: pods NAME-0 to NAME-(n-1), the highest goes
// first.
func (k *Kubelet) fleet(ctx context.Context, r reconcile.Request) error {
	f := &unstructured.Unstructured{}
	f.SetGroupVersionKind(FleetKind)
	if err := k.API.Get(ctx, r.NamespacedName, f); err != nil {
		return client.IgnoreNotFound(err)
	}
	n, _, _ := unstructured.NestedInt64(f.Object, "spec", "replicas")
	var list corev1.PodList
	labels := map[string]string{"fleet": r.Name}
	if err := k.API.List(ctx, &list, client.InNamespace(r.Namespace), client.MatchingLabels(labels)); err != nil {
		return err
	}
	have := map[string]bool{}
	for i := range list.Items {
		have[list.Items[i].Name] = true
	}
	for i := range n {
		name := fmt.Sprintf("%s-%d", r.Name, i)
		if have[name] {
			delete(have, name)
			continue
		}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: name, Labels: labels}, Spec: PodSpec()}
		controller := true
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: f.GetAPIVersion(), Kind: f.GetKind(), Name: f.GetName(), UID: f.GetUID(), Controller: &controller}}
		if err := k.API.Create(ctx, pod); client.IgnoreAlreadyExists(err) != nil {
			return err
		}
	}
	for name := range have {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: name}}
		if err := client.IgnoreNotFound(k.API.Delete(ctx, pod, client.GracePeriodSeconds(0))); err != nil {
			return err
		}
	}
	status := fmt.Sprintf(`{"status":{"replicas":%d,"selector":"fleet=%s"}}`, n, r.Name)
	return ignoreRaces(k.API.Status().Patch(ctx, f, client.RawPatch(types.MergePatchType, []byte(status))))
}

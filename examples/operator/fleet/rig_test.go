package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/fleet"
	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
	"github.com/bellows-go/bellows/examples/operator/source"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const account = "system:serviceaccount:bellows-system:bellows-operator"

// A rig is a namespace, what works in it, and a router whose load a test sets.
type rig struct {
	*testing.T
	*kubetest.Env
	ns      string
	system  string // namespace of the operator
	kubelet *kubetest.Kubelet
	user    *rest.Config // the operator's, with the rights of the manifest and no more
	router  *router
}

func newRig(t *testing.T) *rig {
	t.Helper()
	e := kubetest.Need(t)
	r := &rig{T: t, Env: e, router: newRouter(t), system: "bellows-system"}
	ctx := t.Context()
	r.must(e.Install(ctx, "", "config/rbac.yaml", "config/guard.yaml", "config/samples/further-kind.yaml"))
	var err error
	r.user, err = e.User(account, "system:serviceaccounts", "system:serviceaccounts:bellows-system", "system:authenticated")
	r.must(err)
	r.ns, err = e.Namespace(ctx, "fleet")
	r.must(err)
	r.kubelet = &kubetest.Kubelet{Namespaces: []string{r.ns}}
	r.must(r.kubelet.Start(e))
	t.Cleanup(r.kubelet.Stop)
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) eventually(limit time.Duration, what func(ctx context.Context) string) {
	r.Helper()
	kubetest.Eventually(r.T, limit, what)
}

// A router tells totals.
type router struct {
	*httptest.Server
	mu     sync.Mutex
	answer source.Answer
	silent bool
}

func newRouter(t *testing.T) *router {
	r := &router{answer: source.Answer{Models: map[string]source.Totals{}, Services: map[string]source.Totals{}}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.silent {
			http.Error(w, "silent", http.StatusServiceUnavailable)
			return
		}
		_ = json.NewEncoder(w).Encode(r.answer) // a reader that has gone asks again
	}))
	t.Cleanup(r.Close)
	return r
}

// load sets the requests in flight of models.
func (r *router) load(inFlight map[string]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := maps.Clone(r.answer.Models)
	for name, n := range inFlight {
		t := next[name]
		t.Begun = t.Ended + n
		next[name] = t
	}
	r.answer.Models = next
}

// value sets a value of a service.
func (r *router) value(service, name string, v float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := maps.Clone(r.answer.Services)
	next[service] = source.Totals{Values: map[string]float64{name: v}}
	r.answer.Services = next
}

// An operator is a replica of the operator, behind a proxy of its own.
type operator struct {
	*fleet.Operator
	proxy *kubetest.Proxy
	stop  func() // gives up its leases
	kill  func() // reaches nothing any more, then stops

	mu     sync.Mutex
	passes []fleet.Pass
	watch  func(fleet.Pass)
}

type settings struct {
	lease  time.Duration
	every  time.Duration
	save   time.Duration
	onPass func(fleet.Pass)
}

// operate starts a replica of the operator.
func (r *rig) operate(identity string, s settings) *operator {
	r.Helper()
	proxy, err := kubetest.NewProxy(r.user)
	r.must(err)
	watches := &kube.Watches{Grace: time.Second}
	config := proxy.Config()
	config.Wrap(watches.Wrap)
	if s.lease == 0 {
		s.lease = 5 * time.Second
	}
	if s.every == 0 {
		s.every = 100 * time.Millisecond
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: kubetest.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}, Cache: fleet.CacheOptions(r.system, r.ns),
	})
	r.must(err)
	o := &operator{proxy: proxy, watch: s.onPass}
	o.Operator, err = fleet.Add(mgr, fleet.Options{
		Identity: r.ns + "-" + identity, Namespace: r.system, Watches: watches, Interval: s.every, LeaseDuration: s.lease, SaveEvery: s.save, Timeout: 3 * time.Second,
		Source: func(string) coordinator.MetricSource { return &source.HTTP{URLs: []string{r.router.URL}} },
		OnPass: o.pass,
	})
	r.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := mgr.Start(ctx); err != nil {
			r.Log("manager:", err)
		}
	}()
	o.stop = sync.OnceFunc(func() {
		cancel()
		<-done
		proxy.Close()
	})
	o.kill = func() {
		proxy.Cut(func(string) bool { return true })
		o.stop()
	}
	r.Cleanup(o.stop)
	return o
}

func (o *operator) pass(p fleet.Pass) {
	p.Plan = p.Plan.Clone()
	o.mu.Lock()
	o.passes = append(o.passes, p)
	watch := o.watch
	o.mu.Unlock()
	if watch != nil {
		watch(p)
	}
}

// since returns the passes made since a number of them.
func (o *operator) since(n int) []fleet.Pass {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.passes[min(n, len(o.passes)):]
}

func amountOf(n string) map[string]resource.Quantity {
	return map[string]resource.Quantity{"memory": resource.MustParse(n)}
}

func number(n int32) *int32 { return &n }

// quick consolidates as soon as it can.
var quick = &v1alpha1.Consolidation{Settle: metav1.Duration{Duration: time.Millisecond}, Quiet: metav1.Duration{Duration: time.Hour}}

// servers makes a StatefulSet and a group of it, of one name, that has low to high
// servers of 80 GiB, and low now.
func (r *rig) servers(name string, low, high int32) kube.Ref {
	r.Helper()
	w, err := r.StatefulSet(r.Context(), r.ns, name, low)
	r.must(err)
	r.group(name, w, low, high, "80Gi")
	return w
}

func (r *rig) group(name string, w kube.Ref, low, high int32, capacity string) *v1alpha1.ServerGroup {
	r.Helper()
	g := &v1alpha1.ServerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: name}}
	v, k := w.ToAPIVersionAndKind()
	g.Spec = v1alpha1.ServerGroupSpec{
		Workload: v1alpha1.ObjectRef{APIVersion: v, Kind: k, Name: w.NamespacedName.Name}, Capacity: amountOf(capacity),
		MinServers: &low, MaxServers: &high, Consolidation: quick,
	}
	if k == kubetest.FleetKind.Kind {
		g.Spec.Removal = "Ordinal"
	}
	r.must(r.API.Create(r.Context(), g))
	return g
}

// tracked is a policy that wants a replica for each n requests in flight.
func tracked(n int) *v1alpha1.PolicySpec {
	return &v1alpha1.PolicySpec{Kind: "track", Spec: &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"signal":{"name":"in_flight"},"value":%d,"tolerance":0.1}`, n)}}
}

func (r *rig) model(name, group, needs string, low, high int32) *v1alpha1.Model {
	r.Helper()
	m := r.modelObject(name, group, needs, low, high)
	r.must(r.API.Create(r.Context(), m))
	return m
}

// change writes a change of an object that an operator writes to as well.
func (r *rig) change(x client.Object, do func()) {
	r.Helper()
	before := x.DeepCopyObject().(client.Object)
	do()
	r.must(r.API.Patch(r.Context(), x, client.MergeFrom(before)))
}

func (r *rig) modelObject(name, group, needs string, low, high int32) *v1alpha1.Model {
	return &v1alpha1.Model{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: name},
		Spec:       v1alpha1.ModelSpec{Group: group, Needs: amountOf(needs), MinReplicas: &low, MaxReplicas: &high, Policy: tracked(4)},
	}
}

// serving is how many ready pods are routed to for a model, as routers see it.
func (r *rig) serving(ctx context.Context, model string) int {
	var list corev1.PodList
	r.must(r.API.List(ctx, &list, client.InNamespace(r.ns), client.MatchingLabels{kube.RouteLabel(model): "true"}))
	return len(list.Items)
}

// is says what differs from what is wanted: how many pods serve each model, and how
// many replicas each workload has; "" if nothing does.
func (r *rig) is(ctx context.Context, models map[string]int, workloads map[kube.Ref]int) string {
	var b strings.Builder
	for name, want := range models {
		if n := r.serving(ctx, name); n != want {
			fmt.Fprintf(&b, "%s: %d serve, not %d\n", name, n, want)
		}
	}
	for w, want := range workloads {
		if n := r.replicas(ctx, w); n != want {
			fmt.Fprintf(&b, "%s %s: %d replicas, not %d\n", w.Kind, w.NamespacedName.Name, n, want)
		}
	}
	if b.Len() > 0 {
		b.WriteString(r.tell(ctx))
	}
	return b.String()
}

// tell renders the placements of all pods.
func (r *rig) tell(ctx context.Context) string {
	var list corev1.PodList
	if err := r.API.List(ctx, &list, client.InNamespace(r.ns)); err != nil {
		return err.Error()
	}
	var b strings.Builder
	for i := range list.Items {
		pod := &list.Items[i]
		fmt.Fprintf(&b, "  %s %s placed %s reported %s\n", pod.Name, pod.Status.Phase, pod.Annotations[kube.PlacementAnnotation], pod.Annotations[kube.ReportAnnotation])
	}
	var models v1alpha1.ModelList
	if err := r.API.List(ctx, &models, client.InNamespace(r.ns)); err == nil {
		for i := range min(len(models.Items), 10) {
			fmt.Fprintf(&b, "  model %s: %+v\n", models.Items[i].Name, models.Items[i].Status)
		}
	}
	return b.String()
}

func (r *rig) replicas(ctx context.Context, w kube.Ref) int {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(w.GroupVersionKind)
	n, err := replicas(ctx, r.API, w)
	r.must(err)
	return n
}

// has reports whether a condition of an object has a status, of its present
// generation.
func has(list []metav1.Condition, kind string, status metav1.ConditionStatus, generation int64) bool {
	c := meta.FindStatusCondition(list, kind)
	return c != nil && c.Status == status && c.ObservedGeneration == generation
}

func (r *rig) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: r.ns, Name: name}
}

package fleet_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// The API server refuses what cannot be meant, and says why.
func TestValidation(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	model := func(change func(*v1alpha1.ModelSpec)) client.Object {
		m := r.modelObject("m", "g", "1Gi", 1, 2)
		change(&m.Spec)
		return m
	}
	group := func(change func(*v1alpha1.ServerGroupSpec)) client.Object {
		g := &v1alpha1.ServerGroup{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "g"}}
		g.Spec = v1alpha1.ServerGroupSpec{Workload: v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "g"}, MaxServers: number(2)}
		change(&g.Spec)
		return g
	}
	service := func(change func(*v1alpha1.ScaledServiceSpec)) client.Object {
		s := &v1alpha1.ScaledService{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "s"}}
		s.Spec = v1alpha1.ScaledServiceSpec{Target: v1alpha1.ObjectRef{APIVersion: "apps/v1", Kind: "Deployment", Name: "s"}, MaxReplicas: number(2), Policy: tracked(4)}
		change(&s.Spec)
		return s
	}
	long := model(func(*v1alpha1.ModelSpec) {})
	long.SetName(strings.Repeat("m", 64))
	for _, x := range []struct {
		object client.Object
		says   string // "" is accepted
	}{
		{model(func(s *v1alpha1.ModelSpec) {}), ""},
		{model(func(s *v1alpha1.ModelSpec) { s.MinReplicas = number(3) }), "minReplicas is more than maxReplicas"},
		{model(func(s *v1alpha1.ModelSpec) { s.MaxReplicas, s.MinReplicas = nil, nil }), "a policy needs maxReplicas"},
		{model(func(s *v1alpha1.ModelSpec) { s.Replicas = number(1) }), "either replicas, or one of policy and policyFrom"},
		{model(func(s *v1alpha1.ModelSpec) { s.Policy = nil }), "either replicas, or one of policy and policyFrom"},
		{model(func(s *v1alpha1.ModelSpec) { s.Policy, s.Replicas = nil, number(1) }), "a fixed count has no bounds"},
		{model(func(s *v1alpha1.ModelSpec) { s.PolicyFrom = &v1alpha1.PolicyFrom{HorizontalPodAutoscaler: "h"} }), "exclude each other"},
		{model(func(s *v1alpha1.ModelSpec) { s.Fallbacks = []string{"g"} }), "no fallback of itself"},
		{model(func(s *v1alpha1.ModelSpec) { s.Group = "" }), "spec.group"},
		{long, "at most 63 characters"},
		{group(func(s *v1alpha1.ServerGroupSpec) {}), ""},
		{group(func(s *v1alpha1.ServerGroupSpec) { s.MinServers = number(3) }), "minServers is more than maxServers"},
		{group(func(s *v1alpha1.ServerGroupSpec) { s.MaxServers = nil }), "either replicas or maxServers"},
		{group(func(s *v1alpha1.ServerGroupSpec) { s.Removal = "Free" }), "removes its highest ordinals"},
		{group(func(s *v1alpha1.ServerGroupSpec) { s.Removal = "Any" }), "spec.removal"},
		{service(func(s *v1alpha1.ScaledServiceSpec) {}), ""},
		{service(func(s *v1alpha1.ScaledServiceSpec) { s.Policy = nil }), "one of policy and policyFrom"},
		{service(func(s *v1alpha1.ScaledServiceSpec) { s.MaxReplicas = nil }), "a policy needs maxReplicas"},
	} {
		err := r.API.Create(ctx, x.object, client.DryRunAll)
		if x.says == "" && err != nil || x.says != "" && (!apierrors.IsInvalid(err) || !strings.Contains(err.Error(), x.says)) {
			t.Errorf("%T: the error should say %q: %v", x.object, x.says, err)
		}
	}
	g := group(func(*v1alpha1.ServerGroupSpec) {}).(*v1alpha1.ServerGroup)
	r.must(r.API.Create(ctx, g))
	g.Spec.Workload.Name = "another"
	if err := r.API.Update(ctx, g); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "keeps its workload") {
		t.Errorf("another workload: %v", err)
	}
}

// A model with a fixed count is scaled by its scale subresource; a deleted one is
// unloaded before it goes; a declaration with a fault leaves the one before in
// force and says what is wrong, of which generation.
func TestModel(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	gpu := r.servers("gpu", 1, 4)
	whisper := &v1alpha1.Model{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "whisper"}, Spec: v1alpha1.ModelSpec{Group: "gpu", Needs: amountOf("20Gi"), Replicas: number(1)}}
	r.must(r.API.Create(ctx, whisper))
	stray := &v1alpha1.Model{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "stray"}, Spec: v1alpha1.ModelSpec{Group: "none", Replicas: number(1)}}
	r.must(r.API.Create(ctx, stray))
	llama := r.model("llama", "gpu", "60Gi", 1, 3)
	r.router.load(map[string]uint64{"llama": 4, "whisper": 0})
	r.operate("a", settings{})
	r.eventually(time.Minute, func(ctx context.Context) string { return r.is(ctx, map[string]int{"whisper": 1, "llama": 1}, nil) })

	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 2}}
	r.must(r.API.SubResource("scale").Update(ctx, whisper, client.WithSubResourceBody(scale)))
	r.eventually(time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"whisper": 2}, map[kube.Ref]int{gpu: 2})
	})
	scale = &autoscalingv1.Scale{}
	r.must(r.API.SubResource("scale").Get(ctx, whisper, scale))
	if want := kube.RouteLabel("whisper") + "=true"; scale.Status.Selector != want {
		t.Errorf("the scale selects %q, not %q", scale.Status.Selector, want)
	}

	// A fault.
	r.change(llama, func() {
		llama.Spec.Policy.Spec.Raw = []byte(`{"signal":{"name":"in_flight"},"value":-1}`)
		llama.Spec.MaxReplicas = number(1)
	})
	r.eventually(time.Minute, func(ctx context.Context) string {
		r.must(r.API.Get(ctx, r.key("llama"), llama))
		c := meta.FindStatusCondition(llama.Status.Conditions, v1alpha1.ConditionAccepted)
		if c == nil || c.Status != "False" || c.ObservedGeneration != llama.Generation || !strings.Contains(c.Message, "Value") {
			return fmt.Sprintf("the fault is not told: %+v", c)
		}
		return ""
	})
	r.router.load(map[string]uint64{"llama": 8})
	r.eventually(time.Minute, func(ctx context.Context) string { return r.is(ctx, map[string]int{"llama": 2}, nil) })

	r.eventually(time.Minute, func(ctx context.Context) string {
		r.must(r.API.Get(ctx, r.key("stray"), stray))
		if !has(stray.Status.Conditions, v1alpha1.ConditionAccepted, "False", stray.Generation) {
			return fmt.Sprintf("the stray is not told of: %+v", stray.Status)
		}
		return ""
	})

	// Deleted.
	r.must(r.API.Delete(ctx, llama))
	r.eventually(2*time.Minute, func(ctx context.Context) string {
		if err := r.API.Get(ctx, r.key("llama"), llama); !apierrors.IsNotFound(err) {
			return fmt.Sprintf("it is still there: %v", err)
		}
		return r.is(ctx, map[string]int{"llama": 0, "whisper": 2}, nil)
	})
	var list corev1.PodList
	r.must(r.API.List(ctx, &list, client.InNamespace(r.ns)))
	for i := range list.Items {
		if text := list.Items[i].Annotations[kube.ReportAnnotation]; strings.Contains(text, "llama") {
			t.Errorf("%s still holds the model that is gone: %s", list.Items[i].Name, text)
		}
	}
	r.told("ScaledUp", "ServersAdded", "TookOver")
}

// told waits until events with these reasons are there.
func (r *rig) told(reasons ...string) {
	r.Helper()
	r.eventually(time.Minute, func(ctx context.Context) string {
		var list eventsv1.EventList
		r.must(r.API.List(ctx, &list, client.InNamespace(r.ns)))
		have := map[string]bool{}
		for i := range list.Items {
			have[list.Items[i].Reason] = true
		}
		for _, want := range reasons {
			if !have[want] {
				return fmt.Sprintf("no event has the reason %s: %v", want, have)
			}
		}
		return ""
	})
}

// A HorizontalPodAutoscaler that there is becomes the policy of a service, once it
// does not scale the same object any more. Any kind with a scale subresource is
// a service.
func TestAdopted(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	gateway, err := r.Deployment(ctx, r.ns, "gateway", 1)
	r.must(err)
	engine, err := r.Fleet(ctx, r.ns, "engine", 1)
	r.must(err)
	ten := resource.MustParse("10")
	quickly := int32(0)
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "gateway"}}
	hpa.Spec = autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "gateway"},
		MinReplicas:    number(1), MaxReplicas: 5,
		Behavior: &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleDown: &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: &quickly}},
		Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
			Metric: autoscalingv2.MetricIdentifier{Name: "depth"}, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: &ten},
		}}},
	}
	r.must(r.API.Create(ctx, hpa))
	from := &v1alpha1.PolicyFrom{HorizontalPodAutoscaler: "gateway"}
	for name, w := range map[string]kube.Ref{"gateway": gateway, "engine": engine} {
		v, k := w.ToAPIVersionAndKind()
		r.must(r.API.Create(ctx, &v1alpha1.ScaledService{
			ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: name},
			Spec:       v1alpha1.ScaledServiceSpec{Target: v1alpha1.ObjectRef{APIVersion: v, Kind: k, Name: name}, PolicyFrom: from},
		}))
		r.router.value(name, "depth", 30)
	}
	o := r.operate("a", settings{})
	// The engine follows; the gateway has two masters and is left to the first.
	r.eventually(time.Minute, func(ctx context.Context) string { return r.is(ctx, nil, map[kube.Ref]int{engine: 3}) })
	r.eventually(time.Minute, func(ctx context.Context) string {
		var s v1alpha1.ScaledService
		r.must(r.API.Get(ctx, r.key("gateway"), &s))
		if c := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionAccepted); c == nil || c.Status != "False" || !strings.Contains(c.Message, "scales Deployment") {
			return fmt.Sprintf("%+v", s.Status)
		}
		return r.is(ctx, nil, map[kube.Ref]int{gateway: 1})
	})
	hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "bellows-go.github.io/v1alpha1", Kind: "ScaledService", Name: "gateway"}
	r.must(r.API.Update(ctx, hpa))
	r.eventually(time.Minute, func(ctx context.Context) string {
		return r.is(ctx, nil, map[kube.Ref]int{gateway: 3, engine: 3})
	})
	// Its edits are followed; the policy's Period is 15 s.
	r.must(r.API.Get(ctx, r.key("gateway"), hpa))
	hpa.Spec.MaxReplicas = 2
	r.must(r.API.Update(ctx, hpa))
	r.eventually(time.Minute, func(ctx context.Context) string {
		return r.is(ctx, nil, map[kube.Ref]int{gateway: 2, engine: 2})
	})
	if n := o.proxy.Counts()["PATCH deployments/scale"]; n == 0 {
		t.Error("the count did not go through the subresource scale")
	}
	r.told("ScaledUp", "ScaledDown")
}

// A HorizontalPodAutoscaler on cpu: usage comes from the metrics API.
func TestAdoptedCPU(t *testing.T) {
	r := newRig(t)
	web, err := r.Deployment(t.Context(), r.ns, "web", 2)
	r.must(err)
	r.adoptCPU(web)
	o := r.operate("a", settings{})
	r.serveUsage(o)
	r.eventually(2*time.Minute, func(ctx context.Context) string { return r.is(ctx, nil, map[kube.Ref]int{web: 4}) })
}

// adoptCPU makes a service of a Deployment named web, by a HorizontalPodAutoscaler
// that keeps the use of cpu at half of what is requested.
func (r *rig) adoptCPU(web kube.Ref) {
	r.Helper()
	half := int32(50)
	hpa := &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "web"}}
	hpa.Spec = autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "bellows-go.github.io/v1alpha1", Kind: "ScaledService", Name: "web"},
		MaxReplicas:    9,
		Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &half},
		}}},
	}
	r.must(r.API.Create(r.Context(), hpa))
	v, k := web.ToAPIVersionAndKind()
	r.must(r.API.Create(r.Context(), &v1alpha1.ScaledService{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "web"},
		Spec: v1alpha1.ScaledServiceSpec{
			Target: v1alpha1.ObjectRef{APIVersion: v, Kind: k, Name: "web"}, PolicyFrom: &v1alpha1.PolicyFrom{HorizontalPodAutoscaler: "web"},
		},
	}))
}

// serveUsage makes the metrics API of an operator: 100 millicores are requested and
// used by each pod.
func (r *rig) serveUsage(o *operator) {
	o.proxy.Serve("/apis/metrics.k8s.io/", http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		selector, err := labels.Parse(q.URL.Query().Get("labelSelector"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var list corev1.PodList
		if err := r.API.List(q.Context(), &list, client.InNamespace(r.ns), client.MatchingLabelsSelector{Selector: selector}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		var items []any
		for i := range list.Items {
			items = append(items, map[string]any{
				"metadata": map[string]any{"name": list.Items[i].Name}, "timestamp": time.Now().Add(2 * time.Second), "window": "1ms",
				"containers": []any{map[string]any{"name": "server", "usage": map[string]any{"cpu": "100m"}}},
			})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"items": items})
	}))
}

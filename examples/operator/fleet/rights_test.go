package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// The operator's account may do what it needs, and no more.
func TestRights(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	_, err := r.StatefulSet(ctx, r.ns, "gpu", 1)
	r.must(err)
	api, err := client.New(r.user, client.Options{Scheme: kubetest.Scheme()})
	r.must(err)
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "gpu"}}
	patch := func(text string) error {
		return api.Patch(ctx, set, client.RawPatch(types.MergePatchType, []byte(text)))
	}
	r.must(patch(`{"metadata":{"annotations":{"bellows-go.github.io/fence":"{}"}}}`))
	n := 1
	r.eventually(time.Minute, func(context.Context) string { // until the policy is in force
		n++ // what changes nothing is allowed
		if err := patch(fmt.Sprintf(`{"spec":{"replicas":%d}}`, n)); err == nil || !strings.Contains(err.Error(), "changes no specification") {
			return fmt.Sprintf("it can change a specification: %v", err)
		}
		return ""
	})
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "s"}}
	foreign := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "c"}}
	for what, err := range map[string]error{
		"read secrets":                      api.Get(ctx, client.ObjectKeyFromObject(secret), secret),
		"write ConfigMaps elsewhere":        api.Create(ctx, foreign),
		"delete pods":                       api.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "gpu-0"}}),
		"make workloads":                    api.Create(ctx, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "d"}}),
		"make models":                       api.Create(ctx, r.modelObject("m", "g", "1Gi", 1, 1)),
		"change HorizontalPodAutoscalers":   api.Delete(ctx, &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Namespace: r.ns, Name: "h"}}),
		"change the status of StatefulSets": api.Status().Patch(ctx, set.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{}`))),
	} {
		if !apierrors.IsForbidden(err) {
			t.Errorf("it can %s: %v", what, err)
		}
	}
}

// granted are the rights that a manifest's roles give.
func granted(t *testing.T, file string) map[kubetest.Right]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(kubetest.Root(), file))
	if err != nil {
		t.Fatal(err)
	}
	rights := map[kubetest.Right]bool{}
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var role rbacv1.Role // or of the whole cluster
		if err := decoder.Decode(&role); errors.Is(err, io.EOF) {
			return rights
		} else if err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						rights[kubetest.Right{Verb: verb, Group: group, Resource: resource}] = true
					}
				}
			}
		}
	}
}

// The roles of the manifest give no right that the operator does not take in an
// ordinary life.
func TestNoRightTooMany(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	gpu, err := r.StatefulSet(ctx, r.ns, "gpu", 1)
	r.must(err)
	web, err := r.Deployment(ctx, r.ns, "web", 2)
	r.must(err)
	group := r.group("gpu", gpu, 1, 3, "80Gi")
	model := r.model("llama", "gpu", "60Gi", 1, 3)
	r.adoptCPU(web)
	r.router.load(map[string]uint64{"llama": 4})
	o := r.operate("a", settings{})
	r.serveUsage(o)
	var written sync.Map // kinds: the first write of each conflicts, so that its object is read again
	o.proxy.SetFault(func(req *http.Request) kubetest.Fault {
		what := kubetest.Resource(req.URL.Path)
		if req.Method != http.MethodPatch || what != "pods" && what != "statefulsets" && what != "deployments" {
			return kubetest.None
		}
		if _, before := written.LoadOrStore(what, true); before {
			return kubetest.None
		}
		return kubetest.Conflict
	})
	r.eventually(2*time.Minute, func(ctx context.Context) string { return r.is(ctx, nil, map[kube.Ref]int{web: 4}) })
	for _, n := range []int{2, 1} {
		r.router.load(map[string]uint64{"llama": 4 * uint64(n)})
		r.eventually(time.Minute, func(ctx context.Context) string {
			return r.is(ctx, map[string]int{"llama": n}, map[kube.Ref]int{gpu: n})
		})
	}
	r.must(r.API.Delete(ctx, model))
	r.eventually(time.Minute, func(ctx context.Context) string {
		if err := r.API.Get(ctx, client.ObjectKeyFromObject(model), model); !apierrors.IsNotFound(err) {
			return fmt.Sprintf("the model is still there: %v", err)
		}
		return ""
	})
	r.must(r.API.Delete(ctx, group))
	r.eventually(time.Minute, func(ctx context.Context) string {
		memory := &corev1.ConfigMap{}
		if err := r.API.Get(ctx, types.NamespacedName{Namespace: r.system, Name: "group." + r.ns + ".gpu"}, memory); !apierrors.IsNotFound(err) {
			return fmt.Sprintf("its memory is still there: %v", err)
		}
		lease := &coordinationv1.Lease{}
		if err := r.API.Get(ctx, types.NamespacedName{Namespace: r.system, Name: "group." + r.ns + ".gpu"}, lease); !apierrors.IsNotFound(err) {
			return fmt.Sprintf("its lease is still there: %v", err)
		}
		return ""
	})
	o.stop()
	took := o.proxy.Rights()
	// Two events of one version of their object are one that is patched.
	took[kubetest.Right{Verb: "patch", Group: "events.k8s.io", Resource: "events"}] = true
	given := granted(t, "config/rbac.yaml")
	if len(given) < 20 {
		t.Fatalf("the manifest gives %v", given)
	}
	for right := range given {
		if !took[right] {
			t.Errorf("nobody needs to %s %s of %q", right.Verb, right.Resource, right.Group)
		}
	}
	further := granted(t, "config/samples/further-kind.yaml")
	for right := range took { // what is not given is refused by the API server: these are open to all
		if !given[right] && !further[right] && right.Resource != "discovery" {
			t.Errorf("it asks to %s %s of %q", right.Verb, right.Resource, right.Group)
		}
	}
}

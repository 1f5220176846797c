package fleet_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/examples/operator/fleet"
	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// A model that is declared for another group serves there before it leaves the one it
// was on, and leaves nothing behind, whoever leads the two. What stays on either is
// not touched.
func TestMoves(t *testing.T) {
	r := newRig(t)
	var refs []kube.Ref
	for _, name := range []string{"new", "old"} {
		refs = append(refs, r.servers(name, 1, 3))
		r.model("stays-on-"+name, name, "20Gi", 1, 1)
	}
	m := r.model("llama", "old", "60Gi", 1, 3)
	r.router.load(map[string]uint64{"llama": 8, "stays-on-old": 1, "stays-on-new": 1})
	a, b := r.operate("a", settings{}), r.operate("b", settings{})
	least := 2
	var mu sync.Mutex
	watch := func(req *http.Request) kubetest.Fault {
		if req.Method == http.MethodPatch && kubetest.Resource(req.URL.Path) == "pods" {
			n := r.serving(context.Background(), "llama")
			mu.Lock()
			defer mu.Unlock()
			least = min(least, n)
		}
		return kubetest.None
	}
	on := func(ctx context.Context, group string) (holding, serving int) {
		var list corev1.PodList
		r.must(r.API.List(ctx, &list, client.InNamespace(r.ns), client.MatchingLabels{"app": group}))
		for i := range list.Items {
			pod := &list.Items[i]
			if strings.Contains(pod.Annotations[kube.PlacementAnnotation]+pod.Annotations[kube.ReportAnnotation], `"llama"`) {
				holding++
			}
			if pod.Labels[kube.RouteLabel("llama")] != "" {
				serving++
			}
		}
		return holding, serving
	}
	lives := func(there, not string) func(context.Context) string {
		return func(ctx context.Context) string {
			_, n := on(ctx, there)
			if held, _ := on(ctx, not); n != 2 || held != 0 {
				return fmt.Sprintf("%d serve on %s, and %d are on %s\n%s", n, there, held, not, r.tell(ctx))
			}
			units := map[string]string{}
			for _, o := range []*operator{a, b} {
				for unit := range o.Leads() {
					units[unit] = o.Identity
				}
			}
			for _, name := range []string{"new", "old"} { // each by itself again
				unit := r.ns + "/group." + name
				if owner := fleet.Owner([]string{a.Identity, b.Identity}, unit); units[unit] != owner {
					return fmt.Sprintf("%s is led by %q, not by %q", unit, units[unit], owner)
				}
			}
			return r.is(ctx, map[string]int{"stays-on-old": 1, "stays-on-new": 1}, nil)
		}
	}
	r.eventually(time.Minute, lives("old", "new"))
	a.proxy.SetFault(watch)
	b.proxy.SetFault(watch)
	r.change(m, func() { m.Spec.Group = "new" })
	r.eventually(2*time.Minute, lives("new", "old"))
	r.eventually(time.Minute, func(ctx context.Context) string { // what was added for it goes
		return r.is(ctx, nil, map[kube.Ref]int{refs[1]: 1})
	})
	if mu.Lock(); least < 2 {
		t.Errorf("only %d served it for a while", least)
	}
	mu.Unlock()
}

// A workload that comes after its group knows the epoch before anything is done
// there.
func TestLateWorkload(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	late := kube.Ref{NamespacedName: r.key("gpu")}
	late.GroupVersionKind = kubetest.StatefulSetKind
	r.group("gpu", late, 1, 3, "80Gi")
	r.model("llama", "gpu", "60Gi", 1, 3)
	r.router.load(map[string]uint64{"llama": 1})
	o := r.operate("a", settings{})
	r.eventually(time.Minute, func(context.Context) string {
		if len(o.since(0)) < 3 {
			return "no passes"
		}
		return ""
	})
	var first string
	var mu sync.Mutex
	o.proxy.SetFault(func(req *http.Request) kubetest.Fault {
		if mu.Lock(); first == "" && req.Method == http.MethodPatch && strings.HasSuffix(req.URL.Path, "/statefulsets/gpu") {
			first = string(replay(req))
		}
		mu.Unlock()
		return kubetest.None
	})
	_, err := r.StatefulSet(ctx, r.ns, "gpu", 1)
	r.must(err)
	r.eventually(time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"llama": 1}, map[kube.Ref]int{late: 1})
	})
	epoch := o.Leads()[r.ns+"/group.gpu"]
	mu.Lock()
	defer mu.Unlock()
	if want := fmt.Sprintf(`\"epoch\":%d,\"generation\":0`, epoch); epoch == 0 || !strings.Contains(first, want) {
		t.Errorf("the first that it is told is not the epoch %d: %s", epoch, first)
	}
}

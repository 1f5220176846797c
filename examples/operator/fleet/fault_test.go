package fleet_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// One in five of an operator's calls fails: refused, done without an answer, done
// and late, or in conflict. Load rises and falls all the same, no server goes that holds
// something, and no model that has load loses its last replica.
func TestFaults(t *testing.T) {
	r := newRig(t)
	gpu := r.servers("gpu", 1, 6)
	r.model("llama", "gpu", "60Gi", 1, 3)
	r.model("whisper", "gpu", "40Gi", 1, 3)
	r.router.load(map[string]uint64{"llama": 1, "whisper": 1})
	o := r.operate("a", settings{lease: 20 * time.Second})
	wave := func(llama, whisper int, load map[string]uint64) {
		t.Helper()
		r.router.load(load)
		r.eventually(3*time.Minute, func(ctx context.Context) string {
			return r.is(ctx, map[string]int{"llama": llama, "whisper": whisper}, nil)
		})
	}
	wave(1, 1, nil)

	random := rand.New(rand.NewPCG(1, 2))
	j := &judge{r: r}
	injected, least := map[kubetest.Fault]int{}, 9
	var mu sync.Mutex
	o.proxy.SetFault(func(req *http.Request) kubetest.Fault {
		j.sees(req)
		mu.Lock()
		defer mu.Unlock()
		if req.Method == http.MethodPatch {
			least = min(least, r.serving(context.Background(), "llama"), r.serving(context.Background(), "whisper"))
		}
		if random.IntN(5) > 0 {
			return kubetest.None
		}
		f := []kubetest.Fault{kubetest.Refused, kubetest.Refused, kubetest.Lost, kubetest.Lost, kubetest.Conflict, kubetest.Conflict, kubetest.TimedOut}[random.IntN(7)]
		injected[f]++
		return f
	})
	kinds := []kubetest.Fault{kubetest.Refused, kubetest.Lost, kubetest.TimedOut, kubetest.Conflict}
	enough := func() bool { // of each kind
		mu.Lock()
		defer mu.Unlock()
		return !slices.ContainsFunc(kinds, func(f kubetest.Fault) bool { return injected[f] < 3 })
	}
	for waves := 0; waves < 2 || waves < 20 && !enough(); waves++ {
		wave(3, 2, map[string]uint64{"llama": 12, "whisper": 8})
		wave(1, 1, map[string]uint64{"llama": 4, "whisper": 4})
	}
	o.proxy.SetFault(j.sees)
	r.eventually(2*time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"llama": 1, "whisper": 1}, map[kube.Ref]int{gpu: 2})
	})
	if n := j.verdict(t); n == 0 {
		t.Error("no count fell")
	}
	mu.Lock()
	defer mu.Unlock()
	for _, f := range kinds {
		if injected[f] < 3 {
			t.Errorf("%d faults of kind %d were injected", injected[f], f)
		}
	}
	if least < 1 {
		t.Error("a model with load was served by nobody for a while")
	}
	t.Logf("injected: %d refused, %d lost, %d late, %d conflicts", injected[kubetest.Refused], injected[kubetest.Lost], injected[kubetest.TimedOut], injected[kubetest.Conflict])
}

// A router that is silent, or an API that cannot be watched, takes nothing away.
func TestSilence(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	gpu := r.servers("gpu", 1, 4)
	r.model("llama", "gpu", "60Gi", 1, 4)
	r.router.load(map[string]uint64{"llama": 12})
	o := r.operate("a", settings{})
	up := func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"llama": 3}, map[kube.Ref]int{gpu: 3})
	}
	r.eventually(time.Minute, up)
	r.idle(o)
	for _, x := range []struct {
		name, condition string // condition tells of it
		silence         func() (end func())
	}{
		{"router", v1alpha1.ConditionMeasured, r.router.hush},
		{"watches of pods", v1alpha1.ConditionObserved, func() func() {
			return o.proxy.Cut(func(path string) bool { return kubetest.Resource(path) == "pods" })
		}},
	} {
		n := len(o.since(0))
		end := x.silence()
		r.router.load(map[string]uint64{"llama": 1}) // which cannot be read, or must not be acted on
		r.eventually(time.Minute, func(context.Context) string {
			if len(o.since(n)) < 30 {
				return "30 passes take longer"
			}
			return ""
		})
		for _, p := range o.since(n + 1) {
			if len(p.Plan.Now) > 0 && x.condition == v1alpha1.ConditionMeasured {
				t.Errorf("while the %s is silent: %v", x.name, p.Plan.Now)
			}
		}
		if what := up(ctx); what != "" {
			t.Errorf("while the %s is silent: %s", x.name, what)
		}
		status := func(want metav1.ConditionStatus) func(context.Context) string {
			return func(ctx context.Context) string {
				var g v1alpha1.ServerGroup
				r.must(r.API.Get(ctx, r.key("gpu"), &g))
				if !has(g.Status.Conditions, x.condition, want, g.Generation) {
					return fmt.Sprintf("%s is not %s: %+v", x.condition, want, g.Status.Conditions)
				}
				return ""
			}
		}
		r.eventually(time.Minute, status(metav1.ConditionFalse))
		r.router.load(map[string]uint64{"llama": 12})
		end()
		r.eventually(time.Minute, status(metav1.ConditionTrue))
		r.eventually(time.Minute, up)
		r.idle(o)
	}
	r.told("NotMeasured", "Unseen")
}

// Workloads of a kind that the operator has no right to see are held, with the reason,
// and keep nobody else waiting.
func TestForbiddenKind(t *testing.T) {
	r := newRig(t)
	gpu := r.servers("gpu", 1, 4)
	r.model("llama", "gpu", "60Gi", 1, 4)
	for i := range 6 { // more than are planned at once
		name := fmt.Sprintf("forbidden-%d", i)
		kind := schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}
		r.group(name, kube.Ref{GroupVersionKind: kind, NamespacedName: r.key(name)}, 1, 4, "80Gi")
	}
	r.operate("a", settings{})
	for _, n := range []int{1, 3, 1} {
		r.router.load(map[string]uint64{"llama": 4 * uint64(n)})
		r.eventually(2*time.Minute, func(ctx context.Context) string {
			return r.is(ctx, map[string]int{"llama": n}, map[kube.Ref]int{gpu: n})
		})
	}
	r.eventually(time.Minute, func(ctx context.Context) string {
		var g v1alpha1.ServerGroup
		r.must(r.API.Get(ctx, r.key("forbidden-5"), &g))
		c := meta.FindStatusCondition(g.Status.Conditions, v1alpha1.ConditionObserved)
		if c == nil || c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, "forbidden") {
			return fmt.Sprintf("%+v", g.Status.Conditions)
		}
		return ""
	})
}

// hush makes the router answer nobody until end is called.
func (r *router) hush() (end func()) {
	set := func(silent bool) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.silent = silent
	}
	set(true)
	return func() { set(false) }
}

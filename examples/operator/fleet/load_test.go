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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// replicas is a workload's spec.replicas, as the API server has it.
func replicas(ctx context.Context, api client.Reader, w kube.Ref) (int, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(w.GroupVersionKind)
	if err := api.Get(ctx, w.NamespacedName, u); err != nil {
		return 0, err
	}
	n, _, err := unstructured.NestedInt64(u.Object, "spec", "replicas")
	return int(n), err
}

// A judge looks at every write of an operator before it is made, and notes what
// must not be: a server that is removed while it holds something.
type judge struct {
	r      *rig
	mu     sync.Mutex
	faults []string
	shrunk int // writes of a lower count
	writes []string
}

// sees is a fault function of a proxy that lets everything pass.
func (j *judge) sees(req *http.Request) kubetest.Fault {
	if req.Method != http.MethodPatch {
		return kubetest.None
	}
	ctx := context.Background()
	what := kubetest.Resource(req.URL.Path)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writes = append(j.writes, req.Method+" "+what)
	if !strings.HasSuffix(what, "/scale") {
		return kubetest.None
	}
	body := replay(req)
	parts := strings.Split(req.URL.Path, "/")
	name := parts[len(parts)-2]
	var wish struct {
		Spec struct{ Replicas int }
	}
	if err := decode(body, &wish); err != nil {
		j.faults = append(j.faults, err.Error())
		return kubetest.None
	}
	var list corev1.PodList
	if err := j.r.API.List(ctx, &list, client.InNamespace(j.r.ns)); err != nil {
		j.faults = append(j.faults, err.Error())
		return kubetest.None
	}
	for i := range list.Items {
		pod := &list.Items[i]
		index := 0
		if n, err := fmt.Sscanf(strings.TrimPrefix(pod.Name, name+"-"), "%d", &index); n != 1 || err != nil || !strings.HasPrefix(pod.Name, name+"-") || index < wish.Spec.Replicas {
			continue
		}
		j.shrunk++
		for _, text := range []string{pod.Annotations[kube.PlacementAnnotation], pod.Annotations[kube.ReportAnnotation]} {
			if strings.Contains(text, `"model"`) {
				j.faults = append(j.faults, fmt.Sprintf("%s falls to %d while %s holds %s", name, wish.Spec.Replicas, pod.Name, text))
			}
		}
	}
	return kubetest.None
}

func (j *judge) verdict(t *testing.T) (shrunk int) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range j.faults {
		t.Error(f)
	}
	return j.shrunk
}

// A StatefulSet and a custom resource follow the load of their models, up and
// down; the highest ordinal is emptied before it goes.
func TestLoad(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	gpu := r.servers("gpu", 1, 5)
	rack, err := r.Fleet(ctx, r.ns, "rack", 1)
	r.must(err)
	r.group("rack", rack, 1, 5, "80Gi")
	r.model("llama", "gpu", "60Gi", 1, 5)
	r.model("whisper", "rack", "60Gi", 1, 5)
	r.router.load(map[string]uint64{"llama": 1, "whisper": 1})
	o := r.operate("a", settings{})
	j := &judge{r: r}
	o.proxy.SetFault(j.sees)

	r.eventually(time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"llama": 1, "whisper": 1}, map[kube.Ref]int{gpu: 1, rack: 1})
	})
	r.router.load(map[string]uint64{"llama": 16, "whisper": 10})
	r.eventually(time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"llama": 4, "whisper": 3}, map[kube.Ref]int{gpu: 4, rack: 3})
	})
	r.eventually(time.Minute, func(ctx context.Context) string {
		var m v1alpha1.Model
		r.must(r.API.Get(ctx, r.key("llama"), &m))
		if m.Status.Replicas != 4 || !has(m.Status.Conditions, v1alpha1.ConditionReady, "True", m.Generation) || m.Status.Reason == "" {
			return fmt.Sprintf("%+v", m.Status)
		}
		return ""
	})
	r.router.load(map[string]uint64{"llama": 4, "whisper": 1})
	r.eventually(2*time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"llama": 1, "whisper": 1}, map[kube.Ref]int{gpu: 1, rack: 1})
	})
	if n := j.verdict(t); n == 0 {
		t.Error("no count fell")
	}
}

// Two servers that are half empty become one: what is on the highest ordinal
// moves to the lower one and serves there before it stops, and then the count
// falls.
func TestConsolidate(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	gpu, err := r.StatefulSet(ctx, r.ns, "gpu", 2)
	r.must(err)
	r.group("gpu", gpu, 1, 2, "80Gi")
	models := []string{"a", "b", "c", "d"}
	load := map[string]uint64{}
	for _, m := range models {
		r.model(m, "gpu", "40Gi", 0, 1)
		load[m] = 4
	}
	r.router.load(load)
	o := r.operate("a", settings{})
	j := &judge{r: r}
	o.proxy.SetFault(j.sees)
	r.eventually(time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{"a": 1, "b": 1, "c": 1, "d": 1}, map[kube.Ref]int{gpu: 2})
	})
	// One on each server stays.
	stays := map[string]string{}
	var list corev1.PodList
	r.must(r.API.List(ctx, &list, client.InNamespace(r.ns)))
	for i := range list.Items {
		for _, m := range models {
			if _, routed := list.Items[i].Labels[kube.RouteLabel(m)]; routed {
				stays[list.Items[i].Name] = m
			}
		}
	}
	for _, m := range models {
		if m != stays["gpu-0"] && m != stays["gpu-1"] {
			load[m] = 0
		}
	}
	moved := stays["gpu-1"]
	least := 1
	var mu sync.Mutex
	o.proxy.SetFault(func(req *http.Request) kubetest.Fault {
		if req.Method == http.MethodPatch {
			n := r.serving(context.Background(), moved)
			mu.Lock()
			least = min(least, n)
			mu.Unlock()
		}
		return j.sees(req)
	})
	r.router.load(load)
	r.eventually(2*time.Minute, func(ctx context.Context) string {
		return r.is(ctx, map[string]int{stays["gpu-0"]: 1, moved: 1}, map[kube.Ref]int{gpu: 1})
	})
	if n := j.verdict(t); n == 0 {
		t.Error("no count fell")
	}
	if least < 1 {
		t.Errorf("%s was served by nobody for a while", moved)
	}
}

package kube_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
)

// one makes a world of one workload.
func one(t *testing.T, removal coordinator.Removal, n int32) (*world, kube.Ref) {
	t.Helper()
	need(t)
	ns, err := env.Namespace(t.Context(), "one")
	must(t, err)
	create := env.Deployment
	if removal == coordinator.Ordinal {
		create = env.StatefulSet
	}
	r, err := create(t.Context(), ns, "gpu", n)
	must(t, err)
	w, err := open([]kube.Group{{Name: "gpu", Workload: r, Removal: removal}}, nil, env.Admin)
	must(t, err)
	t.Cleanup(w.close)
	w.settle()
	return w, r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) see(t *testing.T) coordinator.GroupState {
	t.Helper()
	seen, err := w.actuator.Observe(t.Context())
	must(t, err)
	if len(seen.Groups) != 1 {
		t.Fatalf("%+v", seen)
	}
	return seen.Groups[0]
}

func scaleTo(n int, id string, victims ...string) coordinator.Action {
	return coordinator.Action{Kind: coordinator.ScaleGroup, Group: "gpu", Replicas: n, Victims: victims, ID: id, Epoch: 1, Generation: 1}
}

// A count that was accepted and not carried out, since the second of the two
// writes failed, is carried out when the action comes again, and no other; when
// the count has been changed by someone else since, it is not.
func TestHalfDone(t *testing.T) {
	for _, x := range []struct {
		name    string
		fault   kubetest.Fault
		removal coordinator.Removal
	}{
		{"refused", kubetest.Refused, coordinator.Ordinal},
		{"lost", kubetest.Lost, coordinator.Ordinal},
		{"refused", kubetest.Refused, coordinator.Free},
		{"lost", kubetest.Lost, coordinator.Free},
	} {
		t.Run(fmt.Sprintf("%s, %v", x.name, x.removal), func(t *testing.T) {
			w, r := one(t, x.removal, 1)
			w.proxy.SetFault(func(req *http.Request) kubetest.Fault {
				if req.Method == http.MethodPatch && strings.HasSuffix(req.URL.Path, "/scale") {
					return x.fault
				}
				return kubetest.None
			})
			a := scaleTo(3, "a")
			// One that had its effect is found to have had it.
			err := w.actuator.Apply(t.Context(), a)
			if (err == nil) != (x.fault == kubetest.Lost) || errors.Is(err, coordinator.ErrFenced) || errors.Is(err, coordinator.ErrConflict) {
				t.Fatalf("%v is %s by the server, and Apply says %v", a, x.name, err)
			}
			w.proxy.SetFault(nil)
			must(t, w.actuator.Apply(t.Context(), a))
			w.settle()
			if g := w.see(t); g.Desired != 3 || len(g.Servers) != 3 {
				t.Errorf("again: %d wanted, %d servers", g.Desired, len(g.Servers))
			}
			must(t, env.API.SubResource("scale").Patch(t.Context(), object(r), client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":2}}`)), client.WithSubResourceBody(&autoscalingv1.Scale{})))
			must(t, w.actuator.Apply(t.Context(), a))
			w.settle()
			if g := w.see(t); g.Desired != 2 {
				t.Errorf("an echo undid what someone else has set: %d wanted", g.Desired)
			}
		})
	}
}

func object(r kube.Ref) client.Object {
	at := metav1.ObjectMeta{Namespace: r.Namespace, Name: r.NamespacedName.Name}
	if r.Kind == "Deployment" {
		return &appsv1.Deployment{ObjectMeta: at}
	}
	return &appsv1.StatefulSet{ObjectMeta: at}
}

// A status that is written between the two writes of a count is no change of it.
func TestStatusBetweenWrites(t *testing.T) {
	for _, removal := range []coordinator.Removal{coordinator.Ordinal, coordinator.Free} {
		w, r := one(t, removal, 1)
		touch := sync.OnceValue(func() error {
			return env.API.Status().Patch(context.Background(), object(r), client.RawPatch(types.MergePatchType, []byte(`{"status":{"collisionCount":7}}`)))
		})
		w.proxy.SetFault(func(req *http.Request) kubetest.Fault {
			if req.Method == http.MethodPatch && strings.HasSuffix(req.URL.Path, "/scale") {
				if err := touch(); err != nil {
					t.Error(err)
				}
			}
			return kubetest.None
		})
		must(t, w.actuator.Apply(t.Context(), scaleTo(3, "a")))
		if n, err := replicas(t.Context(), r); n != 3 || err != nil {
			t.Errorf("%v: %d replicas, %v", removal, n, err)
		}
	}
}

// A Deployment whose other pods are not ready would lose these in place of the
// chosen one: nothing is removed until they are.
func TestVictimsOnly(t *testing.T) {
	w, _ := one(t, coordinator.Free, 3)
	servers := w.see(t).Servers
	victim, other := servers[0].Name, servers[1]
	setReady := func(status corev1.ConditionStatus) {
		t.Helper()
		w.hold(t, other.Name, func(s *corev1.PodStatus) {
			s.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.Now()}}
		})
	}
	setReady(corev1.ConditionFalse)
	err := w.actuator.Apply(t.Context(), scaleTo(2, "a", victim))
	if err == nil || !strings.Contains(err.Error(), other.Name) {
		t.Fatalf("the error should name %s: %v", other.Name, err)
	}
	if n, err := replicas(t.Context(), w.options.Groups[0].Workload); n != 3 || err != nil {
		t.Fatalf("%d replicas, %v", n, err)
	}
	setReady(corev1.ConditionTrue)
	must(t, w.actuator.Apply(t.Context(), scaleTo(2, "a", victim)))
	w.settle()
	for _, s := range w.see(t).Servers {
		if s.Name == victim {
			t.Errorf("%s is still there, and another has gone", victim)
		}
	}
}

// hold makes the kubelet leave a pod of the only group alone, and changes its status.
func (w *world) hold(t *testing.T, name string, change func(*corev1.PodStatus)) {
	t.Helper()
	var pod corev1.Pod
	must(t, env.API.Get(t.Context(), types.NamespacedName{Namespace: w.options.Groups[0].Workload.Namespace, Name: name}, &pod))
	must(t, env.API.Patch(t.Context(), &pod, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+kubetest.HeldAnnotation+`":"true"}}}`))))
	change(&pod.Status)
	must(t, env.API.Status().Update(t.Context(), &pod))
}

// A pod that has failed keeps no other from going, and is none of those that stay.
func TestVictimsAmongFailed(t *testing.T) {
	w, r := one(t, coordinator.Free, 3)
	failed := w.see(t).Servers[0].Name
	w.hold(t, failed, func(s *corev1.PodStatus) { s.Phase, s.Conditions = corev1.PodFailed, nil })
	named := func(name string) func(coordinator.ServerState) bool {
		return func(s coordinator.ServerState) bool { return s.Name == name }
	}
	poll(func(context.Context) bool { // until another has come in its place
		servers := w.see(t).Servers
		return len(servers) == 3 && !slices.ContainsFunc(servers, named(failed))
	})
	w.settle()
	victim := w.see(t).Servers[0].Name
	must(t, w.actuator.Apply(t.Context(), scaleTo(2, "a", victim)))
	if n, err := replicas(t.Context(), r); n != 2 || err != nil {
		t.Fatalf("%d replicas, %v", n, err)
	}
	w.settle()
	if slices.ContainsFunc(w.see(t).Servers, named(victim)) {
		t.Errorf("%s is still there, and another has gone", victim)
	}
}

// Whoever starts an epoch tells all subjects of it: nothing of an older epoch is
// accepted any more, though nothing else was done in the new one.
func TestRaise(t *testing.T) {
	w, _ := one(t, coordinator.Ordinal, 2)
	ctx := t.Context()
	must(t, w.actuator.Raise(ctx, 7))
	w.proxy.Reset()
	must(t, w.actuator.Raise(ctx, 7))
	if c := w.proxy.Counts(); len(c) != 0 {
		t.Errorf("raised again by who has told all: %v", c)
	}
	again, err := kube.New(w.options)
	must(t, err)
	must(t, again.Raise(ctx, 7))
	for what, n := range w.proxy.Counts() {
		if strings.HasPrefix(what, "PATCH") {
			t.Errorf("raised again: %d %s", n, what)
		}
	}
	w.settle()
	g := w.see(t)
	if g.Epoch != 7 || g.Servers[0].Epoch != 7 || g.Servers[1].Epoch != 7 {
		t.Errorf("the epochs are %d, %d, %d", g.Epoch, g.Servers[0].Epoch, g.Servers[1].Epoch)
	}
	load := coordinator.Action{Kind: coordinator.Load, Group: "gpu", Server: "gpu-0", Model: "llama", ID: "l", Epoch: 6, Generation: 9}
	scale := scaleTo(3, "s")
	scale.Epoch = 6
	for _, a := range []coordinator.Action{load, scale} {
		if err := w.actuator.Apply(ctx, a); !errors.Is(err, coordinator.ErrFenced) {
			t.Errorf("%v of an older epoch: %v", a, err)
		}
	}
	if err := w.actuator.Raise(ctx, 6); !errors.Is(err, coordinator.ErrFenced) {
		t.Errorf("an older epoch is raised: %v", err)
	}
	load.Epoch, load.Generation = 7, 1
	must(t, w.actuator.Apply(ctx, load))
}

// A leader that is deposed between its two writes of a count, when the workload has
// accepted the wish, does not carry it out.
func TestDeposedBetweenWrites(t *testing.T) {
	w, r := one(t, coordinator.Ordinal, 1)
	next, err := kube.New(kube.Options{Cache: env.API, API: env.API, Groups: w.options.Groups})
	must(t, err)
	raise := sync.OnceValue(func() error { return next.Raise(context.Background(), 2) })
	w.proxy.SetFault(func(req *http.Request) kubetest.Fault {
		if req.Method == http.MethodPatch && strings.HasSuffix(req.URL.Path, "/scale") {
			if err := raise(); err != nil {
				t.Error(err)
			}
		}
		return kubetest.None
	})
	if err := w.actuator.Apply(t.Context(), scaleTo(3, "a")); !errors.Is(err, coordinator.ErrFenced) {
		t.Errorf("the count of the one that is deposed: %v", err)
	}
	if n, err := replicas(t.Context(), r); n != 1 || err != nil {
		t.Errorf("%d replicas, %v", n, err)
	}
}

// What could not be told of an epoch is unseen, as one of an older epoch may still
// act there; it is seen once Raise has told it.
func TestRaiseInPart(t *testing.T) {
	w, _ := one(t, coordinator.Ordinal, 2)
	ctx := t.Context()
	w.proxy.SetFault(func(r *http.Request) kubetest.Fault {
		if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/gpu-1") {
			return kubetest.Refused
		}
		return kubetest.None
	})
	if err := w.actuator.Raise(ctx, 7); err == nil || errors.Is(err, coordinator.ErrFenced) {
		t.Fatalf("gpu-1 refuses, and Raise says %v", err)
	}
	seen, err := w.actuator.Observe(ctx)
	must(t, err)
	if len(seen.Groups) != 0 || len(seen.Unseen) != 1 || !w.actuator.Untold() {
		t.Errorf("not told, and seen: %+v", seen)
	}
	if err := w.actuator.Why(ctx, "gpu"); err == nil || !strings.Contains(err.Error(), "epoch 7") {
		t.Errorf("why: %v", err)
	}
	w.proxy.SetFault(nil)
	must(t, w.actuator.Raise(ctx, 7))
	g := w.see(t)
	if g.Epoch != 7 || g.Servers[0].Epoch != 7 || g.Servers[1].Epoch != 7 || w.actuator.Untold() {
		t.Errorf("the epochs are %d, %d, %d", g.Epoch, g.Servers[0].Epoch, g.Servers[1].Epoch)
	}
}

// Several actions on one server are one write; to look costs no call.
func TestCalls(t *testing.T) {
	w, _ := one(t, coordinator.Ordinal, 2)
	w.see(t)
	w.proxy.Reset()
	w.see(t)
	if c := w.proxy.Counts(); len(c) != 0 {
		t.Errorf("to look again took %v", c)
	}
	var as []coordinator.Action
	for _, server := range []string{"gpu-0", "gpu-1"} {
		for _, m := range []string{"a", "b", "c"} {
			x := coordinator.Action{Kind: coordinator.Load, Group: "gpu", Server: server, Model: m, Epoch: 1, Generation: 1}
			x.ID = x.String()
			as = append(as, x)
		}
	}
	errs := make([]error, len(as))
	w.actuator.ApplyAll(t.Context(), as, errs)
	must(t, errors.Join(errs...))
	if c := w.proxy.Counts(); len(c) != 1 || c["PATCH pods"] != 2 {
		t.Errorf("six loads on two servers took %v", c)
	}
}

// A group whose workload there is not is unseen, and says why.
func TestUnseen(t *testing.T) {
	w, _ := one(t, coordinator.Ordinal, 1)
	missing := w.options
	g := missing.Groups[0]
	g.Name, g.Workload.NamespacedName.Name = "none", "none"
	missing.Groups = append([]kube.Group{g}, missing.Groups...)
	a, err := kube.New(missing)
	must(t, err)
	seen, err := a.Observe(t.Context())
	must(t, err)
	if len(seen.Groups) != 1 || len(seen.Unseen) != 1 || seen.Unseen[0] != "none" {
		t.Errorf("%+v", seen)
	}
	if err := a.Why(t.Context(), "none"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("why: %v", err)
	}
	if err := a.Why(t.Context(), "gpu"); err != nil {
		t.Errorf("why: %v", err)
	}
}

func TestNew(t *testing.T) {
	r := kube.Ref{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: "K"}, NamespacedName: types.NamespacedName{Namespace: "n", Name: "w"}}
	_, err := kube.New(kube.Options{
		Groups: []kube.Group{{Name: "a", Workload: r}, {Name: "a", Workload: r}, {}}, Services: []kube.Service{{Name: "s", Target: r}}, Parallel: -1, NotReady: -time.Second,
	})
	for _, says := range []string{
		"Cache must be set", "API must be set", "Parallel", "NotReady", "Groups[1]", "two would scale it", `a second group is named "a"`, "Groups[2] must have a name",
		"Groups[2] must have a kind", "Services[0]",
	} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the error does not say %q: %v", says, err)
		}
	}
}

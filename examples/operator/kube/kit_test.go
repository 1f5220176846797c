package kube_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
	"github.com/bellows-go/bellows/policy"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// kubelet works in all namespaces, for all tests.
var kubelet = sync.OnceValues(func() (*kubetest.Kubelet, error) {
	k := &kubetest.Kubelet{}
	return k, k.Start(env)
})

var env *kubetest.Env

func need(t testing.TB) *kubetest.Kubelet {
	t.Helper()
	env = kubetest.Need(t)
	k, err := kubelet()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A world is an actuator and all it needs.
type world struct {
	actuator *kube.Actuator
	options  kube.Options
	proxy    *kubetest.Proxy
	cache    cache.Cache
	close    func()
}

// open makes an actuator that reads and writes through a proxy.
func open(groups []kube.Group, services []kube.Service, user *rest.Config) (*world, error) {
	w := &world{}
	var err error
	if w.proxy, err = kubetest.NewProxy(user); err != nil {
		return nil, err
	}
	watches := &kube.Watches{}
	config := w.proxy.Config()
	config.Wrap(watches.Wrap)
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	namespaces := map[string]cache.Config{}
	for _, g := range groups {
		namespaces[g.Workload.Namespace] = cache.Config{}
	}
	for _, s := range services {
		namespaces[s.Target.Namespace] = cache.Config{}
	}
	if w.cache, err = cache.New(config, cache.Options{Scheme: kubetest.Scheme(), HTTPClient: http, DefaultNamespaces: namespaces}); err != nil {
		return nil, err
	}
	api, err := client.New(config, client.Options{Scheme: kubetest.Scheme(), HTTPClient: http})
	if err != nil {
		return nil, err
	}
	w.options = kube.Options{Cache: w.cache, API: api, Groups: groups, Services: services, Watches: watches}
	if w.actuator, err = kube.New(w.options); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.cache.Start(ctx) // ends with close
	}()
	w.close = sync.OnceFunc(func() {
		// A watch that ends while an event is on its way keeps a goroutine for ever
		// (watch.Filter of apimachinery): the watches end first, and the last events arrive.
		w.proxy.Cut(func(string) bool { return true })
		poll(func(context.Context) bool { return unwatched(watches, namespaces) })
		<-time.After(100 * time.Millisecond)
		cancel()
		<-done
		w.proxy.Close()
		http.CloseIdleConnections()
	})
	return w, nil
}

// unwatched reports whether a cache of namespaces has no watch open.
func unwatched(w *kube.Watches, namespaces map[string]cache.Config) bool {
	for _, kind := range []schema.GroupVersionResource{
		{Version: "v1", Resource: "pods"},
		appsv1.SchemeGroupVersion.WithResource("statefulsets"), appsv1.SchemeGroupVersion.WithResource("deployments"),
		{Group: kubetest.FleetKind.Group, Version: kubetest.FleetKind.Version, Resource: "fleets"},
	} {
		for namespace := range namespaces {
			if w.Open(kind, namespace) {
				return false
			}
		}
	}
	return true
}

// quiet reports whether all that was accepted is done, and seen through the cache;
// if not, what is not.
func (w *world) quiet(ctx context.Context) (string, error) {
	seen, err := w.actuator.Observe(ctx)
	if err != nil || len(seen.Unseen)+len(seen.UnseenServices) > 0 {
		return fmt.Sprintf("unseen %v %v: %v", seen.Unseen, seen.UnseenServices, err), nil
	}
	for _, g := range w.options.Groups {
		for _, s := range seen.Groups {
			if s.Name == g.Name {
				if what, err := w.quietGroup(ctx, g, &s); what != "" || err != nil {
					return what, err
				}
			}
		}
	}
	for _, x := range w.options.Services {
		n, err := replicas(ctx, x.Target)
		if err != nil {
			return "", err
		}
		for _, s := range seen.Services {
			if s.Name == x.Name && (s.Desired != n || s.Ready != n) {
				return fmt.Sprintf("service %s: %d wanted, %+v", s.Name, n, s), nil
			}
		}
	}
	return "", nil
}

func (w *world) quietGroup(ctx context.Context, g kube.Group, s *coordinator.GroupState) (string, error) {
	n, err := replicas(ctx, g.Workload)
	if err != nil {
		return "", err
	}
	if s.Desired != n || len(s.Servers) != n {
		return fmt.Sprintf("group %s: %d wanted, %d servers, Desired %d", g.Name, n, len(s.Servers), s.Desired), nil
	}
	for _, server := range s.Servers {
		if server.Phase != coordinator.Up || server.Leaving {
			return "server " + server.Name + " is not up", nil
		}
		var live, cached corev1.Pod
		key := client.ObjectKey{Namespace: g.Workload.Namespace, Name: server.Name}
		if err := env.API.Get(ctx, key, &live); err != nil {
			return "server " + server.Name + " is gone", client.IgnoreNotFound(err)
		}
		if err := w.cache.Get(ctx, key, &cached); err != nil || cached.ResourceVersion != live.ResourceVersion {
			return "server " + server.Name + " is newer than the cache", client.IgnoreNotFound(err)
		}
		for _, r := range server.Replicas {
			if r.Phase == coordinator.Loading || r.Phase == coordinator.Draining && r.InFlight.Quality != policy.OK {
				return fmt.Sprintf("%s on %s is %v", r.Model, server.Name, r.Phase), nil
			}
		}
	}
	return "", nil
}

func (w *world) settle() {
	what := ""
	err := wait.PollUntilContextTimeout(context.Background(), 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		what, err = w.quiet(ctx)
		return what == "" && err == nil, err
	})
	if err != nil {
		panic(fmt.Sprintf("not settled: %s: %v", what, err))
	}
}

// fresh makes two groups and two services, each in a namespace of its own.
func fresh(user *rest.Config) (coordinatortest.ActuatorWorld, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var to coordinatortest.ActuatorWorld
	namespaces := map[string]string{}
	for _, name := range []string{"cpu", "gpu", "gateway", "engine"} {
		var err error
		if namespaces[name], err = env.Namespace(ctx, name); err != nil {
			return to, err
		}
	}
	cpu, err1 := env.StatefulSet(ctx, namespaces["cpu"], "cpu", 1)
	gpu, err2 := env.Deployment(ctx, namespaces["gpu"], "gpu", 1)
	gateway, err3 := env.Deployment(ctx, namespaces["gateway"], "gateway", 1)
	engine, err4 := env.Fleet(ctx, namespaces["engine"], "engine", 1)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return to, err
		}
	}
	w, err := open(
		[]kube.Group{{Name: "cpu", Workload: cpu, Removal: coordinator.Ordinal}, {Name: "gpu", Workload: gpu}},
		[]kube.Service{{Name: "gateway", Target: gateway}, {Name: "engine", Target: engine}}, user)
	if err != nil {
		return to, err
	}
	cut := func(name string) (mend func()) {
		inside := "/namespaces/" + namespaces[name] + "/"
		mended := w.proxy.Cut(func(path string) bool { return strings.Contains(path, inside) })
		poll(func(ctx context.Context) bool {
			seen, err := w.actuator.Observe(ctx)
			return err == nil && len(seen.Unseen)+len(seen.UnseenServices) > 0
		})
		return func() {
			mended()
			w.settle()
		}
	}
	w.settle()
	return coordinatortest.ActuatorWorld{
		Actuator: w.actuator,
		Groups:   []coordinator.ServerGroup{{Name: "gpu"}, {Name: "cpu", Removal: coordinator.Ordinal}},
		Models:   []string{"llama", "whisper"}, Services: []string{"engine", "gateway"},
		Settle: w.settle, Hang: w.proxy.Hang, Cut: cut, CutService: cut,
		Reopen: func() (coordinator.Actuator, error) {
			next, err := kube.New(w.options)
			w.actuator = next
			return next, err
		},
		Close: w.close,
	}, nil
}

// poll waits until something is so.
func poll(is func(ctx context.Context) bool) {
	err := wait.PollUntilContextTimeout(context.Background(), 5*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) { return is(ctx), nil })
	if err != nil {
		panic(err)
	}
}

func TestActuator(t *testing.T) {
	need(t)
	coordinatortest.TestActuator(t, func() (coordinatortest.ActuatorWorld, error) { return fresh(env.Admin) },
		coordinatortest.Options{Timeout: time.Second, Patience: 30 * time.Second})
}

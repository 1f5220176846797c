// Package kubetest starts a real kube-apiserver, etcd and kube-controller-manager
// for tests, and stands in for what is missing to make a cluster of them: the
// kubelets and the servers in the pods, and a network that fails.
package kubetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
)

// MustVariable names the environment variable that, set to "must", makes a test
// that cannot run fail instead of being skipped.
const MustVariable = "BELLOWS_KUBE"

// An Env is a cluster without nodes.
type Env struct {
	env   *envtest.Environment
	Admin *rest.Config
	API   client.Client // as an administrator
	kcm   *exec.Cmd
	log   bytes.Buffer

	mu       sync.Mutex
	kubelets []*Kubelet // all that were started
}

var started *Env

// lacking is why there is no Env.
var lacking string

// Main runs a package's tests in an Env: call it in TestMain.
func Main(m *testing.M) {
	ctrl.SetLogger(logger())
	os.Exit(run(m))
}

// logger is silent, unless KUBETEST_LOG is set.
func logger() logr.Logger {
	if os.Getenv("KUBETEST_LOG") == "" {
		return logr.Discard()
	}
	return zap.New(zap.UseDevMode(true))
}

func run(m *testing.M) int {
	assets, why := findAssets()
	if lacking = why; why == "" {
		e, err := start(assets)
		if err != nil {
			fmt.Fprintln(os.Stderr, "kubetest:", err)
			return 1
		}
		started = e
		defer e.stop()
	}
	return m.Run()
}

// Need returns the Env, or skips the test where binaries are missing.
func Need(t testing.TB) *Env {
	t.Helper()
	if started == nil {
		if os.Getenv(MustVariable) == "must" {
			t.Fatal(lacking)
		}
		t.Skip(lacking)
	}
	return started
}

// Root is the folder of the module.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// findAssets finds a folder with all binaries, or says what to do.
func findAssets() (folder, why string) {
	folders := []string{os.Getenv("KUBEBUILDER_ASSETS")}
	if folders[0] == "" {
		folders, _ = filepath.Glob(filepath.Join(Root(), "hack", "kube", "v*"))
	}
	const advice = "run hack/kube/build (some minutes, once), and install etcd (Debian: etcd-server)"
	for _, f := range folders {
		missing := ""
		for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager"} {
			if _, err := os.Stat(filepath.Join(f, name)); err != nil {
				missing = name
			}
		}
		if missing == "" {
			return f, ""
		}
		why = fmt.Sprintf("needs a real API server: no %s in %s; %s", missing, f, advice)
	}
	if why == "" {
		why = "needs a real API server: " + advice
	}
	return "", why
}

// Scheme knows the types that tests use.
func Scheme() *kruntime.Scheme {
	s := kruntime.NewScheme()
	_ = clientgoscheme.AddToScheme(s) // never fails
	_ = v1alpha1.AddToScheme(s)
	return s
}

func start(assets string) (*Env, error) {
	e := &Env{env: &envtest.Environment{
		BinaryAssetsDirectory: assets, CRDDirectoryPaths: []string{filepath.Join(Root(), "config", "crd"), filepath.Join(Root(), "internal", "kubetest", "testdata")},
		ErrorIfCRDPathMissing: true, ControlPlaneStartTimeout: 3 * time.Minute, ControlPlaneStopTimeout: time.Minute, Scheme: Scheme(),
	}}
	apiserver := e.env.ControlPlane.GetAPIServer().Configure()
	apiserver.Set("max-requests-inflight", "2000").Set("max-mutating-requests-inflight", "2000")
	admin, err := e.env.Start()
	if err != nil {
		return nil, errors.Join(err, e.env.Stop())
	}
	e.Admin = Unlimited(admin)
	if e.API, err = client.New(e.Admin, client.Options{Scheme: Scheme()}); err == nil {
		err = e.startControllers(assets)
	}
	if err != nil {
		e.stop()
		return nil, err
	}
	return e, nil
}

// Unlimited is a configuration without a limit on the rate of requests.
func Unlimited(c *rest.Config) *rest.Config {
	c = rest.CopyConfig(c)
	c.QPS, c.RateLimiter = -1, flowcontrol.NewFakeAlwaysRateLimiter()
	return c
}

func (e *Env) startControllers(assets string) error {
	user, err := e.env.AddUser(envtest.User{Name: "kcm", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return err
	}
	text, err := user.KubeConfig()
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "kcm-*.kubeconfig")
	if err != nil {
		return err
	}
	if _, err = file.Write(text); err == nil {
		err = file.Close()
	}
	if err != nil {
		return err
	}
	e.kcm = exec.Command(filepath.Join(assets, "kube-controller-manager"),
		"--kubeconfig="+file.Name(), "--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0",
		"--controllers=deployment-controller,replicaset-controller,statefulset-controller,endpointslice-controller,garbage-collector-controller",
		"--kube-api-qps=500", "--kube-api-burst=500")
	e.kcm.Stderr = &e.log
	e.kcm.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return e.kcm.Start()
}

func (e *Env) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, k := range e.kubelets { // the API server waits for their watches to end
		k.Stop()
	}
	if e.kcm != nil && e.kcm.Process != nil {
		_ = e.kcm.Process.Kill()
		_ = e.kcm.Wait()
		for _, a := range e.kcm.Args {
			if file, ok := strings.CutPrefix(a, "--kubeconfig="); ok {
				_ = os.Remove(file)
			}
		}
	}
	if err := e.env.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "kubetest:", err)
	}
}

// User is a configuration for a user of a name, without any right that no role
// gives.
func (e *Env) User(name string, groups ...string) (*rest.Config, error) {
	u, err := e.env.AddUser(envtest.User{Name: name, Groups: groups}, nil)
	if err != nil {
		return nil, err
	}
	return Unlimited(u.Config()), nil
}

// KubeConfig is User as a file for KUBECONFIG.
func (e *Env) KubeConfig(name string, groups ...string) ([]byte, error) {
	u, err := e.env.AddUser(envtest.User{Name: name, Groups: groups}, nil)
	if err != nil {
		return nil, err
	}
	return u.KubeConfig()
}

// Namespace makes a namespace of a new name.
func (e *Env) Namespace(ctx context.Context, prefix string) (string, error) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-"}}
	err := e.API.Create(ctx, ns)
	return ns.Name, err
}

// FleetKind is a kind with a scale subresource that no controller of Kubernetes
// knows; see testdata.
var FleetKind = schema.GroupVersionKind{Group: "test.bellows-go.github.io", Version: "v1", Kind: "Fleet"}

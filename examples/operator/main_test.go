package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/internal/kubetest"
	"github.com/bellows-go/bellows/examples/operator/kube"
	"github.com/bellows-go/bellows/examples/operator/source"
)

// itself is the variable by which the binary of these tests is the program.
const itself = "BELLOWS_OPERATOR"

func TestMain(m *testing.M) {
	if os.Getenv(itself) != "" {
		main()
		return
	}
	kubetest.Main(m)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The manifests install, strictly read; and the program itself, as the account that they
// make and with the arguments of its Deployment but for addresses, scales what the
// sample declares. When it is told to end it lets others lead at once.
func TestInstalled(t *testing.T) {
	e := kubetest.Need(t)
	ctx := t.Context()
	var kustomization struct{ Resources []string }
	text, err := os.ReadFile("config/kustomization.yaml")
	must(t, err)
	must(t, yaml.UnmarshalStrict(dropHeader(text), &kustomization))
	if len(kustomization.Resources) < 6 {
		t.Fatalf("the kustomization has %v", kustomization.Resources)
	}
	for _, file := range kustomization.Resources {
		must(t, e.Install(ctx, "", filepath.Join("config", file)))
	}

	ns, err := e.Namespace(ctx, "sample")
	must(t, err)
	kubelet := &kubetest.Kubelet{Namespaces: []string{ns}}
	must(t, kubelet.Start(e))
	t.Cleanup(kubelet.Stop)
	_, err = e.StatefulSet(ctx, ns, "gpu", 1)
	must(t, err)
	_, err = e.Deployment(ctx, ns, "gateway", 1)
	must(t, err)
	ten := resource.MustParse("10")
	must(t, e.API.Create(ctx, &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "gateway"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "ScaledService", Name: "gateway"},
			MaxReplicas:    5,
			Metrics: []autoscalingv2.MetricSpec{{Type: autoscalingv2.ExternalMetricSourceType, External: &autoscalingv2.ExternalMetricSource{
				Metric: autoscalingv2.MetricIdentifier{Name: "depth"}, Target: autoscalingv2.MetricTarget{Type: autoscalingv2.AverageValueMetricType, AverageValue: &ten},
			}}},
		},
	}))
	must(t, e.Install(ctx, ns, "config/samples/models.yaml"))
	asked := make(chan string, 1)
	router := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.URL.Path:
		default:
		}
		_ = json.NewEncoder(w).Encode(source.Answer{ // a reader that has gone asks again
			Models:   map[string]source.Totals{"llama": {Begun: 30, Ended: 18}},
			Services: map[string]source.Totals{"gateway": {Values: map[string]float64{"depth": 20}}},
		})
	}))
	t.Cleanup(router.Close)

	health := freeAddress(t)
	run := start(t, e, "-health="+health, "-identity=operator-0", "-watch="+ns, "-totals="+router.URL+"/{namespace}/totals", "-interval=200ms")
	kubetest.Eventually(t, 2*time.Minute, func(ctx context.Context) string {
		var b strings.Builder
		for model, want := range map[string]int{"llama": 3, "whisper": 1} {
			var list corev1.PodList
			must(t, e.API.List(ctx, &list, client.InNamespace(ns), client.MatchingLabels{kube.RouteLabel(model): "true"}))
			if len(list.Items) != want {
				fmt.Fprintf(&b, "%d pods serve %s, not %d\n", len(list.Items), model, want)
			}
		}
		var s v1alpha1.ScaledService
		must(t, e.API.Get(ctx, client.ObjectKey{Namespace: ns, Name: "gateway"}, &s))
		if s.Status.ReadyReplicas != 2 {
			fmt.Fprintf(&b, "the gateway: %+v\n", s.Status)
		}
		if b.Len() > 0 {
			return b.String() + run.output()
		}
		return ""
	})
	if path := <-asked; path != "/"+ns+"/totals" {
		t.Errorf("the router is asked for %s", path)
	}
	answer, err := http.Get("http://" + health + "/healthz")
	must(t, err)
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("health: %s, %v", answer.Status, err)
	}
	lease := &coordinationv1.Lease{}
	key := client.ObjectKey{Namespace: "bellows-system", Name: "member.operator-0"}
	must(t, e.API.Get(ctx, key, lease))
	must(t, run.Process.Signal(syscall.SIGTERM))
	if err := run.Wait(); err != nil {
		t.Errorf("it ends with %v: %s", err, run.output())
	}
	if err := e.API.Get(ctx, key, lease); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("it holds its lease still: %v", err)
	}
	if text := run.output(); strings.Contains(text, "forbidden") || strings.Contains(text, `"level":"error"`) {
		t.Errorf("it complains: %s", text)
	}
}

// dropHeader leaves out what a kustomization and all other objects have in common.
func dropHeader(text []byte) []byte {
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "apiVersion:") && !strings.HasPrefix(line, "kind:") {
			lines = append(lines, line)
		}
	}
	return []byte(strings.Join(lines, ""))
}

// A process is the program, in the binary of these tests.
type process struct {
	*exec.Cmd
	log *os.File
}

func (p *process) output() string {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
}

// start starts the program as its own account.
func start(t *testing.T, e *kubetest.Env, args ...string) *process {
	t.Helper()
	folder := t.TempDir()
	config, err := e.KubeConfig("system:serviceaccount:bellows-system:bellows-operator", "system:serviceaccounts", "system:serviceaccounts:bellows-system")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(folder, "config"), config, 0o600))
	p := &process{Cmd: exec.Command(os.Args[0], args...)}
	p.log, err = os.Create(filepath.Join(folder, "log"))
	must(t, err)
	t.Cleanup(func() { _ = p.log.Close() })
	p.Stdout, p.Stderr = p.log, p.log
	p.Env = append(os.Environ(), itself+"=yes", "KUBECONFIG="+filepath.Join(folder, "config"), "POD_NAMESPACE=bellows-system")
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, p.Start())
	t.Cleanup(func() { _ = p.Process.Kill() }) // has ended, unless the test failed
	return p
}

// freeAddress is one of loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// What cannot be meant on the command line is refused before anything is done.
func TestRefused(t *testing.T) {
	e := kubetest.Need(t)
	var exit *exec.ExitError
	for says, args := range map[string][]string{
		"Interval must be >= 0": {"-interval=-1s", "-identity=x"},
		"Identity must be set":  {"-identity="},
		"flag provided but not": {"-nonsense"},
	} {
		p := start(t, e, args...)
		if err := p.Wait(); !errors.As(err, &exit) || !strings.Contains(p.output(), says) {
			t.Errorf("%v: %v: it does not say %q: %s", args, err, says, p.output())
		}
	}
}

// The operator scales model servers in Kubernetes: see package fleet for how it
// works, package kube for what servers and routers have to do, and README.md for how to install it.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/operator/api/v1alpha1"
	"github.com/bellows-go/bellows/examples/operator/fleet"
	"github.com/bellows-go/bellows/examples/operator/kube"
	"github.com/bellows-go/bellows/examples/operator/source"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}

func run() error {
	hostname, _ := os.Hostname() // empty is reported below
	identity := flag.String("identity", hostname, "unique name of this replica: its pod's")
	namespace := flag.String("namespace", os.Getenv("POD_NAMESPACE"), "the operator's own namespace, for Leases and memory")
	watched := flag.String("watch", "", "namespaces to plan, comma-separated; none is all")
	totals := flag.String("totals", "http://router.{namespace}.svc:8080/totals", "URLs of the routers' totals, comma-separated; {namespace} is that of the models")
	interval := flag.Duration("interval", 2*time.Second, "between passes")
	metrics := flag.String("metrics", "0", "address of the operator's own metrics; 0 is none")
	health := flag.String("health", "0", "address of /healthz; 0 is none")
	flag.Parse()

	ctrl.SetLogger(zap.New())
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS = -1 // the API server has priorities of its own
	watches := &kube.Watches{Grace: 3 * time.Second}
	config.Wrap(watches.Wrap)
	namespaces := list(*watched)
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Cache: fleet.CacheOptions(*namespace, namespaces...),
		Metrics: metricsserver.Options{BindAddress: *metrics}, HealthProbeBindAddress: *health,
	})
	if err != nil {
		return err
	}
	if err := mgr.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return err
	}
	_, err = fleet.Add(mgr, fleet.Options{
		Identity: *identity, Namespace: *namespace, Watches: watches, Interval: *interval,
		Source: func(namespace string) coordinator.MetricSource {
			return &source.HTTP{URLs: list(strings.ReplaceAll(*totals, "{namespace}", namespace))}
		},
	})
	if err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}

// list is what stands between commas.
func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

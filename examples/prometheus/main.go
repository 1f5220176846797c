// Prometheus scales a fleet in memory by what a real Prometheus server says of
// its load, for 40 seconds. Two routers count requests and are scraped; then one
// of them dies, then the server, and nothing shrinks.
//
//	go run . # needs the program prometheus: apt-get install --no-install-recommends prometheus
//
// The packages beside it are promsource, which reads from Prometheus, and
// promexport, which shows what a coordinator does.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/prometheus/internal/promserver"
	"github.com/bellows-go/bellows/examples/prometheus/promexport"
	"github.com/bellows-go/bellows/examples/prometheus/promsource"
	"github.com/bellows-go/bellows/policy"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// A router counts the requests of one model, and is scraped.
type router struct {
	gauge  prometheus.Gauge
	server *http.Server
	at     string // host:port
}

// serve lets Prometheus scrape the collectors.
func serve(collectors ...prometheus.Collector) (*http.Server, string, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	s := &http.Server{Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
		}
	}()
	return s, listener.Addr().String(), nil
}

func newRouter() (r router, err error) {
	r.gauge = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "requests_in_flight", Help: "Requests begun and not ended.", ConstLabels: prometheus.Labels{"model": "llama"},
	})
	r.server, r.at, err = serve(r.gauge)
	return r, err
}

func run() error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, 40*time.Second)
	defer stop()

	var routers [2]router
	for i := range routers {
		var err error
		if routers[i], err = newRouter(); err != nil {
			return err
		}
		defer routers[i].server.Close()
	}
	exporter := promexport.New(promexport.Options{})
	own, at, err := serve(exporter)
	if err != nil {
		return err
	}
	defer own.Close()
	dir, err := os.MkdirTemp("", "bellows-prometheus")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store, err := promserver.Start(ctx, dir, time.Second, routers[0].at, routers[1].at, at)
	if err != nil {
		return err
	}
	defer store.Kill()
	fmt.Printf("prometheus: %s   metrics of the coordinator: http://%s/metrics\n", store.URL, at)

	source, err := promsource.New(promsource.Options{URL: store.URL, Stale: 5 * time.Second, Queries: []promsource.Query{{
		Name: policy.InFlight, Label: "model",
		Expr:    `sum by (model) (requests_in_flight)`,
		Stamp:   `min by (model) (timestamp(requests_in_flight))`,
		Sources: `up{instance!="` + at + `"}`,
	}}})
	if err != nil {
		return err
	}
	defer source.Close()
	fleet := coordinatortest.NewFleet(nil,
		[]coordinatortest.FleetGroup{{Name: "gpu", Servers: 1, Boot: 2 * time.Second}}, []coordinatortest.FleetModel{{Name: "llama", Load: time.Second}})
	planner, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "gpu", Capacity: coordinator.Resources{"gib": 80}, Min: 1, Max: 8}},
		Models: []coordinator.Model{{
			Name: "llama", Group: "gpu", Needs: coordinator.Resources{"gib": 60}, Min: 1, Max: 8,
			Policy: policy.Stabilize{Down: 3 * time.Second, Of: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 4, Tolerance: 0.1}},
		}},
	}, coordinator.PlannerOptions{Stale: 5 * time.Second})
	if err != nil {
		return err
	}
	began := time.Now()
	say := func(what string, args ...any) {
		fmt.Printf("%5.1fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(what, args...))
	}
	last := ""
	loop, err := coordinator.New(planner, source, fleet, coordinator.Options{
		Interval: time.Second,
		OnTick: func(t coordinator.Tick) {
			exporter.Tick(t)
			m := t.Plan.Models[0]
			r := m.Readings[0]
			now := fmt.Sprintf("reading %-7v %4g   wanted %d, serving %d   %v", r.Quality, r.Value, m.Desired, m.Ready, m.Decision)
			if now != last {
				say("%s", now)
				last = now
			}
		},
	})
	if err != nil {
		return err
	}
	go story(ctx, say, routers, store)
	_ = loop.Run(ctx) // ends with ctx
	return nil
}

// story is what happens to the fleet.
func story(ctx context.Context, say func(string, ...any), routers [2]router, store *promserver.Server) {
	for _, event := range []struct {
		after time.Duration
		what  string
		do    func()
	}{
		{0, "each router has 2 requests in flight", func() { load(routers, 2) }},
		{9 * time.Second, "10 each", func() { load(routers, 10) }},
		{9 * time.Second, "4 each", func() { load(routers, 4) }},
		{9 * time.Second, "one router dies: what is left is half the load", func() { _ = routers[1].server.Close() }},
		{6 * time.Second, "Prometheus dies", store.Kill},
	} {
		select {
		case <-ctx.Done():
			return
		case <-time.After(event.after):
			say("-- %s", event.what)
			event.do()
		}
	}
}

func load(routers [2]router, each float64) {
	for _, r := range routers {
		r.gauge.Set(each)
	}
}

package promsource_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/prometheus/internal/promserver"
	"github.com/bellows-go/bellows/examples/prometheus/promsource"
)

// scrapeInterval is also how long a scrape may take: one that takes longer has
// failed, which a busy machine must not do.
const scrapeInterval = time.Second

// server starts a real Prometheus that scrapes targets, or skips the test.
func server(t *testing.T, targets ...string) *promserver.Server {
	if _, err := promserver.Find("prometheus"); err != nil {
		if os.Getenv("BELLOWS_PROMETHEUS") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := promserver.Start(ctx, t.TempDir(), scrapeInterval, targets...)
	require.NoError(t, err)
	t.Cleanup(s.Kill)
	return s
}

// A router is a process that counts requests, as Prometheus sees it: it has an
// exporter of its own.
type router struct {
	*httptest.Server
	level   *prometheus.GaugeVec
	counter *prometheus.CounterVec
}

func newRouter() *router {
	r := &router{
		level:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "requests_in_flight", Help: "Requests in flight."}, []string{"model"}),
		counter: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"model"}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.level, r.counter)
	r.Server = httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return r
}

func (r *router) address() string { return strings.TrimPrefix(r.URL, "http://") }

// stored returns when a server has these levels of models, half a minute later
// with an error. They are asked for by a source of their own.
func stored(server string, levels map[string]float64) error {
	probe, err := promsource.New(promsource.Options{URL: server, Queries: []promsource.Query{{Name: "level", Expr: `requests_in_flight{model="$target"}`}}})
	if err != nil {
		return err
	}
	defer probe.Close()
	var want []coordinator.Series
	for model := range levels {
		want = append(want, coordinator.Series{Target: coordinator.TargetID{Name: model}, Name: "level"})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	beat := time.NewTicker(50 * time.Millisecond)
	defer beat.Stop()
	for {
		got, err := probe.Read(ctx, want, nil)
		known := 0
		for _, s := range got {
			if s.Value == levels[s.Target.Name] {
				known++
			}
		}
		if err == nil && known == len(levels) {
			return nil
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			return fmt.Errorf("the server never had %v but %v: %w", levels, got, err)
		}
	}
}

// A front stands before the server: it hangs or fails what is asked about a
// target, and passes on the rest.
type front struct {
	*httptest.Server
	mu      sync.Mutex
	hangs   string // what an expression that hangs says; "" for none
	fails   string
	release chan struct{}

	idle func()
}

func (f *front) close() {
	f.Close()
	f.idle()
}

func newFront(t *testing.T, server string) *front {
	u, err := url.Parse(server)
	require.NoError(t, err)
	transport := &http.Transport{}
	pass := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }}
	f := &front{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		expr := peek(r)
		f.mu.Lock()
		hang, fail, resume := f.hangs != "" && strings.Contains(expr, f.hangs), f.fails != "" && strings.Contains(expr, f.fails), f.release
		f.mu.Unlock()
		switch {
		case hang:
			select {
			case <-r.Context().Done():
				return
			case <-resume:
			}
		case fail:
			http.Error(w, "out of order", http.StatusInternalServerError)
			return
		}
		pass.ServeHTTP(w, r)
	}))
	f.idle = transport.CloseIdleConnections
	return f
}

// peek reads the query of a request and leaves its body as it was.
func peek(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	return form.Get("query")
}

func (f *front) hang(expr string) (resume func()) {
	done := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hangs, f.release = expr, done
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.hangs = ""
		close(done)
	}
}

func (f *front) fail(expr string) (mend func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = expr
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.fails = ""
	}
}

// conformance runs the kit against a real server. targets that are seen together
// are asked for in one query.
func conformance(t *testing.T, together bool, queries func(world string) []promsource.Query) {
	r := newRouter()
	defer r.Close()
	s := server(t, r.address())
	worlds := 0
	coordinatortest.TestMetricSource(t, func() (coordinatortest.SourceWorld, error) {
		worlds++
		world := fmt.Sprintf("w%d", worlds)
		names := []string{world + "-llama", world + `-"mistral\`}
		levels := map[string]float64{}
		for _, n := range names {
			levels[n] = 1
			r.counter.WithLabelValues(n).Add(1)
		}
		f := newFront(t, s.URL)
		source, err := promsource.New(promsource.Options{URL: f.URL, Queries: queries(world)})
		if err != nil {
			return coordinatortest.SourceWorld{}, err
		}
		w := coordinatortest.SourceWorld{
			Source: source, Together: together,
			Advance: func() {
				for n := range levels {
					levels[n]++
					r.counter.WithLabelValues(n).Add(2)
					r.level.WithLabelValues(n).Set(levels[n])
				}
				if err := stored(s.URL, levels); err != nil {
					panic(err)
				}
			},
			Lose: func(id coordinator.TargetID) {
				gone := r.level.DeleteLabelValues(id.Name)
				r.counter.DeleteLabelValues(id.Name)
				delete(levels, id.Name)
				if !gone {
					panic("lost what there is not")
				}
			},
			Restart: func(id coordinator.TargetID) { r.counter.DeleteLabelValues(id.Name) },
			Close: func() {
				source.Close()
				f.close()
			},
		}
		part := func(id coordinator.TargetID) string {
			if together {
				return world
			}
			return strings.ReplaceAll(strings.ReplaceAll(id.Name, `\`, `\\`), `"`, `\"`)
		}
		w.Hang = func(id coordinator.TargetID) func() { return f.hang(part(id)) }
		w.Fail = func(id coordinator.TargetID) func() { return f.fail(part(id)) }
		for _, n := range names {
			for _, series := range []string{"in_flight", "begun"} {
				w.Series = append(w.Series, coordinator.Series{Target: coordinator.TargetID{Name: n}, Name: series})
			}
		}
		return w, nil
	}, coordinatortest.Options{Timeout: 300 * time.Millisecond, Patience: 20 * time.Second})
}

func TestConformsPerTarget(t *testing.T) {
	t.Parallel()
	conformance(t, false, func(string) []promsource.Query {
		return []promsource.Query{
			{Name: "in_flight", Expr: `sum(requests_in_flight{model="$target"})`},
			{Name: "begun", Expr: `requests_total{model="$target"}[2s]`, Cumulative: true},
		}
	})
}

func TestConformsTogether(t *testing.T) {
	t.Parallel()
	conformance(t, true, func(world string) []promsource.Query {
		return []promsource.Query{
			{
				Name: "in_flight", Label: "model", Expr: `sum by (model) (requests_in_flight{model=~"` + world + `-.*"})`,
				Stamp: `min by (model) (timestamp(requests_in_flight{model=~"` + world + `-.*"}))`, Sources: `up{job="bellows"}`,
			},
			{Name: "begun", Label: "model", Origin: "instance", Expr: `requests_total{model=~"` + world + `-.*"}[2s]`, Cumulative: true},
		}
	})
}

package control

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/gateway/internal/proxy"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
	"github.com/bellows-go/bellows/policy"
)

var sourceModels = []string{"llama", "whisper"}

// A sourceWorld is a proxy, with a server behind it and a source that reads it.
type sourceWorld struct {
	server, front, admin *httptest.Server
	client               *http.Client

	mu     sync.Mutex
	proxy  *proxy.Proxy
	sent   map[string]int
	closed chan struct{} // closed when the proxy answers its control plane; a new one while it does not
	broken bool
}

func newSourceWorld() *sourceWorld {
	w := &sourceWorld{sent: map[string]int{}, closed: make(chan struct{}), client: &http.Client{Transport: &http.Transport{}}}
	close(w.closed)
	w.server = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w.start(sourceModels)
	w.front = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.now().Handler().ServeHTTP(rw, r) }))
	w.admin = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		open, broken := w.closed, w.broken
		w.mu.Unlock()
		select {
		case <-open:
		case <-r.Context().Done():
			return
		}
		if broken {
			http.Error(rw, "out of order", http.StatusInternalServerError)
			return
		}
		w.now().Admin().ServeHTTP(rw, r)
	}))
	return w
}

func (w *sourceWorld) now() *proxy.Proxy {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proxy
}

// start starts the proxy, which counts these models.
func (w *sourceWorld) start(models []string) {
	p := proxy.New(proxy.Options{Models: models})
	routes := wire.GroupRoutes{Group: "gpu"}
	for _, m := range models {
		routes.Routes = append(routes.Routes, wire.Route{Server: "gpu-0", Addr: w.server.Listener.Addr().String(), Model: m})
	}
	p.SetRoutes(routes)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.proxy != nil {
		w.proxy.Close()
	}
	w.proxy = p
}

// send sends requests for a model.
func (w *sourceWorld) send(model string, n int) {
	for range n {
		resp, err := w.client.Get(w.front.URL + proxy.Prefix + model + "/infer")
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

func (w *sourceWorld) advance() {
	for _, m := range sourceModels {
		w.send(m, 1)
		w.sent[m]++
	}
}

// restart starts the proxy anew. That restarts all counts: those of other models
// come to where they were by more requests.
func (w *sourceWorld) restart(t coordinator.TargetID) {
	w.start(sourceModels)
	for m, n := range w.sent {
		if m != t.Name {
			w.send(m, n)
		}
	}
	w.sent[t.Name] = 0
}

// lose starts a proxy that does not know a model.
func (w *sourceWorld) lose(t coordinator.TargetID) {
	w.start(slices.DeleteFunc(slices.Clone(sourceModels), func(m string) bool { return m == t.Name }))
}

func (w *sourceWorld) hang(coordinator.TargetID) (resume func()) {
	open := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = open
	return func() { close(open) }
}

func (w *sourceWorld) fail(coordinator.TargetID) (mend func()) {
	set := func(broken bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.broken = broken
	}
	set(true)
	return func() { set(false) }
}

func (w *sourceWorld) close() {
	w.client.CloseIdleConnections()
	w.front.Close()
	w.admin.Close()
	w.proxy.Close()
	w.server.Close()
}

func TestMetricSource(t *testing.T) {
	coordinatortest.TestMetricSource(t, func() (coordinatortest.SourceWorld, error) {
		w := newSourceWorld()
		source := &Source{Proxy: w.admin.URL, Client: &http.Client{Transport: &http.Transport{}}}
		var series []coordinator.Series
		for _, m := range sourceModels {
			for _, name := range []string{policy.InFlight, policy.Begun, policy.Ended, policy.Errors} {
				series = append(series, coordinator.Series{Target: coordinator.TargetID{Name: m}, Name: name})
			}
		}
		return coordinatortest.SourceWorld{
			Source: source, Series: series, Together: true,
			Advance: w.advance, Lose: w.lose, Restart: w.restart, Hang: w.hang, Fail: w.fail,
			Close: func() { source.Client.CloseIdleConnections(); w.close() },
		}, nil
	}, coordinatortest.Options{})
}

// What the source says is what the proxy counted.
func TestSourceCounts(t *testing.T) {
	w := newSourceWorld()
	defer w.close()
	w.send("llama", 3)
	source := &Source{Proxy: w.admin.URL, Client: http.DefaultClient}
	llama := coordinator.TargetID{Name: "llama"}
	want := []coordinator.Series{
		{Target: llama, Name: policy.InFlight},
		{Target: llama, Name: policy.Begun},
		{Target: llama, Name: policy.Ended},
		{Target: llama, Name: policy.Errors},
		{Target: coordinator.TargetID{Kind: coordinator.TargetGroup, Name: "llama"}, Name: policy.Begun}, // a group of this name is no model
	}
	var got []coordinator.Sample
	for range 1000 { // the last request ends a moment after its answer
		var err error
		if got, err = source.Read(context.Background(), want, nil); err != nil {
			t.Fatal(err)
		}
		if got[0].Value == 0 {
			break
		}
	}
	if len(got) != 4 {
		t.Fatalf("%d samples: %+v", len(got), got)
	}
	for i, value := range []float64{0, 3, 3, 0} {
		if s := got[i]; s.Value != value || s.Series != want[i] || s.Cumulative != (i > 0) || s.Quality != policy.OK || s.Origin != origin {
			t.Errorf("%s: %+v, not %v", want[i].Name, s, value)
		}
	}
}

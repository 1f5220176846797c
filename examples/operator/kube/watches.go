package kube

import (
	"io"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Watches knows which watches of the API are open, by listening on the
// transport: a cache does not say when it has gone stale. The zero value is ready
// for use. It is safe for concurrent use.
//
//	config.Wrap(watches.Wrap) // before a cache is made of config
type Watches struct {
	// Grace is for how long a watch may be broken before what it keeps counts as
	// unseen: the server ends each now and then. 0 is not at all.
	Grace time.Duration

	mu   sync.Mutex
	open map[string]*streams // by path
}

type streams struct {
	n      int
	broken time.Time // since when n is 0
}

// Wrap is a transport.WrapperFunc.
func (w *Watches) Wrap(rt http.RoundTripper) http.RoundTripper { return &watching{w, rt} }

// Open reports whether the objects of a resource in a namespace are being
// watched, there or in all namespaces.
func (w *Watches) Open(r schema.GroupVersionResource, namespace string) bool {
	root := "/apis/" + r.Group + "/" + r.Version
	if r.Group == "" {
		root = "/api/" + r.Version
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, path := range []string{root + "/namespaces/" + namespace + "/" + r.Resource, root + "/" + r.Resource} {
		if s := w.open[path]; s != nil && (s.n > 0 || time.Since(s.broken) < w.Grace) {
			return true
		}
	}
	return false
}

func (w *Watches) opened(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open == nil {
		w.open = map[string]*streams{}
	}
	s := w.open[path]
	if s == nil {
		s = &streams{}
		w.open[path] = s
	}
	s.n++
}

func (w *Watches) closed(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.open[path]
	if s.n--; s.n == 0 {
		s.broken = time.Now()
	}
}

type watching struct {
	w  *Watches
	rt http.RoundTripper
}

// RoundTrip notes the watches among the requests.
func (t *watching) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.rt.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK || r.URL.Query().Get("watch") != "true" && r.URL.Query().Get("watch") != "1" {
		return answer, err
	}
	path := r.URL.Path
	t.w.opened(path)
	answer.Body = &watchBody{ReadCloser: answer.Body, end: sync.OnceFunc(func() { t.w.closed(path) })}
	return answer, nil
}

type watchBody struct {
	io.ReadCloser
	end func()
}

func (b *watchBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *watchBody) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

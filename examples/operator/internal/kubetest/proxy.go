package kubetest

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// A Proxy stands between an operator and the API server, as the operator's own
// user. It counts requests, and makes them fail.
type Proxy struct {
	server   *http.Server
	listener net.Listener
	upstream http.RoundTripper
	target   *url.URL

	mu      sync.Mutex
	counts  map[string]int
	rights  map[Right]bool // that requests took
	cuts    map[int]func(path string) bool
	next    int
	streams map[*stream]bool
	gate    chan struct{} // closed: open
	fault   func(r *http.Request) Fault
	serves  map[string]http.Handler // by the beginning of paths
}

// Serve answers requests of paths that begin so instead of the API server.
func (p *Proxy) Serve(begin string, h http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.serves == nil {
		p.serves = map[string]http.Handler{}
	}
	p.serves[begin] = h
}

// A Fault is what becomes of a request.
type Fault uint8

// The faults of requests.
const (
	None     Fault = iota
	Refused        // 503, and no effect
	Lost           // it has its effect, and the answer is 503
	TimedOut       // it has its effect, and there is no answer in time
	Conflict       // 409, and no effect
)

// NewProxy starts a proxy for a user's configuration on a free port.
func NewProxy(user *rest.Config) (*Proxy, error) {
	rt, err := rest.TransportFor(user)
	if err != nil {
		return nil, err
	}
	target, err := url.Parse(user.Host)
	if err != nil {
		return nil, err
	}
	if target.Scheme == "" || target.Host == "" {
		if target, err = url.Parse("https://" + user.Host); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, upstream: rt, target: target, counts: map[string]int{}, rights: map[Right]bool{}, cuts: map[int]func(string) bool{}, streams: map[*stream]bool{}, gate: make(chan struct{})}
	close(p.gate)
	reverse := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     rt,
		FlushInterval: -1,
		ModifyResponse: func(r *http.Response) error {
			r.Body = p.follow(r.Request.URL.Path, r.Body)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	p.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, reverse) })}
	go func() { _ = p.server.Serve(l) }() // ends with Close
	return p, nil
}

// Config is a configuration that goes through the proxy.
func (p *Proxy) Config() *rest.Config {
	return Unlimited(&rest.Config{Host: "http://" + p.listener.Addr().String()})
}

// Close ends the proxy and all its connections.
func (p *Proxy) Close() {
	p.mu.Lock()
	if p.closed() {
		p.gate = make(chan struct{})
		close(p.gate)
	}
	p.mu.Unlock()
	_ = p.server.Close()
	p.sever(func(string) bool { return true })
	if c, ok := p.upstream.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (p *Proxy) closed() bool {
	select {
	case <-p.gate:
		return false
	default:
		return true
	}
}

// Counts are the requests since Reset, but watches, by verb and resource: "PATCH
// pods", "PATCH statefulsets/scale".
func (p *Proxy) Counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// Reset makes all counts zero.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = map[string]int{}
}

// Rights are what all requests took.
func (p *Proxy) Rights() map[Right]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.rights)
}

// SetFault decides what becomes of each request that is no watch; nil is nothing.
func (p *Proxy) SetFault(f func(r *http.Request) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Hang makes the proxy answer nobody until resume is called.
func (p *Proxy) Hang() (resume func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gate := make(chan struct{})
	p.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

// Cut makes paths unreachable until mend is called; watches of them end.
func (p *Proxy) Cut(path func(string) bool) (mend func()) {
	p.mu.Lock()
	id := p.next
	p.next++
	p.cuts[id] = path
	p.mu.Unlock()
	p.sever(path)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.cuts, id)
	}
}

func (p *Proxy) sever(path func(string) bool) {
	p.mu.Lock()
	var ends []*stream
	for s := range p.streams {
		if path(s.path) {
			ends = append(ends, s)
		}
	}
	p.mu.Unlock()
	for _, s := range ends {
		_ = s.body.Close()
	}
}

// wait waits at the gate.
func (p *Proxy) wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		gate := p.gate
		p.mu.Unlock()
		select {
		case <-gate:
			p.mu.Lock()
			same := gate == p.gate
			p.mu.Unlock()
			if same {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request, reverse http.Handler) {
	if p.wait(r.Context()) != nil {
		return
	}
	watch := r.URL.Query().Get("watch") != ""
	p.mu.Lock()
	p.rights[rightOf(r)] = true
	if !watch {
		p.counts[r.Method+" "+Resource(r.URL.Path)]++
	}
	cut := false
	for _, c := range p.cuts {
		cut = cut || c(r.URL.Path)
	}
	fault := p.fault
	for begin, h := range p.serves {
		if strings.HasPrefix(r.URL.Path, begin) {
			reverse = h
		}
	}
	p.mu.Unlock()
	if cut {
		http.Error(w, "cut", http.StatusServiceUnavailable)
		return
	}
	kind := None
	if fault != nil && !watch {
		kind = fault(r)
	}
	switch kind {
	case Refused:
		http.Error(w, "refused", http.StatusServiceUnavailable)
	case Conflict:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Conflict","code":409,"message":"injected"}`)
	case Lost, TimedOut:
		reverse.ServeHTTP(&nowhere{header: http.Header{}}, r)
		if kind == TimedOut {
			timer := time.NewTimer(20 * time.Second) // far longer than anyone waits
			defer timer.Stop()
			select {
			case <-r.Context().Done():
			case <-timer.C:
			}
			return
		}
		http.Error(w, "lost", http.StatusServiceUnavailable)
	default:
		reverse.ServeHTTP(w, r)
	}
}

// nowhere is a response that nobody gets.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

// A stream is a response on its way.
type stream struct {
	p    *Proxy
	path string
	body io.ReadCloser
}

func (p *Proxy) follow(path string, body io.ReadCloser) io.ReadCloser {
	s := &stream{p, path, body}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.streams[s] = true
	return s
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.body.Read(b)
	if err == nil {
		if s.p.wait(context.Background()) != nil {
			return 0, errors.New("closed")
		}
	}
	return n, err
}

func (s *stream) Close() error {
	s.p.mu.Lock()
	delete(s.p.streams, s)
	s.p.mu.Unlock()
	return s.body.Close()
}

// Package proxy is where requests enter: a reverse proxy that counts them, lets
// them wait while nobody can serve them, and sends them to replicas that are
// ready.
//
// A request for a model counts as in flight from the moment it comes in, waiting
// included (package laghttp): so a model without a replica has load to be seen.
// It waits behind those that came before, until a replica has a free slot; no
// longer than Options.Hold, and not behind more than Options.Waiting others.
//
// Requests go to the replica that has the fewest. One that cannot be reached,
// goes away or falls silent gets none for a while, well before the control plane
// has noticed. A request that a server has not begun is sent elsewhere; one that
// it may have begun only if it is idempotent.
//
// The routes come from the control plane, group by group. A proxy that has just
// started has none, and holds requests until it is told.
package proxy

import (
	"cmp"
	"context"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
	"github.com/bellows-go/bellows/lag"
	"github.com/bellows-go/bellows/lag/laghttp"
)

// Options are what a proxy is started with.
type Options struct {
	Models  []string
	Hold    time.Duration // how long a request may wait for a replica; 0 is 15 s
	Waiting int           // requests that may wait for one model; 0 is 1024
	Silence time.Duration // after which a server that has not begun to answer is given up; 0 is 2 s
}

// Prefix is what the path of a request for a model begins with; its name follows.
const Prefix = "/v1/models/"

// A Proxy is a reverse proxy. New makes one.
type Proxy struct {
	Options
	registry lag.Registry
	pools    map[string]*pool // by model
	stats    stats
	forward  *httputil.ReverseProxy
	base     *http.Transport

	mu     sync.Mutex
	groups map[string]wire.GroupRoutes // as last ordered
}

// New returns a proxy that has no routes.
func New(o Options) *Proxy {
	o.Hold = cmp.Or(o.Hold, 15*time.Second)
	o.Waiting = cmp.Or(o.Waiting, 1024)
	o.Silence = cmp.Or(o.Silence, 2*time.Second)
	p := &Proxy{Options: o, pools: map[string]*pool{}, groups: map[string]wire.GroupRoutes{}}
	for _, m := range o.Models {
		p.pools[m] = newPool(o.Waiting)
		p.registry.Meter(m) // so that it counts zero before the first request
	}
	dialer := net.Dialer{Timeout: min(time.Second, o.Silence)}
	p.base = &http.Transport{
		DialContext: dialer.DialContext, ResponseHeaderTimeout: o.Silence,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true,
	}
	p.forward = &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetXForwarded() },
		Transport:    &forwarder{p.base, o.Hold, &p.stats},
		ErrorHandler: status,
		ErrorLog:     log.New(quiet{}, "", 0),
		BufferPool:   &buffers{},
	}
	return p
}

// Close ends idle connections to servers.
func (p *Proxy) Close() { p.base.CloseIdleConnections() }

// model names the model that a request is for; ok is false if there is none such.
func (p *Proxy) model(r *http.Request) (name string, ok bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, Prefix)
	if !ok {
		return "", false
	}
	name, _, _ = strings.Cut(rest, "/")
	return name, p.pools[name] != nil
}

// Handler serves requests for models.
func (p *Proxy) Handler() http.Handler {
	forward := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := p.model(r)
		if !ok {
			http.NotFound(w, r)
			return
		}
		began := time.Now()
		defer func() { p.stats.took(name, time.Since(began)) }()
		p.forward.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), poolKey{}, p.pools[name])))
	})
	return &laghttp.Handler{Next: forward, Registry: &p.registry, Target: p.model}
}

// Totals are the requests counted so far.
func (p *Proxy) Totals() wire.Totals {
	t := wire.Totals{At: time.Now(), Targets: map[string]wire.TargetCount{}}
	for name, m := range p.registry.All() {
		n := m.Totals()
		t.Targets[name] = wire.TargetCount{Begun: n.Begun, Ended: n.Ended, Failed: n.Failed}
	}
	return t
}

// Routes are where requests go.
func (p *Proxy) Routes() wire.Routes {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := wire.Routes{At: time.Now()}
	for _, g := range p.groups {
		g.Routes = nil
		for _, m := range p.Models {
			g.Routes = append(g.Routes, p.pools[m].routes(g.Group)...)
		}
		all.Groups = append(all.Groups, g)
	}
	slices.SortFunc(all.Groups, func(a, b wire.GroupRoutes) int { return cmp.Compare(a.Group, b.Group) })
	return all
}

// SetRoutes replaces the routes to one group's servers: when it returns, nobody
// is sent by the old ones any more. It reports false, and changes nothing, for
// an order that is older than the last.
func (p *Proxy) SetRoutes(g wire.GroupRoutes) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.Version < p.groups[g.Group].Version {
		return false
	}
	p.groups[g.Group] = wire.GroupRoutes{Group: g.Group, Version: g.Version}
	for name, pool := range p.pools {
		var its []wire.Route
		for _, r := range g.Routes {
			if r.Model == name {
				its = append(its, r)
			}
		}
		pool.set(g.Group, its)
	}
	return true
}

// Admin serves what package wire lists of a proxy, for the control plane.
func (p *Proxy) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /totals", func(w http.ResponseWriter, _ *http.Request) { wire.Answer(w, p.Totals()) })
	mux.HandleFunc("GET /routes", func(w http.ResponseWriter, _ *http.Request) { wire.Answer(w, p.Routes()) })
	mux.HandleFunc("PUT /routes", func(w http.ResponseWriter, r *http.Request) {
		var g wire.GroupRoutes
		if wire.Decode(w, r, &g) && !p.SetRoutes(g) {
			http.Error(w, "a later order is in force", http.StatusConflict)
		}
	})
	mux.HandleFunc("GET /metrics", p.metrics)
	return wire.Local(mux)
}

// quiet is a log that nobody reads: what goes wrong is in the answer and in the
// metrics.
type quiet struct{}

func (quiet) Write(p []byte) (int, error) { return len(p), nil }

// buffers lends the buffers through which bodies are copied.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 16<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

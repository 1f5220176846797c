package proxy

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// A backend is a server that requests are routed to.
func backend(t *testing.T, name string, h http.HandlerFunc) wire.Route {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return wire.Route{Server: name, Addr: s.Listener.Addr().String(), Model: "llama", ModelVersion: "v1", Slots: 4}
}

func echo(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }

// dies takes a request and goes away with it.
func dies(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	c, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		c.Close()
	}
}

// refuses has not begun the request.
func refuses(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(wire.Refused, wire.RefusedLeaving)
	http.Error(w, "no", http.StatusServiceUnavailable)
}

// nowhere is a route to where nobody listens.
func nowhere(t *testing.T) wire.Route {
	l, err := proc.Listen()
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	return wire.Route{Server: "nowhere", Addr: addr, Model: "llama", ModelVersion: "v1", Slots: 4}
}

// gateway serves a proxy with these routes, the first of which is tried first.
func gateway(t *testing.T, o Options, routes ...wire.Route) (p *Proxy, url string) {
	o.Models = []string{"llama"}
	p = New(o)
	require.True(t, p.SetRoutes(wire.GroupRoutes{Group: "gpu", Version: 1, Routes: routes}))
	s := httptest.NewServer(p.Handler())
	t.Cleanup(s.Close)
	t.Cleanup(p.Close)
	return p, s.URL + Prefix + "llama/infer"
}

// send sends a request with a body; a key makes it idempotent.
func send(t *testing.T, ctx context.Context, method, url, body, key string) (*http.Response, string) {
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	if key != "" {
		r.Header.Set(wire.IdempotencyKey, key)
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(answer)
}

func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name, method, key string
		first             func(*testing.T) wire.Route
		status            int
		attempts          string
	}{
		{"a POST that was begun is not sent again", "POST", "", func(t *testing.T) wire.Route { return backend(t, "first", dies) }, 502, ""},
		{"a POST with a key is", "POST", "k", func(t *testing.T) wire.Route { return backend(t, "first", dies) }, 200, "2"},
		{"so is a PUT", "PUT", "", func(t *testing.T) wire.Route { return backend(t, "first", dies) }, 200, "2"},
		{"a POST that was refused is sent again", "POST", "", func(t *testing.T) wire.Route { return backend(t, "first", refuses) }, 200, "2"},
		{"so is one that reached nobody", "POST", "", nowhere, 200, "2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, url := gateway(t, Options{}, test.first(t), backend(t, "second", echo))
			resp, body := send(t, t.Context(), test.method, url, "hello", test.key)
			require.Equal(t, test.status, resp.StatusCode, body)
			if test.status == 200 {
				require.Equal(t, "hello", body)
				require.Equal(t, "second", resp.Header.Get(wire.Server))
			} else {
				require.Equal(t, "first", resp.Header.Get(wire.Lost))
			}
			require.Equal(t, test.attempts, resp.Header.Get(wire.Attempts))
			settled(t, p)
		})
	}
}

// settled requires that nothing is in flight, in the end.
func settled(t *testing.T, p *Proxy) {
	require.Eventually(t, func() bool {
		n := p.Totals().Targets["llama"]
		idle := n.Begun > 0 && n.Begun == n.Ended
		for _, r := range p.Routes().Groups[0].Routes {
			idle = idle && r.InFlight == 0
		}
		return idle
	}, 10*time.Second, time.Millisecond)
}

func TestIdempotentRequestsEndToo(t *testing.T) {
	var begun atomic.Int32
	p, url := gateway(t, Options{}, backend(t, "first", func(w http.ResponseWriter, r *http.Request) {
		begun.Add(1)
		dies(w, r)
	}))
	resp, _ := send(t, t.Context(), "POST", url, "hello", "k")
	require.Equal(t, 502, resp.StatusCode)
	require.EqualValues(t, mostBegun, begun.Load())
	settled(t, p)
	require.EqualValues(t, 1, p.Totals().Targets["llama"].Failed, "one request, however often it was sent")
}

func TestLongBodiesAreSentOnce(t *testing.T) {
	_, url := gateway(t, Options{}, backend(t, "first", refuses), backend(t, "second", echo))
	long := strings.Repeat("x", maxKept+1)
	resp, _ := send(t, t.Context(), "PUT", url, long, "")
	require.Equal(t, 503, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get(wire.Refused))
	resp, body := send(t, t.Context(), "PUT", url, long, "")
	require.Equal(t, 200, resp.StatusCode)
	require.Len(t, body, maxKept+1)
}

func TestSilentServer(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	silent := backend(t, "silent", func(http.ResponseWriter, *http.Request) { <-release })
	_, url := gateway(t, Options{Silence: 500 * time.Millisecond}, silent, backend(t, "second", echo))
	resp, _ := send(t, t.Context(), "POST", url, "hello", "k")
	require.Equal(t, "second", resp.Header.Get(wire.Server))

	_, url = gateway(t, Options{Silence: 500 * time.Millisecond}, silent)
	resp, _ = send(t, t.Context(), "POST", url, "hello", "")
	require.Equal(t, 504, resp.StatusCode)
	require.Equal(t, "silent", resp.Header.Get(wire.Lost))
}

func TestRequestsWaitForARoute(t *testing.T) {
	p, url := gateway(t, Options{})
	answer := make(chan string)
	go func() {
		_, body := send(t, t.Context(), "POST", url, "hello", "")
		answer <- body
	}()
	require.Eventually(t, func() bool {
		waiting, _, _ := p.pools["llama"].counts()
		return waiting == 1
	}, 10*time.Second, time.Millisecond)
	n := p.Totals().Targets["llama"]
	require.EqualValues(t, 1, n.Begun-n.Ended, "a request that waits is load, or nothing would ever serve it")
	require.True(t, p.SetRoutes(wire.GroupRoutes{Group: "gpu", Version: 2, Routes: []wire.Route{backend(t, "first", echo)}}))
	require.Equal(t, "hello", <-answer)
	settled(t, p)
}

func TestNobodyServes(t *testing.T) {
	_, url := gateway(t, Options{Hold: 20 * time.Millisecond})
	resp, _ := send(t, t.Context(), "POST", url, "hello", "")
	require.Equal(t, 503, resp.StatusCode)
	require.NotEmpty(t, resp.Header.Get("Retry-After"))

	_, url = gateway(t, Options{Hold: 20 * time.Millisecond}, backend(t, "first", refuses))
	resp, _ = send(t, t.Context(), "POST", url, "hello", "")
	require.Equal(t, 503, resp.StatusCode, "who is refused everywhere has waited in vain, too")

	resp, _ = send(t, t.Context(), "POST", strings.Replace(url, "llama", "nobody", 1), "hello", "")
	require.Equal(t, 404, resp.StatusCode)
}

// A client that goes away leaves nothing behind: neither where it waits nor where
// it is served.
func TestClientGoesAway(t *testing.T) {
	for _, served := range []bool{false, true} {
		began := make(chan struct{}, 1)
		slow := backend(t, "slow", func(_ http.ResponseWriter, r *http.Request) {
			began <- struct{}{}
			<-r.Context().Done()
		})
		var routes []wire.Route
		if served {
			routes = append(routes, slow)
		}
		p, url := gateway(t, Options{}, routes...)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
			if err == nil {
				_, err = http.DefaultClient.Do(r)
			}
			gone <- err
		}()
		if served {
			<-began
		} else {
			require.Eventually(t, func() bool { n, _, _ := p.pools["llama"].counts(); return n == 1 }, 10*time.Second, time.Millisecond)
		}
		cancel()
		require.ErrorIs(t, <-gone, context.Canceled)
		settled(t, p)
		require.Zero(t, p.Totals().Targets["llama"].Failed, "a client that goes away is no failure")
		if served {
			require.False(t, p.Routes().Groups[0].Routes[0].Ejected, "nor is it the server's")
		}
	}
}

func TestStreamsCountToTheirEnd(t *testing.T) {
	more := make(chan struct{})
	p, url := gateway(t, Options{}, backend(t, "first", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "one")
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, "two")
	}))
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	first := make([]byte, 3)
	_, err = io.ReadFull(resp.Body, first)
	require.NoError(t, err)
	require.Equal(t, 1, p.Routes().Groups[0].Routes[0].InFlight)
	close(more)
	rest, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "two", string(rest))
	settled(t, p)
}

func TestOlderRoutesAreRefused(t *testing.T) {
	p, _ := gateway(t, Options{})
	admin := httptest.NewServer(p.Admin())
	defer admin.Close()
	put := func(version uint64) error {
		return wire.Call(t.Context(), http.DefaultClient, "PUT", admin.URL+"/routes", wire.GroupRoutes{Group: "gpu", Version: version}, nil)
	}
	require.NoError(t, put(7))
	require.NoError(t, put(7), "the same again")
	var refused *wire.StatusError
	require.ErrorAs(t, put(6), &refused)
	require.Equal(t, 409, refused.Status)
	var routes wire.Routes
	require.NoError(t, wire.Call(t.Context(), http.DefaultClient, "GET", admin.URL+"/routes", nil, &routes))
	require.EqualValues(t, 7, routes.Groups[0].Version)
}

func TestAdminIsForLocalNames(t *testing.T) {
	p, _ := gateway(t, Options{})
	r := httptest.NewRequest("GET", "http://evil.example/totals", nil)
	w := httptest.NewRecorder()
	p.Admin().ServeHTTP(w, r)
	require.Equal(t, http.StatusMisdirectedRequest, w.Code)
}

func TestMetrics(t *testing.T) {
	p, url := gateway(t, Options{}, backend(t, "first", dies), backend(t, "second", echo))
	send(t, t.Context(), "PUT", url, "hello", "")
	settled(t, p)
	w := httptest.NewRecorder()
	p.Admin().ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1/metrics", nil))
	for _, line := range []string{
		`gateway_requests_total{model="llama"} 1`, `gateway_requests_failed_total{model="llama"} 0`, `gateway_requests_in_flight{model="llama"} 0`,
		`gateway_retries_total 1`, `gateway_requests_lost_total 0`, `gateway_routes{group="gpu",model="llama"} 2`,
		`gateway_request_duration_seconds_count{model="llama"} 1`, `gateway_request_duration_seconds_bucket{model="llama",le="+Inf"} 1`,
	} {
		require.Contains(t, w.Body.String(), line+"\n")
	}
}

package laghttp_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/lag"
	"github.com/bellows-go/bellows/lag/laghttp"
)

const target = "m"

func always(*http.Request) (string, bool) { return target, true }

func totals(r *lag.Registry) lag.Totals { return r.Meter(target).Totals() }

var (
	inFlight  = lag.Totals{Begun: 1}
	succeeded = lag.Totals{Begun: 1, Ended: 1}
	failed    = lag.Totals{Begun: 1, Ended: 1, Failed: 1}
)

// serve counts what the handler serves on loopback. Each request that is over
// for the Handler sends what it panicked with, nil if it did not, to over.
func serve(t *testing.T, next http.HandlerFunc) (srv *httptest.Server, reg *lag.Registry, over chan any) {
	reg, over = &lag.Registry{}, make(chan any, 1)
	h := &laghttp.Handler{Next: next, Registry: reg, Target: always}
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			over <- p
			if p != nil {
				panic(http.ErrAbortHandler)
			}
		}()
		h.ServeHTTP(w, r)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // of superfluous WriteHeaders
	srv.Start()
	t.Cleanup(srv.Close)
	return srv, reg, over
}

func TestHandlerStatus(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name     string
		serve    http.HandlerFunc
		want     lag.Totals
		panicked any
	}{
		{"nothing written is 200", func(http.ResponseWriter, *http.Request) {}, succeeded, nil},
		{"499 is no failure", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(499) }, succeeded, nil},
		{"500 is a failure", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, failed, nil},
		{"informational headers are not the status", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(503)
		}, failed, nil},
		{"the first status counts", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(404)
			w.WriteHeader(500)
		}, succeeded, nil},
		{"the first status counts, failure first", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			w.WriteHeader(200)
		}, failed, nil},
		{"Write implies 200", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(nil)
			w.WriteHeader(500)
		}, succeeded, nil},
		{"WriteString implies 200", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "x")
			w.WriteHeader(500)
		}, succeeded, nil},
		{"Flush implies 200", func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.WriteHeader(500)
		}, succeeded, nil},
		{"a controller's Flush implies 200", func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).Flush()
			w.WriteHeader(500)
		}, succeeded, nil},
		{"ReadFrom implies 200", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("x"))
			w.WriteHeader(500)
		}, succeeded, nil},
		{"ReadFrom of nothing does not", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader(""))
			w.WriteHeader(500)
		}, failed, nil},
		{"a panic is a failure", func(http.ResponseWriter, *http.Request) { panic(boom) }, failed, boom},
		{"a panic after 200 is a failure", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			panic(boom)
		}, failed, boom},
		{"aborting is a failure", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, failed, http.ErrAbortHandler},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv, reg, over := serve(t, tt.serve)
			resp, err := srv.Client().Get(srv.URL)
			require.Equal(t, tt.panicked, <-over)
			if tt.panicked == nil {
				require.NoError(t, err)
			}
			if err == nil {
				_ = resp.Body.Close()
			}
			require.Equal(t, tt.want, totals(reg))
		})
	}
}

func TestHandlerCountsOnlyWhatIsNamed(t *testing.T) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	unnamed := func(*http.Request) (string, bool) { return target, false }
	var reg lag.Registry
	for name, h := range map[string]*laghttp.Handler{
		"not ok":      {Next: next, Registry: &reg, Target: unnamed},
		"no target":   {Next: next, Registry: &reg},
		"no registry": {Next: next, Target: always},
	} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
		require.Equal(t, http.StatusTeapot, rec.Code, name)
	}
	_, ok := reg.Lookup(target)
	require.False(t, ok)

	rec := httptest.NewRecorder()
	new(laghttp.Handler).ServeHTTP(rec, httptest.NewRequest("GET", "/nothing/is/here", nil))
	require.Equal(t, http.StatusNotFound, rec.Code)
}

func TestHandlerStreams(t *testing.T) {
	more := make(chan struct{})
	srv, reg, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "a")
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, "b")
	})
	resp, err := srv.Client().Get(srv.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	first := make([]byte, 1)
	_, err = io.ReadFull(resp.Body, first)
	require.NoError(t, err)
	require.Equal(t, inFlight, totals(reg))
	close(more)
	rest, err := io.ReadAll(resp.Body) // the last chunk follows the handler's return
	require.NoError(t, err)
	require.Equal(t, "ab", string(first)+string(rest))
	require.Equal(t, succeeded, totals(reg))
}

func TestHandlerClientGoesAway(t *testing.T) {
	srv, reg, over := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
	require.NoError(t, err)
	resp, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, inFlight, totals(reg))
	cancel()
	require.Nil(t, <-over)
	require.Equal(t, succeeded, totals(reg))
}

// A proxy aborts when its client goes away: no failure, unlike an abort of its
// own, another panic, or a status that says so.
func TestHandlerClientLeavesAProxy(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 1<<10))
			w.(http.Flusher).Flush()
		}
	}))
	defer backend.Close()
	to, err := url.Parse(backend.URL)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	srv, reg, over := serve(t, proxy.ServeHTTP)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
	require.NoError(t, err)
	resp, err := srv.Client().Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, inFlight, totals(reg))
	cancel()
	require.Equal(t, http.ErrAbortHandler, <-over)
	require.Equal(t, succeeded, totals(reg))
}

func TestHandlerAbortsAfterCancel(t *testing.T) {
	boom := []int{1} // not comparable
	for _, tt := range []struct {
		name   string
		cancel bool
		status int
		panics any
		want   lag.Totals
	}{
		{"the client left", true, 200, http.ErrAbortHandler, succeeded},
		{"nobody left", false, 200, http.ErrAbortHandler, failed},
		{"the status says so", true, 502, http.ErrAbortHandler, failed},
		{"another panic", true, 200, boom, failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var reg lag.Registry
			h := &laghttp.Handler{Registry: &reg, Target: always, Next: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				if tt.cancel {
					cancel()
				}
				panic(tt.panics)
			})}
			require.Equal(t, tt.panics, func() (p any) {
				defer func() { p = recover() }()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/", nil))
				return nil
			}())
			require.Equal(t, tt.want, totals(&reg))
		})
	}
}

// MaxBytesReader closes the connection when it is given what Unwrap returns, and
// only then.
func TestHandlerMaxBytes(t *testing.T) {
	for _, unwrap := range []bool{true, false} {
		srv, reg, over := serve(t, func(w http.ResponseWriter, r *http.Request) {
			limited := w
			if unwrap {
				limited = w.(interface{ Unwrap() http.ResponseWriter }).Unwrap()
			}
			_, err := io.Copy(io.Discard, http.MaxBytesReader(limited, r.Body, 10))
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
			}
		})
		resp, err := srv.Client().Post(srv.URL, "text/plain", strings.NewReader(strings.Repeat("x", 100)))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Nil(t, <-over)
		require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
		require.Equal(t, unwrap, resp.Close)
		require.Equal(t, succeeded, totals(reg))
	}
}

// A hijacked TLS connection is over when the one below it is closed.
func TestHijackedTLSClosedBelow(t *testing.T) {
	pipe, _ := net.Pipe()
	var reg lag.Registry
	var conn net.Conn
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ = w.(http.Hijacker).Hijack()
	})
	w := struct {
		least
		hijacks
	}{least{httptest.NewRecorder()}, hijacks{map[string]int{}, tls.Client(pipe, &tls.Config{ServerName: "x"}), nil}}
	(&laghttp.Handler{Next: next, Registry: &reg, Target: always}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, inFlight, totals(&reg))
	require.NoError(t, conn.(interface{ NetConn() net.Conn }).NetConn().Close())
	require.Equal(t, succeeded, totals(&reg))
	_ = conn.Close()
	require.Equal(t, succeeded, totals(&reg))
}

func TestHandlerSendsFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	content := strings.Repeat("bellows ", 1<<16)
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	srv, reg, over := serve(t, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) })
	resp, err := srv.Client().Get(srv.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.True(t, content == string(got))
	require.Nil(t, <-over)
	require.Equal(t, succeeded, totals(reg))
}

func TestHandlerHijack(t *testing.T) {
	plainly := func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) { return w.(http.Hijacker).Hijack() }
	byController := func(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
		return http.NewResponseController(w).Hijack()
	}
	for name, hijack := range map[string]func(http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error){
		"type assertion": plainly, "controller": byController,
	} {
		t.Run(name, func(t *testing.T) {
			conns := make(chan net.Conn, 1)
			srv, reg, over := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				conn, buf, err := hijack(w)
				if err != nil {
					panic(err)
				}
				_, _, err = hijack(w) // fails, and changes nothing
				if !errors.Is(err, http.ErrHijacked) {
					panic(err)
				}
				_, _ = buf.WriteString("hello")
				_ = buf.Flush()
				conns <- conn
			})
			client, err := net.Dial("tcp", srv.Listener.Addr().String())
			require.NoError(t, err)
			defer client.Close()
			_, err = io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NoError(t, err)
			require.Nil(t, <-over)
			conn := <-conns
			require.Equal(t, inFlight, totals(reg))

			half, ok := conn.(interface{ CloseWrite() error })
			require.True(t, ok)
			require.NoError(t, half.CloseWrite())
			got, err := io.ReadAll(client)
			require.NoError(t, err)
			require.Equal(t, "hello", string(got))
			require.Equal(t, inFlight, totals(reg))

			require.NoError(t, conn.Close())
			require.Equal(t, succeeded, totals(reg))
			require.ErrorIs(t, conn.Close(), net.ErrClosed)
			require.Equal(t, succeeded, totals(reg))
		})
	}
}

func TestHandlerHijackThenPanic(t *testing.T) {
	conns := make(chan net.Conn, 1)
	srv, reg, over := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		conns <- conn
		panic("lost")
	})
	client, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer client.Close()
	_, err = io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	require.Equal(t, "lost", <-over)
	require.Equal(t, failed, totals(reg))
	require.NoError(t, (<-conns).Close())
	require.Equal(t, failed, totals(reg))
}

// Writers that can do one thing more than the least.
type (
	least   struct{ http.ResponseWriter }
	flushes struct{ calls map[string]int }
	hijacks struct {
		calls map[string]int
		conn  net.Conn
		err   error
	}
	reads  struct{ calls map[string]int }
	nested struct {
		http.ResponseWriter
		within http.ResponseWriter
	}
)

func (f flushes) Flush() { f.calls["Flush"]++ }

func (h hijacks) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.calls["Hijack"]++
	return h.conn, nil, h.err
}

func (r reads) ReadFrom(src io.Reader) (int64, error) {
	r.calls["ReadFrom"]++
	return io.Copy(io.Discard, src)
}

func (n nested) Unwrap() http.ResponseWriter { return n.within }

func TestHandlerClaimsWhatTheWriterCan(t *testing.T) {
	calls := map[string]int{}
	refuses := errors.New("refuses")
	l := least{httptest.NewRecorder()}
	f, h, r := flushes{calls}, hijacks{calls, nil, refuses}, reads{calls}
	tests := []struct {
		name                   string
		w                      http.ResponseWriter
		flush, hijack, readAll int
	}{
		{"least", l, 0, 0, 0},
		{"f", struct {
			least
			flushes
		}{l, f}, 1, 0, 0},
		{"h", struct {
			least
			hijacks
		}{l, h}, 0, 1, 0},
		{"r", struct {
			least
			reads
		}{l, r}, 0, 0, 1},
		{"f h", struct {
			least
			flushes
			hijacks
		}{l, f, h}, 1, 1, 0},
		{"f r", struct {
			least
			flushes
			reads
		}{l, f, r}, 1, 0, 1},
		{"h r", struct {
			least
			hijacks
			reads
		}{l, h, r}, 0, 1, 1},
		{"f h r", struct {
			least
			flushes
			hijacks
			reads
		}{l, f, h, r}, 1, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clear(calls)
			var reg lag.Registry
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if f, ok := w.(http.Flusher); ok {
					f.Flush()
				}
				if h, ok := w.(http.Hijacker); ok {
					_, _, err := h.Hijack()
					require.ErrorIs(t, err, refuses)
				}
				if r, ok := w.(io.ReaderFrom); ok {
					n, err := r.ReadFrom(strings.NewReader("abc"))
					require.NoError(t, err)
					require.Equal(t, int64(3), n)
				}
				require.Equal(t, tt.w, w.(interface{ Unwrap() http.ResponseWriter }).Unwrap())
				require.Equal(t, inFlight, totals(&reg)) // a refused hijack takes nothing over
			})
			(&laghttp.Handler{Next: next, Registry: &reg, Target: always}).ServeHTTP(tt.w, httptest.NewRequest("GET", "/", nil))
			require.Equal(t, [3]int{tt.flush, tt.hijack, tt.readAll}, [3]int{calls["Flush"], calls["Hijack"], calls["ReadFrom"]})
			require.Equal(t, succeeded, totals(&reg))
		})
	}
}

func TestHandlerUnsupportedLeavesTheStatus(t *testing.T) {
	var reg lag.Registry
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		rc := http.NewResponseController(w)
		require.ErrorIs(t, rc.Flush(), http.ErrNotSupported)
		_, _, err := rc.Hijack()
		require.ErrorIs(t, err, http.ErrNotSupported)
		w.WriteHeader(500)
	})
	w := least{httptest.NewRecorder()}
	(&laghttp.Handler{Next: next, Registry: &reg, Target: always}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, failed, totals(&reg))
}

// 101 is the one status below 200 that is final.
func TestHandlerSwitchingProtocolsIsFinal(t *testing.T) {
	var reg lag.Registry
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		w.WriteHeader(500)
	})
	(&laghttp.Handler{Next: next, Registry: &reg, Target: always}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	require.Equal(t, succeeded, totals(&reg))
}

// Only a status that came before hijacking is one.
func TestHandlerStatusAroundHijack(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after int
		want          lag.Totals
	}{
		{"before", 500, 200, failed},
		{"after", 200, 500, succeeded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			var reg lag.Registry
			var conn net.Conn
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.before)
				conn, _, _ = w.(http.Hijacker).Hijack()
				w.WriteHeader(tt.after)
			})
			w := struct {
				least
				hijacks
			}{least{httptest.NewRecorder()}, hijacks{map[string]int{}, ours, nil}}
			(&laghttp.Handler{Next: next, Registry: &reg, Target: always}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			require.Equal(t, inFlight, totals(&reg))
			require.NoError(t, conn.Close())
			require.Equal(t, tt.want, totals(&reg))
		})
	}
}

// A writer that hijacks only by unwrapping is found by a controller, counted,
// and never claimed.
func TestHandlerHijackFurtherIn(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	w := nested{httptest.NewRecorder(), struct {
		least
		hijacks
	}{least{httptest.NewRecorder()}, hijacks{map[string]int{}, ours, nil}}}
	var reg lag.Registry
	var conn net.Conn
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, claims := w.(http.Hijacker)
		require.False(t, claims)
		var err error
		conn, _, err = http.NewResponseController(w).Hijack()
		require.NoError(t, err)
	})
	(&laghttp.Handler{Next: next, Registry: &reg, Target: always}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	_, halfCloses := conn.(interface{ CloseWrite() error })
	require.False(t, halfCloses)
	require.Equal(t, inFlight, totals(&reg))
	require.NoError(t, conn.Close())
	require.NoError(t, conn.Close())
	require.Equal(t, succeeded, totals(&reg))
}

type halfPipe struct{ net.Conn }

func (halfPipe) CloseWrite() error { return nil }

func TestHijackedConnKeepsWhatItCan(t *testing.T) {
	pipe, _ := net.Pipe()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	tcp, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	for _, tt := range []struct {
		name                         string
		conn                         net.Conn
		closeWrite, readFrom, tlsToo bool
	}{
		{"plain", pipe, false, false, false},
		{"half", halfPipe{pipe}, true, false, false},
		{"tls", tls.Client(pipe, &tls.Config{ServerName: "x"}), true, false, true},
		{"tcp", tcp, true, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var reg lag.Registry
			var conn net.Conn
			next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, _ = w.(http.Hijacker).Hijack()
			})
			w := struct {
				least
				hijacks
			}{least{httptest.NewRecorder()}, hijacks{map[string]int{}, tt.conn, nil}}
			(&laghttp.Handler{Next: next, Registry: &reg, Target: always}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			_, closeWrite := conn.(interface{ CloseWrite() error })
			_, readFrom := conn.(io.ReaderFrom)
			_, tlsToo := conn.(interface{ ConnectionState() tls.ConnectionState })
			require.Equal(t, [3]bool{tt.closeWrite, tt.readFrom, tt.tlsToo}, [3]bool{closeWrite, readFrom, tlsToo})
			require.Equal(t, inFlight, totals(&reg))
			_ = conn.Close()
			_ = conn.Close()
			require.Equal(t, succeeded, totals(&reg))
		})
	}
}

func TestHandlerHTTP2(t *testing.T) {
	var reg lag.Registry
	srv := httptest.NewUnstartedServer(&laghttp.Handler{
		Registry: &reg, Target: always,
		Next: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, hijacks := w.(http.Hijacker)
			_, flushes := w.(http.Flusher)
			_, pushes := w.(interface{ Unwrap() http.ResponseWriter }).Unwrap().(http.Pusher)
			if r.ProtoMajor != 2 || hijacks || !flushes || !pushes {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}),
	})
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

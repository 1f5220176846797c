package laghttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/lag"
	"github.com/bellows-go/bellows/lag/laghttp"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body io.ReadCloser) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Body: body, Request: r}, nil
	}
}

func request(ctx context.Context) *http.Request {
	return httptest.NewRequestWithContext(ctx, "GET", "http://x/", nil)
}

func TestTransportEnds(t *testing.T) {
	broken := errors.New("broken")
	text := func(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }
	readAll := func(b io.ReadCloser) { _, _ = io.ReadAll(b) }
	closeIt := func(b io.ReadCloser) { _ = b.Close() }
	nothing := func(io.ReadCloser) {}
	tests := []struct {
		name string
		base roundTrip
		do   func(io.ReadCloser)
		want lag.Totals
	}{
		{"an untouched body is in flight", answer(200, text("abc")), nothing, inFlight},
		{"a body read in part is in flight", answer(200, text("abc")), func(b io.ReadCloser) {
			_, _ = b.Read(make([]byte, 2))
		}, inFlight},
		{"read to EOF", answer(200, text("abc")), readAll, succeeded},
		{"read to EOF with the last bytes", answer(200, io.NopCloser(iotest.DataErrReader(strings.NewReader("abc")))), readAll, succeeded},
		{"closed early", answer(200, text("abc")), closeIt, succeeded},
		{"read to EOF, then closed twice", answer(200, text("abc")), func(b io.ReadCloser) {
			readAll(b)
			closeIt(b)
			closeIt(b)
		}, succeeded},
		{"a read fails", answer(200, io.NopCloser(iotest.ErrReader(broken))), readAll, failed},
		{"a read fails after Close", answer(200, io.NopCloser(iotest.ErrReader(broken))), func(b io.ReadCloser) {
			closeIt(b)
			readAll(b)
		}, succeeded},
		{"499 is no failure", answer(499, text("abc")), readAll, succeeded},
		{"500 read", answer(500, text("abc")), readAll, failed},
		{"503 closed", answer(503, text("abc")), closeIt, failed},
		{"503 untouched is in flight", answer(503, text("abc")), nothing, inFlight},
		{"no body", answer(204, http.NoBody), nothing, succeeded},
		{"nil body", answer(200, nil), nothing, succeeded},
		{"no body, 500", answer(500, http.NoBody), nothing, failed},
		{"RoundTrip fails", func(*http.Request) (*http.Response, error) { return nil, broken }, nothing, failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var reg lag.Registry
			tr := &laghttp.Transport{Base: tt.base, Registry: &reg, Target: always}
			resp, err := tr.RoundTrip(request(t.Context()))
			if err != nil {
				require.ErrorIs(t, err, broken)
			} else {
				tt.do(resp.Body)
			}
			require.Equal(t, tt.want, totals(&reg))
		})
	}
}

func TestTransportPanickingBase(t *testing.T) {
	var reg lag.Registry
	tr := &laghttp.Transport{Registry: &reg, Target: always, Base: roundTrip(func(*http.Request) (*http.Response, error) {
		panic("boom")
	})}
	require.PanicsWithValue(t, "boom", func() { _, _ = tr.RoundTrip(request(t.Context())) })
	require.Equal(t, failed, totals(&reg))
}

func TestTransportCountsOnlyWhatIsNamed(t *testing.T) {
	var reg lag.Registry
	b := io.NopCloser(strings.NewReader(""))
	for name, tr := range map[string]*laghttp.Transport{
		"not ok":      {Base: answer(200, b), Registry: &reg, Target: func(*http.Request) (string, bool) { return target, false }},
		"no target":   {Base: answer(200, b), Registry: &reg},
		"no registry": {Base: answer(200, b), Target: always},
	} {
		resp, err := tr.RoundTrip(request(t.Context()))
		require.NoError(t, err)
		require.Equal(t, b, resp.Body, name)
	}
	_, ok := reg.Lookup(target)
	require.False(t, ok)
}

// The context is done while nobody reads or closes the body.
func TestTransportContextDone(t *testing.T) {
	tests := []struct {
		name   string
		status int
		done   func(context.Context) (context.Context, context.CancelFunc)
		want   lag.Totals
	}{
		{"cancelled", 200, context.WithCancel, succeeded},
		{"cancelled, 500", 500, context.WithCancel, failed},
		{"deadline", 200, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			return ctx, func() {
				<-ctx.Done()
				cancel()
			}
		}, failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reg lag.Registry
				ctx, done := tt.done(t.Context())
				pr, _ := io.Pipe()
				tr := &laghttp.Transport{Base: answer(tt.status, pr), Registry: &reg, Target: always}
				resp, err := tr.RoundTrip(request(ctx))
				require.NoError(t, err)
				synctest.Wait()
				require.Equal(t, inFlight, totals(&reg))
				done()
				synctest.Wait()
				require.Equal(t, tt.want, totals(&reg))
				require.NoError(t, resp.Body.Close())
				require.Equal(t, tt.want, totals(&reg))
			})
		})
	}
}

// ended is a context that is done and never tells: the watch on it comes too late.
type ended struct {
	context.Context
	err error
}

func (ended) Done() <-chan struct{} { return nil }
func (e ended) Err() error          { return e.err }

// Whoever notices first that the context is done, the count is the same.
func TestTransportContextDoneSaysTheSame(t *testing.T) {
	broken := errors.New("broken")
	read := func(b io.ReadCloser) { _, _ = b.Read(nil) }
	closeIt := func(b io.ReadCloser) { _ = b.Close() }
	tests := []struct {
		name  string
		err   error
		first func(io.ReadCloser)
		want  lag.Totals
	}{
		{"a read after cancel", context.Canceled, read, succeeded},
		{"Close after cancel", context.Canceled, closeIt, succeeded},
		{"a read after the deadline", context.DeadlineExceeded, read, failed},
		{"Close after the deadline", context.DeadlineExceeded, closeIt, failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var reg lag.Registry
			tr := &laghttp.Transport{Base: answer(200, io.NopCloser(iotest.ErrReader(broken))), Registry: &reg, Target: always}
			resp, err := tr.RoundTrip(request(ended{t.Context(), tt.err}))
			require.NoError(t, err)
			tt.first(resp.Body)
			require.Equal(t, tt.want, totals(&reg))
		})
	}
}

// lastRead is a body whose Close waits for the read it interrupts.
type lastRead struct {
	*io.PipeReader
	read chan struct{}
}

func (b lastRead) Close() error {
	err := b.PipeReader.Close()
	<-b.read
	return err
}

// A read blocks until another goroutine closes the body: no failure.
func TestTransportCloseDuringRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reg lag.Registry
		pr, _ := io.Pipe()
		b := lastRead{pr, make(chan struct{})}
		tr := &laghttp.Transport{Base: answer(200, b), Registry: &reg, Target: always}
		resp, err := tr.RoundTrip(request(t.Context()))
		require.NoError(t, err)
		var wg sync.WaitGroup
		var readErr error
		wg.Go(func() {
			defer close(b.read)
			_, readErr = resp.Body.Read(make([]byte, 1))
		})
		synctest.Wait()
		require.Equal(t, inFlight, totals(&reg))
		wg.Go(func() { _ = resp.Body.Close() })
		wg.Go(func() { _ = resp.Body.Close() })
		wg.Wait()
		require.ErrorIs(t, readErr, io.ErrClosedPipe)
		require.Equal(t, succeeded, totals(&reg))
	})
}

func TestTransportStreams(t *testing.T) {
	more := make(chan struct{})
	srv, served, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "a")
		w.(http.Flusher).Flush()
		<-more
		_, _ = io.WriteString(w, "b")
	})
	var sent lag.Registry
	client := &http.Client{Transport: &laghttp.Transport{Base: srv.Client().Transport, Registry: &sent, Target: always}}
	defer client.CloseIdleConnections()
	resp, err := client.Get(srv.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.ReadFull(resp.Body, make([]byte, 1))
	require.NoError(t, err)
	require.Equal(t, [2]lag.Totals{inFlight, inFlight}, [2]lag.Totals{totals(served), totals(&sent)})
	close(more)
	rest, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "b", string(rest))
	require.Equal(t, [2]lag.Totals{succeeded, succeeded}, [2]lag.Totals{totals(served), totals(&sent)})
}

func TestTransportServerAborts(t *testing.T) {
	srv, served, over := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	var sent lag.Registry
	client := &http.Client{Transport: &laghttp.Transport{Base: srv.Client().Transport, Registry: &sent, Target: always}}
	resp, err := client.Get(srv.URL)
	require.NoError(t, err)
	_, err = io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.ErrAbortHandler, <-over)
	require.Equal(t, [2]lag.Totals{failed, failed}, [2]lag.Totals{totals(served), totals(&sent)})
}

// echo upgrades, sends back all it gets, and closes.
func echo(w http.ResponseWriter, _ *http.Request) {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	_, _ = buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	_ = buf.Flush()
	_, _ = io.Copy(conn, buf)
}

func upgrade(t *testing.T, client *http.Client, at string) io.ReadWriteCloser {
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", at, nil)
	require.NoError(t, err)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "echo")
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, resp.StatusCode)
	cancel() // the connection outlives it
	rwc, ok := resp.Body.(io.ReadWriteCloser)
	require.True(t, ok)
	return rwc
}

func exchange(t *testing.T, rw io.ReadWriter, s string) {
	_, err := io.WriteString(rw, s)
	require.NoError(t, err)
	got := make([]byte, len(s))
	_, err = io.ReadFull(rw, got)
	require.NoError(t, err)
	require.Equal(t, s, string(got))
}

func TestUpgrade(t *testing.T) {
	srv, served, over := serve(t, echo)
	var sent lag.Registry
	both := func() [2]lag.Totals { return [2]lag.Totals{totals(served), totals(&sent)} }
	client := &http.Client{Transport: &laghttp.Transport{Base: srv.Client().Transport, Registry: &sent, Target: always}}
	conn := upgrade(t, client, srv.URL)
	exchange(t, conn, "ping")
	exchange(t, conn, "pong")
	require.Equal(t, [2]lag.Totals{inFlight, inFlight}, both())

	require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	rest, err := io.ReadAll(conn) // the server closes
	require.NoError(t, err)
	require.Empty(t, rest)
	require.Nil(t, <-over)
	require.Equal(t, [2]lag.Totals{succeeded, inFlight}, both()) // EOF is not the end of it

	require.NoError(t, conn.Close())
	_ = conn.Close()
	require.Equal(t, [2]lag.Totals{succeeded, succeeded}, both())
}

// A reverse proxy counts in both its directions, and half-closes through both.
func TestUpgradeThroughProxy(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(echo))
	defer backend.Close()
	at, err := url.Parse(backend.URL)
	require.NoError(t, err)
	var sent lag.Registry
	closed := make(chan struct{})
	base := roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			resp.Body = &closes{ReadWriteCloser: resp.Body.(io.ReadWriteCloser), closed: closed}
		}
		return resp, err
	})
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(at) },
		Transport: &laghttp.Transport{Base: base, Registry: &sent, Target: always},
	}
	srv, served, over := serve(t, proxy.ServeHTTP)
	conn := upgrade(t, srv.Client(), srv.URL)
	exchange(t, conn, "ping")
	require.Equal(t, [2]lag.Totals{inFlight, inFlight}, [2]lag.Totals{totals(served), totals(&sent)})
	require.NoError(t, conn.(interface{ CloseWrite() error }).CloseWrite())
	_, err = io.ReadAll(conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Nil(t, <-over)
	<-closed
	require.Equal(t, [2]lag.Totals{succeeded, succeeded}, [2]lag.Totals{totals(served), totals(&sent)})
}

// closes tells of the first Close.
type closes struct {
	io.ReadWriteCloser
	once   sync.Once
	closed chan struct{}
}

func (c *closes) CloseWrite() error {
	return c.ReadWriteCloser.(interface{ CloseWrite() error }).CloseWrite()
}

func (c *closes) Close() error {
	defer c.once.Do(func() { close(c.closed) })
	return c.ReadWriteCloser.Close()
}

type duplex struct {
	io.Reader
	io.Writer
	io.Closer
}

func TestTransportUpgradedBody(t *testing.T) {
	broken := errors.New("broken")
	nop := io.NopCloser(nil)
	for _, tt := range []struct {
		name   string
		reader io.Reader
		want   lag.Totals
	}{
		{"EOF", strings.NewReader("a"), succeeded},
		{"a failed read", iotest.ErrReader(broken), failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var reg lag.Registry
			tr := &laghttp.Transport{Base: answer(101, duplex{tt.reader, io.Discard, nop}), Registry: &reg, Target: always}
			resp, err := tr.RoundTrip(request(t.Context()))
			require.NoError(t, err)
			_, halfCloses := resp.Body.(interface{ CloseWrite() error })
			require.False(t, halfCloses)
			_, _ = io.ReadAll(resp.Body)
			require.Equal(t, inFlight, totals(&reg))
			require.NoError(t, resp.Body.Close())
			require.Equal(t, tt.want, totals(&reg))
		})
	}
}

package debug_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/debug"
)

// A client of events in memory: what it got, and whether it takes more.
type client struct {
	*httptest.ResponseRecorder
	mu    sync.Mutex    // guards its body
	stuck chan struct{} // writes wait for it, if not nil
	until time.Time
}

func (c *client) SetWriteDeadline(t time.Time) error { c.until = t; return nil }

func (c *client) FlushError() error { return nil }

func (c *client) Write(b []byte) (int, error) {
	if c.stuck != nil {
		select {
		case <-c.stuck:
		case <-time.After(time.Until(c.until)):
			return 0, errors.New("deadline")
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ResponseRecorder.Write(b)
}

// got is what was written so far.
func (c *client) got() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Body.String()
}

// stream opens a stream in the bubble; done is closed when it ends.
func stream(ctx context.Context, h http.Handler, c *client) (done chan struct{}) {
	c.ResponseRecorder = httptest.NewRecorder()
	done = make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(c, httptest.NewRequestWithContext(ctx, http.MethodGet, "/x/events", nil))
	}()
	synctest.Wait()
	return done
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := debug.New(debug.Options{Streams: 2})
		ctx, cancel := context.WithCancel(t.Context())
		var one, two, three client
		first, second := stream(ctx, h, &one), stream(t.Context(), h, &two)
		<-stream(t.Context(), h, &three)
		require.Equal(t, http.StatusServiceUnavailable, three.Code, "the third of two")

		tick := at(5, coordinator.ModelPlan{Model: "m", Desired: 3, Ready: 1})
		tick.ReadErr = errors.New("no")
		h.Tick(tick)
		synctest.Wait()
		want := "retry: 3000\n\nid: 1\nevent: tick\ndata: " + `{"v":1,"tick":1,"at":"1970-01-01T00:00:05Z","desired":3,"ready":1,"now":0,"later":0,"refused":0,"faults":0,"errors":1}` + "\n\n"
		require.Equal(t, want, one.got())
		require.Equal(t, want, two.got())
		require.Equal(t, "text/event-stream", one.Header().Get("Content-Type"))
		require.Equal(t, "no-store", one.Header().Get("Cache-Control"))

		cancel() // the first goes, and makes room
		<-first
		last := stream(t.Context(), h, &three)
		require.Equal(t, "retry: 3000\n\n", three.got())
		<-time.After(16 * time.Second)
		synctest.Wait()
		require.Equal(t, "retry: 3000\n\n:\n\n", three.got(), "silence is broken")
		h.Close()
		<-second
		<-last
		<-stream(t.Context(), h, &one)
		require.Equal(t, http.StatusServiceUnavailable, one.Code, "closed")
		h.Tick(tick)
		h.Close()
	})
}

// Who does not read is dropped, and holds up nobody: neither the loop nor others.
func TestSlowClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := debug.New(debug.Options{})
		slow, quick := &client{stuck: make(chan struct{})}, &client{}
		began := time.Now()
		gone, stays := stream(t.Context(), h, slow), stream(t.Context(), h, quick)
		for i := range int64(20) {
			h.Tick(at(i))
			synctest.Wait()
		}
		require.Zero(t, time.Since(began), "no tick waited")
		require.Equal(t, 20, strings.Count(quick.got(), "event: tick"))
		<-gone
		require.Equal(t, 5*time.Second, time.Since(began), "the write's deadline")
		h.Close()
		<-stays
	})
}

// One that is far behind is dropped even if its writer knows no deadlines.
func TestFarBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := debug.New(debug.Options{})
		slow := &client{stuck: make(chan struct{})}
		gone := stream(t.Context(), h, slow)
		for i := range int64(9) {
			h.Tick(at(i))
		}
		slow.stuck <- struct{}{} // the first write goes through
		close(slow.stuck)
		<-gone
		require.Equal(t, 8, strings.Count(slow.got(), "event: tick"), "what it was behind, and then the end")
	})
}

// Over a real server: events arrive at once, and neither a client that goes nor
// a server that shuts down leaves anything behind.
func TestEventsOverHTTP(t *testing.T) {
	h := debug.New(debug.Options{})
	var open sync.WaitGroup
	server := httptest.NewServer(http.StripPrefix("/p", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Done()
		h.ServeHTTP(w, r)
	})))
	server.Config.RegisterOnShutdown(h.Close)
	connect := func(ctx context.Context) *bufio.Scanner {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/p/events", nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		t.Cleanup(func() { _ = answer.Body.Close() })
		lines := bufio.NewScanner(answer.Body)
		require.True(t, lines.Scan())
		require.Equal(t, "retry: 3000", lines.Text())
		require.True(t, lines.Scan())
		return lines
	}
	ctx, cancel := context.WithCancel(t.Context())
	lines, _ := connect(ctx), connect(t.Context())
	h.Tick(at(1))
	require.True(t, lines.Scan())
	require.Equal(t, "id: 1", lines.Text())
	cancel()
	require.NoError(t, server.Config.Shutdown(t.Context()))
	open.Wait()
	server.Close()
}

package laghttp

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"

	"github.com/bellows-go/bellows/lag"
)

// A TargetFunc names the target a request is for. When ok is false the request
// is served as ever and not counted.
//
// It is called once for each request, before anything else sees it, and from
// many goroutines at a time. It must neither change the request nor read its
// body.
type TargetFunc func(r *http.Request) (target string, ok bool)

// A Handler serves requests with Next and counts those that Target names, from
// the start of ServeHTTP until Next returns, whatever it streams meanwhile. A
// request whose connection Next hijacks counts until that connection is closed;
// when hijacking fails, until Next returns.
//
// A request failed when its status is 500 or more or Next panicked; the panic
// goes on. The status is that of the first WriteHeader which is not
// informational (1xx but 101), and 200 when there is none before the first
// Write or Flush. After hijacking, what is written to the connection has no
// part in it, and neither has a panic after its Close. A client that goes away
// is no failure, nor is the panic with [http.ErrAbortHandler] that follows where
// the context of the request is cancelled: [httputil.ReverseProxy] stops so.
//
// Next sees a ResponseWriter that is an [http.Flusher], an [http.Hijacker] and
// an [io.ReaderFrom] where the one given to ServeHTTP is. All else it has can be
// reached with an [http.ResponseController], or by its Unwrap method. A
// hijacked *net.TCPConn or *tls.Conn keeps its methods, any other connection
// those of net.Conn and CloseWrite; the type itself is another.
//
// What Next does with the ResponseWriter that Unwrap returns passes the Handler
// by: a status is not noted, and a connection that is hijacked there counts until
// Next returns. [http.MaxBytesReader] needs it all the same: what it does to close
// a connection after a body too large, it does to net/http's own ResponseWriter
// alone.
//
// The zero value serves [http.DefaultServeMux] and counts nothing. A Handler is
// safe for concurrent use if Next and Target are. Its fields must not change
// once it serves.
type Handler struct {
	Next     http.Handler  // nil: http.DefaultServeMux
	Registry *lag.Registry // nil: nothing is counted
	Target   TargetFunc    // nil: nothing is counted
}

// ServeHTTP serves the request with Next, and counts it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	next := h.Next
	if next == nil {
		next = http.DefaultServeMux
	}
	f := begin(h.Registry, h.Target, r)
	if f == nil {
		next.ServeHTTP(w, r)
		return
	}
	counted := &writer{ResponseWriter: w, flight: f}
	returned := false
	defer func() {
		switch {
		case !returned && cancelled(r.Context()):
			p := recover()
			f.end(p != http.ErrAbortHandler || counted.failed())
			if p != nil {
				panic(p)
			}
		case !returned:
			// Nobody can be trusted to close what a panicking handler hijacked.
			f.end(true)
		case !counted.hijacked:
			f.end(counted.failed())
		}
	}()
	next.ServeHTTP(counted.expose(), r)
	returned = true
}

// A flight is one counted request. Whatever may end it does so from any
// goroutine, and the first counts.
type flight struct {
	mu      sync.Mutex
	token   lag.Token
	spoiled bool        // failed, whatever ends it
	stop    func() bool // stops watching the context; nil if none is watched
}

// begin counts the request as begun. It returns nil if it is not to be counted.
func begin(registry *lag.Registry, target TargetFunc, r *http.Request) *flight {
	if registry == nil || target == nil {
		return nil
	}
	name, ok := target(r)
	if !ok {
		return nil
	}
	return &flight{token: registry.Meter(name).Begin()}
}

// spoil makes the end to come a failure.
func (f *flight) spoil() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spoiled = true
}

func (f *flight) end(failed bool) {
	f.mu.Lock()
	if failed || f.spoiled {
		f.token.Fail()
	} else {
		f.token.End()
	}
	stop := f.stop
	f.stop = nil
	f.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// A writer notes the status that passes through it.
type writer struct {
	http.ResponseWriter
	flight   *flight
	status   int // 0 until it is final
	hijacked bool
}

func (w *writer) failed() bool { return w.status >= http.StatusInternalServerError }

func (w *writer) note(status int) {
	informational := status < 200 && status != http.StatusSwitchingProtocols
	if w.status == 0 && !informational {
		w.status = status
	}
}

func (w *writer) WriteHeader(status int) {
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	w.note(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// WriteString spares a copy where the writer within does.
func (w *writer) WriteString(s string) (int, error) {
	w.note(http.StatusOK)
	return io.WriteString(w.ResponseWriter, s)
}

// FlushError is what a ResponseController looks for first. It is here whether
// the writer within can flush or not, and says so.
func (w *writer) FlushError() error {
	err := http.NewResponseController(w.ResponseWriter).Flush()
	if !errors.Is(err, http.ErrNotSupported) {
		w.note(http.StatusOK)
	}
	return err
}

// Unwrap returns the writer within. Where that one does not hijack but unwraps
// to one that does, a ResponseController must not get there uncounted.
func (w *writer) Unwrap() http.ResponseWriter {
	within := w.ResponseWriter
	if _, ok := within.(http.Hijacker); ok {
		return within
	}
	for at := within; ; {
		if _, ok := at.(http.Hijacker); ok {
			return detour{within, hijacker{w}}
		}
		u, ok := at.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return within
		}
		at = u.Unwrap()
	}
}

// expose returns the writer with the optional interfaces of the one within, and
// no others.
func (w *writer) expose() http.ResponseWriter {
	_, canFlush := w.ResponseWriter.(http.Flusher)
	_, canHijack := w.ResponseWriter.(http.Hijacker)
	_, canReadFrom := w.ResponseWriter.(io.ReaderFrom)
	f, h, r := flusher{w}, hijacker{w}, readerFrom{w}
	switch {
	case canFlush && canHijack && canReadFrom:
		return struct {
			*writer
			flusher
			hijacker
			readerFrom
		}{w, f, h, r}
	case canFlush && canHijack:
		return struct {
			*writer
			flusher
			hijacker
		}{w, f, h}
	case canFlush && canReadFrom:
		return struct {
			*writer
			flusher
			readerFrom
		}{w, f, r}
	case canHijack && canReadFrom:
		return struct {
			*writer
			hijacker
			readerFrom
		}{w, h, r}
	case canFlush:
		return struct {
			*writer
			flusher
		}{w, f}
	case canHijack:
		return struct {
			*writer
			hijacker
		}{w, h}
	case canReadFrom:
		return struct {
			*writer
			readerFrom
		}{w, r}
	}
	return w
}

type flusher struct{ to *writer }

func (f flusher) Flush() {
	f.to.note(http.StatusOK)
	f.to.ResponseWriter.(http.Flusher).Flush()
}

type readerFrom struct{ to *writer }

// ReadFrom leaves the copying to the writer within, which may have the kernel do it.
// Copying nothing writes no header.
func (r readerFrom) ReadFrom(src io.Reader) (int64, error) {
	n, err := r.to.ResponseWriter.(io.ReaderFrom).ReadFrom(src)
	if n > 0 {
		r.to.note(http.StatusOK)
	}
	return n, err
}

type hijacker struct{ to *writer }

func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := http.NewResponseController(h.to.ResponseWriter).Hijack()
	if err != nil {
		return conn, buf, err
	}
	h.to.hijacked = true
	if h.to.failed() {
		h.to.flight.spoil()
	}
	return wrapConn(conn, h.to.flight), buf, nil
}

// A detour is the writer within, but for hijacking, which comes back to us.
type detour struct {
	http.ResponseWriter
	hijacker
}

func (d detour) Unwrap() http.ResponseWriter { return d.ResponseWriter }

// wrapConn ends the flight when the connection is closed. The common kinds keep
// what more they can do than net.Conn, so that io.Copy still splices.
func wrapConn(c net.Conn, f *flight) net.Conn {
	switch c := c.(type) {
	case *net.TCPConn:
		return &tcpConn{c, f}
	case *tls.Conn:
		return &tlsConn{c, f}
	case halfCloser:
		return &halfConn{c, f}
	}
	return &plainConn{c, f}
}

type halfCloser interface {
	net.Conn
	CloseWrite() error
}

type (
	tcpConn struct {
		*net.TCPConn
		flight *flight
	}
	tlsConn struct {
		*tls.Conn
		flight *flight
	}
	halfConn struct {
		halfCloser
		flight *flight
	}
	plainConn struct {
		net.Conn
		flight *flight
	}
)

// The flight ends before the connection closes: a peer that sees it closed sees
// it counted.

func (c *tcpConn) Close() error {
	c.flight.end(false)
	return c.TCPConn.Close()
}

func (c *tlsConn) Close() error {
	c.flight.end(false)
	return c.Conn.Close()
}

// NetConn returns the connection below TLS; closing that ends the flight too.
func (c *tlsConn) NetConn() net.Conn { return wrapConn(c.Conn.NetConn(), c.flight) }

func (c *halfConn) Close() error {
	c.flight.end(false)
	return c.halfCloser.Close()
}

func (c *plainConn) Close() error {
	c.flight.end(false)
	return c.Conn.Close()
}

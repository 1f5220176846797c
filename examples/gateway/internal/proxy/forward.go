package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// maxKept is the longest body, in bytes, that is kept so that the request can be
// sent again. A longer one is sent once.
const maxKept = 1 << 20

// A lostError is a request that a server had when it went away or fell silent.
type lostError struct {
	server string
	err    error
}

func (e *lostError) Error() string {
	return fmt.Sprintf("server %s was lost with the request, which may have been done: %v", e.server, e.err)
}

func (e *lostError) Unwrap() error { return e.err }

// idempotent reports whether a request may be done twice: RFC 9110, section
// 9.2.2, or because its client says so.
func idempotent(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.Header.Get(wire.IdempotencyKey) != ""
}

// mostBegun is how many servers may begin a request, if it is idempotent.
const mostBegun = 4

// A forwarder is an http.RoundTripper that sends a request to a replica of its
// model, and to others when that comes to nothing: any request that has not been
// begun, while there is time to wait for one, and idempotent ones that were.
type forwarder struct {
	base  http.RoundTripper
	hold  time.Duration // how long a request may wait in all
	stats *stats
}

// poolKey is the key of a request's *pool in its context.
type poolKey struct{}

// RoundTrip sends the request.
func (f *forwarder) RoundTrip(r *http.Request) (*http.Response, error) {
	p := r.Context().Value(poolKey{}).(*pool)
	send, err := resendable(r)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(f.hold)
	begun, n := 0, need{fragile: !idempotent(r)}
	for attempt := 1; ; attempt++ {
		to, err := p.acquire(r.Context(), n, deadline)
		if err != nil {
			return nil, err
		}
		if attempt > 1 {
			f.stats.retries.Add(1)
		}
		resp, err := f.base.RoundTrip(addressed(r, to, send))
		how, next := judge(r, resp, err)
		if next == ifHarmless {
			begun++
			n.tried = append(n.tried, to)
		}
		again := next == always || next == ifHarmless && !n.fragile && begun < mostBegun
		switch {
		case again && send != nil:
			p.release(to, how)
			if resp != nil {
				_ = resp.Body.Close()
			}
			continue
		case err != nil:
			p.release(to, how)
			if how == failed {
				f.stats.lost.Add(1)
				err = &lostError{to.route.Server, err}
			}
			return nil, err
		}
		resp.Header.Set(wire.Server, to.route.Server)
		resp.Header.Set(wire.Attempts, strconv.Itoa(attempt))
		resp.Body = releasing(resp.Body, func(whole bool) {
			if !whole {
				how = unheard
			}
			p.release(to, how)
		})
		return resp, nil
	}
}

// resendable returns what makes a copy of the request's body, nil if there can
// be none because it is too long.
func resendable(r *http.Request) (func() io.ReadCloser, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return func() io.ReadCloser { return http.NoBody }, nil
	}
	if r.ContentLength < 0 || r.ContentLength > maxKept {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	return func() io.ReadCloser { return io.NopCloser(bytes.NewReader(body)) }, nil
}

// addressed is the request as it goes to a replica.
func addressed(r *http.Request, to *replica, body func() io.ReadCloser) *http.Request {
	out := r.Clone(r.Context())
	if body != nil {
		out.Body = body()
	}
	out.URL.Scheme, out.URL.Host, out.Host = "http", to.route.Addr, ""
	out.Header.Set(wire.Server, to.route.Server)
	out.Header.Set(wire.ModelVersion, to.route.ModelVersion)
	return out
}

// A resend says when a request may be sent again.
type resend uint8

const (
	never      resend = iota // it was answered, or nobody waits for the answer
	always                   // it was not begun
	ifHarmless               // it may have been begun
)

// judge says how a request went for the replica, and when it may be sent again.
func judge(r *http.Request, resp *http.Response, err error) (outcome, resend) {
	switch {
	case err == nil && resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get(wire.Refused) != "":
		return refused, always
	case err == nil:
		return answered, never
	case r.Context().Err() != nil:
		return unheard, never
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return failed, always
	}
	return failed, ifHarmless
}

// releasing calls release once, when the body has been read or is closed; whole
// tells whether it was read to its end.
func releasing(body io.ReadCloser, release func(whole bool)) io.ReadCloser {
	once := new(sync.Once)
	b := &tracked{body, func(whole bool) { once.Do(func() { release(whole) }) }}
	if w, ok := body.(io.Writer); ok { // of an upgraded connection
		return struct {
			*tracked
			io.Writer
		}{b, w}
	}
	return b
}

type tracked struct {
	io.ReadCloser
	release func(whole bool)
}

func (b *tracked) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.release(err == io.EOF)
	}
	return n, err
}

func (b *tracked) Close() error {
	err := b.ReadCloser.Close()
	b.release(false)
	return err
}

// status is the answer to a request that no server answered.
func status(w http.ResponseWriter, r *http.Request, err error) {
	code := http.StatusBadGateway
	var lost *lostError
	var tooLong *http.MaxBytesError
	switch {
	case errors.Is(err, errFull) || errors.Is(err, errLate):
		code = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	case errors.As(err, &lost):
		w.Header().Set(wire.Lost, lost.server)
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			code = http.StatusGatewayTimeout
		}
	case errors.As(err, &tooLong):
		code = http.StatusRequestEntityTooLarge
	case r.Context().Err() != nil && errors.Is(err, context.Canceled):
		panic(http.ErrAbortHandler) // the client is gone: there is nobody to answer
	}
	http.Error(w, err.Error(), code)
}

package laghttp

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/bellows-go/bellows/lag"
)

// A Transport is an [http.RoundTripper] that sends requests with Base and counts
// those that Target names, from the start of RoundTrip until the body of the
// response is over: read to io.EOF, or a read failed, or it was closed, or the
// context of the request is done, whichever comes first. A request without a
// response, or with an empty one ([http.NoBody] or nil), ends with RoundTrip. A
// 101 Switching Protocols response whose body can be written counts until it is
// closed, and only that ends it.
//
// A request failed when its status is 500 or more, when RoundTrip returned an
// error or panicked, when a read of the body failed, or when the deadline of its
// context passed before the body was over. Once there is a response, cancelling
// the context or closing the body is no failure, nor is the read error that
// follows.
//
// Behind an [http.Client] every redirect followed is a request of its own.
//
// The zero value sends with [http.DefaultTransport] and counts nothing. A
// Transport is safe for concurrent use if Base and Target are, and Read and
// Close of a body it returns may run concurrently if those of Base's may. Its
// fields must not change once it is in use.
type Transport struct {
	Base     http.RoundTripper // nil: http.DefaultTransport
	Registry *lag.Registry     // nil: nothing is counted
	Target   TargetFunc        // nil: nothing is counted
}

// RoundTrip sends the request with Base, and counts it. The response and the
// error are Base's; the body of the response, if any, is wrapped.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	f := begin(t.Registry, t.Target, r)
	if f == nil {
		return t.base().RoundTrip(r)
	}
	returned := false
	defer func() {
		if !returned {
			f.end(true)
		}
	}()
	resp, err := t.base().RoundTrip(r)
	returned = true

	if err != nil || resp == nil {
		f.end(true)
		return resp, err
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		f.spoil()
	}
	if resp.Body == nil || resp.Body == http.NoBody {
		f.end(false)
		return resp, nil
	}
	if rwc, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = wrapUpgraded(rwc, f)
		return resp, nil
	}
	f.watch(r.Context())
	resp.Body = &body{ReadCloser: resp.Body, ctx: r.Context(), flight: f}
	return resp, nil
}

// CloseIdleConnections closes the idle connections of Base, if it knows how to:
// [http.Client.CloseIdleConnections] asks for it.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}

// watch ends the flight when the context is done. It must not have ended yet.
func (f *flight) watch(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	f.mu.Lock() // a context already done ends the flight at once, but not before stop is set
	defer f.mu.Unlock()
	f.stop = context.AfterFunc(ctx, func() { f.end(timedOut(ctx)) })
}

// cancelled and timedOut tell the caller's own wish from a deadline.
func cancelled(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }

func timedOut(ctx context.Context) bool { return ctx.Err() != nil && !cancelled(ctx) }

// A body ends its flight when it is over.
type body struct {
	io.ReadCloser
	ctx    context.Context // of the request
	flight *flight
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		// Read and Close race with the watch on the context: all say the same of it.
		b.flight.end(err != io.EOF && !cancelled(b.ctx))
	}
	return n, err
}

// Close ends the flight first, so that a read it interrupts is no failure.
func (b *body) Close() error {
	b.flight.end(timedOut(b.ctx))
	return b.ReadCloser.Close()
}

// wrapUpgraded ends the flight when the body is closed. It keeps CloseWrite.
func wrapUpgraded(rwc io.ReadWriteCloser, f *flight) io.ReadWriteCloser {
	up := &upgraded{ReadWriteCloser: rwc, flight: f}
	if half, ok := rwc.(interface{ CloseWrite() error }); ok {
		return struct {
			*upgraded
			closeWriter
		}{up, half}
	}
	return up
}

type closeWriter interface{ CloseWrite() error }

// An upgraded body is a connection in both directions: the end of what can be
// read is not the end of it.
type upgraded struct {
	io.ReadWriteCloser
	flight *flight
}

func (u *upgraded) Read(p []byte) (int, error) {
	n, err := u.ReadWriteCloser.Read(p)
	if err != nil && err != io.EOF {
		u.flight.spoil()
	}
	return n, err
}

func (u *upgraded) Close() error {
	u.flight.end(false)
	return u.ReadWriteCloser.Close()
}

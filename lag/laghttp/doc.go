// Package laghttp feeds a [lag.Registry] from net/http: [Handler] counts the
// requests a server takes in, [Transport] those a client sends out.
//
// A request to be counted begins exactly once and ends exactly once. What ends
// it first decides whether it failed.
//
//	                     begins when       ends when
//	Handler              ServeHTTP starts  the wrapped handler returns or panics
//	Handler, hijacked    ServeHTTP starts  the hijacked connection is closed
//	Transport            RoundTrip starts  RoundTrip fails, or the body is over
//	Transport, upgraded  RoundTrip starts  the body is closed
//
// The body of a response is over when a read returns io.EOF or another error,
// when it is closed, or when the context of the request is done; one that is
// empty from the start is over when RoundTrip returns. A streamed response is
// therefore in flight until its end, on both sides. An upgraded connection (101
// Switching Protocols) outlives the context of the request that asked for it,
// and so does its count.
//
// A request failed when its status is 500 or more. In a Handler it also failed
// when the handler panicked, with [http.ErrAbortHandler] as with anything else
// unless the client had gone.
// In a Transport it also failed when RoundTrip returned an error, when reading
// the body did, or when the deadline of the request passed before the body was
// over. Whoever cancels a response that has begun, or closes it early, did not
// want the rest: that is no failure.
//
// A Registry keeps every target it has been asked for, so a [TargetFunc] must
// name targets from a set that is known beforehand, not whatever a client sent.
// Handler and Transport may share a Registry, but a request that passes both
// under one name counts twice.
package laghttp

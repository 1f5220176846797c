package proxy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// BenchmarkCall is a call of a server that answers at once, past the proxy and
// through it.
func BenchmarkCall(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(echo))
	defer server.Close()
	p := New(Options{Models: []string{"llama"}})
	defer p.Close()
	p.SetRoutes(groupOf(server.Listener.Addr().String()))
	front := httptest.NewServer(p.Handler())
	defer front.Close()
	for name, url := range map[string]string{"direct": server.URL, "proxy": front.URL} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				resp, err := http.Post(url+Prefix+"llama/infer", "text/plain", strings.NewReader("a prompt of some length"))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		})
	}
}

func groupOf(addr string) wire.GroupRoutes {
	return wire.GroupRoutes{Group: "gpu", Routes: []wire.Route{{Server: "first", Addr: addr, Model: "llama"}}}
}

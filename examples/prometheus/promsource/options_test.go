package promsource

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
)

// All faults are told at once, each with its field.
func TestOptionsFaults(t *testing.T) {
	_, err := New(Options{
		URL: "localhost:9090", BearerToken: "a b", BearerTokenFile: "x", Transport: http.DefaultTransport, CAFile: "y",
		TLS: &tls.Config{}, Timeout: -1, Parallel: -1, MaxBytes: -1, Stale: -1, Delay: -1,
		Queries: []Query{
			{},
			{Name: "a", Kind: 9, Expr: "x", Label: "1a", Origin: "-"},
			{Name: "b", Expr: `x{m='$target'}`},
			{Name: "b", Expr: `x{m="$target"}`, Label: "m"},
			{Name: "c", Expr: "x"},
			{Name: "d", Expr: "x", Label: "m", Origin: "m", Sources: `up{m="$target"}`, Stamp: "$target"},
		},
	})
	var lines []string
	for _, l := range strings.Split(err.Error(), "\n") {
		require.True(t, strings.HasPrefix(l, "promsource: Options."), l)
		field, _, _ := strings.Cut(strings.TrimPrefix(l, "promsource: Options."), ":")
		lines = append(lines, field)
	}
	require.Equal(t, []string{
		"URL", "BearerToken", "BearerToken", "Transport", "Timeout", "Parallel", "MaxBytes", "Stale", "Delay",
		"Queries[0].Name", "Queries[0].Expr", "Queries[0].Expr",
		"Queries[1].Kind", "Queries[1].Label", "Queries[1].Origin",
		"Queries[2].Expr",
		"Queries[3].Expr", "Queries[3]",
		"Queries[4].Expr",
		"Queries[5].Origin", "Queries[5].Stamp", "Queries[5].Stamp", "Queries[5].Sources",
	}, lines)
	require.NotContains(t, err.Error(), "a b", "a token is not told")
}

func TestOptionsMore(t *testing.T) {
	fine := []Query{{Name: "x", Expr: "x", Label: "m"}}
	for _, c := range []struct {
		name string
		o    Options
		says string
	}{
		{"no queries", Options{URL: "http://h:1"}, "Options.Queries: must not be empty"},
		{"a delay beyond stale", Options{URL: "http://h:1", Queries: fine, Delay: 30 * time.Second}, "Options.Delay: must be < Stale"},
		{"a token in plain text", Options{URL: "http://h:1", Queries: fine, BearerToken: "t"}, "a token would be sent to h:1 in plain text"},
		{"a file's too", Options{URL: "http://10.0.0.1:1", Queries: fine, BearerTokenFile: "t"}, "in plain text"},
		{"a CA that is not there", Options{URL: "https://h:1", Queries: fine, CAFile: "/does/not/exist"}, "Options.CAFile: open"},
		{"a CA that is none", Options{URL: "https://h:1", Queries: fine, CAFile: "options_test.go"}, "has no certificate in PEM"},
		{"a query in the URL", Options{URL: "http://h:1/?a=b", Queries: fine}, "Options.URL"},
	} {
		_, err := New(c.o)
		require.ErrorContains(t, err, c.says, c.name)
	}
	for _, o := range []Options{
		{URL: "http://127.0.0.1:1", Queries: fine, BearerToken: "t"},
		{URL: "http://[::1]:1", Queries: fine, BearerToken: "t"},
		{URL: "https://h", Queries: fine, BearerToken: "t"},
		{URL: "http://h/prefix", Queries: fine, BearerToken: "t", PlainToken: true},
	} {
		_, err := New(o)
		require.NoError(t, err, o.URL)
	}
}

// read asks a server for one series.
func read(t *testing.T, o Options) ([]coordinator.Sample, error) {
	o.Queries = []Query{{Name: "x", Target: "llama", Expr: "x"}}
	s, err := New(o)
	require.NoError(t, err)
	defer s.Close()
	return s.Read(t.Context(), []coordinator.Series{{Target: llama, Name: "x"}}, nil)
}

// The server is checked with the CA given, and gets the token and headers; a
// token file is read anew.
func TestTokenAndCA(t *testing.T) {
	var token, tenant, path string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, tenant, path = r.Header.Get("Authorization"), r.Header.Get("X-Scope-OrgID"), r.URL.Path
		fmt.Fprint(w, body("scalar", `[`+r.PostFormValue("time")+`,"1"]`))
	}))
	defer server.Close()
	dir := t.TempDir()
	ca, file := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "token")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))

	_, err := read(t, Options{URL: server.URL})
	require.ErrorContains(t, err, "certificate")

	got, err := read(t, Options{URL: server.URL + "/prefix/", CAFile: ca, BearerToken: "secret", Header: http.Header{"X-Scope-Orgid": {"us"}}})
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, []string{"Bearer secret", "us", "/prefix/api/v1/query"}, []string{token, tenant, path})

	s, err := New(Options{URL: server.URL, CAFile: ca, BearerTokenFile: file, Queries: []Query{{Name: "x", Target: "llama", Expr: "x"}}})
	require.NoError(t, err)
	defer s.Close()
	want := []coordinator.Series{{Target: llama, Name: "x"}}
	for _, c := range []struct{ content, token, err string }{
		{"one\n", "Bearer one", ""},
		{"two", "Bearer two", ""},
		{"", "", "has none"},
		{"a\nb", "", "has none"},
	} {
		token = ""
		require.NoError(t, os.WriteFile(file, []byte(c.content), 0o600))
		got, err := s.Read(t.Context(), want, nil)
		require.Equal(t, c.token, token)
		if c.err != "" {
			require.ErrorContains(t, err, c.err)
			require.Empty(t, got)
			continue
		}
		require.NoError(t, err)
	}
	require.NoError(t, os.Remove(file))
	_, err = s.Read(t.Context(), want, nil)
	require.ErrorContains(t, err, "promsource: bearer token: open")
}

// What is no answer is an error that says so, and no value.
func TestRefusedAnswers(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, err := z.Write([]byte(strings.Repeat(" ", 1<<20) + body("vector", "[]")))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.Less(t, bomb.Len(), 4096)
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
		says  string
	}{
		{"too large", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 5000)) }, "the answer is too large: more than 4096 bytes"},
		{"endless", func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}, "the answer is too large"},
		{"large when unpacked", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		}, "the answer is too large"},
		{"a head without an end", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
		}, "exceeded"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, body("vector", "[]")[:20])
		}, "the answer broke off"},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>log in") }, `malformed: invalid character '<'`},
		{"a proxy's error", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no upstream", http.StatusBadGateway) }, `502 Bad Gateway: "no upstream\n"`},
		{"an answer that claims to be an error", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, body("scalar", `[1,"1"]`))
		}, "503 Service Unavailable"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		}, "307 Temporary Redirect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.serve)
			defer server.Close()
			got, err := read(t, Options{URL: server.URL, MaxBytes: 4096, BearerToken: "secret"})
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "secret")
			require.Less(t, len(err.Error()), 1000)
			require.Empty(t, got)
		})
	}
	require.Zero(t, elsewhere)
}

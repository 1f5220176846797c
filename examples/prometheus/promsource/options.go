package promsource

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Options are settings. URL and Queries must be set; the zero value of all else
// is a useful default.
type Options struct {
	URL     string  // of the server, as http://127.0.0.1:9090; a path is kept
	Queries []Query // at most one for each series

	// BearerToken is sent with each request. BearerTokenFile is where to read it from
	// instead, anew for each Read, since tokens of a service account change.
	BearerToken, BearerTokenFile string
	// PlainToken allows a token to be sent to a URL that is http and no loopback
	// address: where something else encrypts, as a mesh does.
	PlainToken bool
	Header     http.Header // sent too, as X-Scope-OrgID for a tenant; cloned

	// CAFile has certificates in PEM that the server's is checked with, instead of
	// the system's.
	CAFile string
	TLS    *tls.Config // client certificates, ServerName; cloned. nil is the default
	// Transport sends the requests instead of one of the Source's own; CAFile and TLS
	// are then not set.
	Transport http.RoundTripper

	Timeout  time.Duration // of each request, within Read's context; 0 is 10 s
	Parallel int           // requests at once; 0 is 8
	MaxBytes int64         // of one answer, unpacked; 0 is 8 MiB
	Stale    time.Duration // the age from which a value is Stale; 0 is 30 s
	// Delay is how far in the past all queries are evaluated: for stores that get
	// their samples late. It counts towards the age. 0 is none.
	Delay time.Duration
	// TrustWarnings takes an answer with warnings for whole. Without it all of its
	// values are Partial, one of two: how many is not known.
	TrustWarnings bool
}

// validate reports every fault of o and fills in what is zero.
func (o *Options) validate() error {
	var errs []error
	need := func(ok bool, name, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("promsource: Options.%s: %s", name, fmt.Sprintf(format, args...)))
		}
	}
	u, err := url.Parse(o.URL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		need(false, "URL", "must be as http://host:9090, without a query")
	} else {
		token := o.BearerToken != "" || o.BearerTokenFile != ""
		need(!token || u.Scheme == "https" || loopback(u.Hostname()) || o.PlainToken, "URL",
			"a token would be sent to %s in plain text: use https, or set PlainToken", u.Host)
	}
	need(o.BearerToken == "" || o.BearerTokenFile == "", "BearerToken", "must not be set beside BearerTokenFile")
	need(visible(o.BearerToken), "BearerToken", "must not have spaces or control characters")
	need(o.Transport == nil || o.CAFile == "" && o.TLS == nil, "Transport", "must not be set beside CAFile or TLS")
	need(o.TLS == nil || o.CAFile == "" || o.TLS.RootCAs == nil, "CAFile", "must not be set beside TLS.RootCAs")
	need(o.Timeout >= 0, "Timeout", "must be >= 0, is %v", o.Timeout)
	need(o.Parallel >= 0, "Parallel", "must be >= 0, is %v", o.Parallel)
	need(o.MaxBytes >= 0, "MaxBytes", "must be >= 0, is %v", o.MaxBytes)
	need(o.Stale >= 0, "Stale", "must be >= 0, is %v", o.Stale)
	need(o.Delay >= 0, "Delay", "must be >= 0, is %v", o.Delay)
	need(o.Stale < 0 || o.Delay < o.filled().Stale, "Delay", "must be < Stale, or every value is, is %v", o.Delay)
	need(len(o.Queries) > 0, "Queries", "must not be empty")
	known := map[address]int{}
	for i := range o.Queries {
		q := &o.Queries[i]
		errs = append(errs, q.validate(fmt.Sprintf("Options.Queries[%d]", i)))
		a := address{q.Kind, q.Target, q.Name}
		first, twice := known[a]
		need(!twice, fmt.Sprintf("Queries[%d]", i), "answers for the same series as Queries[%d]", first)
		known[a] = i
	}
	return errors.Join(errs...)
}

// filled returns o with defaults for what is zero.
func (o Options) filled() Options {
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Parallel == 0 {
		o.Parallel = 8
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 8 << 20
	}
	if o.Stale == 0 {
		o.Stale = 30 * time.Second
	}
	return o
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// visible reports whether token can stand in a header.
func visible(token string) bool {
	return strings.IndexFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// transport makes the Source's own.
func (o *Options) transport() (http.RoundTripper, error) {
	if o.Transport != nil {
		return o.Transport, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		config = o.TLS.Clone()
	}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("promsource: Options.CAFile: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("promsource: Options.CAFile: %s has no certificate in PEM", o.CAFile)
		}
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: o.Parallel,
		IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}, nil
}

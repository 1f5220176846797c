// Package source reads load over HTTP: a coordinator.MetricSource of routers that
// tell their totals as JSON.
//
// GET of a router's URL answers
//
//	{"models":   {"llama": {"begun": 1200, "ended": 1196, "failed": 2, "values": {"queue_depth": 3}}},
//	 "services": {"gateway": {"begun": 4000, "ended": 3990}}}
//
// Totals are counts since the router started: lag.Totals as laghttp keeps them. What is in flight is begun
// less ended. Values are anything else by which a policy scales, levels as of
// now. What a router does not know it leaves out.
package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// MaxAnswer is the longest answer that is read, in bytes.
const MaxAnswer = 16 << 20

// An Answer is what a router tells.
type Answer struct {
	Models   map[string]Totals `json:"models,omitempty"`
	Services map[string]Totals `json:"services,omitempty"`
}

// Totals are what a router has counted of one target.
type Totals struct {
	Begun  uint64             `json:"begun"`
	Ended  uint64             `json:"ended"` // failed ones included; <= Begun
	Failed uint64             `json:"failed"`
	Values map[string]float64 `json:"values,omitempty"` // finite
}

// HTTP reads from routers. Each address that the host of a URL resolves to is a
// router, and an origin of its own. The zero value of a field is the documented default. It is
// used by one goroutine.
type HTTP struct {
	URLs    []string // http or https
	Client  *http.Client
	Resolve func(ctx context.Context, host string) ([]string, error) // nil is the system's; of a name, not an address
}

// Read asks all routers at once. A router that does not answer is an error, and
// the others' samples are returned all the same.
func (h *HTTP) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	var mu sync.Mutex
	var errs []error
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}
	type answer struct {
		origin string
		at     time.Time
		Answer
	}
	var answers []answer
	var all sync.WaitGroup
	for _, text := range h.URLs {
		all.Go(func() {
			u, err := url.Parse(text)
			if err != nil {
				fail(err)
				return
			}
			origins, err := h.origins(ctx, u.Hostname())
			if err != nil {
				fail(err)
				return
			}
			for _, origin := range origins {
				all.Go(func() {
					a, err := h.ask(ctx, u, origin)
					if err != nil {
						fail(err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					answers = append(answers, answer{text + " " + origin, time.Now(), a})
				})
			}
		})
	}
	all.Wait()
	slices.SortFunc(answers, func(a, b answer) int { return cmpText(a.origin, b.origin) })
	for _, a := range answers {
		for _, s := range want {
			if x, ok := a.sample(s); ok {
				x.Origin, x.At = a.origin, a.at
				dst = append(dst, x)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return dst, fmt.Errorf("source: %w", err)
	}
	return dst, nil
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	} else if a > b {
		return 1
	}
	return 0
}

func (h *HTTP) origins(ctx context.Context, host string) ([]string, error) {
	if net.ParseIP(host) != nil {
		return []string{host}, nil
	}
	resolve := h.Resolve
	if resolve == nil {
		resolve = net.DefaultResolver.LookupHost
	}
	found, err := resolve(ctx, host)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("no router has the name %q", host)
	}
	return found, err
}

// ask asks the router at one address.
func (h *HTTP) ask(ctx context.Context, u *url.URL, origin string) (a Answer, err error) {
	at := *u
	at.Host = origin
	if port := u.Port(); port != "" {
		at.Host = net.JoinHostPort(origin, port)
	} else if net.ParseIP(origin).To4() == nil {
		at.Host = "[" + origin + "]"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return a, err
	}
	r.Host = u.Host
	c := h.Client
	if c == nil {
		c = http.DefaultClient
	}
	answer, err := c.Do(r)
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return a, fmt.Errorf("%s: %w", at.String(), err)
	case answer.StatusCode != http.StatusOK:
		return a, fmt.Errorf("%s: %s", at.String(), answer.Status)
	case len(body) > MaxAnswer:
		return a, fmt.Errorf("%s: the answer is longer than %d bytes", at.String(), MaxAnswer)
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return a, fmt.Errorf("%s: %w", at.String(), err)
	}
	for _, targets := range []map[string]Totals{a.Models, a.Services} {
		for name, t := range targets {
			if t.Ended > t.Begun || t.Failed > t.Ended {
				return a, fmt.Errorf("%s: %q: %d begun, %d ended, %d failed", at.String(), name, t.Begun, t.Ended, t.Failed)
			}
		}
	}
	return a, nil
}

// sample is an answer's value of a series.
func (a *Answer) sample(s coordinator.Series) (coordinator.Sample, bool) {
	x := coordinator.Sample{Series: s, Quality: policy.OK, Cumulative: true}
	targets := a.Models
	if s.Target.Kind == coordinator.TargetService {
		targets = a.Services
	} else if s.Target.Kind != coordinator.TargetModel {
		return x, false
	}
	t, ok := targets[s.Target.Name]
	if !ok {
		return x, false
	}
	switch s.Name {
	case policy.Begun:
		x.Value = float64(t.Begun)
	case policy.Ended:
		x.Value = float64(t.Ended)
	case policy.Errors:
		x.Value = float64(t.Failed)
	case policy.InFlight:
		x.Value, x.Cumulative = float64(t.Begun-t.Ended), false
	default:
		x.Value, ok = t.Values[s.Name]
		x.Cumulative = false
	}
	return x, ok && !math.IsNaN(x.Value) && !math.IsInf(x.Value, 0)
}

package proxy

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/prom"
)

// stats are what the metrics tell besides the totals.
type stats struct {
	retries atomic.Uint64
	lost    atomic.Uint64
	times   sync.Map // *prom.Histogram by model
}

// took notes how long a request was in the proxy.
func (s *stats) took(model string, d time.Duration) {
	h, ok := s.times.Load(model)
	if !ok {
		h, _ = s.times.LoadOrStore(model, prom.NewHistogram())
	}
	h.(*prom.Histogram).Observe(d)
}

// metrics answers a scrape.
func (p *Proxy) metrics(w http.ResponseWriter, _ *http.Request) {
	var page prom.Page
	totals := p.Totals()
	models := slices.Sorted(slices.Values(p.Models))
	for _, m := range models {
		page.Add(prom.Counter, "gateway_requests_total", "Requests that came in.", float64(totals.Targets[m].Begun), "model", m)
	}
	for _, m := range models {
		page.Add(prom.Counter, "gateway_requests_failed_total", "Requests answered with 5xx, or cut short.", float64(totals.Targets[m].Failed), "model", m)
	}
	for _, m := range models {
		n := totals.Targets[m]
		page.Add(prom.Gauge, "gateway_requests_in_flight", "Requests begun and not ended, waiting ones included.", float64(n.Begun-n.Ended), "model", m)
	}
	for _, m := range models {
		waiting, _, _ := p.pools[m].counts()
		page.Add(prom.Gauge, "gateway_requests_waiting", "Requests that wait for a replica.", float64(waiting), "model", m)
	}
	for _, m := range models {
		_, held, _ := p.pools[m].counts()
		page.Add(prom.Counter, "gateway_requests_held_total", "Requests that had to wait for a replica.", float64(held), "model", m)
	}
	for _, m := range models {
		_, _, turned := p.pools[m].counts()
		page.Add(prom.Counter, "gateway_requests_turned_away_total", "Requests for which no replica was free in time.", float64(turned), "model", m)
	}
	for _, m := range models {
		if h, ok := p.stats.times.Load(m); ok {
			page.AddHistogram("gateway_request_duration_seconds", "Time from the first byte in to the last byte out.", h.(*prom.Histogram), "model", m)
		}
	}
	page.Add(prom.Counter, "gateway_retries_total", "Requests sent to another server.", float64(p.stats.retries.Load()))
	page.Add(prom.Counter, "gateway_requests_lost_total", "Requests that a server had when it went away.", float64(p.stats.lost.Load()))
	for _, g := range p.Routes().Groups {
		ready := map[string]int{}
		for _, r := range g.Routes {
			if !r.Draining {
				ready[r.Model]++
			}
		}
		for _, m := range models {
			page.Add(prom.Gauge, "gateway_routes", "Replicas that requests are sent to.", float64(ready[m]), "group", g.Group, "model", m)
		}
	}
	page.Write(w)
}

// Package prom writes metrics in the text format of Prometheus, version 0.0.4:
// https://prometheus.io/docs/instrumenting/exposition_formats/
package prom

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// A Page is one scrape. Samples of a metric must follow each other.
type Page struct {
	b    strings.Builder
	last string
}

// The kinds of metric.
const (
	Counter   = "counter"
	Gauge     = "gauge"
	histogram = "histogram"
)

var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// Add writes a sample. Labels are names and values by turns.
func (p *Page) Add(kind, name, help string, value float64, labels ...string) {
	p.head(kind, name, help)
	p.line(name, value, labels)
}

func (p *Page) head(kind, name, help string) {
	if name != p.last {
		fmt.Fprintf(&p.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		p.last = name
	}
}

func (p *Page) line(name string, value float64, labels []string) {
	p.b.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		open := ","
		if i == 0 {
			open = "{"
		}
		fmt.Fprintf(&p.b, `%s%s="%s"`, open, labels[i], escape.Replace(labels[i+1]))
	}
	if len(labels) > 0 {
		p.b.WriteByte('}')
	}
	p.b.WriteByte(' ')
	p.b.WriteString(strconv.FormatFloat(value, 'g', -1, 64))
	p.b.WriteByte('\n')
}

// Write answers a scrape.
func (p *Page) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(p.b.String()))
}

// Bounds are the upper ends of a Histogram's buckets.
var Bounds = []time.Duration{
	time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

// A Histogram counts durations. It is made by NewHistogram and safe for
// concurrent use.
type Histogram struct {
	counts []atomic.Uint64 // one more than there are Bounds
	sum    atomic.Int64    // nanoseconds
}

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram { return &Histogram{counts: make([]atomic.Uint64, len(Bounds)+1)} }

// Observe counts a duration.
func (h *Histogram) Observe(d time.Duration) {
	i, _ := slices.BinarySearch(Bounds, d)
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// AddHistogram writes a histogram, in seconds.
func (p *Page) AddHistogram(name, help string, h *Histogram, labels ...string) {
	p.head(histogram, name, help)
	var n uint64
	for i := range h.counts {
		n += h.counts[i].Load()
		bound := "+Inf"
		if i < len(Bounds) {
			bound = strconv.FormatFloat(Bounds[i].Seconds(), 'g', -1, 64)
		}
		p.line(name+"_bucket", float64(n), append(slices.Clone(labels), "le", bound))
	}
	p.line(name+"_sum", time.Duration(h.sum.Load()).Seconds(), labels)
	p.line(name+"_count", float64(n), labels)
}

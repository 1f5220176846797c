package promexport

import (
	"cmp"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// Options are settings with useful zero values.
type Options struct {
	MaxTargets int // models, groups, services, budgets and shadows that are shown, of each; 0 or less is 1000
	MaxReasons int // reasons that are counted apart; 0 or less is 64
}

// other is the reason of what is beyond MaxReasons.
const other = "other"

// An Exporter keeps the numbers of the last tick and counts what happened in all.
// It is safe for concurrent use. New makes one.
type Exporter struct {
	options Options

	mu       sync.Mutex // guards what follows
	ticks    uint64
	at       time.Time // of the last tick; zero: there was none
	gauges   []gauge
	faults   uint64
	errors   map[string]uint64 // by stage
	changes  map[change]uint64
	verdicts map[string]uint64
	reasons  map[string]uint64
	actions  map[action]uint64
}

var _ prometheus.Collector = (*Exporter)(nil)

// A gauge is one number as of the last tick.
type gauge struct {
	desc   *prometheus.Desc
	value  float64
	labels [2]string
	n      int // of labels
}

type change struct{ kind, direction string }

type action struct{ kind, outcome string }

// New returns an Exporter that has seen nothing yet.
func New(o Options) *Exporter {
	if o.MaxTargets <= 0 {
		o.MaxTargets = 1000
	}
	if o.MaxReasons <= 0 {
		o.MaxReasons = 64
	}
	e := &Exporter{
		options: o, errors: map[string]uint64{}, changes: map[change]uint64{}, verdicts: map[string]uint64{},
		reasons: map[string]uint64{}, actions: map[action]uint64{},
	}
	for _, stage := range []string{"read", "observe", "apply"} {
		e.errors[stage] = 0
	}
	for _, kind := range []string{"model", "service", "group"} {
		e.changes[change{kind, "up"}], e.changes[change{kind, "down"}] = 0, 0
	}
	for v := policy.Propose; v <= policy.NoOpinion; v++ {
		e.verdicts[word(v.String())] = 0
	}
	for k := coordinator.ScaleGroup; k <= coordinator.Unload; k++ {
		for _, outcome := range outcomes {
			e.actions[action{word(k.String()), outcome}] = 0
		}
	}
	return e
}

// word is a name of ours as the value of a label.
func word(s string) string { return strings.ReplaceAll(s, " ", "_") }

// outcomes of an action.
var outcomes = []string{"accepted", "fenced", "conflict", "not_sent", "unanswered", "failed"}

func outcome(err error) string {
	switch {
	case err == nil:
		return "accepted"
	case errors.Is(err, coordinator.ErrFenced):
		return "fenced"
	case errors.Is(err, coordinator.ErrConflict):
		return "conflict"
	case errors.Is(err, coordinator.ErrNotSent):
		return "not_sent"
	case errors.Is(err, coordinator.ErrUnanswered):
		return "unanswered"
	}
	return "failed"
}

// Tick takes the numbers of a tick: it is a coordinator.Options.OnTick, or part
// of one. It keeps nothing of t.
func (e *Exporter) Tick(t coordinator.Tick) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ticks++
	e.at = t.Plan.At
	e.faults += uint64(len(t.Plan.Faults))
	if t.ReadErr != nil {
		e.errors["read"]++
	}
	if t.ObserveErr != nil {
		e.errors["observe"]++
	}
	failed := false
	for i := range t.Plan.Now {
		how := "unanswered"
		if i < len(t.ApplyErrs) {
			how = outcome(t.ApplyErrs[i])
		}
		e.actions[action{word(t.Plan.Now[i].Kind.String()), how}]++
		failed = failed || how != "accepted" && how != "not_sent"
	}
	if failed {
		e.errors["apply"]++
	}
	for i := range t.Plan.Models {
		m := &t.Plan.Models[i]
		e.decided("model", m.Was, m.Desired, &m.Decision)
	}
	for i := range t.Plan.Services {
		s := &t.Plan.Services[i]
		e.decided("service", s.Was, s.Desired, &s.Decision)
	}
	for i := range t.Plan.Groups {
		e.changed("group", t.Plan.Groups[i].Was, t.Plan.Groups[i].Desired)
	}
	e.gauges = appendGauges(e.gauges[:0], &t.Plan, e.options.MaxTargets)
}

// decided counts a decision, and what had the last word in it.
func (e *Exporter) decided(kind string, was, is int, d *policy.Decision) {
	e.changed(kind, was, is)
	e.verdicts[word(d.Verdict.String())]++
	if len(d.Steps) == 0 {
		return
	}
	reason := valid(string(d.Steps[len(d.Steps)-1].Reason))
	if _, known := e.reasons[reason]; !known && len(e.reasons) >= e.options.MaxReasons {
		reason = other
	}
	e.reasons[reason]++
}

func (e *Exporter) changed(kind string, was, is int) {
	switch cmp.Compare(is, was) {
	case 1:
		e.changes[change{kind, "up"}]++
	case -1:
		e.changes[change{kind, "down"}]++
	}
}

// valid makes any text fit for a label.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// Describe implements prometheus.Collector.
func (e *Exporter) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (e *Exporter) Collect(ch chan<- prometheus.Metric) {
	for _, m := range e.metrics() {
		ch <- m
	}
}

// metrics are all there are now. The lock is not held while they are sent.
func (e *Exporter) metrics() []prometheus.Metric {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]prometheus.Metric, 0, len(e.gauges)+len(e.actions)+len(e.reasons)+20)
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		all = append(all, prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...))
	}
	count(ticks, e.ticks)
	count(planFaults, e.faults)
	for stage, n := range e.errors {
		count(tickErrors, n, stage)
	}
	for c, n := range e.changes {
		count(changes, n, c.kind, c.direction)
	}
	for v, n := range e.verdicts {
		count(decisions, n, v)
	}
	for r, n := range e.reasons {
		count(lastWords, n, r)
	}
	for a, n := range e.actions {
		count(actions, n, a.kind, a.outcome)
	}
	if !e.at.IsZero() {
		all = append(all, prometheus.MustNewConstMetric(lastTick, prometheus.GaugeValue, float64(e.at.UnixNano())/1e9))
	}
	for i := range e.gauges {
		g := &e.gauges[i]
		all = append(all, prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value, g.labels[:g.n]...))
	}
	return all
}

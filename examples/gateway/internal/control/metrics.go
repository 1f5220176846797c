package control

import (
	"errors"
	"net/http"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/gateway/internal/prom"
)

// figures are what the metrics tell of the last tick.
type figures struct {
	at     time.Time
	models []coordinator.ModelPlan // names and counts only
	groups []coordinator.GroupPlan
	later  int
}

// counts are what the metrics tell of all ticks.
type counts struct {
	ticks, readErrors, observeErrors float64
	actions                          [coordinator.Unload + 1][len(fates)]float64
}

// fates are what becomes of an action.
var fates = [...]string{"accepted", "fenced", "conflict", "not_sent", "unknown"}

func fate(err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, coordinator.ErrFenced):
		return 1
	case errors.Is(err, coordinator.ErrConflict):
		return 2
	case errors.Is(err, coordinator.ErrNotSent):
		return 3
	}
	return 4
}

// keep takes the figures of a tick.
func (p *plane) keep(t coordinator.Tick) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := &p.figures
	f.at, f.later = t.Plan.At, len(t.Plan.Later)
	f.models, f.groups = f.models[:0], f.groups[:0]
	for _, m := range t.Plan.Models {
		f.models = append(f.models, coordinator.ModelPlan{Model: m.Model, Desired: m.Desired, Ready: m.Ready, Starting: m.Starting, Draining: m.Draining})
	}
	for _, g := range t.Plan.Groups {
		f.groups = append(f.groups, coordinator.GroupPlan{Group: g.Group, Desired: g.Desired, Servers: g.Servers})
	}
	p.counts.ticks++
	if t.ReadErr != nil {
		p.counts.readErrors++
	}
	if t.ObserveErr != nil {
		p.counts.observeErrors++
	}
	for i, a := range t.Plan.Now {
		p.counts.actions[a.Kind][fate(t.ApplyErrs[i])]++
	}
}

// metrics answers a scrape.
func (p *plane) metrics(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var page prom.Page
	page.Add(prom.Gauge, "gateway_control_epoch", "How many control planes there have been.", float64(p.epoch))
	page.Add(prom.Counter, "gateway_control_ticks_total", "Turns of the loop.", p.counts.ticks)
	page.Add(prom.Counter, "gateway_control_read_errors_total", "Ticks in which the proxy's counts could not be read.", p.counts.readErrors)
	page.Add(prom.Counter, "gateway_control_observe_errors_total", "Ticks in which the fleet could not be observed.", p.counts.observeErrors)
	for kind := range p.counts.actions {
		for i, n := range p.counts.actions[kind] {
			if n > 0 {
				page.Add(prom.Counter, "gateway_control_actions_total", "Actions planned, and what became of them.", n,
					"kind", coordinator.Kind(kind).String(), "result", fates[i])
			}
		}
	}
	f := &p.figures
	if f.at.IsZero() {
		page.Write(w) // the first tick is under way
		return
	}
	page.Add(prom.Gauge, "gateway_control_last_tick_timestamp_seconds", "When the last plan was made.", float64(f.at.UnixMilli())/1000)
	page.Add(prom.Gauge, "gateway_control_actions_waiting", "Actions that wait for something.", float64(f.later))
	for _, series := range []struct {
		name, help string
		of         func(*coordinator.ModelPlan) int
	}{
		{"gateway_model_replicas_desired", "Replicas wanted.", func(m *coordinator.ModelPlan) int { return m.Desired }},
		{"gateway_model_replicas_ready", "Replicas that serve.", func(m *coordinator.ModelPlan) int { return m.Ready }},
		{"gateway_model_replicas_starting", "Replicas ordered that do not serve yet.", func(m *coordinator.ModelPlan) int { return m.Starting }},
		{"gateway_model_replicas_draining", "Replicas that finish what they have.", func(m *coordinator.ModelPlan) int { return m.Draining }},
	} {
		for i := range f.models {
			page.Add(prom.Gauge, series.name, series.help, float64(series.of(&f.models[i])), "model", f.models[i].Model)
		}
	}
	for _, g := range f.groups {
		page.Add(prom.Gauge, "gateway_group_servers_desired", "Servers wanted.", float64(g.Desired), "group", g.Group)
	}
	for _, g := range f.groups {
		page.Add(prom.Gauge, "gateway_group_servers", "Servers there are, in whatever phase.", float64(g.Servers), "group", g.Group)
	}
	page.Write(w)
}

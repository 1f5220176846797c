package debug

import (
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// modelPage is everything about one model.
type modelPage struct {
	head
	modelRow
	Explained bool         `json:"explained"` // what follows is known, but for placed and waits
	Min       int          `json:"min"`
	Max       int          `json:"max"`
	State     string       `json:"state"`           // scheduled, partial, refused, scaled down or unknown
	Wish      uint64       `json:"generation"`      // of what is desired
	Fulfilled uint64       `json:"readyGeneration"` // the newest that was seen fulfilled; 0: none
	IsReady   bool         `json:"readyForGeneration"`
	Readings  []readingRow `json:"readings"`
	Steps     []stepRow    `json:"steps"`
	Shadows   []shadowRow  `json:"shadows"`
	WhatIfs   []whatIfRow  `json:"whatIfs"`
	History   []decidedRow `json:"history"` // newest first
	Placed    []placedRow  `json:"placed"`
	Now       []actionRow  `json:"now"`
	Later     []waitingRow `json:"later"`
	Refusals  []refusedRow `json:"refused"`
}

type readingRow struct {
	Signal   string     `json:"signal"`
	Value    number     `json:"value"`
	Quality  string     `json:"quality"`
	At       *time.Time `json:"at"`
	Answered int32      `json:"answered"` // of a partial one: sources
	Of       int32      `json:"of"`
}

type stepRow struct {
	Reason string     `json:"reason"`
	From   int        `json:"from"`
	To     int        `json:"to"`
	Have   number     `json:"have"`
	Limit  number     `json:"limit"`
	Until  *time.Time `json:"until"`
}

type whatIfRow struct {
	Desired int    `json:"desired"`
	Signal  string `json:"signal"` // or
	Bound   string `json:"bound"`
	Reading number `json:"reading"`
	For     string `json:"for"`
	Text    string `json:"text"`
}

type decidedRow struct {
	At       time.Time    `json:"at"`
	Was      int          `json:"was"`
	Desired  int          `json:"desired"`
	Reason   string       `json:"reason"`
	Readings []readingRow `json:"readings"`
}

type placedRow struct {
	Server string `json:"server"`
	replicaRow
}

// model builds the page of one model.
func (h *Handler) model(g *glance, q query) (any, bool) {
	p := &g.picture.plan
	i := slices.IndexFunc(p.Models, func(m coordinator.ModelPlan) bool { return m.Model == q.name })
	if i < 0 {
		return nil, false
	}
	m := &p.Models[i]
	page := modelPage{
		head: g.head(), modelRow: h.row(g, m), Placed: g.placed(m.Model), State: coordinator.StateUnknown.String(),
		WhatIfs: []whatIfRow{}, History: []decidedRow{}, Now: []actionRow{}, Later: []waitingRow{}, Refusals: []refusedRow{},
	}
	var signals []policy.Signal
	var beside [][]policy.Signal
	if e, ok := h.explain(g, m.Model); ok {
		page.Explained, page.Min, page.Max, signals, beside = true, e.Min, e.Max, e.Signals, e.ShadowSignals
		page.State, page.IsReady = e.Status.State.String(), e.Status.ReadyForGeneration()
		page.Wish, page.Fulfilled = e.Status.Generation, e.Status.ReadyGeneration
		for _, w := range e.WhatIfs {
			page.WhatIfs = append(page.WhatIfs, whatIf(w))
		}
		for _, d := range slices.Backward(e.History) {
			page.History = append(page.History, decidedRow{d.At.UTC(), d.Was, d.Desired, why(d.Steps), readings(signals, d.Readings)})
		}
	}
	page.Readings, page.Shadows = readings(signals, m.Readings), shadowRows(m.Shadows, beside)
	page.Steps = stepRows(m.Decision.Steps)
	page.about(g.picture)
	return page, true
}

// about adds what the plan has about the model.
func (page *modelPage) about(p *picture) {
	for i := range p.plan.Now {
		if p.plan.Now[i].Model == page.Model {
			a := action(&p.plan.Now[i])
			a.Outcome = p.outcome(i)
			page.Now = append(page.Now, a)
		}
	}
	for i := range p.plan.Later {
		if p.plan.Later[i].Model == page.Model {
			page.Later = append(page.Later, waiting(&p.plan.Later[i]))
		}
	}
	for _, r := range p.plan.Refused {
		if r.Class == page.Model {
			page.Refusals = append(page.Refusals, refused(r))
		}
	}
}

// mostExplained is how many explanations are kept.
const mostExplained = 64

// explain asks the coordinator, once a tick and model however many look: an
// explanation takes milliseconds in which the loop cannot plan.
func (h *Handler) explain(g *glance, model string) (coordinator.Explained, bool) {
	if g.watched == nil {
		return coordinator.Explained{}, false
	}
	h.mu.Lock()
	if h.asOf != h.tick || len(h.explained) >= mostExplained {
		h.asOf, h.explained = h.tick, map[string]coordinator.Explained{}
	}
	asOf := h.asOf
	e, ok := h.explained[model]
	h.mu.Unlock()
	if ok {
		return e, true
	}
	e, err := g.watched.Explain(model)
	if err != nil {
		return e, false // declared no more since the picture was taken
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asOf == asOf {
		h.explained[model] = e
	}
	return e, true
}

// placed is where a model's replicas are.
func (g *glance) placed(model string) []placedRow {
	rows := []placedRow{}
	for i := range g.picture.world.Groups {
		servers := g.picture.world.Groups[i].Servers
		for j := range servers {
			for k := range servers[j].Replicas {
				if r := &servers[j].Replicas[k]; r.Model == model {
					rows = append(rows, placedRow{servers[j].Name, replica(r)})
				}
			}
		}
	}
	return rows
}

func stepRows(steps []policy.Step) []stepRow {
	rows := make([]stepRow, len(steps))
	for i, s := range steps {
		rows[i] = stepRow{string(s.Reason), s.From, s.To, number(s.Have), number(s.Limit), instant(s.Until)}
	}
	return rows
}

func readings(signals []policy.Signal, list []policy.Reading) []readingRow {
	rows := make([]readingRow, len(list))
	for i, r := range list {
		rows[i] = readingRow{Value: number(r.Value), Quality: r.Quality.String(), At: instant(r.At), Answered: r.Answered, Of: r.Of}
		if i < len(signals) {
			rows[i].Signal = signals[i].String()
		}
		if !r.Quality.HasValue() {
			rows[i].Value = number(math.NaN())
		}
	}
	return rows
}

func whatIf(w coordinator.WhatIf) whatIfRow {
	row := whatIfRow{Desired: w.Desired, Bound: w.Bound, Reading: number(w.Reading), For: w.For.String(), Text: w.String()}
	if w.Signal.Name != "" {
		row.Signal = w.Signal.String()
	}
	return row
}

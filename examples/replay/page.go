package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
)

// What the page shows: points of each curve, decisions of each policy, and
// models that have curves of their own, the busiest.
const (
	htmlPoints    = 480
	htmlDecisions = 4000
	htmlModels    = 24
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// The page's data: rows for those without scripts, curves for those with.
type (
	page struct {
		Title, Subtitle string
		Facts           []fact
		Rows            []pageRow
		Data            pageData
	}
	fact    struct{ Name, Value string }
	pageRow struct {
		Policy, Missed, Worst, P50, P99, P999, Replicas, Servers string
		Churn                                                    int64
		Peak                                                     int
	}
	pageData struct {
		Step   float64     `json:"step"`
		Models []string    `json:"models"` // "" is all together
		Runs   []pageCurve `json:"runs"`
	}
	pageCurve struct {
		Policy    string         `json:"policy"`
		Series    []pageSeries   `json:"series"` // one per model
		Decisions []pageDecision `json:"decisions"`
		LeftOut   int64          `json:"leftOut"`
	}
	pageSeries struct {
		Load    []float64 `json:"load"`
		Desired []float64 `json:"desired"`
		Ready   []float64 `json:"ready"`
		Waiting []float64 `json:"waiting"`
	}
	pageDecision struct {
		At    float64 `json:"t"`
		Model string  `json:"m"`
		From  int     `json:"from"`
		To    int     `json:"to"`
		Why   string  `json:"why"`
	}
)

// html writes the report as one page.
func (r *report) html(out io.Writer) error {
	s := r.settings
	p := page{
		Title:    "Replay: " + r.name(),
		Subtitle: fmt.Sprintf("%d requests, %d models, %v", r.requests, r.models, r.length),
		Facts: []fact{
			{"waiting limit", time.Duration(s.wait).String()},
			{"slots a replica", fmt.Sprint(s.slots)},
			{"model load", time.Duration(s.start).String()},
			{"server start", time.Duration(s.boot).String()},
			{"plan every", time.Duration(s.tick).String()},
			{"warm-up, not counted", time.Duration(s.warmup).String()},
			{"seed", fmt.Sprint(s.seed)},
			{"replica-hours that no schedule undercuts", fmt.Sprintf("%.1f", r.results[0].WorkBoundReplicaHours)},
		},
	}
	for i := range r.results {
		x := &r.results[i]
		p.Rows = append(p.Rows, pageRow{
			x.Policy, fmt.Sprintf("%.3f", x.Percent()), fmt.Sprintf("%.2f", x.WorstModelPercent), short(x.WaitP50), short(x.WaitP99),
			short(x.WaitP999), fmt.Sprintf("%.1f", x.ReplicaHours), fmt.Sprintf("%.1f", x.ServerHours), x.Churn, x.PeakReplicas,
		})
	}
	if len(r.v) > 0 {
		hours, percent := r.vCost()
		p.Facts = append(p.Facts, fact{
			"a schedule that knew the future", fmt.Sprintf("%.3f %% missed, %.1f replica-hours", percent, hours),
		})
	}
	p.Data = r.curves()
	return pageTemplate.Execute(out, p)
}

// JSON makes the data a script element's text; json.Marshal escapes what could
// end it.
func (d pageData) JSON() (template.JS, error) {
	raw, err := json.Marshal(d)
	return template.JS(raw), err
}

func (r *report) curves() pageData {
	first := r.results[0].History
	d := pageData{Step: first.Step.Seconds(), Models: []string{""}}
	shown := busiest(first.Models, htmlModels)
	for _, i := range shown {
		d.Models = append(d.Models, first.Models[i].Model)
	}
	for i := range r.results {
		x := &r.results[i]
		c := pageCurve{Policy: x.Policy, LeftOut: x.DecisionsLeftOut, Series: []pageSeries{rounded(x.History.All)}}
		for _, m := range shown {
			c.Series = append(c.Series, rounded(x.History.Models[m]))
		}
		for _, e := range x.Decisions {
			c.Decisions = append(c.Decisions, pageDecision{math.Round(e.At.Seconds()), e.Model, e.From, e.To, e.Why})
		}
		d.Runs = append(d.Runs, c)
	}
	return d
}

// busiest are the indices of up to n models with the most load, that first.
func busiest(models []sim.Series, n int) []int {
	load := make([]float64, len(models))
	order := make([]int, len(models))
	for i := range models {
		order[i] = i
		for _, x := range models[i].Load {
			load[i] += x
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case load[i] > load[j]:
			return -1
		case load[i] < load[j]:
			return 1
		}
		return 0
	})
	return order[:min(n, len(order))]
}

// rounded keeps three decimals of the load; the rest are whole numbers.
func rounded(s sim.Series) pageSeries {
	load := make([]float64, len(s.Load))
	for i, x := range s.Load {
		load[i] = math.Round(x*1000) / 1000
	}
	return pageSeries{load, s.Desired, s.Ready, s.Waiting}
}

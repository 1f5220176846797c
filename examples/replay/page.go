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

// What the page shows: points of each curve, decisions of each policy on hover
// (of those kept, out of which the worst moments are told), and models that have
// curves of their own, the busiest.
const (
	htmlPoints        = 480
	htmlDecisions     = 2000
	htmlDecisionsKept = 100_000
	htmlModels        = 24
)

//go:embed page.html
var pageSource string

var pageTemplate = template.Must(template.New("page").Parse(pageSource))

// The page's data: text for those without scripts, curves for those with.
type (
	page struct {
		Title, Subtitle string
		Verdict         []string
		Facts           []fact
		HasV            bool
		Rows            []pageRow
		Moments         []pageMoments
		Data            pageData
	}
	fact    struct{ Name, Value string }
	pageRow struct {
		Policy, Missed, MissedCount, Worst, P99, Replicas, Ratio string
		Servers                                                  string
		Churn                                                    int64
		Peak                                                     int
		Best                                                     bool // no other is better in both
		Reference                                                bool // no policy: nobody could run it
	}
	pageData struct {
		Step   float64     `json:"step"`
		Models []string    `json:"models"` // "" is all together
		Points []pagePoint `json:"points"`
		Runs   []pageCurve `json:"runs"`
	}
	pagePoint struct {
		Name   string  `json:"name"`
		Missed float64 `json:"missed"`
		Cost   float64 `json:"cost"`
		Best   bool    `json:"best"`
		Kind   string  `json:"kind"` // policy, v, static or bound
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
		Missed  []float64 `json:"missed"`
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
		Title:    r.name(),
		Subtitle: fmt.Sprintf("%s requests to %d models in %v, replayed under %d policies", thousands(r.requests), r.models, r.length, len(r.results)),
		Verdict:  r.verdict(),
		HasV:     len(r.v) > 0,
		Rows:     r.rows(),
		Moments:  r.moments(),
		Facts: []fact{
			{"longest wait allowed", time.Duration(s.wait).String()},
			{"slots a replica", fmt.Sprint(s.slots)},
			{"a model loads in", time.Duration(s.start).String()},
			{"a server starts in", time.Duration(s.boot).String()},
			{"plans every", time.Duration(s.tick).String()},
			{"warm-up, not counted", time.Duration(s.warmup).String()},
			{"seeds", fmt.Sprintf("%d from %d on", s.seeds, s.seed)},
			{"work, in replica-hours", fmt.Sprintf("%.1f", r.results[0].WorkBoundReplicaHours)},
		},
	}
	p.Facts = append(p.Facts, s.worldFacts()...)
	p.Data = r.curves()
	return pageTemplate.Execute(out, p)
}

// worldFacts are what is unusual about the world that was replayed.
func (s *settings) worldFacts() (facts []fact) {
	say := func(is bool, name, format string, args ...any) {
		if is {
			facts = append(facts, fact{name, fmt.Sprintf(format, args...)})
		}
	}
	f := &s.faults
	say(s.servers != "", "shared servers, slots and copies", "%s", s.servers)
	say(s.limit > 0, "replicas in all, at most", "%d", s.limit)
	say(f.ServiceFactor != 1, "service times told", "%g × the truth", f.ServiceFactor)
	say(f.MetricDelay > 0, "metrics late by", "%v", f.MetricDelay)
	say(f.MetricLoss > 0, "metrics lost", "%g %%", 100*f.MetricLoss)
	say(f.FailedStarts > 0, "loads that fail", "%g %%", 100*f.FailedStarts)
	say(f.SlowStarts > 0, "slow loads", "%g %%, × %g", 100*f.SlowStarts, f.SlowFactor)
	say(s.untold, "start times", "not told, learned")
	return facts
}

// rows are the table's: the policies, then what nobody could run.
func (r *report) rows() (rows []pageRow) {
	vCost, vMissed := r.vCost()
	ratio := func(cost float64) string {
		if vCost == 0 {
			return ""
		}
		return fmt.Sprintf("%.2f", cost/vCost)
	}
	points := r.points()
	front := sim.Frontier(points)
	for i := range r.results {
		x := &r.results[i]
		rows = append(rows, pageRow{
			Policy: x.Policy, Missed: r.with(i, missed, 3), MissedCount: thousands(x.Missed), Worst: fmt.Sprintf("%.2f", r.estimate(i, worst).Mean),
			P99: short(x.WaitP99), Replicas: r.with(i, cost, 1), Ratio: ratio(points[i].Cost), Servers: fmt.Sprintf("%.1f", x.ServerHours),
			Churn: x.Churn, Peak: x.PeakReplicas, Best: slices.Contains(front, i),
		})
	}
	if vCost > 0 {
		rows = append(rows, pageRow{Policy: "knew the future", Missed: fmt.Sprintf("%.3f", vMissed), Replicas: fmt.Sprintf("%.1f", vCost), Ratio: "1", Reference: true})
	}
	if r.static != nil {
		rows = append(rows, pageRow{
			Policy: "best fixed counts", Missed: fmt.Sprintf("%.3f", r.static.Percent()), Replicas: fmt.Sprintf("%.1f", r.static.ReplicaHours),
			Ratio: ratio(r.static.ReplicaHours), Reference: true,
		})
	}
	if r.bound > 0 {
		rows = append(rows, pageRow{Policy: "proven lower bound", Missed: "0.100", Replicas: fmt.Sprintf("%.1f", r.bound), Ratio: ratio(r.bound), Reference: true})
	}
	return rows
}

// JSON makes the data a script element's text; json.Marshal escapes what could
// end it.
func (d pageData) JSON() (template.JS, error) {
	raw, err := json.Marshal(d)
	return template.JS(raw), err
}

func (r *report) curves() pageData {
	first := r.results[0].History
	d := pageData{Step: first.Step.Seconds(), Models: []string{""}, Points: r.scatter()}
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
		kept := min(len(x.Decisions), htmlDecisions)
		c.LeftOut += int64(len(x.Decisions) - kept)
		for _, e := range x.Decisions[:kept] {
			c.Decisions = append(c.Decisions, pageDecision{math.Round(e.At.Seconds()), e.Model, e.From, e.To, e.Why})
		}
		d.Runs = append(d.Runs, c)
	}
	return d
}

// scatter are the points of the frontier chart.
func (r *report) scatter() (out []pagePoint) {
	points := r.points()
	front := sim.Frontier(points)
	for i, p := range points {
		out = append(out, pagePoint{r.results[i].Policy, p.Missed, p.Cost, slices.Contains(front, i), "policy"})
	}
	if hours, percent := r.vCost(); hours > 0 {
		out = append(out, pagePoint{"knew the future", percent, hours, false, "v"})
	}
	if r.static != nil {
		out = append(out, pagePoint{"best fixed counts", r.static.Percent(), r.static.ReplicaHours, false, "static"})
	}
	if r.bound > 0 {
		out = append(out, pagePoint{"proven bound", 100 * (1 - reference), r.bound, false, "bound"})
	}
	return out
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
	return pageSeries{load, s.Desired, s.Ready, s.Waiting, s.Missed}
}

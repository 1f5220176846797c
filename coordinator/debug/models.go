package debug

import (
	"math"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// modelsPage is the overview.
type modelsPage struct {
	head
	Sums     sums         `json:"sums"`
	Faults   []string     `json:"faults"`
	Span     span         `json:"rows"`
	Models   []modelRow   `json:"models"`
	Services []serviceRow `json:"services"`
	Choices  []string     `json:"-"` // services that can be frozen
}

// sums are over all models, shown or not.
type sums struct {
	Models         int `json:"models"`
	Desired        int `json:"desired"`
	Ready          int `json:"ready"`
	Starting       int `json:"starting"`
	Draining       int `json:"draining"`
	Servers        int `json:"servers"`
	ServersDesired int `json:"serversDesired"`
	Now            int `json:"now"`
	Later          int `json:"later"`
	Refused        int `json:"refused"`
}

type modelRow struct {
	Model    string     `json:"model"`
	Group    string     `json:"group"` // "" if it is not known
	Was      int        `json:"was"`
	Desired  int        `json:"desired"`
	Ready    int        `json:"ready"`
	Starting int        `json:"starting"`
	Draining int        `json:"draining"`
	Extra    int        `json:"extra"`    // beyond those desired, in a pool
	Resident *time.Time `json:"resident"` // since when it is, in a pool
	Unseen   bool       `json:"unseen"`
	Verdict  string     `json:"verdict"`
	Reason   string     `json:"reason"` // the decision as text
	Frozen   *time.Time `json:"frozen"` // until then
	Signal   string     `json:"signal"` // of Load
	Load     number     `json:"load"`   // the policy's first reading
	Quality  string     `json:"quality"`
	Past     past       `json:"past"`
}

// models builds the overview.
func (h *Handler) models(g *glance, q query) (any, bool) {
	plan := &g.picture.plan
	page := modelsPage{head: g.head(), Faults: some(plan.Faults), Services: g.serviceRows(q), Choices: g.serviceChoices()}
	s := &page.Sums
	s.Models, s.Now, s.Later = len(plan.Models), len(plan.Now), len(plan.Later)
	var match []int
	for i := range plan.Models {
		m := &plan.Models[i]
		s.Desired += m.Desired
		s.Ready += m.Ready
		s.Starting += m.Starting
		s.Draining += m.Draining
		if q.wants(m.Model) {
			match = append(match, i)
		}
	}
	for _, group := range plan.Groups {
		s.Servers += group.Servers
		s.ServersDesired += group.Desired
	}
	for _, r := range plan.Refused {
		s.Refused += r.Items
	}
	from, to, span := q.cut(len(match))
	page.Span, page.Models = span, make([]modelRow, 0, to-from)
	for _, i := range match[from:to] {
		page.Models = append(page.Models, h.row(g, &plan.Models[i]))
	}
	return page, true
}

func (h *Handler) row(g *glance, m *coordinator.ModelPlan) modelRow {
	r := modelRow{
		Model: m.Model, Was: m.Was, Desired: m.Desired, Ready: m.Ready, Starting: m.Starting, Draining: m.Draining, Extra: m.Extra, Resident: instant(m.Resident), Unseen: m.Unseen,
		Verdict: m.Decision.Verdict.String(), Reason: why(m.Decision.Steps), Frozen: g.until(coordinator.TargetModel, m.Model),
		Load: number(math.NaN()), Past: newPast(h.past(m.Model, g.picture.tick)),
	}
	if declared := g.models[m.Model]; declared != nil {
		r.Group = declared.Group
		if m.Group != "" {
			r.Group = m.Group
		}
		if declared.Policy != nil {
			if signals := declared.Policy.Needs().Signals; len(signals) > 0 {
				r.Signal = signals[0].String()
			}
		}
	}
	if len(m.Readings) > 0 {
		r.Quality = m.Readings[0].Quality.String()
		if m.Readings[0].Quality.HasValue() {
			r.Load = number(m.Readings[0].Value)
		}
	}
	return r
}

// why is a decision's steps as text: "target ratio 4->9; above max 9->6".
func why(steps []policy.Step) (text string) {
	for i, s := range steps {
		if i > 0 {
			text += "; "
		}
		text += s.String()
	}
	return text
}

// some is never nil, so that JSON has a list.
func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

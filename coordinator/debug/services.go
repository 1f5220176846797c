package debug

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

type serviceRow struct {
	Service  string     `json:"service"`
	Was      int        `json:"was"`
	Desired  int        `json:"desired"`
	Ready    int        `json:"ready"`
	Starting int        `json:"starting"`
	Unseen   bool       `json:"unseen"`
	Verdict  string     `json:"verdict"`
	Reason   string     `json:"reason"` // the decision as text
	Frozen   *time.Time `json:"frozen"` // until then
	Signal   string     `json:"signal"` // of Load
	Load     number     `json:"load"`   // the policy's first reading
	Quality  string     `json:"quality"`
}

// serviceRows are the services whose name is wanted, as many as a page has rows.
func (g *glance) serviceRows(q query) []serviceRow {
	rows := []serviceRow{}
	for i := range g.picture.plan.Services {
		s := &g.picture.plan.Services[i]
		if !q.wants(s.Service) || len(rows) == q.n {
			continue
		}
		r := serviceRow{
			Service: s.Service, Was: s.Was, Desired: s.Desired, Ready: s.Ready, Starting: s.Starting, Unseen: s.Unseen,
			Verdict: s.Decision.Verdict.String(), Reason: why(s.Decision.Steps), Frozen: g.until(coordinator.TargetService, s.Service),
			Load: number(math.NaN()),
		}
		if declared := g.services[s.Service]; declared != nil && declared.Policy != nil {
			if signals := declared.Policy.Needs().Signals; len(signals) > 0 {
				r.Signal = signals[0].String()
			}
		}
		if len(s.Readings) > 0 {
			r.Quality = s.Readings[0].Quality.String()
			if s.Readings[0].Quality.HasValue() {
				r.Load = number(s.Readings[0].Value)
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// serviceChoices are the services that can be frozen.
func (g *glance) serviceChoices() []string { return slices.Sorted(maps.Keys(g.services)) }

// noteServices adds to the timeline what changed a service's count.
func (h *Handler) noteServices(t coordinator.Tick, line func(kind, name string, was, desired int) entry) {
	for i := range t.Plan.Services {
		if s := &t.Plan.Services[i]; s.Was != s.Desired {
			e := line("service", s.Service, s.Was, s.Desired)
			e.steps = slices.Clone(s.Decision.Steps)
			h.add(e)
		}
	}
}

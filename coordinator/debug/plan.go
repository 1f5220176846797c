package debug

import (
	"slices"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// timelinePage is the decisions that changed something, newest first.
type timelinePage struct {
	head
	Span    span    `json:"rows"`
	Entries []entry `json:"entries"`
}

// timeline builds the timeline.
func (h *Handler) timeline(g *glance, q query) (any, bool) {
	page := timelinePage{head: g.head(), Entries: []entry{}}
	h.mu.Lock()
	all := slices.Clone(h.entries)
	h.mu.Unlock()
	all = slices.DeleteFunc(all, func(e entry) bool { return !q.wants(e.Name) })
	slices.Reverse(all)
	from, to, span := q.cut(len(all))
	page.Span = span
	for _, e := range all[from:to] {
		if e.Kind == "model" || e.Kind == "service" {
			e.Why = why(e.steps)
		}
		page.Entries = append(page.Entries, e)
	}
	return page, true
}

// planPage is the pending plan.
type planPage struct {
	head
	Now     []actionRow  `json:"now"`
	Later   []waitingRow `json:"later"`
	Refused []refusedRow `json:"refused"`
	Faults  []string     `json:"faults"`
	Groups  []groupRow   `json:"groups"`
	LeftOut int          `json:"leftOut"` // actions beyond the longest list
}

type actionRow struct {
	Kind     string   `json:"kind"`
	Service  string   `json:"service"`
	Group    string   `json:"group"`
	Server   string   `json:"server"`
	Model    string   `json:"model"`
	Replicas int      `json:"replicas"`
	Victims  []string `json:"victims"`
	Text     string   `json:"text"`
	Reason   string   `json:"reason"`
	Why      string   `json:"why"`
	Outcome  string   `json:"outcome"` // "accepted", or the error; "" of what waits
}

type waitingRow struct {
	actionRow
	For   string     `json:"for"`
	Until *time.Time `json:"until"`
}

type refusedRow struct {
	Group  string `json:"group"`
	Model  string `json:"model"`
	Items  int    `json:"items"`
	Reason string `json:"reason"`
	Text   string `json:"text"`
}

type groupRow struct {
	Group      string     `json:"group"`
	Servers    int        `json:"servers"`
	Was        int        `json:"was"`
	Desired    int        `json:"desired"`
	LowerBound int        `json:"lowerBound"`
	Unseen     bool       `json:"unseen"`
	Frozen     *time.Time `json:"frozen"`
}

// plan builds the pending plan; its lists are cut like any other, together.
func (h *Handler) plan(g *glance, q query) (any, bool) {
	p := &g.picture.plan
	page := planPage{head: g.head(), Now: []actionRow{}, Later: []waitingRow{}, Refused: []refusedRow{}, Faults: some(p.Faults), Groups: []groupRow{}}
	most := q.n
	for i := range p.Now[:min(most, len(p.Now))] {
		a := action(&p.Now[i])
		a.Outcome = g.picture.outcome(i)
		page.Now = append(page.Now, a)
	}
	for i := range p.Later[:min(most, len(p.Later))] {
		page.Later = append(page.Later, waiting(&p.Later[i]))
	}
	page.LeftOut = max(0, len(p.Now)-most) + max(0, len(p.Later)-most)
	for _, r := range p.Refused[:min(most, len(p.Refused))] {
		page.Refused = append(page.Refused, refused(r))
	}
	for _, x := range p.Groups {
		page.Groups = append(page.Groups, groupRow{x.Group, x.Servers, x.Was, x.Desired, x.LowerBound, x.Unseen, g.until(coordinator.TargetGroup, x.Group)})
	}
	return page, true
}

// outcome is what became of an action.
func (p *picture) outcome(i int) string {
	switch {
	case i >= len(p.applyErrs):
		return ""
	case p.applyErrs[i] != "":
		return p.applyErrs[i]
	}
	return "accepted"
}

func action(a *coordinator.Action) actionRow {
	return actionRow{
		Kind: a.Kind.String(), Service: a.Service, Group: a.Group, Server: a.Server, Model: a.Model, Replicas: a.Replicas, Victims: some(a.Victims),
		Text: a.String(), Reason: string(a.Why.Reason), Why: a.Why.String(),
	}
}

func waiting(w *coordinator.Waiting) waitingRow {
	return waitingRow{action(&w.Action), string(w.For), instant(w.Until)}
}

func refused(r coordinator.Refusal) refusedRow {
	return refusedRow{r.Group, r.Class, r.Items, string(r.Reason), r.String()}
}

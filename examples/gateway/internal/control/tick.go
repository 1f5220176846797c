package control

import (
	"encoding/json"

	"github.com/bellows-go/bellows/coordinator"
)

// tick takes in what a turn of the loop did: it saves what the planner remembers,
// says what was decided, and keeps the figures.
func (p *plane) tick(t coordinator.Tick) {
	p.pages.Tick(t)
	p.complain("save", p.saved.Write(json.RawMessage(p.loop.AppendState(nil)), false))
	for _, m := range t.Plan.Models {
		if m.Desired != m.Was {
			p.Say("%-8s %d -> %d replicas: %v", m.Model, m.Was, m.Desired, m.Decision)
		}
	}
	for _, g := range t.Plan.Groups {
		if g.Desired != g.Was {
			p.Say("%-8s %d -> %d servers, %d at least for these replicas", g.Group, g.Was, g.Desired, g.LowerBound)
		}
	}
	for i, a := range t.Plan.Now {
		if t.ApplyErrs[i] == nil {
			p.Say("         %v (%s)", a, a.Why.Reason)
		}
	}
	p.complain("tick", t.Failures())
	p.keep(t)
}

// complain says an error of one kind, once until there is none.
func (p *plane) complain(what string, err error) {
	p.mu.Lock()
	told := p.told[what]
	p.told[what] = err != nil
	p.mu.Unlock()
	switch {
	case err != nil && !told:
		p.Say("%s: %v", what, err)
	case err == nil && told:
		p.Say("%s: well again", what)
	}
}

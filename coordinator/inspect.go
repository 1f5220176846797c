package coordinator

import "time"

// Declarations are those in force. Their slices and maps are shared with the
// planner, which never changes them: neither must the caller.
func (p *Planner) Declarations() Declarations { return p.declared }

// Frozen tells, of each target that is frozen as of the last plan, until when.
func (p *Planner) Frozen() map[TargetID]time.Time {
	frozen := map[TargetID]time.Time{}
	for _, m := range p.models {
		if p.last.Before(m.frozen) {
			frozen[TargetID{TargetModel, m.Name}] = m.frozen
		}
	}
	for _, s := range p.services {
		if p.last.Before(s.frozen) {
			frozen[s.id] = s.frozen
		}
	}
	for _, g := range p.groups {
		if p.last.Before(g.frozen) {
			frozen[TargetID{TargetGroup, g.Name}] = g.frozen
		}
	}
	return frozen
}

// Declarations is Planner.Declarations, while the loop runs.
func (c *Coordinator) Declarations() Declarations {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planner.Declarations()
}

// Frozen is Planner.Frozen, while the loop runs.
func (c *Coordinator) Frozen() map[TargetID]time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planner.Frozen()
}

// AppendState is Planner.AppendState, while the loop runs: from Options.OnTick, it
// is what was remembered after that tick.
func (c *Coordinator) AppendState(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planner.AppendState(dst)
}

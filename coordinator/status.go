package coordinator

import (
	"fmt"
	"slices"
)

// A Status is how a model stands as of the last plan: what is wanted, what is
// there, and whether the one is the other yet.
type Status struct {
	Model   string
	State   ModelState
	Desired int // the wanted count in force
	Ready   int // serving, as last seen
	Current int // of Ready: of the declared version, where the model lives
	Refused int // of Desired: replicas without a place, even on servers yet to come
	// Refusal says why, where Refused > 0: of the last plan.
	Refusal Refusal

	// Generation counts what was wished for the model: it rises whenever the desired
	// count changes, from the 0 before the first plan on, or the model's declaration
	// (its exported fields). It is at least 1, is saved and restored, and starts anew
	// only for a model that nobody declared for a while.
	Generation uint64
	// ReadyGeneration is the newest generation that was fulfilled: a World that was
	// observed after the wish showed exactly as many serving replicas as it wants, all
	// of the declared version. 0 is none.
	ReadyGeneration uint64
}

// ReadyForGeneration reports whether the present wish was fulfilled, and as many
// replicas as it wants were still serving when last seen. It is never true on
// account of a World that was observed before the wish was made.
func (s Status) ReadyForGeneration() bool {
	return s.State != StateUnknown && s.ReadyGeneration == s.Generation && s.Current >= s.Desired
}

// String reads like "llama: partial, 2 of 3 ready, generation 7 (fulfilled 6)".
func (s Status) String() string {
	text := fmt.Sprintf("%s: %v, %d of %d ready, generation %d", s.Model, s.State, s.Ready, s.Desired, s.Generation)
	if s.ReadyGeneration != s.Generation {
		text += fmt.Sprintf(" (fulfilled %d)", s.ReadyGeneration)
	}
	return text
}

// ModelState says how far a model's replicas have places. Whether they serve
// yet is another matter: see Status.Ready.
type ModelState uint8

// The states of a model.
const (
	StateUnknown    ModelState = iota // its group was not seen in the last plan, or there was none
	StateScheduled                    // each replica wanted has a place, be it on a server that is ordered
	StatePartial                      // fewer have one; at least the minimum serves
	StateRefused                      // none has one, or less than the minimum serves and not all have one
	StateScaledDown                   // none is wanted
)

// wishes are what a model's Status needs to remember. The zero value is that of
// a model that is new.
type wishes struct {
	Generation uint64
	Planned    uint64 // the generation in force when the last plan was made; <= Generation
	Fulfilled  uint64 // <= Planned
	Declared   uint64 // a fingerprint of the declaration
}

func (w *wishes) check() error {
	if w.Planned > w.Generation || w.Fulfilled > w.Planned {
		return fmt.Errorf("generations %d, %d and %d out of order", w.Fulfilled, w.Planned, w.Generation)
	}
	return nil
}

// declare takes note of a declaration.
func (w *wishes) declare(m *Model) {
	if now := fingerprint(m); now != w.Declared || w.Generation == 0 {
		w.Declared = now
		w.Generation++
	}
}

// observe takes note of a World with n serving replicas, of which current as
// declared, before a plan is made from it. It was observed after the last plan, so it may fulfil what was wished
// by then; a declaration that came since may be younger than the World.
func (w *wishes) observe(n, current, desired int) {
	if w.Planned == w.Generation && n == desired && current == desired {
		w.Fulfilled = w.Generation
	}
}

// plan takes note of a decision.
func (w *wishes) plan(was, desired int) {
	if was != desired {
		w.Generation++
	}
	w.Planned = w.Generation
}

// Status tells how a model stands as of the last plan. It is cheap. The error
// says that nobody declared the model.
func (p *Planner) Status(model string) (Status, error) {
	m := p.byName[model]
	if m == nil {
		return Status{}, fmt.Errorf("coordinator: status: no model %q is declared", model)
	}
	s := Status{
		Model: model, Desired: m.desired, Ready: m.serving, Current: m.current, Refused: m.refused, State: m.state(),
		Generation: m.wishes.Generation, ReadyGeneration: m.wishes.Fulfilled,
	}
	if i := slices.IndexFunc(p.plan.Refused, func(r Refusal) bool { return r.Class == model }); i >= 0 && m.refused > 0 {
		s.Refusal = p.plan.Refused[i]
	}
	return s, nil
}

// serves counts the serving replicas of the declared version, where m lives.
func (m *model) serves() (n int) {
	if m.leaving == 0 {
		return m.serving // all of them
	}
	for _, at := range m.places {
		if at.phase == Serving && m.owns(at) {
			n++
		}
	}
	return n
}

func (m *model) state() ModelState {
	switch {
	case !m.seen:
		return StateUnknown
	case m.desired == 0:
		return StateScaledDown
	case m.refused == 0:
		return StateScheduled
	case m.refused < m.desired && m.serving >= m.low:
		return StatePartial
	}
	return StateRefused
}

// Status is Planner.Status, while the loop runs.
func (c *Coordinator) Status(model string) (Status, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.planner.Status(model)
}

package packing

import "slices"

// schedule turns the sequence into a graph: a step waits only for what it
// needs.
//
// A load waits for the first unloads of its bin without which it and all
// earlier loads of the bin would not fit together. So whatever subset of the
// steps is done, with the last load in it all that this one relied on is done.
func (q *sequence) schedule() *Schedule {
	g := &graph{state: newState(q.layout), was: map[place]int{}}
	for _, k := range q.kind[len(q.binIn):] {
		g.openNew(k)
	}
	g.queued = make([][]int, len(q.kind))
	g.freed = make([][]int, len(q.kind))
	g.moved = make([]int, len(q.rules))
	for r := range g.moved {
		g.moved[r] = -1
	}
	for i, act := range q.done {
		g.append(i, act, q.shifts(act))
	}
	s := &Schedule{Detours: q.detours, Steps: make([]Step, len(q.done))}
	for i, act := range q.done {
		after := g.after[i]
		slices.Sort(after)
		s.Steps[i] = q.step(act.kind, act.class, act.bin)
		s.Steps[i].After = slices.Compact(after)
	}
	for _, t := range q.pending {
		if t.to != none {
			s.Left = append(s.Left, q.step(Load, t.class, t.to))
		}
		if t.from != none {
			s.Left = append(s.Left, q.step(Unload, t.class, t.from))
		}
	}
	return s
}

// step is a step in the input's numbers.
func (q *sequence) step(kind StepKind, c, b int32) Step {
	bin := int(b)
	if bin < len(q.binIn) {
		bin = int(q.binIn[bin])
	}
	return Step{Kind: kind, Class: int(q.classIn[c]), Bin: bin}
}

// A graph finds what each action of a sequence waits for. Its state is that of
// the loads so far, with only those unloads that a load needed.
type graph struct {
	*state
	actions []action
	after   [][]int
	queued  [][]int       // per bin: unloads that nothing needed yet
	freed   [][]int       // per bin: unloads that loads wait for
	was     map[place]int // the last action there
	moved   []int         // per rule: the action that last moved an item between zones; -1 is none
}

// A place is where an item of a class may sit.
type place struct{ class, bin int32 }

// append adds the next action of the sequence. shifts says whether it changes
// how many items a zone counts.
func (g *graph) append(i int, act action, shifts bool) {
	var after []int
	here := place{act.class, act.bin}
	if last, acted := g.was[here]; acted {
		after = append(after, last)
	}
	switch act.kind {
	case Load:
		g.makeRoom(act.class, act.bin)
		after = append(after, g.freed[act.bin]...)
		if last, acted := g.was[place{act.class, act.transfer.from}]; acted {
			after = append(after, last) // it waits where a detour took it
		}
	case Unload:
		if act.transfer.to != none {
			after = append(after, g.was[place{act.class, act.transfer.to}])
		}
		g.queued[act.bin] = append(g.queued[act.bin], i)
	}
	if r := g.zoned[act.class]; r >= 0 && shifts {
		if g.moved[r] >= 0 {
			after = append(after, g.moved[r])
		}
		g.moved[r] = i
	}
	g.was[here] = i
	g.actions = append(g.actions, act)
	g.after = append(g.after, after)
}

// shifts reports whether an action changes how many items a zone counts.
func (q *sequence) shifts(act action) bool {
	t := act.transfer
	return (act.kind == Unload || t.from == none) && q.zoneOf(t.from) != q.zoneOf(t.to)
}

// makeRoom books the load of an item of c into b, and those unloads of the bin,
// in their order, that it takes.
func (g *graph) makeRoom(c, b int32) {
	for g.holds(c, b) || !g.fits(c, b) {
		next := g.queued[b][0]
		g.queued[b] = g.queued[b][1:]
		g.freed[b] = append(g.freed[b], next)
		g.remove(g.actions[next].class, b)
	}
	g.add(c, b)
}

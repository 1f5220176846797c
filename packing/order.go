package packing

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bellows-go/bellows/internal/check"
)

// A Schedule is a graph of steps that changes where items sit. A step may be
// begun as soon as all those in its After are done; steps that do not wait for
// one another may be taken in any order or at once.
//
// Whatever has been done by then, the state is valid: every bin has room for all
// that is in it and all that is being loaded; no bin holds two items of a class;
// no class has fewer items than at the beginning, or than at the end if that is
// less; a rule of spread that holds goes on holding, where an item that moves
// counts in its old place until it is unloaded there.
type Schedule struct {
	Steps []Step
	// Left are the loads and unloads of the assignment that no order reaches
	// without downtime: where bins wait for one another to give up room, and no
	// other bin could hold an item meanwhile. They wait for nothing.
	Left []Step
	// Detours is the number of items that wait in a bin that is not their last,
	// so that others can pass.
	Detours int
}

// A Step loads an item or unloads one.
type Step struct {
	Kind  StepKind
	Class int   // index into Problem.Classes
	Bin   int   // as in Assignment.Bins
	After []int // indices of steps, all lower than its own, ascending
}

// StepKind is what a step does.
type StepKind uint8

// The kinds of steps.
const (
	Load StepKind = iota
	Unload
)

func (k StepKind) String() string {
	switch k {
	case Load:
		return "load"
	case Unload:
		return "unload"
	}
	return "StepKind(" + itoa(int(k)) + ")"
}

// Order finds the steps that lead from where p's items sit to an assignment of
// p. Each move loads before it unloads. Where moves wait for one another in a
// circle an item makes a detour over a bin with room.
//
// The error tells of a fault of p, or of an assignment that is not one of p.
func Order(p *Problem, a *Assignment) (*Schedule, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if err := a.belongsTo(p); err != nil {
		return nil, err
	}
	l := newLayout(p)
	transfers := transfersOf(l, a)
	best := arrange(l, a, transfers)
	// What was in the way goes first in another try: often that is enough.
	last := best
	for try := 0; try < 8 && len(best.late) > 0; try++ {
		transfers = slices.DeleteFunc(transfers, func(t transfer) bool { return slices.Contains(last.late, t) })
		transfers = slices.Concat(last.late, transfers)
		last = arrange(l, a, transfers)
		if cmp.Or(cmp.Compare(len(last.pending), len(best.pending)), cmp.Compare(last.detours, best.detours)) < 0 {
			best = last
		}
	}
	return best.schedule(), nil
}

// belongsTo checks that every index means something.
func (a *Assignment) belongsTo(p *Problem) error {
	var f check.Faults
	f.Require(len(a.Bins) == len(p.Classes), "Assignment.Bins", "has %d entries for %d classes", len(a.Bins), len(p.Classes))
	opened := make([]int, len(p.Templates))
	for i, t := range a.Opened {
		if t < 0 || t >= len(opened) {
			f.Require(false, at("Assignment.Opened", i), "no template has index %d", t)
			continue
		}
		opened[t]++
		f.Require(opened[t] <= p.Templates[t].Max, at("Assignment.Opened", i), "more than %d of template %d", p.Templates[t].Max, t)
	}
	for i, bins := range a.Bins {
		for j, b := range bins {
			field := fmt.Sprintf("Assignment.Bins[%d][%d]", i, j)
			f.Require(b >= 0 && b < len(p.Bins)+len(a.Opened), field, "no bin has index %d", b)
			f.Require(j == 0 || b > bins[j-1], field, "must be more than %d, is %d", bins[max(j-1, 0)], b)
		}
	}
	return f.Err()
}

// A transfer is what becomes of one item: it moves, it comes or it goes.
type transfer struct {
	class    int32
	from, to int32 // none if it is new, or removed
}

const none int32 = -1

// transfersOf pairs what leaves with what comes, within a zone before between
// zones. What goes comes first, for it only makes room.
func transfersOf(l *layout, a *Assignment) []transfer {
	var gone, moved, fresh []transfer
	rank := inverse(l.binIn)
	zones := func(t transfer) (from, to int32) { return l.zoneIn(a, t.from), l.zoneIn(a, t.to) }
	for c := range int32(len(l.classIn)) {
		leave, come := l.difference(c, a, rank)
		for _, sameZone := range []bool{true, false} {
			come = slices.DeleteFunc(come, func(to int32) bool {
				i := slices.IndexFunc(leave, func(from int32) bool {
					x, y := zones(transfer{c, from, to})
					return x == y || !sameZone
				})
				if i < 0 {
					return false
				}
				moved = append(moved, transfer{c, leave[i], to})
				leave = slices.Delete(leave, i, i+1)
				return true
			})
		}
		for _, b := range leave {
			gone = append(gone, transfer{c, b, none})
		}
		for _, b := range come {
			fresh = append(fresh, transfer{c, none, b})
		}
	}
	return slices.Concat(gone, moved, fresh)
}

// difference is which bins lose their item of c and which gain one, ascending.
// rank is the number of each bin of the input.
func (l *layout) difference(c int32, a *Assignment, rank []int32) (leave, come []int32) {
	var end []int32
	for _, b := range a.Bins[l.classIn[c]] {
		if b < len(rank) {
			b = int(rank[b])
		}
		end = append(end, int32(b))
	}
	slices.Sort(end)
	for _, b := range end {
		if !l.isHome(c, b) {
			come = append(come, b)
		}
	}
	for _, b := range l.home[c] {
		if _, stays := slices.BinarySearch(end, b); !stays {
			leave = append(leave, b)
		}
	}
	return leave, come
}

// zoneIn is the zone of a bin of an assignment.
func (l *layout) zoneIn(a *Assignment, b int32) int32 {
	if int(b) < len(l.binIn) {
		return l.kinds[l.binKind[b]].zone
	}
	return l.kinds[a.Opened[int(b)-len(l.binIn)]].zone
}

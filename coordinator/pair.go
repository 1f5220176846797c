package coordinator

import (
	"slices"

	"github.com/bellows-go/bellows/internal/check"
)

// A group that hosts its model one to one has no size of its own. At most one
// replica sits on each server, and nothing else sits there: as many servers as
// replicas are needed, no fewer will do, and a server goes when its replica has
// gone. What could still tell the two apart is refused here: other bounds, a
// second model or one that falls back to it, a number of servers that is not ours.
// A freeze of the one is one of both.

// pairs reports every group that is one to one and cannot be.
func (d *Declarations) pairs(f *check.Faults) {
	for i := range d.Groups {
		g := &d.Groups[i]
		if !g.OneToOne {
			continue
		}
		field := path("Groups", i)
		var hosted *Model
		for j := range d.Models {
			m := &d.Models[j]
			if k := slices.Index(m.Fallbacks, g.Name); k >= 0 {
				f.Require(false, path(path("Models", j)+".Fallbacks", k), "%q hosts its own model one to one, and nothing else", g.Name)
			}
			switch {
			case m.Group != g.Name:
			case hosted != nil:
				f.Require(false, path("Models", j)+".Group", "%q hosts %q one to one, and nothing else", g.Name, hosted.Name)
			default:
				hosted = m
			}
		}
		if hosted == nil {
			f.Require(false, field+".OneToOne", "no model is on %q", g.Name)
			continue
		}
		low, high := hosted.bounds()
		f.Require(!g.Fixed, field+".Fixed", "its number of servers is that of the replicas of %q, which it hosts one to one", hosted.Name)
		f.Require(len(hosted.Fallbacks) == 0, field+".OneToOne", "%q has Fallbacks, and could move away", hosted.Name)
		f.Require(g.Min == low, field+".Min", "must be the Min %d of %q, which it hosts one to one, is %d", low, hosted.Name, g.Min)
		f.Require(g.Max == high, field+".Max", "must be the Max %d of %q, which it hosts one to one, is %d", high, hosted.Name, g.Max)
	}
}

package coordinator

import "github.com/bellows-go/bellows/internal/check"

// A group that hosts its model one to one has no size of its own. At most one
// replica sits on each server, and nothing else sits there: as many servers as
// replicas are needed, no fewer will do, and a server goes when its replica has
// gone. What could still tell the two apart is refused here: other bounds, a
// second model, a freeze of the one alone.

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
		f.Require(g.Min == hosted.Min, field+".Min", "must be the Min %d of %q, which it hosts one to one, is %d", hosted.Min, hosted.Name, g.Min)
		f.Require(g.Max == hosted.Max, field+".Max", "must be the Max %d of %q, which it hosts one to one, is %d", hosted.Max, hosted.Name, g.Max)
	}
}

package coordinator

import (
	"github.com/bellows-go/bellows/internal/check"
	"github.com/bellows-go/bellows/policy"
)

// A Pool makes the servers of a group one capacity that its models share: each
// serves Slots requests at once, of whichever models it holds, so that what one
// model does not use another can. Streams that cannot be foreseen one by one add
// up to one that can (Zhang et al., "SHEPHERD", NSDI 2023).
//
// The number of servers is the larger of what Policy decides, on the sum of what
// the models get, and what their desired replicas need to have places; both kept
// within the group's Min and Max.
//
// A replica of a model in a pool is a copy: it may use all slots of its server,
// and shares them with the others there. A model's own Policy decides how many
// copies there are to be at least, each worth all Slots. One that proposes none
// gives up the claim, not the copy: beyond what is desired, free room is filled
// with copies of the models that gain most, see policy.Valuer and Model.Weight,
// and such a copy goes when its room is wanted.
//
// Where memory is overcommitted, a model of which a copy is evicted and loaded again
// three times within its keep time, sixty times what a load takes but half a minute
// to ten, is resident: all of its needs count as pinned, so that models which are
// used at once get servers of their own. It is so until nothing has come for it for
// as long as that. See ReplicaState.Reloads.
//
// Fewer servers: one retires. It serves on, is given nothing new, and what it
// holds does not count; it is taken back when it is wanted again. When everything
// desired serves elsewhere it is drained and removed: a request that runs there then
// has its model's DrainTimeout, and no longer. Until then it stays, however long that
// takes: what would serve elsewhere may fail to load.
type Pool struct {
	// Policy decides the number of servers. Each of its Signals reads the sum of the
	// models' own, each of its Seconds is the sum of theirs; counts in its
	// Observation are servers, Slots are those of the Pool, and Lead is the time of a
	// boot and a load. nil: as few servers as the desired replicas need.
	Policy policy.Config
	// Slots is how many requests one server serves at once, whatever their models;
	// >= 1. It stands for Model.Slots, which need not be set.
	Slots int
}

// validatePools reports every fault of pools, and of what can not be in one.
func (d *Declarations) validatePools(f *check.Faults) {
	pools := map[string]bool{}
	for i := range d.Groups {
		g := &d.Groups[i]
		if g.Pool == nil {
			continue
		}
		field := path("Groups", i) + ".Pool"
		pools[g.Name] = true
		f.Require(g.Pool.Slots >= 1 && g.Pool.Slots <= maxCount, field+".Slots", "must lie in [1, %d], is %d", maxCount, g.Pool.Slots)
		f.Require(!g.OneToOne, field, "%q hosts its model one to one: there is nothing to share", g.Name)
		if g.Pool.Policy == nil {
			continue
		}
		f.Require(!g.Fixed, field+".Policy", "the number of servers of %q is not ours", g.Name)
		validatePolicy(f, field+".Policy", g.Pool.Policy)
		if g.Pool.Policy.Validate() == nil {
			f.Require(len(g.Pool.Policy.Needs().Pods) == 0, field+".Policy", "looks at pods, of which a pool has none of its own")
		}
	}
	for i := range d.Models {
		m := &d.Models[i]
		field := path("Models", i)
		for j, name := range m.Fallbacks {
			f.Require(!pools[name], path(field+".Fallbacks", j), "%q is a pool, which is nobody's fallback", name)
		}
		if !pools[m.Group] {
			continue
		}
		f.Require(m.With == "", field+".With", "%q is a pool: what a server holds there changes", m.Group)
		f.Require(m.Spread == (Spread{}), field+".Spread", "%q is a pool, whose copies go where the load is", m.Group)
		f.Require(!m.Dedicated, field+".Dedicated", "%q is a pool, which is shared", m.Group)
		f.Require(len(m.Fallbacks) == 0, field+".Fallbacks", "%q is a pool, which nobody leaves", m.Group)
	}
}

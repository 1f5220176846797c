package coordinator

import (
	"math"
	"slices"
	"time"

	"github.com/bellows-go/bellows/packing"
)

// group is a declared server group and what the present snapshot shows of it.
type group struct {
	ServerGroup
	dims     []string      // sorted names of resources, dedication where a model needs it
	capacity []int64       // of one server, per dimension
	limit    []int64       // capacity with what is overcommitted
	models   []*model      // hosted here, sorted by name
	packed   []*model      // of these, those that are packed: companions go with their host
	found    time.Time     // when it was first seen
	complete bool          // all servers were up at once, or waited for long enough
	met      bool          // it was seen before
	boots    durations     // from order to up
	starting startingSince // boots under way, by server
	moving   *moving       // nil: nothing is consolidated
	changed  time.Time     // when something else last went on; zero: not known
	tried    time.Time     // when servers to empty were last looked for
	frozen   time.Time     // the number of servers stands until then
	pool     *pool         // nil: its models do not share their servers' compute

	rank   int         // among the groups by name
	state  *GroupState // nil: not seen
	fault  error       // why it was not, beyond being unseen
	known  bool        // views and the models' places are those of the last World
	views  []view      // one per state.Servers
	marked []int       // servers whose views this plan has written to
	tally  tally       // of views
	guests int         // replicas here of models that live on other groups

	binsBuf []packing.Bin // of the last packing problem
	usedBuf []int64

	lacks     bool    // some of packed miss replicas that are there to be placed, or too many
	volumeBuf []int64 // of bound
}

// view is what the planner makes of one observed server.
type view struct {
	seen             // what it is made of
	load     []int64 // by replicas in any phase
	used     []int64 // load, and what this plan adds
	going    []int64 // the part of used that leaves: draining, broken or spare
	replicas int
	foreign  bool // holds what nobody declared here: its free room is unknown
	planned  int  // new replicas in this plan
	marked   bool // this plan has written to used, going or planned
	retiring bool // it is to go, see pool
	spared   bool // it was, and stays from the next plan on
}

// open reports whether a server may be given new replicas at all.
func (g *group) open(i int) bool {
	v := &g.views[i]
	return !v.leaving && !v.retiring && !v.foreign && !g.moving.empties(v.name)
}

// assemble notes when all servers that a planner without a history expects have
// been seen up, or been waited for.
func (g *group) assemble(now time.Time, wait time.Duration) {
	if g.complete {
		return
	}
	if g.found.IsZero() {
		g.found = now
	}
	_, ghosts := g.current()
	g.complete = ghosts == 0 && g.tally.booting == 0 || now.Sub(g.found) >= wait
}

// current is the number of servers there are or soon will be, those that leave
// aside; ghosts are those of them that have not appeared yet.
func (g *group) current() (servers, ghosts int) {
	staying := len(g.views) - g.tally.leaving
	servers = max(g.state.Desired, staying)
	return servers, servers - staying
}

// bound is a number of servers below which no placement of the desired
// replicas goes.
func (g *group) bound() int {
	n := 0
	g.volumeBuf = slices.Grow(g.volumeBuf[:0], len(g.limit))
	volume := g.volumeBuf[:len(g.limit)]
	clear(volume)
	dims := len(volume) // those whose volume is known
	for _, m := range g.packed {
		n = max(n, m.desired)
		for d, size := range m.size[:dims] {
			if size > 0 && int64(m.desired) > (math.MaxInt64-g.limit[d]-volume[d])/size {
				dims = d // beyond integers; so are the servers
				break
			}
			volume[d] += size * int64(m.desired)
		}
	}
	for d, capacity := range g.limit[:dims] {
		if capacity > 0 {
			n = max(n, int((volume[d]+capacity-1)/capacity))
		}
		if physical := g.capacity[d]; 0 < physical && physical < capacity && g.pool != nil {
			kept := int64(0) // no more than volume, of each
			for _, m := range g.packed {
				kept += m.coreOn(g)[d] * int64(m.desired)
			}
			n = max(n, int((kept+physical-1)/physical))
		}
	}
	return n
}

func add(sum, v []int64) {
	for d, x := range v {
		sum[d] += x
	}
}

package coordinator

import (
	"math"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// Resources are amounts by the name of the resource, in the user's own units:
// {"memory_mib": 16384, "gpus": 1}. Amounts are >= 0; an absent name is zero.
type Resources map[string]int64

// A Model is a target whose replicas are packed onto the servers of a group, at
// most one on each.
type Model struct {
	Name  string // unique, not empty
	Group string // the server group that hosts it
	// Fallbacks are groups that host it instead, in this order. A model lives on one
	// group: the first of Group and Fallbacks, until it finds too little room there
	// and another could hold all of it. Then it moves, and stays there.
	Fallbacks []string

	// Version names what its replicas run. When it changes, replicas of the new
	// version are loaded, and those of others serve until the new ones do.
	Version string

	Needs    Resources // of one replica; names are among the group's Capacity
	Pinned   Resources // the part of Needs that is never evicted, where the group overcommits; each <= Needs
	Requires []string  // capabilities that its servers must have
	Spread   Spread    // over the zones of its group

	// Dedicated: its servers host nothing but it, and what is With it. Replicas that
	// share a server when it is declared so stay there.
	Dedicated bool
	// With names a model of the same groups: replicas sit only on servers that have
	// one of that model, never more of them than of it. Their room is kept free
	// wherever it goes. An explainer sits with its model.
	With string

	Min, Max int           // replicas: 0 <= Min <= Max
	Policy   policy.Config // decides between them; nil if Max is 0
	Replicas int           // a fixed count, >= 0; only if Max is 0

	// Priority decides where there is not room for all that is missing: the higher
	// goes first, each model's Min before what others have beyond theirs. What is
	// there already does not make room: a Budget of what the group has takes from
	// the lower what the higher wants. Any value.
	Priority int
	// Weight is its share among equal priorities: one of weight 2 gets two replicas
	// for each of a model of weight 1. In [0, 1000]; 0 is 1.
	Weight int

	// MinReady is how many replicas keep serving while others are replaced for which
	// there is no room beside them; 0 is all of them: nothing is then replaced
	// without room for both.
	MinReady int

	Slots        int           // requests one replica serves at once; 0 unknown
	LoadTime     time.Duration // an estimate, from order to loaded; 0: what other models take
	DrainTimeout time.Duration // after which a drain ends whatever is in flight; 0: 5 min
	// RetryInterval is how long a server is avoided on which it failed to load, or
	// died, twice in a row; each further time it is avoided about twice as long, up
	// to 30 min. 0 is 30 s.
	RetryInterval time.Duration

	Shadows []Shadow // policies that are asked beside Policy, and never act
}

// A Spread keeps the replicas of a model apart over the zones of its group.
type Spread struct {
	// MaxSkew is by how many the replicas in two zones may differ at most, counting
	// the zones of the group with none; 0 is no rule. What sits unevenly already
	// is not moved for it.
	MaxSkew int
	Soft    bool // rather place a replica than keep the rule
}

// A ServerGroup is a number of equal servers.
type ServerGroup struct {
	Name         string    // unique, not empty
	Capacity     Resources // of one server
	Capabilities []string
	// Overcommit is by which fraction of its capacity the needs of a server's
	// replicas may exceed it, >= 0; a resource that is not named is 0. For memory out
	// of which a server evicts what is not used: what is Pinned, and the largest
	// replica that loads, never exceed the capacity itself.
	Overcommit map[string]float64
	// Zones are those that servers come up in. The provider is taken to put each new
	// server where there are fewest.
	Zones    []string
	Min, Max int           // servers: 0 <= Min <= Max, Max >= 1 unless Fixed
	Fixed    bool          // the number of servers is not ours; Min and Max mean nothing
	Removal  Removal       // which servers may go
	BootTime time.Duration // an estimate, from order to up; 0: what other groups take
	Cost     float64       // of one server per hour, in any unit, >= 0; reported, see GroupPlan
	// OneToOne says that each server is there for one replica of the one model that
	// the group hosts, whose bounds are the group's. One decision then sizes both.
	OneToOne bool
	// Pool, if not nil, makes the servers one capacity that the models share. Its
	// servers are emptied by retiring, not by Consolidation.
	Pool *Pool

	Consolidation Consolidation
}

// Removal says which servers of a group can be taken away.
type Removal uint8

// The ways to remove. The zero value is Free.
const (
	Free    Removal = iota // any: the actuator removes exactly the named ones
	Ordinal                // only those with the highest ordinals, as a StatefulSet does
)

// Declarations are everything a planner scales.
type Declarations struct {
	Models   []Model
	Groups   []ServerGroup
	Services []Service
	Budgets  []Budget
}

const defaultDrainTimeout = 5 * time.Minute

// maxCount is the most replicas of a model and servers of a group.
const maxCount = 1_000_000

// maxAmount keeps sums over ten thousand servers far within integers.
const maxAmount = math.MaxInt64 >> 16

// maxOvercommit is the largest fraction of Overcommit.
const maxOvercommit = 100

// dedication is a dimension beside the user's resources: a server has room for
// one dedicated model or for any others.
const dedication = "dedication"

const (
	wholeServer = 1 << 24 // of dedication, per server
	shareOfOne  = 1       // of a model that is not dedicated
)

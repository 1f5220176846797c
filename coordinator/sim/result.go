package sim

import "time"

// worstOf is the number of requests from which a model counts as the worst.
const worstOf = 200

// A Result is what a policy has cost and missed since warm-up.
type Result struct {
	Policy   string
	Requests int64
	Missed   int64 // waited longer than the limit, or were never served
	Unserved int64 // of those, the never served
	// WorstModelPercent is the largest share of requests missed by any model with
	// at least 200 of them; of all models if none has.
	WorstModelPercent float64

	// Quantiles of the wait for a slot, at most 1/64 too high. The never served
	// count with their wait at the end.
	WaitP50, WaitP99, WaitP999 time.Duration

	ReplicaHours float64 // from the order of a load to removal
	ServerHours  float64 // from the order of a server to removal
	// WorkBoundReplicaHours is the work that came in over the slots of a replica:
	// no schedule that serves all can cost less.
	WorkBoundReplicaHours float64
	Churn                 int64 // sum of |changes| of desired counts
	PeakReplicas          int   // most replicas at once, loading ones included
	FailedStarts          int64 // loads that failed, see Faults.FailedStarts

	// Of shared servers: ReplicaHours are then ServerHours times the slots of a
	// server over those of a replica, Churn is of servers ordered and removed, and
	// PeakReplicas is of servers.
	Loads        int64 // that were begun
	LoadsPerHour float64
	ColdArrivals int64 // requests that found no copy ready

	Models           []ModelResult // in order of first appearance
	History          *History      // nil without Options.Points
	Decisions        []Decided     // changes of desired counts, the first Options.Decisions
	DecisionsLeftOut int64
}

// Percent is the share of requests that missed, in percent; 0 of none.
func (r *Result) Percent() float64 { return percent(r.Missed, r.Requests) }

// A ModelResult is one model's share of a Result.
type ModelResult struct {
	Model            string
	Requests, Missed int64
}

// Percent is the share of requests that missed, in percent; 0 of none.
func (m *ModelResult) Percent() float64 { return percent(m.Missed, m.Requests) }

func percent(part, all int64) float64 {
	if all == 0 {
		return 0
	}
	return 100 * float64(part) / float64(all)
}

// Decided is one change of a model's desired count.
type Decided struct {
	At       time.Duration
	Model    string
	From, To int
	Why      string
}

// A History is how a replay went, at evenly spaced points: Step apart, the
// first at Step/2. All and each of Models have the same number of points. Where
// models share servers All counts servers, and all loads are in their worth.
type History struct {
	Step   time.Duration
	All    Series
	Models []Series // in order of first appearance
}

// A Series is one model's history, or that of all together.
type Series struct {
	Model   string
	Load    []float64 // replicas' worth of work arriving, the mean over a step
	Desired []float64 // the largest desired count within a step
	Ready   []float64 // the smallest number of serving replicas within a step
	Waiting []float64 // the most requests waiting at a plan within a step
	Missed  []float64 // requests that came in within a step, since warm-up, and missed
}

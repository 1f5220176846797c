package coordinator

import (
	"math"
	"time"

	"github.com/bellows-go/bellows/internal/check"
	"github.com/bellows-go/bellows/policy"
)

// A Service is a target that is not packed: a gateway, a dataflow engine. Its
// replicas are made, placed and taken away by whatever runs it; the planner says
// how many there are to be.
//
// Either Min and Max bound what Policy decides, or both are zero and Replicas is
// the count: a singleton has one.
type Service struct {
	Name string // unique among services, not empty

	Min, Max int           // replicas: 0 <= Min <= Max, Max >= 1; or both 0
	Replicas int           // a fixed count, >= 1, where Min and Max are 0; else 0
	Policy   policy.Config // decides between the bounds; may be nil beside Replicas

	Slots     int           // requests one replica serves at once; 0 unknown
	StartTime time.Duration // an estimate, from order to ready; 0 unknown
	// Useful is beyond how many replicas none has work, see UsefulReplicas; 0 is
	// not known. It bounds the count as Max does, but never below Min.
	Useful int
}

// UsefulReplicas is how many replicas of a message consumer have work: each
// thing that is served (a pipeline, a model) has a consumer group of its own or
// shares one of at most mostConsumers, and of a group no more members get
// messages than its topic has partitions. That is the least of things and
// mostConsumers, times partitions, and at most math.MaxInt.
//
// mostConsumers <= 0 is without limit. It is 1 when there is nothing to serve
// yet, and 0, not known, when things is negative or partitions is not positive.
func UsefulReplicas(things, mostConsumers, partitions int) int {
	if things < 0 || partitions <= 0 {
		return 0
	}
	if mostConsumers > 0 {
		things = min(things, mostConsumers)
	}
	if things > math.MaxInt/partitions {
		return math.MaxInt
	}
	return max(1, things*partitions)
}

// fixed reports whether the count is Replicas.
func (s *Service) fixed() bool { return s.Min == 0 && s.Max == 0 }

// bounds are those of the desired count.
func (s *Service) bounds() (low, high int) {
	if s.fixed() {
		return s.Replicas, s.Replicas
	}
	return s.Min, s.Max
}

// config is the policy that decides.
func (s *Service) config() policy.Config {
	if s.Policy == nil {
		return fixedCount{s.Replicas}
	}
	return s.Policy
}

// validateServices reports every fault of the services.
func (d *Declarations) validateServices(f *check.Faults) {
	names := map[string]bool{}
	for i := range d.Services {
		s := &d.Services[i]
		field := path("Services", i)
		f.Require(s.Name != "", field+".Name", "must not be empty")
		f.Require(!names[s.Name], field+".Name", "%q stands twice", s.Name)
		names[s.Name] = true
		s.validate(f, field)
	}
}

func (s *Service) validate(f *check.Faults, field string) {
	if s.fixed() {
		f.Require(s.Replicas >= 1, field+".Replicas", "must be >= 1 where Min and Max are 0, is %d", s.Replicas)
		f.Require(s.Replicas <= maxCount, field+".Replicas", "must be <= %d, is %d", maxCount, s.Replicas)
	} else {
		f.Require(s.Max >= 1, field+".Max", "must be >= 1, is %d", s.Max)
		bounds(f, field, s.Min, s.Max)
		f.Require(s.Replicas == 0, field+".Replicas", "must be 0 beside Min and Max, is %d", s.Replicas)
		f.Require(s.Policy != nil, field+".Policy", "must be set")
	}
	f.Require(s.Slots >= 0, field+".Slots", "must be >= 0, is %d", s.Slots)
	f.Require(s.StartTime >= 0, field+".StartTime", "must be >= 0, is %v", s.StartTime)
	f.Require(s.Useful >= 0, field+".Useful", "must be >= 0, is %d", s.Useful)
	if s.Policy != nil {
		validatePolicy(f, field+".Policy", s.Policy)
	}
}

// validatePolicy reports the faults of a policy, and signals that no window is
// kept for.
func validatePolicy(f *check.Faults, field string, c policy.Config) {
	err := c.Validate()
	f.Under(field, err)
	if err != nil {
		return
	}
	for _, s := range c.Needs().Signals {
		f.Require(s.Window <= maxSpan, field, "asks for %v, beyond the longest window %v", s, maxSpan)
	}
}

// FixedCount is the reason of a count that is declared, see Model.Replicas and
// Service.Replicas.
const FixedCount policy.Reason = "fixed count"

// BeyondUseful is the reason of a step down to Service.Useful. Have is the count
// that was wanted, Limit is Useful, or Min where that is more.
const BeyondUseful policy.Reason = "beyond useful"

// fixedCount is the policy of a count that is declared.
type fixedCount struct{ n int }

func (fixedCount) Validate() error                    { return nil }
func (fixedCount) Needs() policy.Needs                { return policy.Needs{} }
func (c fixedCount) New(time.Time, int) policy.Policy { return c }
func (c fixedCount) AppendState(dst []byte) []byte    { return append(dst, "{}"...) }
func (fixedCount) Restore([]byte) error               { return nil }
func (c fixedCount) Decide(o policy.Observation) policy.Decision {
	if o.Desired == c.n {
		return o.Hold(FixedCount)
	}
	return o.Propose(FixedCount, c.n)
}

// lookingAtPods is the field of a policy that looks at pods, "" if none does.
func (d *Declarations) lookingAtPods() string {
	pods := func(c policy.Config) bool { return c != nil && c.Validate() == nil && len(c.Needs().Pods) > 0 }
	for i := range d.Models {
		if pods(d.Models[i].Policy) {
			return path("Models", i) + ".Policy"
		}
	}
	for i := range d.Services {
		if pods(d.Services[i].Policy) {
			return path("Services", i) + ".Policy"
		}
	}
	return ""
}

// services warns of services that do not do what they seem to.
func (l *linter) services(list []Service) {
	for i := range list {
		s := &list[i]
		field := path("Services", i)
		low, high := s.bounds()
		l.lead, l.most, l.calm = s.StartTime, high, false
		if s.Useful > 0 && low > s.Useful {
			l.warn(field+".Useful", "lower the minimum", "there are always %d replicas, of which only %d have work", low, s.Useful)
		}
		if s.Policy == nil {
			continue
		}
		if s.fixed() {
			l.warn(field+".Policy", "leave it out, or set Max", "decides nothing: Replicas fixes the count")
			continue
		}
		l.config(field+".Policy", s.Policy)
	}
}

package policy

import (
	"errors"
	"math"
	"time"
)

// A Pod is what the HPA's replica calculator looks at of one pod.
type Pod struct {
	Name         string // for the reader
	Phase        PodPhase
	Deleting     bool        // it has a deletion timestamp
	Started      time.Time   // zero: no start time
	Ready        Readiness   // its readiness condition
	ReadyChanged time.Time   // when Ready last changed
	Containers   []Container // what they request, of the resource that the list is about
	Usage        PodUsage
}

// Silent reports whether the pod should tell what it uses and does not: it runs,
// is not being deleted, and its usage is not known.
func (p *Pod) Silent() bool {
	return p.Phase == PodRunning && !p.Deleting && !p.Usage.Known
}

// PodPhase is a pod's phase, as far as the HPA tells them apart.
type PodPhase uint8

// The phases of a pod.
const (
	PodRunning PodPhase = iota // and every other one
	PodPending
	PodFailed
)

// Readiness is a pod's readiness condition.
type Readiness uint8

// The states of the readiness condition.
const (
	NoReadiness Readiness = iota // the pod has no such condition
	ReadyTrue
	ReadyFalse
	ReadyUnknown
)

// A Container is what a container of a pod requests of the resource.
type Container struct {
	Name            string
	RequestMilli    int64 // in thousandths, >= 0
	NoRequest       bool  // it requests none: an error, not a zero
	RestartableInit bool  // counted after the others
}

// PodUsage is how much of the resource, or of a pods metric, a pod used.
type PodUsage struct {
	Known   bool          // false: no sample of this pod
	Milli   int64         // in thousandths, >= 0
	Window  time.Duration // that the sample covers
	Sampled time.Time     // the end of that window
}

// HPAMetricKind says how an HPA metric becomes a number of replicas.
type HPAMetricKind uint8

// The kinds of metric, with what Target means.
const (
	ResourceUtilization HPAMetricKind = iota // percent of the pods' requests
	ResourceValue                            // milli, the mean of the pods (averageValue)
	PodsMetric                               // milli, the mean of the pods
	ObjectValue                              // milli, of the object
	ObjectAverage                            // milli per replica, of the object
	ExternalValue                            // milli, the sum of the series
	ExternalAverage                          // milli per replica, of the sum of the series
)

// HPAInput is one metric of one decision. Quantities are in thousandths.
type HPAInput struct {
	Now  time.Time     // of the decision
	Kind HPAMetricKind // which of the fields below count

	Target    int64  // percent for ResourceUtilization, else milli; > 0
	Resource  string // "cpu" alone knows pods that warm up
	Container string // of ResourceUtilization: this one alone; "" is all

	ToleranceUp, ToleranceDown float64       // fractions, >= 0; upstream 0.1
	CPUInitialization          time.Duration // upstream 5 min
	InitialReadinessDelay      time.Duration // upstream 30 s

	// Current is the wanted count, but the observed one for the averages of
	// objects and series.
	Current       int
	Pods          []Pod   // of resources and pods metrics; of values, to be counted
	Strangers     []int64 // usage of pods that are not among Pods, milli
	ObjectMilli   int64   // of ObjectValue, ObjectAverage
	ExternalMilli []int64 // of ExternalValue, ExternalAverage: one per series
	MetricsFailed bool    // the source answered with an error

	ready   int  // the ready pods of ObjectValue and ExternalValue, where they
	counted bool // were counted instead of listed
}

// HPAProposal is what one metric asks for. Usage and Utilization are those of
// the first look, before assumptions about missing pods.
type HPAProposal struct {
	Replicas    int   // >= 0, before stabilization, policies and bounds
	UsageMilli  int64 // per replica, but the whole of a value
	Utilization int64 // percent; of ResourceUtilization
}

// The errors of HPAInput.Propose, in the order in which they are met.
var (
	ErrMetricsFailed     = errors.New("policy: hpa: the metrics could not be read")
	ErrNoPods            = errors.New("policy: hpa: no pods")
	ErrNoUsableMetrics   = errors.New("policy: hpa: no metrics of pods that count")
	ErrMissingRequest    = errors.New("policy: hpa: a container requests nothing of the resource")
	ErrContainerNotFound = errors.New("policy: hpa: a pod lacks the container")
	ErrZeroRequests      = errors.New("policy: hpa: the requests add up to zero")
)

// Propose computes what the metric asks for, as the replica calculator of the
// Kubernetes HPA controller does (k8s.io/kubernetes v1.37,
// pkg/controller/podautoscaler). A slice it keeps none of.
func (in *HPAInput) Propose() (HPAProposal, error) {
	if in.MetricsFailed {
		return HPAProposal{}, ErrMetricsFailed
	}
	switch in.Kind {
	case ObjectValue:
		return in.proposeValue(in.ObjectMilli)
	case ExternalValue:
		return in.proposeValue(sumUntilOverflow(in.ExternalMilli))
	case ObjectAverage:
		return in.proposeAverage(in.ObjectMilli)
	case ExternalAverage:
		p, err := in.proposeAverage(sumOrMost(in.ExternalMilli))
		p.Replicas = min(p.Replicas, math.MaxInt32)
		return p, err
	}
	return in.proposePods()
}

// within reports whether a ratio is within tolerance, both ends included.
func (in *HPAInput) within(ratio float64) bool {
	return 1.0-in.ToleranceDown <= ratio && ratio <= 1.0+in.ToleranceUp
}

// proposeValue scales the ready pods by usage over target.
func (in *HPAInput) proposeValue(usage int64) (HPAProposal, error) {
	ratio := float64(usage) / float64(in.Target)
	p := HPAProposal{Replicas: in.Current, UsageMilli: usage}
	if in.Current == 0 {
		p.Replicas = wide(math.Ceil(ratio))
		return p, nil
	}
	if in.within(ratio) {
		return p, nil
	}
	ready := in.ready
	if !in.counted && len(in.Pods) == 0 {
		return HPAProposal{}, ErrNoPods
	}
	for i := range in.Pods {
		if in.Pods[i].Phase == PodRunning && in.Pods[i].Ready == ReadyTrue {
			ready++
		}
	}
	p.Replicas = min(wide(math.Ceil(ratio*float64(ready))), math.MaxInt32)
	return p, nil
}

// proposeAverage divides usage by the target of each replica.
func (in *HPAInput) proposeAverage(usage int64) (HPAProposal, error) {
	p := HPAProposal{Replicas: in.Current, UsageMilli: usage}
	// With no replicas this is infinite or no number, and never within.
	ratio := float64(usage) / (float64(in.Target) * float64(in.Current))
	if !in.within(ratio) {
		p.Replicas = wide(math.Ceil(float64(usage) / float64(in.Target)))
	}
	if usage != math.MaxInt64 {
		p.UsageMilli = wide64(math.Ceil(float64(usage) / float64(in.Current)))
	}
	return p, nil
}

// podTally is what the calculator needs to know of all pods.
type podTally struct {
	ready            int   // counted, with usage
	figures          int   // usage figures, strangers included
	usage            int64 // of the counted
	requests         int64
	strangers        int64
	missing, unready int
	missingRequests  int64
	missingFill      int64 // what missing pods are taken to use on the way down
	unreadyRequests  int64
	err              error // of the first pod whose requests are not known
}

// proposePods scales by the mean usage of pods. Numbers refer to the steps of
// the published algorithm: pods that do not count, the first ratio, what is
// missing, the second ratio.
func (in *HPAInput) proposePods() (HPAProposal, error) {
	if len(in.Pods) == 0 {
		return HPAProposal{}, ErrNoPods
	}
	t := in.tally()
	switch {
	case t.figures == 0:
		return HPAProposal{}, ErrNoUsableMetrics
	case t.err != nil:
		return HPAProposal{}, t.err
	}
	first, p, err := in.ratio(t.usage, t.requests, t.ready, t.figures, t.strangers)
	if err != nil {
		return HPAProposal{}, err
	}
	p.Replicas = in.Current
	withUnready := t.unready > 0 && first > 1
	if !withUnready && t.missing == 0 {
		if !in.within(first) {
			p.Replicas = wide(math.Ceil(first * float64(t.ready)))
		}
		return p, nil
	}
	usage, requests, both, figures := t.usage, t.requests, t.ready, t.figures
	if first != 1 {
		figures += t.missing
		both += t.missing
		requests += t.missingRequests
		if first < 1 {
			usage += t.missingFill
		}
	}
	if withUnready {
		figures += t.unready
		both += t.unready
		requests += t.unreadyRequests
	}
	second, _, err := in.ratio(usage, requests, both, figures, t.strangers)
	if err != nil {
		return HPAProposal{}, err
	}
	if in.within(second) || first < 1 && second > 1 || first > 1 && second < 1 {
		return p, nil
	}
	n := wide(math.Ceil(second * float64(figures)))
	if second < 1 && n > in.Current || second > 1 && n < in.Current {
		return p, nil
	}
	p.Replicas = n
	return p, nil
}

// ratio is usage over target, with the usage and utilization it was made from.
func (in *HPAInput) ratio(usage, requests int64, both, figures int, strangers int64) (float64, HPAProposal, error) {
	var p HPAProposal
	if in.Kind != ResourceUtilization {
		p.UsageMilli = (usage + strangers) / int64(figures)
		return float64(p.UsageMilli) / float64(in.Target), p, nil
	}
	if requests == 0 {
		return 0, p, ErrZeroRequests
	}
	p.Utilization = int64(int32(usage * 100 / requests))
	if both > 0 {
		p.UsageMilli = usage / int64(both)
	}
	return float64(p.Utilization) / float64(in.Target), p, nil
}

// tally groups the pods.
func (in *HPAInput) tally() (t podTally) {
	warms := in.Resource == "cpu" && in.Kind != PodsMetric
	warmSince := in.Now.Add(-in.CPUInitialization)
	for i := range in.Pods {
		pod := &in.Pods[i]
		var request int64
		if in.Kind == ResourceUtilization {
			var err error
			if request, err = in.request(pod); err != nil && t.err == nil {
				t.err = err
			}
		}
		switch in.group(pod, warms, warmSince) {
		case podCounted:
			t.ready++
			t.usage += pod.Usage.Milli
			t.requests += request
		case podUnready:
			t.unready++
			t.unreadyRequests += request
		case podMissing:
			t.missing++
			t.missingRequests += request
			if in.Kind == ResourceUtilization {
				t.missingFill += request * max(100, in.Target) / 100
			} else {
				t.missingFill += in.Target
			}
		}
	}
	for _, x := range in.Strangers {
		t.strangers += x
	}
	t.figures = t.ready + len(in.Strangers)
	return t
}

// request is what a pod requests of the resource.
func (in *HPAInput) request(pod *Pod) (int64, error) {
	var sum int64
	init := false
	for pass := 0; pass == 0 || pass == 1 && init; pass++ { // restartable init containers come after the others
		for i := range pod.Containers {
			c := &pod.Containers[i]
			if c.RestartableInit != (pass == 1) {
				init = true
				continue
			}
			if in.Container != "" && c.Name != in.Container {
				continue
			}
			if c.NoRequest {
				return 0, ErrMissingRequest
			}
			if in.Container != "" {
				return c.RequestMilli, nil
			}
			sum += c.RequestMilli
		}
	}
	if in.Container != "" {
		return 0, ErrContainerNotFound
	}
	return sum, nil
}

type podGroup uint8

const (
	podIgnored podGroup = iota
	podUnready
	podMissing
	podCounted
)

// group is where a pod belongs; the first rule that matches decides. warms tells
// whether pods warm up at all, and those started after warmSince still do.
func (in *HPAInput) group(pod *Pod, warms bool, warmSince time.Time) podGroup {
	switch {
	case pod.Deleting || pod.Phase == PodFailed:
		return podIgnored
	case pod.Phase == PodPending:
		return podUnready
	case !pod.Usage.Known:
		return podMissing
	case !warms:
		return podCounted
	case pod.Ready == NoReadiness || pod.Started.IsZero():
		return podUnready
	}
	var unready bool
	if pod.Started.After(warmSince) {
		// It warms up: a sample counts that lies wholly after it became ready.
		unready = pod.Ready == ReadyFalse || pod.Usage.Sampled.Before(pod.ReadyChanged.Add(pod.Usage.Window))
	} else {
		// It counts unless it has never been ready.
		unready = pod.Ready == ReadyFalse && pod.ReadyChanged.Sub(pod.Started) < in.InitialReadinessDelay
	}
	if unready {
		return podUnready
	}
	return podCounted
}

// sumUntilOverflow stops at the largest number as soon as a positive addend
// would pass it.
func sumUntilOverflow(values []int64) int64 {
	var sum int64
	for _, x := range values {
		if x > 0 && sum > math.MaxInt64-x {
			return math.MaxInt64
		}
		sum += x
	}
	return sum
}

// sumOrMost becomes the largest number as soon as the sum is negative, which is
// how upstream sees an overflow.
func sumOrMost(values []int64) int64 {
	var sum int64
	for _, x := range values {
		if sum += x; sum < 0 {
			return math.MaxInt64
		}
	}
	return sum
}

// wide converts a whole number to an int, saturating; NaN is 0.
func wide(x float64) int { return int(wide64(x)) }

func wide64(x float64) int64 {
	switch {
	case x != x:
		return 0
	case x >= math.MaxInt64:
		return math.MaxInt64
	case x <= math.MinInt64:
		return math.MinInt64
	}
	return int64(x)
}

package coordinator

import (
	"context"
	"time"

	"github.com/bellows-go/bellows/policy"
)

// A TargetID names a thing that is scaled.
type TargetID struct {
	Kind TargetKind
	Name string
}

func (t TargetID) String() string {
	switch t.Kind {
	case TargetGroup:
		return "group/" + t.Name
	case TargetService:
		return "service/" + t.Name
	}
	return "model/" + t.Name
}

// TargetKind tells models, server groups and services apart; their names may be
// equal.
type TargetKind uint8

// The kinds of target.
const (
	TargetModel TargetKind = iota
	TargetGroup
	TargetService
)

// A MetricSource reads load. Read appends the newest sample of each wanted
// series to dst, or all since the last call in ascending order; it is called
// once a tick for all targets, never concurrently by one Coordinator. At ctx's
// deadline it returns what it has. A series not returned is Missing; with an
// error, those not returned are Failed. Neither is ever zero.
type MetricSource interface {
	Read(ctx context.Context, want []Series, dst []Sample) ([]Sample, error)
}

// A Series is one metric of one target.
type Series struct {
	Target TargetID
	Name   string // as in policy.Signal
}

// A Sample is one value of a series at one instant. Values of several origins
// add up to the target's.
type Sample struct {
	Series
	Origin       string // the router or replica that counted; "" is the whole target
	ModelVersion string // that it is about; "" is the model whatever its version. Of a version that is not declared it is ignored.
	Cumulative   bool   // a count since some start: a fall means a restart
	Value        float64
	At           time.Time // the same (Series, Origin, At) counts once
	Quality      policy.Quality
	Answered, Of int32 // when Partial
}

// A PodSource is a MetricSource that also knows single pods, for policies that
// look at them (HPA on resources or pods metrics). ReadPods appends one list for
// each wanted one that it could read; it is called once a tick, concurrently
// with Read. Lists that are not returned could not be read, which is not the
// same as a list of no pods.
type PodSource interface {
	MetricSource
	ReadPods(ctx context.Context, want []PodSeries, dst []PodList) ([]PodList, error)
}

// A PodSeries is what is to be known of each pod of one target.
type PodSeries struct {
	Target TargetID
	policy.PodSignal
}

// A PodList is every pod of a target with what was asked for.
type PodList struct {
	PodSeries
	Pods []policy.Pod
}

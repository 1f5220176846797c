package policy_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/internal/datatest"
	"github.com/bellows-go/bellows/lag"
	"github.com/bellows-go/bellows/policy"
)

var vectors = flag.String("vectors", "", "folder of golden vectors; BELLOWS_DATA/vectors if unset")

// TestVectors compares the cores with what the originals answered.
func TestVectors(t *testing.T) {
	dir := datatest.Dir(t, *vectors, "vectors")
	for _, f := range []struct {
		name  string
		judge func(*testing.T, []byte) (good, all int)
	}{
		{"kpa", kpaScenario},
		{"hpa_replicas", hpaReplicas},
		{"hpa_behavior", hpaTimeline},
		{"keda", kedaTimeline},
	} {
		good, all := 0, 0
		file, err := os.Open(filepath.Join(dir, f.name+".jsonl"))
		require.NoError(t, err)
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<26)
		for lines.Scan() {
			g, a := f.judge(t, lines.Bytes())
			good, all = good+g, all+a
		}
		require.NoError(t, lines.Err())
		require.NoError(t, file.Close())
		require.Positive(t, all)
		fmt.Printf("vectors %s: %d/%d\n", f.name, good, all)
	}
}

// vectorTime is an instant of the vectors, to the millisecond.
func vectorTime(s float64) time.Time {
	return time.Unix(946684800, 0).Add(time.Duration(math.Round(s*1000)) * time.Millisecond)
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s*1000)) * time.Millisecond }

// wrong reports a line's first difference.
func wrong(t *testing.T, first *bool, format string, args ...any) {
	t.Helper()
	if *first {
		t.Errorf(format, args...)
	}
	*first = false
}

type kpaConfig struct {
	ScalingMetric         string
	TargetValue           float64
	TotalValue            float64
	MaxScaleUpRate        float64
	MaxScaleDownRate      float64
	PanicThreshold        float64
	TargetBurstCapacity   float64
	StableWindowSeconds   float64
	ScaleDownDelaySeconds float64
	ActivationScale       int
	Reachable             bool
	PanicWindowSeconds    float64
	Aggregation           string
	RequireData           bool
}

func (c *kpaConfig) policy() policy.KPA {
	k := policy.KPA{
		TargetValue: c.TargetValue, TotalValue: c.TotalValue, MaxScaleUpRate: c.MaxScaleUpRate, MaxScaleDownRate: c.MaxScaleDownRate,
		PanicThreshold: c.PanicThreshold, TargetBurstCapacity: c.TargetBurstCapacity, StableWindow: seconds(c.StableWindowSeconds),
		PanicWindow: seconds(c.PanicWindowSeconds), ScaleDownDelay: seconds(c.ScaleDownDelaySeconds),
		ActivationScale: c.ActivationScale, Unreachable: !c.Reachable, AllowNoData: !c.RequireData,
	}
	if c.ScalingMetric == "rps" {
		k.ScalingMetric = policy.RPS
	}
	if c.Aggregation == "weightedExponential" {
		k.Aggregation = policy.WeightedExponential
	}
	return k
}

// kpaWindow is either of the windows that feed a KPA.
type kpaWindow interface {
	Record(time.Time, float64)
	Average(time.Time) float64
	Empty(time.Time) bool
	Resize(time.Duration, time.Time) error
}

func newKPAWindow(t *testing.T, c *kpaConfig, span float64) kpaWindow {
	if c.Aggregation == "weightedExponential" {
		w, err := lag.NewWeightedWindow(seconds(span), time.Second)
		require.NoError(t, err)
		return w
	}
	w, err := lag.NewLinearWindow(seconds(span), time.Second)
	require.NoError(t, err)
	return w
}

func kpaScenario(t *testing.T, line []byte) (good, all int) {
	var s struct {
		Name, Kind string
		Config     kpaConfig
		Create     struct {
			T     float64
			Ready int
		}
		Ticks []struct {
			T             float64
			Update        *kpaConfig
			Ready         int
			ReadyError    string
			NoData        bool
			Samples       [][]float64
			Stable, Panic float64
			Want          struct {
				Desired, ExcessBurst int
				Valid                bool
			}
		}
	}
	require.NoError(t, json.Unmarshal(line, &s))
	pipeline := s.Kind == "pipeline"
	c := s.Config
	require.NoError(t, c.policy().Validate(), s.Name)
	decider := policy.NewKPADecider(c.policy(), vectorTime(s.Create.T), s.Create.Ready)
	var stable, panicky kpaWindow
	if pipeline {
		stable, panicky = newKPAWindow(t, &c, c.StableWindowSeconds), newKPAWindow(t, &c, c.PanicWindowSeconds)
	}
	first := true
	for i, tick := range s.Ticks {
		now := vectorTime(tick.T)
		if tick.Update != nil {
			c = *tick.Update
			require.NoError(t, c.policy().Validate(), s.Name)
			decider.Update(c.policy())
			if pipeline {
				require.NoError(t, stable.Resize(seconds(c.StableWindowSeconds), now))
				require.NoError(t, panicky.Resize(seconds(c.PanicWindowSeconds), now))
			}
		}
		in := policy.KPAInput{Now: now, Ready: tick.Ready, ReadyFailed: tick.ReadyError == "failed", NoData: tick.NoData, Stable: tick.Stable, Panic: tick.Panic}
		if tick.ReadyError != "" {
			in.Ready = 0
		}
		right := true
		if pipeline {
			for _, x := range tick.Samples {
				v := x[1] - x[2]
				if c.ScalingMetric == "rps" {
					v = x[3] - x[4]
				}
				stable.Record(vectorTime(x[0]), v)
				panicky.Record(vectorTime(x[0]), v)
			}
			in.NoData = c.RequireData && stable.Empty(now)
			in.Stable, in.Panic = stable.Average(now), panicky.Average(now)
			near := func(got, want float64) bool { return math.Abs(got-want) <= 1e-9*math.Abs(want) }
			if !in.NoData && !(near(in.Stable, tick.Stable) && near(in.Panic, tick.Panic)) {
				wrong(t, &first, "%s tick %d: windows %v, %v; want %v, %v", s.Name, i, in.Stable, in.Panic, tick.Stable, tick.Panic)
				right = false
			}
		}
		got := decider.Decide(in)
		if got.Desired != tick.Want.Desired || got.ExcessBurst != tick.Want.ExcessBurst || got.Valid != tick.Want.Valid {
			wrong(t, &first, "%s tick %d: %+v, want %+v", s.Name, i, got, tick.Want)
			right = false
		}
		all++
		if right {
			good++
		}
	}
	return good, all
}

type hpaPod struct {
	Name, Phase            string
	Deleting               bool
	StartedSecondsAgo      *float64
	Ready                  *string
	ReadyChangedSecondsAgo float64
	Containers             []struct {
		Name            string
		RequestMilli    *int64
		RestartableInit bool
	}
	Usage *struct {
		Milli                            int64
		WindowSeconds, SampledSecondsAgo float64
	}
}

func (p *hpaPod) pod(now time.Time) policy.Pod {
	ago := func(s float64) time.Time { return now.Add(-seconds(s)) }
	out := policy.Pod{Name: p.Name, Deleting: p.Deleting, ReadyChanged: ago(p.ReadyChangedSecondsAgo)}
	switch p.Phase {
	case "Pending":
		out.Phase = policy.PodPending
	case "Failed":
		out.Phase = policy.PodFailed
	}
	if p.StartedSecondsAgo != nil {
		out.Started = ago(*p.StartedSecondsAgo)
	}
	if p.Ready != nil {
		out.Ready = map[string]policy.Readiness{"True": policy.ReadyTrue, "False": policy.ReadyFalse, "Unknown": policy.ReadyUnknown}[*p.Ready]
	}
	for _, c := range p.Containers {
		x := policy.Container{Name: c.Name, NoRequest: c.RequestMilli == nil, RestartableInit: c.RestartableInit}
		if c.RequestMilli != nil {
			x.RequestMilli = *c.RequestMilli
		}
		out.Containers = append(out.Containers, x)
	}
	if u := p.Usage; u != nil {
		out.Usage = policy.PodUsage{Known: true, Milli: u.Milli, Window: seconds(u.WindowSeconds), Sampled: ago(u.SampledSecondsAgo)}
	}
	return out
}

var hpaKinds = map[string]policy.HPAMetricKind{
	"resourceUtilization": policy.ResourceUtilization, "resourceValue": policy.ResourceValue, "podsMetric": policy.PodsMetric,
	"objectValue": policy.ObjectValue, "objectAverage": policy.ObjectAverage,
	"externalValue": policy.ExternalValue, "externalAverage": policy.ExternalAverage,
}

var hpaErrors = map[string]error{
	"metricsFailed": policy.ErrMetricsFailed, "noPods": policy.ErrNoPods, "noUsableMetrics": policy.ErrNoUsableMetrics,
	"missingRequest": policy.ErrMissingRequest, "containerNotFound": policy.ErrContainerNotFound, "zeroRequests": policy.ErrZeroRequests,
}

func hpaReplicas(t *testing.T, line []byte) (good, all int) {
	var s struct {
		Name, Kind string
		Config     struct {
			Target                                                 int64
			Resource, Container                                    string
			ToleranceUp, ToleranceDown                             float64
			CPUInitializationSeconds, InitialReadinessDelaySeconds float64
		}
		CurrentReplicas int
		Pods            []hpaPod
		ExtraUsageMilli map[string]int64
		ObjectMilli     int64
		ExternalMilli   []int64
		MetricsFailed   bool
		Want            struct {
			Replicas           int
			Usage, Utilization *int64
			Error              string
		}
	}
	require.NoError(t, json.Unmarshal(line, &s))
	kind, known := hpaKinds[s.Kind]
	require.True(t, known, s.Kind)
	now := vectorTime(1e6)
	in := policy.HPAInput{
		Now: now, Kind: kind, Target: s.Config.Target, Resource: s.Config.Resource, Container: s.Config.Container,
		ToleranceUp: s.Config.ToleranceUp, ToleranceDown: s.Config.ToleranceDown,
		CPUInitialization: seconds(s.Config.CPUInitializationSeconds), InitialReadinessDelay: seconds(s.Config.InitialReadinessDelaySeconds),
		Current: s.CurrentReplicas, ObjectMilli: s.ObjectMilli, ExternalMilli: s.ExternalMilli, MetricsFailed: s.MetricsFailed,
	}
	for i := range s.Pods {
		in.Pods = append(in.Pods, s.Pods[i].pod(now))
	}
	for _, x := range s.ExtraUsageMilli {
		in.Strangers = append(in.Strangers, x)
	}
	got, err := in.Propose()
	want := hpaErrors[s.Want.Error]
	require.Equal(t, s.Want.Error == "", want == nil, s.Want.Error)
	if err != want || got.Replicas != s.Want.Replicas ||
		s.Want.Usage != nil && got.UsageMilli != *s.Want.Usage || s.Want.Utilization != nil && got.Utilization != *s.Want.Utilization {
		raw, _ := json.Marshal(s.Want)
		t.Errorf("%s: %+v, %v; want %s", s.Name, got, err, raw)
		return 0, 1
	}
	return 1, 1
}

type hpaRules struct {
	StabilizationWindowSeconds *float64
	SelectPolicy               string
	Policies                   []struct {
		Type          string
		Value         int
		PeriodSeconds float64
	}
	Tolerance *float64
}

func (r *hpaRules) rules() *policy.HPARules {
	if r == nil {
		return nil
	}
	out := &policy.HPARules{Tolerance: r.Tolerance}
	if r.StabilizationWindowSeconds != nil {
		d := seconds(*r.StabilizationWindowSeconds)
		out.StabilizationWindow = &d
	}
	out.SelectPolicy = map[string]policy.HPASelect{"Min": policy.SelectMin, "Disabled": policy.SelectDisabled}[r.SelectPolicy]
	for _, p := range r.Policies {
		out.Policies = append(out.Policies, policy.HPAPolicy{Percent: p.Type == "Percent", Value: p.Value, Period: seconds(p.PeriodSeconds)})
	}
	return out
}

type hpaConfig struct {
	MinReplicas, MaxReplicas      int
	Tolerance                     float64
	DownscaleStabilizationSeconds float64
	Behavior                      *struct{ ScaleUp, ScaleDown *hpaRules }
	TargetsMilli                  []int64
}

func (c *hpaConfig) limits() policy.HPALimits {
	l := policy.HPALimits{Min: c.MinReplicas, Max: c.MaxReplicas, DownscaleStabilization: seconds(c.DownscaleStabilizationSeconds)}
	if b := c.Behavior; b != nil {
		l.Behavior = &policy.HPABehavior{ScaleUp: b.ScaleUp.rules(), ScaleDown: b.ScaleDown.rules()}
	}
	return l
}

func (c *hpaConfig) tolerances() (up, down float64) {
	up, down = c.Tolerance, c.Tolerance
	if b := c.Behavior; b != nil {
		if b.ScaleUp != nil && b.ScaleUp.Tolerance != nil {
			up = *b.ScaleUp.Tolerance
		}
		if b.ScaleDown != nil && b.ScaleDown.Tolerance != nil {
			down = *b.ScaleDown.Tolerance
		}
	}
	return up, down
}

var hpaResults = map[policy.HPAResult]string{
	policy.HPAScaled: "scaled", policy.HPAUnchanged: "unchanged", policy.HPAFailed: "failed",
	policy.HPAPartial: "partial", policy.HPADisabled: "disabled",
}

func hpaTimeline(t *testing.T, line []byte) (good, all int) {
	var s struct {
		Name, Kind string
		Config     hpaConfig
		Ticks      []struct {
			T              float64
			Update         *hpaConfig
			Current        int
			StatusReplicas *int
			Proposals      []*int
			TotalsMilli    []*int64
			Want           struct {
				Desired      int
				Result       string
				LimitReason  policy.Reason
				ScaledToZero bool
			}
		}
	}
	require.NoError(t, json.Unmarshal(line, &s))
	c := s.Config
	d := policy.NewHPADecider(c.limits())
	first := true
	for i, tick := range s.Ticks {
		if u := tick.Update; u != nil {
			u.Tolerance, u.DownscaleStabilizationSeconds = c.Tolerance, c.DownscaleStabilizationSeconds
			c = *u
			d.Update(c.limits())
		}
		var proposals []policy.Proposed
		for _, p := range tick.Proposals {
			if p == nil {
				proposals = append(proposals, policy.Proposed{})
			} else {
				proposals = append(proposals, policy.Proposed{Replicas: *p, OK: true})
			}
		}
		for j, total := range tick.TotalsMilli {
			in := policy.HPAInput{Kind: policy.ExternalAverage, Target: c.TargetsMilli[j], Current: tick.Current, MetricsFailed: total == nil}
			in.ToleranceUp, in.ToleranceDown = c.tolerances()
			if tick.StatusReplicas != nil {
				in.Current = *tick.StatusReplicas
			}
			if total != nil {
				in.ExternalMilli = []int64{*total}
			}
			p, err := in.Propose()
			proposals = append(proposals, policy.Proposed{Replicas: p.Replicas, OK: err == nil})
		}
		got := d.Decide(vectorTime(tick.T), tick.Current, proposals)
		w := tick.Want
		all++
		if got.Desired != w.Desired || hpaResults[got.Result] != w.Result || got.Limit != w.LimitReason || got.ScaledToZero != w.ScaledToZero {
			wrong(t, &first, "%s tick %d at %v: %+v, want %+v", s.Name, i, tick.T, got, w)
			continue
		}
		good++
	}
	return good, all
}

// A KPA target with its two windows is small.
func TestKPATargetMemory(t *testing.T) {
	heap := func() uint64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	const n = 2000
	type target struct {
		decider       *policy.KPADecider
		stable, panic *lag.LinearWindow
	}
	before := heap()
	targets := make([]target, n)
	for i := range targets {
		stable, _ := lag.NewLinearWindow(time.Minute, time.Second)
		panicky, _ := lag.NewLinearWindow(6*time.Second, time.Second)
		targets[i] = target{policy.NewKPADecider(policy.KPA{}, start, 1), stable, panicky}
	}
	each := float64(heap()-before) / n
	t.Logf("%.0f B each", each)
	require.LessOrEqual(t, each, 2048.0)
	runtime.KeepAlive(targets)
}

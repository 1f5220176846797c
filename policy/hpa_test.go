package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

const hpaSpec = `{
  "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "llama"},
  "minReplicas": 2, "maxReplicas": 20,
  "metrics": [
    {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}},
    {"type": "ContainerResource", "containerResource": {"name": "memory", "container": "server", "target": {"type": "AverageValue", "averageValue": "1536Mi"}}},
    {"type": "Pods", "pods": {"metric": {"name": "in_flight"}, "target": {"type": "AverageValue", "averageValue": "2500m"}}},
    {"type": "Object", "object": {"describedObject": {"kind": "Ingress", "name": "main"}, "metric": {"name": "requests"}, "target": {"type": "Value", "value": "1e3"}}},
    {"type": "External", "external": {"metric": {"name": "lag"}, "target": {"type": "AverageValue", "averageValue": 30}}}
  ],
  "behavior": {
    "scaleUp": {"stabilizationWindowSeconds": 60, "selectPolicy": "Min", "tolerance": "50m", "policies": [{"type": "Pods", "value": 5, "periodSeconds": 90}]},
    "scaleDown": {"policies": [{"type": "Percent", "value": 10, "periodSeconds": 60}]}
  }
}`

func TestParseHPA(t *testing.T) {
	got, err := policy.ParseHPA([]byte(hpaSpec))
	require.NoError(t, err)
	low, window, tolerance := 2, time.Minute, 0.05
	require.Equal(t, policy.HPA{
		MinReplicas: &low, MaxReplicas: 20,
		Metrics: []policy.HPAMetric{
			{Kind: policy.ResourceUtilization, Name: "cpu", Target: 70},
			{Kind: policy.ResourceValue, Name: "memory", Container: "server", Target: 1536 << 20 * 1000},
			{Kind: policy.PodsMetric, Name: "in_flight", Target: 2500},
			{Kind: policy.ObjectValue, Name: "requests", Target: 1_000_000},
			{Kind: policy.ExternalAverage, Name: "lag", Target: 30_000},
		},
		Behavior: &policy.HPABehavior{
			ScaleUp: &policy.HPARules{
				StabilizationWindow: &window, SelectPolicy: policy.SelectMin, Tolerance: &tolerance,
				Policies: []policy.HPAPolicy{{Value: 5, Period: 90 * time.Second}},
			},
			ScaleDown: &policy.HPARules{Policies: []policy.HPAPolicy{{Percent: true, Value: 10, Period: time.Minute}}},
		},
	}, got)
	require.Equal(t, policy.Needs{
		Signals: []policy.Signal{{Name: "requests"}, {Name: "lag"}},
		Pods:    []policy.PodSignal{{Resource: "cpu"}, {Resource: "memory", Container: "server"}, {Metric: "in_flight"}},
	}, got.Needs())
}

func TestParseHPARefuses(t *testing.T) {
	metric := func(m string) string { return `{"maxReplicas": 3, "metrics": [` + m + `]}` }
	external := func(target string) string {
		return metric(`{"type": "External", "external": {"metric": {"name": "x"}, "target": ` + target + `}}`)
	}
	resource := func(source, rest string) string {
		return metric(`{"type": "` + strings.ToUpper(source[:1]) + source[1:] + `", "` + source + `": {"name": "cpu"` + rest + `}}`)
	}
	up := func(rules string) string { return `{"maxReplicas": 3, "behavior": {"scaleUp": ` + rules + `}}` }
	for _, c := range []struct{ spec, want string }{
		{``, "EOF"},
		{`{"maxReplica": 3}`, "maxReplica: unknown name"},
		{`{"MAXREPLICAS": 3, "maxReplicas": 1}`, "MAXREPLICAS: unknown name"},
		{`{"maxReplicas": 3, "maxReplicas": 4}`, "maxReplicas: stands twice"},
		{`{"maxReplicas": "3", "metrics": [{"type": 1}]}`, "maxReplicas: must be a whole number of 64 bits, is \"3\"\nmetrics[0].type: must be a string, is 1"},
		{`{"maxReplicas": 0, "minReplicas": -1, "metrics": [{"type": "Dice"}]}`, "metrics[0].type: unknown: \"Dice\"\nMinReplicas: must be >= 0, is -1\nMaxReplicas: must be in [1, 2147483647], is 0"},
		{metric(`{"type": "Pods"}`), `metrics[0].pods: must be set`},
		{metric(`{"type": "Pods", "pods": {"target": {"type": "AverageValue", "averageValue": 1}}}`), `metrics[0].pods.metric: must be set`},
		{metric(`{"type": "Pods", "pods": {"metric": {"name": ""}, "target": {"type": "AverageValue", "averageValue": 1}}}`), `metrics[0].pods.metric.name: must be set`},
		{metric(`{"type": "Pods", "pods": {"metric": {"name": "x"}, "target": {"type": "Value", "value": 1}}}`), `metrics[0].pods.target.type: "Value" is no target of a metric of type Pods`},
		{metric(`{"type": "Pods", "pods": {"name": "y", "metric": {"name": "x"}, "target": {"type": "AverageValue", "averageValue": 1}}}`), `metrics[0].pods.name: unknown name`},
		{resource("resource", `, "target": {"type": "Utilization"}`), `metrics[0].resource.target.averageUtilization: must be set`},
		{resource("resource", `, "target": {"type": "Utilization", "averageUtilization": 0}`), `metrics[0].resource.target.averageUtilization: must be in [1, 2147483647] percent, is 0`},
		{resource("resource", `, "container": "server", "target": {"type": "Utilization", "averageUtilization": 1}`), `metrics[0].resource.container: unknown name`},
		{resource("containerResource", `, "target": {"type": "Utilization", "averageUtilization": 1}`), `metrics[0].containerResource.container: must be set`},
		{resource("resource", `, "target": {"type": "Utilization", "averageUtilization": 1, "averageValue": 1}`), `metrics[0].resource.target.averageValue: is no field of a target of type Utilization`},
		{resource("resource", `, "target": {"type": "AverageValue", "averageUtilization": 1, "value": 1}`), "metrics[0].resource.target.value: is no field of a target of type AverageValue\nmetrics[0].resource.target.averageValue: must be set\nmetrics[0].resource.target.averageUtilization: is no field of a target of type AverageValue"},
		{metric(`{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 1}}, "pods": {}}`), `metrics[0].pods: is no source of a metric of type Resource`},
		{metric(`{"type": "External", "external": {"metric": {"name": "x", "selector": {"matchLabels": {}}}, "target": {"type": "Value", "value": 1}}}`), `metrics[0].external.metric.selector: cannot be carried over`},
		{external(`{"type": "Value", "value": 1, "averageValue": 1}`), `metrics[0].external.target.averageValue: is no field of a target of type Value`},
		{external(`{"type": "Value", "value": "1X"}`), `metrics[0].external.target.value: "1X" is no quantity`},
		{external(`{"type": "Value", "value": "1e3m"}`), `"1e3m" is no quantity`},
		{external(`{"type": "Value", "value": "1mm"}`), `"1mm" is no quantity`},
		{external(`{"type": "Value", "value": "1e999999"}`), `is no quantity`},
		{external(`{"type": "Value", "value": "1/3"}`), `is no quantity`},
		{external(`{"type": "Value", "value": "."}`), `is no quantity`},
		{external(`{"type": "Value", "value": ""}`), `is no quantity`},
		{external(`{"type": "Value", "value": true}`), `is no quantity`},
		{external(`{"type": "Value", "value": "9E"}`), `is too large`},
		{external(`{"type": "Value", "value": "-5"}`), `metrics[0].external.target.value: must be > 0, is "-5"`},
		{up(`{"tolerance": "-0.0001"}`), `behavior.scaleUp.tolerance: must be >= 0, is "-0.0001"`},
		{up(`{"tolerance": "5%"}`), `behavior.scaleUp.tolerance: "5%" is no quantity`},
		{
			up(`{"selectPolicy": "Some", "stabilizationWindowSeconds": -1, "policies": [{"type": "Nodes", "value": 0, "periodSeconds": 1801}]}`),
			"behavior.scaleUp.stabilizationWindowSeconds: must be in [0, 3600], is -1\nbehavior.scaleUp.selectPolicy: unknown: \"Some\"\nbehavior.scaleUp.policies[0].type: unknown: \"Nodes\"\nbehavior.scaleUp.policies[0].value: must be in [1, 2147483647], is 0\nbehavior.scaleUp.policies[0].periodSeconds: must be in [1, 1800], is 1801",
		},
		{`{"minReplicas": 0, "maxReplicas": 3}`, "MinReplicas: 0 needs a metric of an object"},
	} {
		_, err := policy.ParseHPA([]byte(c.spec))
		require.ErrorContains(t, err, c.want, c.spec)
		require.True(t, strings.HasPrefix(err.Error(), "policy: hpa: "))
		require.NotContains(t, err.Error(), "Metrics[0]", "a metric's fault comes once")
	}
}

// Metrics that one reading would answer are refused, whatever their kinds; pods
// are read once for each metric.
func TestParseHPATellsSignalsApart(t *testing.T) {
	object := `{"type": "Object", "object": {"metric": {"name": "x"}, "target": {"type": "Value", "value": 1}}}`
	average := `{"type": "Object", "object": {"metric": {"name": "x"}, "target": {"type": "AverageValue", "averageValue": 1}}}`
	external := `{"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": 1}}}`
	pods := `{"type": "Pods", "pods": {"metric": {"name": "x"}, "target": {"type": "AverageValue", "averageValue": 1}}}`
	for _, c := range []struct {
		first, second string
		refused       bool
	}{
		{external, external, true},
		{object, external, true},
		{object, average, true},
		{pods, pods, true},
		{object, pods, false},
	} {
		_, err := policy.ParseHPA([]byte(`{"maxReplicas": 3, "metrics": [` + c.first + "," + c.second + `]}`))
		if !c.refused {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, `metrics[1]: a second metric of the name "x" cannot be carried over`, "%s %s", c.first, c.second)
	}
}

// Quantities are read exactly, a tolerance to the nearest float.
func TestParseHPAQuantities(t *testing.T) {
	for _, c := range []struct {
		quantity string
		milli    int64
		exact    float64
	}{
		{`0.0125`, 13, 0.0125},
		{`"0.0125"`, 13, 0.0125},
		{`"0.3"`, 300, 0.3},
		{`"12500u"`, 13, 0.0125},
		{`"+.5"`, 500, 0.5},
		{`"2."`, 2000, 2},
		{`1e-2`, 10, 0.01},
		{`"1E2"`, 100_000, 100},
		{`"1k"`, 1_000_000, 1000},
		{`"1Ki"`, 1_024_000, 1024},
		{`"0.1m"`, 1, 0.0001},
	} {
		got, err := policy.ParseHPA([]byte(`{"maxReplicas": 3, "behavior": {"scaleDown": {"tolerance": ` + c.quantity + `}}, "metrics": [
			{"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": ` + c.quantity + `}}}]}`))
		require.NoError(t, err, c.quantity)
		require.Equal(t, c.milli, got.Metrics[0].Target, c.quantity)
		require.Equal(t, c.exact, *got.Behavior.ScaleDown.Tolerance, c.quantity)
	}
}

// What the API server fills in when there are no metrics.
func TestParseHPAWithoutMetrics(t *testing.T) {
	for _, spec := range []string{`{"maxReplicas": 3}`, `{"maxReplicas": 3, "metrics": []}`, `{"maxReplicas": 3, "metrics": null}`} {
		got, err := policy.ParseHPA([]byte(spec))
		require.NoError(t, err)
		require.Equal(t, []policy.HPAMetric{{Kind: policy.ResourceUtilization, Name: "cpu", Target: 80}}, got.Metrics)
	}
}

// The policy decides as its cores do, at its instants, and repeats itself in
// between.
func TestHPAPolicyFollowsItsCores(t *testing.T) {
	c := policy.HPA{MaxReplicas: 50, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "lag", Target: 30_000}}}
	require.NoError(t, c.Validate())
	p := c.New(start, 3)
	decider := policy.NewHPADecider(policy.HPALimits{Min: 1, Max: 50, DownscaleStabilization: 5 * time.Minute})
	o := policy.Observation{Desired: 3, Current: 3, Ready: 3}
	for i := range 400 {
		o.Now = start.Add(time.Duration(i) * 5 * time.Second)
		load := float64(i * 37 % 900)
		o.Readings = []policy.Reading{ok(load)}
		if i%11 == 0 {
			o.Readings[0].Quality = policy.Failed
		}
		got := p.Decide(o)
		if i%3 != 0 {
			require.Equal(t, policy.BetweenPeriods, got.Steps[0].Reason)
			continue
		}
		in := policy.HPAInput{
			Kind: policy.ExternalAverage, Target: 30_000, ToleranceUp: 0.1, ToleranceDown: 0.1, Current: o.Current,
			ExternalMilli: []int64{int64(load * 1000)}, MetricsFailed: i%11 == 0,
		}
		n, err := in.Propose()
		want := decider.Decide(o.Now, o.Desired, []policy.Proposed{{Replicas: n.Replicas, OK: err == nil}})
		require.Equal(t, want.Desired, got.Replicas, "tick %d: %v", i, got)
		require.Equal(t, want.Result == policy.HPAFailed, got.Verdict == policy.NoOpinion)
		o.Desired, o.Current, o.Ready = got.Replicas, got.Replicas, got.Replicas
	}
}

// While a pod warms up, an unknown readiness is not a false one.
func TestHPAUnknownReadinessWhileWarming(t *testing.T) {
	pod := func(r policy.Readiness) policy.Pod {
		return policy.Pod{
			Started: start.Add(-time.Minute), Ready: r, ReadyChanged: start.Add(-50 * time.Second), Containers: []policy.Container{{RequestMilli: 100}},
			Usage: policy.PodUsage{Known: true, Milli: 200, Window: 30 * time.Second, Sampled: start.Add(-5 * time.Second)},
		}
	}
	for r, want := range map[policy.Readiness]int{policy.ReadyTrue: 4, policy.ReadyUnknown: 4, policy.ReadyFalse: 2} {
		in := policy.HPAInput{
			Now: start, Kind: policy.ResourceUtilization, Target: 100, Resource: "cpu", ToleranceUp: 0.1, ToleranceDown: 0.1,
			CPUInitialization: 5 * time.Minute, Current: 2, Pods: []policy.Pod{pod(policy.ReadyTrue), pod(r)},
		}
		got, err := in.Propose()
		require.NoError(t, err)
		require.Equal(t, want, got.Replicas, "readiness %d", r)
	}
}

func FuzzParseHPA(f *testing.F) {
	f.Add([]byte(hpaSpec))
	f.Add([]byte(`{"maxReplicas": 3, "metrics": [{"type": "External", "external": {"metric": {"name": "x"}, "target": {"type": "Value", "value": "1.5Ki"}}}]}`))
	f.Fuzz(func(t *testing.T, spec []byte) {
		c, err := policy.ParseHPA(spec)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("parsed, yet not valid: %v", err)
		}
		p := c.New(start, 1)
		needs := c.Needs()
		p.Decide(policy.Observation{Now: start, Desired: 1, Ready: 1, Readings: make([]policy.Reading, len(needs.Signals)), Pods: make([][]policy.Pod, len(needs.Pods))})
	})
}

func ExampleHPA() {
	hpa, err := policy.ParseHPA([]byte(`{"maxReplicas": 10, "metrics": [
		{"type": "External", "external": {"metric": {"name": "lag"}, "target": {"type": "AverageValue", "averageValue": "30"}}}]}`))
	if err != nil {
		panic(err)
	}
	p := hpa.New(start, 2)
	fmt.Println(p.Decide(settled(2, 250)))
	// Output: 4: target ratio 2->9; ScaleUpLimit 9->4
}

func ExampleKPA() {
	p := policy.KPA{TargetValue: 10}.New(start, 1)
	burst := policy.Observation{Now: start, Desired: 1, Current: 1, Ready: 1, Readings: []policy.Reading{ok(12), ok(55)}}
	fmt.Println(p.Decide(burst))
	// Output: 6: stable window 1->2; panic 2->6
}

package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/bellows-go/bellows/internal/plain"
)

// ParseHPA reads an HPA from the JSON of the spec of an autoscaling/v2
// HorizontalPodAutoscaler: bounds, metrics and behavior. scaleTargetRef and
// describedObject are read past. Without metrics it has the one that the API
// server fills in: 80 percent of the CPU requested.
//
// Names count as written, once each. What no such spec may hold is refused, and
// so is what cannot be carried over: a selector of a metric, and two metrics
// that an Observation could not tell apart. Faults come with their paths: all
// those of the JSON (names, types), or when there are none all those of what it
// says.
func ParseHPA(spec []byte) (HPA, error) {
	var s hpaSpec
	if err := plain.Decode(spec, &s, nil); err != nil {
		return HPA{}, fmt.Errorf("policy: hpa: %w", err)
	}
	var f faults
	c := HPA{MaxReplicas: s.MaxReplicas, MinReplicas: s.MinReplicas}
	seen := map[HPAMetric]bool{}
	for i := range s.Metrics {
		field := fmt.Sprintf("metrics[%d]", i)
		m, ok := s.Metrics[i].metric(&f, field)
		if !ok {
			m = HPAMetric{Kind: ExternalValue, Name: field, Target: 1} // so that the rest can be checked
		}
		same := m
		same.Target = 0
		if !m.ofPods() { // one signal, whatever its kind
			same.Kind = ExternalValue
		}
		f.Require(!seen[same], field, "a second metric of the name %q cannot be carried over", m.Name)
		seen[same] = true
		c.Metrics = append(c.Metrics, m)
	}
	if len(s.Metrics) == 0 {
		c.Metrics = []HPAMetric{{Kind: ResourceUtilization, Name: "cpu", Target: 80}}
	}
	if b := s.Behavior; b != nil {
		c.Behavior = &HPABehavior{
			ScaleUp:   b.ScaleUp.rules(&f, "behavior.scaleUp"),
			ScaleDown: b.ScaleDown.rules(&f, "behavior.scaleDown"),
		}
	}
	f.Add(c.Validate())
	if err := f.Err(); err != nil {
		return HPA{}, fmt.Errorf("policy: hpa: %w", err)
	}
	return c, nil
}

// The JSON of a spec. Its quantities are raw: strings or numbers.
type (
	hpaSpec struct {
		ScaleTargetRef json.RawMessage
		MinReplicas    *int
		MaxReplicas    int
		Metrics        []hpaMetricSpec
		Behavior       *hpaBehaviorSpec
	}
	hpaBehaviorSpec struct{ ScaleUp, ScaleDown *hpaRulesSpec }
	hpaMetricSpec   struct {
		Type              string
		Resource          *hpaResourceSpec
		ContainerResource *hpaContainerSpec
		Pods              *hpaNamedSpec
		Object            *hpaObjectSpec
		External          *hpaNamedSpec
	}
	hpaResourceSpec struct {
		Name   string
		Target hpaTargetSpec
	}
	hpaContainerSpec struct {
		Name, Container string
		Target          hpaTargetSpec
	}
	hpaNamedSpec struct {
		Metric *hpaIdentifierSpec
		Target hpaTargetSpec
	}
	hpaObjectSpec struct {
		DescribedObject json.RawMessage
		Metric          *hpaIdentifierSpec
		Target          hpaTargetSpec
	}
	hpaIdentifierSpec struct {
		Name     string
		Selector json.RawMessage
	}
	hpaTargetSpec struct {
		Type                string
		Value, AverageValue json.RawMessage
		AverageUtilization  *int64
	}
	hpaRulesSpec struct {
		StabilizationWindowSeconds *int64
		SelectPolicy               *string
		Tolerance                  json.RawMessage
		Policies                   []hpaPolicySpec
	}
	hpaPolicySpec struct {
		Type          string
		Value         int
		PeriodSeconds int64
	}
)

// metric makes the metric of its one source; ok is false when it has a fault.
func (s *hpaMetricSpec) metric(all *faults, field string) (m HPAMetric, ok bool) {
	var f faults
	defer func() { all.Add(f.Err()) }()
	var target *hpaTargetSpec
	var id *hpaIdentifierSpec
	sources := []string{"Resource", "ContainerResource", "Pods", "Object", "External"}
	set := []bool{s.Resource != nil, s.ContainerResource != nil, s.Pods != nil, s.Object != nil, s.External != nil}
	at := slices.Index(sources, s.Type)
	f.Require(at >= 0, field+".type", "unknown: %q", s.Type)
	for i, name := range sources {
		name = strings.ToLower(name[:1]) + name[1:]
		switch {
		case i == at:
			f.Require(set[i], field+"."+name, "must be set")
		case at >= 0:
			f.Require(!set[i], field+"."+name, "is no source of a metric of type %s", s.Type)
		}
	}
	if at < 0 || !set[at] {
		return m, false
	}
	field += "." + strings.ToLower(s.Type[:1]) + s.Type[1:]
	switch s.Type {
	case "Resource":
		m.Name, target = s.Resource.Name, &s.Resource.Target
	case "ContainerResource":
		m.Name, m.Container, target = s.ContainerResource.Name, s.ContainerResource.Container, &s.ContainerResource.Target
		f.Require(m.Container != "", field+".container", "must be set")
	case "Pods":
		id, target = s.Pods.Metric, &s.Pods.Target
	case "Object":
		id, target = s.Object.Metric, &s.Object.Target
	case "External":
		id, target = s.External.Metric, &s.External.Target
	}
	switch {
	case strings.HasSuffix(s.Type, "esource"):
		f.Require(m.Name != "", field+".name", "must be set")
	case id == nil:
		f.Require(false, field+".metric", "must be set")
	default:
		m.Name = id.Name
		f.Require(m.Name != "", field+".metric.name", "must be set")
		f.Require(unset(id.Selector), field+".metric.selector",
			"cannot be carried over: have the metric source select, under a name of its own")
	}
	target.fill(&f, field+".target", s.Type, &m)
	return m, f.Err() == nil
}

// fill sets what the metric is held to.
func (t *hpaTargetSpec) fill(f *faults, field, source string, m *HPAMetric) {
	resource := strings.HasSuffix(source, "esource")
	wanted := "averageValue"
	switch {
	case t.Type == "Utilization" && resource:
		m.Kind, wanted = ResourceUtilization, "averageUtilization"
	case t.Type == "AverageValue":
		m.Kind = map[string]HPAMetricKind{"Resource": ResourceValue, "ContainerResource": ResourceValue, "Pods": PodsMetric, "Object": ObjectAverage, "External": ExternalAverage}[source]
	case t.Type == "Value" && source == "Object":
		m.Kind, wanted = ObjectValue, "value"
	case t.Type == "Value" && source == "External":
		m.Kind, wanted = ExternalValue, "value"
	default:
		f.Require(false, field+".type", "%q is no target of a metric of type %s", t.Type, source)
		return
	}
	for _, x := range []struct {
		name string
		set  bool
	}{{"value", !unset(t.Value)}, {"averageValue", !unset(t.AverageValue)}, {"averageUtilization", t.AverageUtilization != nil}} {
		if x.name == wanted {
			f.Require(x.set, field+"."+x.name, "must be set")
		} else {
			f.Require(!x.set, field+"."+x.name, "is no field of a target of type %s", t.Type)
		}
	}
	raw := t.AverageValue
	switch {
	case wanted == "averageUtilization":
		m.Target = pointed(t.AverageUtilization, 1)
		f.Require(m.Target >= 1 && m.Target <= math.MaxInt32, field+"."+wanted, "must be in [1, %d] percent, is %d", math.MaxInt32, m.Target)
		return
	case wanted == "value":
		raw = t.Value
	}
	if unset(raw) {
		return
	}
	x, err := quantity(raw)
	if err == nil {
		m.Target, err = milli(x)
	}
	if err != nil {
		f.Require(false, field+"."+wanted, "%s %v", raw, err)
		return
	}
	f.Require(m.Target > 0, field+"."+wanted, "must be > 0, is %s", raw)
}

// unset reports whether JSON left a value out, or null.
func unset(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func (s *hpaRulesSpec) rules(f *faults, field string) *HPARules {
	if s == nil {
		return nil
	}
	r := &HPARules{}
	seconds := func(field string, n, low, high int64) time.Duration {
		f.Require(n >= low && n <= high, field, "must be in [%d, %d], is %d", low, high, n)
		return time.Duration(min(max(n, low), high)) * time.Second
	}
	if s.StabilizationWindowSeconds != nil {
		d := seconds(field+".stabilizationWindowSeconds", *s.StabilizationWindowSeconds, 0, 3600)
		r.StabilizationWindow = &d
	}
	if !unset(s.Tolerance) {
		x, err := quantity(s.Tolerance)
		if err != nil {
			f.Require(false, field+".tolerance", "%s %v", s.Tolerance, err)
		} else {
			f.Require(x.Sign() >= 0, field+".tolerance", "must be >= 0, is %s", s.Tolerance)
			nearest, _ := x.Abs(x).Float64()
			r.Tolerance = &nearest
		}
	}
	if s.SelectPolicy != nil {
		pick, known := map[string]HPASelect{"Max": SelectMax, "Min": SelectMin, "Disabled": SelectDisabled}[*s.SelectPolicy]
		f.Require(known, field+".selectPolicy", "unknown: %q", *s.SelectPolicy)
		r.SelectPolicy = pick
	}
	for i, p := range s.Policies {
		at := fmt.Sprintf("%s.policies[%d]", field, i)
		f.Require(p.Type == "Pods" || p.Type == "Percent", at+".type", "unknown: %q", p.Type)
		f.Require(p.Value > 0 && p.Value <= maxReplicas, at+".value", "must be in [1, %d], is %d", maxReplicas, p.Value)
		r.Policies = append(r.Policies, HPAPolicy{
			Percent: p.Type == "Percent", Value: min(max(p.Value, 1), maxReplicas),
			Period: seconds(at+".periodSeconds", p.PeriodSeconds, 1, 1800),
		})
	}
	return r
}

// suffixes are the powers that a quantity may end in: of ten, or of two.
var suffixes = map[string]*big.Rat{
	"n": power(10, -9), "u": power(10, -6), "m": power(10, -3), "": power(10, 0),
	"k": power(10, 3), "M": power(10, 6), "G": power(10, 9), "T": power(10, 12), "P": power(10, 15), "E": power(10, 18),
	"Ki": power(2, 10), "Mi": power(2, 20), "Gi": power(2, 30), "Ti": power(2, 40), "Pi": power(2, 50), "Ei": power(2, 60),
}

// power is base to the n.
func power(base int64, n int) *big.Rat {
	x := new(big.Int).Exp(big.NewInt(base), big.NewInt(int64(max(n, -n))), nil)
	if n < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), x)
	}
	return new(big.Rat).SetInt(x)
}

// grammar is that of a quantity, "Quantity" in the Kubernetes API reference: a
// number and then either a suffix or an exponent, here of two digits at most.
var grammar = regexp.MustCompile(`^([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([numkMGTPE]|[KMGTPE]i)|([eE][+-]?0*[0-9]{1,2}))?$`)

// quantity parses a Kubernetes quantity, a JSON string or number, exactly.
func quantity(raw json.RawMessage) (*big.Rat, error) {
	text := string(raw)
	if len(raw) > 0 && raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
	}
	part := grammar.FindStringSubmatch(text)
	if part == nil || len(text) > 40 {
		return nil, errors.New("is no quantity")
	}
	x, ok := new(big.Rat).SetString(part[1] + part[3])
	if !ok {
		return nil, errors.New("is no quantity")
	}
	return x.Mul(x, suffixes[part[2]]), nil
}

// milli is x in thousandths, rounded up.
func milli(x *big.Rat) (int64, error) {
	x = new(big.Rat).Mul(x, big.NewRat(1000, 1))
	n, rest := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		n.Add(n, big.NewInt(1))
	}
	if !n.IsInt64() {
		return 0, errors.New("is too large")
	}
	return n.Int64(), nil
}

package policy

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// ParseHPA reads an HPA from the JSON of the spec of an autoscaling/v2
// HorizontalPodAutoscaler: bounds, metrics and behavior. scaleTargetRef is read
// past. Every fault is reported at once, with its path; so is what cannot be
// carried over: a selector of a metric, or more than one metric of one name.
func ParseHPA(spec []byte) (HPA, error) {
	var s hpaSpec
	if err := strictly(spec, &s); err != nil {
		return HPA{}, fmt.Errorf("policy: hpa: %w", err)
	}
	var f faults
	c := HPA{MaxReplicas: s.MaxReplicas, MinReplicas: s.MinReplicas}
	seen := map[HPAMetric]bool{}
	for i := range s.Metrics {
		field := fmt.Sprintf("metrics[%d]", i)
		m := s.Metrics[i].metric(&f, field)
		same := m
		same.Target = 0
		f.Require(!seen[same], field, "a second metric of the name %q cannot be carried over", m.Name)
		seen[same] = true
		c.Metrics = append(c.Metrics, m)
	}
	if b := s.Behavior; b != nil {
		c.Behavior = &HPABehavior{
			ScaleUp:   b.ScaleUp.rules(&f, "behavior.scaleUp"),
			ScaleDown: b.ScaleDown.rules(&f, "behavior.scaleDown"),
		}
	}
	if f.Err() == nil {
		f.Faults.Add(c.Validate())
	}
	if err := f.Err(); err != nil {
		return HPA{}, fmt.Errorf("policy: hpa: %w", err)
	}
	return c, nil
}

// The JSON of a spec.
type (
	hpaSpec struct {
		ScaleTargetRef json.RawMessage `json:"scaleTargetRef"`
		MinReplicas    *int            `json:"minReplicas"`
		MaxReplicas    int             `json:"maxReplicas"`
		Metrics        []hpaMetricSpec `json:"metrics"`
		Behavior       *struct {
			ScaleUp   *hpaRulesSpec `json:"scaleUp"`
			ScaleDown *hpaRulesSpec `json:"scaleDown"`
		} `json:"behavior"`
	}
	hpaMetricSpec struct {
		Type              string         `json:"type"`
		Resource          *hpaSourceSpec `json:"resource"`
		ContainerResource *hpaSourceSpec `json:"containerResource"`
		Pods              *hpaSourceSpec `json:"pods"`
		Object            *hpaSourceSpec `json:"object"`
		External          *hpaSourceSpec `json:"external"`
	}
	hpaSourceSpec struct {
		Name      string `json:"name"`
		Container string `json:"container"`
		Metric    *struct {
			Name     string          `json:"name"`
			Selector json.RawMessage `json:"selector"`
		} `json:"metric"`
		DescribedObject json.RawMessage `json:"describedObject"`
		Target          struct {
			Type               string    `json:"type"`
			Value              *quantity `json:"value"`
			AverageValue       *quantity `json:"averageValue"`
			AverageUtilization *int64    `json:"averageUtilization"`
		} `json:"target"`
	}
	hpaRulesSpec struct {
		StabilizationWindowSeconds *int64    `json:"stabilizationWindowSeconds"`
		SelectPolicy               *string   `json:"selectPolicy"`
		Tolerance                  *quantity `json:"tolerance"`
		Policies                   []struct {
			Type          string `json:"type"`
			Value         int    `json:"value"`
			PeriodSeconds int64  `json:"periodSeconds"`
		} `json:"policies"`
	}
)

// metric makes the metric of its source.
func (s *hpaMetricSpec) metric(f *faults, field string) HPAMetric {
	sources := map[string]*hpaSourceSpec{
		"Resource": s.Resource, "ContainerResource": s.ContainerResource, "Pods": s.Pods, "Object": s.Object, "External": s.External,
	}
	source, known := sources[s.Type]
	if !known {
		f.Require(false, field+".type", "unknown: %q", s.Type)
		return HPAMetric{}
	}
	name := strings.ToLower(s.Type[:1]) + s.Type[1:]
	field += "." + name
	if source == nil {
		f.Require(false, field, "must be set")
		return HPAMetric{}
	}
	m := HPAMetric{Name: source.Name, Container: source.Container}
	if s.Type != "Resource" && s.Type != "ContainerResource" {
		if source.Metric == nil {
			f.Require(false, field+".metric", "must be set")
			return m
		}
		m.Name = source.Metric.Name
		f.Require(len(source.Metric.Selector) == 0 || string(source.Metric.Selector) == "null", field+".metric.selector",
			"cannot be carried over: have the metric source select, under a name of its own")
	}
	source.target(f, field+".target", s.Type, &m)
	return m
}

// target fills in what the metric is held to.
func (s *hpaSourceSpec) target(f *faults, field, source string, m *HPAMetric) {
	t := &s.Target
	resource := strings.HasSuffix(source, "esource")
	take := func(q *quantity, name string) {
		if q == nil {
			f.Require(false, field+"."+name, "must be set")
			return
		}
		m.Target = q.milli
	}
	switch {
	case t.Type == "Utilization" && resource:
		m.Kind = ResourceUtilization
		if t.AverageUtilization == nil {
			f.Require(false, field+".averageUtilization", "must be set")
			return
		}
		m.Target = *t.AverageUtilization
	case t.Type == "AverageValue":
		m.Kind = map[string]HPAMetricKind{"Resource": ResourceValue, "ContainerResource": ResourceValue, "Pods": PodsMetric, "Object": ObjectAverage, "External": ExternalAverage}[source]
		take(t.AverageValue, "averageValue")
	case t.Type == "Value" && (source == "Object" || source == "External"):
		m.Kind = ObjectValue
		if source == "External" {
			m.Kind = ExternalValue
		}
		take(t.Value, "value")
	default:
		f.Require(false, field+".type", "%q is no target of a metric of type %s", t.Type, source)
	}
}

func (s *hpaRulesSpec) rules(f *faults, field string) *HPARules {
	if s == nil {
		return nil
	}
	r := &HPARules{}
	seconds := func(field string, n int64) time.Duration {
		f.Require(n >= 0 && n <= 3600, field, "must be in [0, 3600], is %d", n)
		return time.Duration(min(max(n, 0), 3600)) * time.Second
	}
	if s.StabilizationWindowSeconds != nil {
		d := seconds(field+".stabilizationWindowSeconds", *s.StabilizationWindowSeconds)
		r.StabilizationWindow = &d
	}
	if s.Tolerance != nil {
		x := float64(s.Tolerance.milli) / 1000
		r.Tolerance = &x
	}
	if s.SelectPolicy != nil {
		pick, known := map[string]HPASelect{"Max": SelectMax, "Min": SelectMin, "Disabled": SelectDisabled}[*s.SelectPolicy]
		f.Require(known, field+".selectPolicy", "unknown: %q", *s.SelectPolicy)
		r.SelectPolicy = pick
	}
	for i, p := range s.Policies {
		at := fmt.Sprintf("%s.policies[%d]", field, i)
		f.Require(p.Type == "Pods" || p.Type == "Percent", at+".type", "unknown: %q", p.Type)
		r.Policies = append(r.Policies, HPAPolicy{Percent: p.Type == "Percent", Value: p.Value, Period: seconds(at+".periodSeconds", p.PeriodSeconds)})
	}
	return r
}

// quantity is a Kubernetes resource quantity, a string or a number, in
// thousandths, rounded up (k8s.io/apimachinery/pkg/api/resource).
type quantity struct{ milli int64 }

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

// UnmarshalJSON parses the quantity.
func (q *quantity) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	if len(raw) > 0 && raw[0] == '"' {
		if err := json.Unmarshal(raw, &text); err != nil {
			return err
		}
	}
	number := strings.TrimRight(text, "numkMGTPEi")
	scale, known := suffixes[text[len(number):]]
	x, ok := new(big.Rat), known && len(text) <= 40 && !strings.ContainsAny(number, "/_xXpPbBoO")
	if ok {
		if _, exponent, has := strings.Cut(strings.ToLower(number), "e"); has && len(strings.TrimLeft(exponent, "+-0")) > 2 {
			ok = false
		} else {
			_, ok = x.SetString(number)
		}
	}
	if !ok {
		return fmt.Errorf("%q is no quantity", text)
	}
	x.Mul(x, scale).Mul(x, big.NewRat(1000, 1))
	n, rest := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		n.Add(n, big.NewInt(1))
	}
	if !n.IsInt64() {
		return fmt.Errorf("%q is too large", text)
	}
	q.milli = n.Int64()
	return nil
}

package policy

import "github.com/bellows-go/bellows/internal/enum"

// The names of enumerations, in text and in JSON.

var qualityNames = enum.Names{Kind: "quality", List: []string{"missing", "ok", "stale", "failed", "partial"}}

func (q Quality) String() string { return qualityNames.Of(uint8(q)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (q Quality) MarshalText() ([]byte, error) { return qualityNames.Marshal(uint8(q)) }

// UnmarshalText undoes MarshalText.
func (q *Quality) UnmarshalText(text []byte) error { return enum.Unmarshal(&qualityNames, text, q) }

var statNames = enum.Names{Kind: "stat", List: []string{"last", "mean", "weighted", "max", "rate", "quantile"}}

func (s Stat) String() string { return statNames.Of(uint8(s)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (s Stat) MarshalText() ([]byte, error) { return statNames.Marshal(uint8(s)) }

// UnmarshalText undoes MarshalText.
func (s *Stat) UnmarshalText(text []byte) error { return enum.Unmarshal(&statNames, text, s) }

var verdictNames = enum.Names{Kind: "verdict", List: []string{"propose", "hold", "no opinion"}}

func (v Verdict) String() string { return verdictNames.Of(uint8(v)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (v Verdict) MarshalText() ([]byte, error) { return verdictNames.Marshal(uint8(v)) }

// UnmarshalText undoes MarshalText.
func (v *Verdict) UnmarshalText(text []byte) error { return enum.Unmarshal(&verdictNames, text, v) }

var scalingMetricNames = enum.Names{Kind: "scaling metric", List: []string{"concurrency", "rps"}}

func (s ScalingMetric) String() string { return scalingMetricNames.Of(uint8(s)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (s ScalingMetric) MarshalText() ([]byte, error) { return scalingMetricNames.Marshal(uint8(s)) }

// UnmarshalText undoes MarshalText.
func (s *ScalingMetric) UnmarshalText(text []byte) error {
	return enum.Unmarshal(&scalingMetricNames, text, s)
}

var aggregationNames = enum.Names{Kind: "aggregation", List: []string{"linear", "weightedExponential"}}

func (a Aggregation) String() string { return aggregationNames.Of(uint8(a)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (a Aggregation) MarshalText() ([]byte, error) { return aggregationNames.Marshal(uint8(a)) }

// UnmarshalText undoes MarshalText.
func (a *Aggregation) UnmarshalText(text []byte) error {
	return enum.Unmarshal(&aggregationNames, text, a)
}

var hpaMetricKindNames = enum.Names{Kind: "metric kind", List: []string{"resourceUtilization", "resourceValue", "podsMetric", "objectValue", "objectAverage", "externalValue", "externalAverage"}}

func (h HPAMetricKind) String() string { return hpaMetricKindNames.Of(uint8(h)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (h HPAMetricKind) MarshalText() ([]byte, error) { return hpaMetricKindNames.Marshal(uint8(h)) }

// UnmarshalText undoes MarshalText.
func (h *HPAMetricKind) UnmarshalText(text []byte) error {
	return enum.Unmarshal(&hpaMetricKindNames, text, h)
}

var hpaSelectNames = enum.Names{Kind: "select policy", List: []string{"max", "min", "disabled"}}

func (h HPASelect) String() string { return hpaSelectNames.Of(uint8(h)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (h HPASelect) MarshalText() ([]byte, error) { return hpaSelectNames.Marshal(uint8(h)) }

// UnmarshalText undoes MarshalText.
func (h *HPASelect) UnmarshalText(text []byte) error { return enum.Unmarshal(&hpaSelectNames, text, h) }

var hpaResultNames = enum.Names{Kind: "result", List: []string{"unchanged", "scaled", "failed", "partial", "disabled"}}

func (h HPAResult) String() string { return hpaResultNames.Of(uint8(h)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (h HPAResult) MarshalText() ([]byte, error) { return hpaResultNames.Marshal(uint8(h)) }

// UnmarshalText undoes MarshalText.
func (h *HPAResult) UnmarshalText(text []byte) error { return enum.Unmarshal(&hpaResultNames, text, h) }

var podPhaseNames = enum.Names{Kind: "pod phase", List: []string{"running", "pending", "failed"}}

func (p PodPhase) String() string { return podPhaseNames.Of(uint8(p)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (p PodPhase) MarshalText() ([]byte, error) { return podPhaseNames.Marshal(uint8(p)) }

// UnmarshalText undoes MarshalText.
func (p *PodPhase) UnmarshalText(text []byte) error { return enum.Unmarshal(&podPhaseNames, text, p) }

var readinessNames = enum.Names{Kind: "readiness", List: []string{"none", "true", "false", "unknown"}}

func (r Readiness) String() string { return readinessNames.Of(uint8(r)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (r Readiness) MarshalText() ([]byte, error) { return readinessNames.Marshal(uint8(r)) }

// UnmarshalText undoes MarshalText.
func (r *Readiness) UnmarshalText(text []byte) error { return enum.Unmarshal(&readinessNames, text, r) }

var fallbackBehaviorNames = enum.Names{Kind: "fallback behavior", List: []string{"unset", "static", "current", "currentIfHigher", "currentIfLower", "scalingModifiers"}}

func (f FallbackBehavior) String() string { return fallbackBehaviorNames.Of(uint8(f)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (f FallbackBehavior) MarshalText() ([]byte, error) {
	return fallbackBehaviorNames.Marshal(uint8(f))
}

// UnmarshalText undoes MarshalText.
func (f *FallbackBehavior) UnmarshalText(text []byte) error {
	return enum.Unmarshal(&fallbackBehaviorNames, text, f)
}

var kedaStateNames = enum.Names{Kind: "state", List: []string{"stopped", "active", "inactive", "cooling"}}

func (k KEDAState) String() string { return kedaStateNames.Of(uint8(k)) }

// MarshalText is the name in JSON; an unknown value is an error.
func (k KEDAState) MarshalText() ([]byte, error) { return kedaStateNames.Marshal(uint8(k)) }

// UnmarshalText undoes MarshalText.
func (k *KEDAState) UnmarshalText(text []byte) error { return enum.Unmarshal(&kedaStateNames, text, k) }

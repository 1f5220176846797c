package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/policy"
)

// A knob is the one number of a policy that a sweep turns.
type knob struct {
	policy, what string
	values       []float64 // by default
	low, high    float64   // the values that make sense, both exclusive
	config       func(sim.ModelInfo, float64) policy.Config
}

var targets = []float64{0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9}

var knobs = []knob{
	{"adaptive", "share that is to wait no longer", []float64{0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999}, 0.4999999, 0.999991, func(m sim.ModelInfo, v float64) policy.Config {
		return policy.Adaptive{Wait: max(m.Wait, 1), Share: v}
	}},
	{"hpa-rate", "target utilization", targets, 0, 10, func(m sim.ModelInfo, v float64) policy.Config { return hpa(rate(m, v)) }},
	{"hpa-cpu", "target utilization", targets, 0, 10, func(m sim.ModelInfo, v float64) policy.Config {
		return hpa(policy.Track{
			Signal: policy.Signal{Name: policy.BusySeconds, Stat: policy.Rate, Window: 30 * time.Second}, Value: v * float64(m.Slots), Tolerance: 0.1,
		})
	}},
	{"kpa", "target utilization", targets, 0, 10, func(m sim.ModelInfo, v float64) policy.Config {
		return policy.KPA{TargetValue: v * float64(m.Slots), TotalValue: float64(m.Slots)}
	}},
	{"ray", "ongoing requests per slot", targets, 0, 100, func(m sim.ModelInfo, v float64) policy.Config {
		return ray{Target: v * float64(m.Slots), LookBack: 30 * time.Second, Up: 30 * time.Second, Down: 10 * time.Minute, Min: m.Min, Max: m.Max}
	}},
	{"seldon-lag", "in flight per replica", []float64{1, 2, 3, 5, 8, 12, 20, 30}, 0, 1e6, func(_ sim.ModelInfo, v float64) policy.Config {
		return policy.SeldonLag{Min: 1, LagThreshold: v}
	}},
	{"lag-track", "in flight per slot", targets, 0, 100, func(m sim.ModelInfo, v float64) policy.Config { return lagTrack(m, v) }},
	{"slo", "share that may wait longer", []float64{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1}, 0, 1, slo},
}

func knobNames() string {
	var names []string
	for _, k := range knobs {
		names = append(names, k.policy)
	}
	return strings.Join(names, ", ")
}

// swept are the setups of a sweep, NAME or NAME=V1,V2,...
func swept(text string) ([]sim.Setup, error) {
	name, list, given := strings.Cut(text, "=")
	i := slices.IndexFunc(knobs, func(k knob) bool { return k.policy == name })
	if i < 0 {
		return nil, fmt.Errorf("-sweep: %q is unknown; known are %s", name, knobNames())
	}
	k := &knobs[i]
	values := k.values
	if given {
		values = nil
		for field := range strings.SplitSeq(list, ",") {
			v, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
			if err != nil || !(v > k.low && v < k.high) || math.IsInf(v, 0) {
				return nil, fmt.Errorf("-sweep: %q is no number in (%g, %g)", field, k.low, k.high)
			}
			if slices.Contains(values, v) {
				return nil, fmt.Errorf("-sweep: %g stands twice", v)
			}
			values = append(values, v)
		}
	}
	var out []sim.Setup
	for _, v := range values {
		out = append(out, sim.Setup{
			Name:   fmt.Sprintf("%s=%g", name, v),
			Policy: func(m sim.ModelInfo) policy.Config { return k.config(m, v) },
		})
	}
	return out, nil
}

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/policy"
)

// A named policy can be replayed by its name.
type named struct {
	name, what string
	config     func(sim.ModelInfo) policy.Config
}

// policies are all that can be replayed.
var policies = []named{
	{
		"hpa-rate-50", "Kubernetes HPA on the request rate, service time known, target 50 %",
		func(m sim.ModelInfo) policy.Config { return hpa(rate(m, 0.5)) },
	},
	{
		"hpa-rate-70", "the same, target 70 %",
		func(m sim.ModelInfo) policy.Config { return hpa(rate(m, 0.7)) },
	},
	{
		"hpa-cpu-80", "Kubernetes HPA on busy slots over 30 s, target 80 %",
		func(m sim.ModelInfo) policy.Config {
			return hpa(policy.Track{
				Signal:    policy.Signal{Name: policy.BusySeconds, Stat: policy.Rate, Window: 30 * time.Second},
				Value:     0.8 * float64(m.Slots),
				Tolerance: 0.1,
			})
		},
	},
	{
		"kpa", "Knative's pod autoscaler on requests in flight, target 70 % of the slots",
		func(m sim.ModelInfo) policy.Config {
			return policy.KPA{TargetValue: 0.7 * float64(m.Slots), TotalValue: float64(m.Slots)}
		},
	},
	{
		"seldon-lag", "Seldon Core 2: 30 in flight per replica give one more, 10 idle minutes one less",
		func(sim.ModelInfo) policy.Config { return policy.SeldonLag{Min: 1} },
	},
	{
		"lag-track", "target tracking on that same lag, in both directions: 0.7 in flight per slot over a minute, at the HPA's pace",
		func(m sim.ModelInfo) policy.Config {
			return hpa(policy.Track{
				Signal:    policy.Signal{Name: policy.InFlight, Stat: policy.Mean, Window: time.Minute},
				Value:     0.7 * float64(m.Slots),
				Tolerance: 0.1,
			})
		},
	},
}

// defaultPolicies are replayed when none are named.
const defaultPolicies = "hpa-rate-70,hpa-cpu-80,seldon-lag,lag-track"

// rate keeps each replica at a share of the requests it can serve.
func rate(m sim.ModelInfo, target float64) policy.Track {
	return policy.Track{
		Signal:    policy.Signal{Name: policy.Begun, Stat: policy.Rate, Window: time.Minute},
		Value:     target * float64(m.Slots) / m.MeanService.Seconds(),
		Tolerance: 0.1,
	}
}

// hpa is how the Kubernetes HPA treats a target by default: every 15 s, down
// only to the highest of five minutes, up by at most four or a doubling.
func hpa(t policy.Track) policy.Config {
	return policy.Every{Period: 15 * time.Second, Of: policy.Pace{
		Up: policy.Limit{Count: 4, Percent: 100, Period: 15 * time.Second},
		Of: policy.Stabilize{Down: 5 * time.Minute, Of: t},
	}}
}

// setups are the policies of a comma-separated list of names.
func setups(list string) ([]sim.Setup, error) {
	var known []string
	for _, p := range policies {
		known = append(known, p.name)
	}
	var out []sim.Setup
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		for _, s := range out {
			if s.Name == name {
				return nil, fmt.Errorf("-policy: %s is named twice", name)
			}
		}
		found := false
		for _, p := range policies {
			if p.name == name {
				out = append(out, sim.Setup{Name: name, Policy: p.config})
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("-policy: %q is unknown; known are %s", name, strings.Join(known, ", "))
		}
	}
	return out, nil
}

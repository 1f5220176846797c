package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/sim"
	"github.com/bellows-go/bellows/policy"
)

// A named policy can be replayed by its name.
type named struct {
	name, what string
	config     func(sim.ModelInfo) policy.Config
	misled     func(sim.ModelInfo) policy.Config // instead, where services take another time than told; nil: config
	share      coordinator.Share                 // of what -limit leaves
}

// policies are all that can be replayed by name. Other targets than these are for
// -sweep.
var policies = []named{
	{
		name: "adaptive", what: "ours: told the longest wait allowed, learns everything else",
		config: adaptive, misled: misled,
	},
	{
		name: byValue, what: "the same; what `-limit` leaves goes to the model for which it is worth most",
		config: adaptive, misled: misled, share: coordinator.ByValue,
	},
	hpaRate(50), hpaRate(60), hpaRate(70), hpaRate(80), hpaRate(90),
	{
		name: "hpa-cpu-80", what: "Kubernetes HPA on busy slots over 30 s, target 80 %",
		config: func(m sim.ModelInfo) policy.Config {
			return hpa(policy.Track{
				Signal:    policy.Signal{Name: policy.BusySeconds, Stat: policy.Rate, Window: 30 * time.Second},
				Value:     0.8 * float64(m.Slots),
				Tolerance: 0.1,
			})
		},
	},
	{
		name: "kpa", what: "Knative's pod autoscaler on requests in flight, target 70 % of the slots",
		config: func(m sim.ModelInfo) policy.Config {
			return policy.KPA{TargetValue: 0.7 * float64(m.Slots), TotalValue: float64(m.Slots)}
		},
	},
	{
		name: "keda", what: "KEDA on the request rate of the last minute, target 70 %: between none and one by itself, above by the HPA",
		config: func(m sim.ModelInfo) policy.Config {
			perReplica := 0.7 * float64(m.Slots) / m.MeanService.Seconds()
			return policy.KEDA{
				KEDASpec: policy.KEDASpec{
					Min: m.Min, Max: max(m.Max, 1),
					Triggers: []policy.KEDATrigger{{Name: sim.RateMinute, TargetMilli: max(int64(math.Round(perReplica*1000)), 1)}},
				},
				Of: hpa(policy.Track{Signal: policy.Signal{Name: sim.RateMinute}, Value: perReplica, Tolerance: 0.1}),
			}
		},
	},
	{
		name: "seldon-lag", what: "Seldon Core 2: 30 in flight per replica give one more, 10 idle minutes one less",
		config: func(sim.ModelInfo) policy.Config { return policy.SeldonLag{Min: 1} },
	},
	{
		name: "ray", what: "Ray Serve on ongoing requests over 30 s, target 70 % of the slots, up after 30 s, down after 600 s",
		config: func(m sim.ModelInfo) policy.Config {
			return ray{
				Target: 0.7 * float64(m.Slots), LookBack: 30 * time.Second, Up: 30 * time.Second, Down: 10 * time.Minute,
				Min: m.Min, Max: m.Max,
			}
		},
	},
	{
		name: "aibrix-apa", what: "vLLM AIBrix APA on requests per pod over 180 s, target 70 % of the slots, every 10 s",
		config: func(m sim.ModelInfo) policy.Config {
			return policy.Every{Period: 10 * time.Second, Of: apa{
				Target: 0.7 * float64(m.Slots), Window: 3 * time.Minute, Tolerance: 0.1, Rate: 2, Down: 5 * time.Minute,
				Min: m.Min, Max: m.Max,
			}}
		},
	},
	{
		name: "lag-track", what: "target tracking on requests in flight, in both directions: 0.7 per slot over a minute, at the HPA's pace",
		config: func(m sim.ModelInfo) policy.Config { return lagTrack(m, 0.7) },
	},
	{
		name: "slo", what: "Erlang's C on the learned service time: at most 1 % wait longer than allowed, two minutes until it comes down",
		config: func(m sim.ModelInfo) policy.Config { return slo(m, 0.01) },
	},
}

// byValue is the name of an adaptive policy whose values share out what is limited.
const byValue = "adaptive-by-value"

func adaptive(m sim.ModelInfo) policy.Config { return policy.Adaptive{Wait: max(m.Wait, 1)} }

// slo holds an objective on waits.
func slo(m sim.ModelInfo, miss float64) policy.Config {
	return policy.Stabilize{Down: 2 * time.Minute, Of: policy.SLO{Wait: max(m.Wait, 1), Miss: miss, Service: m.MeanService}}
}

// defaultPolicies are replayed when none are named, comparedPolicies with
// -compare: the peers, each by its published rules, and ours.
const (
	defaultPolicies  = "adaptive,hpa-rate-70,hpa-cpu-80,seldon-lag"
	comparedPolicies = "adaptive,slo,hpa-rate-50,hpa-rate-60,hpa-rate-70,hpa-rate-80,hpa-rate-90,hpa-cpu-80,kpa,keda,seldon-lag,ray,aibrix-apa,lag-track"
)

func hpaRate(percent int) named {
	return named{
		name:   fmt.Sprintf("hpa-rate-%d", percent),
		what:   fmt.Sprintf("Kubernetes HPA on the request rate of the last minute, service time known, target %d %%", percent),
		config: func(m sim.ModelInfo) policy.Config { return hpa(rate(m, float64(percent)/100)) },
	}
}

// lagTrack follows requests in flight at the HPA's pace.
func lagTrack(m sim.ModelInfo, target float64) policy.Config {
	return hpa(policy.Track{
		Signal:    policy.Signal{Name: policy.InFlight, Stat: policy.Mean, Window: time.Minute},
		Value:     target * float64(m.Slots),
		Tolerance: 0.1,
	})
}

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

// misled is an adaptive policy that is told a service time to begin with, which is
// how it meets a wrong one.
func misled(m sim.ModelInfo) policy.Config {
	return policy.Adaptive{Wait: max(m.Wait, 1), Service: m.MeanService}
}

// setups are the policies of a comma-separated list of names. What learns service
// times by itself is told them only where they are wrong.
func setups(list string, wrong bool) ([]sim.Setup, error) {
	var out []sim.Setup
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if slices.ContainsFunc(out, func(s sim.Setup) bool { return s.Name == name }) {
			return nil, fmt.Errorf("-policy: %s is named twice", name)
		}
		i := slices.IndexFunc(policies, func(p named) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-policy: %q is unknown; known are %s", name, policyNames())
		}
		p := &policies[i]
		config := p.config
		if wrong && p.misled != nil {
			config = p.misled
		}
		out = append(out, sim.Setup{Name: name, Policy: config, Share: p.share})
	}
	return out, nil
}

func policyNames() string {
	var names []string
	for _, p := range policies {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}

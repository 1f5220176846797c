package coordinator

import "github.com/bellows-go/bellows/policy"

// The limits that the documentation of Seldon Core 2 states, in our words.
var (
	lagCaveats = []Caveat{
		{
			"a model loses replicas only when it has had no request for a while",
			"ByLag does the same, as it is the original's rule; BothWays takes them back under light load too",
		},
		{
			"thresholds are set for a server and hold for every model on it",
			"every model has its own policy",
		},
		{
			"a model is scaled by one replica at a time, and not while it changes",
			"ByLag does the same; BothWays goes to what the load asks for, and counts what is starting",
		},
		{
			"lag is the one native signal",
			"any reading can scale a model: see ByMetric, and BothWays.With",
		},
	}
	metricCaveats = []Caveat{
		{
			"targets must be average values, as models and servers are not scaled at once and a value is compared with the whole",
			"ByMetric makes average values only, and Lint warns of others",
		},
		{
			"bounds of the model resource must stay unset, or the native scaler works against the HPA",
			"a model has one policy, so there is no second scaler; its bounds hold above the policy's word",
		},
		{
			"add no faster than replicas become ready, and wait out short peaks of load",
			"say so in ByMetric.Behavior; a start is ordered once, whatever the metric says meanwhile",
		},
		{
			"the rate window must be at least two scrape intervals",
			"Lint warns where a window of ours is shorter; of one within the metric store it cannot know",
		},
		{
			"one provider of custom metrics per cluster: adapters of Prometheus, KEDA and others exclude each other",
			"a MetricSource asks the store itself",
		},
		{
			"models are placed with no view to packing, so servers may stay half empty",
			"placement packs, and half empty servers are emptied in order, each replica serving elsewhere first",
		},
	}
	oneToOneCaveats = []Caveat{
		{
			"two autoscalers act on one metric: bounds, metrics and policies must be kept equal by hand, and the model may be scaled before its server",
			"one decision sizes both: the server is ordered, then the model loaded; differing bounds are refused",
		},
		{
			"only custom metrics will do: pods measured for the server cannot be measured for the model",
			"requests in flight and pods do as well: there is one target",
		},
		{
			"servers are not shared by several models",
			"the same, for this group; others may be shared",
		},
	}
)

// withMetric is ours, with the custom metric as a further opinion.
func withMetric(ours BothWays, s Situation) Approach {
	track := policy.Track{Signal: policy.Signal{Name: s.CustomMetric}, Value: s.Target, Tolerance: 0.1}
	if track.Validate() == nil {
		ours.With = []policy.Config{track}
	}
	return ours
}

package coordinator_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// Every way through the tree ends at an approach that declares.
func TestRecommend(t *testing.T) {
	lag, metric := coordinator.ByLag{LagThreshold: 5}, coordinator.ByMetric{Metric: "tokens", Target: 5}
	ours, bare := coordinator.BothWays{InFlight: 5}, coordinator.BothWays{}
	both := coordinator.BothWays{With: []policy.Config{policy.Track{Signal: policy.Signal{Name: "tokens"}, Value: 5, Tolerance: 0.1}}}
	for _, c := range []struct {
		name        string
		s           coordinator.Situation
		want        coordinator.Approach
		alternative coordinator.Approach
		path        string // o: one per server; m: and several; c: custom metric; s: store; l: light load; upper case is yes
	}{
		{"nothing special", coordinator.Situation{}, lag, ours, "ocl"},
		{"many models", coordinator.Situation{MultiModel: true, MetricStore: true}, lag, ours, "ocl"},
		{"light load", coordinator.Situation{LightLoad: true}, ours, nil, "ocL"},
		{"custom metric", coordinator.Situation{MetricStore: true, CustomMetric: "tokens"}, metric, both, "oCS"},
		{"no store", coordinator.Situation{CustomMetric: "tokens", LightLoad: true}, bare, nil, "oCs"},
		{"one to one", coordinator.Situation{OneToOne: true}, coordinator.OneToOne{Of: ours}, nil, "Omc"},
		{"one to one on a metric", coordinator.Situation{OneToOne: true, MetricStore: true, CustomMetric: "tokens"}, coordinator.OneToOne{Of: metric}, nil, "OmCS"},
		{"one to one without a store", coordinator.Situation{OneToOne: true, CustomMetric: "tokens"}, coordinator.OneToOne{Of: bare}, nil, "OmCs"},
		{"some of both", coordinator.Situation{OneToOne: true, MultiModel: true}, ours, nil, "OM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.Target = 5
			r := coordinator.Recommend(c.s)
			require.Equal(t, c.want, r.Approach)
			require.Equal(t, c.alternative, r.Alternative)
			require.NotEmpty(t, r.Why)
			path := ""
			for _, a := range r.Path {
				letter := map[string]string{"one": "o", "and": "m", "is a custom": "c", "is a metric": "s", "must": "l"}[firstWords(a.Question)]
				if a.Yes {
					letter = strings.ToUpper(letter)
				}
				path += letter
			}
			require.Equal(t, c.path, path)
			for _, caveat := range r.Caveats {
				require.NotEmpty(t, caveat.Seldon)
				require.NotEmpty(t, caveat.Here)
			}
			for _, a := range []coordinator.Approach{r.Approach, r.Alternative} {
				if a == nil {
					continue
				}
				d := alone()
				_, err := a.Declare(d)
				require.NoError(t, err)
			}
		})
	}
	require.Equal(t, coordinator.ByLag{}, coordinator.Recommend(coordinator.Situation{}).Approach, "the original's default")
	before := coordinator.Recommend(coordinator.Situation{OneToOne: true}).Caveats
	coordinator.Recommend(coordinator.Situation{OneToOne: true, MetricStore: true, CustomMetric: "x"})
	require.Equal(t, before, coordinator.Recommend(coordinator.Situation{OneToOne: true}).Caveats, "one recommendation leaves the next alone")
}

func firstWords(s string) string {
	words := strings.Fields(s)
	if words[0] == "is" {
		return strings.Join(words[:3], " ")
	}
	return words[0]
}

func ExampleRecommend() {
	r := coordinator.Recommend(coordinator.Situation{OneToOne: true, Target: 8})
	fmt.Print(r)
	// Output:
	// one model per server, both scaled on one decision: requests in flight scale models both ways, servers follow and are emptied
	//   because models and servers go together, and requests in flight take no metric store
	//   one model per server? yes
	//   and several models on some? no
	//   is a custom metric wanted? no
	//   Seldon: two autoscalers act on one metric: bounds, metrics and policies must be kept equal by hand, and the model may be scaled before its server; here: one decision sizes both: the server is ordered, then the model loaded; differing bounds are refused
	//   Seldon: only custom metrics will do: pods measured for the server cannot be measured for the model; here: requests in flight and pods do as well: there is one target
	//   Seldon: servers are not shared by several models; here: the same, for this group; others may be shared
}

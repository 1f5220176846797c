package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// every field of every policy of this package, nested.
func everyConfig(t *testing.T) policy.Config {
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	load := policy.Signal{Name: policy.InFlight, Stat: policy.Quantile, Window: 90 * time.Second, P: 0.9}
	two, long := 2, 5*time.Minute
	return policy.Highest{
		policy.Bound{Min: 1, Max: 9, Of: policy.Track{Signal: load, Value: 2.5, Tolerance: 0.1}},
		policy.Freeze{Replicas: 3, Until: time.Unix(1_700_000_000, 5).UTC(), Of: policy.KPA{ScalingMetric: policy.RPS, Aggregation: policy.WeightedExponential, StableWindow: time.Minute}},
		policy.Calendar{Zone: zone, Entries: []policy.CalendarEntry{{Days: []time.Weekday{time.Monday}, From: time.Hour, To: 2 * time.Hour, Min: 1}}, Of: policy.SeldonLag{Max: 3, ResetOnTrigger: true}},
		policy.HPA{MinReplicas: &two, MaxReplicas: 8, DownscaleStabilization: &long, Metrics: []policy.HPAMetric{{Kind: policy.PodsMetric, Name: "q", Target: 5}}, Behavior: &policy.HPABehavior{
			ScaleUp: &policy.HPARules{SelectPolicy: policy.SelectMin, Policies: []policy.HPAPolicy{{Percent: true, Value: 50, Period: time.Minute}}},
		}},
		policy.First{policy.KEDA{
			KEDASpec: policy.KEDASpec{Idle: new(int), Triggers: []policy.KEDATrigger{{Name: "q", TargetMilli: 5, Cached: true}}, Fallback: &policy.KEDAFallback{Behavior: policy.FallbackCurrent}},
			Of:       policy.Lowest{policy.Idle{After: time.Second, Of: policy.Every{Period: time.Second, Of: policy.SeldonLag{Max: 1}}}},
		}},
	}
}

func TestConfigsAsJSON(t *testing.T) {
	kinds := policy.BuiltinKinds()
	c := everyConfig(t)
	text, err := kinds.Append([]byte("x"), c)
	require.NoError(t, err)
	require.Equal(t, byte('x'), text[0])
	back, err := kinds.Decode(text[1:])
	require.NoError(t, err)
	require.Equal(t, c, back)
	require.NoError(t, back.Validate())
	again, err := kinds.Append([]byte("x"), back)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again))

	for name, c := range kinds {
		text, err := kinds.Append(nil, c)
		require.NoError(t, err)
		require.JSONEq(t, fmt.Sprintf(`{"kind":%q}`, name), string(text), "what is zero is left out")
		back, err := kinds.Decode(text)
		require.NoError(t, err)
		require.IsType(t, c, back)
	}
}

func TestConfigsThatAreNoJSON(t *testing.T) {
	kinds := policy.BuiltinKinds()
	_, err := kinds.Append(nil, mine{})
	require.EqualError(t, err, "a policy_test.mine is of no known kind")
	_, err = kinds.Append(nil, policy.Every{Of: policy.KEDA{KEDASpec: policy.KEDASpec{Formula: &policy.KEDAFormula{Eval: func(policy.FormulaValues) (float64, policy.FormulaResult) { return 0, 0 }}}}})
	require.EqualError(t, err, "of.formula.eval: a func(policy.FormulaValues) (float64, policy.FormulaResult) cannot be written")

	_, err = kinds.Decode([]byte(`{"kind":"highest","spec":[
		{"kind":"bound","spec":{"min":1.5,"max":"9","maximum":3,"min":2,"of":{"kind":"trak"}}},
		{"kind":"every","spec":{"period":"soon"}, "extra":0},
		{"spec":{}},
		{"kind":"track","spec":{"signal":{"stat":"median"},"value":null}},
		{"kind":"calendar","spec":{"zone":"Nowhere/Land"}}]}`))
	require.EqualError(t, err, `spec[0].spec.min: stands twice
spec[0].spec.min: must be a whole number of 64 bits, is 1.5
spec[0].spec.max: must be a whole number of 64 bits, is "9"
spec[0].spec.maximum: unknown name
spec[0].spec.of.kind: unknown: "trak", known are adaptive, backlog, bound, calendar, cooldown, envelope, every, fallback, first, flapBudget, forecast, freeze, highest, hpa, idle, keda, kpa, lowest, pace, season, seldonLag, slo, stabilize, tolerate, track, useful
spec[1].extra: unknown name, is neither kind nor spec
spec[1].spec.period: "soon" is no duration, as 1m30s is
spec[2].kind: must be set
spec[3].spec.signal.stat: unknown stat "median", known are last, mean, weighted, max, rate, quantile
spec[3].spec.value: must not be null
spec[4].spec.zone: unknown time zone "Nowhere/Land"`)
	for _, bad := range []string{"", "{", `{"kind":"track"} 1`, "[1]", `"track"`} {
		_, err := kinds.Decode([]byte(bad))
		require.Error(t, err, bad)
	}
}

// mine is a user's own policy.
type mine struct{ Replicas int }

func (mine) Validate() error                               { return nil }
func (mine) Needs() policy.Needs                           { return policy.Needs{} }
func (c mine) New(time.Time, int) policy.Policy            { return c }
func (c mine) Decide(o policy.Observation) policy.Decision { return o.Propose("mine", c.Replicas) }

func ExampleKinds() {
	kinds := policy.BuiltinKinds()
	kinds["mine"] = mine{}
	c, err := kinds.Decode([]byte(`{"kind": "stabilize", "spec": {"down": "5m", "of": {"kind": "mine", "spec": {"replicas": 3}}}}`))
	fmt.Println(c, err)
	// Output: {0s 5m0s {3}} <nil>
}

func FuzzKinds(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"track","spec":{"signal":{"name":"x","stat":"mean","window":"1m"},"value":2}}`,
		`{"kind":"highest","spec":[{"kind":"kpa"},{"kind":"calendar","spec":{"zone":"UTC","entries":[{"days":[1],"from":"1h","to":"2h"}],"of":{"kind":"hpa"}}}]}`,
		`{"kind":"bound","spec":{"of":null,"max":1e3}}`,
	} {
		f.Add([]byte(seed))
	}
	kinds := policy.BuiltinKinds()
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := kinds.Decode(data)
		if err != nil || c == nil {
			return
		}
		text, err := kinds.Append(nil, c)
		if err != nil {
			t.Fatalf("decoded, but cannot be written: %v", err)
		}
		again, err := kinds.Decode(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if twice, _ := kinds.Append(nil, again); string(twice) != string(text) {
			t.Fatalf("%s\nbecomes\n%s", text, twice)
		}
		_ = c.Validate()
	})
}

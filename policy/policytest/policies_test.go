package policytest_test

import (
	"math"
	"testing"
	"time"

	"github.com/bellows-go/bellows/policy"
	"github.com/bellows-go/bellows/policy/policytest"
)

var (
	track = policy.Track{
		Signal:    policy.Signal{Name: policy.InFlight, Stat: policy.Mean, Window: time.Minute},
		Value:     10,
		Tolerance: 0.1,
	}
	quickLag = policy.SeldonLag{LagThreshold: 5, Inactive: 20 * time.Second, CoolDown: 10 * time.Second, Period: 5 * time.Second, Max: math.MaxInt32}
	keda     = policy.KEDA{
		KEDASpec: policy.KEDASpec{Max: 40, Triggers: []policy.KEDATrigger{{Name: "queue", TargetMilli: 10_000, ActivationMilli: 5000}, {Name: "cpu", Resource: true, TargetMilli: 50}}},
		Of:       policy.HPA{MaxReplicas: 40, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "queue", Target: 10_000}}},
	}
	other    = policy.Track{Signal: policy.Signal{Name: policy.Begun, Stat: policy.Rate, Window: 30 * time.Second}, Value: 20}
	monotone = policytest.Options{Monotone: true}
)

// evening is the minute of the day, UTC, in which timelines begin.
const evening = 22*time.Hour + 13*time.Minute

// Why some are exempt.
const (
	oldNews  = "a decision of an earlier instant takes effect later, in silence too"
	upstream = "as upstream does, an average counts whoever answered"
)

func exempt(l policytest.Law, why string) policytest.Options {
	o := monotone
	o.Exempt = map[policytest.Law]string{l: why}
	return o
}

// The policies of this project keep the laws, but for what is said here.
func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		name   string
		config policy.Config
		o      policytest.Options
	}{
		{"track", track, monotone},
		{"bounded lag", policy.Bound{Max: 1000, Of: policy.SeldonLag{Min: 1}}, policytest.Options{Max: 1000, Monotone: true}},
		{"lag off", policy.SeldonLag{}, monotone},
		{"lag", policy.SeldonLag{Min: 2, Max: 30}, monotone},
		{"lag with reset", policy.SeldonLag{LagThreshold: 5, Max: 1000, ResetOnTrigger: true}, policytest.Options{}},
		{"lag without maximum", policy.SeldonLag{Min: 1, LagThreshold: 1}, policytest.Options{}},
		{"quick lag", quickLag, monotone},
		{"bound", policy.Bound{Min: 2, Max: 20, Of: track}, policytest.Options{Min: 2, Max: 20, Monotone: true}},
		{"stabilize", policy.Stabilize{Up: 10 * time.Second, Down: time.Minute, Of: track}, monotone},
		{"pace", policy.Pace{
			Up: policy.Limit{Count: 4, Percent: 100, Period: 15 * time.Second}, Down: policy.Limit{Percent: 10, Period: time.Minute}, Of: track,
		}, monotone},
		{"every", policy.Every{Period: 15 * time.Second, Of: track}, monotone},
		{"every bounded lag", policy.Bound{Max: 1000, Of: policy.Every{Period: 7 * time.Second, Of: quickLag}}, policytest.Options{Max: 1000, Monotone: true}},
		{"all", policy.Every{Period: 5 * time.Second, Of: policy.Bound{Max: 50, Of: policy.Pace{
			Up: policy.Limit{Count: 4, Period: 15 * time.Second},
			Of: policy.Stabilize{Down: time.Minute, Of: track},
		}}}, policytest.Options{Monotone: true, Exempt: map[policytest.Law]string{
			policytest.Silence: "the maximum is no declared one: between two instants Desired may lie above it",
		}}},
		{"stabilize every", policy.Stabilize{Down: 20 * time.Second, Of: policy.Every{Period: 45 * time.Second, Of: track}}, exempt(policytest.Silence, oldNews)},
		{"pace every", policy.Pace{Down: policy.Limit{Count: 1, Period: 10 * time.Second}, Of: policy.Every{Period: 45 * time.Second, Of: track}}, exempt(policytest.Silence, oldNews)},
		{"highest", policy.Highest{track, other}, monotone},
		{"highest every", policy.Highest{track, policy.Every{Period: 45 * time.Second, Of: other}}, exempt(policytest.Silence, oldNews)},
		{"hpa external", policy.HPA{MaxReplicas: 60, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "queue", Target: 10_000}}}, exempt(policytest.Silence, "as upstream does, its own maximum and old averages count")},
		{"hpa of pods", policy.HPA{MaxReplicas: 60, Metrics: []policy.HPAMetric{
			{Kind: policy.ResourceUtilization, Name: "cpu", Container: "server", Target: 70}, {Kind: policy.PodsMetric, Name: "queue", Target: 500},
		}}, policytest.Options{Exempt: map[policytest.Law]string{
			policytest.Silence: "as upstream does, pods that say nothing are taken to use what they should",
		}}},
		{"hpa at once", policy.HPA{MaxReplicas: 60, DownscaleStabilization: new(time.Duration), Period: time.Second, Metrics: []policy.HPAMetric{
			{Kind: policy.ResourceValue, Name: "memory", Target: 700},
		}}, policytest.Options{Exempt: map[policytest.Law]string{
			policytest.Silence: "as upstream does, pods that say nothing are taken to use what they should",
		}}},
		{"keda", keda, exempt(policytest.Silence, "as upstream does, a trigger that failed is inactive")},
		{"keda fallback", policy.KEDA{KEDASpec: policy.KEDASpec{
			Max: 40, Idle: new(int), CooldownPeriod: new(time.Duration),
			Fallback: &policy.KEDAFallback{FailureThreshold: 1, Replicas: 3, Behavior: policy.FallbackStatic},
			Triggers: keda.Triggers,
		}, PollingInterval: 2 * time.Second, Of: keda.Of}, policytest.Options{Exempt: map[policytest.Law]string{
			policytest.Silence: "a static fallback is a count of its own, lower or not",
		}}},
		{"keda formula", policy.KEDA{KEDASpec: policy.KEDASpec{
			Min: 1, Triggers: keda.Triggers, Formula: &policy.KEDAFormula{Target: 5, Eval: func(value policy.FormulaValues) (float64, policy.FormulaResult) {
				x, ok := value("queue")
				if !ok {
					return 0, policy.FormulaNil
				}
				return 2 * x, policy.FormulaNumber
			}},
		}, Of: track}, policytest.Options{Exempt: map[policytest.Law]string{
			policytest.Silence: "a trigger is silent, but what decides from one up has a reading of its own to go by",
		}}},
		{"calendar", policy.Calendar{Entries: []policy.CalendarEntry{
			{From: evening + 25*time.Second, To: evening + time.Minute, Max: 5},
			{From: evening + time.Minute, To: evening + 2*time.Minute, Min: 20},
		}, Of: track}, policytest.Options{Monotone: true, Exempt: map[policytest.Law]string{
			policytest.Silence: "a ceiling is the operator's word, not the signal's",
		}}},
		{"useful", policy.Useful{Max: 30, Of: track}, policytest.Options{Max: 30, Monotone: true}},
		{"tolerate", policy.Tolerate{Up: 0.1, Down: 0.2, Of: track}, policytest.Options{}},
		{"cooldown", policy.Cooldown{Up: 10 * time.Second, Down: time.Minute, Of: track}, policytest.Options{}},
		{"flap budget", policy.FlapBudget{Reversals: 2, Per: 10 * time.Minute, Of: track}, policytest.Options{}},
		{"freeze", policy.Freeze{Replicas: 5, Until: time.Unix(1_700_000_100, 0), Of: track}, policytest.Options{Exempt: map[policytest.Law]string{
			policytest.Silence: "a frozen count is the operator's word, not the signal's",
		}}},
		{"idle", policy.Idle{After: 30 * time.Second, Of: track}, exempt(policytest.Silence, "seconds that nobody saw are no idleness, yet what it wraps has readings of its own to go by")},
		{"fallback", policy.Fallback{After: 30 * time.Second, Replicas: 6, Of: track}, policytest.Options{}},
		{"lowest", policy.Lowest{track, other}, exempt(policytest.Silence, "a part that sees enough lowers while another part holds")},
		{"first", policy.First{policy.KPA{}, track}, exempt(policytest.Silence, upstream)},
		{"kpa", policy.KPA{}, exempt(policytest.Silence, upstream)},
		{"kpa rps delay", policy.KPA{
			ScalingMetric: policy.RPS, ScaleDownDelay: 30 * time.Second, ActivationScale: 3, AllowNoData: true, TargetBurstCapacity: 200,
		}, exempt(policytest.Silence, "an empty window counts as zero, as AllowNoData asks for")},
	} {
		t.Run(c.name, func(t *testing.T) { policytest.Run(t, c.config, c.o) })
	}
}

package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// A scaling is a KEDA over a queue, and what becomes of its target.
type scaling struct {
	t *testing.T
	c policy.KEDA
	p policy.Policy
	o policy.Observation
}

func scale(t *testing.T, c policy.KEDA, desired int) *scaling {
	require.NoError(t, c.Validate())
	return &scaling{t, c, c.New(start, desired), policy.Observation{Desired: desired}}
}

// at asks with the queue, unless it is negative: then its trigger fails. The
// decision takes effect only where applied says so.
func (s *scaling) at(second float64, queue float64, applied bool, want string) {
	s.t.Helper()
	o := &s.o
	o.Now, o.Ready, o.Current = start.Add(sec(second)), o.Desired, o.Desired
	r := ok(queue)
	if queue < 0 {
		r = policy.Reading{Quality: policy.Failed}
	}
	o.Readings = o.Readings[:0]
	for range s.c.Needs().Signals {
		o.Readings = append(o.Readings, r)
	}
	d := s.p.Decide(*o)
	require.Equal(s.t, want, d.String(), "at %v s", second)
	if applied {
		o.Desired = d.Replicas
	}
}

var queue = []policy.KEDATrigger{{Name: "queue", TargetMilli: 10_000}}

// ofQueue keeps ten in the queue for each replica.
func ofQueue(name string) policy.Track {
	return policy.Track{Signal: policy.Signal{Name: name}, Value: 10}
}

// Between polls the last decision is proposed again until it is in force, or
// somebody else has had a say.
func TestKEDARepeatsUntilInForce(t *testing.T) {
	s := scale(t, policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: queue}, Of: ofQueue("x")}, 0)
	s.at(0, 5, false, "1: KEDAScaleTargetActivated 0->1")
	s.at(1, 5, false, "1: KEDAScaleTargetActivated 0->1")
	s.at(29, 5, true, "1: KEDAScaleTargetActivated 0->1")
	s.o.Desired = 7 // by hand, before the next poll
	s.at(29.5, 70, true, "7: within tolerance")
	s.at(30, 70, true, "7: within tolerance")
	s.at(60, 0, true, "1: target ratio 7->0; below min 0->1")
	s.at(400, 0, false, "0: KEDAScaleTargetDeactivated 1->0")
	s.at(401, 90, false, "0: KEDAScaleTargetDeactivated 1->0") // until the next poll
	s.at(430, 90, true, "9: target ratio 1->9")
}

// A count that moved in between is no write that failed: the cool-down stands.
func TestKEDACoolsDownAfterWaking(t *testing.T) {
	s := scale(t, policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: queue}, Of: ofQueue("x")}, 0)
	s.at(0, 5, true, "1: KEDAScaleTargetActivated 0->1")
	s.at(5, 40, true, "4: target ratio 1->4")
	s.at(30, 0, true, "1: target ratio 4->0; below min 0->1")
	s.at(299, 0, true, "1: target ratio 1->0; below min 0->1")
	s.at(330, 0, true, "0: KEDAScaleTargetDeactivated 1->0")
	// A wake-up that nobody carried out is no activity.
	s.at(360, 5, false, "1: KEDAScaleTargetActivated 0->1")
	s.at(390, 0, true, "0: scaler state")
	s.o.Desired = 1
	s.at(420, 0, true, "0: KEDAScaleTargetDeactivated 1->0")
}

func TestKEDAPaused(t *testing.T) {
	spec := policy.KEDASpec{Triggers: queue, Paused: true}
	scale(t, policy.KEDA{KEDASpec: spec, Of: ofQueue("x")}, 5).at(0, 300, true, "5: ScaledObjectPaused")
	spec = policy.KEDASpec{Triggers: queue, PausedScaleIn: true}
	s := scale(t, policy.KEDA{KEDASpec: spec, Of: ofQueue("x")}, 5)
	s.at(0, 10, true, "5: target ratio 5->1; ScaledObjectPaused 1->5")
	s.at(1, 70, true, "7: target ratio 5->7")
	spec = policy.KEDASpec{Triggers: queue, PausedScaleOut: true}
	s = scale(t, policy.KEDA{KEDASpec: spec, Of: ofQueue("x")}, 5)
	s.at(0, 70, true, "5: target ratio 5->7; ScaledObjectPaused 7->5")
	s.at(1, 10, true, "1: target ratio 5->1")
}

// From one up the HPA sees what KEDA would answer it: a fallback after too many
// failures, asked every 15 s.
func TestKEDAFallbackFromOneUp(t *testing.T) {
	spec := policy.KEDASpec{Triggers: queue, Fallback: &policy.KEDAFallback{FailureThreshold: 3, Replicas: 8, Behavior: policy.FallbackStatic}}
	s := scale(t, policy.KEDA{KEDASpec: spec, Of: ofQueue("queue")}, 2)
	s.at(0, 20, true, "2: within tolerance")
	s.at(1, -1, true, "2: within tolerance") // the last answer stands
	s.at(15, -1, true, "2: signal not ok")
	s.at(30, -1, true, "2: signal not ok") // a poll and a query: three failures
	s.at(45, -1, true, "8: target ratio 2->8")
	s.at(46, 20, true, "8: within tolerance")
	s.at(60, 20, true, "2: target ratio 8->2")
}

// With a formula the composite value is what the HPA sees, by its name.
func TestKEDAComposite(t *testing.T) {
	spec := policy.KEDASpec{Triggers: queue, Formula: &policy.KEDAFormula{Target: 10, Eval: func(value policy.FormulaValues) (float64, policy.FormulaResult) {
		x, _ := value("queue")
		return 3 * x, policy.FormulaNumber
	}}}
	s := scale(t, policy.KEDA{KEDASpec: spec, Of: ofQueue(policy.KEDAComposite)}, 2)
	s.at(0, 20, true, "6: target ratio 2->6")
	s = scale(t, policy.KEDA{KEDASpec: spec, Of: ofQueue("queue")}, 2)
	s.at(0, 20, true, "2: within tolerance")
}

// Bounds are the object's; its idle count stands while it is idle.
func TestKEDABounds(t *testing.T) {
	s := scale(t, policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: queue}, Of: policy.Track{Signal: policy.Signal{Name: "x"}, Value: 1}}, 5)
	s.at(0, 500, true, "100: target ratio 5->500; above max 500->100")
	two := 2
	s = scale(t, policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: queue, Min: 3, Idle: &two}, Of: policy.Track{Signal: policy.Signal{Name: "x"}, Value: 1}}, 2)
	s.at(0, 0, true, "2: scaler state")
	s.at(1, 50, true, "2: scaler state")
	s.at(30, 50, true, "3: KEDAScaleTargetActivated 2->3")
	s.at(31, 1, true, "3: target ratio 3->1; below min 1->3")
	require.EqualError(t, policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: queue, Min: 200}}.Validate(), "Min: must be <= Max 100, is 200")
}

// The policy that decides from one up is asked at zero too: what it learns from
// seconds goes on.
func TestKEDAGivesSecondsAtZero(t *testing.T) {
	var seen int
	c := policy.KEDA{KEDASpec: policy.KEDASpec{Triggers: queue}, Of: counting{&seen}}
	p := c.New(start, 0)
	for i := range 12 {
		o := observe(c, start.Add(time.Duration(i+1)*time.Second), 0, 0)
		o.Seconds = quiet(o.Now.Add(-time.Second), o.Now)
		p.Decide(o)
	}
	require.Equal(t, 12, seen)
}

// counting counts the seconds it is shown.
type counting struct{ seen *int }

func (counting) Validate() error                    { return nil }
func (counting) Needs() policy.Needs                { return policy.Needs{Seconds: true} }
func (c counting) New(time.Time, int) policy.Policy { return c }
func (c counting) Decide(o policy.Observation) policy.Decision {
	*c.seen += len(o.Seconds)
	return o.Hold("counted")
}

// Every gives each second once, and asks at its instants alone.
func TestEveryGivesSecondsOnce(t *testing.T) {
	var seen int
	p := policy.Every{Period: 10 * time.Second, Of: counting{&seen}}.New(start, 1)
	for i := range 31 {
		o := policy.Observation{Now: start.Add(time.Duration(i) * time.Second), Desired: 1}
		if i > 0 {
			o.Seconds = quiet(o.Now.Add(-time.Second), o.Now)
		}
		p.Decide(o)
	}
	require.Equal(t, 30, seen)
}

// The counts that an HPA without pods goes by: the wanted one for values, the
// observed one for averages; a count that could not be read is a failure.
func TestHPACounts(t *testing.T) {
	c := policy.HPA{MaxReplicas: 100, Metrics: []policy.HPAMetric{{Kind: policy.ExternalAverage, Name: "queue", Target: 10_000}}}
	o := observe(c, start, 4, 44)
	require.Equal(t, "4: target ratio", c.New(start, 4).Decide(o).String(), "within a tenth of the four there are")
	o.Current = 2
	require.Equal(t, "5: target ratio 4->5", c.New(start, 4).Decide(o).String(), "beyond a tenth of the two observed")
	o.ReadyFailed = true
	require.Equal(t, "4: FailedGetMetrics", c.New(start, 4).Decide(o).String())
}

// What SeldonLag cannot measure by it says.
func TestSeldonLagWithoutMeasure(t *testing.T) {
	c := policy.SeldonLag{Max: 9}
	o := observe(c, start, 3, -1)
	require.Equal(t, "3: signal not ok", c.New(start, 3).Decide(o).String())
	o.Readings[0].Value, o.Ready = 50, 0
	require.Equal(t, "3: none ready", c.New(start, 3).Decide(o).String())
	o.ReadyFailed = true
	require.Equal(t, "3: count unknown", c.New(start, 3).Decide(o).String())
}

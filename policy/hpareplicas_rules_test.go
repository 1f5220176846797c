package policy_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/policy"
)

// using is a pod that has long been ready, requests 100 and uses milli, changed.
func using(milli int64, change ...func(*policy.Pod)) policy.Pod {
	p := policy.Pod{
		Started: ago(3600), Ready: policy.ReadyTrue, ReadyChanged: ago(3500), Containers: []policy.Container{{Name: "main", RequestMilli: 100}},
		Usage: policy.PodUsage{Known: true, Milli: milli, Window: sec(30), Sampled: ago(5)},
	}
	for _, f := range change {
		f(&p)
	}
	return p
}

func ago(s float64) time.Time { return start.Add(-sec(s)) }

func deleting(p *policy.Pod)    { p.Deleting = true }
func failed(p *policy.Pod)      { p.Phase = policy.PodFailed }
func pending(p *policy.Pod)     { p.Phase = policy.PodPending }
func silent(p *policy.Pod)      { p.Usage = policy.PodUsage{} }
func noReadiness(p *policy.Pod) { p.Ready = policy.NoReadiness }
func noStart(p *policy.Pod)     { p.Started = time.Time{} }

// ready sets a pod's start and readiness, in seconds ago.
func ready(started, changed float64, r policy.Readiness) func(*policy.Pod) {
	return func(p *policy.Pod) { p.Started, p.ReadyChanged, p.Ready = ago(started), ago(changed), r }
}

func sampled(s float64) func(*policy.Pod) { return func(p *policy.Pod) { p.Usage.Sampled = ago(s) } }

func with(c ...policy.Container) func(*policy.Pod) { return func(p *policy.Pod) { p.Containers = c } }

func requests(milli int64) func(*policy.Pod) {
	return with(policy.Container{Name: "main", RequestMilli: milli})
}

var nothing = policy.Container{Name: "main", NoRequest: true}

func pods(n int, p policy.Pod, more ...policy.Pod) (all []policy.Pod) {
	for range n {
		all = append(all, p)
	}
	return append(all, more...)
}

// metric is one of a kind at a target of 50, with seven replicas wanted.
func metric(kind policy.HPAMetricKind, p ...policy.Pod) policy.HPAInput {
	return policy.HPAInput{
		Now: start, Kind: kind, Target: 50, Resource: "cpu", ToleranceUp: 0.1, ToleranceDown: 0.1,
		CPUInitialization: 5 * time.Minute, InitialReadinessDelay: 30 * time.Second, Current: 7, Pods: p,
	}
}

func cpu(p ...policy.Pod) policy.HPAInput { return metric(policy.ResourceUtilization, p...) }

func but(in policy.HPAInput, change func(*policy.HPAInput)) policy.HPAInput { change(&in); return in }

func wanted(current int, in policy.HPAInput) policy.HPAInput { in.Current = current; return in }

func asks(n int, usage, utilization int64) policy.HPAProposal {
	return policy.HPAProposal{Replicas: n, UsageMilli: usage, Utilization: utilization}
}

type proposalRule struct {
	name string
	in   policy.HPAInput
	want policy.HPAProposal
	err  error
}

func propose(t *testing.T, rules []proposalRule) {
	for _, c := range rules {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.in.Propose()
			require.Equal(t, []any{c.want, c.err}, []any{got, err})
		})
	}
}

// Which pods count. Beside two that use 60 of 50 a pod that does too is ignored
// (3: 1.2 times two), takes part (4: 1.2 times three), or is taken to idle, so
// that the seven stay. Beside two that use 30, it is taken to use all it
// requests when it is missing, so that the seven stay.
func TestHPAGroupRules(t *testing.T) {
	type group struct{ up, down int }
	ignored, unready, missing, counted := group{3, 2}, group{7, 2}, group{7, 7}, group{4, 2}
	yes, no, unknown := policy.ReadyTrue, policy.ReadyFalse, policy.ReadyUnknown
	cases := []struct {
		name     string
		resource string
		pod      []func(*policy.Pod)
		want     group
	}{
		{"a ready pod counts", "cpu", nil, counted},
		{"a deleting pod is ignored", "cpu", []func(*policy.Pod){deleting}, ignored},
		{"a failed one too", "cpu", []func(*policy.Pod){failed}, ignored},
		{"deleting goes before pending", "cpu", []func(*policy.Pod){deleting, pending}, ignored},
		{"deleting goes before missing", "cpu", []func(*policy.Pod){deleting, silent}, ignored},
		{"a pending pod is unready, whatever it uses", "cpu", []func(*policy.Pod){pending}, unready},
		{"pending goes before missing", "cpu", []func(*policy.Pod){pending, silent}, unready},
		{"pending holds for memory, too", "memory", []func(*policy.Pod){pending}, unready},
		{"a pod without a sample is missing", "cpu", []func(*policy.Pod){silent}, missing},
		{"missing goes before readiness", "cpu", []func(*policy.Pod){silent, noReadiness}, missing},
		{"no readiness condition is unready", "cpu", []func(*policy.Pod){noReadiness}, unready},
		{"no start time is unready", "cpu", []func(*policy.Pod){noStart}, unready},
		{"memory knows no warming up", "memory", []func(*policy.Pod){noReadiness, noStart}, counted},
		{"nor readiness", "memory", []func(*policy.Pod){ready(60, 50, no)}, counted},

		{"warming up, not ready", "cpu", []func(*policy.Pod){ready(299.9, 200, no)}, unready},
		{"at the end of the initialization it does not warm up any more", "cpu", []func(*policy.Pod){ready(300, 200, no)}, counted},
		{"warming up, a sample all of which lies after readiness", "cpu", []func(*policy.Pod){ready(100, 60, yes), sampled(29)}, counted},
		{"warming up, one that begins with readiness", "cpu", []func(*policy.Pod){ready(100, 60, yes), sampled(30)}, counted},
		{"warming up, one that begins before", "cpu", []func(*policy.Pod){ready(100, 60, yes), sampled(30.1)}, unready},
		{"later the sample may be older", "cpu", []func(*policy.Pod){ready(3600, 10, yes), sampled(30)}, counted},
		{"warming up, unknown is not false", "cpu", []func(*policy.Pod){ready(100, 60, unknown)}, counted},
		{"later, false just after the start: it was never ready", "cpu", []func(*policy.Pod){ready(3600, 3570.1, no)}, unready},
		{"false a readiness delay after the start: it was", "cpu", []func(*policy.Pod){ready(3600, 3570, no)}, counted},
		{"later, unknown is not false", "cpu", []func(*policy.Pod){ready(3600, 3590, unknown)}, counted},
		{"later, ready at once is ready", "cpu", []func(*policy.Pod){ready(3600, 3590, yes)}, counted},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			ask := func(milli int64) int {
				in := cpu(pods(2, using(milli), using(milli, c.pod...))...)
				in.Resource = c.resource
				p, err := in.Propose()
				require.NoError(t, err)
				return p.Replicas
			}
			require.Equal(t, c.want, group{ask(60), ask(30)})
		})
	}
}

func TestHPAPodRules(t *testing.T) {
	value := func(p ...policy.Pod) policy.HPAInput { return metric(policy.ResourceValue, p...) }
	target := func(n int64, in policy.HPAInput) policy.HPAInput { in.Target = n; return in }
	strangers := func(in policy.HPAInput, milli ...int64) policy.HPAInput { in.Strangers = milli; return in }
	only := func(name string, in policy.HPAInput) policy.HPAInput { in.Container = name; return in }
	side := policy.Container{Name: "side", RequestMilli: 300}
	sidecar := policy.Container{Name: "main", RequestMilli: 100, RestartableInit: true}
	broken := but(cpu(), func(in *policy.HPAInput) { in.MetricsFailed = true })
	wide := func(up, down float64, in policy.HPAInput) policy.HPAInput {
		in.ToleranceUp, in.ToleranceDown = up, down
		return in
	}
	propose(t, []proposalRule{
		{"the upper end of the tolerance band holds", cpu(pods(10, using(55))...), asks(7, 55, 55), nil},
		{"a percent more does not, and part of a replica rounds up", cpu(pods(10, using(56))...), asks(12, 56, 56), nil},
		{"the lower end holds", cpu(pods(10, using(45))...), asks(7, 45, 45), nil},
		{"a percent less does not", cpu(pods(10, using(44))...), asks(9, 44, 44), nil},
		{"each direction has a tolerance: up", wide(0.5, 0.1, cpu(pods(10, using(75))...)), asks(7, 75, 75), nil},
		{"each direction has a tolerance: down", wide(0.5, 0.1, cpu(pods(10, using(40))...)), asks(8, 40, 40), nil},
		{"a percentage is whole before it is compared", cpu(pods(9, using(56), using(55))...), asks(7, 55, 55), nil},
		{"the multiplier is the pods that count, not the wanted count", cpu(pods(2, using(100))...), asks(4, 100, 100), nil},
		{"an exact multiple is not rounded", cpu(pods(2, using(75))...), asks(3, 75, 75), nil},

		{"failed metrics come before no pods", broken, policy.HPAProposal{}, policy.ErrMetricsFailed},
		{"no pods", cpu(), policy.HPAProposal{}, policy.ErrNoPods},
		{"no sample comes before no request", cpu(using(0, silent, with(nothing))), policy.HPAProposal{}, policy.ErrNoUsableMetrics},
		{"samples of unready pods do not count", cpu(using(90, pending)), policy.HPAProposal{}, policy.ErrNoUsableMetrics},
		{"a request is missing", cpu(using(90), using(90, with(nothing))), policy.HPAProposal{}, policy.ErrMissingRequest},
		{"even that of an ignored pod", cpu(using(90), using(90, deleting, with(nothing))), policy.HPAProposal{}, policy.ErrMissingRequest},
		{"a container is missing", only("side", cpu(using(90))), policy.HPAProposal{}, policy.ErrContainerNotFound},
		{
			"of two faults the first pod's: request", only("main", cpu(using(90, with(nothing)), using(90, with(side)))),
			policy.HPAProposal{},
			policy.ErrMissingRequest,
		},
		{
			"of two faults the first pod's: container", only("main", cpu(using(90, with(side)), using(90, with(nothing)))),
			policy.HPAProposal{},
			policy.ErrContainerNotFound,
		},
		{"requests of nothing at all", cpu(using(90, requests(0))), policy.HPAProposal{}, policy.ErrZeroRequests},
		{"only strangers request nothing", strangers(cpu(using(90, deleting)), 100), policy.HPAProposal{}, policy.ErrZeroRequests},
		{"values need no request", value(pods(2, using(100, with(nothing)))...), asks(4, 100, 0), nil},

		{"the requests of containers add up", cpu(pods(2, using(300, with(policy.Container{RequestMilli: 100}, side)))...), asks(3, 300, 75), nil},
		{"with those of restartable init containers", cpu(pods(2, using(150, with(sidecar, policy.Container{RequestMilli: 100})))...), asks(3, 150, 75), nil},
		{"a named container counts alone", only("side", cpu(pods(2, using(225, with(nothing, side)))...)), asks(3, 225, 75), nil},
		{
			"and goes before a restartable init container of its name", only("main", cpu(pods(2, using(150, with(sidecar, policy.Container{Name: "main", RequestMilli: 200})))...)),
			asks(3, 150, 75), nil,
		},
		{"else that one counts", only("main", cpu(pods(2, using(75, with(side, sidecar)))...)), asks(3, 75, 75), nil},

		{"exactly at the target unready pods are left out", cpu(pods(2, using(50), using(0, pending))...), asks(7, 50, 50), nil},
		{"exactly at the target nothing is assumed of missing pods", cpu(pods(2, using(50), using(0, silent))...), asks(7, 50, 50), nil},
		{"on the way up unready pods idle", cpu(pods(2, using(100), using(100, pending))...), asks(7, 100, 100), nil},
		{"and those four may be asked for", wanted(3, cpu(pods(2, using(100), using(100, pending))...)), asks(4, 100, 100), nil},
		{"on the way up missing pods idle", wanted(3, cpu(pods(2, using(100), using(0, silent))...)), asks(4, 100, 100), nil},
		{
			"on the way up both do", wanted(3, cpu(pods(4, using(100), using(0, silent), using(0, pending))...)),
			asks(8, 100, 100), nil, // 400/600 is 66 %, 1.32 times six
		},
		{"on the way down missing pods use all they request, unready ones nothing at all", cpu(pods(8, using(20), using(0, silent), using(0, pending))...), asks(6, 20, 20), nil},
		{"or all that the target allows, if that is more", target(150, cpu(pods(2, using(90), using(0, silent))...)), asks(3, 90, 90), nil},
		{
			"what they use is truncated", target(150, cpu(pods(2, using(17, requests(25)), using(0, silent, requests(33)))...)),
			asks(2, 17, 68), nil, // 34+49 of 83; with 50 it were 101 % and three
		},
		{"assumptions that end within tolerance hold", cpu(pods(2, using(30), using(0, silent))...), asks(7, 30, 30), nil},
		{"that turn down into up hold", wanted(3, cpu(pods(2, using(40), using(0, silent))...)), asks(3, 40, 40), nil},
		{"that turn up into down hold", cpu(pods(2, using(60), using(0, pending))...), asks(7, 60, 60), nil},
		{"down never goes up", wanted(4, cpu(pods(6, using(30), using(0, silent))...)), asks(4, 30, 30), nil},
		{"without assumptions it may", wanted(4, cpu(pods(6, using(40))...)), asks(5, 40, 40), nil},
		{"up never goes down", wanted(9, cpu(pods(2, using(100), using(0, silent))...)), asks(9, 100, 100), nil},
		{"without assumptions it may, too", wanted(9, cpu(pods(2, using(100))...)), asks(4, 100, 100), nil},

		{"a mean is truncated before it is compared", value(using(55), using(56), using(56)), asks(7, 55, 0), nil},
		{"missing pods use the target of a value", value(pods(2, using(30), using(0, silent))...), asks(3, 30, 0), nil},
		{"whatever they request", value(pods(2, using(30), using(0, silent, requests(900)))...), asks(3, 30, 0), nil},
		{"values know warming up", value(pods(2, using(60), using(60, noReadiness))...), asks(7, 60, 0), nil},
		{"pods metrics do not", metric(policy.PodsMetric, pods(2, using(60), using(60, noReadiness))...), asks(4, 60, 0), nil},
		{"strangers count in the mean, not in the multiplier", strangers(value(using(100)), 100, 40), asks(2, 80, 0), nil},
		{"strangers alone multiply nothing", strangers(value(using(90, deleting)), 100), asks(0, 100, 0), nil},
		{"with assumptions strangers multiply", wanted(2, strangers(value(using(100), using(0, silent)), 100)), asks(4, 100, 0), nil},
	})
}

func TestHPAValueRules(t *testing.T) {
	of := func(kind policy.HPAMetricKind, current int, p []policy.Pod, milli ...int64) policy.HPAInput {
		in := metric(kind, p...)
		in.Target, in.Current, in.ExternalMilli = 100, current, milli
		if kind == policy.ObjectValue || kind == policy.ObjectAverage {
			in.ObjectMilli, in.ExternalMilli = milli[0], []int64{-7}
		}
		return in
	}
	three := pods(3, using(0), using(0, pending), using(0, failed), using(0, ready(100, 90, policy.ReadyFalse)), using(0, ready(100, 90, policy.ReadyUnknown)))
	object, external, most := policy.ObjectValue, policy.ExternalValue, int64(math.MaxInt64)
	objectAverage, average := policy.ObjectAverage, policy.ExternalAverage
	one := func(in policy.HPAInput) policy.HPAInput { in.Target = 1; return in }
	propose(t, []proposalRule{
		{"both ends of the band hold: up", of(object, 7, three, 110), asks(7, 110, 0), nil},
		{"both ends of the band hold: down", of(object, 7, three, 90), asks(7, 90, 0), nil},
		{"beyond it pods multiply that run and are ready", of(object, 7, three, 111), asks(4, 111, 0), nil},
		{"down, too", of(external, 7, three, 40, 49), asks(3, 89, 0), nil},
		{"a deleting pod multiplies", of(object, 7, pods(1, using(0), using(0, deleting)), 200), asks(4, 200, 0), nil},
		{"none ready, none wanted", of(object, 7, []policy.Pod{using(0, noReadiness)}, 200), asks(0, 200, 0), nil},
		{"within tolerance no pods are needed", of(object, 7, nil, 110), asks(7, 110, 0), nil},
		{"beyond it they are", of(object, 7, nil, 111), policy.HPAProposal{}, policy.ErrNoPods},
		{"from zero neither tolerance nor pods", of(object, 0, nil, 101), asks(2, 101, 0), nil},
		{"from zero an exact number", of(external, 0, nil, 100, 200), asks(3, 300, 0), nil},
		{"from zero nothing stays nothing", of(object, 0, nil, 0), asks(0, 0, 0), nil},
		{"a count has a cap", one(of(object, 1, pods(1, using(0)), 1<<40)), asks(math.MaxInt32, 1<<40, 0), nil},
		{"quirk: a negative sum gives a negative count", of(external, 2, pods(2, using(0)), -200, -50), asks(-5, -250, 0), nil},
		{"a sum stops at the largest number as it would pass it", of(external, 1, pods(1, using(0)), most-1, 2, -9), asks(math.MaxInt32, most, 0), nil},
		{"reaching it is not passing it", of(external, 1, pods(1, using(0)), most-1, 1, 200-most), asks(2, 200, 0), nil},
		{"a negative addend passes nothing", of(external, 1, pods(1, using(0)), most, 300-most), asks(3, 300, 0), nil},
		{"a negative sum may recover", of(external, 1, pods(1, using(0)), -100, 300), asks(2, 200, 0), nil},

		{"an average within tolerance holds", of(average, 3, nil, 300, 30), asks(3, 110, 0), nil},
		{"an average beyond does not need pods; usage rounds up", of(average, 3, nil, 331), asks(4, 111, 0), nil},
		{"at the lower end it holds", of(objectAverage, 10, nil, 900), asks(10, 90, 0), nil},
		{"below it rounds up", of(objectAverage, 10, nil, 801), asks(9, 81, 0), nil},
		{"zero replicas are never within tolerance", of(average, 0, nil, 0), asks(0, 0, 0), nil},
		{"zero replicas: as many as the target asks for", of(average, 0, nil, 250), asks(3, most, 0), nil},
		{"an average of an object has no cap", one(of(objectAverage, 1, nil, 1<<40)), asks(1<<40, 1<<40, 0), nil},
		{"an external one has", one(of(average, 1, nil, 1<<40)), asks(math.MaxInt32, 1<<40, 0), nil},
		{"quirk: a sum that turns negative asks for the most", of(average, 3, nil, 4, -5, 300), asks(math.MaxInt32, most, 0), nil},
		{"a negative addend alone does not", of(average, 3, nil, 505, -5), asks(5, 167, 0), nil},
		{"nor a sum of zero", of(average, 3, nil, 5, -5, 600), asks(6, 200, 0), nil},
		{"a sum that overflows asks for the most", of(average, 3, nil, most, 1), asks(math.MaxInt32, most, 0), nil},
		{"failed metrics are no sum of zero", but(of(average, 3, nil), func(in *policy.HPAInput) { in.MetricsFailed = true }), policy.HPAProposal{}, policy.ErrMetricsFailed},
	})
}

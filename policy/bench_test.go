package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bellows-go/bellows/policy"
)

func hundredPods(now time.Time) []policy.Pod {
	pods := make([]policy.Pod, 100)
	for i := range pods {
		pods[i] = policy.Pod{
			Name: fmt.Sprint("pod-", i), Started: now.Add(-time.Hour), Ready: policy.ReadyTrue, ReadyChanged: now.Add(-59 * time.Minute),
			Containers: []policy.Container{{Name: "server", RequestMilli: 1000}, {Name: "proxy", RequestMilli: 100}},
			Usage:      policy.PodUsage{Known: true, Milli: int64(500 + i*7), Window: 30 * time.Second, Sampled: now.Add(-5 * time.Second)},
		}
	}
	return pods
}

func BenchmarkKPADecider(b *testing.B) {
	d := policy.NewKPADecider(policy.KPA{}, start, 5)
	in := policy.KPAInput{Now: start, Ready: 5, Stable: 300, Panic: 320}
	b.ReportAllocs()
	for b.Loop() {
		in.Now = in.Now.Add(2 * time.Second)
		d.Decide(in)
	}
}

func BenchmarkKPAPolicy(b *testing.B) {
	p := policy.KPA{}.New(start, 5)
	buf := make([]policy.Step, 0, 8)
	o := settled(5, 300).Lend(buf)
	o.Readings = append(o.Readings, ok(320))
	b.ReportAllocs()
	for b.Loop() {
		o.Now = o.Now.Add(2 * time.Second)
		p.Decide(o)
	}
}

func BenchmarkHPA(b *testing.B) {
	pods := hundredPods(start)
	b.Run("calculator/pods=100", func(b *testing.B) {
		in := policy.HPAInput{
			Now: start, Kind: policy.ResourceUtilization, Target: 70, Resource: "cpu", ToleranceUp: 0.1, ToleranceDown: 0.1,
			CPUInitialization: 5 * time.Minute, InitialReadinessDelay: 30 * time.Second, Current: 100, Pods: pods,
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := in.Propose(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("policy/pods=100", func(b *testing.B) {
		p := policy.HPA{MaxReplicas: 500, Metrics: []policy.HPAMetric{{Kind: policy.ResourceUtilization, Name: "cpu", Target: 70}}}.New(start, 100)
		buf := make([]policy.Step, 0, 8)
		o := settled(100, 0).Lend(buf)
		o.Readings, o.Pods = nil, [][]policy.Pod{pods}
		b.ReportAllocs()
		for b.Loop() {
			o.Now = o.Now.Add(15 * time.Second)
			p.Decide(o)
		}
	})
}

// One decision of a policy that goes by whole seconds, two of them at a time, of a
// target with requests enough for about fifty slots.
func BenchmarkStreams(b *testing.B) {
	for _, name := range []string{"slo", "forecast", "envelope", "season", "backlog"} {
		b.Run(name, func(b *testing.B) {
			p := streams[name].New(start, 5)
			o := settled(25, 50).Lend(make([]policy.Step, 0, 8))
			o.Slots, o.Lead = 2, 35*time.Second
			o.Seconds = make([]policy.Second, 2)
			once := func(i int) {
				for k := range o.Seconds {
					o.Seconds[k] = policy.Second{Unix: o.Now.Unix() + int64(k), Known: true, Begun: int64(90 + i*7%21), Ended: int64(90 + i*11%21), Busy: 50}
				}
				o.Now = o.Now.Add(2 * time.Second)
				p.Decide(o)
			}
			for i := range 2000 {
				once(i)
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				once(i)
			}
			b.ReportMetric(float64(len(p.(policy.Saver).AppendState(nil))), "state-bytes")
		})
	}
}

func BenchmarkSLOValue(b *testing.B) {
	x := newTarget(streams["slo"], 0.4, 3)
	x.live(100, 100)
	o := x.see()
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i = (i + 1) % 40
		policy.Value(x.p, o, 20, i)
	}
}

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

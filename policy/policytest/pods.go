package policytest

import (
	"math"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/bellows-go/bellows/policy"
)

const maxPods = 8 // in one list

// podLists generates the lists of pods of a tick: most pods run and are ready,
// some warm up, fail, leave or say nothing of their usage; a list that could
// not be read is nil. Times are counted from the tick on. Usage is in [0, 2] of
// what is requested, and zero when quiet.
func podLists(t *rapid.T, needs []policy.PodSignal, quiet bool) [][]policy.Pod {
	var lists [][]policy.Pod
	for _, need := range needs {
		if rapid.IntRange(0, 19).Draw(t, "list failed") == 19 {
			lists = append(lists, nil)
			continue
		}
		list := make([]policy.Pod, 0, maxPods)
		for range rapid.IntRange(0, maxPods).Draw(t, "pods") {
			list = append(list, ordinaryPod(t, need, quiet))
		}
		lists = append(lists, list)
	}
	return lists
}

func ordinaryPod(t *rapid.T, need policy.PodSignal, quiet bool) policy.Pod {
	const request = 1000 // milli
	age := rapid.IntRange(0, 900).Draw(t, "age")
	p := policy.Pod{
		Phase:    rapid.SampledFrom([]policy.PodPhase{0, 0, 0, 0, 0, 0, policy.PodPending, policy.PodFailed}).Draw(t, "phase"),
		Deleting: rapid.IntRange(0, 9).Draw(t, "deleting") == 9,
		Started:  ago(age),
		Ready:    rapid.SampledFrom([]policy.Readiness{policy.ReadyTrue, policy.ReadyTrue, policy.ReadyTrue, policy.ReadyFalse, policy.ReadyUnknown}).Draw(t, "ready"),

		ReadyChanged: ago(rapid.IntRange(0, age).Draw(t, "ready changed")),
		Containers:   []policy.Container{{Name: "sidecar", RequestMilli: request / 10}, {Name: need.Container, RequestMilli: request}},
		Usage: policy.PodUsage{
			Known: rapid.IntRange(0, 9).Draw(t, "usage known") < 9, Window: 30 * time.Second,
			Sampled: ago(rapid.IntRange(0, 60).Draw(t, "sampled")),
		},
	}
	if !quiet && p.Usage.Known {
		p.Usage.Milli = int64(rapid.IntRange(0, 2*request).Draw(t, "usage"))
	}
	return p
}

// ago is an instant before the tick, to be counted from it on.
func ago(seconds int) time.Time { return time.Time{}.Add(-time.Duration(seconds) * time.Second) }

// hostilePods is podLists with anything that the types can hold.
func hostilePods(t *rapid.T, needs []policy.PodSignal) [][]policy.Pod {
	numbers := rapid.SampledFrom([]int64{0, 1, -1, 1000, math.MaxInt32, math.MaxInt64, math.MinInt64})
	times := rapid.SampledFrom([]time.Time{{}, ago(1), ago(-1), ago(math.MaxInt32)})
	var lists [][]policy.Pod
	for _, need := range needs {
		var list []policy.Pod
		for range rapid.IntRange(0, 3).Draw(t, "pods") {
			p := policy.Pod{
				Phase:    policy.PodPhase(rapid.SampledFrom([]int{0, 0, 1, 2, 3, 255}).Draw(t, "phase")),
				Deleting: rapid.IntRange(0, 9).Draw(t, "deleting") == 9,
				Started:  times.Draw(t, "started"),
				Ready:    policy.Readiness(rapid.SampledFrom([]int{0, 1, 1, 2, 3, 4, 255}).Draw(t, "ready")),

				ReadyChanged: times.Draw(t, "ready changed"),
				Usage: policy.PodUsage{
					Known: rapid.Bool().Draw(t, "usage known"), Milli: numbers.Draw(t, "usage"),
					Window: time.Duration(numbers.Draw(t, "window")), Sampled: times.Draw(t, "sampled"),
				},
			}
			for range rapid.IntRange(0, 2).Draw(t, "containers") {
				p.Containers = append(p.Containers, policy.Container{
					Name: need.Container, RequestMilli: numbers.Draw(t, "request"),
					NoRequest: rapid.IntRange(0, 9).Draw(t, "no request") == 9, RestartableInit: rapid.Bool().Draw(t, "init"),
				})
			}
			list = append(list, p)
		}
		lists = append(lists, list)
	}
	return lists
}

// clonePods copies lists of pods as deep as a policy could reach.
func clonePods(lists [][]policy.Pod) [][]policy.Pod {
	lists = slices.Clone(lists)
	for i := range lists {
		lists[i] = slices.Clone(lists[i])
		for j := range lists[i] {
			lists[i][j].Containers = slices.Clone(lists[i][j].Containers)
		}
	}
	return lists
}

// podsAt is lists whose times are counted from now on, as those of a tick are.
func podsAt(lists [][]policy.Pod, now time.Time) [][]policy.Pod {
	lists = clonePods(lists)
	for _, list := range lists {
		for i := range list {
			p := &list[i]
			for _, at := range []*time.Time{&p.Started, &p.ReadyChanged, &p.Usage.Sampled} {
				if !at.IsZero() {
					*at = now.Add(at.Sub(time.Time{}))
				}
			}
		}
	}
	return lists
}

// poisonPods overwrites lists of pods.
func poisonPods(lists [][]policy.Pod) {
	for _, list := range lists {
		for i := range list {
			for j := range list[i].Containers {
				list[i].Containers[j].RequestMilli = 7
			}
			list[i].Usage = policy.PodUsage{Known: true, Milli: 7e7}
			list[i].Phase, list[i].Ready = policy.PodRunning, policy.ReadyTrue
		}
	}
}

// podsSilent reports whether some of what pods use is not known, of pods that
// should tell.
func podsSilent(lists [][]policy.Pod) bool {
	return slices.ContainsFunc(lists, func(list []policy.Pod) bool {
		return list == nil || slices.ContainsFunc(list, func(p policy.Pod) bool { return p.Silent() })
	})
}

package coordinator

import (
	"slices"

	"github.com/bellows-go/bellows/policy"
)

// podFeed is one wanted list of pods.
type podFeed struct {
	id   PodSeries
	list []policy.Pod // of the present snapshot; nil: it could not be read
}

// WantsPods are the lists of pods that a snapshot should have, in the order of
// the models' names. The slice is the planner's; it changes with Update.
func (p *Planner) WantsPods() []PodSeries { return p.wantsPods }

// connectPods makes the lists that the targets' policies need.
func (p *Planner) connectPods() {
	p.wantsPods, p.podFeeds, p.podFeedOf = nil, nil, map[PodSeries]*podFeed{}
	for _, t := range p.targets {
		p.seek(t, &t.asker)
	}
}

// seek makes the lists that one policy needs.
func (p *Planner) seek(t *scaled, a *asker) {
	a.podFeeds, a.pods = nil, make([][]policy.Pod, len(a.needs.Pods))
	for _, signal := range a.needs.Pods {
		id := PodSeries{t.id, signal}
		f := p.podFeedOf[id]
		if f == nil {
			f = &podFeed{id: id}
			p.podFeedOf[id] = f
			p.wantsPods, p.podFeeds = append(p.wantsPods, id), append(p.podFeeds, f)
		}
		a.podFeeds = append(a.podFeeds, f)
	}
}

// listenPods takes in the lists.
func (p *Planner) listenPods(lists []PodList) {
	for _, f := range p.podFeeds {
		f.list = nil
	}
	for i := range lists {
		switch f := p.podFeedOf[lists[i].PodSeries]; {
		case f == nil: // nobody asked for it
		case f.list != nil:
			p.fault("%v pods of %+v: listed twice", f.id.Target, f.id.PodSignal)
		case lists[i].Pods == nil:
			f.list = []policy.Pod{} // read, and empty
		default:
			f.list = lists[i].Pods
		}
	}
}

// seePods shows the lists to a policy; it returns how many could not be read or
// lack the usage of a pod that runs.
func (a *asker) seePods() (silent int) {
	for i, f := range a.podFeeds {
		a.pods[i] = f.list
		if f.list == nil || slices.ContainsFunc(f.list, func(pod policy.Pod) bool { return pod.Silent() }) {
			silent++
		}
	}
	return silent
}

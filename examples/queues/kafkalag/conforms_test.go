package kafkalag_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/queues/kafkalag"
	"github.com/bellows-go/bellows/policy"
)

// conformance runs the kit. Requests about all groups share a connection, on
// which answers keep their order: one that hangs holds up the rest, one that fails
// does not.
func conformance(t *testing.T, hangs bool) {
	coordinatortest.TestMetricSource(t, func() (coordinatortest.SourceWorld, error) {
		b, err := newBroker(2, "infer", "embed")
		if err != nil {
			return coordinatortest.SourceWorld{}, err
		}
		s, err := kafkalag.New(kafkalag.Options{Client: b.client, Groups: []kafkalag.Group{
			{Target: infer, Group: "infer", Topics: []string{"infer"}},
			{Target: embed, Group: "embed", Topics: []string{"embed"}},
		}})
		if err != nil {
			return coordinatortest.SourceWorld{}, err
		}
		f := &fault{}
		b.ControlKey(9, func(r kmsg.Request) (kmsg.Response, error, bool) {
			return f.strike(b.Cluster, r.(*kmsg.OffsetFetchRequest))
		})
		must := func(err error) {
			if err != nil {
				panic(err)
			}
		}
		done := int64(0)
		w := coordinatortest.SourceWorld{
			Source: s, Together: hangs,
			Series: append(series(infer, policy.InFlight, policy.Begun, policy.Ended), series(embed, policy.InFlight, policy.Begun, policy.Ended)...),
			Advance: func() {
				for _, topic := range []string{"infer", "embed"} {
					if b.TopicInfo(topic) != nil {
						must(b.produce(topic, 0, 3))
						must(b.produce(topic, 1, 1))
						must(b.commit(topic, topic, 0, 2*done))
					}
				}
				done++
			},
			Lose:  func(id coordinator.TargetID) { must(b.DeleteTopic(id.Name)) },
			Close: b.close,
		}
		w.Fail = func(id coordinator.TargetID) func() { return f.set(id.Name, false) }
		if hangs {
			w.Hang = func(id coordinator.TargetID) func() { return f.set(id.Name, true) }
		} else {
			w.Restart = func(id coordinator.TargetID) {
				must(b.DeleteTopic(id.Name))
				must(b.CreateTopic(id.Name, 2, nil))
				b.client.PurgeTopicsFromProducing(id.Name) // it has another ID now
			}
		}
		return w, nil
	}, coordinatortest.Options{Timeout: 300 * time.Millisecond, Patience: 10 * time.Second})
}

// A fault strikes what is asked about one group.
type fault struct {
	mu      sync.Mutex
	group   string
	release chan struct{} // nil: it fails
}

func (f *fault) set(group string, hang bool) (mend func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.group, f.release = group, nil
	if hang {
		f.release = make(chan struct{})
	}
	release := f.release
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.group = ""
		if release != nil {
			close(release)
		}
	}
}

func (f *fault) strike(c *kfake.Cluster, q *kmsg.OffsetFetchRequest) (kmsg.Response, error, bool) {
	c.KeepControl()
	f.mu.Lock()
	about := q.Group == f.group || slices.ContainsFunc(q.Groups, func(g kmsg.OffsetFetchRequestGroup) bool { return g.Group == f.group })
	strikes, release := f.group != "" && about, f.release
	f.mu.Unlock()
	if !strikes {
		return nil, nil, false
	}
	if release != nil {
		c.SleepControl(func() { <-release })
		return nil, nil, false
	}
	return offsetFetchFails(q), nil, true
}

func TestConforms(t *testing.T)         { conformance(t, false) }
func TestConformsWhenHung(t *testing.T) { conformance(t, true) }

package kafkalag_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/queues/kafkalag"
	"github.com/bellows-go/bellows/policy"
)

// A broker speaks the real protocol, in this process.
type broker struct {
	*kfake.Cluster
	client *kgo.Client
	admin  *kadm.Client
}

func newBroker(partitions int32, topics ...string) (*broker, error) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topics...))
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// What a retry would hide, and how long it would take, is not what is tested.
		kgo.RequestRetries(0), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		c.Close()
		return nil, err
	}
	return &broker{c, client, kadm.NewClient(client)}, nil
}

func start(t *testing.T, partitions int32, topics ...string) *broker {
	b, err := newBroker(partitions, topics...)
	require.NoError(t, err)
	t.Cleanup(b.close)
	return b
}

func (b *broker) close() {
	b.client.Close()
	b.Close()
}

// produce appends n records to a partition.
func (b *broker) produce(topic string, partition int32, n int) error {
	var records []*kgo.Record
	for i := range n {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: fmt.Append(nil, i)})
	}
	return b.client.ProduceSync(context.Background(), records...).FirstErr()
}

// commit says how far a group is.
func (b *broker) commit(group, topic string, partition int32, at int64) error {
	var o kadm.Offsets
	o.AddOffset(topic, partition, at, -1)
	return b.admin.CommitAllOffsets(context.Background(), group, o)
}

var (
	infer = coordinator.TargetID{Kind: coordinator.TargetService, Name: "infer"}
	embed = coordinator.TargetID{Kind: coordinator.TargetService, Name: "embed"}
)

func series(target coordinator.TargetID, names ...string) (all []coordinator.Series) {
	for _, n := range names {
		all = append(all, coordinator.Series{Target: target, Name: n})
	}
	return all
}

// told is a sample in a line.
func told(all []coordinator.Sample) (lines []string) {
	for _, s := range all {
		line := fmt.Sprintf("%s %v %v", s.Name, s.Value, s.Quality)
		if s.Origin != "" {
			line = s.Origin + " " + line
		}
		if s.Quality == policy.Partial {
			line += fmt.Sprintf(" %d/%d", s.Answered, s.Of)
		}
		if s.Cumulative {
			line += " count"
		}
		lines = append(lines, line)
	}
	return lines
}

// The lag is exact, whatever the state of the group.
func TestLag(t *testing.T) {
	b := start(t, 2, "in", "more")
	for _, c := range []struct {
		name  string
		do    func() error
		group kafkalag.Group
		want  []string
	}{
		{
			"an empty topic, and a group that is not there", func() error { return nil },
			kafkalag.Group{Topics: []string{"in"}},
			[]string{"in_flight 0 ok", "in/0 begun 0 ok count", "in/1 begun 0 ok count", "in/0 ended 0 ok count", "in/1 ended 0 ok count"},
		},
		{
			"all waits for a group that never ran", func() error { return b.produce("in", 0, 10) },
			kafkalag.Group{Topics: []string{"in"}},
			[]string{"in_flight 10 ok", "in/0 begun 10 ok count", "in/1 begun 0 ok count", "in/0 ended 0 ok count", "in/1 ended 0 ok count"},
		},
		{
			"or nothing, where it begins at the end", func() error { return nil },
			kafkalag.Group{Topics: []string{"in"}, FromEnd: true},
			[]string{"in_flight 0 ok", "in/0 begun 10 ok count", "in/1 begun 0 ok count", "in/0 ended 10 ok count", "in/1 ended 0 ok count"},
		},
		{
			"what is committed waits no longer", func() error { return b.commit("g", "in", 0, 7) },
			kafkalag.Group{Topics: []string{"in"}},
			[]string{"in_flight 3 ok", "in/0 begun 10 ok count", "in/1 begun 0 ok count", "in/0 ended 7 ok count", "in/1 ended 0 ok count"},
		},
		{
			"of several topics", func() error { return b.produce("more", 1, 5) },
			kafkalag.Group{Topics: []string{"in", "more"}},
			[]string{
				"in_flight 8 ok", "in/0 begun 10 ok count", "in/1 begun 0 ok count", "more/0 begun 0 ok count", "more/1 begun 5 ok count",
				"in/0 ended 7 ok count", "in/1 ended 0 ok count", "more/0 ended 0 ok count", "more/1 ended 0 ok count",
			},
		},
		{
			"nor what was deleted unread", func() error { return b.DeleteRecords("in", 0, 9) },
			kafkalag.Group{Topics: []string{"in"}},
			[]string{"in_flight 1 ok", "in/0 begun 10 ok count", "in/1 begun 0 ok count", "in/0 ended 9 ok count", "in/1 ended 0 ok count"},
		},
		{
			"nothing when all is committed", func() error { return b.commit("g", "in", 0, 10) },
			kafkalag.Group{Topics: []string{"in"}},
			[]string{"in_flight 0 ok", "in/0 begun 10 ok count", "in/1 begun 0 ok count", "in/0 ended 10 ok count", "in/1 ended 0 ok count"},
		},
		{
			"a commit beyond the end is none", func() error { return b.commit("g", "in", 0, 11) },
			kafkalag.Group{Topics: []string{"in"}},
			[]string{"in_flight 1 ok", "in/0 begun 10 ok count", "in/1 begun 0 ok count", "in/0 ended 9 ok count", "in/1 ended 0 ok count"},
		},
		{
			"committed records only", func() error { return nil },
			kafkalag.Group{Topics: []string{"more"}, Committed: true},
			[]string{"in_flight 5 ok", "more/0 begun 0 ok count", "more/1 begun 5 ok count", "more/0 ended 0 ok count", "more/1 ended 0 ok count"},
		},
	} {
		require.NoError(t, c.do(), c.name)
		c.group.Target, c.group.Group = infer, "g"
		s, err := kafkalag.New(kafkalag.Options{Client: b.client, Groups: []kafkalag.Group{c.group}})
		require.NoError(t, err, c.name)
		require.Zero(t, s.Useful(infer))
		got, err := s.Read(t.Context(), series(infer, policy.InFlight, policy.Begun, policy.Ended), nil)
		require.NoError(t, err, c.name)
		require.Equal(t, c.want, told(got), c.name)
		require.Equal(t, 2*len(c.group.Topics), s.Useful(infer))
	}
}

// An open transaction's records count unless only committed ones are read.
func TestOpenTransaction(t *testing.T) {
	b := start(t, 1, "in")
	writer, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...), kgo.TransactionalID("t"), kgo.DefaultProduceTopic("in"))
	require.NoError(t, err)
	defer writer.Close()
	require.NoError(t, writer.BeginTransaction())
	require.NoError(t, writer.ProduceSync(t.Context(), &kgo.Record{Value: []byte("a")}, &kgo.Record{Value: []byte("b")}).FirstErr())
	read := func(committed bool) []string {
		s, err := kafkalag.New(kafkalag.Options{Client: b.client, Groups: []kafkalag.Group{{Target: infer, Group: "g", Topics: []string{"in"}, Committed: committed}}})
		require.NoError(t, err)
		got, err := s.Read(t.Context(), series(infer, policy.InFlight), nil)
		require.NoError(t, err)
		return told(got)
	}
	require.Equal(t, []string{"in_flight 2 ok"}, read(false))
	require.Equal(t, []string{"in_flight 0 ok"}, read(true))
	// Somebody has read them all the same: that is no commit beyond the end.
	require.NoError(t, b.produce("in", 0, 3))
	require.NoError(t, b.commit("g", "in", 0, 2))
	require.Equal(t, []string{"in_flight 3 ok"}, read(false))
	require.Equal(t, []string{"in_flight 0 ok"}, read(true))
	require.NoError(t, writer.EndTransaction(t.Context(), kgo.TryAbort))
}

// What could not be asked is never zero.
func TestFailures(t *testing.T) {
	b := start(t, 3, "in", "more")
	require.NoError(t, b.produce("in", 0, 10))
	require.NoError(t, b.produce("in", 1, 20))
	require.NoError(t, b.produce("in", 2, 40))
	both := []string{policy.InFlight, policy.Begun}
	for _, c := range []struct {
		name   string
		topics []string
		fault  func(kmsg.Request) (kmsg.Response, error, bool)
		key    int16
		want   []string
		says   string
	}{
		{
			"one partition has no end",
			[]string{"in"},
			endFails(1), 2,
			[]string{"in_flight 50 partial 2/3", "in/0 begun 10 ok count", "in/1 begun 0 failed", "in/2 begun 40 ok count"},
			"kafkalag: service/infer: group g: in/1: end: NOT_LEADER_FOR_PARTITION",
		},
		{
			"a topic is not there",
			[]string{"in", "absent"},
			nil, 0,
			[]string{"in_flight 70 partial 3/4", "in/0 begun 10 ok count", "in/1 begun 20 ok count", "in/2 begun 40 ok count"},
			"topic absent: no partition was found",
		},
		{
			"commits are refused",
			[]string{"in"},
			func(r kmsg.Request) (kmsg.Response, error, bool) {
				return offsetFetchFails(r.(*kmsg.OffsetFetchRequest)), nil, true
			}, 9,
			nil, "kafkalag: service/infer: group g: commits: ",
		},
		{
			"the connection breaks",
			[]string{"in"},
			func(kmsg.Request) (kmsg.Response, error, bool) { return nil, context.Canceled, true }, 9,
			nil, "kafkalag: service/infer: group g: commits: ",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := kafkalag.New(kafkalag.Options{Client: b.client, Groups: []kafkalag.Group{{Target: infer, Group: "g", Topics: c.topics}}})
			require.NoError(t, err)
			if c.fault != nil {
				var mu sync.Mutex
				mended := false
				b.ControlKey(c.key, func(r kmsg.Request) (kmsg.Response, error, bool) {
					mu.Lock()
					defer mu.Unlock()
					if mended {
						b.DropControl()
						return nil, nil, false
					}
					b.KeepControl()
					return c.fault(r)
				})
				defer func() {
					mu.Lock()
					defer mu.Unlock()
					mended = true
				}()
			}
			got, err := s.Read(t.Context(), series(infer, both...), nil)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, c.want, told(got))
		})
	}
}

// endFails answers requests for offsets, with an error for one partition.
func endFails(partition int32) func(kmsg.Request) (kmsg.Response, error, bool) {
	return func(r kmsg.Request) (kmsg.Response, error, bool) {
		q := r.(*kmsg.ListOffsetsRequest)
		a := q.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, topic := range q.Topics {
			at := kmsg.NewListOffsetsResponseTopic()
			at.Topic = topic.Topic
			for _, p := range topic.Partitions {
				ap := kmsg.NewListOffsetsResponseTopicPartition()
				ap.Partition = p.Partition
				switch {
				case p.Partition == partition:
					ap.ErrorCode = kerr.NotLeaderForPartition.Code
				case p.Timestamp == -1:
					ap.Offset = 10 << p.Partition
				default:
					ap.Offset = 0
				}
				at.Partitions = append(at.Partitions, ap)
			}
			a.Topics = append(a.Topics, at)
		}
		return a, nil, true
	}
}

// offsetFetchFails refuses every group that a request names.
func offsetFetchFails(q *kmsg.OffsetFetchRequest) kmsg.Response {
	a := q.ResponseKind().(*kmsg.OffsetFetchResponse)
	a.ErrorCode = kerr.GroupAuthorizationFailed.Code
	for _, g := range q.Groups {
		ag := kmsg.NewOffsetFetchResponseGroup()
		ag.Group, ag.ErrorCode = g.Group, kerr.GroupAuthorizationFailed.Code
		a.Groups = append(a.Groups, ag)
	}
	return a
}

// What a broker does not know is missing, not failed; what nobody knows is an
// error.
func TestUnknownSeries(t *testing.T) {
	b := start(t, 1, "in")
	s, err := kafkalag.New(kafkalag.Options{Client: b.client, Groups: []kafkalag.Group{{Target: infer, Group: "g", Topics: []string{"in"}}}})
	require.NoError(t, err)
	got, err := s.Read(t.Context(), series(infer, policy.BusySeconds, policy.InFlight, policy.Errors), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"in_flight 0 ok"}, told(got))
	got, err = s.Read(t.Context(), append(series(embed, policy.Errors), series(infer, "tokens", policy.InFlight)...), nil)
	require.EqualError(t, err, "kafkalag: nobody counts service/embed failed\nkafkalag: nobody counts service/infer tokens")
	require.Equal(t, []string{"in_flight 0 ok"}, told(got))
}

// Partitions that are added raise the cap.
func TestUseful(t *testing.T) {
	b := start(t, 2, "in")
	s, err := kafkalag.New(kafkalag.Options{Client: b.client, Groups: []kafkalag.Group{{Target: infer, Group: "g", Topics: []string{"in"}}}})
	require.NoError(t, err)
	read := func() int {
		_, err := s.Read(t.Context(), series(infer, policy.InFlight), nil)
		require.NoError(t, err)
		return s.Useful(infer)
	}
	require.Equal(t, 2, read())
	added, err := b.admin.CreatePartitions(t.Context(), 3, "in")
	require.NoError(t, err)
	require.NoError(t, added.Error())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	beat := time.NewTicker(20 * time.Millisecond)
	defer beat.Stop()
	for read() != 5 { // the client keeps what it knows of a topic for a while
		select {
		case <-beat.C:
		case <-ctx.Done():
			t.Fatalf("never 5 but %d", s.Useful(infer))
		}
	}
}

// A policy that drains by a deadline has all that it asks for: 800 records of 10 ms
// in 4 s, of which half a second goes by before a replica works, take 2.3 replicas.
func TestDrainByDeadline(t *testing.T) {
	b := start(t, 4, "in")
	s, err := kafkalag.New(kafkalag.Options{Client: b.client, Groups: []kafkalag.Group{{Target: infer, Group: "g", Topics: []string{"in"}}}})
	require.NoError(t, err)
	planner, err := coordinator.NewPlanner(coordinator.Declarations{Services: []coordinator.Service{{
		Name: "infer", Max: 10, Slots: 1,
		Policy: policy.Backlog{Within: 4 * time.Second, Lead: 500 * time.Millisecond, Service: 10 * time.Millisecond},
	}}}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	decide := func() policy.Decision {
		got, err := s.Read(t.Context(), planner.Wants(), nil)
		require.NoError(t, err)
		return planner.Plan(coordinator.Snapshot{Now: time.Now(), Samples: got, World: coordinator.World{Services: []coordinator.ServiceState{{Name: "infer"}}}}).Services[0].Decision
	}
	require.Equal(t, 0, decide().Replicas)
	for partition := range int32(4) {
		require.NoError(t, b.produce("in", partition, 200))
	}
	d := decide()
	require.Equal(t, 3, d.Replicas, "%v", d)
	require.Equal(t, policy.DrainBy, d.Steps[0].Reason)
	require.Equal(t, 800.0, d.Steps[0].Have)
}

func TestOptions(t *testing.T) {
	_, err := kafkalag.New(kafkalag.Options{Parallel: -1})
	require.EqualError(t, err, strings.Join([]string{
		"kafkalag: Options.Client: must be set",
		"kafkalag: Options.Parallel: must be >= 0, is -1",
		"kafkalag: Options.Groups: must not be empty",
	}, "\n"))
	_, err = kafkalag.New(kafkalag.Options{Client: &kgo.Client{}, Groups: []kafkalag.Group{
		{},
		{Target: infer, Group: "g", Topics: []string{"a", "", "a"}},
		{Target: infer, Group: "g", Topics: []string{"a"}},
	}})
	require.EqualError(t, err, strings.Join([]string{
		"kafkalag: Options.Groups[0].Target.Name: must not be empty",
		"kafkalag: Options.Groups[0].Group: must not be empty",
		"kafkalag: Options.Groups[0].Topics: must not be empty",
		"kafkalag: Options.Groups[1].Topics[1]: must not be empty",
		"kafkalag: Options.Groups[1].Topics[2]: a stands twice",
		"kafkalag: Options.Groups[2].Target: service/infer stands twice",
	}, "\n"))
}

package natslag_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/queues/natslag"
	"github.com/bellows-go/bellows/policy"
)

// A broker is a real server with JetStream, in this process.
type broker struct {
	*server.Server
	conn *nats.Conn
	js   jetstream.JetStream
}

func newBroker(dir string) (*broker, error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		return nil, err
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		s.Shutdown()
		return nil, fmt.Errorf("the server is not ready")
	}
	b := &broker{Server: s}
	if b.conn, err = nats.Connect(s.ClientURL()); err == nil {
		b.js, err = jetstream.New(b.conn)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *broker) close() {
	if b.conn != nil {
		b.conn.Close()
	}
	b.Shutdown()
	b.WaitForShutdown()
}

// queue makes a stream and its one consumer, both of a name.
func (b *broker) queue(name string, most int) (jetstream.Consumer, error) {
	ctx := context.Background()
	if _, err := b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name}, Retention: jetstream.WorkQueuePolicy}); err != nil {
		return nil, err
	}
	return b.js.CreateOrUpdateConsumer(ctx, name, jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: most})
}

func (b *broker) publish(name string, n int) error {
	for i := range n {
		if _, err := b.js.Publish(context.Background(), name, fmt.Append(nil, i)); err != nil {
			return err
		}
	}
	return nil
}

func start(t *testing.T) *broker {
	b, err := newBroker(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(b.close)
	return b
}

var (
	infer = coordinator.TargetID{Kind: coordinator.TargetService, Name: "infer"}
	embed = coordinator.TargetID{Kind: coordinator.TargetService, Name: "embed"}
)

// The backlog is exact once the server has counted: what was delivered and not acknowledged is part of it.
func TestBacklog(t *testing.T) {
	b := start(t)
	c, err := b.queue("infer", 35)
	require.NoError(t, err)
	s, err := natslag.New(natslag.Options{JetStream: b.js, Consumers: []natslag.Consumer{{Target: infer, Stream: "infer", Consumer: "infer", PerReplica: 10}}})
	require.NoError(t, err)
	require.Zero(t, s.Useful(infer))
	backlog := func() float64 {
		before := time.Now()
		got, err := s.Read(t.Context(), []coordinator.Series{{Target: infer, Name: policy.InFlight}}, nil)
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.False(t, got[0].At.Before(before) || got[0].At.After(time.Now()), "%v", got[0].At)
		require.Equal(t, policy.OK, got[0].Quality)
		return got[0].Value
	}
	require.Zero(t, backlog())
	require.Equal(t, 4, s.Useful(infer), "35 at ten each")
	require.NoError(t, b.publish("infer", 100))
	// The server counts what is new for a consumer a moment after it has taken it.
	require.Eventually(t, func() bool { return backlog() == 100 }, 20*time.Second, 5*time.Millisecond)
	batch, err := c.Fetch(30)
	require.NoError(t, err)
	var held []jetstream.Msg
	for m := range batch.Messages() {
		held = append(held, m)
	}
	require.Len(t, held, 30)
	require.Equal(t, 100.0, backlog(), "they are at work, not gone")
	for _, m := range held[:20] {
		require.NoError(t, m.DoubleAck(t.Context()))
	}
	require.Equal(t, 80.0, backlog())
	for _, m := range held[20:] {
		require.NoError(t, m.Nak())
	}
	require.NoError(t, b.conn.Flush())
	require.Equal(t, 80.0, backlog(), "refused ones wait again")
}

// What could not be asked is never zero.
func TestFailures(t *testing.T) {
	b := start(t)
	_, err := b.queue("infer", -1)
	require.NoError(t, err)
	require.NoError(t, b.publish("infer", 3))
	s, err := natslag.New(natslag.Options{JetStream: b.js, Consumers: []natslag.Consumer{
		{Target: infer, Stream: "infer", Consumer: "infer", PerReplica: 10}, {Target: embed, Stream: "infer", Consumer: "absent"},
	}})
	require.NoError(t, err)
	want := []coordinator.Series{{Target: embed, Name: policy.InFlight}, {Target: infer, Name: policy.InFlight}, {Target: infer, Name: policy.Begun}}
	require.Eventually(t, func() bool { // see TestBacklog
		got, _ := s.Read(t.Context(), want[1:2], nil)
		return len(got) == 1 && got[0].Value == 3
	}, 20*time.Second, 5*time.Millisecond)
	got, err := s.Read(t.Context(), want, nil)
	require.ErrorIs(t, err, jetstream.ErrConsumerNotFound)
	require.ErrorContains(t, err, "natslag: service/embed: consumer absent of stream infer: ")
	require.ErrorContains(t, err, "natslag: nobody counts service/infer begun")
	require.Len(t, got, 1)
	require.Equal(t, 3.0, got[0].Value)
	require.Zero(t, s.Useful(infer), "without a limit any number has work")

	b.Shutdown()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	got, err = s.Read(ctx, want[:2], nil)
	require.Error(t, err)
	require.Empty(t, got)
}

func TestOptions(t *testing.T) {
	_, err := natslag.New(natslag.Options{Parallel: -1})
	require.EqualError(t, err, strings.Join([]string{
		"natslag: Options.JetStream: must be set",
		"natslag: Options.Parallel: must be >= 0, is -1",
		"natslag: Options.Consumers: must not be empty",
	}, "\n"))
	_, err = natslag.New(natslag.Options{JetStream: start(t).js, Consumers: []natslag.Consumer{
		{PerReplica: -1}, {Target: infer, Stream: "s", Consumer: "c"}, {Target: infer, Stream: "s", Consumer: "c"},
	}})
	require.EqualError(t, err, strings.Join([]string{
		"natslag: Options.Consumers[0].Target.Name: must not be empty",
		"natslag: Options.Consumers[0].Stream: must not be empty",
		"natslag: Options.Consumers[0].Consumer: must not be empty",
		"natslag: Options.Consumers[0].PerReplica: must be >= 0, is -1",
		"natslag: Options.Consumers[2].Target: service/infer stands twice",
	}, "\n"))
}

// A front stands between a client and the server's API: what is asked about one
// queue hangs or fails, the rest is passed on.
type front struct {
	mu      sync.Mutex
	queue   string
	release chan struct{} // nil: it fails
}

func (f *front) serve(conn *nats.Conn) error {
	_, err := conn.Subscribe("front.>", func(m *nats.Msg) {
		go func() {
			api := "$JS.API." + strings.TrimPrefix(m.Subject, "front.")
			f.mu.Lock()
			strikes, release := f.queue != "" && strings.HasSuffix(api, "."+f.queue), f.release
			f.mu.Unlock()
			switch {
			case strikes && release == nil:
				_ = m.Respond([]byte(`{"type":"error","error":{"code":503,"err_code":10008,"description":"out of order"}}`))
				return
			case strikes:
				<-release
			}
			if answer, err := conn.Request(api, m.Data, 5*time.Second); err == nil {
				_ = m.Respond(answer.Data)
			}
		}()
	})
	return err
}

func (f *front) set(queue string, hang bool) (mend func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue, f.release = queue, nil
	if hang {
		f.release = make(chan struct{})
	}
	release := f.release
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.queue = ""
		if release != nil {
			close(release)
		}
	}
}

func TestConforms(t *testing.T) {
	worlds := 0
	dir := t.TempDir()
	coordinatortest.TestMetricSource(t, func() (coordinatortest.SourceWorld, error) {
		worlds++
		b, err := newBroker(fmt.Sprintf("%s/%d", dir, worlds))
		if err != nil {
			return coordinatortest.SourceWorld{}, err
		}
		f := &front{}
		must := func(err error) {
			if err != nil {
				panic(err)
			}
		}
		must(f.serve(b.conn))
		js, err := jetstream.NewWithAPIPrefix(b.conn, "front")
		must(err)
		names := []string{"infer", "embed"}
		for _, n := range names {
			_, err := b.queue(n, 0)
			must(err)
		}
		s, err := natslag.New(natslag.Options{JetStream: js, Consumers: []natslag.Consumer{
			{Target: infer, Stream: "infer", Consumer: "infer"}, {Target: embed, Stream: "embed", Consumer: "embed"},
		}})
		must(err)
		return coordinatortest.SourceWorld{
			Source: s,
			Series: []coordinator.Series{{Target: infer, Name: policy.InFlight}, {Target: embed, Name: policy.InFlight}},
			Advance: func() {
				for _, n := range names {
					must(b.publish(n, 2))
				}
			},
			Lose: func(id coordinator.TargetID) {
				must(b.js.DeleteConsumer(context.Background(), id.Name, id.Name))
			},
			Hang:  func(id coordinator.TargetID) func() { return f.set(id.Name, true) },
			Fail:  func(id coordinator.TargetID) func() { return f.set(id.Name, false) },
			Close: b.close,
		}, nil
	}, coordinatortest.Options{Patience: 10 * time.Second})
}

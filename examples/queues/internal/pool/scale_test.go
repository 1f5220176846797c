package pool_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/queues/internal/brokers"
	"github.com/bellows-go/bellows/examples/queues/internal/pool"
	"github.com/bellows-go/bellows/examples/queues/kafkalag"
	"github.com/bellows-go/bellows/examples/queues/natslag"
	"github.com/bellows-go/bellows/policy"
)

var infer = coordinator.TargetID{Kind: coordinator.TargetService, Name: "infer"}

// A ledger notes how often each message was worked off, and lets only so many be.
// Which ones is not its business: a replica that had to wait with the first messages
// of one partition in hand could not give up another one.
type ledger struct {
	mu    sync.Mutex
	moved *sync.Cond
	limit int
	done  int
	seen  map[string]int
}

func newLedger() *ledger {
	l := &ledger{seen: map[string]int{}}
	l.moved = sync.NewCond(&l.mu)
	return l
}

// allow lets limit messages be worked off in all.
func (l *ledger) allow(limit int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = limit
	l.moved.Broadcast()
}

func (l *ledger) work(message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.done >= l.limit {
		l.moved.Wait()
	}
	l.done++
	l.seen[string(message)]++
}

func (l *ledger) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

// each requires that the messages 0 to n-1 were worked off once.
func (l *ledger) each(t *testing.T, n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range n {
		require.Equal(t, 1, l.seen[fmt.Sprint(i)], "message %d", i)
	}
	require.Len(t, l.seen, n)
}

// A queue is what the scenario runs on.
type queue struct {
	source  coordinator.MetricSource
	useful  func(coordinator.TargetID) int
	consume pool.Consumer
	produce func(ctx context.Context, n int) error
}

// A turn is what a tick showed.
type turn struct {
	coordinator.ServicePlan
	backlog float64
}

// wait waits for a turn of which is says that it is the one, a minute at most,
// and returns all up to it.
func wait(t *testing.T, turns <-chan turn, what string, is func(turn) bool) (all []turn) {
	t.Helper()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for {
		select {
		case u := <-turns:
			all = append(all, u)
			if is(u) {
				return all
			}
		case <-limit.C:
			last := "never"
			if len(all) > 0 {
				last = fmt.Sprintf("%+v", all[len(all)-1])
			}
			t.Fatalf("%s: not within a minute; the last was %s", what, last)
		}
	}
}

// scale drives waves through a queue whose pool is scaled by its backlog, from zero
// and back, and under messages that still come while replicas go. most is beyond
// how many replicas none has work.
func scale(t *testing.T, q queue, l *ledger, most int) {
	p := pool.New(50*time.Millisecond, map[string]pool.Consumer{"infer": q.consume})
	defer p.Close()
	defer l.allow(math.MaxInt) // or a failed test would wait for ever
	// Useful is known once the queue has been asked.
	_, err := q.source.Read(t.Context(), []coordinator.Series{{Target: infer, Name: policy.InFlight}}, nil)
	require.NoError(t, err)
	require.Equal(t, most, q.useful(infer))
	planner, err := coordinator.NewPlanner(coordinator.Declarations{Services: []coordinator.Service{{
		Name: "infer", Max: 10, Useful: q.useful(infer),
		Policy: policy.Stabilize{Down: 300 * time.Millisecond, Of: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 100}},
	}}}, coordinator.PlannerOptions{})
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	turns := make(chan turn, 10_000)
	loop, err := coordinator.New(planner, q.source, p, coordinator.Options{
		// However busy the machine is: a tick without a reading is none of the story.
		Interval: 50 * time.Millisecond, ReadTimeout: time.Minute, ObserveTimeout: time.Minute, ApplyTimeout: time.Minute,
		OnTick: func(tick coordinator.Tick) {
			switch err := tick.Err(); {
			case ctx.Err() != nil: // the test ended in the middle of the tick
				return
			case err != nil:
				t.Error(err)
				return
			}
			s := tick.Plan.Services[0]
			s.Decision = s.Decision.Clone()
			turns <- turn{s, s.Readings[0].Value}
		},
	})
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() { _ = loop.Run(ctx) })
	defer running.Wait()
	defer stop()

	asleep := func(u turn) bool { return u.Desired == 0 && u.Ready == 0 && u.backlog == 0 && p.Running("infer") == 0 }
	wait(t, turns, "nothing waits, nobody runs", asleep)

	// A wave for more replicas than have work.
	const wave = 1600
	require.NoError(t, q.produce(ctx, wave))
	all := wait(t, turns, "as many as have work, before anybody has finished any", func(u turn) bool { return u.Ready == most && u.backlog == wave })
	first := all[slices.IndexFunc(all, func(u turn) bool { return u.Desired > 0 })]
	require.Equal(t, 0, first.Ready, "from zero")
	capped := slices.ContainsFunc(all, func(u turn) bool {
		steps := u.Decision.Steps
		return len(steps) > 0 && steps[len(steps)-1].Reason == coordinator.BeyondUseful
	})
	require.True(t, capped, "the cap names itself: %v", first.Decision)

	// Most of it is done, and replicas go while they still have work in hand.
	l.allow(wave - 150)
	all = append(all, wait(t, turns, "two for 150", func(u turn) bool { return u.Desired == 2 })...)
	require.GreaterOrEqual(t, all[len(all)-1].backlog, 150.0)
	// More comes while they do.
	require.NoError(t, q.produce(ctx, wave/2))
	all = append(all, wait(t, turns, "up again", func(u turn) bool { return u.Desired == most })...)
	l.allow(wave + wave/2)
	all = append(all, wait(t, turns, "to zero", asleep)...)
	require.Equal(t, wave+wave/2, l.len(), "the backlog is zero when all is done, and not before")

	// And back.
	l.allow(wave + wave/2 + 150)
	require.NoError(t, q.produce(ctx, 150))
	all = append(all, wait(t, turns, "from zero", func(u turn) bool { return u.Desired > 0 })...)
	all = append(all, wait(t, turns, "and to zero again", asleep)...)
	l.each(t, wave+wave/2+150)
	for _, u := range all {
		require.LessOrEqual(t, u.Desired, most)
		require.LessOrEqual(t, u.Ready, most)
		require.Equal(t, policy.OK, u.Readings[0].Quality)
	}
	n, failure := p.Failures("infer")
	require.Zero(t, n, "%v", failure)
}

func TestScaleKafka(t *testing.T) {
	t.Parallel()
	b, err := brokers.StartKafka(4, "prompts")
	require.NoError(t, err)
	defer b.Close()
	s, err := kafkalag.New(kafkalag.Options{Client: b.Client, Groups: []kafkalag.Group{{Target: infer, Group: "infer", Topics: []string{"prompts"}}}})
	require.NoError(t, err)
	l := newLedger()
	scale(t, queue{
		s, s.Useful,
		pool.Kafka(b.ListenAddrs(), "infer", "prompts", func(r *kgo.Record) { l.work(r.Value) }),
		func(ctx context.Context, n int) error { return b.Produce(ctx, "prompts", n) },
	}, l, 4)
}

func TestScaleNATS(t *testing.T) {
	t.Parallel()
	b, err := brokers.StartNATS(t.TempDir())
	require.NoError(t, err)
	defer b.Close()
	require.NoError(t, b.Queue(t.Context(), "prompts", 30))
	s, err := natslag.New(natslag.Options{JetStream: b.JetStream, Consumers: []natslag.Consumer{{Target: infer, Stream: "prompts", Consumer: "prompts", PerReplica: 10}}})
	require.NoError(t, err)
	l := newLedger()
	scale(t, queue{
		s, s.Useful,
		pool.NATS(b.JetStream, "prompts", "prompts", 10, func(m jetstream.Msg) { l.work(m.Data()) }),
		func(ctx context.Context, n int) error { return b.Publish(ctx, "prompts", n) },
	}, l, 3)
}

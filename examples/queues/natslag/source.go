package natslag

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/policy"
)

// A Consumer says whose backlog is a target's load.
type Consumer struct {
	Target           coordinator.TargetID // unique; its Name is not empty
	Stream, Consumer string               // not empty
	PerReplica       int                  // messages that a replica holds at once, >= 0; 0 is unknown
}

// Options are settings. JetStream and Consumers must be set.
type Options struct {
	JetStream jetstream.JetStream
	Consumers []Consumer
	Parallel  int // consumers asked at once; 0 is 8
}

// A Source reads backlogs. It is safe for concurrent use. New makes one.
type Source struct {
	jetstream jetstream.JetStream
	parallel  int
	consumers map[coordinator.TargetID]Consumer

	mu     sync.Mutex                   // guards what follows
	useful map[coordinator.TargetID]int // as of the last Read
}

var _ coordinator.MetricSource = (*Source)(nil)

// New returns a Source. The error names every bad option; no server is asked
// yet.
func New(o Options) (*Source, error) {
	var errs []error
	need := func(ok bool, field, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("natslag: Options.%s: %s", field, fmt.Sprintf(format, args...)))
		}
	}
	need(o.JetStream != nil, "JetStream", "must be set")
	need(o.Parallel >= 0, "Parallel", "must be >= 0, is %d", o.Parallel)
	need(len(o.Consumers) > 0, "Consumers", "must not be empty")
	s := &Source{jetstream: o.JetStream, parallel: o.Parallel, consumers: map[coordinator.TargetID]Consumer{}, useful: map[coordinator.TargetID]int{}}
	for i, c := range o.Consumers {
		field := fmt.Sprintf("Consumers[%d]", i)
		_, twice := s.consumers[c.Target]
		need(c.Target.Name != "", field+".Target.Name", "must not be empty")
		need(!twice, field+".Target", "%v stands twice", c.Target)
		need(c.Stream != "", field+".Stream", "must not be empty")
		need(c.Consumer != "", field+".Consumer", "must not be empty")
		need(c.PerReplica >= 0, field+".PerReplica", "must be >= 0, is %d", c.PerReplica)
		s.consumers[c.Target] = c
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if s.parallel == 0 {
		s.parallel = 8
	}
	return s, nil
}

// Useful is how many replicas of a target have work at most, as of the last Read
// of it. 0 is not known: there is no limit, or Consumer.PerReplica is not set.
func (s *Source) Useful(target coordinator.TargetID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.useful[target]
}

// Read asks for the wanted consumers, some at once, and appends their samples.
// The error joins what went wrong with each; what did come is returned all the
// same.
func (s *Source) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	errs := make([]error, len(want))
	got := make([]coordinator.Sample, len(want))
	next := make(chan int, len(want))
	for i := range want {
		next <- i
	}
	close(next)
	var all sync.WaitGroup
	for range min(s.parallel, len(want)) {
		all.Go(func() {
			for i := range next {
				got[i], errs[i] = s.ask(ctx, want[i])
			}
		})
	}
	all.Wait()
	for i := range got {
		if errs[i] == nil {
			dst = append(dst, got[i])
		}
	}
	return dst, errors.Join(errs...)
}

// ask asks how one consumer stands.
func (s *Source) ask(ctx context.Context, w coordinator.Series) (coordinator.Sample, error) {
	c, known := s.consumers[w.Target]
	if !known || w.Name != policy.InFlight {
		return coordinator.Sample{}, fmt.Errorf("natslag: nobody counts %v %s", w.Target, w.Name)
	}
	at := time.Now()
	consumer, err := s.jetstream.Consumer(ctx, c.Stream, c.Consumer) // which asks for its state
	if err != nil {
		return coordinator.Sample{}, fmt.Errorf("natslag: %v: consumer %s of stream %s: %w", w.Target, c.Consumer, c.Stream, err)
	}
	info := consumer.CachedInfo()
	useful := 0
	if most := info.Config.MaxAckPending; most > 0 && c.PerReplica > 0 {
		useful = (most + c.PerReplica - 1) / c.PerReplica
	}
	s.mu.Lock()
	s.useful[w.Target] = useful
	s.mu.Unlock()
	return coordinator.Sample{
		Series: w, At: at, Quality: policy.OK,
		Value: float64(info.NumPending) + float64(max(0, info.NumAckPending)),
	}, nil
}

// Queues scales two pools of consumers by what waits in their queues, to zero and
// back, for half a minute: one reads a Kafka topic, the other a NATS JetStream
// stream. Both brokers run in this process.
//
//	go run .
//
// The packages beside it are kafkalag and natslag, which read backlogs.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/queues/internal/brokers"
	"github.com/bellows-go/bellows/examples/queues/internal/pool"
	"github.com/bellows-go/bellows/examples/queues/kafkalag"
	"github.com/bellows-go/bellows/examples/queues/natslag"
	"github.com/bellows-go/bellows/policy"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

// Two targets, of two sources.
var (
	infer = coordinator.TargetID{Kind: coordinator.TargetService, Name: "infer"}
	embed = coordinator.TargetID{Kind: coordinator.TargetService, Name: "embed"}
)

// sources asks each target's own.
type sources map[coordinator.TargetID]coordinator.MetricSource

func (s sources) Read(ctx context.Context, want []coordinator.Series, dst []coordinator.Sample) ([]coordinator.Sample, error) {
	var errs []error
	for target, source := range s {
		var of []coordinator.Series
		for _, w := range want {
			if w.Target == target {
				of = append(of, w)
			}
		}
		var err error
		dst, err = source.Read(ctx, of, dst)
		errs = append(errs, err)
	}
	return dst, errors.Join(errs...)
}

func run() error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	dir, err := os.MkdirTemp("", "bellows-queues")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	kafka, err := brokers.StartKafka(4, "prompts")
	if err != nil {
		return err
	}
	defer kafka.Close()
	stream, err := brokers.StartNATS(dir)
	if err != nil {
		return err
	}
	defer stream.Close()
	if err := stream.Queue(ctx, "texts", 30); err != nil {
		return err
	}

	lag, err := kafkalag.New(kafkalag.Options{Client: kafka.Client, Groups: []kafkalag.Group{{Target: infer, Group: "infer", Topics: []string{"prompts"}}}})
	if err != nil {
		return err
	}
	backlog, err := natslag.New(natslag.Options{JetStream: stream.JetStream, Consumers: []natslag.Consumer{{Target: embed, Stream: "texts", Consumer: "texts", PerReplica: 10}}})
	if err != nil {
		return err
	}
	const each = 10 * time.Millisecond // that a message takes
	consumers := pool.New(time.Second, map[string]pool.Consumer{
		"infer": pool.Kafka(kafka.ListenAddrs(), "infer", "prompts", func(*kgo.Record) { time.Sleep(each) }),
		"embed": pool.NATS(stream.JetStream, "texts", "texts", 10, func(jetstream.Msg) { time.Sleep(each) }),
	})
	defer consumers.Close()

	declared := declare(lag, backlog)
	planner, err := coordinator.NewPlanner(declared, coordinator.PlannerOptions{})
	if err != nil {
		return err
	}
	began, last := time.Now(), map[string]string{}
	var loop *coordinator.Coordinator
	loop, err = coordinator.New(planner, sources{infer: lag, embed: backlog}, consumers, coordinator.Options{
		Interval: 250 * time.Millisecond, ReadTimeout: 2 * time.Second,
		OnTick: func(t coordinator.Tick) {
			if err := t.Err(); err != nil {
				log.Print(err)
			}
			for _, s := range t.Plan.Services {
				if now := fmt.Sprintf("wanted %d, ready %d", s.Desired, s.Ready); now != last[s.Service] {
					last[s.Service] = now
					fmt.Printf("%5.1fs  %s  %4.0f wait   %s   %v\n", time.Since(began).Seconds(), s.Service, s.Readings[0].Value, now, s.Decision)
				}
			}
			// Partitions may be added, a limit changed.
			if now := declare(lag, backlog); now.Services[0].Useful != declared.Services[0].Useful || now.Services[1].Useful != declared.Services[1].Useful {
				declared = now
				if err := loop.Update(now); err != nil {
					log.Print(err)
				}
			}
		},
	})
	if err != nil {
		return err
	}
	go produce(ctx, kafka, stream)
	_ = loop.Run(ctx) // ends with ctx
	return nil
}

// declare declares both pools, as far as it is known how many replicas have work.
func declare(lag *kafkalag.Source, backlog *natslag.Source) coordinator.Declarations {
	follow := policy.Stabilize{Down: time.Second, Of: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 100}}
	return coordinator.Declarations{Services: []coordinator.Service{
		{Name: "infer", Max: 10, Policy: follow, Useful: lag.Useful(infer)},
		{Name: "embed", Max: 10, Policy: follow, Useful: backlog.Useful(embed)},
	}}
}

// produce sends three waves.
func produce(ctx context.Context, kafka *brokers.Kafka, stream *brokers.NATS) {
	for _, n := range []int{800, 150, 400} {
		select {
		case <-ctx.Done():
			return
		case <-time.After(2 * time.Second):
		}
		fmt.Printf("-- %d messages each\n", n)
		if err := errors.Join(kafka.Produce(ctx, "prompts", n), stream.Publish(ctx, "texts", n)); err != nil && ctx.Err() == nil {
			log.Print(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(7 * time.Second):
		}
	}
}

package pool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// settle is how long what was begun may take to be committed or acknowledged once
// its consumer is to stop.
const settle = 10 * time.Second

// Kafka returns a consumer that works off a topic as a member of a group: a few
// records at a time, which are committed before anybody else may get their
// partition. So a member that comes or goes lets no record be worked off twice,
// and none be lost.
func Kafka(brokers []string, group, topic string, work func(*kgo.Record)) Consumer {
	return func(ctx context.Context, ready func()) error {
		client, err := kgo.NewClient(
			kgo.SeedBrokers(brokers...), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.Balancers(kgo.CooperativeStickyBalancer()),
			kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.HeartbeatInterval(200*time.Millisecond),
			kgo.FetchMaxWait(200*time.Millisecond),
		)
		if err != nil {
			return err
		}
		defer client.CloseAllowingRebalance() // leaves the group
		ready()
		for {
			records := client.PollRecords(ctx, 10)
			if ctx.Err() != nil && records.NumRecords() == 0 {
				return nil
			}
			if err := errors.Join(faults(records)...); err != nil && ctx.Err() == nil {
				return err
			}
			records.EachRecord(work)
			// Even if ctx has ended: what was worked off must not come again.
			settled, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
			err := client.CommitRecords(settled, records.Records()...)
			cancel()
			if err != nil {
				return fmt.Errorf("commit: %w", err)
			}
			client.AllowRebalance()
		}
	}
}

func faults(f kgo.Fetches) (errs []error) {
	f.EachError(func(topic string, partition int32, err error) {
		errs = append(errs, fmt.Errorf("%s/%d: %w", topic, partition, err))
	})
	return errs
}

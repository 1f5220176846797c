package pool

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// NATS returns a consumer that shares a durable consumer of a stream with its
// like: it takes up to batch messages at a time and acknowledges each. When it is
// to stop it first works off all that it was given, so nothing waits to be
// delivered anew.
func NATS(js jetstream.JetStream, stream, durable string, batch int, work func(jetstream.Msg)) Consumer {
	return func(ctx context.Context, ready func()) error {
		lasting := context.WithoutCancel(ctx)
		start, cancel := context.WithTimeout(ctx, settle)
		consumer, err := js.Consumer(start, stream, durable)
		cancel()
		if err != nil {
			return err
		}
		ready()
		for ctx.Err() == nil {
			// Not ended by ctx: what the server sends meanwhile would be lost to all until
			// it is delivered anew.
			messages, err := consumer.Fetch(batch, jetstream.FetchMaxWait(200*time.Millisecond))
			if err != nil {
				return err
			}
			for m := range messages.Messages() {
				work(m)
				settled, cancel := context.WithTimeout(lasting, settle)
				err := m.DoubleAck(settled)
				cancel()
				if err != nil {
					return fmt.Errorf("acknowledge: %w", err)
				}
			}
			if err := messages.Error(); err != nil {
				return err
			}
		}
		return nil
	}
}

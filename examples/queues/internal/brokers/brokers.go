// Package brokers starts message brokers in this process, for the demonstration
// and for tests: one that speaks the Kafka protocol (kfake, of franz-go), and a
// NATS server with JetStream.
package brokers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A Kafka is a broker and a client that produces.
type Kafka struct {
	*kfake.Cluster
	Client *kgo.Client
	next   int
}

// StartKafka starts a broker with topics of so many partitions.
func StartKafka(partitions int32, topics ...string) (*Kafka, error) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topics...))
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Kafka{Cluster: c, Client: client}, nil
}

// Produce appends n records, whose values are numbers that go on from call to
// call.
func (k *Kafka) Produce(ctx context.Context, topic string, n int) error {
	var records []*kgo.Record
	for range n {
		records = append(records, &kgo.Record{Topic: topic, Value: fmt.Append(nil, k.next)})
		k.next++
	}
	return k.Client.ProduceSync(ctx, records...).FirstErr()
}

// Close ends the client and the broker.
func (k *Kafka) Close() {
	k.Client.Close()
	k.Cluster.Close()
}

// A NATS is a server and a client.
type NATS struct {
	Server    *server.Server
	Conn      *nats.Conn
	JetStream jetstream.JetStream
	next      int
}

// StartNATS starts a server that keeps its streams in dir.
func StartNATS(dir string) (*NATS, error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		return nil, err
	}
	n := &NATS{Server: s}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		n.Close()
		return nil, errors.New("brokers: the NATS server is not ready")
	}
	if n.Conn, err = nats.Connect(s.ClientURL()); err == nil {
		n.JetStream, err = jetstream.New(n.Conn)
	}
	if err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

// Queue makes a stream of a name, whose messages are kept until they are worked
// off, and its one consumer of the same name, which has at most so many messages
// given out.
func (n *NATS) Queue(ctx context.Context, name string, most int) error {
	if _, err := n.JetStream.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name}, Retention: jetstream.WorkQueuePolicy}); err != nil {
		return err
	}
	_, err := n.JetStream.CreateConsumer(ctx, name, jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Minute, MaxAckPending: most})
	return err
}

// Publish appends count messages, which are numbers that go on from call to call.
func (n *NATS) Publish(ctx context.Context, name string, count int) error {
	for range count {
		if _, err := n.JetStream.PublishAsync(name, fmt.Append(nil, n.next)); err != nil {
			return err
		}
		n.next++
	}
	select {
	case <-n.JetStream.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close ends the client and the server.
func (n *NATS) Close() {
	if n.Conn != nil {
		n.Conn.Close()
	}
	n.Server.Shutdown()
	n.Server.WaitForShutdown()
}

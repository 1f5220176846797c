package kafkalag_test

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/queues/kafkalag"
	"github.com/bellows-go/bellows/policy"
)

// A topic of four partitions has 250 records before a group that never ran.
func Example() {
	broker := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "prompts"))
	defer broker.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...))
	if err != nil {
		panic(err)
	}
	defer client.Close()
	for range 250 {
		client.Produce(context.Background(), &kgo.Record{Topic: "prompts", Value: []byte("hello")}, nil)
	}
	if err := client.Flush(context.Background()); err != nil {
		panic(err)
	}

	infer := coordinator.TargetID{Kind: coordinator.TargetService, Name: "infer"}
	source, err := kafkalag.New(kafkalag.Options{
		Client: client, // *kgo.Client
		Groups: []kafkalag.Group{{Target: infer, Group: "infer", Topics: []string{"prompts"}}},
	})
	if err != nil {
		panic(err)
	}
	samples, err := source.Read(context.Background(), []coordinator.Series{{Target: infer, Name: policy.InFlight}}, nil)
	if err != nil {
		panic(err)
	}
	service := coordinator.Service{
		Name: "infer", Max: 20,
		Useful: source.Useful(infer), // partitions, once it has been read; 0 before
		Policy: policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 100},
	}
	fmt.Println(samples[0].Value, samples[0].Quality, "- no more than", service.Useful, "have work")
	// Output: 250 ok - no more than 4 have work
}

package sim

import "time"

// A Workload is a stream of requests, a minute or any other span at a time.
type Workload interface {
	// Next fills c with the requests of the next span, or returns io.EOF. Spans
	// follow one another without gaps, from zero on.
	Next(c *Chunk) error
}

// A Chunk is the requests of one span [From, To) of time since the start.
type Chunk struct {
	From, To time.Duration
	// Streams has one entry per model that had a request so far, in order of
	// first appearance; a model keeps its index.
	Streams []Stream
}

// A Stream is what one model gets within a chunk.
type Stream struct {
	Model       string
	MeanService time.Duration // of the model's requests, as a user would know it; > 0
	Requests    []Request     // ascending by At
}

// A Request comes in at At and keeps a slot busy for Service, > 0.
type Request struct {
	At, Service time.Duration
}

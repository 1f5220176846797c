// Package load is the gateway's clients: a closed loop of workers, each of which
// waits for the answer before it asks again, at a rate that comes in waves.
package load

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// Options say how much to ask for, and for what.
type Options struct {
	URL     string // of the proxy
	Models  []string
	Peak    float64       // requests a second at the top of a wave, > 0
	Wave    time.Duration // from nothing over the peak to nothing
	Rest    time.Duration // without requests after each wave
	Waves   int
	Workers int           // requests at a time, at most
	Fragile float64       // the part of requests that may not be done twice; [0, 1]
	Timeout time.Duration // after which a client gives up
	Seed    uint64
	Second  func(Progress) // called once a second; may be nil
}

// A Progress is how far the clients are.
type Progress struct {
	At       time.Duration // since the start
	Rate     float64       // wanted now, in requests a second
	Sent     int           // since the start
	InFlight int
	Failed   int
}

// A Failure is a request without the answer that it should have.
type Failure struct {
	At     time.Time `json:"at"` // it was sent
	ID     string    `json:"id"`
	Model  string    `json:"model"`
	Twice  bool      `json:"twice"`  // it may be done twice
	Status int       `json:"status"` // 0: there was no answer
	Lost   string    `json:"lost"`   // the server that the proxy lost with it
	Text   string    `json:"text"`
}

// A Report is how the requests went.
type Report struct {
	Sent     int             `json:"sent"`
	Answered int             `json:"answered"`
	Resent   int             `json:"resent"` // of Answered: by more than one server's trying
	Fragile  int             `json:"fragile"`
	Servers  map[string]int  `json:"servers"` // of Answered, by who did
	Failures []Failure       `json:"failures"`
	Times    []time.Duration `json:"times"` // of Answered, unsorted
}

// Once is what the names of requests begin with that may not be done twice.
const Once = "once-"

// Up, top and down are the parts of a wave: a ramp, a plateau and a ramp.
const (
	up  = 0.3
	top = 0.4
)

// Rate is how many requests a second are wanted at an instant since the start.
func (o *Options) Rate(at time.Duration) float64 {
	if at >= o.Length() {
		return 0
	}
	part := float64(at%(o.Wave+o.Rest)) / float64(o.Wave)
	switch {
	case part >= 1:
		return 0
	case part < up:
		return o.Peak * part / up
	case part < up+top:
		return o.Peak
	}
	return o.Peak * (1 - part) / (1 - up - top)
}

// Length is how long all waves take.
func (o *Options) Length() time.Duration { return time.Duration(o.Waves) * (o.Wave + o.Rest) }

// clients are the workers of one run.
type clients struct {
	Options
	client *http.Client
	began  time.Time

	mu       sync.Mutex
	next     time.Duration // when the next request is due
	random   *mathrand.Rand
	inFlight int
	report   Report
}

// Run asks until the waves are over or ctx ends.
func Run(ctx context.Context, o Options) Report {
	c := &clients{
		Options: o, began: time.Now(), random: newRandom(o.Seed), report: Report{Servers: map[string]int{}},
		client: &http.Client{Timeout: o.Timeout, Transport: &http.Transport{MaxIdleConnsPerHost: o.Workers, DisableCompression: true}},
	}
	defer c.client.CloseIdleConnections()
	told, stop := context.WithCancel(ctx)
	var teller sync.WaitGroup
	teller.Go(func() { c.tell(told) })
	var all sync.WaitGroup
	for range o.Workers {
		all.Go(func() { c.work(ctx) })
	}
	all.Wait()
	stop()
	teller.Wait()
	return c.report
}

func newRandom(seed uint64) *mathrand.Rand { return mathrand.New(mathrand.NewPCG(seed, 1)) }

// work sends one request after the other.
func (c *clients) work(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		due, model, fragile, ok := c.ticket()
		if !ok {
			return
		}
		pause.Reset(due - time.Since(c.began))
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		c.send(ctx, model, fragile)
	}
}

// ticket says when the next request is due, and what for. When all workers wait
// for answers no tickets pile up: the loop is closed.
func (c *clients) ticket() (due time.Duration, model string, fragile, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	const step = 5 * time.Millisecond // while there is next to nothing to send
	due = max(c.next, time.Since(c.began))
	for due < c.Length() && c.Rate(due) < 1 {
		due += step
	}
	if due >= c.Length() {
		return 0, "", false, false
	}
	c.next = due + time.Duration(float64(time.Second)/c.Rate(due))
	// The first model gets half of the requests, the second half of the rest...
	pick := 0
	for pick < len(c.Models)-1 && c.random.IntN(2) == 0 {
		pick++
	}
	return due, c.Models[pick], c.random.Float64() < c.Fragile, true
}

// send sends a request and takes in how it went.
func (c *clients) send(ctx context.Context, model string, fragile bool) {
	id := rand.Text()
	if fragile {
		id = Once + id
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/v1/models/"+model+"/infer", bytes.NewReader([]byte("ask "+id)))
	if err != nil {
		panic(err) // of what we made ourselves
	}
	r.Header.Set(wire.RequestID, id)
	if !fragile {
		r.Header.Set(wire.IdempotencyKey, id)
	}
	c.count(1)
	defer c.count(-1)
	began := time.Now()
	resp, err := c.client.Do(r)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	took := time.Since(began)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Sent++
	if fragile {
		c.report.Fragile++
	}
	f := Failure{At: began, ID: id, Model: model, Twice: !fragile}
	switch {
	case err != nil && ctx.Err() != nil:
		c.report.Sent-- // we were told to end
	case err != nil:
		f.Text = err.Error()
		c.report.Failures = append(c.report.Failures, f)
	case resp.StatusCode != http.StatusOK || string(body) != "ask "+id:
		f.Status, f.Lost, f.Text = resp.StatusCode, resp.Header.Get(wire.Lost), fmt.Sprintf("%.200s", body)
		c.report.Failures = append(c.report.Failures, f)
	default:
		c.report.Answered++
		c.report.Servers[resp.Header.Get(wire.Server)]++
		c.report.Times = append(c.report.Times, took)
		if n, _ := strconv.Atoi(resp.Header.Get(wire.Attempts)); n > 1 {
			c.report.Resent++
		}
	}
}

func (c *clients) count(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight += n
}

// tell tells of the progress once a second.
func (c *clients) tell(ctx context.Context) {
	if c.Second == nil {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		at := time.Since(c.began)
		c.mu.Lock()
		p := Progress{At: at, Rate: c.Rate(at), Sent: c.report.Sent, InFlight: c.inFlight, Failed: len(c.report.Failures)}
		c.mu.Unlock()
		c.Second(p)
	}
}

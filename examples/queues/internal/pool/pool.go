// Package pool runs consumers in this process, so many as are wanted: it is the
// Actuator of the demonstration and of the tests. A real one would tell a
// Deployment.
package pool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/bellows-go/bellows/coordinator"
)

// A Consumer works until ctx ends, then finishes what it has begun and returns.
// It calls ready once it may get work. It returns earlier only with an error, and
// is then started again.
type Consumer func(ctx context.Context, ready func()) error

// A Pool is a coordinator.Actuator for services whose replicas are goroutines.
// What fences it is in memory, as its replicas are. It is safe for concurrent use.
type Pool struct {
	retry time.Duration // before a failed consumer is started again

	mu       sync.Mutex // guards what follows
	services map[string]*service
	closed   bool
	all      sync.WaitGroup
}

// A service is one kind of consumer.
type service struct {
	name    string
	consume Consumer

	state    coordinator.ServiceState // but Ready
	accepted map[string]bool          // IDs of actions of the state's Epoch and Generation
	version  int
	replicas []*replica // that are wanted, oldest first
	stopping int        // that finish what they have
	failures int
	last     error // why one failed
}

type replica struct {
	stop  context.CancelFunc
	ready bool
}

// New returns a pool of the consumers by the names of their services, none of
// which runs yet. One that fails is started again after retry.
func New(retry time.Duration, consumers map[string]Consumer) *Pool {
	p := &Pool{retry: retry, services: map[string]*service{}}
	for name, consume := range consumers {
		p.services[name] = &service{name: name, consume: consume, state: coordinator.ServiceState{Name: name, Version: "0"}, accepted: map[string]bool{}}
	}
	return p
}

// Observe reports all services.
func (p *Pool) Observe(ctx context.Context) (coordinator.World, error) {
	if err := ctx.Err(); err != nil {
		return coordinator.World{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var w coordinator.World
	for _, s := range p.services {
		state := s.state
		for _, r := range s.replicas {
			if r.ready {
				state.Ready++
			}
		}
		w.Services = append(w.Services, state)
	}
	slices.SortFunc(w.Services, func(a, b coordinator.ServiceState) int { return cmp.Compare(a.Name, b.Name) })
	return w, nil
}

// Apply starts or stops consumers. Those that stop finish what they have.
func (p *Pool) Apply(ctx context.Context, a coordinator.Action) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.services[a.Service]
	switch {
	case p.closed:
		return errors.New("pool: closed")
	case s == nil || a.Kind != coordinator.ScaleService:
		return fmt.Errorf("pool: %v: there is no such service", a)
	case a.Replicas < 0:
		return fmt.Errorf("pool: %v: a negative count", a)
	case a.Epoch < s.state.Epoch || a.Epoch == s.state.Epoch && a.Generation < s.state.Generation:
		return fmt.Errorf("pool: %v: %w", a, coordinator.ErrFenced)
	}
	same := a.Epoch == s.state.Epoch && a.Generation == s.state.Generation
	if same && s.accepted[a.ID] {
		return nil
	}
	if a.IfVersion != "" && a.IfVersion != s.state.Version {
		return fmt.Errorf("pool: %v: %w", a, coordinator.ErrConflict)
	}
	if !same {
		clear(s.accepted)
	}
	s.accepted[a.ID] = true
	s.version++
	s.state.Epoch, s.state.Generation, s.state.Desired, s.state.Version = a.Epoch, a.Generation, a.Replicas, strconv.Itoa(s.version)
	for len(s.replicas) < a.Replicas {
		p.start(s)
	}
	for len(s.replicas) > a.Replicas {
		last := len(s.replicas) - 1
		s.replicas[last].stop()
		s.replicas = s.replicas[:last]
		s.stopping++
	}
	return nil
}

// start runs one more consumer. The lock is held.
func (p *Pool) start(s *service) {
	ctx, stop := context.WithCancel(context.Background())
	r := &replica{stop: stop}
	s.replicas = append(s.replicas, r)
	p.all.Go(func() {
		defer stop()
		for ctx.Err() == nil {
			err := s.consume(ctx, func() { p.mark(r, true) })
			p.mark(r, false)
			if err != nil {
				p.failed(s, err)
			}
			pause := time.NewTimer(p.retry)
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		s.stopping--
	})
}

func (p *Pool) mark(r *replica, ready bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.ready = ready
}

func (p *Pool) failed(s *service, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.failures++
	s.last = err
}

// Failures is how often consumers of a service failed, and why the last one did.
func (p *Pool) Failures(service string) (n int, last error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.services[service]
	return s.failures, s.last
}

// Running is how many consumers of a service run, those that finish included.
func (p *Pool) Running(service string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.services[service]
	return len(s.replicas) + s.stopping
}

// Close stops all consumers and waits until they have finished.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	for _, s := range p.services {
		for _, r := range s.replicas {
			r.stop()
		}
		s.stopping += len(s.replicas)
		s.replicas = nil
	}
	p.mu.Unlock()
	p.all.Wait()
}

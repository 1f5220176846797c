// Package modelserver is the gateway's own model server: a process that loads
// models and serves requests for them, as far as a control plane can tell.
//
// Loading takes its time, memory has a limit, and so have the requests that a
// replica serves at once. The computing is left out: a request takes the time
// that its model takes, and is answered with what it asked.
//
// Told to end, a server says so and serves on: the control plane moves its
// replicas elsewhere and unloads them here, and then it ends. It does not wait
// for that longer than its grace period.
package modelserver

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// Options are what a server is started with.
type Options struct {
	Name     string
	Token    string           // by which the control plane knows it again
	Capacity map[string]int64 // what its replicas' needs add up to at most
	Boot     time.Duration    // until it is up
	Grace    time.Duration    // how long it serves on when it was told to end
	Faults   bool             // it can be told to crash and to hang
	Journal  *os.File         // every request that it began or refused; may be nil
}

// closing is how long requests in flight may take when the grace period is over,
// and flushing how long the ends of answers may.
const (
	closing  = 5 * time.Second
	flushing = 500 * time.Millisecond
)

// A Server is a model server. New makes one.
type Server struct {
	Options
	id proc.ID

	mu       sync.Mutex
	since    time.Time // of up or not
	up       bool
	leaving  bool
	over     bool // the grace period is
	inFlight int
	replicas map[key]*replica
	changed  chan struct{} // has room for one: something may have become idle
}

type key struct{ model, version string }

// A replica is a model that is loading or loaded. What ends its context ends its
// requests.
type replica struct {
	order    wire.LoadOrder
	phase    string
	since    time.Time
	inFlight int
	ctx      context.Context
	cancel   context.CancelFunc
}

// New returns a server that is booting.
func New(o Options) (*Server, error) {
	id, err := proc.Self()
	if err != nil {
		return nil, err
	}
	return &Server{Options: o, id: id, since: time.Now(), replicas: map[key]*replica{}, changed: make(chan struct{}, 1)}, nil
}

// Run serves until ctx ends, and then until nothing is left to serve or the grace
// period is over.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	web := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- web.Serve(l) }()
	boot := time.AfterFunc(s.Boot, s.boot)
	defer boot.Stop()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.leave()
	s.until(s.Grace, func() bool { return len(s.replicas) == 0 && s.inFlight == 0 })
	s.close()
	s.until(closing, func() bool { return s.inFlight == 0 })
	// What is in flight now are ends of answers, and connections that nobody uses.
	last, cancel := context.WithTimeout(context.Background(), flushing)
	defer cancel()
	err := web.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = web.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// until waits until is says so, under the lock, but not longer than limit.
func (s *Server) until(limit time.Duration, is func() bool) {
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		s.mu.Lock()
		done := is()
		s.mu.Unlock()
		if done {
			return
		}
		select {
		case <-s.changed:
		case <-late.C:
			return
		}
	}
}

func (s *Server) boot() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up, s.since = true, time.Now()
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaving = true
}

func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// wake makes Run look again.
func (s *Server) wake() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// state is how the server sees itself.
func (s *Server) state() wire.ServerState {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := wire.ServerState{
		Name: s.Name, Token: s.Token, Process: s.id, Up: s.up, Since: s.since, Leaving: s.leaving,
		Capacity: s.Capacity, Used: s.used(),
	}
	keys := slices.SortedFunc(maps.Keys(s.replicas), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.model, b.model), cmp.Compare(a.version, b.version))
	})
	for _, k := range keys {
		r := s.replicas[k]
		state.Replicas = append(state.Replicas, wire.ReplicaState{
			Model: k.model, ModelVersion: k.version, Phase: r.phase, Since: r.since, InFlight: r.inFlight,
		})
	}
	return state
}

// used adds up the needs of all replicas, whatever their phase.
func (s *Server) used() map[string]int64 {
	used := map[string]int64{}
	for _, r := range s.replicas {
		for what, n := range r.order.Needs {
			used[what] += n
		}
	}
	return used
}

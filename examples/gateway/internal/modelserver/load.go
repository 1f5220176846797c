package modelserver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

var (
	errBooting = errors.New("the server boots or is leaving: it takes nothing new")
	errNoRoom  = errors.New("no room")
)

// load begins to load a replica, unless it is there.
func (s *Server) load(o wire.LoadOrder) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{o.Model, o.ModelVersion}
	if s.replicas[k] != nil {
		return nil
	}
	if !s.up || s.leaving {
		return errBooting
	}
	used := s.used()
	for what, n := range o.Needs {
		if n < 0 || n > s.Capacity[what]-used[what] {
			return fmt.Errorf("%w: %d %s of %d are free, %s needs %d", errNoRoom, s.Capacity[what]-used[what], what, s.Capacity[what], o.Model, n)
		}
	}
	r := &replica{order: o, phase: wire.Loading, since: time.Now()}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	s.replicas[k] = r
	time.AfterFunc(o.LoadTime, func() { s.loaded(r) })
	return nil
}

// loaded ends a load, of a replica that may be gone by then.
func (s *Server) loaded(r *replica) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.phase, r.since = wire.Loaded, time.Now()
}

// unload takes a replica away, if it is there. Requests that it still serves end
// without an answer.
func (s *Server) unload(o wire.LoadOrder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := key{o.Model, o.ModelVersion}
	if r := s.replicas[k]; r != nil {
		r.cancel()
		delete(s.replicas, k)
		s.wake()
	}
}

// begin takes a request in. It returns the replica that serves it, or why it is
// refused.
func (s *Server) begin(server, model, version string) (r *replica, refused string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r = s.replicas[key{model, version}]
	switch {
	case server != "" && server != s.Name:
		return nil, wire.RefusedStranger
	case s.over:
		return nil, wire.RefusedLeaving
	case r == nil || r.phase != wire.Loaded:
		return nil, wire.RefusedNotLoaded
	case r.order.Slots > 0 && r.inFlight >= r.order.Slots:
		return nil, wire.RefusedFull
	}
	r.inFlight++
	s.inFlight++
	return r, ""
}

func (s *Server) end(r *replica) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.inFlight--
	s.inFlight--
	s.wake()
}

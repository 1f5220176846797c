// Package control is the gateway's control plane: a Coordinator between the
// proxy's counts and the fleet of server processes, with the debug page and
// metrics beside it.
//
// It can be killed at any time. What it needs to go on is in its directory: the
// fleet's records, what the planner remembers, and how many control planes there
// have been, which makes the epoch: one that is not quite dead acts no more when
// the next has begun. Requests are served meanwhile by what is there.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/debug"
	"github.com/bellows-go/bellows/examples/gateway/internal/config"
	"github.com/bellows-go/bellows/examples/gateway/internal/fleet"
	"github.com/bellows-go/bellows/examples/gateway/internal/store"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// Options are what a control plane is started with.
type Options struct {
	Config   config.Config
	Dir      string // that holds its state
	Proxy    string // URL of the proxy's side for the control plane
	Command  func(group, name, token string) *exec.Cmd
	Lifeline *os.File                         // that servers hang on; may be nil
	Say      func(format string, args ...any) // a line of what happens
}

// DebugPath is where the debug page is.
const DebugPath = "/debug/bellows/"

// tending is the time between two looks at the processes.
const tending = 100 * time.Millisecond

// A plane is a control plane that runs.
type plane struct {
	Options
	fleet *fleet.Fleet
	loop  *coordinator.Coordinator
	pages *debug.Handler
	saved store.Document // what the planner remembers
	epoch uint64

	mu      sync.Mutex
	figures figures // of the last tick
	counts  counts
	told    map[string]bool // errors that have been said, until they are over
}

// Open opens the fleet of a control plane's directory.
func Open(ctx context.Context, o Options) (*fleet.Fleet, error) {
	return fleet.Open(ctx, fleet.Options{
		Dir: filepath.Join(o.Dir, "groups"), Groups: o.Config.Declarations.Groups, Orders: o.Config.Orders(),
		Proxy: o.Proxy, Command: o.Command, Lifeline: o.Lifeline, Silence: o.Config.Silence + time.Second, Log: o.Say,
	})
}

// Run runs a control plane, with its pages on l, until ctx ends. The servers stay.
func Run(ctx context.Context, l net.Listener, o Options) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	epoch, err := store.Document(filepath.Join(o.Dir, "epoch.json")).Count(ctx)
	if err != nil {
		return err
	}
	f, err := Open(ctx, o)
	if err != nil {
		return err
	}
	defer f.Close()
	p := &plane{
		Options: o, fleet: f, epoch: epoch, saved: store.Document(filepath.Join(o.Dir, "planner.json")),
		pages: debug.New(debug.Options{Title: "Gateway"}), told: map[string]bool{},
	}
	planner, err := p.planner()
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2}}
	defer client.CloseIdleConnections()
	source := &Source{Proxy: o.Proxy, Client: client}
	timeout := max(o.Config.Interval, time.Second)
	p.loop, err = coordinator.New(planner, source, f, coordinator.Options{
		Interval: o.Config.Interval, ReadTimeout: timeout, ObserveTimeout: timeout, ApplyTimeout: timeout, MaxBackoff: 5 * time.Second, OnTick: p.tick,
	})
	if err != nil {
		return err
	}
	p.pages.Watch(p.loop)
	for _, w := range coordinator.Lint(o.Config.Declarations, o.Config.Interval) {
		p.Say("warning: %v", w)
	}

	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return ended(ctx, p.loop.Run(ctx)) })
	all.Go(func() error { p.tend(ctx); return nil })
	all.Go(func() error { return p.serve(ctx, l) })
	return all.Wait()
}

// ended makes nothing of the error that only says that ctx has.
func ended(ctx context.Context, err error) error {
	if errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}

// planner is one that remembers what the last one did, if that can be read.
func (p *plane) planner() (*coordinator.Planner, error) {
	planner, err := coordinator.NewPlanner(p.Config.Declarations, coordinator.PlannerOptions{
		Epoch: p.epoch, Stale: 3 * time.Second, StartupWait: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	var state json.RawMessage
	err = p.saved.Read(&state)
	if err == nil {
		err = planner.Restore(state)
	}
	switch {
	case err == nil:
		p.Say("epoch %d: goes on from what the last one remembered", p.epoch)
	case errors.Is(err, store.ErrNone):
		p.Say("epoch %d: starts from what it finds", p.epoch)
	default:
		p.Say("epoch %d: starts from what it finds: %v", p.epoch, err)
	}
	return planner, nil
}

// tend looks after the processes until ctx ends. What happens there is news to
// the loop.
func (p *plane) tend(ctx context.Context) {
	ticker := time.NewTicker(tending)
	defer ticker.Stop()
	for {
		happened, err := p.fleet.Tend(ctx)
		if ctx.Err() != nil {
			return
		}
		p.complain("tend", err)
		if happened {
			p.loop.Wake()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// serve serves the pages.
func (p *plane) serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle(DebugPath, p.pages)
	mux.Handle("GET /{$}", http.RedirectHandler(DebugPath, http.StatusFound))
	mux.HandleFunc("GET /metrics", p.metrics)
	web := &http.Server{Handler: wire.Local(mux), ReadHeaderTimeout: 10 * time.Second}
	web.RegisterOnShutdown(p.pages.Close)
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = web.Shutdown(last) // who is not done then is cut off
	})
	defer stop()
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

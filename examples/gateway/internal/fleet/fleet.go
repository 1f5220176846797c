// Package fleet is the gateway's Actuator: it makes the servers that a plan wants
// out of processes of this machine.
//
// What was wished is kept in a file for each group, with the processes there are
// on its account. Apply changes the file and begins what follows from that; Tend,
// called again and again, finishes it: it starts what is missing, ends what is
// to go, notices what has crashed, kills what hangs, and tells the proxy its
// routes when it does not have them. A Fleet that opens a directory finds what
// another left there, and adopts the processes by their number and birth.
//
// Who knows what: the file, what is wished; a server, what it has loaded; the
// proxy, where requests go and how many are in flight.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/gateway/internal/store"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// Options are what a fleet is opened with.
type Options struct {
	Dir    string // of the records and of the servers' logs
	Groups []coordinator.ServerGroup
	Orders map[string]wire.LoadOrder // by model: how it is loaded
	Proxy  string                    // URL of its side for the control plane
	// Command is the process of a server, which proc.Start is to start.
	Command  func(group, name, token string) *exec.Cmd
	Lifeline *os.File // that the servers hang on; may be nil

	Silence time.Duration // after which a server that does not answer is killed, five times as long while it boots; 0 is 3 s
	Ending  time.Duration // after which one that was told to end is killed; 0 is 15 s
	Log     func(format string, args ...any)
}

// ask is how long a server is given to say how it is.
const ask = 500 * time.Millisecond

// Errors of actions on what there is not, or that make no sense.
var errImpossible = errors.New("fleet: not possible")

// A Fleet is a coordinator.Actuator. Open makes one. It is safe for concurrent
// use, and shares a directory with other processes.
type Fleet struct {
	Options
	groups   []*group // sorted by name
	client   *http.Client
	children sync.WaitGroup

	mu    sync.Mutex
	heard map[string]*hearing // by token of the server
}

// A group is a declared server group and where its record is.
type group struct {
	coordinator.ServerGroup
	record store.Document
}

// A hearing is what is known of a server that may have fallen silent.
type hearing struct {
	last    time.Time // it answered Tend, or was first asked
	missed  int       // answers since
	leaving bool      // as anybody was told
}

// Open returns the fleet that a directory tells of, or a new one.
func Open(ctx context.Context, o Options) (*Fleet, error) {
	o.Silence = cmp.Or(o.Silence, 3*time.Second)
	o.Ending = cmp.Or(o.Ending, 15*time.Second)
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	f := &Fleet{Options: o, heard: map[string]*hearing{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
	for _, g := range o.Groups {
		dir := filepath.Join(o.Dir, g.Name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("fleet: %w", err)
		}
		f.groups = append(f.groups, &group{g, store.Document(filepath.Join(dir, "record.json"))})
	}
	slices.SortFunc(f.groups, func(a, b *group) int { return cmp.Compare(a.Name, b.Name) })
	for _, g := range f.groups {
		err := g.change(ctx, func(r *record) error {
			for _, s := range r.Servers {
				if s.Process.Alive() {
					f.Log("server %s is adopted: process %d, port %d", s.Name, s.Process.Pid, s.Port)
				}
			}
			return nil
		})
		if errors.Is(err, store.ErrNone) {
			err = g.record.Write(record{Group: g.Name}, false)
		}
		if err != nil {
			return nil, fmt.Errorf("fleet: group %s: %w", g.Name, err)
		}
	}
	return f, nil
}

// Close lets go of connections. The servers stay.
func (f *Fleet) Close() { f.client.CloseIdleConnections() }

// Wait waits for the servers that this fleet started to end.
func (f *Fleet) Wait() { f.children.Wait() }

func (f *Fleet) group(name string) *group {
	for _, g := range f.groups {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// change lets do change a group's record, which nobody else does meanwhile. On an
// error nothing is written but what do wrote itself.
func (g *group) change(ctx context.Context, do func(*record) error) error {
	unlock, err := g.record.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	var r record
	if err := g.record.Read(&r); err != nil {
		return err
	}
	if err := do(&r); err != nil {
		return err
	}
	return g.write(&r)
}

// write writes a record that was changed. It need not outlive the machine: the
// processes that it tells of do not.
func (g *group) write(r *record) error {
	if !r.changed {
		return nil
	}
	r.changed = false
	return g.record.Write(r, false)
}

// ask asks servers how they are. Those that do not answer are not in the result.
// Whoever asks, that a server leaves is noted: it may have ended before the next
// question.
func (f *Fleet) ask(ctx context.Context, servers []*server) map[string]*wire.ServerState {
	ctx, cancel := context.WithTimeout(ctx, ask)
	defer cancel()
	var mu sync.Mutex
	states := map[string]*wire.ServerState{}
	var all errgroup.Group
	for _, s := range servers {
		if s.Port == 0 {
			continue
		}
		all.Go(func() error {
			var state wire.ServerState
			err := wire.Call(ctx, f.client, http.MethodGet, "http://"+s.addr()+"/state", nil, &state)
			if err != nil || state.Token != s.Token { // nobody answers, or another listens there now
				return nil
			}
			if state.Leaving {
				f.noteLeaving(s)
			}
			mu.Lock()
			defer mu.Unlock()
			states[s.Token] = &state
			return nil
		})
	}
	_ = all.Wait() // no answer is no error
	return states
}

// push tells the proxy the routes of a group.
func (f *Fleet) push(ctx context.Context, r *record) error {
	routes := wire.GroupRoutes{Group: r.Group, Version: r.Routes}
	for _, s := range r.Servers {
		for _, x := range s.Replicas {
			if x.Routing != "" {
				routes.Routes = append(routes.Routes, wire.Route{
					Server: s.Name, Addr: s.addr(), Model: x.Model, ModelVersion: x.ModelVersion,
					Slots: f.Orders[x.Model].Slots, Draining: x.Routing == draining, Since: x.Since,
				})
			}
		}
	}
	if err := wire.Call(ctx, f.client, http.MethodPut, f.Proxy+"/routes", routes, nil); err != nil {
		return fmt.Errorf("fleet: routes of %s: %w", r.Group, err)
	}
	r.rerouted = false
	return nil
}

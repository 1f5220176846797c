package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// A server that crashes is replaced at once, unless it was young and another had
// crashed shortly before: then with growing delays.
const (
	youth      = 10 * time.Second
	delayFirst = 250 * time.Millisecond
	delayMost  = 30 * time.Second
)

// misses is how many questions a server must leave unanswered, besides all the
// time that it has for it, before it is taken to hang: this process may have been
// what stood still.
const misses = 3

// Tend makes the processes, and the proxy's routes, what the records say. It
// reports whether anything happened that an Observe would show. A group that
// cannot be tended holds up no other.
func (f *Fleet) Tend(ctx context.Context) (happened bool, err error) {
	var routes wire.Routes
	unheard := wire.Call(ctx, f.client, http.MethodGet, f.Proxy+"/routes", nil, &routes)
	if unheard != nil {
		err = fmt.Errorf("fleet: routes: %w", unheard)
	}
	for _, g := range f.groups {
		did, failed := f.tend(ctx, g, &routes, unheard == nil)
		happened = happened || did
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("fleet: group %s: %w", g.Name, failed))
		}
	}
	return happened, err
}

func (f *Fleet) tend(ctx context.Context, g *group, routes *wire.Routes, routesKnown bool) (happened bool, err error) {
	var before record
	if err := g.record.Read(&before); err != nil {
		return false, err
	}
	states := f.ask(ctx, before.Servers) // not under the lock: it may take long
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	err = g.change(ctx, func(r *record) error {
		happened = f.check(r, states)
		if now := time.Now(); !now.Before(r.RetryAt) {
			r.grow(g.Removal, now)
		}
		happened = happened || r.changed
		if err := g.write(r); err != nil {
			return err
		}
		f.start(g, r)
		var has uint64
		for i := range routes.Groups {
			if routes.Groups[i].Group == g.Name {
				has = routes.Groups[i].Version
			}
		}
		if !routesKnown || has == r.Routes && !r.rerouted {
			return nil
		}
		if has > r.Routes { // by another directory's doing
			r.Routes = has
			r.reroute(time.Now())
			if err := g.write(r); err != nil {
				return err
			}
		}
		happened = true
		return f.push(ctx, r)
	})
	return happened, err
}

// check looks after each server of a group. It reports whether one came up or
// went away.
func (f *Fleet) check(r *record, states map[string]*wire.ServerState) (happened bool) {
	now := time.Now()
	for _, s := range append([]*server(nil), r.Servers...) {
		state := states[s.Token]
		h := f.hear(s, state, now)
		switch {
		case s.Port == 0: // to be started
			if !s.stays() {
				r.drop(s)
			}
		case s.Process.Pid == 0: // it was about to be started when somebody stopped
			if state != nil {
				s.Process, r.changed = state.Process, true
				f.Log("server %s adopted: process %d, port %d", s.Name, s.Process.Pid, s.Port)
			} else if h.missed >= misses && now.Sub(h.last) > f.Silence {
				r.drop(s)
			}
		case !s.Process.Alive():
			f.bury(r, s, h, now)
			happened = true
		case !s.stays() && now.Sub(s.Removing) > f.Ending:
			f.Log("server %s does not end: killed", s.Name)
			_ = s.Process.Signal(syscall.SIGKILL) // gone is as good
		case h.missed >= misses && now.Sub(h.last) > f.patience(s):
			f.Log("server %s has not answered for %v: killed", s.Name, now.Sub(h.last).Round(time.Millisecond))
			_ = s.Process.Signal(syscall.SIGKILL)
		}
		if s.Up.IsZero() && state != nil && state.Up {
			s.Up, r.changed, happened = state.Since, true, true
		}
	}
	return happened
}

// patience is how long a server may be silent. One that boots has not shown yet
// how long it takes to answer.
func (f *Fleet) patience(s *server) time.Duration {
	if s.Up.IsZero() {
		return 5 * f.Silence
	}
	return f.Silence
}

// hear notes whether a server has answered.
func (f *Fleet) hear(s *server, state *wire.ServerState, now time.Time) hearing {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.hearing(s, now)
	if state != nil {
		h.last, h.missed = now, 0
	} else {
		h.missed++
	}
	return *h
}

// noteLeaving notes that a server has said that it leaves. It never stays after
// all.
func (f *Fleet) noteLeaving(s *server) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hearing(s, time.Now()).leaving = true
}

// hearing is what is known of a server. f.mu must be held.
func (f *Fleet) hearing(s *server, now time.Time) *hearing {
	h := f.heard[s.Token]
	if h == nil {
		h = &hearing{last: now}
		f.heard[s.Token] = h
	}
	return h
}

// delay is how long a group waits after so many crashes in a row.
func delay(crashes int) time.Duration {
	if crashes == 0 {
		return 0
	}
	return min(delayFirst<<min(crashes-1, 20), delayMost)
}

// bury forgets a server whose process has ended.
func (f *Fleet) bury(r *record, s *server, h hearing, now time.Time) {
	f.mu.Lock()
	delete(f.heard, s.Token)
	f.mu.Unlock()
	r.drop(s)
	if !s.stays() || h.leaving {
		f.Log("server %s has ended", s.Name)
		return
	}
	if now.Sub(s.Ordered) < youth && now.Sub(r.Crashed) < youth+delay(r.Crashes) {
		r.Crashes++
		r.RetryAt = now.Add(delay(r.Crashes))
	} else {
		r.Crashes, r.RetryAt = 0, time.Time{}
	}
	r.Crashed = now
	f.Log("server %s crashed (process %d); another one in %v", s.Name, s.Process.Pid, max(0, r.RetryAt.Sub(now)))
}

// start starts what is ordered and not started. The port is noted before, so that
// whoever comes next finds the process even if nobody notes its number. What
// fails is tried again.
func (f *Fleet) start(g *group, r *record) {
	for _, s := range r.Servers {
		if s.Port != 0 || !s.stays() {
			continue
		}
		if err := f.startOne(g, r, s); err != nil {
			f.Log("server %s: %v", s.Name, err)
			return
		}
	}
}

func (f *Fleet) startOne(g *group, r *record, s *server) error {
	l, err := proc.Listen()
	if err != nil {
		return err
	}
	defer l.Close() // the process has its own
	log, err := os.OpenFile(filepath.Join(filepath.Dir(string(g.record)), s.Name+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	s.Port, r.changed = proc.Port(l), true
	if err := g.write(r); err != nil {
		return err
	}
	cmd := f.Command(g.Name, s.Name, s.Token)
	cmd.Stdout, cmd.Stderr = log, log
	if s.Process, err = proc.Start(cmd, l, f.Lifeline); err != nil {
		s.Port, r.changed = 0, true
		return errors.Join(err, g.write(r))
	}
	f.children.Go(func() { _ = cmd.Wait() }) // how it ended is in its log
	r.changed = true
	f.Log("server %s starts: process %d, port %d", s.Name, s.Process.Pid, s.Port)
	return g.write(r)
}

// end tells servers that are to go to end.
func (f *Fleet) end(r *record) {
	for _, s := range r.Servers {
		if !s.stays() && s.Process.Pid != 0 {
			_ = s.Process.Signal(syscall.SIGTERM) // gone is as good, and Tend has the last word
		}
	}
}

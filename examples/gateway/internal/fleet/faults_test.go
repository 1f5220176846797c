package fleet

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
	"github.com/bellows-go/bellows/examples/gateway/internal/proxy"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// A trial is a world in which one server serves llama.
type trial struct {
	*testing.T
	*world
	*Fleet
	sent int
}

func newTrial(t *testing.T) *trial {
	w := newWorld(t.TempDir())
	f, err := w.fleet()
	require.NoError(t, err)
	t.Cleanup(w.close)
	r := &trial{T: t, world: w, Fleet: f}
	r.apply(coordinator.Action{Kind: coordinator.ScaleGroup, Group: "gpu", Replicas: 1})
	for _, k := range []coordinator.Kind{coordinator.Load, coordinator.Route} {
		r.apply(coordinator.Action{Kind: k, Group: "gpu", Server: "gpu-0", Model: "llama"})
	}
	require.Equal(t, coordinator.Serving, r.servers()[0].Replicas[0].Phase)
	return r
}

func (r *trial) apply(a coordinator.Action) {
	r.sent++
	a.ID, a.Epoch, a.Generation = a.String(), 1, uint64(r.sent)
	require.NoError(r, r.Apply(r.Context(), a))
	r.settle()
}

// servers are those of the group gpu.
func (r *trial) servers() []coordinator.ServerState {
	w, err := r.Observe(r.Context())
	require.NoError(r, err)
	return w.Groups[1].Servers
}

// edit changes the record of the group gpu.
func (r *trial) edit(do func(*record)) {
	require.NoError(r, r.group("gpu").change(r.Context(), func(rec *record) error { do(rec); rec.changed = true; return nil }))
}

// read is the record of the group gpu.
func (r *trial) read() (rec record) {
	require.NoError(r, r.group("gpu").record.Read(&rec))
	return rec
}

// tends tends until is says so.
func (r *trial) tends(is func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	require.NoError(r, until(ctx, func() bool {
		_, err := r.Tend(ctx)
		require.NoError(r, err)
		return is()
	}))
}

func (r *trial) fault(what string) {
	s := r.read().Servers[0]
	ctx, cancel := context.WithTimeout(r.Context(), 200*time.Millisecond)
	defer cancel()
	_ = wire.Call(ctx, http.DefaultClient, http.MethodPost, "http://"+s.addr()+"/fault/"+what, nil, nil) // it cannot answer
}

// routes is how many routes the proxy has.
func (r *trial) routes() int {
	n := 0
	for _, g := range r.proxy.Routes().Groups {
		n += len(g.Routes)
	}
	return n
}

func TestCrashedServerIsReplaced(t *testing.T) {
	r := newTrial(t)
	before := r.read().Servers[0].Process
	r.fault("crash")
	r.tends(func() bool {
		s := r.servers()
		return len(s) == 1 && s[0].Name == "gpu-1" && s[0].Phase == coordinator.Up
	})
	require.Empty(t, r.servers()[0].Replicas)
	require.Zero(t, r.routes(), "nobody is sent to where nobody is")
	require.False(t, before.Alive())
	require.False(t, r.read().Crashed.IsZero(), "it crashed")
}

func TestHungServerIsHeldThenKilled(t *testing.T) {
	r := newTrial(t)
	r.Silence = 10 * time.Millisecond // and the answers that it must miss
	before := r.read().Servers[0].Process
	r.fault("hang")
	s := r.servers()
	require.Len(t, s, 1)
	require.Equal(t, coordinator.Serving, s[0].Replicas[0].Phase, "a server that does not answer is not taken for gone")
	r.tends(func() bool {
		s := r.servers()
		return len(s) == 1 && s[0].Name == "gpu-1" && s[0].Phase == coordinator.Up
	})
	require.False(t, before.Alive())
	require.Zero(t, r.routes())
}

// A control plane that is killed between the start of a server and the note of its
// process leaves a port and a token.
func TestServerThatNobodyNotedIsAdopted(t *testing.T) {
	r := newTrial(t)
	before := r.read().Servers[0].Process
	r.edit(func(rec *record) { rec.Servers[0].Process = proc.ID{} })
	require.Equal(t, coordinator.Serving, r.servers()[0].Replicas[0].Phase)
	r.tends(func() bool { return r.read().Servers[0].Process == before })
	require.Equal(t, "gpu-0", r.servers()[0].Name)
}

func TestServerThatNeverStartedIsReplaced(t *testing.T) {
	r := newTrial(t)
	r.Silence = 10 * time.Millisecond
	l, err := proc.Listen()
	require.NoError(t, err)
	port := proc.Port(l)
	require.NoError(t, l.Close())
	r.edit(func(rec *record) {
		rec.Desired = 2
		rec.grow(coordinator.Free, time.Now())
		rec.Servers[1].Port = port
	})
	require.Equal(t, coordinator.Booting, r.servers()[1].Phase)
	r.tends(func() bool {
		s := r.servers()
		return len(s) == 2 && s[1].Name == "gpu-2" && s[1].Phase == coordinator.Up
	})
}

// A load that the server took and nobody noted is found at the server.
func TestLoadThatNobodyNotedCanBeRouted(t *testing.T) {
	r := newTrial(t)
	s := r.read().Servers[0]
	order := wire.LoadOrder{Model: "whisper"}
	require.NoError(t, wire.Call(t.Context(), http.DefaultClient, http.MethodPost, "http://"+s.addr()+"/load", order, nil))
	r.settle()
	require.Equal(t, coordinator.Loaded, r.servers()[0].Replicas[1].Phase)
	r.apply(coordinator.Action{Kind: coordinator.Route, Group: "gpu", Server: "gpu-0", Model: "whisper"})
	require.Equal(t, coordinator.Serving, r.servers()[0].Replicas[1].Phase)
	require.Equal(t, 2, r.routes())
}

func TestProxyThatForgotIsToldAgain(t *testing.T) {
	r := newTrial(t)
	r.admin.Config.Handler = proxy.New(proxy.Options{Models: []string{"llama", "whisper"}}).Admin()
	require.Equal(t, coordinator.Loaded, r.servers()[0].Replicas[0].Phase, "it serves nobody, whatever was wished")
	// Whoever takes it for unused must not have it: it may be told again meanwhile.
	err := r.Apply(t.Context(), coordinator.Action{
		ID: "unload", Kind: coordinator.Unload, Group: "gpu", Server: "gpu-0", Model: "llama", Epoch: 1, Generation: uint64(r.sent + 1),
	})
	require.ErrorIs(t, err, coordinator.ErrConflict)
	r.tends(func() bool { return r.servers()[0].Replicas[0].Phase == coordinator.Serving })
}

// A proxy may have routes of a directory that there was before this one.
func TestProxyThatKnowsLaterRoutes(t *testing.T) {
	r := newTrial(t)
	later := uint64(time.Now().Add(time.Hour).UnixNano())
	require.True(t, r.proxy.SetRoutes(wire.GroupRoutes{Group: "gpu", Version: later}))
	r.tends(func() bool { return r.servers()[0].Replicas[0].Phase == coordinator.Serving })
}

func TestNoProxyNoWorld(t *testing.T) {
	r := newTrial(t)
	proxy := httptest.NewServer(http.NotFoundHandler())
	defer proxy.Close()
	r.Proxy = proxy.URL
	_, err := r.Observe(t.Context())
	require.Error(t, err, "who knows where requests go without it?")
	_, err = r.Tend(t.Context())
	require.Error(t, err)
}

// A server that is told to end by somebody else says so and serves on, until its
// last replica is taken away.
func TestServerThatLeaves(t *testing.T) {
	r := newTrial(t)
	s := r.read().Servers[0]
	require.NoError(t, s.Process.Signal(15))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, until(ctx, func() bool { return r.servers()[0].Leaving }))
	require.Equal(t, coordinator.Serving, r.servers()[0].Replicas[0].Phase)
	for _, k := range []coordinator.Kind{coordinator.Unroute, coordinator.Unload} {
		require.NoError(t, r.Apply(t.Context(), coordinator.Action{
			ID: k.String(), Kind: k, Group: "gpu", Server: "gpu-0", Model: "llama", Epoch: 1, Generation: uint64(r.sent + 1),
		}))
	}
	// It has ended before Tend could ask it: only Observe was told.
	require.NoError(t, until(ctx, func() bool { return !s.Process.Alive() }))
	r.tends(func() bool { s := r.servers(); return len(s) == 1 && s[0].Name == "gpu-1" })
	require.Zero(t, r.read().Crashes)
	require.True(t, r.read().Crashed.IsZero(), "it did not crash")
}

// What replaces servers that crash again and again takes its time.
func TestCrashLoop(t *testing.T) {
	f := &Fleet{Options: Options{Log: func(string, ...any) {}}, heard: map[string]*hearing{}}
	r := &record{Group: "gpu", Desired: 1}
	now := time.Unix(1e9, 0)
	die := func(age time.Duration) time.Duration {
		r.grow(coordinator.Free, now)
		now = now.Add(age)
		f.bury(r, r.Servers[0], hearing{}, now)
		require.Empty(t, r.Servers)
		wait := max(0, r.RetryAt.Sub(now))
		now = now.Add(wait)
		return wait
	}
	var waits []time.Duration
	for range 10 {
		waits = append(waits, die(time.Second))
	}
	ms := time.Millisecond
	require.Equal(t, []time.Duration{0, 250 * ms, 500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 16000 * ms, 30000 * ms, 30000 * ms}, waits)
	require.Zero(t, die(youth), "one that lived for a while")
	require.Equal(t, 250*ms, die(time.Second))
	now = now.Add(time.Hour)
	require.Zero(t, die(time.Second), "the last crash is long ago")
}

// Under free removal only what was named goes, and what nobody has seen up.
func TestShrink(t *testing.T) {
	now := time.Unix(1e9, 0)
	left := func(removal coordinator.Removal, desired int, victims ...string) (names []string) {
		r := &record{Group: "gpu", Desired: 4}
		r.grow(removal, now)
		for _, s := range r.Servers[:3] {
			s.Up = now
		}
		r.Desired = desired
		r.shrink(removal, victims, now)
		for _, s := range r.Servers {
			if s.stays() {
				names = append(names, s.Name)
			}
		}
		return names
	}
	require.Equal(t, []string{"gpu-0", "gpu-2", "gpu-3"}, left(coordinator.Free, 3, "gpu-1"))
	require.Equal(t, []string{"gpu-0", "gpu-2"}, left(coordinator.Free, 2, "gpu-1"), "gpu-3 was not up")
	require.Equal(t, []string{"gpu-0", "gpu-1", "gpu-2"}, left(coordinator.Free, 1), "these were, and nobody named them")
	require.Equal(t, []string{"gpu-0"}, left(coordinator.Ordinal, 1))
}

func TestGrow(t *testing.T) {
	names := func(removal coordinator.Removal) (names []string) {
		r := &record{Group: "gpu", Desired: 3}
		r.grow(removal, time.Now())
		r.Servers = slices.Delete(r.Servers, 1, 2)
		r.grow(removal, time.Now())
		for _, s := range r.Servers {
			names = append(names, s.Name)
		}
		return names
	}
	require.Equal(t, []string{"gpu-0", "gpu-2", "gpu-3"}, names(coordinator.Free), "a name is never used again")
	require.Equal(t, []string{"gpu-0", "gpu-2", "gpu-1"}, names(coordinator.Ordinal), "the lowest that is free")
}

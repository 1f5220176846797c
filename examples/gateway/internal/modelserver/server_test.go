package modelserver

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// A trial is a server that runs until its context ends.
type trial struct {
	*testing.T
	url     string
	stop    context.CancelFunc
	ended   chan error
	journal string
}

func newTrial(t *testing.T, o Options) *trial {
	journal, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	require.NoError(t, err)
	t.Cleanup(func() { journal.Close() })
	o.Name, o.Token, o.Journal = "gpu-0", "secret", journal
	s, err := New(o)
	require.NoError(t, err)
	l, err := proc.Listen()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	r := &trial{T: t, url: "http://" + l.Addr().String(), stop: cancel, ended: make(chan error, 1), journal: journal.Name()}
	go func() { r.ended <- s.Run(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		http.DefaultClient.CloseIdleConnections()
	})
	r.becomes(func(state wire.ServerState) bool { return state.Up })
	return r
}

func (r *trial) state() (state wire.ServerState) {
	require.NoError(r, wire.Call(r.Context(), http.DefaultClient, "GET", r.url+"/state", nil, &state))
	return state
}

func (r *trial) becomes(is func(wire.ServerState) bool) {
	r.Helper()
	require.Eventually(r, func() bool { return is(r.state()) }, 10*time.Second, time.Millisecond)
}

func (r *trial) load(model string, gib int64, slots int, serve time.Duration) error {
	return wire.Call(r.Context(), http.DefaultClient, "POST", r.url+"/load", wire.LoadOrder{
		Model: model, ModelVersion: "v1", Needs: map[string]int64{"gib": gib}, Slots: slots, ServeTime: serve,
	}, nil)
}

func (r *trial) unload(model string) {
	require.NoError(r, wire.Call(r.Context(), http.DefaultClient, "POST", r.url+"/unload", wire.LoadOrder{Model: model, ModelVersion: "v1"}, nil))
}

// loaded loads a model and waits for it.
func (r *trial) loaded(model string, gib int64, slots int, serve time.Duration) {
	require.NoError(r, r.load(model, gib, slots, serve))
	r.becomes(func(state wire.ServerState) bool {
		return slices.ContainsFunc(state.Replicas, func(x wire.ReplicaState) bool { return x.Model == model && x.Phase == wire.Loaded })
	})
}

func (r *trial) ask(server, model, id string) (status int, refused, body string) {
	q, err := http.NewRequestWithContext(r.Context(), "POST", r.url+"/v1/models/"+model+"/infer", strings.NewReader("ask "+id))
	require.NoError(r, err)
	q.Header.Set(wire.Server, server)
	q.Header.Set(wire.ModelVersion, "v1")
	q.Header.Set(wire.RequestID, id)
	resp, err := http.DefaultClient.Do(q)
	require.NoError(r, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(r, err)
	return resp.StatusCode, resp.Header.Get(wire.Refused), string(answer)
}

func TestMemoryIsLimited(t *testing.T) {
	r := newTrial(t, Options{Capacity: map[string]int64{"gib": 80}})
	require.NoError(t, r.load("llama", 40, 0, 0))
	require.NoError(t, r.load("llama", 40, 0, 0), "it is there: said twice is said once")
	require.NoError(t, r.load("mistral", 30, 0, 0))
	require.ErrorContains(t, r.load("whisper", 11, 0, 0), "10 gib of 80 are free")
	require.Error(t, r.load("whisper", -1, 0, 0))
	require.Equal(t, map[string]int64{"gib": 70}, r.state().Used)
	r.unload("mistral")
	r.unload("mistral")
	require.NoError(t, r.load("whisper", 40, 0, 0))
	require.Error(t, wire.Call(t.Context(), http.DefaultClient, "POST", r.url+"/load", wire.LoadOrder{Model: "x", Needs: map[string]int64{"gpus": 1}}, nil),
		"a resource that it does not have")
}

func TestOnlyWhatIsLoadedIsServed(t *testing.T) {
	r := newTrial(t, Options{Capacity: map[string]int64{"gib": 80}})
	slow := wire.LoadOrder{Model: "slow", ModelVersion: "v1", LoadTime: time.Hour}
	require.NoError(t, wire.Call(t.Context(), http.DefaultClient, "POST", r.url+"/load", slow, nil))
	r.loaded("llama", 40, 1, 0) // sorted before slow
	_, refused, _ := r.ask("gpu-0", "slow", "1")
	require.Equal(t, wire.RefusedNotLoaded, refused)
	_, refused, _ = r.ask("gpu-0", "none", "2")
	require.Equal(t, wire.RefusedNotLoaded, refused)
	_, refused, _ = r.ask("gpu-7", "llama", "3")
	require.Equal(t, wire.RefusedStranger, refused)
	status, refused, body := r.ask("gpu-0", "llama", "4")
	require.Equal(t, 200, status)
	require.Empty(t, refused)
	require.Equal(t, "ask 4", body)
	written, err := os.ReadFile(r.journal)
	require.NoError(t, err)
	require.Equal(t, "gpu-0\trefused not loaded\tslow\t1\ngpu-0\trefused not loaded\tnone\t2\ngpu-0\trefused stranger\tllama\t3\ngpu-0\tbegan\tllama\t4\n", string(written))
}

func TestSlotsAreLimited(t *testing.T) {
	r := newTrial(t, Options{})
	r.loaded("llama", 0, 1, time.Hour)
	status := make(chan int)
	go func() {
		s, _, _ := r.ask("", "llama", "1")
		status <- s
	}()
	r.becomes(func(state wire.ServerState) bool { return state.Replicas[0].InFlight == 1 })
	_, refused, _ := r.ask("", "llama", "2")
	require.Equal(t, wire.RefusedFull, refused)
	r.unload("llama") // whatever it serves
	require.Equal(t, 500, <-status)
}

// Told to end, it serves on until it has been emptied.
func TestEndsWhenEmpty(t *testing.T) {
	r := newTrial(t, Options{Grace: time.Hour})
	r.loaded("llama", 0, 1, 0)
	r.stop()
	r.becomes(func(state wire.ServerState) bool { return state.Leaving })
	status, _, _ := r.ask("", "llama", "1")
	require.Equal(t, 200, status)
	require.Error(t, r.load("mistral", 0, 0, 0), "it takes nothing new")
	r.unload("llama")
	require.NoError(t, <-r.ended)
}

// Its grace period over, it finishes what it has.
func TestEndsAfterGrace(t *testing.T) {
	r := newTrial(t, Options{Grace: time.Millisecond})
	r.loaded("llama", 0, 1, 50*time.Millisecond)
	status := make(chan int)
	go func() {
		s, _, _ := r.ask("", "llama", "1")
		status <- s
	}()
	r.becomes(func(state wire.ServerState) bool { return state.Replicas[0].InFlight == 1 })
	r.stop()
	require.Equal(t, 200, <-status)
	require.NoError(t, <-r.ended)
}

func TestFaultsAreOffByDefault(t *testing.T) {
	r := newTrial(t, Options{})
	for _, what := range []string{"crash", "hang"} {
		var status *wire.StatusError
		require.ErrorAs(t, wire.Call(t.Context(), http.DefaultClient, "POST", r.url+"/fault/"+what, nil, nil), &status)
		require.Equal(t, 404, status.Status)
	}
}

func TestOthersNamesAreRefused(t *testing.T) {
	s, err := New(Options{})
	require.NoError(t, err)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "http://evil.example/state", nil))
	require.Equal(t, http.StatusMisdirectedRequest, w.Code)
}

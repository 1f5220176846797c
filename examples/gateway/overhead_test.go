package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/examples/gateway/internal/modelserver"
	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

// The overhead of the proxy: calls through it and calls past it take turns, 200 a
// second of each, to one server that answers at once. Without -quiet the figures
// are told and nothing is asked of them: they are the machine's as much as ours.
func TestOverhead(t *testing.T) {
	calls := 400 // of each kind
	if *long || *quiet {
		calls = 6000
	}
	r := newRig(t, brisk)
	front := r.startProxy()
	server, direct := r.startServer("gpu-0")
	through := "http://" + r.requests
	routes := wire.GroupRoutes{Group: "gpu", Version: 1, Routes: []wire.Route{{Server: "gpu-0", Addr: direct, Model: "llama", ModelVersion: "v1"}}}
	require.NoError(t, wire.Call(t.Context(), http.DefaultClient, http.MethodPut, "http://"+r.admin+"/routes", routes, nil))

	client := &http.Client{Timeout: 10 * time.Second}
	times := map[string][]time.Duration{}
	call := func(base string) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/models/llama/infer", strings.NewReader("a prompt of some length"))
		require.NoError(t, err)
		q.Header.Set(wire.ModelVersion, "v1")
		began := time.Now()
		resp, err := client.Do(q)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		took := time.Since(began)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusOK, resp.StatusCode)
		times[base] = append(times[base], took)
	}
	bases := []string{"http://" + direct, through}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for i := range calls {
		<-ticker.C
		call(bases[i%2])
		call(bases[1-i%2])
	}
	r.end(front)
	r.end(server)

	past, by := times[bases[0]], times[through]
	slices.Sort(past)
	slices.Sort(by)
	load, _ := os.ReadFile("/proc/loadavg") // nothing is said where there is none
	t.Logf("%d calls of each kind at 200/s; load of the machine: %s", calls, strings.TrimSpace(string(load)))
	row := func(what string, of func(p float64) time.Duration) {
		line := fmt.Sprintf("%-10s", what)
		for _, p := range []float64{0.5, 0.9, 0.99} {
			line += fmt.Sprintf(" %9v", of(p))
		}
		t.Log(line)
	}
	t.Logf("%-10s %9s %9s %9s", "", "p50", "p90", "p99")
	overhead := func(p float64) time.Duration { return quantile(by, p) - quantile(past, p) }
	row("direct", func(p float64) time.Duration { return quantile(past, p) })
	row("proxy", func(p float64) time.Duration { return quantile(by, p) })
	row("overhead", overhead)
	work := front.cmd.ProcessState.UserTime() + front.cmd.ProcessState.SystemTime()
	t.Logf("the proxy took %v of processor time for each call, its start included", (work / time.Duration(calls)).Round(time.Microsecond))
	if *quiet {
		require.LessOrEqual(t, overhead(0.5), 300*time.Microsecond)
		require.LessOrEqual(t, overhead(0.99), 2*time.Millisecond)
	}
}

// startServer starts a model server that has loaded llama and answers at once.
func (r *rig) startServer(name string) (server *process, addr string) {
	l, err := proc.Listen()
	require.NoError(r, err)
	defer l.Close()
	args := modelserver.Args(modelserver.Options{Name: name, Token: "t", Capacity: map[string]int64{"gib": 80}}, "")
	cmd := exec.Command(r.self, append([]string{"server"}, args...)...)
	cmd.Stderr = os.Stderr
	server = &process{cmd: cmd, ended: make(chan error, 1)}
	server.id, err = proc.Start(cmd, l, lifeline)
	require.NoError(r, err)
	go func() { server.ended <- cmd.Wait() }()
	r.Cleanup(func() { _ = server.id.Signal(syscall.SIGKILL) })
	addr = l.Addr().String()
	order := wire.LoadOrder{Model: "llama", ModelVersion: "v1"}
	r.wait(20*time.Second, "the server does not load", func(ctx context.Context) bool {
		_ = wire.Call(ctx, http.DefaultClient, http.MethodPost, "http://"+addr+"/load", order, nil) // until it is up
		var state wire.ServerState
		err := wire.Call(ctx, http.DefaultClient, http.MethodGet, "http://"+addr+"/state", nil, &state)
		return err == nil && len(state.Replicas) == 1 && state.Replicas[0].Phase == wire.Loaded
	})
	return server, addr
}

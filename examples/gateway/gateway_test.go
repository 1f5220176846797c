package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/examples/gateway/internal/load"
	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

var (
	long  = flag.Bool("long", false, "three minutes of waves with a crash every 20 s, instead of one short wave")
	quiet = flag.Bool("quiet", false, "the machine is quiet: the overhead of the proxy must keep its limits")
)

// cut ends all processes that the tests have started.
var cut *os.File

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "server" || roles[os.Args[1]] != nil) {
		os.Exit(run(os.Args[1:])) // this is one of the gateway's processes
	}
	if len(os.Args) > 1 && os.Args[1] == "demo" {
		os.Exit(run(os.Args[2:]))
	}
	var err error
	if lifeline, cut, err = proc.NewLifeline(); err != nil {
		panic(err)
	}
	code := m.Run()
	cut.Close()
	os.Exit(code)
}

// A rig is a gateway of real processes.
type rig struct {
	*testing.T
	self, dir, journal       string
	config                   []string
	requests, admin, pages   string // addresses
	mu                       sync.Mutex
	said                     bytes.Buffer // by the control planes
	control                  *process
	crashed, hanged, leaving map[string]bool // servers, by what was done to them
}

// A process is one of the gateway's, under test.
type process struct {
	id    proc.ID
	cmd   *exec.Cmd
	ended chan error // one error
	out   bytes.Buffer
}

func newRig(t *testing.T, config string) *rig {
	self, err := os.Executable()
	require.NoError(t, err)
	r := &rig{
		T: t, self: self, dir: t.TempDir(), crashed: map[string]bool{}, hanged: map[string]bool{}, leaving: map[string]bool{},
	}
	r.journal = filepath.Join(r.dir, "journal")
	if config != "" {
		path := filepath.Join(r.dir, "config.json")
		require.NoError(t, os.WriteFile(path, []byte(config), 0o600))
		r.config = []string{"-config", path}
	}
	for _, addr := range []*string{&r.requests, &r.admin, &r.pages} {
		l, err := proc.Listen()
		require.NoError(t, err)
		*addr = l.Addr().String()
		defer l.Close()
	}
	return r
}

// start starts a process, whose output is kept.
func (r *rig) start(role string, args ...string) *process {
	cmd := exec.Command(r.self, append([]string{role}, args...)...)
	p := &process{cmd: cmd, ended: make(chan error, 1)}
	cmd.Stderr = os.Stderr
	if role == "control" {
		cmd.Stdout = r
	} else {
		cmd.Stdout = &p.out
	}
	var err error
	p.id, err = proc.Start(cmd, nil, lifeline)
	require.NoError(r, err)
	go func() { p.ended <- cmd.Wait() }()
	r.Cleanup(func() { _ = p.id.Signal(syscall.SIGKILL) }) // gone is as good
	return p
}

// Write takes in what control planes say.
func (r *rig) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.Write(p)
}

func (r *rig) log() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said.String()
}

// wait waits until is says so.
func (r *rig) wait(limit time.Duration, what string, is func(context.Context) bool) {
	r.Helper()
	if err := until(r.Context(), limit, what, is); err != nil {
		r.Fatalf("%v\nthe control plane said:\n%s", err, r.log())
	}
}

// end ends a process, which must end well.
func (r *rig) end(p *process) {
	require.NoError(r, p.id.Signal(syscall.SIGTERM))
	select {
	case err := <-p.ended:
		require.NoError(r, err)
	case <-time.After(patience):
		r.Fatal("a process does not end")
	}
}

func (r *rig) startProxy() *process {
	p := r.start("proxy", append(r.config, "-listen", r.requests, "-admin", r.admin)...)
	r.answers(r.admin)
	return p
}

func (r *rig) startControl() {
	r.control = r.start("control", append(r.config, "-dir", r.dir, "-proxy", "http://"+r.admin, "-listen", r.pages, "-faults", "-journal", r.journal)...)
	r.answers(r.pages)
}

// answers waits until a process does.
func (r *rig) answers(addr string) {
	r.Helper()
	r.wait(20*time.Second, addr+" does not answer", func(ctx context.Context) bool {
		return wire.Call(ctx, http.DefaultClient, http.MethodGet, "http://"+addr+"/metrics", nil, nil) == nil
	})
}

// routes are where the proxy sends requests.
func (r *rig) routes() (routes wire.Routes) {
	_ = wire.Call(r.Context(), http.DefaultClient, http.MethodGet, "http://"+r.admin+"/routes", nil, &routes)
	return routes
}

// hit does something to the busiest server that nothing was done to.
func (r *rig) hit(what map[string]bool, do func(name, addr string)) {
	name, addr := "", ""
	r.wait(10*time.Second, "no server has a route", func(ctx context.Context) bool {
		name, addr = busiest(ctx, "http://"+r.admin)
		return name != "" && !r.crashed[name] && !r.hanged[name] && !r.leaving[name]
	})
	what[name] = true
	do(name, addr)
}

func (r *rig) fault(what string) func(name, addr string) {
	return func(name, addr string) {
		r.Logf("server %s is told to %s", name, what)
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		_ = wire.Call(ctx, http.DefaultClient, http.MethodPost, "http://"+addr+"/fault/"+what, nil, nil) // it cannot answer
	}
}

func (r *rig) crash() { r.hit(r.crashed, r.fault("crash")) }
func (r *rig) hang()  { r.hit(r.hanged, r.fault("hang")) }

// leave tells a server to end that the control plane has use for.
func (r *rig) leave() {
	r.hit(r.leaving, func(name, addr string) {
		var state wire.ServerState
		require.NoError(r, wire.Call(r.Context(), http.DefaultClient, http.MethodGet, "http://"+addr+"/state", nil, &state))
		r.Logf("server %s is told to end by somebody", name)
		require.NoError(r, state.Process.Signal(syscall.SIGTERM))
	})
}

// killControl kills the control plane and starts another.
func (r *rig) killControl() {
	r.Log("the control plane is killed")
	require.NoError(r, r.control.id.Signal(syscall.SIGKILL))
	<-r.control.ended
	r.startControl()
}

// drains watches the proxy until ctx ends: while a replica drains, its requests in
// flight only become fewer. It returns how many drains it saw, and what was wrong.
func (r *rig) drains(ctx context.Context) (seen int, wrong []string) {
	type identity struct {
		addr, model string
		since       time.Time
	}
	last := map[identity]int{}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		for _, g := range r.routes().Groups {
			for _, route := range g.Routes {
				if !route.Draining {
					continue
				}
				id := identity{route.Addr, route.Model, route.Since}
				if before, known := last[id]; known && route.InFlight > before {
					wrong = append(wrong, fmt.Sprintf("%s on %s drains, and went from %d requests to %d", route.Model, route.Server, before, route.InFlight))
				}
				last[id] = route.InFlight
			}
		}
		select {
		case <-ctx.Done():
			return len(last), wrong
		case <-ticker.C:
		}
	}
}

// journaled checks what servers wrote down: none was sent a request for what it
// did not serve, and what may not be done twice was not begun twice.
func (r *rig) journaled() (began int) {
	f, err := os.Open(r.journal)
	require.NoError(r, err)
	defer f.Close()
	times := map[string]int{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		field := strings.Split(lines.Text(), "\t")
		require.Len(r, field, 4, lines.Text())
		switch field[1] {
		case "began":
			began++
			times[field[3]]++
		case "refused " + wire.RefusedFull, "refused " + wire.RefusedStranger:
			// A client that went away has left its work behind; a port was used again.
		default:
			r.Errorf("a request was sent where nobody serves it: %s", lines.Text())
		}
	}
	require.NoError(r, lines.Err())
	for id, n := range times {
		if n > 1 && strings.HasPrefix(id, load.Once) {
			r.Errorf("request %s was begun %d times, though it may not be done twice", id, n)
		}
	}
	return began
}

// killedByControl are servers that a control plane has killed, because they hung.
func (r *rig) killedByControl() map[string]bool {
	all := map[string]bool{}
	for _, match := range regexp.MustCompile(`server (\S+) (?:does not end|has not answered for \S+): killed`).FindAllStringSubmatch(r.log(), -1) {
		all[match[1]] = true
	}
	return all
}

// report reads what the clients say in the end.
func (p *process) report(t *rig) (report load.Report) {
	require.NoError(t, json.Unmarshal(p.out.Bytes(), &report), "%.300s", p.out.Bytes())
	return report
}

// ask sends one request.
func (r *rig) ask(model, key string) (status int, body string) {
	ctx, cancel := context.WithTimeout(r.Context(), time.Minute)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.requests+"/v1/models/"+model+"/infer", strings.NewReader("ask "+key))
	require.NoError(r, err)
	q.Header.Set(wire.IdempotencyKey, key)
	resp, err := http.DefaultClient.Do(q)
	require.NoError(r, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(r, err)
	return resp.StatusCode, string(answer)
}

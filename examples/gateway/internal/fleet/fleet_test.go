package fleet

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/gateway/internal/modelserver"
	"github.com/bellows-go/bellows/examples/gateway/internal/proc"
	"github.com/bellows-go/bellows/examples/gateway/internal/proxy"
	"github.com/bellows-go/bellows/examples/gateway/internal/wire"
)

const serverRole = "server" // the first argument of a test binary that is a model server

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serverRole {
		if err := modelserver.Main(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	line, end, err := proc.NewLifeline() // cut when this process ends
	if err != nil {
		panic(err)
	}
	lifeline = line
	code := m.Run()
	end.Close() // until here, or a finalizer would cut the line
	os.Exit(code)
}

// lifeline is what all servers hang on, so that a test that is killed leaves none.
var lifeline *os.File

var groups = []coordinator.ServerGroup{{Name: "cpu", Removal: coordinator.Ordinal, Max: 5}, {Name: "gpu", Max: 5}}

// A world is a fleet of real processes and a proxy, for one check.
type world struct {
	dir   string
	proxy *proxy.Proxy
	admin *httptest.Server
	mu    sync.Mutex
	open  []*Fleet
}

func newWorld(dir string) *world {
	w := &world{dir: dir, proxy: proxy.New(proxy.Options{Models: []string{"llama", "whisper"}})}
	w.admin = httptest.NewServer(w.proxy.Admin())
	return w
}

func (w *world) fleet() (*Fleet, error) {
	order := wire.LoadOrder{Needs: map[string]int64{"gib": 10}, Slots: 2, LoadTime: time.Millisecond}
	f, err := Open(context.Background(), Options{
		Dir: w.dir, Groups: groups, Proxy: w.admin.URL, Orders: map[string]wire.LoadOrder{"llama": order, "whisper": order},
		Command: func(_, name, token string) *exec.Cmd {
			o := modelserver.Options{Name: name, Token: token, Capacity: map[string]int64{"gib": 20}, Grace: 10 * time.Second, Faults: true}
			return exec.Command(os.Args[0], append([]string{serverRole}, modelserver.Args(o, "")...)...)
		},
		Lifeline: lifeline,
		Silence:  10 * time.Second,
	})
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.open = append(w.open, f)
	}
	return f, err
}

func (w *world) last() *Fleet {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open[len(w.open)-1]
}

// quiet reports whether all that was accepted is done.
func quiet(world coordinator.World) bool {
	for _, g := range world.Groups {
		if len(g.Servers) < g.Desired { // more are none of the fleet's business: nobody named victims
			return false
		}
		for _, s := range g.Servers {
			if s.Phase != coordinator.Up || s.Leaving {
				return false
			}
			for _, x := range s.Replicas {
				if x.Phase == coordinator.Loading {
					return false
				}
			}
		}
	}
	return true
}

// until waits until is says so.
func until(ctx context.Context, is func() bool) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !is() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
	return nil
}

func (w *world) settle() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	f := w.last()
	err := until(ctx, func() bool {
		happened, err := f.Tend(ctx)
		seen, failed := f.Observe(ctx)
		return err == nil && failed == nil && !happened && quiet(seen)
	})
	if err != nil {
		seen, failed := f.Observe(context.Background())
		panic(fmt.Sprintf("the world does not come to rest: %v\n%+v", failed, seen))
	}
}

func (w *world) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.last().Down(ctx); err != nil {
		panic(err)
	}
	for _, f := range w.open {
		f.Wait()
		f.Close()
	}
	w.admin.Close()
	w.proxy.Close()
	http.DefaultClient.CloseIdleConnections()
}

// hang holds what every change of a group needs.
func (w *world) hang() (resume func()) {
	var unlocks []func()
	for _, g := range w.last().groups {
		unlock, err := g.record.Lock(context.Background())
		if err != nil {
			panic(err)
		}
		unlocks = append(unlocks, unlock)
	}
	return func() {
		for _, unlock := range unlocks {
			unlock()
		}
	}
}

// cut takes a group's directory away.
func (w *world) cut(group string) (mend func()) {
	dir := filepath.Join(w.dir, group)
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			panic(err)
		}
	}
	rename(dir, dir+".lost")
	return func() { rename(dir+".lost", dir) }
}

func TestActuator(t *testing.T) {
	coordinatortest.TestActuator(t, func() (coordinatortest.ActuatorWorld, error) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			return coordinatortest.ActuatorWorld{}, err
		}
		w := newWorld(dir)
		f, err := w.fleet()
		return coordinatortest.ActuatorWorld{
			Actuator: f, Groups: groups, Models: []string{"llama", "whisper"},
			Settle: w.settle, Hang: w.hang, Cut: w.cut, Close: w.close,
			Reopen: func() (coordinator.Actuator, error) { return w.fleet() },
		}, err
	}, coordinatortest.Options{Timeout: 500 * time.Millisecond})
}

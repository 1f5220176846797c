package debug_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/debug"
	"github.com/bellows-go/bellows/policy"
)

// read decodes a twin into v.
func read(t *testing.T, h http.Handler, target string, v any) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), v))
}

type line struct {
	Tick         uint64
	Kind, Name   string
	Was, Desired int
	Why          string
	Times        int
}

func lines(t *testing.T, h http.Handler) []line {
	var page struct{ Entries []line }
	read(t, h, "/timeline.json?n=1000", &page)
	return page.Entries
}

func at(second int64, models ...coordinator.ModelPlan) coordinator.Tick {
	return coordinator.Tick{Plan: coordinator.Plan{At: time.Unix(second, 0), Models: models}}
}

// The timeline keeps the newest lines, and nothing of a tick's memory.
func TestTimelineIsBounded(t *testing.T) {
	h := debug.New(debug.Options{Decisions: 3})
	steps := make([]policy.Step, 1)
	for i := range 5 {
		steps[0] = policy.Step{Reason: policy.Reason(fmt.Sprint("reason ", i)), From: i, To: i + 1}
		h.Tick(at(int64(i), coordinator.ModelPlan{Model: "m", Was: i, Desired: i + 1, Decision: policy.Decision{Steps: steps}}))
		h.Tick(at(int64(i), coordinator.ModelPlan{Model: "m", Was: i + 1, Desired: i + 1}))
	}
	steps[0].Reason = "overwritten"
	require.Equal(t, []line{
		{9, "model", "m", 4, 5, "reason 4 4->5", 1}, {7, "model", "m", 3, 4, "reason 3 3->4", 1}, {5, "model", "m", 2, 3, "reason 2 2->3", 1},
	}, lines(t, h))
}

// What comes again and again is one line: a group's wish that is not fulfilled,
// an error. What was not sent is no error.
func TestTimelineDoesNotRepeat(t *testing.T) {
	h := debug.New(debug.Options{})
	for i := range int64(3) {
		tick := at(i)
		tick.Plan.Groups = []coordinator.GroupPlan{{Group: "g", Was: 1, Desired: 2}}
		scale := coordinator.Action{Kind: coordinator.ScaleGroup, Group: "g", Replicas: 2, Why: coordinator.Explanation{Reason: coordinator.NoRoom, Have: 1, Want: 2}}
		tick.Plan.Now = []coordinator.Action{scale, scale}
		tick.ApplyErrs = []error{errors.New("no"), fmt.Errorf("%w: later %d", coordinator.ErrNotSent, i)}
		tick.ObserveErr = errors.New("blind")
		h.Tick(tick)
	}
	require.Equal(t, []line{
		{1, "error", "", 0, 0, "no", 3}, {1, "error", "", 0, 0, "blind", 3}, {1, "group", "g", 1, 2, "no room (have 1, want 2)", 1},
	}, lines(t, h))
}

// A trail keeps the newest points in order, of the models there are.
func TestTrail(t *testing.T) {
	h := debug.New(debug.Options{Points: 3})
	past := func(model string) (load []*float64) {
		var page struct{ Past struct{ Load []*float64 } }
		read(t, h, "/model.json?name="+model, &page)
		return page.Past.Load
	}
	reading := func(v float64, q policy.Quality) []policy.Reading { return []policy.Reading{{Value: v, Quality: q}} }
	for i := range 5 {
		m := coordinator.ModelPlan{Model: "m", Readings: reading(float64(i), policy.OK)}
		if i == 3 {
			m.Readings = reading(99, policy.Failed)
		}
		models := []coordinator.ModelPlan{{Model: "a"}, m, {Model: "z"}}
		h.Tick(at(int64(i), models[i%2:]...))
	}
	require.Equal(t, []*float64{new(2.0), nil, new(4.0)}, past("m"))
	require.Equal(t, []*float64{nil}, past("a"), "it was gone in between")
}

// The picture is the handler's own.
func TestPictureIsACopy(t *testing.T) {
	h := debug.New(debug.Options{})
	tick := at(1, coordinator.ModelPlan{Model: "m", Decision: policy.Decision{Steps: []policy.Step{{Reason: "before"}}}})
	tick.Snapshot.World.Groups = []coordinator.GroupState{{Name: "g", Servers: []coordinator.ServerState{
		{Name: "s", Replicas: []coordinator.ReplicaState{{Model: "m"}}}, {Name: "t", Replicas: []coordinator.ReplicaState{{Model: "n"}}},
	}}}
	h.Tick(tick)
	tick.Plan.Models[0].Decision.Steps[0].Reason = "after"
	tick.Snapshot.World.Groups[0].Servers[0].Replicas[0].Model = "after"
	tick.Snapshot.World.Groups[0].Servers[1].Name = "after"
	tick.Snapshot.World.Groups[0].Name = "after"
	for _, target := range []string{"/", "/servers", "/model?name=m"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
		require.NotContains(t, w.Body.String(), "after", target)
	}
}

// Of a large fleet a picture is taken rarely, until somebody looks.
func TestRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := debug.New(debug.Options{})
		models := make([]coordinator.ModelPlan, 3000)
		for i := range models {
			models[i] = coordinator.ModelPlan{Model: fmt.Sprintf("%04d", i), Desired: 1}
		}
		shown := func() (tick uint64) {
			var page struct {
				Tick   uint64
				Models []struct{ Past struct{ Desired []int } }
			}
			read(t, h, "/models.json", &page)
			require.Len(t, page.Models[0].Past.Desired, int(page.Tick), "curves end where the picture does")
			return page.Tick
		}
		for i := range int64(9) {
			h.Tick(at(2*i, models...))
		}
		require.Equal(t, uint64(6), shown(), "of 10 s; now it is 16 s")
		h.Tick(at(18, models...))
		require.Equal(t, uint64(10), shown())
		<-time.After(2 * time.Minute)
		h.Tick(at(20, models...))
		require.Equal(t, uint64(10), shown())
	})
}

// Ticks, pages and streams come at once.
func TestConcurrent(t *testing.T) {
	r := newRig(t, debug.Options{})
	var all sync.WaitGroup
	for _, target := range []string{"/", "/servers", "/timeline.json", "/plan", "/model?name=llama", "/model.json?name=llama"} {
		all.Go(func() {
			for range 20 {
				w := httptest.NewRecorder()
				r.pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
			}
		})
	}
	for range 50 {
		r.pages.Tick(r.loop.Tick(t.Context()))
	}
	all.Wait()
	require.Contains(t, r.get("/"), "Tick 50")
}

// What a tick costs: of a fleet nobody looks at, most ticks take no picture.
func BenchmarkTick(b *testing.B) {
	for _, size := range []int{1000, 12000} {
		t := at(0)
		t.Snapshot.World.Groups = make([]coordinator.GroupState, 1)
		g := &t.Snapshot.World.Groups[0]
		for i := range size {
			name := fmt.Sprintf("%05d", i)
			t.Plan.Models = append(t.Plan.Models, coordinator.ModelPlan{Model: name, Desired: 8, Was: 8, Readings: make([]policy.Reading, 1)})
			g.Servers = append(g.Servers, coordinator.ServerState{Name: name, Replicas: make([]coordinator.ReplicaState, 8)})
		}
		for name, step := range map[string]time.Duration{"resting": 0, "picture": time.Minute} {
			b.Run(fmt.Sprintf("%s/models=%d/replicas=%d", name, size, 8*size), func(b *testing.B) {
				h := debug.New(debug.Options{})
				b.ReportAllocs()
				for b.Loop() {
					h.Tick(t)
					t.Plan.At = t.Plan.At.Add(step)
				}
			})
		}
	}
}

package browsertest

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/coordinator/debug"
	"github.com/bellows-go/bellows/policy"
)

// hostile is a name that must never be more than text.
const hostile = `<script>alert(1)</script>`

// host is a name that the browser takes for no loopback address: from there it
// says less of where a form comes from (an Origin, no Sec-Fetch-Site).
const host = "fleet.test"

// A site is a debug page over a small fleet in memory.
type site struct {
	fleet *coordinatortest.Fleet
	loop  *coordinator.Coordinator
	pages *debug.Handler
	url   string // of the overview

	mu      sync.Mutex
	foreign []string // requests beside the pages
}

// newSite serves a fleet's pages below a prefix. Nothing ticks yet.
func newSite(t *testing.T) *site {
	gone := policy.Signal{Name: "gone"}
	load := policy.Signal{Name: policy.InFlight}
	follow := policy.Track{Signal: load, Value: 10, Tolerance: 0.1}
	needs := func(gib int64, slots int64) coordinator.Resources {
		return coordinator.Resources{"gib": gib, "slots": slots}
	}
	models := []coordinator.Model{
		{Name: "embeddings-multilingual-large-v3", Group: "cpu", Needs: needs(12, 1), Min: 1, Max: 8, Policy: policy.Stabilize{Down: time.Minute, Of: follow}},
		{Name: "llama-70b", Group: "gpu", Needs: needs(70, 4), Min: 1, Max: 9, Policy: follow, Version: "2026-11-24", Shadows: []coordinator.Shadow{
			{Name: "as Seldon does", Policy: policy.SeldonLag{Min: 1, Max: 9}},
			{Name: "twice as eager", Policy: policy.Track{Signal: load, Value: 5}},
		}},
		{Name: "mistral", Group: "gpu", Needs: needs(30, 2), Max: 4, Policy: policy.Stabilize{Down: time.Minute, Of: follow}},
		{Name: "shared-by-many-tenants-of-long-names", Group: "shared", Needs: needs(9, 1), Min: 1, Max: 4, Policy: follow},
		{Name: "shared-too", Group: "shared", Needs: needs(9, 1), Max: 4, Policy: follow},
		{Name: "silent", Group: "cpu", Needs: needs(4, 1), Min: 1, Max: 4, Policy: policy.Track{Signal: gone, Value: 10}},
		{Name: hostile, Group: "cpu", Needs: needs(6, 1), Min: 1, Max: 4, Policy: follow},
		{Name: "whisper", Group: "gpu", Needs: needs(10, 1), Min: 1, Max: 3, Policy: follow},
	}
	s := &site{}
	var behave []coordinatortest.FleetModel
	for _, m := range models {
		behave = append(behave, coordinatortest.FleetModel{Name: m.Name, Load: 40 * time.Millisecond})
	}
	s.fleet = coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{
		{Name: "cpu", Servers: 2, Boot: 60 * time.Millisecond},
		{Name: "gpu", Servers: 1, Boot: 60 * time.Millisecond, Zones: []string{"eu-central-1a", "eu-central-1b"}},
		{Name: "shared", Servers: 3, Boot: 60 * time.Millisecond},
	}, behave, coordinatortest.FleetService{Name: "dataflow", Replicas: 1}, coordinatortest.FleetService{Name: "gateway", Replicas: 1, Start: 40 * time.Millisecond})
	planner, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{
			{Name: "cpu", Capacity: needs(32, 8), Min: 1, Max: 4},
			{Name: "gpu", Capacity: needs(80, 8), Min: 1, Max: 8, Zones: []string{"eu-central-1a", "eu-central-1b"}},
			{
				Name: "shared", Capacity: needs(16, 8), Overcommit: map[string]float64{"gib": 0.5}, Min: 3, Max: 4,
				Pool: &coordinator.Pool{Slots: 10, Policy: policy.Stabilize{Down: time.Minute, Of: follow}},
			},
		},
		Models: models,
		Services: []coordinator.Service{
			{Name: "dataflow", Replicas: 1},
			{Name: "gateway", Min: 1, Max: 6, Policy: follow, Shadows: []coordinator.Shadow{{Name: "twice as eager", Policy: policy.Track{Signal: load, Value: 5}}}},
		},
		Budgets: []coordinator.Budget{{Name: "accelerators", Resource: "gib", Limit: 500, Groups: []string{"gpu"}}},
	}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	s.pages = debug.New(debug.Options{Title: "Fleet " + hostile, Authorize: func(*http.Request) error { return nil }})
	s.loop, err = coordinator.New(planner, s.fleet, s.fleet, coordinator.Options{})
	require.NoError(t, err)
	s.pages.Watch(s.loop)

	mux := http.NewServeMux()
	mux.Handle("/some/prefix/", http.StripPrefix("/some/prefix", s.pages))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.foreign = append(s.foreign, r.URL.String())
		http.NotFound(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	t.Cleanup(s.pages.Close) // first: Close of the server waits for streams
	s.url = strings.Replace(server.URL, "127.0.0.1", host, 1) + "/some/prefix/"
	return s
}

// tick makes one turn of the loop, and lets a little time pass for loads and
// boots.
func (s *site) tick(ctx context.Context) {
	s.pages.Tick(s.loop.Tick(ctx))
	<-time.After(15 * time.Millisecond)
}

// busy plays some load and ends in the middle of things: servers boot, models
// load, others wait or find no place, and an action has failed.
func (s *site) busy(ctx context.Context) {
	waves := map[string]float64{"gateway": 24, "shared-too": 25, "llama-70b": 28, "mistral": 14, "whisper": 12, hostile: 17, "embeddings-multilingual-large-v3": 31}
	at := map[string]int{}
	for i := range 90 {
		for name, high := range waves {
			want := int(high * (1 - math.Cos(float64(i)/9)) / 2)
			if d := want - at[name]; d > 0 {
				s.fleet.Arrive(name, d)
				at[name] = want
			} else if d < 0 {
				at[name] -= s.fleet.Finish(name, -d)
			}
		}
		s.tick(ctx)
	}
	s.fleet.Arrive("llama-70b", 30)
	s.tick(ctx)
	s.fleet.Arrive("llama-70b", 90)
	s.fleet.Arrive("mistral", 30)
	s.pages.Tick(s.loop.Tick(ctx))
	s.fleet.Arrive("whisper", 15)
	t := s.loop.Tick(ctx)
	if len(t.ApplyErrs) > 0 {
		t.ApplyErrs[0] = fmt.Errorf("coordinator: %v: connection refused", t.Plan.Now[0])
	}
	for i := range t.Plan.Models {
		if m := &t.Plan.Models[i]; m.Group == "shared" { // as though it had been evicted all the time
			m.Resident = t.Plan.At
		}
	}
	for i := range t.Plan.Groups {
		if g := &t.Plan.Groups[i]; g.Group == "shared" {
			g.Retiring = []string{"shared-0002"}
		}
	}
	s.pages.Tick(t)
}

package debug_test

import (
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/coordinator/debug"
	"github.com/bellows-go/bellows/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

const hostile = `<script>alert(1)</script>`

// A rig is a fleet of two models, a loop to tick by hand, and its pages.
type rig struct {
	*testing.T
	fleet *coordinatortest.Fleet
	loop  *coordinator.Coordinator
	pages *debug.Handler
}

func newRig(t *testing.T, o debug.Options) *rig {
	models := []coordinator.Model{{Name: "llama", Needs: coordinator.Resources{"gib": 40}, Min: 1, Max: 4}, {Name: hostile, Needs: coordinator.Resources{"gib": 10}, Min: 1, Max: 4}}
	behave := make([]coordinatortest.FleetModel, len(models))
	for i := range models {
		models[i].Group = "a/b?c&d"
		models[i].Policy = policy.Track{Signal: policy.Signal{Name: policy.InFlight}, Value: 2, Tolerance: 0.1}
		behave[i] = coordinatortest.FleetModel{Name: models[i].Name, Load: time.Second}
	}
	fleet := coordinatortest.NewFleet(nil, []coordinatortest.FleetGroup{{Name: "a/b?c&d", Servers: 1, Boot: 3 * time.Second}}, behave)
	planner, err := coordinator.NewPlanner(coordinator.Declarations{
		Groups: []coordinator.ServerGroup{{Name: "a/b?c&d", Capacity: coordinator.Resources{"gib": 80}, Min: 1, Max: 2}},
		Models: models,
	}, coordinator.PlannerOptions{})
	require.NoError(t, err)
	loop, err := coordinator.New(planner, fleet, fleet, coordinator.Options{})
	require.NoError(t, err)
	r := &rig{t, fleet, loop, debug.New(o)}
	r.pages.Watch(loop)
	return r
}

// tick makes n turns of the loop, two seconds apart.
func (r *rig) tick(n int) {
	for range n {
		r.pages.Tick(r.loop.Tick(r.Context()))
		<-time.After(2 * time.Second)
	}
}

// do serves a request as it comes from the pages themselves.
func (r *rig) do(method, target, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	r.pages.ServeHTTP(w, req)
	return w
}

func (r *rig) get(target string) string {
	r.Helper()
	w := r.do(http.MethodGet, target, "")
	require.Equal(r, http.StatusOK, w.Code, target)
	return w.Body.String()
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "%s; -update writes it anew", name)
}

// main is what a page shows.
func main(t *testing.T, page string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, `<main id="content">`)
	require.True(t, found)
	body, _, found := strings.Cut(rest, "</main>")
	require.True(t, found)
	return body
}

// scene is a moment in which there is something on every page.
func (r *rig) scene() {
	r.tick(2)
	r.fleet.Arrive("llama", 5)
	r.fleet.Arrive(hostile, 3)
	t := r.loop.Tick(r.Context())
	t.Plan.Faults = append(t.Plan.Faults, "group "+hostile+": listed twice")
	t.ReadErr = errors.New("coordinator: read: " + hostile)
	require.NotEmpty(r, t.ApplyErrs)
	t.ApplyErrs[0] = errors.New("refused & " + hostile)
	r.pages.Tick(t)
}

func TestPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, debug.Options{Authorize: func(*http.Request) error { return nil }})
		r.scene()
		for _, name := range []string{"models", "servers", "timeline", "plan", "model"} {
			query := ""
			if name == "model" {
				query = "?" + url.Values{"name": {hostile}}.Encode()
			}
			page := r.get("/x/" + name + query)
			golden(t, name+".html", main(t, page))
			twin := r.get("/x/" + name + ".json" + query)
			golden(t, name+".json", twin)
			require.NotContains(t, page, "<script>", name)
			require.NotContains(t, twin, "<script>", name)
			require.Equal(t, 1, strings.Count(page, "<script"), name)
			for _, no := range []string{" style=", " onclick=", "javascript:", "ZgotmplZ"} {
				require.NotContains(t, page, no, name)
			}
		}
	})
}

// Any prefix will do, with or without what follows the last slash.
func TestPaths(t *testing.T) {
	r := newRig(t, debug.Options{})
	for _, c := range []struct {
		method, target string
		code           int
		kind           string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/debug/bellows/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/debug/bellows/servers", 200, "text/html; charset=utf-8"},
		{"GET", "/debug/timeline.json", 200, "application/json"},
		{"GET", "/debug.css", 200, "text/css; charset=utf-8"},
		{"GET", "/a/debug.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/a/icon.svg", 200, "image/svg+xml"},
		{"GET", "/model?name=nobody", 404, "text/plain; charset=utf-8"},
		{"GET", "/model.json", 404, "text/plain; charset=utf-8"},
		{"GET", "/.json", 404, "text/plain; charset=utf-8"},
		{"GET", "/layout.html", 404, "text/plain; charset=utf-8"},
		{"GET", "/assets", 404, "text/plain; charset=utf-8"},
		{"GET", "/debug", 404, "text/plain; charset=utf-8"},
		{"GET", "/..%2fdebug.go", 404, "text/plain; charset=utf-8"},
		{"POST", "/", 405, "text/plain; charset=utf-8"},
		{"DELETE", "/servers", 405, "text/plain; charset=utf-8"},
	} {
		w := r.do(c.method, c.target, "")
		require.Equal(t, c.code, w.Code, "%s %s", c.method, c.target)
		require.Equal(t, c.kind, w.Header().Get("Content-Type"), c.target)
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), c.target)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"), c.target)
		require.Equal(t, "same-origin", w.Header().Get("Referrer-Policy"), c.target)
		require.Equal(t, "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'", w.Header().Get("Content-Security-Policy"), c.target)
	}
}

// Before the first tick, and with nobody to ask, there are pages too.
func TestNothingToShow(t *testing.T) {
	h := debug.New(debug.Options{})
	for _, name := range []string{"", "servers", "timeline", "plan", "models.json", "servers.json", "timeline.json", "plan.json"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+name, nil))
		require.Equal(t, http.StatusOK, w.Code, name)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/plan.json", nil))
	require.JSONEq(t, `{"v":1,"tick":0,"at":"0001-01-01T00:00:00Z","paused":false,"errors":[],"now":[],"later":[],"refused":[],"faults":[],"groups":[],"budgets":[],"leftOut":0}`, w.Body.String())
	h.Tick(coordinator.Tick{Plan: coordinator.Plan{At: time.Unix(1, 0), Models: []coordinator.ModelPlan{{Model: "m", Desired: 2}}}})
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/model?name=m", nil))
	require.Equal(t, http.StatusOK, w.Code)
}

// Long lists are cut, and can be searched.
func TestRows(t *testing.T) {
	h := debug.New(debug.Options{})
	plan := coordinator.Plan{At: time.Unix(1, 0)}
	for i := range 250 {
		plan.Models = append(plan.Models, coordinator.ModelPlan{Model: "m" + string(rune('a'+i/26)) + string(rune('a'+i%26))})
	}
	many := coordinator.Plan{At: time.Unix(1, 0), Models: make([]coordinator.ModelPlan, 1100)}
	large := debug.New(debug.Options{})
	large.Tick(coordinator.Tick{Plan: many})
	all := httptest.NewRecorder()
	large.ServeHTTP(all, httptest.NewRequest(http.MethodGet, "/models.json?n=9999", nil))
	require.Contains(t, all.Body.String(), `"rows":{"total":1100,"from":0,"shown":1000,"q":""}`)
	h.Tick(coordinator.Tick{Plan: plan})
	for _, c := range []struct{ query, rows, first string }{
		{"", `{"total":250,"from":0,"shown":100,"q":""}`, "maa"},
		{"from=200", `{"total":250,"from":200,"shown":50,"q":""}`, "mhs"},
		{"from=900", `{"total":250,"from":250,"shown":0,"q":""}`, ""},
		{"n=2&from=-1", `{"total":250,"from":0,"shown":2,"q":""}`, "maa"},
		{"n=100000", `{"total":250,"from":0,"shown":250,"q":""}`, "maa"},
		{"q=b&from=10", `{"total":35,"from":10,"shown":25,"q":"b"}`, "mbj"},
		{"n=99999999999999999999&q=%00", `{"total":0,"from":0,"shown":0,"q":"\u0000"}`, ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/models.json?"+c.query, nil))
		require.Contains(t, w.Body.String(), `"rows":`+c.rows, c.query)
		_, rest, _ := strings.Cut(w.Body.String(), `"model":"`)
		first, _, _ := strings.Cut(rest, `"`)
		require.Equal(t, c.first, first, c.query)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?n=50&from=100&q=m", nil))
	require.Contains(t, w.Body.String(), `101–150 of 250 with “m” <a href="?">all</a> <a href="?from=50&amp;n=50&amp;q=m" rel="prev">previous</a> <a href="?from=150&amp;n=50&amp;q=m" rel="next">next</a>`)
}

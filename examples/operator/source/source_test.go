package source_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/bellows-go/bellows/coordinator"
	"github.com/bellows-go/bellows/coordinator/coordinatortest"
	"github.com/bellows-go/bellows/examples/operator/source"
	"github.com/bellows-go/bellows/policy"
)

// fresh is a router that counts two models and a service.
func fresh() (coordinatortest.SourceWorld, error) {
	var mu sync.Mutex
	totals := map[coordinator.TargetID]source.Totals{}
	gate := make(chan struct{})
	close(gate)
	failing := false
	targets := []coordinator.TargetID{{Name: "llama"}, {Name: "whisper"}, {Kind: coordinator.TargetService, Name: "gateway"}}
	for _, t := range targets {
		totals[t] = source.Totals{}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		open := gate
		mu.Unlock()
		select {
		case <-open:
		case <-r.Context().Done():
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if failing {
			http.Error(w, "failing", http.StatusServiceUnavailable)
			return
		}
		a := source.Answer{Models: map[string]source.Totals{}, Services: map[string]source.Totals{}}
		for t, n := range totals {
			if t.Kind == coordinator.TargetService {
				a.Services[t.Name] = n
			} else {
				a.Models[t.Name] = n
			}
		}
		_ = json.NewEncoder(w).Encode(a) // a reader that has gone asks again
	}))
	client := &http.Client{Transport: &http.Transport{}}
	change := func(do func()) {
		mu.Lock()
		defer mu.Unlock()
		do()
	}
	w := coordinatortest.SourceWorld{
		Source: &source.HTTP{URLs: []string{server.URL}, Client: client}, Together: true,
		Advance: func() {
			change(func() {
				for t, n := range totals {
					n.Begun, n.Ended = n.Begun+5, n.Ended+4
					n.Values = map[string]float64{"depth": float64(n.Begun - n.Ended)}
					totals[t] = n
				}
			})
		},
		Lose:    func(t coordinator.TargetID) { change(func() { delete(totals, t) }) },
		Restart: func(t coordinator.TargetID) { change(func() { totals[t] = source.Totals{} }) },
		Hang: func(coordinator.TargetID) func() {
			next := make(chan struct{})
			change(func() { gate = next })
			return sync.OnceFunc(func() { close(next) })
		},
		Fail: func(coordinator.TargetID) func() {
			change(func() { failing = true })
			return func() { change(func() { failing = false }) }
		},
		Close: func() {
			client.CloseIdleConnections()
			server.Close()
		},
	}
	for _, t := range targets {
		for _, name := range []string{policy.InFlight, policy.Begun, policy.Ended, "depth"} {
			w.Series = append(w.Series, coordinator.Series{Target: t, Name: name})
		}
	}
	return w, nil
}

func TestHTTP(t *testing.T) {
	coordinatortest.TestMetricSource(t, fresh, coordinatortest.Options{})
}

// What is no answer is an error that says whose and why; and where one router of
// two answers, its samples are there.
func TestBadAnswers(t *testing.T) {
	want := []coordinator.Series{{Target: coordinator.TargetID{Name: "llama"}, Name: policy.InFlight}}
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"models":{"llama":{"begun":7,"ended":4}}}`))
	}))
	t.Cleanup(good.Close)
	for says, body := range map[string]string{
		"invalid character": `<html>`,
		"3 begun, 4 ended":  `{"models":{"llama":{"begun":3,"ended":4}}}`,
		"cannot unmarshal":  `{"models":{"llama":{"begun":-1}}}`,
		"longer than":       `{"models":{}}` + strings.Repeat(" ", source.MaxAnswer),
	} {
		bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		h := &source.HTTP{URLs: []string{bad.URL, good.URL}}
		got, err := h.Read(context.Background(), want, nil)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("the error does not say %q: %v", says, err)
		}
		if len(got) != 1 || got[0].Value != 3 || got[0].Quality != policy.OK {
			t.Errorf("beside the bad answer there are %+v", got)
		}
		bad.Close()
	}
}

// Each address of a name is a router of its own.
func TestAddresses(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"models":{"llama":{"begun":7,"ended":4}}}`))
	}))
	t.Cleanup(server.Close)
	url := strings.Replace(server.URL, "127.0.0.1", "routers.test", 1)
	h := &source.HTTP{URLs: []string{url}, Resolve: func(_ context.Context, host string) ([]string, error) {
		if host != "routers.test" {
			t.Errorf("asked for %q", host)
		}
		return []string{"127.0.0.1", "127.0.0.2"}, nil
	}}
	want := []coordinator.Series{{Target: coordinator.TargetID{Name: "llama"}, Name: policy.Begun}}
	got, _ := h.Read(t.Context(), want, nil) // nobody may listen on the second address
	if len(got) == 0 || !strings.HasSuffix(got[0].Origin, " 127.0.0.1") || !got[0].Cumulative || got[0].Value != 7 {
		t.Errorf("%+v", got)
	}
}
